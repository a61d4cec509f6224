"""Resampling in blocks: arch's block lengths and p-values, and intervals that hold what they promise."""

from itertools import permutations

import numpy as np
import pytest
from arch.bootstrap import SPA, optimal_block_length
from scipy.stats import bootstrap
from skfolio.measures import get_drawdowns

from stratofold.errors import Setup
from stratofold.research.validation import block_length, interval, reality_check, trade_order
from stratofold.research.validation.bootstrap import draw, generator, max_drawdown, weights


def autoregressive(seed, count=600, memory=0.5):
    """Returns that remember the last one."""
    shocks = np.random.default_rng(seed).normal(0.0, 0.01, count)
    returns = np.empty(count)
    last = 0.0
    for row, shock in enumerate(shocks):
        last = returns[row] = memory * last + shock
    return returns


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.7, -0.4])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_block_lengths_are_archs(seed, memory):
    returns = autoregressive(seed, memory=memory)
    theirs = max(1.0, float(optimal_block_length(returns)["stationary"].iloc[0]))
    assert block_length(returns) == pytest.approx(theirs, rel=1e-6)


def test_blocks_have_the_length_asked_for():
    positions = draw(generator(1), 400, 300, 10.0)
    broken = (np.diff(positions, axis=1) % 300 != 1).mean()
    assert broken == pytest.approx(0.1, abs=0.005)
    assert np.bincount(positions.ravel(), minlength=300).std() / 400 < 0.1
    drawn = weights(positions)
    assert drawn.sum(axis=1) == pytest.approx(np.ones(400))
    returns = autoregressive(1, 300)
    assert drawn @ returns == pytest.approx(returns[positions].mean(axis=1))


def test_chunks_depend_on_their_number_alone():
    assert generator(3, 2).random(4).tolist() == generator(3, 2).random(4).tolist()
    assert generator(3, 2).random(4).tolist() != generator(3, 1).random(4).tolist()


