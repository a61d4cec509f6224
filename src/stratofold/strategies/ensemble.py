"""Ensemble: three strategies in one book, given equity by how much they risk, and less of it when the market turns wild."""

from array import array

from stratofold.events import Bar, Timer
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, at_close, param
from stratofold.indicators import RSI, SMA, Maximum, Minimum
from stratofold.portfolio import Covariance, RiskParity, Sleeves
from stratofold.regimes import WILD, VolatilityRegime

TREND, REVERSION, BREAKOUT = range(3)  # the sleeves
SLEEVES = 3
HISTORY = 60  # sessions of the sleeves' returns that shares are worked out from


class Ensemble(Strategy):
    """Runs trend, reversion and breakout on every symbol at once and trades what they want together.

    Trend is long while the average of `fast` sessions is above that of `slow`; reversion is long from an RSI below
    `low` until it is above 50; breakout is long from a new high of `channel` sessions until a new low of half as many.
    Each sleeve spreads its equity over all symbols equally.  Every session's close works out shares of equity by risk
    parity over what the sleeves made in the last 60 sessions (equal shares until then), and orders the difference to
    the net of what all want, where it is more than 5 % of a target.
    While the market (the mean return of all symbols) is wild, trend and breakout are cut to `wild` of what they want.
    Needs: daily or minute bars of one symbol or several, and their splits.
    Source: Baz and others 2015, "Dissecting Investment Strategies in the Cross Section and Time Series"; Maillard,
    Roncalli and Teiletche 2010; Ang and Timmermann 2012, "Regime Changes and Financial Markets".
    Ignores: short sides, taxes, and that sleeves are judged before costs.
    """

    schedule = (at_close(),)

    fast = param(20, low=2, high=120, doc="sessions of the fast average")
    slow = param(100, low=3, high=300, doc="sessions of the slow average")
    low = param(30.0, low=1.0, high=49.0, doc="RSI of 14 sessions below which reversion buys")
    channel = param(55, low=4, high=300, doc="sessions of the high that breakout follows")
    wild = param(0.5, low=0.0, high=1.0, doc="what is left of trend and breakout in a wild market")
    gross = param(0.95, low=0.1, high=2.0, doc="most of equity that is invested")

    def setup(self) -> None:
        """Indicators by symbol, sleeves, and what shares and regimes are worked out from."""
        count = self.symbol_count
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.strength = self.per_symbol(RSI, 14)
        self.highest = self.per_symbol(Maximum, self.channel)
        self.lowest = self.per_symbol(Minimum, max(self.channel // 2, 2))
        self.price = array("d", [0.0]) * count
        self.last = array("d", [0.0]) * count
        self.fresh = array("q", [0]) * count
        self.sleeves = Sleeves(SLEEVES, count)
        self.covariance = Covariance(SLEEVES, HISTORY)
        self.parity = RiskParity(SLEEVES)
        self.regime = VolatilityRegime()

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Remember each symbol's last price, as if it had never split."""
        self.price[bar.symbol] = bar.close * book.split_factor(bar.symbol)
        self.fresh[bar.symbol] = 1

    def on_timer(self, timer: Timer, book: Book) -> None:  # noqa: ARG002  there is one entry in the schedule
        """A session has ended: what it made, what everybody wants now, and the difference in orders."""
        self.judge()
        for symbol in range(self.symbol_count):
            if self.fresh[symbol] == 1:
                self.fresh[symbol] = 0
                self.listen(symbol, self.price[symbol])
        self.share_out()
        for symbol in range(self.symbol_count):
            weight = self.sleeves.net(symbol) * self.gross if self.price[symbol] > 0.0 else 0.0
            if weight > 0.0 or book.position(symbol) != 0.0:
                book.target_weight(symbol, weight, drift=0.05)

    def judge(self) -> None:
        """What the sleeves made in this session, and what the market did."""
        total = 0.0
        heard = 0
        for symbol in range(self.symbol_count):
            if self.last[symbol] > 0.0:
                total += self.price[symbol] / self.last[symbol] - 1.0
                heard += 1
            self.last[symbol] = self.price[symbol]
        self.sleeves.close(self.price)
        if heard > 0:
            self.covariance.update(self.sleeves.returns)
            self.regime.update(total / heard)

    def listen(self, symbol: int, close: float) -> None:
        """What each sleeve wants of a symbol at its new close."""
        full = 1.0 / self.symbol_count
        fast = self.fast_average[symbol].update(close)
        slow = self.slow_average[symbol].update(close)
        self.sleeves.want(TREND, symbol, full if fast > slow else 0.0)
        strength = self.strength[symbol].update(close)
        if strength < self.low:
            self.sleeves.want(REVERSION, symbol, full)
        elif strength > 50.0:
            self.sleeves.want(REVERSION, symbol, 0.0)
        highest = self.highest[symbol].update(close)
        lowest = self.lowest[symbol].update(close)
        if close >= highest:
            self.sleeves.want(BREAKOUT, symbol, full)
        elif close <= lowest:
            self.sleeves.want(BREAKOUT, symbol, 0.0)

    def share_out(self) -> None:
        """Shares of equity by risk parity, and less for those that a wild market hurts."""
        if self.covariance.ready:
            self.covariance.measure()
            self.parity.solve(self.covariance.matrix)
        for sleeve in range(SLEEVES):
            known = self.covariance.ready and self.parity.weights[sleeve] > 0.0
            share = self.parity.weights[sleeve] if known else 1.0 / SLEEVES
            if self.regime.value == WILD and sleeve != REVERSION:
                share *= self.wild
            self.sleeves.share[sleeve] = share
        self.cap()

    def cap(self) -> None:
        """Sleeves that were not judged yet keep their equal shares; all together have no more than everything."""
        total = 0.0
        for sleeve in range(SLEEVES):
            total += self.sleeves.share[sleeve]
        if total > 1.0:
            for sleeve in range(SLEEVES):
                self.sleeves.share[sleeve] /= total
