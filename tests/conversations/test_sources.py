"""Vendors' histories against a server on loopback that plays their conversations, faults included."""

import asyncio
from datetime import UTC, datetime

import pytest

import stratofold
from stratofold.adapters.sources import history as histories
from stratofold.adapters.sources.alpaca import AlpacaHistory
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.coinbase import CoinbaseHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.adapters.sources.question import DAY_NS, MILLISECOND_NS, SECOND_NS, Question
from stratofold.errors import Retry, Setup, Stop
from stratofold.market.catalogue.rows import nanoseconds
from tests.conversations.scripted import StoppedClock
from tests.conversations.vendor import CUT, get, page

MINUTE = 60 * SECOND_NS


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


def question(kind, symbol, start, end, span=0, calendar="XNYS"):
    return Question(kind, symbol, at(start), at(end), span, calendar if span else "")


# Alpaca.

ALPACA = AlpacaHistory("KEY", "SECRET")
DAYS = question("bars", "SPY", "2020-11-25", "2020-12-01", DAY_NS)
ASKED = {
    "symbols": "SPY", "start": "2020-11-25T00:00:00.000000000Z", "end": "2020-11-30T23:59:59.999999999Z", "feed": "iex", "sort": "asc",
    "limit": 10000, "timeframe": "1Day", "adjustment": "raw",
}  # fmt: skip
FIRST = {
    "bars": {"SPY": [
        {"t": "2020-11-25T05:00:00Z", "o": 363.13, "h": 363.81, "l": 361.48, "c": 362.66, "v": 45330890, "n": 3, "vw": 362.5},
        {"t": "2020-11-27T05:00:00Z", "o": 363.84, "h": 364.18, "l": 362.58, "c": 363.67, "v": 28514072, "n": 3, "vw": 363.5},
    ]},
    "next_page_token": "MORE",
}  # fmt: skip
LAST = {
    "bars": {"SPY": [{"t": "2020-11-30T05:00:00Z", "o": 362.83, "h": 363.12, "l": 359.17, "c": 362.06, "v": 83872737, "n": 3, "vw": 361.0}]},
    "next_page_token": None,
}  # fmt: skip
MORE = {**ASKED, "page_token": "MORE"}
BARS = "/v2/stocks/bars"


def test_alpaca_bars_are_paged_and_stamped_with_their_sessions_close(tmp_path):
    place, added, told = get(ALPACA, tmp_path, DAYS, (BARS, ASKED, page(FIRST)), (BARS, MORE, page(LAST)))
    market = place.bars("SPY")
    assert added == 3
    assert market.time.tolist() == [at("2020-11-25T21:00"), at("2020-11-27T18:00"), at("2020-11-30T21:00")]
    assert market.close.tolist() == [362.66, 363.67, 362.06]
    assert market.calendar.name == "XNYS"
    assert told[-1].share == 1.0