def test_an_interval_of_a_mean_is_the_textbooks():
    returns = np.random.default_rng(1).normal(0.001, 0.01, 400)
    found = interval(returns, "mean", block=1.0, resamples=4_000)
    error = returns.std() / 400**0.5
    assert found.value == pytest.approx(returns.mean())
    assert found.low == pytest.approx(returns.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(returns.mean() + 1.96 * error, abs=0.1 * error)


def test_an_interval_holds_what_it_promises():
    """Of 100 histories with memory, the true mean lies in most 90 % intervals; without blocks it is missed far more often."""
    held = {None: 0, 1.0: 0}
    for seed in range(100):
        returns = autoregressive(seed, 300, 0.5)
        for block in held:
            found = interval(returns, "mean", confidence=0.9, resamples=150, block=block, seed=seed)
            held[block] += found.low <= 0.0 <= found.high
    assert held[None] >= 80
    assert held[1.0] <= held[None] - 10


def test_a_function_of_ones_own():
    returns = autoregressive(1)
    assert interval(returns, max_drawdown, resamples=50) == interval(returns, "max_drawdown", resamples=50)
    assert interval(returns, "total_return", resamples=50).value == pytest.approx(np.prod(1.0 + returns) - 1.0)


@pytest.mark.parametrize("shift", [0.0, 0.0006, 0.0015])
def test_p_values_are_archs(shift):
    """arch takes losses, a benchmark first, and compares plain means: Hansen's own ones are of trials over their deviation."""
    trials = np.random.default_rng(4).normal(0.0, 0.01, (250, 12)) * np.linspace(0.5, 2.0, 12)
    trials += np.linspace(-0.002, shift, 12)
    plain = SPA(np.zeros(250), -trials, block_size=5, reps=1_500, seed=1)
    plain.compute()
    ours = reality_check(trials, block=5.0, resamples=3_000)
    assert ours.reality_check == pytest.approx(plain.pvalues["upper"], abs=0.045)
    assert ours.best == int(trials.mean(axis=0).argmax())
    deviation = _long_run_deviation(trials, 5.0)
    theirs = SPA(np.zeros(250), -trials / deviation, block_size=5, reps=1_500, seed=1)
    theirs.compute()
    assert ours.superior_low == pytest.approx(theirs.pvalues["lower"], abs=0.045)
    assert ours.superior == pytest.approx(theirs.pvalues["consistent"], abs=0.045)
    assert ours.superior_high == pytest.approx(theirs.pvalues["upper"], abs=0.045)


def _long_run_deviation(trials, block):
    """Hansen (2005), section 3.2: the variance of the root of n times a mean under the stationary bootstrap."""
    count, p = len(trials), 1.0 / block
    apart = trials - trials.mean(axis=0)
    variance = (apart**2).mean(axis=0)
    for lag in range(1, count):
        kernel = (1.0 - lag / count) * (1.0 - p) ** lag + lag / count * (1.0 - p) ** (count - lag)
        variance += 2.0 * kernel * (apart[:-lag] * apart[lag:]).sum(axis=0) / count
    return variance**0.5


def test_skill_is_found_among_many():
    trials = np.random.default_rng(4).normal(0.0, 0.01, (1000, 60))
    assert reality_check(trials, resamples=300).reality_check > 0.1
    trials[:, 7] += 0.002
    found = reality_check(trials, resamples=300)
    assert (found.best, found.reality_check, found.superior) == (7, 0.0, 0.0)


def test_a_benchmark_is_taken_off():
    trials = np.random.default_rng(4).normal(0.0, 0.01, (300, 5))
    market = np.random.default_rng(5).normal(0.0, 0.01, 300)
    assert reality_check(trials, market, block=3.0) == reality_check(trials - market[:, None], block=3.0)
    assert reality_check(np.full((50, 2), -0.01)).superior == 1.0


class TestOrders:
    """The luck of the order."""

    PROFITS = (100.0, -50.0, -50.0, 200.0, -150.0, 80.0)

    def test_the_end_stays_and_the_way_changes(self):
        found = trade_order(self.PROFITS, 1_000.0, resamples=500)
        assert set(found.finals.tolist()) == {1_130.0}
        assert found.max_drawdown == pytest.approx(150.0 / 1_200.0)
        assert found.max_drawdowns.min() >= 150.0 / 1_380.0
        assert found.max_drawdowns.max() <= 0.25 + 1e-12  # all losses first, from the beginning or from a high
        assert found.quantile(0.5) <= found.quantile(0.95)
        assert found.ruined == 0.0

    def test_drawdowns_are_those_that_skfolio_finds_in_every_order(self):
        """All 720 orders of six trades: each that was drawn is one of them, and they are drawn alike often."""
        orders = np.array(list(permutations(self.PROFITS))).T
        equity = 1_000.0 + np.cumsum(orders, axis=0)
        returns = orders / (equity - orders)
        exact = -get_drawdowns(returns, compounded=True).min(axis=0)
        found = trade_order(self.PROFITS, 1_000.0, resamples=4_000)
        assert np.isin(found.max_drawdowns.round(9), exact.round(9)).all()
        assert found.max_drawdown == pytest.approx(exact[0])
        assert found.max_drawdowns.mean() == pytest.approx(exact.mean(), abs=4.0 * exact.std() / 4_000**0.5)
        assert found.quantile(0.9) == pytest.approx(np.quantile(exact, 0.9), abs=0.01)

    def test_ends_that_are_drawn_anew_spread_as_scipys(self):
        theirs = bootstrap((self.PROFITS,), np.sum, n_resamples=4_000, rng=np.random.default_rng(2), method="basic")
        found = trade_order(self.PROFITS, 1_000.0, resamples=4_000, replace=True)
        assert found.finals.std() == pytest.approx(theirs.standard_error, rel=0.05)
        assert found.finals.mean() == pytest.approx(1_130.0, abs=4.0 * theirs.standard_error / 4_000**0.5)

    def test_drawn_anew_the_end_changes_too(self):
        found = trade_order(self.PROFITS, 200.0, resamples=2_000, replace=True)
        assert found.finals.mean() == pytest.approx(330.0, abs=25.0)
        assert 0.1 < found.ruined < 0.9


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: interval([0.1] * 4), "SFS40"),
        (lambda: interval([0.1] * 20, "sortino"), "SFS46"),
        (lambda: interval([0.1] * 20, confidence=0.0), "SFS46"),
        (lambda: interval([0.1] * 20, resamples=0), "SFS46"),
        (lambda: interval([0.1] * 20, block=0.5), "SFS46"),
        (lambda: interval([0.1] * 20, lambda rows: rows), "SFS46"),
        (lambda: interval([0.1] * 20, lambda rows: rows[:, 0] * np.nan), "SFS46"),
        (lambda: reality_check(np.zeros((20, 2)), np.zeros(19)), "SFS47"),
        (lambda: reality_check(np.zeros((20, 2)), np.nan), "SFS47"),
        (lambda: trade_order([], 100.0), "SFS48"),
        (lambda: trade_order([1.0, np.nan], 100.0), "SFS48"),
        (lambda: trade_order([1.0], 0.0), "SFS48"),
    ],
)
def test_nonsense_is_refused(work, code):
    with pytest.raises(Setup) as told:
        work()
    assert told.value.code == code
