"""Two moving averages: the oldest trend-following rule there is."""

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import SMA


class Crossover(Strategy):
    """Long while the fast average is above the slow one, flat (or, with `short`, short) while below.

    Averages are of the last `fast` and `slow` closes, the current one included.  An order goes out once per change
    of signal.  With `quantity` 0 each symbol gets an equal weight of the equity, else that many units.
    Needs: bars of one or more symbols, and their splits.
    Source: Brock, Lakonishok and LeBaron 1992, "Simple technical trading rules and the stochastic properties of
    stock returns".
    Ignores: an order that was refused or cut is not sent again before the next change of signal.
    """

    fast = param(20, low=2, high=200, doc="bars of the fast average")
    slow = param(50, low=3, high=400, doc="bars of the slow average")
    quantity = param(50.0, low=0.0, high=1e9, doc="units held; 0 for an equal weight of the equity")
    short = param(False, doc="go short while below, instead of flat")

    def setup(self) -> None:
        """Two averages and the last signal of each symbol."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.signal = self.per_symbol(Signal)

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Update both averages and act on a change of signal."""
        close = bar.close * book.split_factor(bar.symbol)
        fast = self.fast_average[bar.symbol].update(close)
        slow = self.slow_average[bar.symbol].update(close)
        signal = self.signal[bar.symbol]
        if fast > slow and signal.side != 1:
            signal.side = 1
            self.hold(bar.symbol, 1, book)
        elif fast < slow and signal.side != -1:
            signal.side = -1
            self.hold(bar.symbol, -1 if self.short else 0, book)

    def hold(self, symbol: int, side: int, book: Book) -> None:
        """Aim for the position of this side."""
        if self.quantity > 0.0:
            book.target_quantity(symbol, side * self.quantity)
        else:
            book.target_weight(symbol, side / self.symbol_count)


class Signal:
    """The side of the last signal: 1 above, -1 below, 0 none yet."""

    def __init__(self) -> None:
        """No signal yet."""
        self.side = 0
