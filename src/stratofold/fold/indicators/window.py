"""Sums over windows that are exact for decimals and never drift: what SMA, SUM, WMA and LINEARREG are made of.

Values come in; sums of the last so many are kept, and a subclass needs a division to state its result.
Two things make `WindowTotal` more than `total += new - old`:

*On the grid.*  Prices are decimals, and a double only stands for one.  Added as doubles they make a sum that depends on
the order in which they came, and two averages that are equal on paper differ in the last bit: a signal out of nothing.
So values are held as whole steps of the coarsest decimal grid (1, 0.1, ... 1e-8) on which all of them were so far.
Whole numbers add exactly, and one division at the end is rounded correctly.  The first value that is on no such
grid (a back-adjusted price, another indicator) turns this off for good: then the sum is of differences from an anchor in
the window, which is exact for constants and as near as doubles get for the rest.

*Afresh.*  Beside the running sum a second one starts at each turn of the ring.  When the ring has turned, that one
holds just the window and replaces the first, so a rounding error lives for two windows at most.
"""

from array import array
from math import nan

from stratofold.fold.marks import seldom

ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding and taking away this leaves a whole number, rounded half-even
DUST = 4.5e-16  # two units in the last place: by so much a decimal's double, times its scale, can miss a whole number
SCALE_MAX = 1e8
EXACT = 9007199254740992.0  # 2**53: sums of whole numbers are exact up to here


class WindowTotal:
    """The last `period` values and their sum; `SMA` and `SUM` are two ways of stating it.

    The result is `_total / _divisor + _share * _anchor`.  `_total` is NaN until the window is full, and while it holds a
    NaN; `_fresh` is the sum since the ring last turned.  `_grid` is the scale of the grid, 0 once off any; `_scale` is
    the same where the quick path is open, else NaN: it is open while the window is full of whole numbers of at most
    `_most`, whose sum is exact and needs no fresh one.
    """

    def __init__(self, period: int, divisor: float, share: float) -> None:
        """An empty window for `period` values, whose sum is stated over `divisor` and whose anchor `share` times."""
        self.period = period
        self._window = array("d", [0.0]) * period  # in steps while on a grid, else the values themselves
        self._index = 0
        self._scale = nan
        self._most = EXACT / period
        self._grid = 1.0
        self._divisor = divisor
        self._share = share
        self._total = nan
        self._fresh = 0.0
        self._anchor = 0.0
        self._next_anchor = 0.0
        self._spoilt = 0  # updates until what is no finite number, or too large a one, has left the window

    @property
    def value(self) -> float:
        """The result as of the last update."""
        return self._total / self._divisor + self._share * self._anchor

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._total == self._total

    def update(self, value: float) -> float:
        """Take the next value and return the result, NaN while the window is not full or holds a NaN."""
        wide = value * self._scale
        steps = wide + ROUNDER - ROUNDER
        if (steps == wide or abs(wide - steps) <= abs(wide) * DUST) and abs(wide) <= self._most:
            # The hot path of many strategies: a whole number of steps, no anchor, nothing to mend.
            index = self._index
            window = self._window
            total = self._total + (steps - window[index])
            window[index] = steps
            index += 1
            self._index = index if index < self.period else 0
            self._total = total
            return total / self._divisor
        return self._admit(value)

    @seldom
    def _admit(self, value: float) -> float:
        """Take a value that the quick path does not: mostly one of those that fill the window for the first time.

        What `_admit_any` would do with such a one that is on the grid, and not the last: there is no sum yet, nothing
        leaves, and the grid stays.
        """
        wide = value * self._grid
        steps = wide + ROUNDER - ROUNDER
        if (
            self._total != self._total
            and self._spoilt == 0
            and self._index + 1 < self.period
            and abs(wide - steps) <= abs(wide) * DUST
            and abs(steps) <= self._most
            and self._grid > 0.0
        ):
            self._window[self._index] = steps
            self._fresh += steps - self._next_anchor
            self._index += 1
            return self._total
        return self._admit_any(value)

    @seldom
    def _admit_any(self, value: float) -> float:
        """As `_admit`, of any value: off the grid, too large, no number, or while the window is not full."""
        was_open = self._scale == self._scale
        if was_open:
            self._fresh = self._recounted(self._index, 0.0)
        steps = value
        if value - value != 0.0:
            self._spoilt = self.period + 1
        elif self._grid > 0.0:
            steps = self._restated(value)
            if self._grid > 0.0 and abs(steps) > self._most:
                self._spoilt = self.period + 1
        index = self._index
        leaving = self._window[index]
        self._window[index] = steps
        self._total += steps - leaving
        self._fresh += steps - self._next_anchor
        self._index = index + 1
        if self._index == self.period:
            self._turn(steps)
        if leaving - leaving != 0.0:
            self._total = self._recounted(self.period, self._anchor)
        if self._spoilt > 0:
            self._spoilt -= 1
        is_open = self._grid > 0.0 and self._spoilt == 0 and self._total == self._total
        if is_open and not was_open:
            self._total = self._recounted(self.period, 0.0)
        self._scale = self._grid if is_open else nan
        return self.value

    def _turn(self, steps: float) -> None:
        """Take over the sum that began with this turn of the ring, and begin the next."""
        self._index = 0
        self._total = self._fresh
        self._fresh = 0.0
        if self._grid == 0.0:
            self._anchor = self._next_anchor
            self._next_anchor = steps if steps - steps == 0.0 else 0.0

    @seldom
    def _recounted(self, count: int, anchor: float) -> float:
        """The sum of `value - anchor` over the first `count` places of the ring."""
        total = 0.0
        for index in range(count):
            total += self._window[index] - anchor
        return total

    @seldom
    def _restated(self, value: float) -> float:
        """`value` in steps of a grid fine enough for it; all that is kept moves to that grid, or off any grid."""
        scale = self._grid
        while scale <= SCALE_MAX:
            wide = value * scale
            steps = wide + ROUNDER - ROUNDER
            if abs(wide - steps) <= abs(wide) * DUST:
                if scale != self._grid or self._spoilt > 0:  # else its pass over the window would change nothing
                    self._refine(scale / self._grid)
                return steps
            scale *= 10.0
        self._leave_grid(value)
        return value

    def _refine(self, ratio: float) -> None:
        """Go to a grid `ratio` times as fine."""
        for index in range(self.period):
            self._window[index] *= ratio
            if abs(self._window[index]) > self._most:
                self._spoilt = self.period + 1
        self._total *= ratio
        self._fresh *= ratio
        self._grid *= ratio
        self._divisor *= ratio

    def _leave_grid(self, value: float) -> None:
        """Keep the values themselves from now on, and their sum around `value`."""
        for index in range(self.period):
            self._window[index] /= self._grid
        self._divisor /= self._grid
        self._grid = 0.0
        self._anchor = value
        self._next_anchor = value
        self._fresh = self._recounted(self._index, value)
        if self._total == self._total:
            self._total = self._recounted(self.period, value)


