"""The feeder: holds the sockets that outlive a function, and passes on what they say.

What comes in: a market's stream and a venue's, which stay open for days.  What goes out: lines in the queue or stream, and
facts in the book's inbox; both wake `decide`.
Why it is shaped so: a feeder is replaced while the market is open, so its successor first opens its own sockets, asks the
history for what lies between, and only then says that it is there; the one before stops when it reads that.  For a moment
two of them tell the same, and a book hears a line once; there is no moment in which none does.
What changes an order book goes by the cache where there is one (`cloud/ticks.py`), because it changes oftener than anybody looks.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.adapters.network.moments import SECOND_NS
from stratofold.adapters.ports import NoAnswer
from stratofold.cloud.fetch import FETCHED, OVERLAP_NS
from stratofold.cloud.market import line_of, tick_of
from stratofold.cloud.place import say
from stratofold.errors import Retry
from stratofold.events import Depth
from stratofold.live.desk import manifest_of
from stratofold.live.words import offer_of
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from stratofold.adapters.aws.hot import Hot
    from stratofold.adapters.ports import Broker, Clock, Feed, Journal, Tasks
    from stratofold.cloud.place import Outlet
    from stratofold.cloud.ticks import OrderBooks
    from stratofold.events import Event

FEEDER = "feeder"  # the mark of the newest feeder's number
GATHER_SECONDS = 0.05  # bars of one minute come together: they travel together
LOOK_SECONDS = 1.0
TICK_NS = 60 * SECOND_NS
GRACE_NS = 2 * SECOND_NS  # what a bar may take to come once it is complete, before a timer of its time is heard


@dataclass
class Feeder:
    """The sockets of one book, until another feeder takes over."""

    journal: Journal
    market: Outlet
    feed: Feed
    broker: Broker
    clock: Clock
    tasks: Tasks
    book: str
    hot: Hot | None = None
    number: int = 0
    stopping: bool = False
    waiting: list[str] = field(default_factory=list)
    ticked: int = 0

    def __post_init__(self) -> None:
        """A number that no feeder had before."""
        self.manifest = manifest_of(self.journal, self.book)
        self.number = self.journal.nonce(f"{FEEDER}/{self.book}")
        self.changed = self.tasks.signal()
        self.message: list[str] = []
        self.order_books: OrderBooks | None = None
        if self.hot is not None and self.manifest.ticks:
            from stratofold.cloud.ticks import OrderBooks

            self.order_books = OrderBooks(self.hot, self.book)

    async def run(self) -> None:
        """Pass on until another is there, or somebody says stop; raises what a retry does not mend."""
        self.tasks.spawn("market", self._follow_market())
        self.tasks.spawn("reports", self._follow_reports())
        self.tasks.spawn("successor", self._look())
        while not self.stopping:
            await self.changed.wait(LOOK_SECONDS)
            await self.clock.sleep(GATHER_SECONDS)
            self._tick()
            self.flush()
        self.flush()

    def stop(self) -> None:
        """End after what waits was passed on."""
        self.stopping = True
        self.changed.set()

    def ended(self) -> bool:
        """Whether it was stopped, by somebody or by its successor."""
        return self.stopping

    def flush(self) -> None:
        """Send what waits, together and in order."""
        lines, self.waiting = self.waiting, []
        if self.order_books is not None:
            lines += self.order_books.lines()
        if lines:
            self.market.put(self.book, lines)

    def _take(self, symbol: str, event: Event) -> None:
        """Something that the market did; a venue's message of depth waits for its end, so that it comes twice whole or not at all."""
        self.changed.set()
        if self.order_books is not None and self.order_books.hear(symbol, event):
            return
        self.message.append(line_of(self.book, symbol, event))
        if not isinstance(event, Depth) or event.last:
            self.waiting += self.message
            self.message = []

    async def _follow_market(self) -> None:
        """The market's stream; each time it opens, the history closes the gap, and then this feeder is there."""
        while not self.stopping:
            try:
                async for item in self.feed.stream(self.manifest.symbols):
                    if self.ended():
                        return
                    if item is None:
                        await self._close_gap()
                    else:
                        self._take(*item)
            except (NoAnswer, Retry) as error:
                say(verb="feed", book=self.book, failed=str(error))
            await self.clock.sleep(LOOK_SECONDS)

    async def _close_gap(self) -> None:
        """What the market did since somebody last asked; sent before this feeder says that it is there."""
        last = int(self.journal.mark(self.book, FETCHED) or 0)
        until = self.clock.now()
        found = await self.feed.history(self.manifest.symbols, max(last - OVERLAP_NS, self.manifest.opened), until)
        for symbol, event in found:
            self._take(symbol, event)
        self.flush()
        self.journal.mark(self.book, FETCHED, str(until))
        if self._newest() < self.number:
            self.journal.mark(self.book, FEEDER, str(self.number))
            say(verb="feed", book=self.book, number=self.number)

    async def _follow_reports(self) -> None:
        """The venue's stream of facts, into the inbox: hints, as ever; `reconcile` is the guarantee."""
        while not self.stopping:
            try:
                async for report in self.broker.reports():
                    if self.ended():
                        return
                    if report is not None:
                        self.journal.offer(self.book, [offer_of(report)])
            except (NoAnswer, Retry) as error:
                say(verb="feed", book=self.book, failed=str(error))
            await self.clock.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """Stop when a newer feeder is there."""
        while not self.stopping:
            await self.clock.sleep(LOOK_SECONDS)
            if self._newest() > self.number:
                self.stop()

    def _newest(self) -> int:
        """The number of the newest feeder that is there."""
        return int(self.journal.mark(self.book, FEEDER) or 0)

    def _tick(self) -> None:
        """Once a minute of a session: what time it is, when the bars of that time are in."""
        time = (self.clock.now() - GRACE_NS) // TICK_NS * TICK_NS
        if time > self.ticked and is_open(self.manifest.calendar, time):
            self.waiting.append(tick_of(self.book, time))
        self.ticked = max(self.ticked, time)


def is_open(name: str, time: int) -> bool:
    """Whether a time is in a session of a calendar, its close included."""
    sessions = calendar(name)
    place = bisect_left(sessions.closes, time)
    return place < len(sessions.closes) and sessions.opens[place] <= time
