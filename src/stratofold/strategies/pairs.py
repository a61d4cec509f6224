"""Pairs: two instruments that move together, a hedge ratio that follows them, and bets on their spread."""

from stratofold.errors import Setup
from stratofold.events import Bars
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import KalmanHedgeRatio, ZScore


class Pairs(Strategy):
    """Sells the spread of the first two symbols when it is `entry` deviations high, buys it when low, closes at `leave`.

    The spread is how far the first price is from what a Kalman filter expected of the second (hedge ratio times its
    price, and an intercept); its z-score is over `window` bars.  The two legs together are `gross` of the equity, the
    second in the hedge ratio to the first, as it was before the bar that opened the spread.
    Needs: bars of two symbols at the same times, and their splits.
    Source: Chan 2013, "Algorithmic trading", chapter 3 (the filter); Gatev, Goetzmann and Rouwenhorst 2006, "Pairs
    trading" (two deviations in, out when the spread comes back).
    Ignores: the cost of borrowing unless the run states it, that a pair may part for ever, and that one leg may fill
    while the other does not.
    """

    window = param(60, low=5, high=400, doc="bars of the spread's z-score")
    entry = param(2.0, low=0.5, high=6.0, doc="deviations at which the pair is opened")
    leave = param(0.5, low=0.0, high=3.0, doc="deviations at which it is closed")
    gross = param(0.8, low=0.1, high=2.0, doc="worth of both legs as a fraction of equity")
    delta = param(1e-5, low=1e-9, high=1e-1, doc="how fast the hedge ratio may drift")

    def setup(self) -> None:
        """The first two symbols of the run are the pair; raises Setup where there is one only."""
        if self.symbol_count < 2:
            what = "Pairs trades two symbols, and this run has one"
            raise Setup("SF132", what, fix='name two: symbols=("GOOG", "GOOGL")')
        self.hedge = KalmanHedgeRatio(self.delta)
        self.score = ZScore(self.window)
        self.side = 0

    def on_bars(self, bars: Bars, book: Book) -> None:
        """Both prices at once; a bar without one of them changes nothing."""
        if bars.present[0] == 0 or bars.present[1] == 0:
            return
        first = bars.close[0] * book.split_factor(0)
        second = bars.close[1] * book.split_factor(1)
        ratio = self.hedge.ratio
        self.hedge.update(first, second)
        score = self.score.update(self.hedge.spread)
        if self.side == 0 and abs(score) > self.entry:
            self.side = -1 if score > 0.0 else 1
            self.open(first, second, ratio, book)
        elif self.side != 0 and self.side * score > 0.0 - self.leave:
            self.side = 0
            book.target_quantity(0, 0.0)
            book.target_quantity(1, 0.0)

    def open(self, first: float, second: float, ratio: float, book: Book) -> None:
        """Both legs: the second by the hedge ratio, the pair scaled to the gross that is allowed."""
        value = first + abs(ratio) * second
        units = self.side * self.gross * book.equity / value
        book.target_value(0, units * first)
        book.target_value(1, 0.0 - units * ratio * second)