FAULTS = {
    "throttled": page({"message": "too many requests"}, 429, Retry_After="7"),
    "throttled until a date": page({}, 429, Retry_After="Thu, 01 Jan 2099 00:00:09 GMT"),
    "not well, for a while": page(b"", 503, Retry_After="7"),
    "not well": page(b"<html>bad gateway</html>", 502),
    "cut": CUT,
    "no JSON": page(b"<html>hello</html>"),
    "another shape": page({"bars": 7}),
    "a bar without a price": page({"bars": {"SPY": [{"t": "2020-11-25T05:00:00Z"}]}}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_by_itself_is_asked_again(tmp_path, fault):
    clock = StoppedClock(at("2099-01-01"))
    lines = [
        (BARS, ASKED, page(FIRST)),
        (BARS, MORE, FAULTS[fault]),
        (BARS, MORE, FAULTS[fault]),
        (BARS, MORE, page(LAST)),
    ]
    _, added, _ = get(ALPACA, tmp_path, DAYS, *lines, clock=clock)
    assert added == 3
    if "Retry-After" in str(FAULTS[fault]) and "date" not in fault:
        assert sum(clock.slept) >= 13.99  # twice seven seconds
    if "date" in fault:
        assert clock.time >= at("2099-01-01T00:00:09")


def test_a_vendor_that_stays_away_is_given_up_and_nothing_is_lost(tmp_path):
    away = [(BARS, MORE, page(b"", 500))] * histories.TRIES
    with pytest.raises(Retry, match="SFC24: alpaca did not answer 8 times"):
        get(ALPACA, tmp_path, DAYS, (BARS, ASKED, page(FIRST)), *away)
    assert not (tmp_path / "_manifest.json").exists()  # the first page waited for the next: it is no batch yet


def test_what_was_broken_off_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "ROWS_A_CHANGE", 1)
    with pytest.raises(Stop, match="SF870"):
        get(ALPACA, tmp_path, DAYS, (BARS, ASKED, page(FIRST)), (BARS, MORE, page({"message": "forbidden."}, 403)))
    assert len(stratofold.catalogue(tmp_path).bars("SPY")) == 2
    again = {**ASKED, "start": "2020-11-27T05:00:00.000000000Z"}
    rest = {"bars": {"SPY": [FIRST["bars"]["SPY"][1], LAST["bars"]["SPY"][0]]}, "next_page_token": None}
    place, added, _ = get(ALPACA, tmp_path, DAYS, (BARS, again, page(rest)))
    assert added == 1
    assert len(place.bars("SPY")) == 3
    assert list((tmp_path / "_cache").glob("get-*")) == []


def test_a_range_that_ends_now_goes_on_too_though_it_ends_later_then(tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "ROWS_A_CHANGE", 1)
    with pytest.raises(Stop, match="SF870"):
        get(ALPACA, tmp_path, DAYS, (BARS, ASKED, page(FIRST)), (BARS, MORE, page({"message": "forbidden."}, 403)))
    later = question("bars", "SPY", "2020-11-25", "2020-12-02", DAY_NS)
    again = {**ASKED, "start": "2020-11-27T05:00:00.000000000Z", "end": "2020-12-01T23:59:59.999999999Z"}
    _, added, _ = get(ALPACA, tmp_path, later, (BARS, again, page(LAST)))
    assert added == 1


def test_what_is_not_settled_yet_is_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "ROWS_A_CHANGE", 1)
    clock = StoppedClock(at("2020-11-28T12:00"))
    lines = (BARS, ASKED, page(FIRST)), (BARS, MORE, page({"message": "forbidden."}, 403))
    with pytest.raises(Stop, match="SF870"):
        get(ALPACA, tmp_path, DAYS, *lines, clock=clock)
    again = {**ASKED, "start": "2020-11-26T12:00:00.000000000Z"}  # two days before, though the 27th was had
    get(ALPACA, tmp_path, DAYS, (BARS, again, page(LAST)))


def test_why_it_waits_is_said(tmp_path):
    waits = []
    lines = (BARS, ASKED, page(FIRST)), (BARS, MORE, page(b"<html>")), (BARS, MORE, page(LAST))
    get(ALPACA, tmp_path, DAYS, *lines, wait=waits.append)
    assert len(waits) == 1
    assert waits[0].startswith("asked again in ")
    assert "malformed" in waits[0]


def test_it_says_how_long_it_waits_as_long_as_it_does(tmp_path):
    waits, clock = [], StoppedClock(DAYS.end + 10**18)
    lines = (BARS, ASKED, page(FIRST)), (BARS, MORE, page({}, 429, Retry_After="90")), (BARS, MORE, page(LAST))
    get(ALPACA, tmp_path, DAYS, *lines, wait=waits.append, clock=clock)
    assert [said.partition(":")[0] for said in waits] == ["asked again in 90 s"]
    assert max(clock.slept) == pytest.approx(90)


def test_a_vendor_that_seems_down_is_not_asked_in_vain(tmp_path):
    """What nobody sends is no try."""
    waits, clock = [], StoppedClock(DAYS.end + 10**18)
    with pytest.raises(Retry, match="SFC24"):
        get(ALPACA, tmp_path, DAYS, *[(BARS, ASKED, CUT)] * 64, wait=waits.append, clock=clock)
    assert len(waits) == histories.TRIES - 1
    assert not any("next try in" in said for said in waits)


