"""Quotes, trades and depth in the fold of a live book: heard as a simulation on ticks hears them, with the venue outside.

What comes in: an engine on ticks and one tick.  What goes out: an engine that has heard it.
Why it is shaped so: what a tick does to the market, to equity and to the strategy is the fold's (`fold/ticks/run.py`); here
is only what a live market has and a file has not: prices that nobody has named before, and stretches that nobody heard.
"""

from __future__ import annotations

from array import array
from copy import copy
from math import isnan, nan
from typing import TYPE_CHECKING, Any, TypeVar

from stratofold.events import GAP, Depth, Quote, Status, Trade
from stratofold.fold.engine import HEARS_DEPTH, HEARS_QUOTE, HEARS_TRADE
from stratofold.fold.passing import arrive, deliver
from stratofold.fold.ticks.book import TickBook
from stratofold.fold.ticks.engine import FIRST, LAST, SNAPSHOT, TickEngine
from stratofold.fold.ticks.ladder import Ladder
from stratofold.fold.ticks.run import hear_depth, hear_quote, hear_trade
from stratofold.live.excess import ask_again
from stratofold.live.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.events import Event
    from stratofold.fold.ledger import Ledger
    from stratofold.fold.log import Logs
    from stratofold.fold.risk import Risk
    from stratofold.fold.strategy import Strategy
    from stratofold.fold.tally import Tally

QUOTES, TRADES, DEPTH = "quotes", "trades", "depth"
KINDS = {QUOTES: HEARS_QUOTE, TRADES: HEARS_TRADE, DEPTH: HEARS_DEPTH}
SECOND_NS = 1_000_000_000
Tick = TypeVar("Tick", bound=Quote | Trade | Depth)
LEVELS_MAX = 8_192  # more are kept only if something is shown at them


class LiveLadder(Ladder):
    """A market whose levels are named as they come; `is_filling` while a snapshot is being told."""

    __slots__ = ("is_filling",)

    def __init__(self, *, is_quoted: bool = True, is_deep: bool = False) -> None:
        """Nothing is shown."""
        super().__init__(is_quoted=is_quoted or is_deep)
        self.is_deep = is_deep
        self.is_filling: bool = False

    def place(self, price: float) -> int:
        """The place of a price, which is made for it where there is none."""
        level = self._reach(price)
        if level < len(self.prices) and self.prices[level] == price:
            return level
        if len(self.prices) >= LEVELS_MAX:
            self._forget_empty()
            level = self._reach(price)
        self.prices.insert(level, price)
        self.bids.insert(level, 0.0)
        self.asks.insert(level, 0.0)
        self.marked.insert(level, 0)
        if level <= self.bid_level:
            self.bid_level += 1
        if level <= self.ask_level:
            self.ask_level += 1
        return level

    def _reach(self, price: float) -> int:
        """The first level at `price` or above."""
        low, high = 0, len(self.prices)
        while low < high:
            middle = (low + high) // 2
            if self.prices[middle] < price:
                low = middle + 1
            else:
                high = middle
        return low

    def _forget_empty(self) -> None:
        """Levels at which nothing is shown go."""
        shown = [k for k in range(len(self.prices)) if self.bids[k] > 0.0 or self.asks[k] > 0.0]
        bid, ask = self.bid, self.ask
        self.prices = array("d", [self.prices[k] for k in shown])
        self.bids = array("d", [self.bids[k] for k in shown])
        self.asks = array("d", [self.asks[k] for k in shown])
        self.marked = array("q", [0]) * len(shown)
        self.bid_level = -1 if isnan(bid) else self.level_of(bid)
        self.ask_level = len(shown) if isnan(ask) else self.level_of(ask)

    def forget(self) -> None:
        """What was shown is not known any more."""
        self.prices, self.bids, self.asks, self.marked = array("d"), array("d"), array("d"), array("q")
        self.is_filling = False
        self.clear()
        self.bid_size = self.ask_size = nan


