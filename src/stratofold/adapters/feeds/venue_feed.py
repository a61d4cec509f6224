"""A venue of ticks as the feed of a book: bars, made of its trades where it has none, and ticks where they are wanted.

What comes in: a venue's stream by way of the supervisor, and its history over REST.
What goes out: the port `Feed`: complete bars of one span; quotes, trades, depth and what the feed is doing, if asked for.
Why it is shaped so: a bar is made only of an interval that was heard whole; whatever was not is asked of the vendor's
history when it is over, so that a connection that broke costs time and never a wrong bar.

Ignores: a trade that comes more than `SETTLE_SECONDS` after its interval (it is in the history, and in no bar here); splits
and dividends.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import aclosing
from typing import TYPE_CHECKING

from stratofold.adapters.feeds.spoken import Torn
from stratofold.adapters.feeds.supervisor import MUTE_SECONDS, Supervisor
from stratofold.adapters.network.moments import SECOND_NS
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry
from stratofold.events import GAP, Bar, Status, Trade
from stratofold.fold.candles import TimeBars

if TYPE_CHECKING:
    from array import array
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
    from random import Random

    from stratofold.adapters.feeds.bar_history import BarHistory
    from stratofold.adapters.feeds.session import Venue
    from stratofold.adapters.feeds.spoken import Named
    from stratofold.adapters.ports import Clock, Http, Sockets, Tasks
    from stratofold.events import Event
    from stratofold.market.sessions import Calendar

SETTLE_SECONDS = 1.0  # after an interval's end a trade of it may still be on its way
IDLE_SECONDS = 0.25
LATE_SECONDS = (0.0, 3.0, 10.0, 30.0)  # a vendor's history may want a while before it has a bar
NEVER = 2**63 - 1


class VenueFeed:
    """Bars of `history`'s span, and words of the kinds in `words`; see `ports.Feed`.

    `told_span_ns`: the venue says bars of that span itself, and the history has all others; else (0) they are made of trades.
    With `words` there are no bars: who hears ticks hears what a file of ticks has.
    """

    def __init__(
        self,
        venue: Venue,
        history: BarHistory,
        http: Http,
        sockets: Sockets,
        clock: Clock,
        tasks: Tasks,
        random: Random,
        calendar: Calendar,
        *,
        told_span_ns: int = 0,
        words: Sequence[type[Event]] = (),
    ) -> None:
        """Nothing is opened before `stream`."""
        self._venue = venue
        self._history = history
        self._http, self._sockets, self._clock, self._tasks, self._random = http, sockets, clock, tasks, random
        self._sessions = calendar
        self._makes_bars = told_span_ns == 0
        self._is_told = told_span_ns == history.span_ns
        self._words = frozenset(words)
        self._found: list[Named] = []  # bars that the history has told

    def __repr__(self) -> str:
        """Where it is."""
        return f"VenueFeed({self._venue.name}, {self._venue.stream_url})"

    async def history(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """See `ports.Feed`; raises NoAnswer, Retry, Stop, Setup.  Ticks that nobody heard are gone."""
        if self._words:
            return []
        return await self._history.bars(symbols, after, until)

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[Named | None]:
        """See `ports.Feed`; a connection that breaks is opened again.  Raises Stop when the venue refuses."""
        # A strategy on ticks minds a quiet half minute; who wants bars minds three of them.
        mute_seconds = MUTE_SECONDS if self._words else max(MUTE_SECONDS, 3 * self._history.span_ns / SECOND_NS)
        supervisor = Supervisor(
            self._venue, self._http, self._sockets, self._clock, self._tasks, self._random, mute_seconds=mute_seconds
        )
        makers = {symbol: Maker(self._history.span_ns, self._sessions) for symbol in symbols}
        ends = Ends(self._sessions, self._history.span_ns, self._clock.now())
        async with aclosing(supervisor.batches(symbols, IDLE_SECONDS)) as batches:
            if self._words:
                async with aclosing(self._ticks(batches, symbols)) as ticks:
                    async for cell in ticks:
                        yield cell
            async for cells in batches:
                for cell in cells:
                    if cell is None:
                        yield None
                    else:
                        for named in self._said(cell, makers):
                            yield named
                for named in self._over(makers, ends):
                    yield named

    async def _ticks(
        self, batches: AsyncIterator[list[Named | None]], symbols: Sequence[str]
    ) -> AsyncGenerator[Named | None]:
        """The words themselves; what was said before the first of them is missing, and so is what is between two runs."""
        torn = Torn(symbols)
        for named in torn.tear(self._clock.now()):
            yield named
        wanted = self._words | {Status}
        async for cells in batches:
            for cell in cells:
                if cell is not None and type(cell[1]) not in wanted:
                    continue
                if cell is not None:
                    for named in torn.mended(cell):
                        yield named
                yield cell

    def _said(self, cell: Named, makers: dict[str, Maker]) -> Iterator[Named]:
        """A word, if it is wanted, after the bar that it completes."""
        symbol, word = cell
        maker = makers.get(symbol)
        if maker is not None and self._makes_bars and maker.hear(word, self._clock.now()):
            yield symbol, self._bar(maker)
        if isinstance(word, Status) or (isinstance(word, Bar) and self._is_told and word.span == self._history.span_ns):
            yield cell

    def _over(self, makers: dict[str, Maker], ends: Ends) -> Iterator[Named]:
        """Bars whose time is over, and those that the history has told; what was not heard whole is asked of it."""
        settled = self._clock.now() - int(SETTLE_SECONDS * SECOND_NS)
        end = ends.passed(settled)
        if end:
            missing = []
            for symbol, maker in makers.items():
                if self._makes_bars and maker.bars.until(settled) and maker.is_whole():
                    yield symbol, self._bar(maker)
                elif self._asks(maker, end):
                    missing.append(symbol)
            if missing:
                self._tasks.spawn(f"bars until {end}", self._ask(missing, end))
        found, self._found = self._found, []
        yield from found

    def _asks(self, maker: Maker, end: int) -> bool:
        """Whether the history must say what happened in the span before `end`."""
        if self._makes_bars:
            return maker.whole_since > end - self._history.span_ns
        return not self._is_told

    async def _ask(self, symbols: list[str], end: int) -> None:
        """The bars that are complete at `end`, asked for until all of them are there or it is in vain."""
        left = list(symbols)
        for seconds in LATE_SECONDS:
            await self._clock.sleep(seconds)
            try:
                told = await self._history.bars(left, end - 1, end)
            except (NoAnswer, Retry):
                continue
            self._found += told
            left = [symbol for symbol in left if symbol not in {name for name, _ in told}]
            if not left:
                return

    def _bar(self, maker: Maker) -> Bar:
        """The bar that a maker has completed."""
        made = maker.bars.bar
        bar = Bar()
        bar.time, bar.span = made.end, self._history.span_ns
        bar.known = max(self._clock.now(), bar.time)
        bar.open, bar.high, bar.low, bar.close, bar.volume = made.open, made.high, made.low, made.close, made.volume
        return bar


class Maker:
    """Bars out of one symbol's trades; `whole_since` (ns UTC) is since when nothing was missed."""

    def __init__(self, span_ns: int, sessions: Calendar) -> None:
        """Nothing was heard."""
        continuous = sessions.name == "24/7"
        self.bars = TimeBars(span_ns) if continuous else TimeBars(span_ns, sessions.opens, sessions.closes)
        self.whole_since = NEVER
        self.told_until = 0

    def hear(self, word: Event, received: int) -> bool:
        """Take a word; whether it completed a bar of an interval that was heard whole."""
        if type(word) is Status:
            if word.kind == GAP:
                self.whole_since = NEVER
            return False
        if self.whole_since == NEVER:
            self.whole_since = max(received, word.time)
        if type(word) is not Trade or word.time < self.told_until:
            return False
        return self.bars.update(word.time, word.price, word.size) and self.is_whole()

    def is_whole(self) -> bool:
        """Whether the bar that was just completed was heard from its beginning on."""
        self.told_until = self.bars.bar.end
        return self.whole_since <= self.bars.bar.begin


class Ends:
    """The ends of intervals, as they pass."""

    def __init__(self, sessions: Calendar, span_ns: int, now: int) -> None:
        """Those before `now` are history."""
        self._opens: array[int] = sessions.opens
        self._closes: array[int] = sessions.closes
        self._span_ns = span_ns
        self._passed = self._last(now)

    def passed(self, time: int) -> int:
        """The end that has passed by `time` since it was last asked; 0 for none."""
        last = self._last(time)
        if last <= self._passed:
            return 0
        self._passed = last
        return last

    def _last(self, time: int) -> int:
        """The last end of an interval at or before `time`."""
        k = bisect_right(self._opens, time) - 1
        if k < 0:
            return 0
        whole = (time - self._opens[k]) // self._span_ns
        return (
            min(self._opens[k] + whole * self._span_ns, self._closes[k]) if time < self._closes[k] else self._closes[k]
        )
