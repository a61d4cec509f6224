"""When an event was due and did not come: the session table against what was heard.

What comes in: the sessions of the calendar, each event's symbol, time and span, and the time.  What goes out: the
symbols that are overdue, and since when.
Why it is shaped so: a feed can be connected and mute, so the age of the newest event counts, not the state of a socket;
and an age means nothing where the market is closed, so it is counted in the time the market was open.  A symbol that is
often quiet is given more time, learnt from its own gaps; one that was never quiet for long is missed sooner.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND_NS = 1_000_000_000
_GAPS = 200


class OpenTime:
    """How long the market was open, by the opens and closes (ns UTC, sorted) of its sessions."""

    def __init__(self, opens: Sequence[int], closes: Sequence[int]) -> None:
        """Add up the sessions once."""
        self.opens = opens
        self.closes = closes
        self._before = [0, *accumulate(close - begin for begin, close in zip(opens, closes, strict=True))]

    def until(self, time: int) -> int:
        """Open time, ns, from the first session to `time`."""
        k = bisect_left(self.closes, time)
        if k == len(self.closes):
            return self._before[k]
        return self._before[k] + max(0, time - self.opens[k])

    def between(self, start: int, end: int) -> int:
        """Open time, ns, in (start, end]."""
        return self.until(end) - self.until(start)

    def due(self, last: int, span: int) -> int:
        """When the bar after one complete at `last` is complete: one span on, or where its session closes; 0 for never."""
        k = bisect_left(self.closes, last)
        if k < len(self.closes) and last >= self.closes[k]:
            k += 1
        if k == len(self.closes):
            return 0
        return min(max(last, self.opens[k]) + span, self.closes[k])

    def session_ns(self, time: int) -> int:
        """How long the session is that `time` belongs to."""
        k = min(bisect_left(self.closes, time), len(self.closes) - 1)
        return self.closes[k] - self.opens[k]


class Heard:
    """What was heard of one symbol: the last time, its span, and its gaps in open time."""

    __slots__ = ("gaps", "last", "span")

    def __init__(self, last: int, span: int) -> None:
        """Nothing was heard since `last`."""
        self.last = last
        self.span = span
        self.gaps: deque[int] = deque(maxlen=_GAPS)


class Silence:
    """Symbols, and when each of them should be missed."""

    def __init__(
        self, open_time: OpenTime, symbols: Sequence[str], span: int, start: int, *, spans: int = 3,
        grace_seconds: float = 60.0, publish_seconds: float = 1800.0,
    ) -> None:  # fmt: skip
        """Expect events of `span` (ns; 0 for quotes and trades) from `start` on.

        A symbol is missed `spans` spans and a grace after an event was due, or after twice its longest late gap; a bar of a
        whole session `publish_seconds` after the close.
        """
        self.open_time = open_time
        self.spans = spans
        self.grace_ns = int(grace_seconds * SECOND_NS)
        self.publish_ns = int(publish_seconds * SECOND_NS)
        self.heard = {symbol: Heard(start, span) for symbol in symbols}
        self.halted: set[str] = set()

    def event(self, symbol: str, time: int, span: int) -> None:
        """An event of a symbol, complete at `time`; what comes late or twice is no news."""
        heard = self.heard.get(symbol)
        if heard is None:
            self.heard[symbol] = Heard(time, span)
        elif time > heard.last:
            heard.gaps.append(self.open_time.between(heard.last, time))
            heard.last, heard.span = time, span

    def halt(self, symbol: str, *, halted: bool) -> None:
        """A halted symbol owes nothing."""
        (self.halted.add if halted else self.halted.discard)(symbol)

    def overdue(self, now: int) -> dict[str, int]:
        """The symbols that should have been heard by now, each with the time its event was due."""
        late = {}
        for symbol, heard in self.heard.items():
            due = self.open_time.due(heard.last, heard.span)
            if 0 < due < now and symbol not in self.halted and self._missed(heard, due, now):
                late[symbol] = due
        return late

    def _missed(self, heard: Heard, due: int, now: int) -> bool:
        """Whether `now` is too long after `due` for this symbol."""
        if heard.span >= self.open_time.session_ns(due):
            return now - due > self.publish_ns
        allowed = max(self.spans * heard.span + self.grace_ns, 2 * max(heard.gaps, default=0))
        return self.open_time.between(due, now) > allowed
