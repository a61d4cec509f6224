"""The strategies that `bench_live.py` runs: a quoter around a basket's fair value, and momentum that acts each minute."""

from array import array

from stratofold.fold.strategy import Strategy, every, month_end, param
from stratofold.indicators import SMA
from stratofold.strategies.momentum import Momentum


class BasketQuoter(Strategy):
    """Quotes both sides of each name around its fair value: what it was worth at first, times how the basket has done."""

    half_spread = param(0.002, low=0.0, high=1.0, doc="of the fair value, either side")
    tolerance = param(0.05, low=0.0, high=1.0, doc="of the half spread; a quote that is less off is left alone")
    quantity = param(10.0, low=1.0, high=1e6, doc="units a quote")

    def setup(self):
        self.first = array("d", [0.0]) * self.symbol_count
        self.ratio = array("d", [1.0]) * self.symbol_count
        self.quoted = array("d", [0.0]) * self.symbol_count
        self.bid = array("q", [0]) * self.symbol_count
        self.ask = array("q", [0]) * self.symbol_count
        self.total = float(self.symbol_count)

    def on_bar(self, bar, book):
        k = bar.symbol
        if self.first[k] == 0.0:
            self.first[k] = bar.close
        ratio = bar.close / self.first[k]
        self.total += ratio - self.ratio[k]
        self.ratio[k] = ratio
        fair = self.first[k] * self.total / self.symbol_count
        edge = fair * self.half_spread
        if abs(fair - self.quoted[k]) < self.tolerance * edge:
            return
        self.quoted[k] = fair
        if self.bid[k] == 0:
            self.bid[k] = book.buy(k, self.quantity, limit=fair - edge)
            self.ask[k] = book.sell(k, self.quantity, limit=fair + edge)
        else:
            book.replace(self.bid[k], limit=fair - edge)
            book.replace(self.ask[k], limit=fair + edge)


class MinuteMomentum(Momentum):
    """Momentum that weighs its names each minute."""

    schedule = (month_end(), every(1))
    daily = param(True, doc="rebalance each minute")
    fast = param(3, low=2, high=120, doc="bars of the fast average")
    slow = param(6, low=3, high=300, doc="bars of the slow average")


class WideQuoter(Strategy):
    """Remembers 250 bars of each name, and requotes the name whose bar it hears."""

    def setup(self):
        self.average = self.per_symbol(SMA, 250)
        self.bid = array("q", [0]) * self.symbol_count

    def on_bar(self, bar, book):
        k = bar.symbol
        fair = self.average[k].update(bar.close)
        if not fair > 0.0:
            return
        limit = 0.99 * min(bar.close, fair)
        if self.bid[k] == 0:
            self.bid[k] = book.buy(k, 1.0, limit=limit)
        else:
            book.replace(self.bid[k], limit=limit)
