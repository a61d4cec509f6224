"""A strategy that never rests: market and limit orders, cancels and replaces, decided by the prices alone."""

from stratofold.fold.strategy import Strategy

TOTAL = 40.0  # what every replace wants in all


class Restless(Strategy):
    """Orders by the last cents of each close."""

    def setup(self):
        """Nothing was ordered."""
        self.last = 0
        self.timed = 0

    def on_bar(self, bar, book):
        """One thing a bar."""
        digit = int(bar.close * 100.0) % 7
        held = book.position(bar.symbol)
        if digit < 2 and held < 300.0:
            self.last = book.buy(bar.symbol, 10.0 + digit)
        elif digit == 2 and held > -300.0:
            self.last = book.sell(bar.symbol, 15.0)
        elif digit == 3 and book.equity % 2.0 < 1.0:
            near, far = bar.close + 0.15, bar.close - 0.25
            book.buy(bar.symbol, 12.0, limit=bar.close, take_profit=near, stop_loss=far)
        elif digit == 3:
            self.last = book.buy(bar.symbol, 20.0, limit=bar.close - 0.05)
        elif digit == 4 and self.last > 0:
            book.cancel(self.last)
        elif digit == 5 and self.last > 0:
            book.replace(self.last, quantity=TOTAL)
        elif digit == 6:
            book.target_quantity(bar.symbol, 0.0)
            self.timed = book.after(7.5 + digit)

    def on_timer(self, timer, book):
        """A little later, one more thing: what was ordered last goes, and something small comes."""
        if timer.number == self.timed:
            book.cancel(self.last)
            book.buy(timer.number % 2, 1.0)
