"""Alpaca's market data: the history to the last page, the stream frame by frame, and the seam between them."""

import json
from math import isnan
from random import Random

import msgspec
import pytest

from stratofold.adapters.feeds.alpaca import AlpacaFeed
from stratofold.adapters.network.moments import nanoseconds_of, text_of
from stratofold.adapters.ports import NoAnswer, Response
from stratofold.errors import Retry, Setup, Stop
from stratofold.events import DELISTING, DIVIDEND, GAP, HALT, RENAME, RESUME, SPLIT, Action, Bar, Quote, Status, Trade
from tests.conversations.scripted import (
    ACCESS,
    ScriptedHttp,
    ScriptedSocket,
    ScriptedSockets,
    StoppedClock,
    first,
    run,
    said,
)

MINUTE = 60 * 10**9
DAY = 1440 * MINUTE
Ext = msgspec.msgpack.Ext


def at(text):
    return nanoseconds_of(text if "T" in text else f"{text}T00:00:00Z")


OPEN, CLOSE = at("2024-01-02T14:30:00Z"), at("2024-01-02T21:00:00Z")


def feed(*rows, sockets=(), clock=None, span_ns=DAY, **options):
    http = ScriptedHttp(*rows)
    made = AlpacaFeed(
        ACCESS, http, ScriptedSockets(*sockets), clock or StoppedClock(), Random(7), span_ns=span_ns, **options
    )
    return made, http


def row(time, close=10.0):
    return {"t": time, "o": close - 1, "h": close + 2, "l": close - 2, "c": close, "v": 100, "n": 7, "vw": None}


def asked(path, **query):
    words = {
        "symbols": "AAPL%2CSPY", "timeframe": "1Day", "start": "2024-01-02T02%3A30%3A00.000000000Z",
        "end": "2024-01-02T14%3A30%3A00.000000000Z", "adjustment": "raw", "feed": "iex", "sort": "asc", "limit": "10000",
    }  # fmt: skip
    return f"GET http://data{path}?" + "&".join(f"{name}={value}" for name, value in {**words, **query}.items())


BARS = "/v2/stocks/bars"
ACTIONS = "GET http://data/v1/corporate-actions?symbols=AAPL%2CSPY&start={}&end={}&sort=asc&limit=1000"
JANUARY = ACTIONS.format("2023-12-26", "2024-05-01")
NO_ACTIONS = said({"corporate_actions": {}, "next_page_token": None})


# History.


def test_a_days_bar_is_complete_at_its_sessions_close():
    """Stamped with New York's midnight, heard at 16:00 there; in the order of the symbols asked for."""
    page = {"bars": {"SPY": [row("2024-01-02T05:00:00Z", 470.0)], "AAPL": [row("2024-01-02T05:00:00Z", 185.0)]}, "next_page_token": None}  # fmt: skip
    made, _ = feed((asked(BARS), said(page)), (JANUARY, NO_ACTIONS))
    found = run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE))
    assert [(symbol, bar.time, bar.close) for symbol, bar in found] == [("AAPL", CLOSE, 185.0), ("SPY", CLOSE, 470.0)]
    bar = found[0][1]
    assert (bar.open, bar.high, bar.low, bar.volume, bar.span, bar.known) == (184.0, 187.0, 183.0, 100.0, DAY, CLOSE)


def test_a_half_day_closes_at_one_and_summer_moves_the_close():
    page = {"bars": {"AAPL": [row("2024-07-03T04:00:00Z"), row("2024-11-29T05:00:00Z")]}}
    made, http = feed()
    http.rows = [(asked(BARS, symbols="AAPL", start="2024-07-03T01%3A30%3A00.000000000Z", end="2024-11-29T14%3A30%3A00.000000000Z"), said(page)), (ACTIONS.replace("AAPL%2CSPY", "AAPL").format("2024-06-26", "2025-03-30"), NO_ACTIONS)]  # fmt: skip
    found = run(made.history(["AAPL"], at("2024-07-03"), at("2024-11-30")))
    assert [text_of(bar.time)[:16] for _, bar in found] == ["2024-07-03T17:00", "2024-11-29T18:00"]


def test_a_session_that_is_not_over_has_no_bar_and_is_not_asked_for():
    made, http = feed()
    assert run(made.history(["AAPL", "SPY"], OPEN, CLOSE - 1)) == []
    assert http.asked == []


