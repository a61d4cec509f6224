"""A strategy that always has something under way: a target, a bid, its replace, its cancel, a sale."""

from array import array

from stratofold.fold.strategy import Strategy


class Busy(Strategy):
    def setup(self):
        self.count = array("q", [0]) * self.symbol_count
        self.bid = array("q", [0]) * self.symbol_count

    def on_bar(self, bar, book):
        k = bar.symbol
        self.count[k] += 1
        turn = self.count[k] % 4
        if turn == 0:
            book.target_quantity(k, 5.0 + self.count[k] % 7)
        elif turn == 1:
            self.bid[k] = book.buy(k, 3.0, limit=bar.close * 0.9995)
        elif turn == 2:
            book.replace(self.bid[k], limit=bar.close * 0.9999)
        else:
            book.cancel(self.bid[k])
            book.sell(k, 1.0)
