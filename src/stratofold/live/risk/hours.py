"""Market time: how long a market was open between two moments, and until when something holds.

What comes in: a calendar's opens and closes (ns UTC).  What goes out: durations of open time, in nanoseconds.
Why it is shaped so: data that is silent overnight is not stale, and an early close is an early close; both follow from
counting open time only, with the one table that the fold has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from stratofold.fold.order import FOREVER

if TYPE_CHECKING:
    from array import array


class Hours:
    """The opens and closes of one calendar, sorted; a table's, so in no snapshot."""

    CONTENT = ("closes", "opens")
    __slots__ = ("closes", "opens")

    def __init__(self, opens: array[int], closes: array[int]) -> None:
        """Two columns of one length."""
        self.opens = opens
        self.closes = closes

    def open_between(self, start: int, end: int) -> int:
        """Nanoseconds for which the market was open from `start` to `end`; 0 when `end` is not later."""
        total = 0
        if end <= start:
            return total
        for k in range(bisect_right(self.closes, start), len(self.closes)):
            if self.opens[k] >= end:
                break
            total += min(end, self.closes[k]) - max(start, self.opens[k])
        return total

    def after_open(self, start: int, duration: int) -> int:
        """The last moment at which no more than `duration` of open time has passed since `start`."""
        left = duration
        for k in range(bisect_right(self.closes, start), len(self.closes)):
            begin = max(self.opens[k], start)
            if left < self.closes[k] - begin:
                return begin + left
            left -= self.closes[k] - begin
        return FOREVER

    def session(self, time: int) -> int:
        """The index of the session a time belongs to: the first that closes at it or later; their count past the last."""
        return bisect_left(self.closes, time)

    def coming_close(self, time: int) -> int:
        """The first close later than `time`."""
        k = bisect_right(self.closes, time)
        return self.closes[k] if k < len(self.closes) else FOREVER
