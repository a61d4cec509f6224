"""Means and covariances of the last returns of several symbols, plain or shrunk.

What comes in: a row of returns a period.  What goes out: `mean` and `matrix`, when they are asked for.
Why it is shaped so: a matrix is needed once a month and a row comes every day, so rows are kept and nothing is worked
out before `measure`.
"""

from array import array

from stratofold.fold.indicators.arguments import whole


class Covariance:
    """Covariance of the last `window` rows of returns of `symbols` symbols.

    `measure` fills `mean` (a return a period each) and `matrix` (`symbols` x `symbols`, row by row, a squared return a
    period).  A row that holds a number that is not finite is left out.  `heard` counts the rows kept so far.
    """

    def __init__(self, symbols: int, window: int = 60) -> None:
        """No row yet; raises `Setup` for no symbol and for a window below 2."""
        self.symbols = whole(symbols, "symbols", "Covariance", 1)
        self.window = whole(window, "window", "Covariance", 2)
        self.heard = 0
        self.shrinkage = 0.0
        self.mean = array("d", [0.0]) * symbols
        self.matrix = array("d", [0.0]) * (symbols * symbols)
        self._rows = array("d", [0.0]) * (symbols * window)
        self._apart = array("d", [0.0]) * symbols

    @property
    def ready(self) -> bool:
        """Whether the window is full."""
        return self.heard >= self.window

    def update(self, returns: "array[float]") -> None:
        """Take the next row; it is copied."""
        for symbol in range(self.symbols):
            if returns[symbol] - returns[symbol] != 0.0:
                return
        first = self.heard % self.window * self.symbols
        for symbol in range(self.symbols):
            self._rows[first + symbol] = returns[symbol]
        self.heard += 1

    def measure(self) -> None:
        """The sample's mean and covariance (a sum over one less than the rows); zeros before the second row."""
        self._sums()
        rows = min(self.heard, self.window)
        for place in range(self.symbols * self.symbols):
            self.matrix[place] = self.matrix[place] / (rows - 1) if rows > 1 else 0.0
        self.shrinkage = 0.0

    def shrink(self) -> None:
        """The mean, and the covariance drawn towards one variance for all by as much as its noise asks for.

        A symbol that never moved is not among these: nothing is known of it, and its variance stays 0.
        Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
        Multivariate Analysis 88(2), 2004.  `shrinkage` is the share of the target, 0 to 1.
        """
        self._sums()
        rows = min(self.heard, self.window)
        count = self.symbols
        if rows < 2:
            return
        moving = 0
        trace = 0.0
        square = 0.0
        for place in range(count * count):
            self.matrix[place] /= rows
            square += self.matrix[place] * self.matrix[place]
        for symbol in range(count):
            trace += self.matrix[symbol * count + symbol]
            moving += 1 if self.matrix[symbol * count + symbol] > 0.0 else 0
        middle = trace / moving if moving > 0 else 0.0
        distance = square - moving * middle * middle
        noise = (self._fourth(rows) / rows - square) / rows
        self.shrinkage = min(max(noise / distance, 0.0), 1.0) if distance > 0.0 else 0.0
        for symbol in range(count):
            moves = self.matrix[symbol * count + symbol] > 0.0
            for place in range(symbol * count, (symbol + 1) * count):
                self.matrix[place] *= 1.0 - self.shrinkage
            if moves:
                self.matrix[symbol * count + symbol] += self.shrinkage * middle

    def _fourth(self, rows: int) -> float:
        """The sum over rows of the fourth power of their length about the mean."""
        total = 0.0
        for row in range(rows):
            length = 0.0
            for symbol in range(self.symbols):
                apart = self._rows[row * self.symbols + symbol] - self.mean[symbol]
                length += apart * apart
            total += length * length
        return total

    def _sums(self) -> None:
        """Means, and the sums of products about them."""
        rows = min(self.heard, self.window)
        count = self.symbols
        for symbol in range(count):
            total = 0.0
            for row in range(rows):
                total += self._rows[row * count + symbol]
            self.mean[symbol] = total / rows if rows > 0 else 0.0
        for place in range(count * count):
            self.matrix[place] = 0.0
        for row in range(rows):
            self._add(row)
        for first in range(count):
            for second in range(first):
                self.matrix[second * count + first] = self.matrix[first * count + second]

    def _add(self, row: int) -> None:
        """One row's products, below the diagonal and on it."""
        count = self.symbols
        for symbol in range(count):
            self._apart[symbol] = self._rows[row * count + symbol] - self.mean[symbol]
        for first in range(count):
            apart = self._apart[first]
            for second in range(first + 1):
                self.matrix[first * count + second] += apart * self._apart[second]
