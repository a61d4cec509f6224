"""Mean and variance: the long-only portfolio that has the least variance, or the best return for its variance."""

from array import array
from math import inf

from stratofold.fold.indicators.arguments import between, whole

_MOVES_MAX = 100_000
_NONE = -1


class MeanVariance:
    """Weights from 0 to `most` that sum to 1 and make `aversion` / 2 x variance less mean return as small as can be.

    Markowitz, "Portfolio Selection", Journal of Finance 7(1), 1952; `tilt` 0 leaves the mean out: the least variance.
    Solved by moving weight from the symbol that costs most to the one that costs least, each time exactly as far as
    helps (Platt, "Sequential Minimal Optimization", 1998), until no move gains more than a billionth.
    A symbol without variance is none to choose: it has no weight.  Where `most` does not let the others hold everything,
    they hold equal parts.  A matrix of short samples wants to be shrunk first, or its errors are what is chosen: `Covariance.shrink`.
    """

    def __init__(self, symbols: int, most: float = 1.0, aversion: float = 1.0, tilt: float = 0.0) -> None:
        """No weights yet; raises `Setup` for no symbol and for a `most` with which weights cannot sum to 1."""
        self.symbols = whole(symbols, "symbols", "MeanVariance", 1)
        self.most = between(most, "most", "MeanVariance", 1.0 / symbols, 1.0)
        self.aversion = between(aversion, "aversion", "MeanVariance", 1e-9, 1e9)
        self.tilt = between(tilt, "tilt", "MeanVariance", 0.0, 1e9)
        self.weights = array("d", [0.0]) * symbols
        self._cost = array("d", [0.0]) * symbols
        self.moves = 0

    def solve(self, matrix: "array[float]", mean: "array[float]") -> None:
        """Fill `weights` from a covariance matrix and mean returns of the same period."""
        count = self.symbols
        largest = 0.0
        moving = 0
        for symbol in range(count):
            moving += 1 if matrix[symbol * count + symbol] > 0.0 else 0
        for symbol in range(count):
            self.weights[symbol] = 1.0 / moving if matrix[symbol * count + symbol] > 0.0 else 0.0
            largest = max(largest, self.aversion * matrix[symbol * count + symbol], self.tilt * abs(mean[symbol]))
        for symbol in range(count):
            cost = 0.0 - self.tilt * mean[symbol]
            for other in range(count):
                cost += self.aversion * matrix[symbol * count + other] * self.weights[other]
            self._cost[symbol] = cost
        self.moves = 0
        while self.moves < _MOVES_MAX and self._move(matrix, 1e-12 * largest):
            self.moves += 1

    def _move(self, matrix: "array[float]", least: float) -> bool:
        """Weight from the dearest symbol that has some to the cheapest that has room; whether that helped."""
        count = self.symbols
        giver = _NONE
        taker = _NONE
        dearest = -inf
        cheapest = inf
        for symbol in range(count):
            if self.weights[symbol] > 0.0 and self._cost[symbol] > dearest:
                dearest = self._cost[symbol]
                giver = symbol
            has_room = self.weights[symbol] < self.most and matrix[symbol * count + symbol] > 0.0
            if has_room and self._cost[symbol] < cheapest:
                cheapest = self._cost[symbol]
                taker = symbol
        if giver < 0 or taker < 0 or dearest - cheapest <= least:
            return False
        bend = matrix[giver * count + giver] + matrix[taker * count + taker] - 2.0 * matrix[giver * count + taker]
        room = min(self.weights[giver], self.most - self.weights[taker])
        step = min((dearest - cheapest) / (self.aversion * bend), room) if bend > 0.0 else room
        self.weights[giver] = self.weights[giver] - step if step < self.weights[giver] else 0.0
        self.weights[taker] = min(self.weights[taker] + step, self.most)
        for symbol in range(count):
            self._cost[symbol] += (
                self.aversion * step * (matrix[symbol * count + taker] - matrix[symbol * count + giver])
            )
        return True
