"""Alpaca's market data and our events, without any I/O.

What comes in: pages of bars and of corporate actions, and messages of the data stream.
What goes out: events, each with its symbol, in the order of contract: time, actions first, then symbols as asked for.
Why it is shaped so: Alpaca stamps a bar with its start, and a daily one with midnight in New York; when a bar is complete
decides what a strategy may know, so it is settled here, by the session table.

Sources: Alpaca's Market Data API reference (historical bars, corporate actions, real-time stock data); condition codes of
trading halts of CTA (tapes A, B) and UTP (tape C).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from stratofold.adapters.feeds.spoken import Price, Size, depth_words, quote_word, trade_word
from stratofold.adapters.network.moments import SECOND_NS, nanoseconds_of
from stratofold.events import (
    DELISTING,
    DIVIDEND,
    GAP,
    HALT,
    RENAME,
    RESUME,
    SPLIT,
    Action,
    Bar,
    Depth,
    Event,
    Quote,
    Status,
    Trade,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.market.sessions import Calendar

DAY_NS = 86_400 * SECOND_NS
_TIME_END = 1 << 63
Ext = msgspec.msgpack.Ext

TIMEFRAMES = {
    60 * SECOND_NS: "1Min", 300 * SECOND_NS: "5Min", 900 * SECOND_NS: "15Min", 3600 * SECOND_NS: "1Hour",
    DAY_NS: "1Day",
}  # fmt: skip

TAKERS = {"B": 1, "S": -1}
# Halted and trading again, by the codes of both tapes.
_HALTS = {"2": HALT, "3": RESUME, "H": HALT, "P": HALT, "T": RESUME}


class PageBar(msgspec.Struct):
    """A bar of the history."""

    t: str
    o: float
    h: float
    l: float  # noqa: E741 - the name on the wire
    c: float
    v: float


class BarPage(msgspec.Struct):
    """A page of bars by symbol; null where there are none."""

    bars: dict[str, list[PageBar]] | None = None
    next_page_token: str | None = None


class ActionPage(msgspec.Struct):
    """A page of corporate actions by kind."""

    corporate_actions: dict[str, list[dict[str, Any]]] = {}
    next_page_token: str | None = None


class PageTick(msgspec.Struct):
    """A quote, a trade or a level of the history; `i` is its number, `r` says a snapshot, `e` the last of a message."""

    t: str
    bp: float = 0.0
    bs: float = 0.0
    ap: float = 0.0
    as_: float = msgspec.field(name="as", default=0.0)
    p: float = 0.0
    s: float = 0.0
    i: int = 0
    tks: str = ""
    r: bool = False
    e: bool = True


class TickPage(msgspec.Struct):
    """A page of one kind of tick by symbol; null where there are none."""

    quotes: dict[str, list[PageTick]] | None = None
    orderbooks: dict[str, list[PageTick]] | None = None
    trades: dict[str, list[PageTick]] | None = None


tick_page = msgspec.json.Decoder(TickPage)
bar_page = msgspec.json.Decoder(BarPage)
action_page = msgspec.json.Decoder(ActionPage)


class Bars(msgspec.Struct, tag_field="T", tag="b"):
    """A minute's bar, complete."""

    S: str
    o: float
    h: float
    l: float  # noqa: E741 - the name on the wire
    c: float
    v: float
    t: Ext


class UpdatedBars(Bars, tag_field="T", tag="u"):
    """A minute's bar, put right by late trades."""


class DailyBars(Bars, tag_field="T", tag="d"):
    """A day's bar as it is by now."""


class Quotes(msgspec.Struct, tag_field="T", tag="q"):
    """Best bid and offer."""

    S: str
    bp: float
    bs: float
    ap: float
    as_: float = msgspec.field(name="as")
    t: Ext = msgspec.field(default_factory=lambda: Ext(-1, b"\0" * 4))


