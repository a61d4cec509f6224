"""Quotes, trades and depth on their way to a book in the cloud: each heard once, and order books by the cache where there is one.

What comes in: ticks of a feeder or of anybody who may push, some of them twice.  What goes out: those that a book has not
taken in; and for depth, where the stack has a cache, one line a symbol that says where its order book is.
Why it is shaped so: a venue changes its order book a hundred times a second, and a book that is woken a few times a second
has no use for what lies between; as lines each change would be paid for in the queue and in the journal.  So the feeder keeps
the order book, leaves the newest in the cache under its own hash, and sends the name.  `decide` takes it by that name and hears
it as the venue's snapshot, so the records hold what was heard, level by level: they are the authority, and nothing is
decided on what is only in the cache.  What is gone from it is heard as a gap: nothing is known of that market until the next.
While the cache takes nothing the levels travel themselves, once a second.
"""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from stratofold.cloud.market import KEPT, Told, line_of, senseless
from stratofold.events import GAP, Depth, Quote, Status, Trade
from stratofold.live.ticks import TickProgress
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.aws.hot import Hot
    from stratofold.events import Event
    from stratofold.live.desk import Desk

KINDS: dict[type[Event], str] = {Quote: "quotes", Trade: "trades", Depth: "depth"}  # as a manifest names them
KEEP_SECONDS = 600  # a line may wait for so long; after that its order book is of no use
LEVELS_MAX = 50  # a side, the best first
UNKEPT_NS = 1_000_000_000  # how often the levels of a symbol travel themselves: each is an event
_levels_in = msgspec.msgpack.Decoder(list[tuple[int, float, float]]).decode


class Kept(msgspec.Struct, frozen=True):
    """A line that says where an order book is, as it was with its venue's message of that time and number."""

    book: str
    event: str
    symbol: str
    time: int
    known: int
    source: int
    source_sequence: int
    name: str


_NOTHING = pack([])
_kept_in = msgspec.json.Decoder(Kept).decode


class Ticks:
    """What of its market a book takes in: ticks of its kinds and symbols, in each case newer than the last."""

    def __init__(self, desk: Desk) -> None:
        """Nothing was taken in; what was heard before is known to the book itself."""
        self._handles = desk.fold.handles
        self._kinds = desk.manifest.ticks
        self._taken = TickProgress(len(desk.fold.names), 0)

    def take(self, symbol: str, event: Quote | Trade | Depth | Status) -> bool:
        """Whether an event is heard; what comes again in the same batch is not."""
        event.symbol = self._handles.get(symbol, -1)
        if not isinstance(event, Status) and (event.symbol < 0 or KINDS[type(event)] not in self._kinds):
            return False
        is_new = self._taken.is_new(event)
        if is_new:
            self._taken.note(event)
        return is_new


class OrderBook:
    """One symbol's levels at the venue, from its changes; `last` is the newest of them."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.is_known = False
        self.last = Depth()
        self._filling = False

    def hear(self, depth: Depth) -> None:
        """A change of a level; a snapshot begins by forgetting every level, and nothing is known before the first."""
        if depth.snapshot and not self._filling:
            self.bids, self.asks, self.is_known = {}, {}, True
        self._filling = depth.snapshot and not depth.last
        side = self.bids if depth.side > 0 else self.asks
        if depth.size > 0.0:
            side[depth.price] = depth.size
        else:
            side.pop(depth.price, None)
        self.last = depth

    def packed(self, levels: int = LEVELS_MAX) -> bytes:
        """The best levels of each side as bytes."""
        bids = sorted(self.bids.items(), reverse=True)[:levels]
        asks = sorted(self.asks.items())[:levels]
        return pack([*((1, *one) for one in bids), *((-1, *one) for one in asks)])


class OrderBooks:
    """The order books of a feeder's symbols, each left in the cache when it has changed."""

    def __init__(self, hot: Hot, book: str, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        """No symbol has one."""
        self._monotonic = monotonic
        self._hot = hot
        self._book = book
        self._of: dict[str, OrderBook] = {}
        self._changed: dict[str, OrderBook] = {}
        self._spelt: dict[str, int] = {}  # when the levels of a symbol travelled themselves

    def hear(self, symbol: str, event: Event) -> bool:
        """Take in what changes an order book; whether that is all that has to be told of it."""
        if isinstance(event, Depth):
            one = self._changed[symbol] = self._of.setdefault(symbol, OrderBook())
            one.hear(event)
            return True
        if isinstance(event, Status) and event.kind == GAP:
            for name in [symbol] if symbol else list(self._of):
                self._of.pop(name, None)
                self._changed.pop(name, None)
        return False

    def lines(self) -> list[str]:
        """Lines that say where the changed order books are; one that is amid a venue's message waits for its end."""
        found: list[str] = []
        for symbol, one in [each for each in self._changed.items() if each[1].last.last]:
            told = self._told(symbol, one) if one.is_known else []
            if told is not None:
                del self._changed[symbol]
                found += told
        return found

    def _told(self, symbol: str, one: OrderBook) -> list[str] | None:
        """Leave an order book in the cache and say where; while that takes nothing its levels, None where they are not due yet."""
        data, last = one.packed(), one.last
        number = last.source_sequence or last.time
        kept = Kept(self._book, KEPT, symbol, last.time, last.known, last.source, number, name_of(data))
        if self._hot.put(kept.name, data, KEEP_SECONDS):
            return [msgspec.json.encode(kept).decode()]
        now = self._monotonic()
        if symbol in self._spelt and now - self._spelt[symbol] < UNKEPT_NS:
            return None
        self._spelt[symbol] = now
        return [line_of(self._book, symbol, event) for event in _events(kept, data)]


def name_of(data: bytes) -> str:
    """Where an order book is in the cache."""
    return f"depth/{sha256(data).hexdigest()}"


def told_of(hot: Hot | None, line: str) -> list[Told]:
    """What an order book in the cache shows, level by level; a gap where it is not there, or is not what its name says.

    Raises Setup SF880 for a line that is none.
    """
    try:
        kept = _kept_in(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise senseless(str(error)) from error
    data = hot.get(kept.name) if hot is not None else None
    shown = data if data is not None and name_of(data) == kept.name else _NOTHING
    return [Told(kept.book, kept.symbol, kept.time, event) for event in _events(kept, shown)]


def _events(kept: Kept, data: bytes) -> list[Event]:
    """The levels of an order book as a venue's snapshot; where there is none, nothing is known."""
    events: list[Event] = [_level(*one) for one in _levels_in(data)] or [_gap()]
    for event in events:
        event.time, event.known = kept.time, kept.known
        event.source, event.source_sequence = kept.source, kept.source_sequence
    if isinstance(events[-1], Depth):
        events[-1].last = True
    return events


def _level(side: int, price: float, size: float) -> Depth:
    """One level of a snapshot, which is not its last."""
    event = Depth()
    event.side, event.price, event.size = side, price, size
    event.snapshot, event.last = True, False
    return event


def _gap() -> Status:
    """Nothing is known of a market."""
    event = Status()
    event.kind = GAP
    return event