def test_a_bar_that_the_vendor_has_not_settled_is_left_for_later():
    made, http = feed(settle_seconds=60.0)
    assert run(made.history(["AAPL"], OPEN, CLOSE + MINUTE - 1)) == []
    assert http.asked == []


def test_minutes_are_complete_a_minute_after_their_stamp_and_paged_to_the_end():
    start, end = "start=2024-01-02T14%3A29%3A00.000000001Z", "end=2024-01-02T14%3A32%3A00.000000000Z"
    query = f"symbols=AAPL&timeframe=1Min&{start}&{end}&adjustment=raw&feed=sip&sort=asc&limit=10000"
    pages = [
        {"bars": {"AAPL": [row("2024-01-02T14:30:00Z"), row("2024-01-02T14:31:00Z")]}, "next_page_token": "a|b"},
        {"bars": {"AAPL": [row("2024-01-02T14:32:00Z")]}, "next_page_token": None},
    ]
    made, http = feed(
        (f"GET http://data{BARS}?{query}", said(pages[0])),
        (f"GET http://data{BARS}?{query}&page_token=a%7Cb", said(pages[1])),
        span_ns=MINUTE,
        source="sip",
    )
    found = run(made.history(["AAPL"], OPEN, OPEN + 3 * MINUTE))
    assert [bar.time - OPEN for _, bar in found] == [MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert http.rows == []


def test_a_page_without_bars_is_null():
    made, _ = feed((asked(BARS), said({"bars": None, "next_page_token": None})), (JANUARY, NO_ACTIONS))
    assert run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE)) == []


ALL_ACTIONS = {
    "forward_splits": [{"symbol": "AAPL", "new_rate": 4, "old_rate": 1, "ex_date": "2024-01-02", "process_date": "2024-01-02"}],
    "reverse_splits": [{"symbol": "SPY", "new_rate": 1, "old_rate": 20, "ex_date": "2024-01-03"}],
    "cash_dividends": [{"symbol": "AAPL", "rate": 0.24, "ex_date": "2024-01-02", "process_date": "2024-01-18", "payable_date": "2024-01-18"}],
    "stock_dividends": [{"symbol": "AAPL", "rate": 0.05, "ex_date": "2024-01-04"}],
    "cash_mergers": [{"acquiree_symbol": "SPY", "rate": 54.2, "effective_date": "2024-01-04", "process_date": "2024-01-04"}],
    "worthless_removals": [{"symbol": "SPY", "process_date": "2024-01-06"}],
    "name_changes": [{"old_symbol": "AAPL", "new_symbol": "APPL", "process_date": "2024-01-05"}],
    "spin_offs": [{"source_symbol": "AAPL", "new_symbol": "NEW", "ex_date": "2024-01-05"}],
    "something_of_next_year": [{"symbol": "SPY", "process_date": "2024-01-05"}],
}  # fmt: skip

EXPECTED_ACTIONS = [
    # symbol, open of the session (a Saturday's is Monday's), what, value
    ("AAPL", "2024-01-02T14:30", SPLIT, 4.0),
    ("AAPL", "2024-01-02T14:30", DIVIDEND, 0.24),
    ("SPY", "2024-01-03T14:30", SPLIT, 0.05),
    ("AAPL", "2024-01-04T14:30", SPLIT, 1.05),
    ("SPY", "2024-01-04T14:30", DELISTING, 54.2),
    ("AAPL", "2024-01-05T14:30", RENAME, None),
    ("AAPL", "2024-01-05T14:30", GAP, None),
    ("SPY", "2024-01-05T14:30", GAP, None),
    ("SPY", "2024-01-08T14:30", DELISTING, 0.0),
]


def test_corporate_actions_are_events_of_their_days_open():
    made, _ = feed(
        (ACTIONS.format("2023-12-25", "2024-05-08"), said({"corporate_actions": ALL_ACTIONS, "next_page_token": None}))
    )
    found = run(made.actions(["AAPL", "SPY"], at("2024-01-01"), at("2024-01-09")))
    shown = [
        (symbol, text_of(event.time)[:16], event.kind, event.value if isinstance(event, Action) else None)
        for symbol, event in found
    ]
    assert [(symbol, time, kind, None if value is None or isnan(value) else value) for symbol, time, kind, value in shown] == EXPECTED_ACTIONS  # fmt: skip
    assert [type(event) for _, event in found] == [Action] * 6 + [Status, Status, Action]