REFUSED = {
    "a wrong key": (page({"message": "forbidden."}, 403), Stop, "SF870"),
    "no key": (page({"message": "unauthorized."}, 401), Stop, "SF870"),
    "an unknown symbol": (page({"message": "invalid symbol: NOPE"}, 400), Setup, "SFC21"),
    "no such address": (page({}, 404), Setup, "SFC21"),
    "no data in the range": (page({"bars": {}, "next_page_token": None}), Setup, "SFC22"),
    "a bad request": (page({"message": "limit too large"}, 422), Stop, "SF874"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_will_not_pass_is_said_at_once_and_the_catalogue_is_as_it_was(tmp_path, what):
    said, kind, code = REFUSED[what]
    with pytest.raises(kind, match=code) as caught:
        get(ALPACA, tmp_path, DAYS, (BARS, ASKED, said))
    assert caught.value.left == 0
    assert "SECRET" not in str(caught.value)
    assert not (tmp_path / "_manifest.json").exists()


def test_a_bar_that_is_not_complete_is_left_for_later(tmp_path):
    clock = StoppedClock(at("2020-11-30T20:59:59"))
    place, added, _ = get(ALPACA, tmp_path, DAYS, (BARS, ASKED, page(FIRST)), (BARS, MORE, page(LAST)), clock=clock)
    assert added == 2
    assert len(place.bars("SPY")) == 2


def test_alpaca_trades_and_quotes(tmp_path):
    asked = question("trades", "SPY", "2020-11-25T15:00", "2020-11-25T15:01")
    query = {
        "symbols": "SPY",
        "start": "2020-11-25T15:00:00.000000000Z",
        "end": "2020-11-25T15:00:59.999999999Z",
        "feed": "iex",
        "sort": "asc",
        "limit": 10000,
    }
    trades = [
        {"t": "2020-11-25T15:00:00.123456789Z", "x": "V", "p": 362.5, "s": 100, "c": ["@", "I"], "i": 55, "z": "B"}
    ]
    place, _, _ = get(
        ALPACA,
        tmp_path,
        asked,
        ("/v2/stocks/trades", query, page({"trades": {"SPY": trades}, "next_page_token": None})),
    )
    found = place.frame("trades", "SPY")
    assert nanoseconds(found).to_list() == [at("2020-11-25T15:00") + 123_456_789]
    assert found.row(0, named=True) | {"price": 362.5, "id": 55, "condition": "@,I", "exchange": "V"} == found.row(
        0, named=True
    )
    quotes = [
        {
            "t": "2020-11-25T15:00:00.1Z",
            "ax": "Q",
            "ap": 362.6,
            "as": 2,
            "bx": "P",
            "bp": 362.5,
            "bs": 1,
            "c": ["R"],
            "z": "B",
        }
    ]
    get(
        ALPACA,
        tmp_path,
        asked._replace(kind="quotes"),
        ("/v2/stocks/quotes", query, page({"quotes": {"SPY": quotes}, "next_page_token": None})),
    )
    assert place.choose().frame is not None
    place.refresh()
    assert place.frame("quotes", "SPY")["ask"].to_list() == [362.6]


def test_alpaca_actions_are_those_that_took_effect_in_the_range(tmp_path):
    asked = question("actions", "AAPL", "2020-08-01", "2020-09-01")
    query = {"symbols": "AAPL", "start": "2020-07-25", "end": "2020-12-30", "sort": "asc", "limit": 1000}
    actions = {
        "forward_splits": [
            {"symbol": "AAPL", "new_rate": 4, "old_rate": 1, "ex_date": "2020-08-31", "process_date": "2020-08-31"}
        ],
        "cash_dividends": [
            {"symbol": "AAPL", "rate": 0.82, "ex_date": "2020-08-07", "process_date": "2020-08-13"},
            {"symbol": "AAPL", "rate": 0.2, "ex_date": "2020-11-06", "process_date": "2020-11-12"},
        ],
    }
    place, _, _ = get(
        ALPACA,
        tmp_path,
        asked,
        ("/v1/corporate-actions", query, page({"corporate_actions": actions, "next_page_token": None})),
    )
    assert place.frame("actions", "AAPL").select("action", "value").rows() == [("dividend", 0.82), ("split", 4.0)]


# Massive.

MASSIVE = MassiveHistory("KEY")


def test_massive_follows_the_next_page_at_the_address_in_use_only(tmp_path):
    asked = question("bars", "SPY", "2020-11-25T15:00", "2020-11-25T15:02", MINUTE)
    first, last = at("2020-11-25T15:00") // MILLISECOND_NS, at("2020-11-25T15:02") // MILLISECOND_NS - 1
    path = f"/v2/aggs/ticker/SPY/range/1/minute/{first}/{last}"
    rows = [
        {"t": first + 60_000 * k, "o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5, "v": 10, "n": 1, "vw": 1.0} for k in range(2)
    ]
    answers = [
        page(
            {
                "status": "OK",
                "results": rows[:1],
                "next_url": "https://api.massive.com/v2/aggs/ticker/SPY/x?cursor=abc&apiKey=stolen",
            }
        ),
        page({"status": "OK", "results": rows[1:]}),
    ]
    lines = [
        (path, {"adjusted": "false", "sort": "asc", "limit": 50000}, answers[0]),
        ("/v2/aggs/ticker/SPY/x", {"cursor": "abc"}, answers[1]),
    ]
    place, added, _ = get(MASSIVE, tmp_path, asked, *lines)
    assert added == 2
    assert place.bars("SPY").time.tolist() == [at("2020-11-25T15:01"), at("2020-11-25T15:02")]


def test_massive_trades_quotes_and_actions(tmp_path):
    start, end = at("2020-11-25T15:00"), at("2020-11-25T15:01")
    query = {"timestamp.gte": start, "timestamp.lt": end, "order": "asc", "sort": "timestamp", "limit": 50000}
    trade = {"sip_timestamp": start + 7, "price": 10.5, "size": 3, "exchange": 4, "conditions": [12, 37], "id": "91"}
    asked = Question("trades", "BRK.B", start, end)
    place, _, _ = get(MASSIVE, tmp_path, asked, ("/v3/trades/BRK.B", query, page({"results": [trade]})))
    assert place.frame("trades").select("price", "id", "condition", "nanos").rows() == [(10.5, 91, "12,37", 7)]
    quote = {
        "sip_timestamp": start,
        "bid_price": 1.0,
        "bid_size": 2,
        "ask_price": 1.5,
        "ask_size": 4,
        "bid_exchange": 1,
        "ask_exchange": 2,
    }
    place, _, _ = get(
        MASSIVE, tmp_path, asked._replace(kind="quotes"), ("/v3/quotes/BRK.B", query, page({"results": [quote]}))
    )
    assert place.frame("quotes").select("bid", "ask", "exchange").rows() == [(1.0, 1.5, "1/2")]
    days = Question("actions", "AAPL", at("2020-08-01"), at("2020-09-01"))
    reference = {"ticker": "AAPL", "order": "asc", "limit": 1000}
    splits = reference | {
        "execution_date.gte": "2020-08-01",
        "execution_date.lte": "2020-08-31",
        "sort": "execution_date",
    }
    dividends = reference | {
        "ex_dividend_date.gte": "2020-08-01",
        "ex_dividend_date.lte": "2020-08-31",
        "sort": "ex_dividend_date",
    }
    lines = [
        (
            "/v3/reference/splits",
            splits,
            page({"results": [{"execution_date": "2020-08-31", "split_from": 1, "split_to": 4}]}),
        ),
        (
            "/v3/reference/dividends",
            dividends,
            page({"results": [{"ex_dividend_date": "2020-08-07", "cash_amount": 0.82}]}),
        ),
    ]
    place, _, _ = get(MASSIVE, tmp_path, days, *lines)
    assert place.frame("actions").select("action", "value").rows() == [("dividend", 0.82), ("split", 4.0)]


# Binance.

BINANCE = BinanceHistory()


def test_binance_bars_go_on_after_a_full_page(tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.sources.binance.ROWS_A_PAGE", 2)
    asked = question("bars", "BTCUSDT", "2024-01-01", "2024-01-01T00:03", MINUTE, "24/7")
    first = asked.start // MILLISECOND_NS
    rows = [
        [
            first + 60_000 * k,
            "1.0",
            "2.0",
            "0.5",
            f"1.{k}",
            "10.5",
            first + 60_000 * k + 59_999,
            "0",
            1,
            "0",
            "0",
            "0",
        ]
        for k in range(3)
    ]
    query = {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "startTime": first,
        "endTime": asked.end // MILLISECOND_NS - 1,
        "limit": 2,
    }
    lines = [
        ("/api/v3/klines", query, page(rows[:2])),
        ("/api/v3/klines", query | {"startTime": first + 120_000}, page(rows[2:])),
    ]
    place, added, _ = get(BINANCE, tmp_path, asked, *lines)
    market = place.bars("BTCUSDT")
    assert added == 3
    assert market.time.tolist() == [asked.start + MINUTE * (k + 1) for k in range(3)]
    assert market.calendar.name == "24/7"
    assert market.close.tolist() == [1.0, 1.1, 1.2]


def test_binance_trades_follow_their_ids_and_end_with_the_range(tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.sources.binance.ROWS_A_PAGE", 2)
    asked = question("trades", "BTCUSDT", "2024-01-01", "2024-01-01T00:01")
    first = asked.start // MILLISECOND_NS
    rows = [
        {"a": 7 + k, "p": "42000.5", "q": "0.1", "f": 1, "l": 1, "T": first + 30_000 * k, "m": k == 0, "M": True}
        for k in range(4)
    ]
    lines = [
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "startTime": first, "limit": 2}, page(rows[:2])),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "fromId": 9, "limit": 2}, page(rows[2:])),
    ]
    place, added, _ = get(BINANCE, tmp_path, asked, *lines)
    assert added == 2  # the third is of the next minute
    assert place.frame("trades")["aggressor"].to_list() == [-1, 1]


def test_binance_bans_are_waited_out_and_an_unknown_symbol_is_named(tmp_path):
    asked = question("bars", "NOPE", "2024-01-01", "2024-01-01T00:03", MINUTE, "24/7")
    query = {
        "symbol": "NOPE",
        "interval": "1m",
        "startTime": asked.start // MILLISECOND_NS,
        "endTime": asked.end // MILLISECOND_NS - 1,
        "limit": 1000,
    }
    clock = StoppedClock(at("2025-01-01"))
    lines = [
        ("/api/v3/klines", query, page({"code": -1003}, 418, Retry_After="180")),
        ("/api/v3/klines", query, page({"code": -1121, "msg": "Invalid symbol."}, 400)),
    ]
    with pytest.raises(Setup, match="SFC21: binance does not know NOPE"):
        get(BINANCE, tmp_path, asked, *lines, clock=clock)
    assert sum(clock.slept) >= 179.99


# Coinbase.

COINBASE = CoinbaseHistory()
PRODUCT = "/api/v3/brokerage/market/products/BTC-USD"


def test_coinbase_bars_come_by_windows_newest_first(tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.sources.coinbase.BARS_A_PAGE", 2)
    asked = question("bars", "BTC-USD", "2024-01-01", "2024-01-01T00:03", MINUTE, "24/7")
    first = asked.start // SECOND_NS
    rows = [
        {"start": str(first + 60 * k), "low": "1", "high": "3", "open": "2", "close": f"2.{k}", "volume": "5"}
        for k in range(3)
    ]
    lines = [
        (
            f"{PRODUCT}/candles",
            {"start": first, "end": first + 60, "granularity": "ONE_MINUTE", "limit": 2},
            page({"candles": rows[1::-1]}),
        ),
        (
            f"{PRODUCT}/candles",
            {"start": first + 120, "end": first + 179, "granularity": "ONE_MINUTE", "limit": 2},
            page({"candles": rows[2:]}),
        ),
    ]
    place, added, _ = get(COINBASE, tmp_path, asked, *lines)
    assert added == 3
    assert place.bars("BTC-USD").close.tolist() == [2.0, 2.1, 2.2]


def test_a_full_answer_of_coinbase_is_asked_for_in_halves(tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.sources.coinbase.TRADES_A_PAGE", 2)
    asked = question("trades", "BTC-USD", "2024-01-01", "2024-01-01T00:00:04")
    first = asked.start // SECOND_NS
    rows = [
        {
            "trade_id": str(k),
            "product_id": "BTC-USD",
            "price": "1.5",
            "size": "2",
            "time": f"2024-01-01T00:00:0{k}.5Z",
            "side": "BUY",
        }
        for k in range(4)
    ]

    def window(low, high, *said):
        return (
            f"{PRODUCT}/ticker",
            {"limit": 2, "start": first + low, "end": first + high},
            page({"trades": list(said)}),
        )

    lines = [
        window(0, 4, rows[3], rows[2]), window(0, 2, rows[1], rows[0]), window(0, 1, rows[0]), window(1, 3, rows[2], rows[1]),
        window(1, 2, rows[1]), window(2, 4, rows[3], rows[2]), window(2, 3, rows[2]), window(3, 4, rows[3]),
    ]  # fmt: skip
    place, added, _ = get(COINBASE, tmp_path, asked, *lines)
    assert added == 4
    assert place.frame("trades")["id"].to_list() == [0, 1, 2, 3]
    assert place.frame("trades")["aggressor"].null_count() == 4


# All of them.


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (BINANCE, question("quotes", "X", "2024-01-01", "2024-01-02")),
        (ALPACA, question("bars", "X", "2024-01-01", "2024-01-02", 7 * SECOND_NS)),
        (ALPACA, question("trades", "X", "2024-01-02", "2024-01-02")),
    ],
)
def test_what_is_not_served_is_not_asked_for(tmp_path, source, asked):
    with pytest.raises(Setup, match="SFC23"):
        get(source, tmp_path, asked)


def test_requests_keep_to_the_pace(tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.sources.binance.ROWS_A_PAGE", 1)
    asked = question("trades", "BTCUSDT", "2024-01-01", "2024-01-01T00:01")
    first = asked.start // MILLISECOND_NS
    rows = [{"a": k, "p": "1", "q": "1", "T": first + k, "m": True} for k in range(9)]
    lines = [("/api/v3/aggTrades", {"symbol": "BTCUSDT", "startTime": first, "limit": 1}, page(rows[:1]))]
    lines += [
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "fromId": k, "limit": 1}, page(rows[k : k + 1]))
        for k in range(1, 9)
    ]
    lines.append(("/api/v3/aggTrades", {"symbol": "BTCUSDT", "fromId": 9, "limit": 1}, page([])))
    clock = StoppedClock(at("2025-01-01"))
    get(BINANCE, tmp_path, asked, *lines, clock=clock, requests_per_minute=4)
    assert sum(clock.slept) >= 119.99  # ten requests, four a minute


