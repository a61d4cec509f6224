"""What kind of market it is: calm or wild, moving together or apart, and a hidden Markov filter over states fitted before.

What comes in: returns as they come.  What goes out: a regime as a whole number, or a probability of each.
Why it is shaped so: a regime that flickers costs more than it saves, so the plain ones change at one level and change
back at another; the filter holds no more than one probability a state, and what was fitted comes as an artifact.
"""

from array import array
from math import nan, sqrt
from typing import Any

from stratofold.errors import Setup
from stratofold.fold.indicators.arguments import between, whole
from stratofold.fold.indicators.moments import STDDEV
from stratofold.fold.maths import exp

CALM, WILD = 0, 1


class VolatilityRegime:
    """Calm (0) or wild (1): the deviation of the last `short` returns against that of the last `long`.

    It turns wild when the ratio rises above `up`, and calm again when it falls below `down`.  `ratio` is NaN, and the
    regime calm, until `long` returns have come.
    """

    def __init__(self, short: int = 20, long: int = 250, up: float = 1.3, down: float = 1.0) -> None:
        """Calm; raises `Setup` for windows that are not in order, or an `up` below `down`."""
        self.short = STDDEV(whole(short, "short", "VolatilityRegime", 2))
        self.long = STDDEV(whole(long, "long", "VolatilityRegime", short + 1))
        self.down = between(down, "down", "VolatilityRegime", 0.0, 1e6)
        self.up = between(up, "up", "VolatilityRegime", down, 1e6)
        self.ratio = nan
        self.value = CALM

    def update(self, change: float) -> int:
        """Take the next return and give the regime."""
        short = self.short.update(change)
        long = self.long.update(change)
        if long > 0.0:
            self.ratio = short / long
            if self.ratio > self.up:
                self.value = WILD
            elif self.ratio < self.down:
                self.value = CALM
        return self.value


class CorrelationRegime:
    """Apart (0) or together (1): the mean correlation of a covariance matrix, with one level to turn and one to turn back.

    `mean` is the mean over all pairs of symbols that move; NaN, and the regime unchanged, where fewer than two do.
    """

    def __init__(self, symbols: int, up: float = 0.6, down: float = 0.4) -> None:
        """Apart; raises `Setup` for fewer than two symbols, or an `up` below `down`."""
        self.symbols = whole(symbols, "symbols", "CorrelationRegime", 2)
        self.down = between(down, "down", "CorrelationRegime", -1.0, 1.0)
        self.up = between(up, "up", "CorrelationRegime", down, 1.0)
        self.mean = nan
        self.value = CALM

    def measure(self, matrix: "array[float]") -> int:
        """The regime by a covariance matrix, as `portfolio.Covariance` fills it."""
        count = self.symbols
        total = 0.0
        pairs = 0
        for first in range(count):
            for second in range(first):
                scale = sqrt(matrix[first * count + first]) * sqrt(matrix[second * count + second])
                if scale > 0.0:
                    total += matrix[first * count + second] / scale
                    pairs += 1
        self.mean = total / pairs if pairs > 0 else nan
        if self.mean > self.up:
            self.value = WILD
        elif self.mean < self.down:
            self.value = CALM
        return self.value


class HiddenMarkov:
    """The probability of each hidden state, given all values so far: Hamilton's filter over normal states.

    `transition` is states x states, row by row: from the row's state to the column's; each row sums to 1.  `means` and
    `deviations` are of the values in each state; `start` are the probabilities before the first value, equal unless said.
    `research.regimes.fit_hidden_markov` makes one from history.  States are in the order they were given in.
    Hamilton, "A New Approach to the Economic Analysis of Nonstationary Time Series", Econometrica 57(2), 1989.
    """

    CONTENT = ("transition", "means", "deviations", "start")

    def __init__(self, transition: Any, means: Any, deviations: Any, start: Any = None) -> None:
        """A filter before its first value; raises Setup SF403 for shapes that do not fit and rows that do not sum to 1."""
        self.means: array[float] = array("d", [float(value) for value in means])
        self.deviations: array[float] = array("d", [float(value) for value in deviations])
        self.states = len(self.means)
        rows = transition.tolist() if hasattr(transition, "tolist") else list(transition)
        flat = [value for row in rows for value in row] if rows and hasattr(rows[0], "__len__") else rows
        self.transition: array[float] = array("d", [float(value) for value in flat])
        equal = [1.0 / max(self.states, 1)] * self.states
        self.start: array[float] = array("d", equal if start is None else [float(value) for value in start])
        self._refuse()
        self.probabilities: array[float] = array("d", self.start)
        self._next: array[float] = array("d", self.start)
        self.heard = 0

    def _refuse(self) -> None:
        """What is no filter."""
        count = self.states
        if not count or len(self.deviations) != count or len(self.transition) != count * count:
            raise _wrong("the shapes do not fit", "give n means, n deviations and n x n transitions")
        if any(not value > 0.0 for value in self.deviations):
            raise _wrong("a deviation is not above 0", "a state must have some spread")
        rows = [self.transition[state * count : (state + 1) * count] for state in range(count)]
        for row in (*rows, self.start):
            if len(row) != count or min(row) < 0.0 or not abs(sum(row) - 1.0) < 1e-6:
                raise _wrong("probabilities do not sum to 1", "each row of transition, and start, must")

    def fresh(self) -> "HiddenMarkov":
        """A filter of the same numbers before its first value, for another symbol or another run."""
        return HiddenMarkov(self.transition, self.means, self.deviations, self.start)

    @property
    def state(self) -> int:
        """The most probable state; the first of equals."""
        best = 0
        for state in range(self.states):
            if self.probabilities[state] > self.probabilities[best]:
                best = state
        return best

    def update(self, value: float) -> int:
        """Take the next value and give the most probable state; one that is not finite tells nothing and only time passes."""
        self._pass()
        if value - value == 0.0:
            self._weigh(value)
        self.heard += 1
        return self.state

    def _pass(self) -> None:
        """What was probable moves on by the transitions; before the first value it is `start`."""
        if self.heard == 0:
            return
        for after in range(self.states):
            total = 0.0
            for before in range(self.states):
                total += self.probabilities[before] * self.transition[before * self.states + after]
            self._next[after] = total
        for state in range(self.states):
            self.probabilities[state] = self._next[state]

    def _weigh(self, value: float) -> None:
        """Bayes' rule; the largest exponent is taken off first, so that a value far from every state still tells.

        What all densities are divided by (the root of 2 pi) falls out of the probabilities and is left out.
        """
        largest = 0.0
        for state in range(self.states):
            apart = (value - self.means[state]) / self.deviations[state]
            self._next[state] = 0.0 - 0.5 * apart * apart
            if state == 0 or self._next[state] > largest:
                largest = self._next[state]
        total = 0.0
        for state in range(self.states):
            density = exp(self._next[state] - largest) / self.deviations[state]
            self.probabilities[state] *= density
            total += self.probabilities[state]
        for state in range(self.states):
            self.probabilities[state] = self.probabilities[state] / total if total > 0.0 else 1.0 / self.states


def _wrong(what: str, fix: str) -> Setup:
    """The error for a filter that cannot be."""
    return Setup("SF403", f"HiddenMarkov: {what}", place="HiddenMarkov", why="it would not be a probability", fix=fix)
