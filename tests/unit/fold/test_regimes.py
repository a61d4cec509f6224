"""Regimes: levels that do not flicker, and a filter that is Bayes' rule over every path of states."""

from array import array
from itertools import pairwise, product

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given
from hypothesis import strategies as st

import stratofold
from stratofold.errors import Setup
from stratofold.models import content_hash
from stratofold.portfolio import Covariance
from stratofold.regimes import CALM, WILD, CorrelationRegime, HiddenMarkov, VolatilityRegime
from stratofold.research.regimes import fit_hidden_markov

TRANSITION, MEANS, DEVIATIONS = [[0.98, 0.02], [0.05, 0.95]], [0.001, -0.002], [0.006, 0.025]  # the true ones


def drawn(count, seed):
    """Returns of a market that is calm or wild, and which it was."""
    chance = np.random.default_rng(seed)
    state, states, values = 0, [], []
    for _ in range(count):
        states.append(state)
        values.append(chance.normal(MEANS[state], DEVIATIONS[state]))
        state = int(chance.random() < TRANSITION[state][1])
    return np.array(values), np.array(states)


def by_every_path(model, values):
    """The probability of each last state and of the values: a sum over every path that states could have taken."""
    count = model.states
    total = np.zeros(count)
    for path in product(range(count), repeat=len(values)):
        likely = model.start[path[0]]
        for before, after in pairwise(path):
            likely *= model.transition[before * count + after]
        for state, value in zip(path, values, strict=True):
            apart = (value - model.means[state]) / model.deviations[state]
            likely *= np.exp(-0.5 * apart * apart) / (model.deviations[state] * np.sqrt(2.0 * np.pi))
        total[path[-1]] += likely
    return total / total.sum()


@given(st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=5), st.integers(2, 3))
def test_the_filter_is_bayes_rule_over_every_path(values, states):
    spread = np.arange(1, states + 1)
    transition = np.full((states, states), 0.1 / (states - 1)) + (0.9 - 0.1 / (states - 1)) * np.eye(states)
    start = spread / spread.sum()
    model = HiddenMarkov(transition, 0.001 * spread, 0.01 * spread, start)
    for value in values:
        model.update(value)
    assert np.array(model.probabilities) == pytest.approx(by_every_path(model, values), rel=1e-9)


def test_it_knows_which_market_it_is():
    values, states = drawn(3_000, 1)
    model = HiddenMarkov(TRANSITION, MEANS, DEVIATIONS)
    said = np.array([model.update(value) for value in values])
    assert (said == states).mean() > 0.9


def test_what_is_not_a_number_tells_nothing():
    model = HiddenMarkov([[0.9, 0.1], [0.2, 0.8]], [0.0, 0.0], [1.0, 2.0])
    model.update(5.0)
    before = list(model.probabilities)
    model.update(float("nan"))
    assert list(model.probabilities) == pytest.approx(
        [before[0] * 0.9 + before[1] * 0.2, before[0] * 0.1 + before[1] * 0.8]
    )


def test_a_value_that_no_state_expects_does_not_break_it():
    model = HiddenMarkov([[0.9, 0.1], [0.2, 0.8]], [0.0, 0.0], [1.0, 2.0])
    assert model.update(1e6) == 1
    assert sum(model.probabilities) == pytest.approx(1.0)


class TestFitting:
    """States out of history."""

    def test_it_finds_what_made_the_history(self):
        found = fit_hidden_markov(drawn(6_000, 2)[0])
        assert np.array(found.deviations) == pytest.approx(np.array(DEVIATIONS), rel=0.08)
        assert np.array(found.transition) == pytest.approx(np.array(TRANSITION).ravel(), abs=0.02)
        assert np.array(found.means) == pytest.approx(np.array(MEANS), abs=0.0025)

    def test_it_is_hmmlearns(self):
        """Without its priors, from another beginning: the same top of the same hill."""
        values = drawn(1_000, 5)[0]
        theirs = GaussianHMM(
            2, n_iter=300, tol=1e-7, covars_prior=0.0, covars_weight=1.0, min_covar=0.0, init_params="",
            implementation="scaling",
        )  # fmt: skip
        theirs.startprob_, theirs.transmat_ = np.full(2, 0.5), np.array([[0.8, 0.2], [0.2, 0.8]])
        theirs.means_, theirs.covars_ = np.zeros((2, 1)), np.array([[1e-5], [1e-3]])
        theirs.fit(values[:, None])
        ours = fit_hidden_markov(values)
        assert np.array(ours.deviations) == pytest.approx(np.sqrt(theirs.covars_.ravel()), rel=1e-4)
        assert np.array(ours.transition) == pytest.approx(theirs.transmat_.ravel(), abs=1e-4)
        assert np.array(ours.means) == pytest.approx(theirs.means_.ravel(), abs=1e-6)

    def test_every_round_is_more_likely(self):
        values = drawn(400, 3)[0]
        likely = [log_likelihood(fit_hidden_markov(values, rounds=rounds), values) for rounds in (1, 2, 4, 8, 16, 64)]
        assert likely == sorted(likely)

    def test_three_states_and_one(self):
        values = drawn(300, 4)[0]
        three = list(fit_hidden_markov(values, 3).deviations)
        assert three == sorted(three)
        one = fit_hidden_markov(values, 1)
        assert one.means[0] == pytest.approx(values.mean())
        assert one.deviations[0] == pytest.approx(values.std())

    @pytest.mark.parametrize("values", [[0.1] * 10, [[0.1] * 30] * 2, [0.1, 0.2] * 15 + [float("nan")], [0.5] * 60])
    def test_nonsense_is_refused(self, values):
        with pytest.raises(Setup, match="SF404"):
            fit_hidden_markov(values)


