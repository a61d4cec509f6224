"""Allocation: hold all symbols, by one of the classic rules of portfolio construction, at a target of volatility."""

from array import array

from stratofold.events import Bar, Timer
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, at_close, month_end, param
from stratofold.portfolio import (
    Covariance,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    RiskParity,
    portfolio_variance,
    volatility_scale,
)

MONTH, DAY = range(2)  # the entries of the schedule
EQUAL, INVERSE_VOLATILITY, RISK_PARITY, HIERARCHICAL, MINIMUM_VARIANCE, MEAN_VARIANCE = range(6)
PERIODS = 252.0


class Allocation(Strategy):
    """Holds every symbol from one month's end to the next, with weights by `rule`, scaled to `volatility` a year.

    Rules: 0 equal weights, 1 inverse volatility, 2 risk parity, 3 hierarchical risk parity, 4 least variance, 5 mean and
    variance (by the mean of the same window).  Covariances are of the last `window` sessions' returns and shrunk.
    No weight is above `most`, all together are at most `gross`; differences under 5 % of a target are not traded.
    A symbol that did not trade in a session counts as unchanged; one without a price for the whole window has no weight.
    Needs: daily or minute bars of several symbols, and their splits.
    Source: Markowitz 1952; Maillard, Roncalli and Teiletche 2010, "The properties of equally weighted risk contribution
    portfolios"; López de Prado 2016; Moreira and Muir 2017.
    Ignores: taxes, short sides, and what it costs to learn that correlations change.
    """

    schedule = (month_end(), at_close())

    rule = param(
        RISK_PARITY,
        low=0,
        high=5,
        doc="0 equal, 1 inverse volatility, 2 risk parity, 3 hierarchical, 4 least variance, 5 mean-variance",
    )
    window = param(60, low=10, high=500, doc="sessions of returns behind a covariance")
    volatility = param(0.10, low=0.01, high=1.0, doc="target a year of the whole portfolio")
    gross = param(0.95, low=0.1, high=2.0, doc="most of equity that is invested")
    most = param(0.5, low=0.01, high=1.0, doc="most of the portfolio in one symbol, for rules 4 and 5")

    def setup(self) -> None:
        """Room for returns, covariances and each rule."""
        count = self.symbol_count
        self.price = array("d", [0.0]) * count
        self.last = array("d", [0.0]) * count
        self.returns = array("d", [0.0]) * count
        self.priced = array("q", [0]) * count
        self.weight = array("d", [0.0]) * count
        self.covariance = Covariance(count, self.window)
        self.inverse = InverseVolatility(count)
        self.parity = RiskParity(count)
        self.hierarchy = HierarchicalRiskParity(count)
        self.frontier = MeanVariance(
            count, max(self.most, 1.0 / count), 5.0, 1.0 if self.rule == MEAN_VARIANCE else 0.0
        )

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Remember each symbol's last price, as if it had never split."""
        self.price[bar.symbol] = bar.close * book.split_factor(bar.symbol)

    def on_timer(self, timer: Timer, book: Book) -> None:
        """Each close makes a row of returns; the last of a month rebalances, before it."""
        if timer.schedule == DAY:
            self.hear()
        elif self.covariance.ready:
            self.rebalance(book)

    def hear(self) -> None:
        """A session's returns."""
        for symbol in range(self.symbol_count):
            last = self.last[symbol]
            self.returns[symbol] = self.price[symbol] / last - 1.0 if last > 0.0 else 0.0
            self.last[symbol] = self.price[symbol]
            if self.price[symbol] > 0.0:
                self.priced[symbol] += 1
        self.covariance.update(self.returns)

    def rebalance(self, book: Book) -> None:
        """Weights by the rule, scaled to the target."""
        self.covariance.shrink()
        self.choose(self.leave_out())
        variance = portfolio_variance(self.weight, self.covariance.matrix)
        scale = volatility_scale(variance, self.volatility, PERIODS, self.gross)
        for symbol in range(self.symbol_count):
            weight = self.weight[symbol] * scale
            if weight > 0.0 or book.position(symbol) != 0.0:
                book.target_weight(symbol, weight, drift=0.05)

    def leave_out(self) -> int:
        """Let symbols that were not priced for the whole window have no variance, which is no weight; how many stay."""
        count = self.symbol_count
        staying = 0
        for symbol in range(count):
            if self.priced[symbol] >= self.window:
                staying += 1
            else:
                for other in range(count):
                    self.covariance.matrix[symbol * count + other] = 0.0
                    self.covariance.matrix[other * count + symbol] = 0.0
        return staying

    def choose(self, staying: int) -> None:
        """Fill `weight`, which sums to 1 over the `staying` symbols."""
        matrix = self.covariance.matrix
        if self.rule == INVERSE_VOLATILITY:
            self.inverse.solve(matrix)
            self.take(self.inverse.weights)
        elif self.rule == RISK_PARITY:
            self.parity.solve(matrix)
            self.take(self.parity.weights)
        elif self.rule == HIERARCHICAL:
            self.hierarchy.solve(matrix)
            self.take(self.hierarchy.weights)
        elif self.rule >= MINIMUM_VARIANCE:
            self.frontier.solve(matrix, self.covariance.mean)
            self.take(self.frontier.weights)
        else:
            for symbol in range(self.symbol_count):
                self.weight[symbol] = 1.0 / staying if self.priced[symbol] >= self.window else 0.0

    def take(self, weights: "array[float]") -> None:
        """Copy a rule's weights."""
        for symbol in range(self.symbol_count):
            self.weight[symbol] = weights[symbol]
