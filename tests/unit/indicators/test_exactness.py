"""The error does not grow with the stream, and averages that are equal on paper are equal."""

import math
import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stratofold import indicators
from stratofold.fold.indicators.window import Accumulator, WindowTotal

PRICES = some.integers(-10_000_000, 10_000_000)


def fed(indicator, *columns):
    """The indicator after a whole stream."""
    for values in zip(*columns, strict=True):
        indicator.update(*values)
    return indicator


def nearest(numerator, denominator):
    """The double nearest to a quotient of whole numbers."""
    return float(Fraction(numerator, denominator))


@given(steps=some.lists(PRICES, min_size=1, max_size=60), period=some.integers(1, 12), decimals=some.integers(0, 8))
def test_the_average_of_decimals_is_the_double_nearest_to_their_mean(steps, period, decimals):
    scale = 10**decimals
    average, total = indicators.SMA(period), indicators.SUM(period)
    for count, step in enumerate(steps, 1):
        mean, whole = average.update(step / scale), total.update(step / scale)
        if count < period:
            assert math.isnan(mean)
            assert math.isnan(whole)
        else:
            window = steps[count - period : count]
            assert mean == nearest(sum(window), period * scale)
            assert whole == nearest(sum(window), scale)


def test_averages_equal_on_paper_are_equal():
    """Crossing averages of prices in cents: above, equal and below as decimal arithmetic has it."""
    generator = random.Random(7)
    fast, slow = indicators.SMA(4), indicators.SMA(10)
    cents, ties = [], 0
    for _ in range(20_000):
        cents.append(10_000 + generator.randrange(12))
        above = fast.update(cents[-1] / 100) - slow.update(cents[-1] / 100)
        if len(cents) >= 10:
            on_paper = Decimal(sum(cents[-4:])) / 4 - Decimal(sum(cents[-10:])) / 10
            assert (above > 0, above < 0) == (on_paper > 0, on_paper < 0)
            ties += on_paper == 0
    assert ties > 100


def test_a_finer_decimal_moves_the_window_to_a_finer_grid():
    average = indicators.SMA(3)
    results = [average.update(value) for value in (5.0, 7.0, 9.0, 0.1, 0.00000001, 1e-9, 3.0, 5.0, 6.0)]
    assert results[2:5] == [7.0, nearest(161, 30), nearest(910000001, 300000000)]
    assert results[5] == pytest.approx((0.1 + 1e-8 + 1e-9) / 3, rel=1e-15)
    assert results[8] == pytest.approx(14 / 3, rel=1e-15)


def test_a_constant_off_the_grid_has_itself_as_average():
    """Back-adjusted prices of a quiet symbol: every window agrees to the last bit."""
    value = 101.37 * 0.98123456789
    for period in (3, 20, 49, 50):
        average, deviation, weighted = indicators.SMA(period), indicators.STDDEV(period), indicators.WMA(period)
        for _ in range(3 * period):
            results = average.update(value), weighted.update(value), deviation.update(value)
        assert results == (value, value, 0.0)


@pytest.mark.parametrize("count", [500_000, pytest.param(5_000_000, marks=pytest.mark.nightly)])
def test_millions_of_updates(count):
    """Running sums after so many updates, against the exact sum of the window."""
    generator = np.random.default_rng(5)
    values = (np.cumsum(generator.normal(0.0, 1.0, count)) + 1e6 * math.pi).tolist()
    average = indicators.SMA(50)
    update = average.update
    for value in values:
        update(value)
    exact = math.fsum(values[-50:]) / 50
    assert average.value == pytest.approx(exact, rel=2e-16)


LONG = 100_000


@pytest.fixture(scope="module")
def long_streams():
    """Two related walks far from zero, which plain running sums of squares do not survive."""
    generator = np.random.default_rng(6)
    x = np.cumsum(generator.normal(0.0, 1e-2, LONG)) + 60_000.0
    y = 2.0 * x + generator.normal(0.0, 1e-2, LONG)
    return x.tolist(), y.tolist()


def test_windows_of_a_long_stream(long_streams):
    x, y = long_streams
    window = [Fraction(value) for value in x[-20:]]
    mean = sum(window) / 20
    variance = sum((value - mean) ** 2 for value in window) / 20
    assert fed(indicators.VAR(20), x).value == pytest.approx(float(variance), rel=1e-11)
    assert fed(indicators.STDDEV(20), x).value == pytest.approx(math.sqrt(variance), rel=1e-11)
    score = float(window[-1] - mean) / math.sqrt(variance)
    assert fed(indicators.ZScore(20), x).value == pytest.approx(score, rel=1e-9)
    weighted = sum(weight * value for weight, value in enumerate(window, 1)) / 210
    assert fed(indicators.WMA(20), x).value == pytest.approx(float(weighted), rel=1e-15)
    others = [Fraction(value) for value in y[-20:]]
    product = sum((one - mean) * other for one, other in zip(window, others, strict=True)) / 20
    slope = product / variance
    line = fed(indicators.RollingRegression(20), y, x)
    assert line.slope == pytest.approx(float(slope), rel=1e-9)
    assert line.intercept == pytest.approx(float(sum(others) / 20 - slope * mean), rel=1e-9)
    correlation = float(np.corrcoef(x[-20:], y[-20:])[0, 1])
    assert fed(indicators.CORREL(20), x, y).value == pytest.approx(correlation, rel=1e-9)
    trend = np.polyfit(range(20), np.array(x[-20:]) - x[-1], 1)
    assert fed(indicators.LINEARREG(20), x).slope == pytest.approx(trend[0], rel=1e-9)


