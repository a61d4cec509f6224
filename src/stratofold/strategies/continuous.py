"""Prices that a split does not break, as of the simulated day.

What comes in: raw closes, and the book's last price at each open, which a split of that morning has changed already.
What goes out: the factor that puts today's prices in the units of the first day, so that averages and channels go on.
Why it is shaped so: raw prices trade, and a strategy that compares today's with last month's must not take a split
for a crash; adjusting the whole history beforehand would tell the past about the future.
"""

from math import nan


class Continuous:
    """The factor from today's prices to the first day's units: 1 until a split, 4 after four new shares for one.

    Ignores: dividends, and up to half a price step in the ratio, because the book keeps its last price on the grid.
    """

    def __init__(self) -> None:
        """No price yet."""
        self.factor = 1.0
        self.last = nan

    def open(self, price: float) -> None:
        """Take the book's last price at the open; where it is not the last close, a split is the reason."""
        if self.last > 0.0 and price > 0.0 and price != self.last:
            self.factor *= self.last / price
            self.last = price

    def close(self, price: float) -> float:
        """Take a raw close; returns it in the units of the first day."""
        self.last = price
        return price * self.factor
