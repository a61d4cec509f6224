"""Market data as the broker's own SDK asks for it: what was released, in pages, in every shape."""

from datetime import UTC, date, datetime

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import (
    CorporateActionsRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from stratofold.exchange.core import Rules
from stratofold.market.sample import sample
from tests.conversations.exchanges import serving

FREE = Rules(requests_per_minute=0)


@pytest.fixture(scope="module")
def daily():
    """Two symbols, released up to the close of 2014-06-10; Apple split seven for one on the day before."""
    with serving(sample("AAPL", "SPY"), "2014-06-11", rules=FREE) as one:
        yield one


@pytest.fixture(scope="module")
def minutes():
    """SPY by the minute, released up to half an hour after the open."""
    data = sample("spy_minutes")
    opened = int(data.time[0]) - data.span_ns
    with serving(data, opened + 30 * 60_000_000_000 + 1, rules=FREE) as one:
        one.data = data
        yield one


def client_of(served):
    return StockHistoricalDataClient(served.key, served.secret, url_override=served.url)


def bars(served, symbols, frame=TimeFrame.Day, **more):
    request = StockBarsRequest(symbol_or_symbols=symbols, timeframe=frame, **more)
    return client_of(served).get_stock_bars(request).data


def test_pages_are_followed_to_the_end(daily):
    start = datetime(2010, 1, 1, tzinfo=UTC)
    whole = bars(daily, ["SPY", "AAPL"], start=start)
    pages, token = [], None
    while True:
        query = {"symbols": "SPY,AAPL", "timeframe": "1Day", "start": "2010-01-01", "limit": 700}
        answer = daily.ask("GET", "/v2/stocks/bars", **query, **({"page_token": token} if token else {})).json()
        pages += [(symbol, bar["t"], bar["c"]) for symbol, rows in answer["bars"].items() for bar in rows]
        token = answer["next_page_token"]
        if token is None:
            break
    assert len(pages) == len(whole["AAPL"]) + len(whole["SPY"]) == 2 * 1116
    assert [close for symbol, _, close in pages if symbol == "SPY"] == [bar.close for bar in whole["SPY"]]
    assert len(set(pages)) == len(pages)


def test_bounds_are_inclusive_and_name_the_beginning(daily):
    found = bars(daily, "SPY", start=datetime(2014, 6, 5, 4, tzinfo=UTC), end=datetime(2014, 6, 9, 4, tzinfo=UTC))[
        "SPY"
    ]
    assert [bar.timestamp.date() for bar in found] == [date(2014, 6, 5), date(2014, 6, 6), date(2014, 6, 9)]
    dated = daily.ask("GET", "/v2/stocks/SPY/bars", timeframe="1Day", start="2014-06-05", end="2014-06-09").json()
    assert [bar["t"] for bar in dated["bars"]] == [
        "2014-06-05T04:00:00Z",
        "2014-06-06T04:00:00Z",
        "2014-06-09T04:00:00Z",
    ]
    backwards = daily.ask(
        "GET", "/v2/stocks/bars", symbols="SPY", timeframe="1Day", start="2014-06-05", sort="desc", limit=2
    )
    assert [bar["t"][:10] for bar in backwards.json()["bars"]["SPY"]] == ["2014-06-10", "2014-06-09"]


def test_what_was_not_released_is_not_there(daily):
    assert bars(daily, "SPY", start=datetime(2014, 6, 11, tzinfo=UTC)) == {}


def test_splits_and_dividends_adjust_what_was_before(daily):
    def close(adjustment):
        found = bars(
            daily,
            "AAPL",
            start=datetime(2014, 5, 6, tzinfo=UTC),
            end=datetime(2014, 6, 6, 12, tzinfo=UTC),
            adjustment=adjustment,
        )
        return {bar.timestamp.date(): bar.close for bar in found["AAPL"]}

    raw, split, paid, both = (
        close(kind) for kind in (Adjustment.RAW, Adjustment.SPLIT, Adjustment.DIVIDEND, Adjustment.ALL)
    )
    before, after = date(2014, 5, 7), date(2014, 6, 6)  # a dividend of 3.29 went ex on 2014-05-08
    factor = 1 - 3.29 / raw[before]
    assert split[before] == pytest.approx(raw[before] / 7, abs=1e-4)
    assert (paid[before], paid[after]) == (pytest.approx(raw[before] * factor, abs=1e-4), raw[after])
    assert both[before] == pytest.approx(raw[before] * factor / 7, abs=1e-4)


def test_longer_bars_are_made_of_shorter_ones(daily, minutes):
    days = bars(daily, "SPY", start=datetime(2014, 6, 2, tzinfo=UTC))["SPY"]
    weeks = bars(daily, "SPY", TimeFrame.Week, start=datetime(2014, 6, 2, tzinfo=UTC))["SPY"]
    assert [bar.timestamp.date() for bar in weeks] == [date(2014, 6, 2), date(2014, 6, 9)]
    assert (weeks[0].open, weeks[0].close) == (days[0].open, days[4].close)
    assert (weeks[0].high, weeks[0].low) == (max(bar.high for bar in days[:5]), min(bar.low for bar in days[:5]))
    assert weeks[1].volume == sum(bar.volume for bar in days[5:])
    months = bars(daily, "SPY", TimeFrame(3, TimeFrameUnit.Month), start=datetime(2014, 1, 1, tzinfo=UTC))["SPY"]
    assert [bar.timestamp.date() for bar in months] == [date(2014, 1, 1), date(2014, 4, 1)]
    fives = bars(minutes, "SPY", TimeFrame(5, TimeFrameUnit.Minute))["SPY"]
    released = minutes.exchange.market.bar_index
    begins = [(int(time) - minutes.data.span_ns) // 300_000_000_000 for time in minutes.data.time[:released]]
    closes = dict(zip(begins, minutes.data.close[:released].tolist(), strict=True))  # the last of each five stays
    assert [bar.close for bar in fives] == list(closes.values())
    assert released > len(fives) > 4


def test_what_is_latest_is_the_last_bar(daily, minutes):
    client = client_of(daily)
    last = bars(daily, "SPY", start=datetime(2014, 6, 9, tzinfo=UTC))["SPY"]
    assert client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="SPY"))["SPY"].close == last[-1].close
    assert (
        client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="SPY"))["SPY"].price == last[-1].close
    )
    assert (
        client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))["SPY"].ask_price
        == last[-1].close
    )
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))["SPY"]
    assert (snapshot.daily_bar.close, snapshot.previous_daily_bar.close) == (last[-1].close, last[-2].close)
    today = client_of(minutes).get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))["SPY"]
    assert today.daily_bar.volume == float(minutes.data.volume[: minutes.exchange.market.bar_index].sum())