def test_whole_histories_of_a_long_stream(long_streams):
    x, y = long_streams
    centre = Fraction(x[0])
    xs, ys = [Fraction(value) - centre for value in x[::10]], [Fraction(value) for value in y[::10]]
    count = len(xs)
    x_mean, y_mean = sum(xs) / count, sum(ys) / count
    spread = sum(value * value for value in xs) - count * x_mean * x_mean
    slope = (sum(one * other for one, other in zip(xs, ys, strict=True)) - count * x_mean * y_mean) / spread
    line = fed(indicators.LinearRegression(), y[::10], x[::10])
    assert line.slope == pytest.approx(float(slope), rel=1e-12)
    assert line.intercept == pytest.approx(float(y_mean - slope * (x_mean + centre)), rel=1e-9)


def test_what_an_outlier_leaves_behind():
    """A price of a billion among cents is forgotten with the window, not after it."""
    generator = random.Random(8)
    values = [generator.gauss(0.0, 1e-3) for _ in range(200)]
    values[150] = 1e9
    others = [value * 3.0 + generator.gauss(0.0, 1e-3) for value in values]
    deviation = fed(indicators.STDDEV(20), values[:171])
    assert deviation.value == pytest.approx(float(np.std(values[151:171])), rel=1e-9)
    correlation = fed(indicators.CORREL(20), values[:171], others[:171])
    assert correlation.value == pytest.approx(np.corrcoef(values[151:171], others[151:171])[0, 1], rel=1e-9)


@given(some.lists(some.floats(-1e12, 1e12), min_size=1, max_size=200))
def test_the_accumulator_keeps_what_additions_lose(terms):
    total = Accumulator()
    for term in terms:
        total.add(term)
    largest = max(abs(term) for term in terms)
    assert total.value == pytest.approx(math.fsum(terms), rel=1e-15, abs=largest * 1e-29 * len(terms) ** 2)


def test_volumes_of_a_long_stream_balance():
    balance = indicators.OBV()
    generator = random.Random(9)
    volumes = [generator.random() * 10.0 ** generator.randrange(9) for _ in range(50_000)]
    closes = [1.0 + count % 2 for count in range(50_000)]
    fed(balance, closes, volumes)
    signed = [volumes[0], *(volume if count % 2 else -volume for count, volume in enumerate(volumes[1:], 1))]
    assert balance.value == math.fsum(signed)


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e13, 1e200])
def test_any_magnitude(factor):
    """Values too large or too small for any grid are averaged as doubles."""
    generator = random.Random(10)
    values = [generator.uniform(1.0, 2.0) * factor for _ in range(300)]
    average = indicators.SMA(7)
    results = [average.update(value) for value in values]
    for count in (7, 8, 100, 300):
        assert results[count - 1] == pytest.approx(math.fsum(values[count - 7 : count]) / 7, rel=1e-15)


def test_a_decimal_missed_by_a_rounding_counts_as_the_decimal():
    average = indicators.SMA(1)
    assert 0.1 + 0.2 != 0.3
    assert average.update(0.1 + 0.2) == 0.3


def test_a_window_is_gone_through_once_for_each_finer_grid(monkeypatch):
    """Warming up costs a value its own time, not the window's: 400 values of cents make one change of grid."""
    passes = []
    refine = WindowTotal._refine
    monkeypatch.setattr(WindowTotal, "_refine", lambda self, ratio: passes.append(ratio) or refine(self, ratio))
    average = indicators.SMA(400)
    closes = [100.0 + 0.25 * (k % 7) for k in range(500)]
    values = [average.update(close) for close in closes]
    assert passes == [100.0]
    assert values[399] == sum(closes[:400]) / 400


class Plain(WindowTotal):
    """A window to which a value that fills it is like any other."""

    def _admit(self, value):
        return self._admit_any(value)


AWKWARD = some.sampled_from([0.0, -0.0, 1 / 3, 1e15, 1e300, math.nan, math.inf, 0.1 + 0.2])


@given(
    values=some.lists(some.one_of(PRICES.map(lambda cents: cents / 100), AWKWARD), max_size=40),
    period=some.integers(1, 9),
)
def test_a_value_that_fills_the_window_leaves_what_any_other_would(values, period):
    """Quickly or not: results and state are the same to the last bit, whatever else has come before."""
    quick, plain = (kind(period, float(period), 1.0) for kind in (WindowTotal, Plain))
    for value in values:
        assert repr(quick.update(value)) == repr(plain.update(value))
        assert repr(vars(quick)) == repr(vars(plain))
