"""Portfolio construction, regimes and sleeves: every class of them in one strategy, equal to the last bit in every execution."""

from array import array

import pytest

import stratofold
from stratofold import Strategy
from stratofold.fold.state import restore, save
from stratofold.portfolio import (
    Covariance,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    RiskParity,
    Sleeves,
    cap_classes,
    kelly_scale,
    portfolio_mean,
    portfolio_variance,
)
from stratofold.regimes import CorrelationRegime, HiddenMarkov, VolatilityRegime
from stratofold.research.execute import drive, rest
from stratofold.research.prepare import Options, prepare

DATA = stratofold.sample("SPY", "AAPL", "IBM").subset(start="2013-06-03", end="2013-12-31")
ROOM = {"capacity": 1, "log_rows": 1}  # so little that every table and log must be lengthened on the way


class Everything(Strategy):
    """Works everything out once a session and holds what comes of it."""

    def setup(self):
        count = self.symbol_count
        self.filter = HiddenMarkov([[0.95, 0.05], [0.1, 0.9]], [0.0005, -0.001], [0.006, 0.015])
        self.wild = VolatilityRegime(5, 30)
        self.covariance = Covariance(count, 20)
        self.together = CorrelationRegime(count)
        self.inverse = InverseVolatility(count)
        self.parity = RiskParity(count)
        self.hierarchy = HierarchicalRiskParity(count)
        self.frontier = MeanVariance(count, 0.6, 5.0, 1.0)
        self.sleeves = Sleeves(2, count)
        self.last = array("d", [0.0]) * count
        self.returns = array("d", [0.0]) * count
        self.classes = array("q", [0, 1, 1])
        self.caps = array("d", [0.5, 0.3])
        self.scale = 0.0

    def on_bar(self, bar, book):
        price = bar.close * book.split_factor(bar.symbol)
        if self.last[bar.symbol] > 0.0:
            self.returns[bar.symbol] = price / self.last[bar.symbol] - 1.0
        self.last[bar.symbol] = price
        if bar.symbol == self.symbol_count - 1:
            self.judge()
            for symbol in range(self.symbol_count):
                weight = (
                    0.5 * self.sleeves.net(symbol) * self.filter.probabilities[0] + 0.2 * self.inverse.weights[symbol]
                )
                book.target_weight(symbol, weight, drift=0.02)

    def judge(self):
        self.filter.update(self.returns[0])
        self.wild.update(self.returns[0])
        self.covariance.update(self.returns)
        self.covariance.shrink()
        matrix = self.covariance.matrix
        self.together.measure(matrix)
        self.hierarchy.solve(matrix)
        self.parity.solve(matrix)
        self.frontier.solve(matrix, self.covariance.mean)
        self.inverse.solve(matrix)
        for symbol in range(self.symbol_count):
            self.sleeves.want(0, symbol, self.hierarchy.weights[symbol])
            self.sleeves.want(1, symbol, self.frontier.weights[symbol] - 0.2 * self.parity.weights[symbol])
        self.sleeves.close(self.last)
        mean = portfolio_mean(self.frontier.weights, self.covariance.mean)
        variance = portfolio_variance(self.frontier.weights, matrix)
        self.scale = self.sleeves.crossed() + kelly_scale(mean, variance, 0.5, 2.0)
        cap_classes(self.inverse.weights, self.classes, self.caps)


def begun():
    """A run before its first event."""
    return prepare(Everything, DATA, Options(equity_curve=True, **ROOM), {})


def ended(execution, *breaks):
    """The state of engine and strategy at the end of a run that was saved and restored after so many events."""
    run = begun()
    for stop in breaks:
        execution(run.engine, run.strategy, run.feed, stop)
        states = save(run.engine), save(run.strategy)
        run = begun()
        for thing, state in zip((run.engine, run.strategy), states, strict=True):
            restore(thing, state)
    execution(run.engine, run.strategy, run.feed, run.events)
    assert run.engine.logs.fills.count > 50
    return save(run.engine), save(run.strategy)


def test_compiled_and_restored_it_is_the_same():
    plain = ended(rest)
    assert ended(rest, 57, 300) == plain
    assert ended(drive) == plain
    assert ended(drive, 100, 233, 401) == plain


@pytest.mark.nightly
def test_frozen_it_is_the_same(tmp_path):
    kernel = stratofold.freeze(Everything, DATA, tmp_path / "everything.kernel")
    plain = stratofold.backtest(Everything, DATA, execution="interpreted")
    assert stratofold.backtest(Everything, DATA, execution="frozen", kernel=kernel).fingerprint == plain.fingerprint
