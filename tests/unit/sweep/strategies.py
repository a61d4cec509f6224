"""Strategies that tests sweep: one for each way in which a cell can end."""

import os

from stratofold import Strategy, param
from stratofold.indicators import EMA


class Above(Strategy):
    """Holds while the close is above its average."""

    length = param(10, low=2, high=500)
    units = param(10.0, low=0.0, high=1e6)

    def setup(self):
        self.average = self.per_symbol(EMA, self.length)

    def on_bar(self, bar, book):
        value = self.average[bar.symbol].update(bar.close)
        if bar.close > value:
            book.target_quantity(bar.symbol, self.units)
        elif bar.close < value:
            book.target_quantity(bar.symbol, 0.0)


class Poisonous(Above):
    """With `poison` 1 it raises at its first bar, with 2 it kills its process."""

    poison = param(0, low=0, high=2)

    def setup(self):
        super().setup()
        if self.poison == 2:
            os.kill(os.getpid(), 9)

    def on_bar(self, bar, book):
        if self.poison == 1:
            raise ValueError("no luck")
        super().on_bar(bar, book)


class Idle(Strategy):
    """Never trades."""

    number = param(1, low=1, high=9)

    def on_bar(self, bar, book):
        pass


class Wide(Strategy):
    """Holds where the spread is narrow: a strategy on ticks."""

    cents = param(2, low=1, high=9)

    def on_quote(self, quote, book):
        spread = quote.ask - quote.bid
        book.target_quantity(quote.symbol, 10.0 if spread < 0.01 * self.cents + 0.001 else 0.0)


class Busy(Strategy):
    """An order every bar, so that its logs are crowded again and again, and half of them refused."""

    size = param(1.0, low=1.0, high=1e6)

    def setup(self):
        self.side = 1.0

    def on_bar(self, bar, book):
        self.side = -self.side
        book.target_quantity(bar.symbol, self.size * (2.0 + self.side))