def test_corporate_actions_are_told_when_they_have_happened(daily):
    client = CorporateActionsClient(daily.key, daily.secret, url_override=daily.url)
    told = client.get_corporate_actions(
        CorporateActionsRequest(symbols=["AAPL"], start=date(2014, 5, 1), end=date(2014, 12, 31))
    ).data
    (split,), (dividend,) = told["forward_splits"], told["cash_dividends"]
    assert (split.symbol, split.ex_date, split.new_rate, split.old_rate) == ("AAPL", date(2014, 6, 9), 7.0, 1.0)
    assert (dividend.ex_date, dividend.rate) == (date(2014, 5, 8), 3.29)


WRONG = {
    "no symbols": ("/v2/stocks/bars", {"timeframe": "1Day"}, 400),
    "no timeframe": ("/v2/stocks/bars", {"symbols": "SPY"}, 422),
    "a timeframe that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "7Fortnight"}, 422),
    "an hour that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "24Hour"}, 422),
    "minutes of daily data": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "1Min"}, 422),
    "a limit that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "1Day", "limit": 0}, 422),
    "a time that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "1Day", "start": "soon"}, 422),
    "a token that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "1Day", "page_token": "next"}, 422),
    "an adjustment that is none": ("/v2/stocks/bars", {"symbols": "SPY", "timeframe": "1Day", "adjustment": "up"}, 422),
    "no such door": ("/v2/stocks/rumours", {}, 404),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_asked_wrongly_is_refused(daily, name):
    path, query, status = WRONG[name]
    answer = daily.ask("GET", path, **query)
    assert answer.status_code == status
    assert set(answer.json()) >= {"code", "message"}


def test_the_sdk_raises_what_it_is_told(daily):
    with pytest.raises(APIError) as caught:
        bars(daily, "SPY", TimeFrame.Minute)
    assert caught.value.code == 40010001
