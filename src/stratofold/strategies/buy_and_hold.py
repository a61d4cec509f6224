"""Buy and hold: the yardstick every other strategy is measured against."""

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy


class BuyAndHold(Strategy):
    """Buys an equal share of each symbol at its first bar, and keeps it.

    Ignores: rebalancing, and symbols that appear after the cash is spent.
    """

    def setup(self) -> None:
        """Nothing bought yet."""
        self.bought = self.per_symbol(Once)

    def on_bar(self, bar: Bar, book: Book) -> None:
        """The first bar of each symbol buys it."""
        if self.bought[bar.symbol].first():
            book.target_weight(bar.symbol, 1.0 / self.symbol_count)


class Once:
    """True the first time it is asked."""

    def __init__(self) -> None:
        """Not asked yet."""
        self.asked = False

    def first(self) -> bool:
        """Whether this is the first time."""
        before = self.asked
        self.asked = True
        return not before
