"""When a moment is complete: all that is expected of one time has come.

What comes in: events in order.  What goes out: whether the book may be judged now.
Why it is shaped so: bars of one time come one after the other, and a pair whose one leg is marked and whose other is
not has lost nothing.  As many bars are expected as came at the time before; fewer are judged when time moves on.  No
clock is asked, so a replay judges at the same events.
"""

from __future__ import annotations

from stratofold.events import Bar, Event


class Moment:
    """The bars of one time: how many came, and how many are expected."""

    __slots__ = ("came", "expected", "pending", "time")

    def __init__(self) -> None:
        """No bar has come."""
        self.time: int = -1
        self.came: int = 0
        self.expected: int = 1
        self.pending: bool = False

    def left(self, time: int) -> bool:
        """Whether `time` moves on from a moment that was not complete, which it then is."""
        if not self.pending or time <= self.time:
            return False
        self.pending = False
        return True

    def complete(self, event: Event) -> bool:
        """Count a bar; whether nothing more is expected of its time.  Other events only wait for a pending moment."""
        if not isinstance(event, Bar):
            return not self.pending
        if event.time > self.time:
            self.expected = max(self.came, 1)
            self.came = 0
            self.time = event.time
        self.came += 1
        self.pending = self.came < self.expected
        return not self.pending
