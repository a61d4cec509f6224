"""Value at risk and expected shortfall against skfolio, scipy and the papers."""

from math import inf, isnan

import numpy as np
import pytest
from scipy import integrate, stats
from skfolio import measures

from stratofold.errors import Setup
from stratofold.research.tails import (
    MODELS,
    breaches,
    degrees_of_freedom,
    historical,
    kupiec,
    normal,
    recent,
    student,
    t_quantile,
)


def made(count=500, freedom=4.5, seed=4):
    return np.random.default_rng(seed).standard_t(freedom, count) * 0.01


@pytest.mark.parametrize("count", [30, 100, 333, 1_260])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_history_is_skfolios(count, level):
    returns = made(count)
    found = historical(returns, level)
    assert found.value_at_risk == pytest.approx(measures.value_at_risk(returns, beta=level), rel=1e-12)
    assert found.shortfall == pytest.approx(measures.cvar(returns, beta=level), rel=1e-12)


def test_history_by_hand():
    """Of a hundred returns from -50 to 49 thousandths the sixth worst is -45, and the five worst are -48 on the average."""
    found = historical(np.arange(-50, 50) / 1_000.0, 0.95)
    assert (found.value_at_risk, found.shortfall) == pytest.approx((0.045, 0.048))


def beyond(distribution, level):
    """The mean of a distribution below its quantile, by numerical integration."""
    place = distribution.ppf(1.0 - level)
    return integrate.quad(lambda x: x * distribution.pdf(x), -inf, place)[0] / (1.0 - level)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_bell_is_scipys(level):
    returns = made()
    bell = stats.norm(returns.mean(), returns.std(ddof=1))
    found = normal(returns, level)
    assert found.value_at_risk == pytest.approx(-bell.ppf(1.0 - level), rel=1e-9)
    assert found.shortfall == pytest.approx(-beyond(bell, level), rel=1e-6)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_fat_tails_are_scipys(level):
    returns = made()
    freedom = degrees_of_freedom(returns)
    assert freedom == pytest.approx(4.0 + 6.0 / stats.kurtosis(returns))
    scale = returns.std(ddof=1) * ((freedom - 2.0) / freedom) ** 0.5
    fitted = stats.t(freedom, returns.mean(), scale)
    found = student(returns, level)
    assert found.value_at_risk == pytest.approx(-fitted.ppf(1.0 - level), rel=1e-9)
    assert found.shortfall == pytest.approx(-beyond(fitted, level), rel=1e-6)


def test_thin_tails_are_a_bell():
    returns = np.tile([0.01, -0.01], 40)
    assert degrees_of_freedom(returns) == inf
    assert student(returns, 0.99) == normal(returns, 0.99)


@pytest.mark.parametrize("freedom", [2.1, 3.0, 4.5, 10.0, 60.0, 200.0])
@pytest.mark.parametrize("share", [1e-6, 0.001, 0.01, 0.05, 0.3, 0.5])
def test_the_quantile_of_a_t_is_scipys(freedom, share):
    assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8, abs=1e-6)


def test_late_volatility_forgets_as_riskmetrics_does():
    """Its recursion, 0.94 of yesterday's variance and 0.06 of the squared return, run over a long history."""
    returns = made(2_000)
    variance = returns[0] ** 2
    for each in returns[1:]:
        variance = 0.94 * variance + 0.06 * each * each
    assert recent(returns, 0.99).value_at_risk == pytest.approx(stats.norm.ppf(0.99) * variance**0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("count", "share", "least", "most"),
    [(255, 0.01, None, 6), (510, 0.01, 2, 10), (1_000, 0.01, 5, 16), (255, 0.05, 7, 20), (1_000, 0.05, 38, 64)],
)
def test_kupiecs_regions_are_his(count, share, least, most):
    """Kupiec 1995, table 3 (as in Jorion, "Value at Risk", table 6-2): breaches that 95 % do not refuse."""
    accepted = [passed for passed in range(count) if kupiec(passed, count, share) > 0.05]
    assert accepted[-1] == most
    assert accepted[0] == (least if least is not None else accepted[0])


def test_breaches_are_counted_one_by_one():
    returns = made(700, seed=9)
    passed = sum(returns[k] < -historical(returns[k - 250 : k], 0.99).value_at_risk for k in range(250, 700))
    found = breaches(returns)
    assert (found.sessions, found.breaches, found.expected) == (450, passed, pytest.approx(4.5))
    assert isnan(breaches(returns[:200]).probability)


@pytest.mark.parametrize(("returns", "level"), [(made(29), 0.95), (made(), 0.4), (made(), 1.0), ([np.nan] * 40, 0.95)])
@pytest.mark.parametrize("model", MODELS.values())
def test_what_has_no_tail_is_refused(model, returns, level):
    with pytest.raises(Setup) as error:
        model(returns, level)
    assert error.value.code in {"SFS90", "SFS40"}
