"""Portfolio construction: skfolio's and scikit-learn's weights, laws, and corners."""

import warnings
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.errors import Setup
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
    volatility_scale,
)


def returns(seed, symbols=6, rows=120):
    """Rows of returns that hang together, of unlike volatility."""
    chance = np.random.default_rng(seed)
    own = chance.normal(size=(rows, symbols)) * np.linspace(0.5, 3.0, symbols) * 0.01
    return own + chance.normal(size=(rows, 1)) * 0.008 * chance.uniform(0.2, 1.5, symbols) + 0.0004


def heard(table, window=None):
    """A `Covariance` that took all rows."""
    covariance = Covariance(table.shape[1], window or len(table))
    for row in table:
        covariance.update(array("d", row))
    return covariance


def matrix_of(table):
    """The sample's covariance as the fold holds it."""
    covariance = heard(table)
    covariance.measure()
    return covariance.matrix


@pytest.fixture
def theirs():
    """Skfolio's rules: who collects the tests and runs none of these does not wait for a second of imports."""
    from skfolio import optimization

    return optimization


def shrunk(table):
    """Scikit-learn's covariance, and how far it was shrunk."""
    from sklearn.covariance import ledoit_wolf

    return ledoit_wolf(table)


class TestCovariance:
    """Means and covariances."""

    def test_it_is_numpys(self):
        table = returns(1)
        covariance = heard(table)
        covariance.measure()
        assert np.array(covariance.matrix).reshape(6, 6) == pytest.approx(np.cov(table.T), rel=1e-12)
        assert np.array(covariance.mean) == pytest.approx(table.mean(axis=0))

    def test_only_the_window_counts(self):
        table = returns(1)
        short = heard(table, 50)
        short.measure()
        assert np.array(short.matrix).reshape(6, 6) == pytest.approx(np.cov(table[-50:].T), rel=1e-9)

    @pytest.mark.parametrize(("rows", "symbols"), [(120, 6), (20, 30), (3, 2)])
    def test_shrunk_it_is_scikit_learns(self, rows, symbols):
        table = returns(2, symbols, rows)
        covariance = heard(table)
        covariance.shrink()
        theirs, shrinkage = shrunk(table)
        assert covariance.shrinkage == pytest.approx(shrinkage, rel=1e-9)
        assert np.array(covariance.matrix).reshape(symbols, symbols) == pytest.approx(theirs, rel=1e-9, abs=1e-18)

    def test_a_row_with_a_hole_is_left_out(self):
        table = returns(1)
        covariance = heard(table, 500)
        covariance.update(array("d", [0.1] * 5 + [float("nan")]))
        covariance.update(array("d", [0.1] * 5 + [float("inf")]))
        assert covariance.heard == 120
        assert not covariance.ready

    def test_before_the_second_row_there_is_none(self):
        covariance = Covariance(2, 5)
        covariance.measure()
        covariance.shrink()
        assert set(covariance.matrix) == {0.0}


def close(ours, theirs, apart):
    """Weights of both, as far as a numeric solver goes."""
    assert np.array(ours) == pytest.approx(theirs, abs=apart)
    assert sum(ours) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
