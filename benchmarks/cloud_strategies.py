"""The strategies that the cloud's benchmarks run: one that asks on every bar, and one that asks once a symbol."""

from stratofold.fold.strategy import Strategy


class Asks(Strategy):
    """Bids half the price."""

    def on_bar(self, bar, book):
        book.buy(bar.symbol, 1.0, limit=0.5 * bar.close)


class Once(Strategy):
    """Buys a unit of each symbol once, four symbols a minute from the third minute on."""

    def setup(self):
        """One counter a symbol."""
        self.heard = self.per_symbol(Count)

    def on_bar(self, bar, book):
        """Count, and ask when it is this symbol's turn."""
        heard = self.heard[bar.symbol]
        heard.value += 1
        if heard.value == 3 + bar.symbol // 4:
            book.target_quantity(bar.symbol, 1.0)


class Count:
    """How often something happened."""

    def __init__(self):
        """Never yet."""
        self.value = 0