def test_keys_are_in_no_text():
    for source in (ALPACA, MASSIVE):
        assert "KEY" not in repr(source)


def test_the_command_gets_history(tmp_path, monkeypatch, capsys):
    from stratofold.cli.app import run
    from tests.conversations.vendor import vendor

    asked = question("bars", "BTCUSDT", "2024-01-01", "2024-01-02", 3600 * SECOND_NS, "24/7")
    first = asked.start // MILLISECOND_NS
    rows = [[first + 3_600_000 * k, "1", "2", "0.5", "1.5", "1", 0, "0", 1, "0", "0", "0"] for k in range(24)]
    query = {
        "symbol": "BTCUSDT",
        "interval": "1h",
        "startTime": first,
        "endTime": asked.end // MILLISECOND_NS - 1,
        "limit": 1000,
    }
    words = [
        "data",
        "get",
        "binance",
        "BTCUSDT",
        "--start",
        "2024-01-01",
        "--end",
        "2024-01-01",
        "--span",
        "1h",
        "--catalogue",
        str(tmp_path),
    ]

    async def play():
        async with vendor(("/api/v3/klines", query, page(rows))) as (url, left):
            code = await asyncio.to_thread(run, [*words, "--url", url])
            assert left == []
            return code

    assert asyncio.run(play()) == 0
    assert "BTCUSDT: 24 rows added" in capsys.readouterr().out
    assert run(["data", "get", "bloomberg", "X", "--start", "2024-01-01"]) == 2
