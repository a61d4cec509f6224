"""Hierarchical risk parity: symbols are put beside those they resemble, and risk is shared out by halving."""

from array import array
from math import inf, sqrt

from stratofold.fold.indicators.arguments import whole

_NONE = -1


class HierarchicalRiskParity:
    """Weights by the similarity of symbols, without inverting a matrix.

    López de Prado, "Building Diversified Portfolios that Outperform Out of Sample", Journal of Portfolio Management
    42(4), 2016: single linkage over the distance sqrt((1 - correlation) / 2), symbols in the order of the tree's leaves,
    and each half of a run weighted by the other's variance.  The tree is of the distances themselves, not of the
    distances between their columns.  A symbol without variance resembles none and has no weight.
    """

    def __init__(self, symbols: int) -> None:
        """No weights yet; raises `Setup` for no symbol."""
        self.symbols = whole(symbols, "symbols", "HierarchicalRiskParity", 1)
        self.weights = array("d", [0.0]) * symbols
        self.order = array("q", [0]) * symbols
        self._distance = array("d", [0.0]) * (symbols * symbols)
        self._next = array("q", [0]) * symbols  # the symbol to the right of each, of its cluster
        self._last = array("q", [0]) * symbols  # the right end of the cluster whose left end this is
        self._number = array("q", [0]) * symbols  # of that cluster: which of two stands to the left
        self._alive = array("q", [0]) * symbols
        self._starts = array("q", [0]) * (2 * symbols)
        self._ends = array("q", [0]) * (2 * symbols)

    def solve(self, matrix: "array[float]") -> None:
        """Fill `weights`, which sum to 1, and `order` from a covariance matrix; all 0 where nothing moves."""
        self._measure(matrix)
        for number in range(self.symbols - 1):
            self._join(self.symbols + number)
        self._line_up()
        moving = 0
        for symbol in range(self.symbols):
            moves = matrix[symbol * self.symbols + symbol] > 0.0
            self.weights[symbol] = 1.0 if moves else 0.0
            moving += 1 if moves else 0
        if moving > 0:
            self._halve(matrix)

    def _measure(self, matrix: "array[float]") -> None:
        """Distances, and every symbol a cluster of its own."""
        count = self.symbols
        for first in range(count):
            for second in range(count):
                scale = sqrt(matrix[first * count + first]) * sqrt(matrix[second * count + second])
                correlation = matrix[first * count + second] / scale if scale > 0.0 else 0.0
                self._distance[first * count + second] = sqrt(0.5 * (1.0 - min(max(correlation, -1.0), 1.0)))
            self._next[first] = _NONE
            self._last[first] = first
            self._number[first] = first
            self._alive[first] = 1

    def _join(self, number: int) -> None:
        """The two nearest clusters become one, named by its left end."""
        count = self.symbols
        nearest = inf
        left = 0
        right = 0
        for first in range(count):
            if self._alive[first] == 1:
                for second in range(first + 1, count):
                    if self._alive[second] == 1 and self._distance[first * count + second] < nearest:
                        nearest = self._distance[first * count + second]
                        left = first
                        right = second
        if self._number[left] > self._number[right]:
            left, right = right, left
        self._next[self._last[left]] = right
        self._last[left] = self._last[right]
        self._number[left] = number
        self._alive[right] = 0
        for other in range(count):
            nearer = min(self._distance[left * count + other], self._distance[right * count + other])
            self._distance[left * count + other] = nearer
            self._distance[other * count + left] = nearer

    def _line_up(self) -> None:
        """The symbols from left to right."""
        symbol = 0
        while self._alive[symbol] == 0:
            symbol += 1
        for place in range(self.symbols):
            self.order[place] = symbol
            symbol = self._next[symbol]

    def _halve(self, matrix: "array[float]") -> None:
        """Runs of more than one symbol in halves, each weighted by how much the other varies."""
        self._starts[0] = 0
        self._ends[0] = self.symbols
        waiting = 1
        while waiting > 0:
            waiting -= 1
            start = self._starts[waiting]
            end = self._ends[waiting]
            if end - start > 1:
                middle = start + (end - start) // 2
                left = self._variance(matrix, start, middle)
                right = self._variance(matrix, middle, end)
                share = right / (left + right) if left > 0.0 and right > 0.0 else (1.0 if right == 0.0 else 0.0)
                for place in range(start, end):
                    self.weights[self.order[place]] *= share if place < middle else 1.0 - share
                self._starts[waiting] = start
                self._ends[waiting] = middle
                self._starts[waiting + 1] = middle
                self._ends[waiting + 1] = end
                waiting += 2

    def _variance(self, matrix: "array[float]", start: int, end: int) -> float:
        """The variance of a run of symbols weighted by the inverse of each one's own; 0 where none moves."""
        count = self.symbols
        total = 0.0
        for place in range(start, end):
            own = matrix[self.order[place] * count + self.order[place]]
            total += 1.0 / own if own > 0.0 else 0.0
        variance = 0.0
        for one in range(start, end):
            first = self.order[one]
            own = matrix[first * count + first]
            for other in range(start, end):
                second = self.order[other]
                its = matrix[second * count + second]
                if own > 0.0 and its > 0.0:
                    variance += matrix[first * count + second] / (own * its)
        return variance / (total * total) if total > 0.0 else 0.0