class RampTotal:
    """The last `period` values, their sum and their sum with weights 1 (the oldest) to `period` (the newest).

    Both are of `value - anchor`, and NaN until the window is full; a value that is no finite number spoils them until
    it leaves.
    """

    def __init__(self, period: int) -> None:
        """An empty window for `period` values."""
        self.period = period
        self.anchor = 0.0
        self.total = nan
        self.weighted = nan
        self._window = array("d", [0.0]) * period
        self._index = 0
        self._next_anchor = 0.0
        self._fresh_total = 0.0
        self._fresh_weighted = 0.0

    def take(self, value: float) -> None:
        """Let `value` in and the oldest out."""
        leaving = self._window[self._index]
        self._window[self._index] = value
        self._index += 1
        self.weighted += self.period * (value - self.anchor) - self.total
        self.total += value - leaving
        self._fresh_total += value - self._next_anchor
        self._fresh_weighted += self._index * (value - self._next_anchor)
        if self._index == self.period:
            self._turn(value)
        elif leaving - leaving != 0.0:
            self._recount()

    def _turn(self, value: float) -> None:
        """Take over the sums that began with this turn of the window, and begin the next around `value`."""
        self._index = 0
        self.anchor = self._next_anchor
        self.total = self._fresh_total
        self.weighted = self._fresh_weighted
        self._next_anchor = value if value - value == 0.0 else 0.0
        self._fresh_total = 0.0
        self._fresh_weighted = 0.0

    def _recount(self) -> None:
        """Sum the window again, oldest first."""
        self.total = 0.0
        self.weighted = 0.0
        for age in range(self.period):
            place = self._index + age
            moved = self._window[place if place < self.period else place - self.period] - self.anchor
            self.total += moved
            self.weighted += (age + 1) * moved


class Accumulator:
    """A running sum whose error does not grow with the number of terms.

    Source: A. Neumaier, Zeitschrift für Angewandte Mathematik und Mechanik 54 (1974), 39-51: what an addition loses is
    summed beside it.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.total = 0.0
        self._lost = 0.0

    @property
    def value(self) -> float:
        """The sum so far."""
        return self.total + self._lost

    def add(self, term: float) -> None:
        """Add `term`."""
        total = self.total + term
        if abs(self.total) >= abs(term):
            self._lost += (self.total - total) + term
        else:
            self._lost += (term - total) + self.total
        self.total = total

    def fade(self, factor: float) -> None:
        """Multiply the sum by `factor`."""
        self.total *= factor
        self._lost *= factor

    def clear(self) -> None:
        """Begin again at nothing."""
        self.total = 0.0
        self._lost = 0.0