class Trades(msgspec.Struct, tag_field="T", tag="t"):
    """A trade; of coins the taker's side is said."""

    S: str
    p: float
    s: float
    t: Ext
    i: int = 0
    tks: str = ""


class ShownLevel(msgspec.Struct):
    """What a level of a book shows from now on; nothing at size 0."""

    p: Price
    s: Size


class Orderbooks(msgspec.Struct, tag_field="T", tag="o"):
    """The levels of a coin's book that changed, or (`r`) all of them."""

    S: str
    t: Ext
    b: list[ShownLevel] = []
    a: list[ShownLevel] = []
    r: bool = False
    i: int = 0


class Statuses(msgspec.Struct, tag_field="T", tag="s"):
    """A trading status."""

    S: str
    sc: str
    t: Ext


class Success(msgspec.Struct, tag_field="T", tag="success"):
    """Connected, authenticated."""

    msg: str


class Trouble(msgspec.Struct, tag_field="T", tag="error"):
    """Why not."""

    code: int
    msg: str


class Subscription(msgspec.Struct, tag_field="T", tag="subscription"):
    """What comes from now on."""


class Correction(msgspec.Struct, tag_field="T", tag="c"):
    """A trade put right; a bar that it changes comes again as updated."""


class Cancellation(msgspec.Struct, tag_field="T", tag="x"):
    """A trade taken back; as a correction."""


class Band(msgspec.Struct, tag_field="T", tag="l"):
    """Limits up and down, which we do not use."""


Sent = (
    Bars | UpdatedBars | DailyBars | Quotes | Trades | Statuses | Success | Trouble | Subscription
    | Correction | Cancellation | Band | Orderbooks
)  # fmt: skip
_messages = msgspec.msgpack.Decoder(list[Sent])
pack = msgspec.msgpack.Encoder().encode

Named = tuple[str, Event]


def messages_of(data: str | bytes) -> list[Sent]:
    """The messages in one frame; raises msgspec.MsgspecError for what is none."""
    return _messages.decode(data.encode() if isinstance(data, str) else data)


def time_of(stamp: Ext) -> int:
    """Nanoseconds UTC of a MessagePack timestamp of 4, 8 or 12 bytes.

    Raises ValueError for another extension, and for a time before 1970 or past the year 2262, which no event can have.
    """
    data = bytes(stamp.data)
    if stamp.code != -1 or len(data) not in {4, 8, 12}:
        raise ValueError(f"extension {stamp.code} of {len(data)} bytes is no timestamp")
    time = _nanoseconds_in(data)
    if not 0 <= time < _TIME_END:
        raise ValueError(f"{time} nanoseconds are no time of an event")
    return time


def _nanoseconds_in(data: bytes) -> int:
    """What the bytes of a timestamp come to: seconds alone, nanoseconds above 34 bits of seconds, or before eight bytes."""
    if len(data) == 4:
        return int.from_bytes(data, "big") * SECOND_NS
    if len(data) == 8:
        both = int.from_bytes(data, "big")
        return (both & ((1 << 34) - 1)) * SECOND_NS + (both >> 34)
    return int.from_bytes(data[4:], "big", signed=True) * SECOND_NS + int.from_bytes(data[:4], "big")


class Complete:
    """When a bar that began at a time is complete: a span later, or for days at its session's close."""

    def __init__(self, span_ns: int, sessions: Calendar) -> None:
        """`span_ns` is one of `TIMEFRAMES`."""
        self.span_ns = span_ns
        self.sessions = sessions

    def close_of(self, start: int, span_ns: int = 0) -> int:
        """The close; a day is stamped at its midnight or its open, so its session is the first that opens from then on."""
        if (span_ns or self.span_ns) < DAY_NS:
            return start + (span_ns or self.span_ns)
        opens = self.sessions.opens
        place = bisect_left(opens, start)
        if place == len(opens) or opens[place] - start >= DAY_NS:
            raise ValueError(f"a daily bar of {start} ns, when there is no session of {self.sessions.name}")
        return self.sessions.closes[place]

    def next_end(self, time: int) -> int:
        """The first end of a bar after a time that lies in a session."""
        closes, opens, span = self.sessions.closes, self.sessions.opens, self.span_ns
        last = len(closes) - 1
        if span >= DAY_NS:
            return closes[min(bisect_right(closes, time), last)]
        end = time // span * span + span
        start = opens[min(bisect_left(closes, end), last)]
        return end if end > start else start // span * span + span


