"""Strategies for the simulation: one that never rests, decided by the prices alone, one with trailing stops, and one that quotes.

Market and limit orders, brackets, cancels, replaces and timers; bids that follow the market at every bar.
"""

from array import array

from stratofold.fold.strategy import Strategy

TOTAL = 40.0  # what every replace wants in all
PAUSE_SECONDS, MOVES = 2.0, 300


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


class Trails(Restless):
    """The same, and a trailing stop on each symbol that is nearer than two bars usually go."""

    def setup(self):
        """Nothing was ordered."""
        super().setup()
        self.trailing = array("q", [0]) * self.symbol_count

    def on_bar(self, bar, book):
        """A trailing stop where none works, against what is held."""
        super().on_bar(bar, book)
        k = bar.symbol
        if book.is_working(self.trailing[k]):
            return
        if book.position(k) > 0.0:
            self.trailing[k] = book.sell(k, 7.0, trail=0.55)
        else:
            self.trailing[k] = book.buy(k, 7.0, trail_fraction=0.006)


class Follows(Strategy):
    """A bid of 12 that is moved every few seconds, so that a replace is always under way, and a new one when it is done."""

    def setup(self):
        """Nothing was ordered."""
        self.bid = array("q", [0]) * self.symbol_count
        self.close = array("d", [0.0]) * self.symbol_count
        self.timed = 0

    def on_bar(self, bar, book):
        """Bid where no bid works, and begin to follow the market."""
        k = bar.symbol
        self.close[k] = bar.close
        if not book.is_working(self.bid[k]):
            self.bid[k] = book.buy(k, 12.0, limit=bar.close - 0.10)
        if self.timed == 0:
            self.timed = book.after(PAUSE_SECONDS)

    def on_timer(self, timer, book):
        """Move the bids, again and again, until it is enough."""
        for k in range(self.symbol_count):
            if book.is_working(self.bid[k]):
                book.replace(self.bid[k], limit=self.close[k] - 0.10 - 0.01 * (timer.number % 2))
        if timer.number < MOVES:
            book.after(PAUSE_SECONDS)
