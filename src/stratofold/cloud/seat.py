"""A book's seat in an environment: its desk, kept from one invocation to the next, and what it hears.

What comes in: a journal, a book that this stack holds, lines of the market's queue.  What goes out: appends.
Why it is shaped so: restoring a fold costs more than a step, so an environment keeps it; whether it is still true is said
by the append itself, whose condition is the step that the seat stands at.  All environments of a stack write under one
epoch, which was taken when the book was moved here, so one that is late loses a race and is not fenced off.

Time is what the lines say: a timer that is due before a bar is complete is heard before it, as in a backtest, and one that
is due is heard when a tick says so.  A function that is woken late, or twice, hears the same in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.adapters.clock import StandingClock
from stratofold.cloud.market import identity_of, rank_of
from stratofold.errors import Retry, Stop
from stratofold.events import Bar, Depth, Quote, Status, Trade
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import Desk, manifest_of, restore_fold
from stratofold.live.hold import hold_broken
from stratofold.live.ingest import Ingest
from stratofold.live.manifest import code_hash
from stratofold.live.risk.verdict import reason_name
from stratofold.live.timers import Timers
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stratofold.adapters.ports import Clock, Head, Journal
    from stratofold.cloud.market import Told
    from stratofold.cloud.ticks import Ticks
    from stratofold.fold.strategy import Strategy

LOADS_MAX = 8
SNAPSHOT_STEPS = 100  # environments come and go: each folds at most so many steps again
_REASON = 4  # its place in the row of a refusal
EVENTS_MAX = 64  # events that share an append: a transaction of the journal's table takes a hundred items


def refuse_other_holder(head: Head, holder: str) -> None:
    """Raise Stop SF881 where somebody else has the book: a laptop that took it, or another stack."""
    if head.holder != holder:
        raise Stop(
            "SF881", f"book {head.book} is held by {head.holder or 'nobody'}, not by {holder}",
            why="it was moved, or never was", fix=f"stratofold move {head.book} --to cloud",
        )  # fmt: skip


class LateError(Exception):
    """The invocation has no time left for another append; what was appended stays."""


@dataclass
class Seat:
    """One book in one environment; `barred` are the names of events that the strategy raised on.

    `in_time` is asked before each append; `pumped` counts how often everything that was taken had been written down;
    `refused` are the reasons for which limits refused orders, until somebody takes them.
    """

    desk: Desk
    clock: Clock
    timers: Timers
    barred: set[str] = field(default_factory=set)
    in_time: Callable[[], bool] = lambda: True
    pumped: int = 0
    refused: list[str] = field(default_factory=list)
    ingest: Ingest = field(init=False)

    def __post_init__(self) -> None:
        """Nothing waits."""
        self.ingest = Ingest(self.desk, self.clock, self.timers, keeps_time=False)
        self.ticks: Ticks | None = None
        if self.desk.manifest.ticks:
            from stratofold.cloud.ticks import Ticks

            self.ticks = Ticks(self.desk)
        self._time(self.desk.fold.engine.book.time)

    def _time(self, time: int) -> None:
        """A replay's clock goes on with what is heard."""
        if isinstance(self.clock, StandingClock):
            self.clock.time = max(self.clock.time, time)

    def take(self, told: Iterable[Told]) -> None:
        """Hear lines in their order, and before each what its time brings; raises LateError."""
        for one in told:
            self._time(one.time)
            self._timers_until(one.time, one.rank if one.event is None else -1)
            if one.event is not None and self._is_for_it(one):
                self.ingest.admit(one.symbol, one.event)
                if len(self.ingest.market) >= EVENTS_MAX:
                    self.pump()

    def _is_for_it(self, told: Told) -> bool:
        """Whether an event is one that this book hears: since it was opened, of its kind, and not set aside."""
        if told.time <= self.desk.manifest.opened or (self.barred and identity_of(told) in self.barred):
            return False
        return self._is_of_its_kind(told)

    def _is_of_its_kind(self, told: Told) -> bool:
        """Whether a bar has the length of the book's, or a tick was not taken in before; other events are everybody's."""
        event, ticks = told.event, self.ticks
        if isinstance(event, Bar):
            return ticks is None and event.span == self.desk.manifest.span_ns
        if isinstance(event, (Quote, Trade, Depth, Status)) and ticks is not None:
            return ticks.take(told.symbol, event)
        return not isinstance(event, (Quote, Trade, Depth))

    def _timers_until(self, time: int, rank: int) -> None:
        """Hear what is due before a time, and at that time up to a rank, after what came of the market before it."""
        while (due := self.timers.next(self.desk.fold)) is not None and (due.time, rank_of(due)) <= (time, rank):
            if self.ingest.market:
                self.pump()  # what was taken in may ask for a timer of its own
                continue
            if f"timer {due.schedule} {due.time}" in self.barred:
                return
            self._hear([Heard(due)])

    def pump(self) -> None:
        """Hear everything that waits: the operator, the venue, the market; raises LateError.

        The store is asked again only after something that it held was heard; what comes meanwhile wakes somebody itself.
        """
        while True:
            batch = self.ingest.gather()
            if batch:
                self._hear(batch)
            if not batch or (not self.ingest.market and not any(one.inbox for one in batch)):
                self.pumped += 1
                return

    def _hear(self, batch: Sequence[Heard]) -> None:
        """One append after another until the batch is heard; what is to be sent wakes `deliver` by itself."""
        at = 0
        while at < len(batch):
            if not self.in_time():
                raise LateError
            now = self.clock.now()
            decided = decide(self.desk, batch[at : at + EVENTS_MAX], now, claim=False)
            at += decided.count
            self.refused += [reason_name(row[_REASON]) for step in decided.steps for row in step.refusals]
            hold_broken(self.desk, decided.steps, now)


def take_seat(
    journal: Journal, book: str, strategy: type[Strategy], holder: str, clock: Clock, region: str = "cloud",
    snapshot_every: int = SNAPSHOT_STEPS,
) -> Seat:  # fmt: skip
    """The seat of a book as its records are now.

    Raises Stop SF881 where another has the book, Stop SF882 where the package holds other code than the book runs,
    Retry SF883 while others write so quickly that it cannot be read.
    """
    for _ in range(LOADS_MAX):
        before = journal.head(book)
        refuse_other_holder(before, holder)
        manifest = manifest_of(journal, book)
        if code_hash(strategy) != manifest.code:
            raise Stop(
                "SF882", f"the package holds {code_hash(strategy)} and book {book} runs {manifest.code}",
                why="what the records mean was decided by the code that made them",
                fix="stratofold deploy, which records the change, or stratofold cloud rollback",
            )  # fmt: skip
        fold = restore_fold(journal, book, strategy)
        head = journal.head(book)
        # A change takes the book: what was read is of before it otherwise, and the steps are as many.
        if head.step == fold.steps and head.epoch == before.epoch:
            refuse_other_holder(head, holder)
            desk = Desk(
                journal, manifest, strategy, fold, head, by="decide", region=region, snapshot_every=snapshot_every,
                snapshot_step=fold.steps - fold.steps % snapshot_every,  # the same places, whoever was here before
            )  # fmt: skip
            return Seat(desk, clock, Timers(strategy.schedule, calendar(manifest.calendar), manifest.opened))
    raise Retry("SF883", f"book {book} is written faster than it is read", fix="it is tried again by itself")
