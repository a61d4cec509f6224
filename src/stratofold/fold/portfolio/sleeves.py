"""Several strategies in one book: what each wants and what it would have made of it, and what all of them want together.

What comes in: the weights that each sleeve wants, prices, and the share of equity each sleeve is given.
What goes out: one net weight a symbol, and the return of each sleeve, by which shares can be worked out.
Why it is shaped so: sleeves that want opposite things would pay the market twice for nothing, so only the net is traded;
what each would have made alone is kept beside it, before costs, because the market never sees a sleeve.
"""

from array import array

from stratofold.fold.indicators.arguments import whole


class Sleeves:
    """`count` sleeves over `symbols` symbols.

    `share` is the part of equity each sleeve is given; `wanted` (sleeve by sleeve) the weights each wants of its own
    equity, `returns` what each made in the period that was last closed.  Before costs: fees are the book's.
    """

    def __init__(self, count: int, symbols: int) -> None:
        """Equal shares, nothing wanted; raises `Setup` for no sleeve or no symbol."""
        self.count = whole(count, "count", "Sleeves", 1)
        self.symbols = whole(symbols, "symbols", "Sleeves", 1)
        self.share = array("d", [1.0 / count]) * count
        self.wanted = array("d", [0.0]) * (count * symbols)
        self.returns = array("d", [0.0]) * count
        self._held = array("d", [0.0]) * (count * symbols)
        self._price = array("d", [0.0]) * symbols

    def want(self, sleeve: int, symbol: int, weight: float) -> None:
        """From the next period on, `sleeve` wants `weight` of its equity in `symbol`; negative is short."""
        self.wanted[sleeve * self.symbols + symbol] = weight

    def close(self, prices: "array[float]") -> None:
        """A period ends at `prices` (as if nothing had ever split; 0 where there is none): what each sleeve made in it.

        What was wanted before it was held through it; what is wanted now is held through the next.
        """
        for sleeve in range(self.count):
            made = 0.0
            for symbol in range(self.symbols):
                before = self._price[symbol]
                if before > 0.0 and prices[symbol] > 0.0:
                    made += self._held[sleeve * self.symbols + symbol] * (prices[symbol] / before - 1.0)
            self.returns[sleeve] = made
        for place in range(self.count * self.symbols):
            self._held[place] = self.wanted[place]
        for symbol in range(self.symbols):
            if prices[symbol] > 0.0:
                self._price[symbol] = prices[symbol]

    def net(self, symbol: int) -> float:
        """The weight of the whole book that all sleeves want of `symbol` together."""
        total = 0.0
        for sleeve in range(self.count):
            total += self.share[sleeve] * self.wanted[sleeve * self.symbols + symbol]
        return total

    def crossed(self) -> float:
        """How much of equity the sleeves want against each other: the gross of all less the gross of the net."""
        gross = 0.0
        netted = 0.0
        for symbol in range(self.symbols):
            for sleeve in range(self.count):
                gross += abs(self.share[sleeve] * self.wanted[sleeve * self.symbols + symbol])
            netted += abs(self.net(symbol))
        return gross - netted
