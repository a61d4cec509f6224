"""Which session a time belongs to: the calendar's numbers, walked forward.

A time belongs to the first session whose close is not before it, so what happens after hours belongs to the next
session, and an order decided at a close belongs to the next one too (`close_after`).
"""

from array import array

from stratofold.events import Bar, Bars
from stratofold.fold.marks import inside

_FOREVER = 9223372036854775807
_NO_CLOSE = array("q", [_FOREVER])  # of the endless session past the table


class Sessions:
    """Opens, closes (ns UTC), dates (proleptic ordinals), weekdays and months, and where we are in them.

    `closes` has one more than the others: past the table there is one session without end.
    """

    __slots__ = ("close", "closes", "days", "index", "months", "opens", "weekdays")
    CONTENT = ("opens", "closes", "days", "weekdays", "months")  # the calendar's, and the same for ever

    def __init__(
        self,
        opens: "array[int]",
        closes: "array[int]",
        days: "array[int]",
        weekdays: "array[int]",
        months: "array[int]",
    ) -> None:
        """Before the first session."""
        self.opens = opens
        self.closes = closes + _NO_CLOSE
        self.days = days
        self.weekdays = weekdays
        self.months = months
        self.index: int = -1
        self.close: int = -1

    def advance(self, time: int) -> None:
        """Walk to the session of `time`; past the table everything belongs to one endless session."""
        if time > self.close:
            self.walk(time)

    def walk(self, time: int) -> None:
        """As `advance`, when `time` is known to be past the close."""
        k = self.index
        k += 1
        while self.closes[k] < time:
            k += 1
        self.index = k
        self.close = self.closes[k]

    def day_of(self, index: int) -> int:
        """The date of a session, as an ordinal; before the first session its own, past the table the last one's."""
        last = len(self.days) - 1
        return self.days[min(max(index, 0), last)] if last >= 0 else 0

    def close_after(self, time: int) -> int:
        """The first close later than `time`, which is not before the current session's."""
        if time < self.close:
            return self.close
        k = self.index + 1
        while self.closes[k] <= time:
            k += 1
        return self.closes[k]

    @inside("k", "opens", "weekdays", "months")
    def stamp(self, bar: Bar) -> None:
        """Write the session's numbers on a bar, the first session having begun; past the table it keeps those that it has."""
        k = self.index
        opens = self.opens
        weekdays = self.weekdays
        months = self.months
        bar.session = k
        bar.session_close = self.close
        if 0 <= k < len(opens):
            bar.session_open = opens[k]
            bar.weekday = weekdays[k]
            bar.month = months[k]

    def stamp_group(self, bars: Bars) -> None:
        """As `stamp`, on a group of bars."""
        k = self.index
        bars.session = k
        bars.session_close = self.close
        if self.close < _FOREVER:
            bars.session_open = self.opens[k]
            bars.weekday = self.weekdays[k]
            bars.month = self.months[k]
