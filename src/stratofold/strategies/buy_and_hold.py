"""Buy and hold: the yardstick every other strategy is measured against."""

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy


class BuyAndHold(Strategy):
    """Buys an equal share of each symbol at its first bar, and keeps it.

    The share is of the equity at that moment, so a symbol that appears later is bought with what cash there is then.
    Needs: bars of anything.
    Source: the benchmark of Malkiel 1973, "A random walk down Wall Street".
    Ignores: rebalancing; dividends stay in cash, and what the first purchase could not afford is not asked for again.
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