class TestWeights:
    """Each rule beside skfolio's."""

    def test_inverse_volatility(self, seed, theirs):
        ours = InverseVolatility(6)
        ours.solve(matrix_of(returns(seed)))
        close(ours.weights, theirs.InverseVolatility().fit(returns(seed)).weights_, 1e-12)

    def test_risk_parity(self, seed, theirs):
        ours = RiskParity(6)
        ours.solve(matrix_of(returns(seed)))
        close(ours.weights, theirs.RiskBudgeting().fit(returns(seed)).weights_, 2e-4)

    def test_hierarchical_risk_parity(self, seed, theirs):
        from skfolio.cluster import HierarchicalClustering, LinkageMethod
        from skfolio.seriation import HierarchicalSeriation

        ours = HierarchicalRiskParity(6)
        ours.solve(matrix_of(returns(seed)))
        clusters = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
        order = HierarchicalSeriation(hierarchical_clustering_estimator=clusters, optimal_ordering=False)
        close(ours.weights, theirs.HierarchicalRiskParity(seriation_estimator=order).fit(returns(seed)).weights_, 1e-12)

    @pytest.mark.parametrize("most", [1.0, 0.3])
    def test_least_variance(self, seed, most, theirs):
        ours = MeanVariance(6, most)
        ours.solve(matrix_of(returns(seed)), array("d", [0.0] * 6))
        close(ours.weights, theirs.MeanRisk(max_weights=most).fit(returns(seed)).weights_, 5e-4)

    def test_mean_and_variance(self, seed, theirs):
        covariance = heard(returns(seed))
        covariance.measure()
        ours = MeanVariance(6, 1.0, 10.0, 1.0)
        ours.solve(covariance.matrix, covariance.mean)
        model = theirs.MeanRisk(objective_function=theirs.ObjectiveFunction.MAXIMIZE_UTILITY, risk_aversion=5.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            close(ours.weights, model.fit(returns(seed)).weights_, 2e-3)


def contributions(weights, matrix):
    """What each symbol adds to the variance."""
    table = np.array(matrix).reshape(len(weights), -1)
    return np.array(weights) * (table @ np.array(weights))


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_laws(seed, symbols):
    """Weights are shares; risk is shared as the budgets say; no move makes the least variance less."""
    table = returns(seed, symbols, 40)
    matrix = matrix_of(table)
    parity, hierarchy, least = RiskParity(symbols), HierarchicalRiskParity(symbols), MeanVariance(symbols)
    for symbol in range(symbols):
        parity.budgets[symbol] = 1.0 + symbol % 3
    parity.solve(matrix)
    hierarchy.solve(matrix)
    least.solve(matrix, array("d", [0.0] * symbols))
    for weights in (parity.weights, hierarchy.weights, least.weights):
        assert sum(weights) == pytest.approx(1.0)
        assert min(weights) >= 0.0
    shared = contributions(parity.weights, matrix)
    assert shared / shared.sum() == pytest.approx(np.array(parity.budgets) / sum(parity.budgets), rel=1e-9)
    assert sorted(hierarchy.order) == list(range(symbols))
    best = portfolio_variance(least.weights, matrix)
    assert best <= min(portfolio_variance(w, matrix) for w in (parity.weights, hierarchy.weights)) * (1.0 + 1e-9)


RULES = (InverseVolatility, RiskParity, HierarchicalRiskParity, MeanVariance)


def weights_by(rule, matrix, symbols):
    """The rule's weights where means are 0."""
    ours = rule(symbols)
    ours.solve(matrix, *((array("d", [0.0] * symbols),) if rule is MeanVariance else ()))
    return list(ours.weights)


@pytest.mark.parametrize("is_shrunk", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_what_never_moves_has_no_weight(rule, is_shrunk):
    """And the others have the weights that they have without it."""
    table = returns(1)
    table[:, 2] = 0.0
    whole, others = heard(table), heard(np.delete(table, 2, axis=1))
    for covariance in (whole, others):
        covariance.shrink() if is_shrunk else covariance.measure()
    weights = weights_by(rule, whole.matrix, 6)
    assert weights.pop(2) == 0.0
    assert weights == pytest.approx(weights_by(rule, others.matrix, 5), abs=1e-9)
    assert set(weights_by(rule, array("d", [0.0] * 36), 6)) == {0.0}


def test_shrinking_says_nothing_of_what_never_moved():
    """Drawn wholly towards one variance, it has none still."""
    table = returns(2, 3, 3)
    table[:, 1] = 0.0
    covariance = heard(table)
    covariance.shrink()
    assert covariance.shrinkage > 0.0
    assert [covariance.matrix[place] for place in (1, 3, 4, 5, 7)] == [0.0] * 5
    theirs, shrinkage = shrunk(np.delete(table, 1, axis=1))
    assert covariance.shrinkage == pytest.approx(shrinkage)
    assert covariance.matrix[8] == pytest.approx(theirs[1][1])


def test_the_most_that_one_may_have_gives_way_where_too_few_move():
    ours = MeanVariance(4, 0.25)
    ours.solve(array("d", [0.04, 0.0, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0] + [0.0] * 8), array("d", [0.0] * 4))
    assert list(ours.weights) == [0.5, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("rule", RULES)
def test_one_symbol_has_all(rule):
    ours = rule(1)
    ours.solve(*((array("d", [0.04]), array("d", [0.0])) if rule is MeanVariance else (array("d", [0.04]),)))
    assert list(ours.weights) == [1.0]


def test_twins_share():
    """Two symbols that are one, and a third: a solver that inverts would fail."""
    table = returns(1, 3)
    table[:, 1] = table[:, 0]
    for ours in (RiskParity(3), HierarchicalRiskParity(3), MeanVariance(3)):
        ours.solve(
            *((matrix_of(table), array("d", [0.0] * 3)) if isinstance(ours, MeanVariance) else (matrix_of(table),))
        )
        assert sum(ours.weights) == pytest.approx(1.0)
        assert min(ours.weights) >= 0.0


class TestScale:
    """How much of it."""

    def test_figures_by_hand(self):
        weights, matrix = array("d", [0.5, 0.5]), array("d", [0.04, 0.01, 0.01, 0.09])
        assert portfolio_variance(weights, matrix) == pytest.approx(0.0375)
        assert portfolio_mean(weights, array("d", [0.1, 0.2])) == pytest.approx(0.15)
        assert volatility_scale(0.0001, 0.15, 225.0, 3.0) == pytest.approx(1.0)
        assert volatility_scale(0.0001, 0.15, 225.0, 0.5) == 0.5
        assert volatility_scale(0.0, 0.15, 225.0, 0.5) == 0.0
        assert kelly_scale(0.001, 0.0001, 0.5, 10.0) == pytest.approx(5.0)
        assert kelly_scale(0.001, 0.0001, 0.5, 2.0) == 2.0
        assert kelly_scale(-0.001, 0.0001, 0.5, 2.0) == 0.0

    def test_a_class_is_cut_to_its_cap_and_the_rest_is_cash(self):
        weights = array("d", [0.4, 0.4, 0.1, -0.1])
        cap_classes(weights, array("q", [0, 0, 1, 2]), array("d", [0.6, 0.5, 0.05]))
        assert list(weights) == pytest.approx([0.3, 0.3, 0.1, -0.05])


class TestSleeves:
    """Several strategies in one book."""

    def test_what_they_want_against_each_other_is_not_traded(self):
        sleeves = Sleeves(2, 2)
        sleeves.want(0, 0, 1.0)
        sleeves.want(1, 0, -0.5)
        sleeves.want(1, 1, 0.5)
        assert [sleeves.net(symbol) for symbol in range(2)] == [0.25, 0.25]
        assert sleeves.crossed() == pytest.approx(0.5)

    def test_each_is_judged_by_what_it_wanted_before(self):
        sleeves = Sleeves(2, 2)
        sleeves.close(array("d", [100.0, 50.0]))
        sleeves.want(0, 0, 1.0)
        sleeves.close(array("d", [101.0, 50.0]))  # wanted only now: made nothing yet
        assert list(sleeves.returns) == [0.0, 0.0]
        sleeves.want(1, 1, -0.5)
        sleeves.close(array("d", [103.02, 50.0]))
        assert list(sleeves.returns) == pytest.approx([0.02, 0.0])
        sleeves.close(array("d", [103.02, 55.0]))
        assert list(sleeves.returns) == pytest.approx([0.0, -0.05])

    def test_a_symbol_without_a_price_makes_nothing(self):
        sleeves = Sleeves(1, 1)
        sleeves.want(0, 0, 1.0)
        for price in (0.0, 10.0, 0.0, 11.0):
            sleeves.close(array("d", [price]))
        assert sleeves.returns[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "work",
    [
        lambda: Covariance(0),
        lambda: Sleeves(0, 1),
        lambda: Covariance(2, 1),
        lambda: RiskParity(0),
        lambda: MeanVariance(4, 0.2),
        lambda: MeanVariance(4, 1.0, 0.0),
    ],
)
def test_nonsense_is_refused(work):
    with pytest.raises(Setup):
        work()