def log_likelihood(model, values):
    """By the filter itself: the sum of what each value was expected with."""
    state, total = np.array(model.start), 0.0
    transition = np.array(model.transition).reshape(model.states, -1)
    for k, value in enumerate(values):
        state = state @ transition if k else state
        apart = (value - np.array(model.means)) / np.array(model.deviations)
        state = state * np.exp(-0.5 * apart * apart) / np.array(model.deviations)
        total += np.log(state.sum())
        state = state / state.sum()
    return total


def test_volatility_turns_at_one_level_and_back_at_another():
    """Returns of one size, then of three times that, then of one in between, which turns nothing, then as before."""
    regime = VolatilityRegime(short=4, long=40, up=1.5, down=0.7)
    said = {}
    for name, size, count in (("calm", 0.01, 60), ("wild", 0.03, 6), ("between", 0.02, 8), ("again", 0.01, 12)):
        said[name] = [regime.update(size * (-1.0) ** k) for k in range(count)]
    assert set(said["calm"]) == {CALM}
    assert said["wild"][-1] == WILD
    assert set(said["between"]) == {WILD}
    assert said["again"][0] == WILD
    assert said["again"][-1] == CALM


def test_symbols_move_together_or_apart():
    chance = np.random.default_rng(2)
    shared, own = chance.normal(size=(60, 1)), chance.normal(size=(60, 4))
    regime, covariance = CorrelationRegime(4), Covariance(4, 60)
    for mixed, expected in ((own, CALM), (shared + 0.5 * own, WILD), (shared + own, WILD), (own, CALM)):
        for row in mixed:
            covariance.update(array("d", row))
        covariance.measure()
        assert regime.measure(covariance.matrix) == expected
        correlation = np.corrcoef(mixed.T)
        assert regime.mean == pytest.approx((correlation.sum() - 4) / 12, abs=1e-9)
    assert regime.measure(array("d", [0.0] * 16)) == CALM
    assert regime.mean != regime.mean


class Switching(stratofold.Strategy):
    """Half of equity in each symbol, unless the filter or the correlation says that the market is wild."""

    def setup(self):
        """The filter comes as an artifact."""
        self.filter = self.artifact("states")
        self.covariance = Covariance(self.symbol_count, 20)
        self.together = CorrelationRegime(self.symbol_count)
        self.last = array("d", [0.0]) * self.symbol_count
        self.changes = array("d", [0.0]) * self.symbol_count

    def on_bar(self, bar, book):
        """Every bar."""
        price = bar.close * book.split_factor(bar.symbol)
        if self.last[bar.symbol] > 0.0:
            self.changes[bar.symbol] = price / self.last[bar.symbol] - 1.0
        self.last[bar.symbol] = price
        if bar.symbol == self.symbol_count - 1:
            self.covariance.update(self.changes)
            self.covariance.measure()
            wild = self.filter.update(self.changes[0]) == 1 and self.together.measure(self.covariance.matrix) == 1
            book.target_weight(0, 0.0 if wild else 0.5)


@pytest.mark.nightly  # tests/parity/test_portfolio.py does so by day
def test_all_executions_agree():
    data = stratofold.sample("SPY", "IBM").subset(None, "2007-01-01", "2009-12-31")
    states = HiddenMarkov(TRANSITION, MEANS, DEVIATIONS)
    more = {"artifacts": {"states": states}}
    plain = stratofold.backtest(Switching, data, execution="interpreted", **more)
    assert stratofold.backtest(Switching, data, execution="compiled", **more).fingerprint == plain.fingerprint
    assert len(plain.fills) > 4
    assert plain.hashes["artifact states"] == content_hash(states)


@pytest.mark.parametrize(
    "work",
    [
        lambda: HiddenMarkov([[0.9, 0.2], [0.1, 0.9]], [0.0, 0.0], [1.0, 1.0]),
        lambda: HiddenMarkov([[0.9, 0.1]], [0.0, 0.0], [1.0, 1.0]),
        lambda: HiddenMarkov([[0.9, 0.1], [0.1, 0.9]], [0.0, 0.0], [1.0, 0.0]),
        lambda: HiddenMarkov([[0.9, 0.1], [0.1, 0.9]], [0.0, 0.0], [1.0, float("nan")]),
        lambda: HiddenMarkov([[1.1, -0.1], [0.1, 0.9]], [0.0, 0.0], [1.0, 1.0]),
        lambda: HiddenMarkov([], [], []),
        lambda: VolatilityRegime(20, 20),
        lambda: VolatilityRegime(up=0.9, down=1.0),
        lambda: CorrelationRegime(1),
    ],
)
def test_nonsense_is_refused(work):
    with pytest.raises(Setup):
        work()
