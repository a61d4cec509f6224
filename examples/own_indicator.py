"""An indicator of your own is a plain class of numbers; `check` then tries to catch the strategy at cheating."""

import stratofold
from stratofold import Strategy, param
from stratofold.indicators import SMA


class Streak:
    """Closes in a row that rose (positive) or fell (negative)."""

    def __init__(self):
        """No close yet."""
        self.last = 0.0
        self.value = 0

    def update(self, close):
        """Take a close; returns the streak."""
        if self.last > 0.0 and close > self.last:
            self.value = max(self.value, 0) + 1
        elif self.last > 0.0 and close < self.last:
            self.value = min(self.value, 0) - 1
        self.last = close
        return self.value


class BuyTheStreak(Strategy):
    """Buys after some falls in a row inside an upward trend, and sells after the first rise."""

    falls = param(3, low=1, high=10)
    trend = param(100, low=10, high=400)

    def setup(self):
        """One streak and one average a symbol."""
        self.streak = self.per_symbol(Streak)
        self.average = self.per_symbol(SMA, self.trend)

    def on_bar(self, bar, book):
        """Enter on weakness, leave on strength."""
        close = bar.close * book.split_factor(bar.symbol)
        streak = self.streak[bar.symbol].update(close)
        average = self.average[bar.symbol].update(close)
        if streak <= 0 - self.falls and close > average:
            book.target_weight(bar.symbol, 1.0 / self.symbol_count)
        elif streak > 0:
            book.target_weight(bar.symbol, 0.0)


data = stratofold.sample("SPY", "QQQ", start="2015-01-01", end="2016-12-31")
print(stratofold.backtest(BuyTheStreak, data))

# The future is changed, and every decision before it must stay; the run is saved and restored at every event, and
# must end in the same bytes; machine code must agree with the interpreter to the last bit.
print()
print(stratofold.check(BuyTheStreak, data))
