"""What is usual, learnt from what was lately, and when something is not: the arithmetic of `watch`.

What comes in: one number or one outcome at a time.  What goes out: None, or how far the recent ones are from usual.
Why it is shaped so: an alert that cries wolf is switched off, so both tests ask for evidence that chance does not give:
a median that one slow answer cannot move, against a spread that one slow answer cannot widen; and for rates the exact
binomial probability of so few successes.  Both say nothing before they have seen enough.  What stays unusual for long
becomes usual: the alert has been raised by then, and a baseline that never moves would raise it for ever.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import comb
from typing import NamedTuple


class Unusual(NamedTuple):
    """What was seen lately, and what is usual."""

    seen: float
    usual: float


class Spike:
    """Values that rise suddenly: the median of the last few against the median and spread of those before.

    The spread is 1.4826 times the median absolute deviation, which for normal values estimates one standard deviation
    (Rousseeuw and Croux, 1993).
    """

    def __init__(
        self, *, floor: float, factor: float = 3.0, deviations: float = 8.0, recent: int = 5, window: int = 200,
        warm_up: int = 30,
    ) -> None:  # fmt: skip
        """A spike is above `floor`, `factor` times the usual and `deviations` spreads over it."""
        self.floor = floor
        self.factor = factor
        self.deviations = deviations
        self.warm_up = warm_up
        self.window = window
        self._recent: deque[float] = deque(maxlen=recent)
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> Unusual | None:
        """Take one value; returns what is unusual now, if anything."""
        recent = self._recent
        if len(recent) == recent.maxlen:
            self._remember(recent[0])
        recent.append(value)
        if len(self._sorted) < self.warm_up:
            return None
        seen, usual = _median(sorted(recent)), _median(self._sorted)
        if seen <= max(self.floor, self.factor * usual):
            return None
        spread = 1.4826 * _median(sorted(abs(one - usual) for one in self._sorted))
        return Unusual(seen, usual) if seen > usual + self.deviations * spread else None

    def _remember(self, value: float) -> None:
        """A value that is no longer recent is part of what is usual."""
        self._order.append(value)
        insort(self._sorted, value)
        if len(self._order) > self.window:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]


class Drop:
    """Outcomes that fail suddenly: in one of the last `windows`, fewer successes than chance explains.

    The chance is P[X <= successes] of the binomial distribution with the rate of the outcomes before the window, each
    rate with one success and one failure added (Laplace's rule), so that a rate of 1 is never certain.
    """

    def __init__(
        self, *, improbable: float, share: float = 1.0, windows: tuple[int, ...] = (8, 20, 50), history: int = 500,
        warm_up: int = 30,
    ) -> None:  # fmt: skip
        """A drop has a probability below `improbable` and a rate below `share` of the usual one.

        Where outcomes come many alike in a row, chance explains too little, and `share` says what is still a habit.
        Outcomes older than `history` are forgotten.
        """
        self.improbable = improbable
        self.share = share
        self.windows = windows
        self.warm_up = warm_up
        self._outcomes: deque[bool] = deque(maxlen=history + max(windows))
        self._successes = 0
        self._lately = [0] * len(windows)

    def add(self, success: bool) -> Unusual | None:
        """Take one outcome; returns the rate of the window that is unusual now, if one is."""
        outcomes = self._outcomes
        if len(outcomes) == outcomes.maxlen:
            self._successes -= outcomes[0]
        for k, window in enumerate(self.windows):
            self._lately[k] += success - (outcomes[-window] if len(outcomes) >= window else 0)
        outcomes.append(success)
        self._successes += success
        return next(
            (found for k, window in enumerate(self.windows) if (found := self._test(window, self._lately[k]))), None
        )

    def _test(self, window: int, successes: int) -> Unusual | None:
        """Whether the last `window` outcomes have too few successes for what was before them."""
        before = len(self._outcomes) - window
        if before < self.warm_up:
            return None
        rate = (self._successes - successes + 1) / (before + 2)
        if successes >= self.share * rate * window or _at_most(successes, window, rate) >= self.improbable:
            return None
        return Unusual(successes / window, rate)


def _at_most(successes: int, count: int, rate: float) -> float:
    """P[X <= successes] for `count` outcomes of a rate."""
    return sum(comb(count, k) * rate**k * (1.0 - rate) ** (count - k) for k in range(successes + 1))


def _median(values: list[float]) -> float:
    """The middle of sorted values, which are not empty."""
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