def bars_of(page: BarPage, complete: Complete) -> Iterable[Named]:
    """The bars of a page, known when complete."""
    for symbol, rows in (page.bars or {}).items():
        for row in rows:
            time = complete.close_of(nanoseconds_of(row.t))
            yield symbol, _bar(time, complete.span_ns, row)


def _bar(time: int, span_ns: int, row: PageBar | Bars, known: int = 0) -> Bar:
    bar = Bar()
    bar.time = time
    bar.known = max(known, time)
    bar.span = span_ns
    bar.open, bar.high, bar.low, bar.close, bar.volume = row.o, row.h, row.l, row.c, row.v
    return bar


def ticks_of(page: TickPage) -> Iterable[Named]:
    """The ticks of a page; a side at price 0 is one that is not there."""
    for symbol, rows in (page.quotes or {}).items():
        for row in rows:
            time = nanoseconds_of(row.t)
            yield symbol, quote_word(time, time, row.i, row.bp, row.bs or nan, row.ap, row.as_ or nan)
    for symbol, rows in (page.trades or {}).items():
        for row in rows:
            time = nanoseconds_of(row.t)
            yield symbol, trade_word(time, time, row.i, row.p, row.s, TAKERS.get(row.tks, 0))
    for symbol, rows in (page.orderbooks or {}).items():
        for row in rows:
            yield symbol, _level_of(row, nanoseconds_of(row.t))


def _level_of(row: PageTick, time: int) -> Depth:
    level = (row.p, row.s)
    bids, asks = ([level], []) if row.tks == "B" else ([], [level])
    (word,) = depth_words(time, time, row.i, bids, asks, snapshot=row.r)
    word.last = row.e
    return word


def events_of(message: Sent, complete: Complete, now: int) -> Iterable[Named]:
    """The events that a message of the stream is, known at `now`: of an order book as many as it has levels."""
    if isinstance(message, Orderbooks):
        sides = ([(level.p, level.s) for level in levels] for levels in (message.b, message.a))
        words = depth_words(time_of(message.t), now, message.i, *sides, snapshot=message.r)
        return [(message.S, word) for word in words]
    named = event_of(message, complete, now)
    return () if named is None else (named,)


def event_of(message: Sent, complete: Complete, now: int) -> Named | None:
    """The event that a message of the stream is, known at `now`; None for one that is none."""
    if isinstance(message, Bars):
        span = DAY_NS if isinstance(message, DailyBars) else 60 * SECOND_NS
        bar = _bar(complete.close_of(time_of(message.t), span), span, message, now)
        bar.revision = int(isinstance(message, UpdatedBars))
        return message.S, bar
    event: Quote | Trade | Status
    if isinstance(message, Quotes):
        event = Quote()
        event.bid, event.bid_size = (message.bp, message.bs or nan) if message.bp > 0.0 else (nan, nan)
        event.ask, event.ask_size = (message.ap, message.as_ or nan) if message.ap > 0.0 else (nan, nan)
    elif isinstance(message, Trades):
        event = Trade()
        event.price, event.size, event.aggressor = message.p, message.s, TAKERS.get(message.tks, 0)
        event.source_sequence = message.i
    elif isinstance(message, Statuses) and message.sc in _HALTS:
        event = Status()
        event.kind = _HALTS[message.sc]
    else:
        return None
    event.time = time_of(message.t)
    event.known = max(now, event.time)
    return message.S, event


