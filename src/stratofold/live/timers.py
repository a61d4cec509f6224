"""Which timer is due next: a strategy's schedule, and what the book itself asked for.

What comes in: a schedule, a calendar, how far each entry was heard.  What goes out: one `Timer` at a time, in the order
in which a backtest hears them: by time, then by entry; the book's own after those of the same time.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

from stratofold.events import Timer
from stratofold.market.sessions import DAY_NS, expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratofold.live.fold import Fold
    from stratofold.market.sessions import Calendar, Entry

_AHEAD_NS = 100 * DAY_NS


class Timers:
    """The timers of one book from `start` (ns UTC, exclusive) on."""

    def __init__(self, schedule: Sequence[Entry], calendar: Calendar, start: int) -> None:
        """Nothing is due before `start`."""
        self.schedule = schedule
        self.calendar = calendar
        self.until = start
        self.coming: list[tuple[int, int]] = []

    def next(self, fold: Fold, until: int | None = None) -> Timer | None:
        """The next timer that the fold has not heard; None when none will ever come, or none that is due by `until`."""
        due = self._scheduled(fold) if self.schedule else None
        book = fold.engine.book
        if book.timer_count and (due is None or book.timer_due[0] < due[0]):
            due = book.timer_due[0], -1
        if due is None or (until is not None and due[0] > until):
            return None
        return timer(*due)

    def _scheduled(self, fold: Fold) -> tuple[int, int] | None:
        """The next of the schedule, as (time, entry)."""
        heard = fold.progress.timer_until
        while self.schedule:
            while self.coming and self.coming[0][0] <= heard[self.coming[0][1]]:
                self.coming.pop(0)
            if self.coming:
                return self.coming[0]
            if self.until > self.calendar.closes[-1]:
                return None
            self.coming = list(merge(*[self._stretch(k) for k in range(len(self.schedule))]))
            self.until += _AHEAD_NS
        return None

    def _stretch(self, number: int) -> Iterator[tuple[int, int]]:
        """The times of one entry in the next stretch."""
        entry, end = self.schedule[number], self.until + _AHEAD_NS
        near = self.calendar.slice(self.until, end, margin=30)
        return ((time, number) for time in expand(entry, near, self.until + 1, end))


def timer(time: int, schedule: int) -> Timer:
    """A timer that is due at `time` (ns UTC): entry `schedule` of the strategy's, or (-1) the book's own earliest."""
    event = Timer()
    event.time = event.known = time
    event.schedule = schedule
    return event
