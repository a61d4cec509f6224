"""Order statistics of the last `period` values: minimum, maximum, quantile, median.

Minimum and maximum keep the largest of a block and of what is left of the one before (O(1) per update, amortised);
quantiles keep two heaps that meet at the rank asked for (O(log n)).  Ranks compare and never add, so no error can grow.
"""

from array import array
from math import inf, nan

from stratofold.fold.indicators.arguments import between, whole
from stratofold.fold.marks import inside, seldom


class Extreme:
    """The largest of the last `period` numbers: what MIN, MAX, Donchian and the oscillators are made of.

    Give it negated values for the smallest; of equal ones (0.0 and -0.0) it is the newest.
    Values come in blocks of `period`.  The ring holds those of this block, and behind them, of each place in the block
    before, the largest from there to its end: that, and the largest of this block, are all that a window is made of.
    Source: M. van Herk, Pattern Recognition Letters 13 (1992), and J. Gil and M. Werman, IEEE Transactions on Pattern
    Analysis and Machine Intelligence 15 (1993): three comparisons a value, none of which decides where to go on.
    """

    def __init__(self, period: int) -> None:
        """An empty window for `period` values."""
        self.period = period
        self._ring = array("d", [-inf]) * period
        self._place = 0
        self._largest = -inf  # of this block
        self._clock = 0
        self._clean_from = period  # the first time at which the window is full and free of NaN

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._clock >= self._clean_from

    @inside("place", "ring")
    @inside("following", "ring")
    def take(self, value: float) -> float:
        """Let `value` in and the oldest out; returns the largest, NaN until ready."""
        clock = self._clock + 1
        self._clock = clock
        if value != value:
            self._clean_from = clock + self.period
            value = -inf
        ring = self._ring
        place = self._place
        largest = self._largest
        largest = max(value, largest)  # of equal ones the first: the newer
        ring[place] = value
        following = place + 1
        if following == self.period:
            self._turn()
            return largest if clock >= self._clean_from else nan
        self._place = following
        self._largest = largest
        before = ring[following]
        largest = max(largest, before)
        return largest if clock >= self._clean_from else nan

    @seldom
    @inside("place", "ring")
    def _turn(self) -> None:
        """The block is full: from each of its values on the largest, and a new one begins."""
        ring = self._ring
        place = self.period - 1
        largest = ring[place]
        while place > 1:
            place -= 1
            value = ring[place]
            largest = max(largest, value)
            ring[place] = largest
        self._place = 0
        self._largest = -inf


class MAX:
    """Largest of the last `period` values, in their unit.  NaN for the first `period - 1`.  Source: TA-Lib `MAX`."""

    def __init__(self, period: int = 30) -> None:
        """Maximum over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "MAX")
        self.value = nan
        self._extreme = Extreme(self.period)

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._extreme.ready

    def update(self, value: float) -> float:
        """Take the next value and return the largest."""
        self.value = self._extreme.take(value)
        return self.value


class MIN:
    """Smallest of the last `period` values, in their unit.  NaN for the first `period - 1`.  Source: TA-Lib `MIN`."""

    def __init__(self, period: int = 30) -> None:
        """Minimum over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "MIN")
        self.value = nan
        self._extreme = Extreme(self.period)

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._extreme.ready

    def update(self, value: float) -> float:
        """Take the next value and return the smallest."""
        self.value = -self._extreme.take(-value)
        return self.value


