"""How many in how long: counts that a throttle asks for, kept as numbers.

What comes in: moments, in order.  What goes out: whether one more is one too many.
"""

from __future__ import annotations

from array import array
from math import inf

_LONG_AGO = -(2**62)
_ROOM_MAX = 100_000


class Window:
    """At most `most` in any stretch of `span` nanoseconds (open at its end): the moments of the last `most`."""

    CONTENT = ("most", "room", "span")
    __slots__ = ("at", "most", "room", "span", "times")

    def __init__(self, most: float, span: int) -> None:
        """Nothing has happened yet; `most` may be infinite, and 0 allows nothing."""
        self.most = most
        self.span = span
        self.room = int(min(most, _ROOM_MAX)) if most < inf else 0  # how many moments are remembered
        self.times = array("q", [_LONG_AGO]) * self.room
        self.at: int = 0

    def full(self, now: int) -> bool:
        """Whether one more at `now` is one too many."""
        if self.most == inf:
            return False
        if len(self.times) != self.room:
            self._fit()
        return not self.room or now - self.times[self.at] < self.span

    def has_room(self, now: int, count: int) -> bool:
        """Whether none of so many more at `now`, one or more, is one too many: moments are in order, so the last tells."""
        if self.most == inf:
            return True
        room = self.room
        if len(self.times) != room:
            self._fit()
        return count <= room and now - self.times[(self.at + count - 1) % room] >= self.span

    def add(self, now: int, count: int = 1) -> None:
        """So many more have happened."""
        room = self.room
        if len(self.times) != room:
            self._fit()
        if room:
            times, at = self.times, self.at
            for _ in range(count):
                times[at] = now
                at = (at + 1) % room
            self.at = at

    def _fit(self) -> None:
        """The bound may have changed since this state was saved: keep the newest moments that it asks for."""
        room = self.room
        newest = [*self.times[self.at :], *self.times[: self.at]][-room:] if room else []
        self.times = array("q", [_LONG_AGO] * (room - len(newest)) + newest)
        self.at = 0