def test_an_action_comes_before_the_bar_of_its_day():
    page = {"bars": {"AAPL": [row("2024-01-02T05:00:00Z")]}}
    actions = {"corporate_actions": {"cash_dividends": ALL_ACTIONS["cash_dividends"]}}
    made, _ = feed((asked(BARS), said(page)), (JANUARY, said(actions)))
    found = run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE))
    assert [type(event) for _, event in found] == [Action, Bar]


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (said({"message": "forbidden"}, 403), Stop, "SF870"),
        (said({"message": "too many requests."}, 429), Retry, "SF872"),
        (said(b"", 500), Retry, "SF871"),
        (said(b'{"bars": 3}'), Retry, "SF873"),
    ],
)
def test_a_history_without_an_answer_says_who_must_act(answer, kind, code):
    made, http = feed(*[(asked(BARS), answer)] * 3)
    with pytest.raises(kind) as raised:
        run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE))
    assert raised.value.code == code
    assert len(http.asked) == (3 if code == "SF871" else 1)


def test_a_span_that_alpaca_does_not_have():
    with pytest.raises(Setup, match="SF876"):
        feed(span_ns=7 * MINUTE)


# The stream.


def stamp(text):
    time = nanoseconds_of(text)
    return Ext(-1, (time % 10**9 << 34 | time // 10**9).to_bytes(8, "big"))


def frame(*messages):
    return msgspec.msgpack.encode(list(messages))


def handshake(*channels):
    wanted = {channel: ["AAPL", "SPY"] for channel in channels}
    return (
        frame({"T": "success", "msg": "connected"}),
        (msgspec.msgpack.encode({"action": "auth", "key": "KEY", "secret": "SECRET"}),),
        frame({"T": "success", "msg": "authenticated"}),
        (msgspec.msgpack.encode({"action": "subscribe", **wanted}),),
        frame({"T": "subscription", "bars": ["AAPL", "SPY"]}),
    )


def bar(kind="b", symbol="AAPL", time="2024-01-02T14:30:00Z"):
    return {"T": kind, "S": symbol, **row(time), "t": stamp(time)}


HALTED = {"T": "s", "S": "AAPL", "sc": "H", "sm": "Trading Halt", "rc": "T12", "rm": "", "z": "C"}
QUOTE = {"T": "q", "S": "AAPL", "bx": "V", "bp": 185.1, "bs": 2, "ax": "V", "ap": 185.2, "as": 3, "c": ["R"], "z": "C"}
TRADE = {"T": "t", "S": "AAPL", "i": 1, "x": "V", "p": 185.15, "s": 30, "c": ["@"], "z": "C"}
NOW = "2024-01-02T15:00:00.000000007Z"


def heard(*frames, count, beside=()):
    sockets = [ScriptedSocket(*handshake("bars", *beside), *frames)]
    made, _ = feed(sockets=sockets, clock=StoppedClock(at(NOW)), span_ns=MINUTE, channels=beside)
    return run(first(made.stream(["AAPL", "SPY"]), count))


def test_bars_of_the_stream():
    opened, (symbol, one), (other, two) = heard(frame(bar(), bar(symbol="SPY")), count=3)
    assert opened is None
    assert (symbol, other) == ("AAPL", "SPY")
    assert (one.time, one.span, one.close, one.revision, one.known) == (OPEN + MINUTE, MINUTE, 10.0, 0, at(NOW))
    assert two.time == one.time


def test_a_bar_put_right_is_a_revision():
    _, (_, one) = heard(frame(bar("u")), count=2)
    assert one.revision == 1


def test_quotes_trades_and_halts_to_the_nanosecond():
    resumed = {**HALTED, "sc": "T"}
    paused = {**HALTED, "sc": "P"}
    quiet = {**HALTED, "sc": "Q"}
    messages = [{**message, "t": stamp(NOW)} for message in (QUOTE, TRADE, HALTED, quiet, resumed, paused)]
    _, *found = heard(frame(*messages), count=6, beside=("quotes", "trades", "statuses"))
    quote, trade, halt, resume, pause = (event for _, event in found)
    assert (type(quote), type(trade), type(halt)) == (Quote, Trade, Status)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (185.1, 2.0, 185.2, 3.0)
    assert (trade.price, trade.size) == (185.15, 30.0)
    assert (halt.kind, resume.kind, pause.kind) == (HALT, RESUME, HALT)
    assert {event.time for _, event in found} == {at(NOW)}


TIMES = [
    (Ext(-1, (1_704_205_800).to_bytes(4, "big")), OPEN),
    (Ext(-1, (999_999_999 << 34 | 1_704_205_800).to_bytes(8, "big")), OPEN + 999_999_999),
    (Ext(-1, (5).to_bytes(4, "big") + (1_704_205_800).to_bytes(8, "big")), OPEN + 5),
]


@pytest.mark.parametrize(("wire", "time"), TIMES)
def test_the_three_sizes_of_a_timestamp(wire, time):
    _, (_, one) = heard(frame({**bar(), "t": wire}), count=2)
    assert one.time == time + MINUTE


@pytest.mark.parametrize(
    "broken",
    [b"\xc1", b"\x93\x00", frame({"T": "b"}), frame({"T": "new_kind"}), frame({**bar(), "t": Ext(5, b"1234")}), "text"],
)
def test_what_cannot_be_read_opens_the_stream_anew(broken):
    sockets = [ScriptedSocket(*handshake("bars"), broken), ScriptedSocket(*handshake("bars"))]
    made, _ = feed(sockets=sockets, span_ns=MINUTE)
    assert run(first(made.stream(["AAPL", "SPY"]), 2)) == [None, None]
    assert sockets[0].closed


REFUSALS = [
    (402, "auth failed", "SF870"),
    (405, "symbol limit exceeded", "SF877"),
    (409, "insufficient subscription", "SF877"),
]


@pytest.mark.parametrize(("code", "text", "expected"), REFUSALS)
def test_what_will_not_go_away_stops(code, text, expected):
    greeting, auth, *_ = handshake("bars")
    made, _ = feed(sockets=[ScriptedSocket(greeting, auth, frame({"T": "error", "code": code, "msg": text}))], span_ns=MINUTE)  # fmt: skip
    with pytest.raises(Stop) as raised:
        run(first(made.stream(["AAPL", "SPY"]), 1))
    assert raised.value.code == expected
    assert "SECRET" not in str(raised.value)


def test_a_connection_too_many_is_tried_again():
    busy = ScriptedSocket(
        *handshake("bars")[:2], frame({"T": "error", "code": 406, "msg": "connection limit exceeded"})
    )
    clock = StoppedClock()
    made, _ = feed(sockets=[NoAnswer("refused"), busy, ScriptedSocket(*handshake("bars"))], span_ns=MINUTE, clock=clock)
    assert run(first(made.stream(["AAPL", "SPY"]), 1)) == [None]
    assert len(clock.slept) == 2
    assert clock.slept[0] < clock.slept[1] <= 1.0


def test_a_days_bar_of_the_stream_counts_only_where_it_is_said_to_be_complete():
    frames = frame(bar("d", time="2024-01-02T05:00:00Z"))
    sockets = [ScriptedSocket(*handshake("dailyBars"), frames)]
    made, _ = feed(sockets=sockets, clock=StoppedClock(CLOSE), days_from_stream=True)
    _, (symbol, one) = run(first(made.stream(["AAPL", "SPY"]), 2))
    assert (symbol, one.time, one.span) == ("AAPL", CLOSE, DAY)


class QuietSocket(ScriptedSocket):
    """Says nothing after its lines: time passes on the clock instead."""

    def __init__(self, clock, *lines, speed=1):
        super().__init__(*lines)
        self.clock, self.speed, self.waited = clock, speed, []

    async def receive(self, timeout_seconds=None):
        if self.lines:
            return await super().receive(timeout_seconds)
        self.waited.append(timeout_seconds)
        await self.clock.sleep(timeout_seconds * self.speed)
        return None


def test_a_replay_that_goes_sixty_times_as_quick_is_asked_for_its_bars_as_often():
    """Five minutes of its time are five seconds of ours."""
    clock = StoppedClock(OPEN + MINUTE)
    span = {"start": "2024-01-02T14%3A26%3A00.000000001Z", "end": "2024-01-02T14%3A30%3A00.000000000Z"}
    bars = said({"bars": {"SPY": [row("2024-01-02T14:30:00Z")]}})
    socket = QuietSocket(clock, *handshake(), speed=60)
    made, http = feed(
        (asked(BARS, timeframe="5Min", **span), bars), sockets=[socket], clock=clock, span_ns=5 * MINUTE, speed=60.0
    )
    opened, (symbol, heard) = run(first(made.stream(["AAPL", "SPY"]), 2))
    assert (opened, symbol, heard.time) == (None, "SPY", OPEN + 5 * MINUTE)
    assert http.rows == []
    assert socket.waited == [4.0]
    assert clock.time == OPEN + 5 * MINUTE


def test_days_come_from_the_history_after_the_close_and_actions_at_the_open():
    """Stream opened before the open; the bar of SPY is late at the vendor and comes with the second asking."""
    clock = StoppedClock(OPEN - 60 * MINUTE)
    dividend = said({"corporate_actions": {"cash_dividends": ALL_ACTIONS["cash_dividends"]}})
    aapl = said({"bars": {"AAPL": [row("2024-01-02T05:00:00Z", 185.0)]}})
    both = said({"bars": {"AAPL": [row("2024-01-02T05:00:00Z", 185.0)], "SPY": [row("2024-01-02T05:00:00Z", 470.0)]}})
    made, http = feed(
        (JANUARY, dividend),  # at the open: only actions can be due
        (asked(BARS), said(b"", 503)),  # at the close: the vendor is not well
        (asked(BARS), aapl),
        (asked(BARS), both),
        sockets=[QuietSocket(clock, *handshake())],
        clock=clock,
    )
    opened, action, one, two = run(first(made.stream(["AAPL", "SPY"]), 4))
    assert opened is None
    assert (action[0], action[1].time, action[1].kind) == ("AAPL", OPEN, DIVIDEND)
    assert [(symbol, event.close, event.time) for symbol, event in (one, two)] == [
        ("AAPL", 185.0, CLOSE),
        ("SPY", 470.0, CLOSE),
    ]
    assert http.rows == []
    assert CLOSE < clock.time < CLOSE + 2 * MINUTE


def test_a_bar_of_a_session_waits_for_its_splits_while_they_cannot_be_asked_for():
    clock = StoppedClock(OPEN - MINUTE)

    class Late(ScriptedSocket):
        """The bar comes when the session has begun."""

        async def receive(self, timeout_seconds=None):
            data = await super().receive(timeout_seconds)
            clock.time = OPEN + MINUTE if data == frame(bar()) else clock.time
            return data

    splits = said({"corporate_actions": {"forward_splits": ALL_ACTIONS["forward_splits"]}})
    made, http = feed(
        *[(JANUARY, said(b"", 503))] * 4, (JANUARY, splits),
        sockets=[Late(*handshake("bars"), frame(bar()))], clock=clock, span_ns=MINUTE,
    )  # fmt: skip
    _, (_, first_heard), (_, then) = run(first(made.stream(["AAPL", "SPY"]), 3))
    assert (first_heard.kind, first_heard.value, then.close) == (SPLIT, 4.0, 10.0)
    assert http.rows == []


def test_hours_come_from_the_history_when_they_are_over():
    clock = StoppedClock(OPEN + 1)
    hour = {"bars": {"AAPL": [row("2024-01-02T14:00:00Z"), row("2024-01-02T15:00:00Z")]}}
    http_rows = [
        ("GET http://data/v2/stocks/bars?symbols=AAPL&timeframe=1Hour&start=2024-01-02T13%3A30%3A00.000000002Z&end=2024-01-02T14%3A00%3A00.000000000Z&adjustment=raw&feed=iex&sort=asc&limit=10000", said(hour)),
    ]  # fmt: skip
    made, _ = feed(*http_rows, sockets=[QuietSocket(clock, *handshake_empty())], clock=clock, span_ns=60 * MINUTE)
    _, (symbol, one) = run(first(made.stream(["AAPL"]), 2))
    assert (symbol, text_of(one.time)[:16]) == ("AAPL", "2024-01-02T15:00")
    assert clock.time == at("2024-01-02T15:00:00Z")


def handshake_empty():
    greeting, auth, authenticated, _, subscription = handshake()
    return greeting, auth, authenticated, (msgspec.msgpack.encode({"action": "subscribe"}),), subscription


def test_no_key_shows():
    made, _ = feed()
    assert "SECRET" not in f"{made!r} {made.__dict__!r}"


def test_a_body_cut_short_is_no_answer():
    whole = json.dumps({"bars": {"AAPL": [row("2024-01-02T05:00:00Z")]}}).encode()
    made, _ = feed((asked(BARS), Response(200, {}, whole[:-3])))
    with pytest.raises(Retry, match="SF873"):
        run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE))
