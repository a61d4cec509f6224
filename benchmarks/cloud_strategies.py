"""The strategy that `bench_cloud.py` runs: an order on every bar, at a price that nobody meets."""

from stratofold.fold.strategy import Strategy


class Asks(Strategy):
    """Bids half the price."""

    def on_bar(self, bar, book):
        book.buy(bar.symbol, 1.0, limit=0.5 * bar.close)