class TickProgress(Progress):
    """How far each source has been heard; of ticks, by symbol, the last quote, trade and whole message of depth: their times and numbers."""

    __slots__ = ("tick_number", "tick_time")

    def __init__(self, symbol_count: int, schedule_count: int) -> None:
        """Nothing was heard."""
        super().__init__(symbol_count, schedule_count)
        self.tick_time: array[int] = array("q", [0]) * (len(_PLACES) * symbol_count)
        self.tick_number: array[int] = array("q", [0]) * (len(_PLACES) * symbol_count)

    def is_new(self, event: Event) -> bool:
        """As `Progress`; a tick is old that is neither later than the last of its kind nor has a higher number.

        Numbers may begin anew with a day, and times of one moment are the same.
        """
        if not isinstance(event, (Quote, Trade, Depth)) or event.source_sequence == 0:
            return super().is_new(event)
        place = _place(event)
        return event.time > self.tick_time[place] or event.source_sequence > self.tick_number[place]

    def note(self, event: Event) -> None:
        """An event was heard; of depth a message counts when it is whole, and after a gap every message is new."""
        if isinstance(event, Status) and event.kind == GAP:
            self._forget_depth(event.symbol)
        elif not isinstance(event, (Quote, Trade, Depth)):
            super().note(event)
        elif not isinstance(event, Depth) or event.last:
            place = _place(event)
            self.tick_time[place] = event.time
            self.tick_number[place] = event.source_sequence

    def _forget_depth(self, symbol: int) -> None:
        """What a venue shows of a symbol (-1: of all) after a gap may be what it showed before."""
        count = len(_PLACES)
        for each in range(len(self.tick_time) // count) if symbol < 0 else (symbol,):
            self.tick_time[count * each + _PLACES[Depth]] = self.tick_number[count * each + _PLACES[Depth]] = 0


_PLACES: dict[type[Event], int] = {Quote: 0, Trade: 1, Depth: 2}


def _place(tick: Quote | Trade | Depth) -> int:
    """Where a tick of its kind and symbol is noted."""
    return len(_PLACES) * tick.symbol + _PLACES[type(tick)]


def kinds_of(hears: int) -> tuple[str, ...]:
    """The kinds of tick that these hooks wait for."""
    return tuple(name for name, flag in KINDS.items() if hears & flag)


def tick_engine(
    ledger: Ledger, kinds: Sequence[str], risk: Risk, outside: Any, tally: Tally, sessions: Any, logs: Logs, hears: int
) -> TickEngine:
    """An engine in front of markets that bring these kinds of tick, of which nothing was heard yet."""
    ladders: list[Ladder] = [
        LiveLadder(is_quoted=QUOTES in kinds, is_deep=DEPTH in kinds) for _ in range(ledger.symbol_count)
    ]
    return TickEngine(TickBook(ledger, ladders), risk, outside, tally, sessions, logs, hears)


def hear_tick(engine: TickEngine, strategy: Strategy, tick: Quote | Trade | Depth) -> None:
    """One tick, at its venue's time, or at the book's where that is later already."""
    book, before = engine.book, engine.book.time
    engine.bar.symbol = tick.symbol
    time = tick.time
    if time > before:
        arrive(engine, strategy, time)
        book.time = engine.venue.time = time
    elif time < before:
        tick = _at(tick, before)
    if isinstance(tick, Trade):
        hear_trade(engine, strategy, tick)
    elif isinstance(tick, Quote):
        hear_quote(engine, strategy, tick)
    else:
        _hear_depth(engine, strategy, tick)
    if time // SECOND_NS != before // SECOND_NS:
        ask_again(book, tick.symbol)
    engine.bar_index += 1
    deliver(engine, strategy)


def _hear_depth(engine: TickEngine, strategy: Strategy, tick: Depth) -> None:
    """A change of a level; a snapshot begins by forgetting every level."""
    ladder: Any = engine.book.ladders[tick.symbol]
    flags = LAST if tick.last else 0
    if tick.snapshot:
        flags |= SNAPSHOT if ladder.is_filling else SNAPSHOT | FIRST
        if not ladder.is_filling:
            ladder.forget()
    ladder.is_filling = tick.snapshot and not tick.last
    own = engine.depth  # the fold writes to it what a simulation's own has
    own.time, own.known, own.symbol = tick.time, tick.known, tick.symbol
    own.source, own.source_sequence = tick.source, tick.source_sequence
    own.side, own.price, own.size = tick.side, tick.price, tick.size
    hear_depth(engine, strategy, own, ladder.place(tick.price), flags)


def _at(tick: Tick, time: int) -> Tick:
    """The tick as if it were of `time`; the one that is written down keeps its own."""
    own = copy(tick)
    own.time, own.known = time, max(tick.known, time)
    return own


def lose(engine: TickEngine, status: Status) -> None:
    """A feed has a gap: what its markets showed is not known until they show it again."""
    for symbol, ladder in enumerate(engine.book.ladders):
        if status.symbol in (-1, symbol):
            ladder.forget()  # type: ignore[attr-defined]  # the ladders of a live book are LiveLadder
