"""Pairs: two instruments that move together, a hedge ratio that follows them, and bets on their spread."""

from stratofold.events import Bars
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import KalmanHedgeRatio, ZScore


class Pairs(Strategy):
    """Sells the spread of the first two symbols when it is `entry` deviations high, buys it when low, closes at `leave`.

    The spread is the first price less the hedge ratio times the second (and an intercept), both followed by a Kalman
    filter; its z-score is over `window` bars.  Each leg gets about half of `gross` of the equity.
    Source: Chan 2013, "Algorithmic trading", chapter 3; Avellaneda and Lee 2010.
    Ignores: the cost of borrowing unless the run states it, and that a pair may part for ever.
    """

    window = param(60, low=10, high=400)
    entry = param(2.0, low=0.5, high=6.0)
    leave = param(0.5, low=0.0, high=3.0)
    gross = param(0.8, low=0.1, high=2.0)
    delta = param(1e-5, low=1e-9, high=1e-1)

    def setup(self) -> None:
        """The first two symbols of the run are the pair."""
        self.hedge = KalmanHedgeRatio(self.delta)
        self.score = ZScore(self.window)
        self.side = 0

    def on_bars(self, bars: Bars, book: Book) -> None:
        """Both prices at once; a bar without one of them changes nothing."""
        first = bars.close[0]
        second = bars.close[1]
        if first != first or second != second:
            return
        self.hedge.update(first, second)
        score = self.score.update(self.hedge.spread)
        if self.side == 0 and abs(score) > self.entry:
            self.side = -1 if score > 0.0 else 1
            self.open(first, second, book)
        elif self.side != 0 and self.side * score > 0.0 - self.leave:
            self.side = 0
            book.target_quantity(0, 0.0)
            book.target_quantity(1, 0.0)

    def open(self, first: float, second: float, book: Book) -> None:
        """Both legs: the second by the hedge ratio, the pair scaled to the gross that is allowed."""
        ratio = self.hedge.ratio
        value = first + abs(ratio) * second
        units = self.side * self.gross * book.equity / value
        book.target_value(0, units * first)
        book.target_value(1, 0.0 - units * ratio * second)