class Quantile:
    """The `fraction` quantile of the last `period` values, linear between ranks, in their unit.

    With sorted values `v[0] ... v[n-1]` and `h = (n - 1) * fraction` it is `v[k] + (h - k) * (v[k+1] - v[k])`, `k = floor(h)`.
    NaN for the first `period - 1` values.
    Source: R. J. Hyndman and Y. Fan, The American Statistician 50 (1996), definition 7 (the default of NumPy and R).

    The ring's slots are kept in one array of two heaps back to back: the `k + 1` smallest with the largest of them on top,
    and the others with the smallest on top.
    """

    def __init__(self, period: int = 20, fraction: float = 0.5) -> None:
        """Quantile over `period` values; raises `Setup` unless `0 <= fraction <= 1` and `period` is at least 1."""
        self.period = whole(period, "period", "Quantile")
        self.fraction = between(fraction, "fraction", "Quantile", 0.0, 1.0)
        self.value = nan
        height = (self.period - 1) * self.fraction
        self._low_size = int(height) + 1
        self._share = height - int(height)
        self._keys = array("d", [inf]) * self.period  # by slot of the ring; a NaN sorts as infinity
        self._heap = array("q", range(self.period))  # slots, in heap order
        self._where = array("q", range(self.period))  # the place of each slot in the heap
        self._index = 0
        self._clock = 0
        self._clean_from = self.period

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._clock >= self._clean_from

    def update(self, value: float) -> float:
        """Take the next value and return the quantile."""
        self._clock += 1
        key = value
        if value != value:
            key = inf
            self._clean_from = self._clock + self.period
        self._replace(self._index, key)
        self._index += 1
        if self._index == self.period:
            self._index = 0
        self.value = self._quantile() if self._clock >= self._clean_from else nan
        return self.value

    def _quantile(self) -> float:
        """What the two tops say."""
        low = self._keys[self._heap[0]]
        if self._share == 0.0:
            return low
        high = self._keys[self._heap[self._low_size]]
        return low + self._share * (high - low)

    def _replace(self, slot: int, key: float) -> None:
        """Give `slot` a new key and put both heaps in order again."""
        self._keys[slot] = key
        place = self._where[slot]
        if place < self._low_size:
            self._settle_low(place)
        else:
            self._settle_high(place)
        if self._low_size < self.period and self._keys[self._heap[0]] > self._keys[self._heap[self._low_size]]:
            self._swap(0, self._low_size)
            self._settle_low(0)
            self._settle_high(self._low_size)

    def _swap(self, one: int, other: int) -> None:
        """Exchange two places of the heap array."""
        first = self._heap[one]
        second = self._heap[other]
        self._heap[one] = second
        self._heap[other] = first
        self._where[second] = one
        self._where[first] = other

    def _settle_low(self, place: int) -> None:
        """Move what is at `place` up or down until each parent in the low heap is at least its children."""
        while place > 0 and self._keys[self._heap[(place - 1) // 2]] < self._keys[self._heap[place]]:
            self._swap(place, (place - 1) // 2)
            place = (place - 1) // 2
        child = 2 * place + 1
        while child < self._low_size:
            if child + 1 < self._low_size and self._keys[self._heap[child + 1]] > self._keys[self._heap[child]]:
                child += 1
            if self._keys[self._heap[child]] <= self._keys[self._heap[place]]:
                return
            self._swap(place, child)
            place = child
            child = 2 * place + 1

    def _settle_high(self, place: int) -> None:
        """Move what is at `place` up or down until each parent in the high heap is at most its children."""
        base = self._low_size
        rank = place - base
        while rank > 0 and self._keys[self._heap[base + (rank - 1) // 2]] > self._keys[self._heap[base + rank]]:
            self._swap(base + rank, base + (rank - 1) // 2)
            rank = (rank - 1) // 2
        child = 2 * rank + 1
        while base + child < self.period:
            after = base + child + 1
            if after < self.period and self._keys[self._heap[after]] < self._keys[self._heap[after - 1]]:
                child += 1
            if self._keys[self._heap[base + child]] >= self._keys[self._heap[base + rank]]:
                return
            self._swap(base + rank, base + child)
            rank = child
            child = 2 * rank + 1


class Median(Quantile):
    """Median of the last `period` values, in their unit; the mean of the middle two where `period` is even.

    NaN for the first `period - 1` values.
    """

    def __init__(self, period: int = 20) -> None:
        """Median over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        whole(period, "period", "Median")
        super().__init__(period, 0.5)


Minimum = MIN
Maximum = MAX
