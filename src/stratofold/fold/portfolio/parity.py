"""Weights that share risk out: by volatility alone, or with what symbols do together."""

from array import array
from math import sqrt

from stratofold.fold.indicators.arguments import whole

_ROUNDS_MAX = 1000
_CLOSE = 1e-13  # of the largest weight: by so little a round may still change one


class InverseVolatility:
    """Weights in inverse proportion to each symbol's volatility; 0 where a symbol has none."""

    def __init__(self, symbols: int) -> None:
        """No weights yet; raises `Setup` for no symbol."""
        self.symbols = whole(symbols, "symbols", "InverseVolatility", 1)
        self.weights = array("d", [0.0]) * symbols

    def solve(self, matrix: "array[float]") -> None:
        """Fill `weights`, which sum to 1, from a covariance matrix; all 0 where nothing moves."""
        total = 0.0
        for symbol in range(self.symbols):
            variance = matrix[symbol * self.symbols + symbol]
            self.weights[symbol] = 1.0 / sqrt(variance) if variance > 0.0 else 0.0
            total += self.weights[symbol]
        for symbol in range(self.symbols):
            self.weights[symbol] = self.weights[symbol] / total if total > 0.0 else 0.0


class RiskParity:
    """Weights with which every symbol contributes the same to the portfolio's variance, or as much as its budget says.

    Cyclical coordinate descent: Griveau-Billion, Richard and Roncalli, "A Fast Algorithm for Computing High-Dimensional
    Risk Parity Portfolios", 2013.  A symbol without variance, or with a budget of 0, has no weight.
    """

    def __init__(self, symbols: int) -> None:
        """Equal budgets, no weights yet; raises `Setup` for no symbol."""
        self.symbols = whole(symbols, "symbols", "RiskParity", 1)
        self.budgets = array("d", [1.0]) * symbols
        self.weights = array("d", [0.0]) * symbols
        self.rounds = 0

    def solve(self, matrix: "array[float]") -> None:
        """Fill `weights`, which sum to 1, from a covariance matrix; all 0 where nothing moves."""
        count = self.symbols
        for symbol in range(count):
            variance = matrix[symbol * count + symbol]
            self.weights[symbol] = sqrt(self.budgets[symbol] / variance) if variance > 0.0 else 0.0
        self.rounds = 0
        moved = True
        while moved and self.rounds < _ROUNDS_MAX:
            moved = self._round(matrix)
            self.rounds += 1
        total = 0.0
        for symbol in range(count):
            total += self.weights[symbol]
        for symbol in range(count):
            self.weights[symbol] = self.weights[symbol] / total if total > 0.0 else 0.0

    def _round(self, matrix: "array[float]") -> bool:
        """One weight after the other to where its own equation holds; whether any has moved."""
        count = self.symbols
        most = 0.0
        largest = 0.0
        for symbol in range(count):
            variance = matrix[symbol * count + symbol]
            if variance > 0.0:
                others = 0.0 - self.weights[symbol] * variance
                for other in range(count):
                    others += matrix[symbol * count + other] * self.weights[other]
                root = sqrt(others * others + 4.0 * variance * self.budgets[symbol])
                weight = (root - others) / (2.0 * variance)
                most = max(most, abs(weight - self.weights[symbol]))
                largest = max(largest, weight)
                self.weights[symbol] = weight
        return most > _CLOSE * largest