class _Rule(NamedTuple):
    """How one kind of corporate action is said by an event: whose, of which day, and which."""

    symbol: str
    day: str
    kind: int


# What cannot be said by one action of one symbol is said as a gap: a person must look.
_RULES = {
    "forward_splits": _Rule("symbol", "ex_date", SPLIT),
    "reverse_splits": _Rule("symbol", "ex_date", SPLIT),
    "stock_dividends": _Rule("symbol", "ex_date", SPLIT),
    "cash_dividends": _Rule("symbol", "ex_date", DIVIDEND),
    "cash_mergers": _Rule("acquiree_symbol", "effective_date", DELISTING),
    "worthless_removals": _Rule("symbol", "process_date", DELISTING),
    "name_changes": _Rule("old_symbol", "process_date", RENAME),
    "unit_splits": _Rule("old_symbol", "effective_date", -1),
    "spin_offs": _Rule("source_symbol", "ex_date", -1),
    "stock_mergers": _Rule("acquiree_symbol", "effective_date", -1),
    "stock_and_cash_mergers": _Rule("acquiree_symbol", "effective_date", -1),
    "redemptions": _Rule("symbol", "process_date", -1),
    "rights_distributions": _Rule("source_symbol", "ex_date", -1),
}


def actions_of(page: ActionPage, sessions: Calendar) -> Iterable[Named]:
    """The actions of a page, each at the open of its day's session (or of the next one), as in a backtest."""
    for name, rows in page.corporate_actions.items():
        for row in rows:
            yield _action(_RULES.get(name, _Rule("symbol", "process_date", -1)), name, row, sessions)


def _action(rule: _Rule, name: str, row: dict[str, Any], sessions: Calendar) -> Named:
    """One action; raises ValueError where its day is missing."""
    day = str(row.get(rule.day) or row.get("ex_date") or row.get("process_date") or "")
    event: Action | Status
    if rule.kind < 0:
        event = Status()
        event.kind = GAP
    else:
        event = Action()
        event.kind = rule.kind
        event.value = _value(name, row)
    place = bisect_left(sessions.opens, nanoseconds_of(f"{day}T00:00:00Z"))
    event.time = event.known = sessions.opens[min(place, len(sessions) - 1)]
    return str(row.get(rule.symbol) or row.get("symbol") or ""), event


def _value(name: str, row: dict[str, Any]) -> float:
    """New shares for one old, cash a share, or cash for what goes."""
    if name in {"forward_splits", "reverse_splits"}:
        return float(row["new_rate"]) / float(row["old_rate"])
    if name == "stock_dividends":
        return 1.0 + float(row["rate"])
    if name == "name_changes":
        return nan
    return 0.0 if name == "worthless_removals" else float(row["rate"])


def in_order(found: Iterable[Named], symbols: Sequence[str]) -> list[Named]:
    """By time, then actions, statuses, market, then symbols as asked for, a split before the dividend of its day."""
    place = {symbol: number for number, symbol in enumerate(symbols)}
    return sorted(
        ((symbol, event) for symbol, event in found if symbol in place),
        key=lambda named: (named[1].time, _rank(named[1]), place[named[0]], getattr(named[1], "kind", 0)),
    )


def _rank(event: Event) -> int:
    if isinstance(event, Action):
        return 0
    return 1 if isinstance(event, Status) else 2


def authenticate(key_id: str, secret_key: str) -> bytes:
    """The first message to the data stream."""
    return pack({"action": "auth", "key": key_id, "secret": secret_key})


def subscribe(symbols: Sequence[str], channels: Sequence[str]) -> bytes:
    """What is wanted: `bars`, `updatedBars`, `dailyBars`, `quotes`, `trades`, `statuses`."""
    return pack({"action": "subscribe", **{channel: list(symbols) for channel in channels}})
