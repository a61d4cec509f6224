"""What TA-Lib has not, worked by hand or by another definition."""

import math

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stratofold import indicators

nan = math.nan


def rows(indicator, *columns, outputs=("value",)):
    """The outputs after each update."""
    taken = []
    for values in zip(*columns, strict=True):
        indicator.update(*values)
        taken.append(tuple(getattr(indicator, output) for output in outputs))
    return taken


def approximately(expected):
    return [tuple(pytest.approx(value, nan_ok=True, abs=1e-12) for value in row) for row in expected]


def test_z_score():
    # Mean of 1 2 3 is 2, deviation sqrt(2/3); then 2 3 8: 13/3, sqrt(62/9).
    got = rows(indicators.ZScore(3), (1.0, 2.0, 3.0, 8.0), outputs=("value", "mean", "deviation"))
    first, second = math.sqrt(2 / 3), math.sqrt(62 / 9)
    assert got[2:] == approximately([(1 / first, 2.0, first), ((8 - 13 / 3) / second, 13 / 3, second)])


def test_a_score_needs_a_scale():
    score = indicators.ZScore(3)
    assert all(math.isnan(score.update(4.2)) for _ in range(9))
    assert score.deviation == 0.0
    assert score.update(5.2) == pytest.approx(math.sqrt(2.0))


def test_median():
    got = rows(indicators.Median(3), (5.0, 1.0, 4.0, 2.0, 2.0, 9.0))
    assert got == approximately([(nan,), (nan,), (4.0,), (2.0,), (2.0,), (2.0,)])
    assert rows(indicators.Median(4), (5.0, 1.0, 4.0, 2.0))[-1] == (3.0,)


def test_quantile():
    # Sorted 1 2 4 5; h = 3 * 0.9 = 2.7: 4 + 0.7 * (5 - 4).
    assert rows(indicators.Quantile(4, 0.9), (5.0, 1.0, 4.0, 2.0))[-1][0] == pytest.approx(4.7)
    assert rows(indicators.Quantile(4, 0.0), (5.0, 1.0, 4.0, 2.0))[-1] == (1.0,)
    assert rows(indicators.Quantile(4, 1.0), (5.0, 1.0, 4.0, 2.0))[-1] == (5.0,)


@given(
    values=some.lists(some.sampled_from([-3.0, 0.0, 0.25, 1.0, 7.5, 1e9]) | some.floats(-1e6, 1e6), max_size=80),
    period=some.integers(1, 15),
    fraction=some.floats(0.0, 1.0),
)
def test_ranks_are_those_of_the_sorted_window(values, period, fraction):
    quantile, lowest, highest = indicators.Quantile(period, fraction), indicators.MIN(period), indicators.MAX(period)
    for count, value in enumerate(values, 1):
        got = quantile.update(value), lowest.update(value), highest.update(value)
        if count < period:
            assert all(math.isnan(one) for one in got)
        else:
            window = values[count - period : count]
            assert got[1:] == (min(window), max(window))
            assert got[0] == pytest.approx(float(np.quantile(window, fraction)), rel=1e-12, abs=1e-9)


def test_drawdown():
    got = rows(
        indicators.Drawdown(),
        (100.0, 120.0, 90.0, 108.0, 120.0, 60.0),
        outputs=("value", "peak", "worst", "length", "longest"),
    )
    expected = [(0, 100, 0, 0, 0), (0, 120, 0, 0, 0), (-0.25, 120, -0.25, 1, 1), (-0.1, 120, -0.25, 2, 2)]
    assert got == approximately([*expected, (0, 120, -0.25, 0, 2), (-0.5, 120, -0.5, 1, 2)])


def test_donchian():
    highs, lows = (10.0, 12.0, 11.0, 9.0), (8.0, 9.0, 7.0, 8.5)
    got = rows(indicators.Donchian(2), highs, lows, outputs=("upper", "middle", "lower"))
    assert got == approximately([(nan, nan, nan), (12, 10, 8), (12, 9.5, 7), (11, 9, 7)])


def test_keltner():
    # Averages of two: EMA seeded with 11, then + 2/3 of the distance; true ranges 3 and 4: mean 3.5, then (3.5 + 2) / 2.
    highs, lows, closes = (11.0, 13.0, 14.0, 13.0), (9.0, 11.0, 10.0, 11.0), (10.0, 12.0, 11.0, 12.0)
    got = rows(indicators.Keltner(2, 2, 1.5), highs, lows, closes, outputs=("upper", "middle", "lower"))
    middle = 11 + (12 - 11) * 2 / 3
    assert got[:2] == approximately([(nan, nan, nan)] * 2)
    assert got[2:] == approximately([(11 + 5.25, 11, 11 - 5.25), (middle + 4.125, middle, middle - 4.125)])


def test_the_session_average_starts_anew():
    highs, lows, closes = (12.0, 15.0, 9.0, 9.0), (9.0, 12.0, 6.0, 6.0), (9.0, 12.0, 6.0, 9.0)
    volumes, sessions = (100.0, 300.0, 0.0, 50.0), (1, 1, 2, 2)
    got = rows(indicators.VWAP(), highs, lows, closes, volumes, sessions)
    assert got == approximately([(10,), ((10 * 100 + 13 * 300) / 400,), (nan,), (8,)])


def test_the_rolling_session_average():
    highs, lows, closes = (12.0, 15.0, 9.0, 9.0), (9.0, 12.0, 6.0, 6.0), (9.0, 12.0, 6.0, 9.0)
    got = rows(indicators.RollingVWAP(2), highs, lows, closes, (100.0, 300.0, 0.0, 0.0))
    assert got == approximately([(nan,), (12.25,), (13.0,), (nan,)])


def test_the_rolling_line():
    # Through (1, 2) (2, 3) (4, 8): means 7/3 and 13/3; 40 - 3 * 7/3 * 13/3 = 29/3 and 21 - 3 * 49/9 = 14/3 and 77 - 3 * 169/9 = 62/3.
    got = rows(
        indicators.RollingRegression(3),
        (2.0, 3.0, 8.0),
        (1.0, 2.0, 4.0),
        outputs=("slope", "intercept", "residual", "r_squared"),
    )
    slope, intercept = 29 / 14, -0.5
    fit = (29 / 3) ** 2 / (14 / 3) / (62 / 3)
    assert got[2] == approximately([(slope, intercept, 8 - (4 * slope + intercept), fit)])[0]


def test_a_line_needs_two_places():
    line = indicators.LinearRegression()
    assert math.isnan(line.update(3.0, 5.0))
    assert math.isnan(line.update(4.0, 5.0))
    assert line.update(5.5, 6.0) == pytest.approx(2.0)
    assert (line.intercept, line.predict(7.0)) == (pytest.approx(-6.5), pytest.approx(7.5))
    rolling = indicators.RollingRegression(2)
    rows(rolling, (3.0, 4.0), (5.0, 5.0))
    assert math.isnan(rolling.slope)


def test_the_line_with_forgetting_is_weighted_least_squares():
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(2, 60))
    line = indicators.LinearRegression(0.9)
    rows(line, y.tolist(), x.tolist())
    slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(0.9 ** np.arange(59, -1, -1)))
    assert (line.slope, line.intercept) == (pytest.approx(slope), pytest.approx(intercept))
    assert line.residual == pytest.approx(y[-1] - slope * x[-1] - intercept)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0])
def test_weighted_statistics_are_those_of_pandas(alpha, walks):
    closes = walks["usual"]["close"]
    weighted = pandas.Series(closes).ewm(alpha=alpha, adjust=True, ignore_na=True)
    mean = [value for (value,) in rows(indicators.EwmMean(alpha), closes.tolist())]
    np.testing.assert_allclose(mean, weighted.mean(), rtol=1e-12)
    variance, centre = np.array(rows(indicators.EwmVariance(alpha), closes.tolist(), outputs=("value", "mean"))).T
    np.testing.assert_allclose(variance, weighted.var(), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(centre, weighted.mean(), rtol=1e-12)


def textbook_filter(ys, xs, delta, noise, initial):
    """The Kalman filter of the class's docstring, in matrices."""
    state, covariance = np.zeros(2), np.eye(2) * initial
    for y, x in zip(ys, xs, strict=True):
        row, prior = np.array([x, 1.0]), covariance + np.eye(2) * delta / (1 - delta)
        variance, spread = row @ prior @ row + noise, y - row @ state
        gain = prior @ row / variance
        state = state + gain * spread
        covariance = prior - np.outer(gain, row @ prior)
        yield *state, spread, math.sqrt(variance), spread / math.sqrt(variance)


def test_the_hedge_ratio_is_the_textbook_filter():
    generator = np.random.default_rng(3)
    xs = 50.0 + np.cumsum(generator.normal(0.0, 0.5, 400))
    ys = 1.7 * xs + 4.0 + generator.normal(0.0, 0.3, 400)
    outputs = ("ratio", "intercept", "spread", "deviation", "score")
    got = rows(indicators.KalmanHedgeRatio(), ys.tolist(), xs.tolist(), outputs=outputs)
    np.testing.assert_allclose(got, list(textbook_filter(ys, xs, 1e-4, 1e-3, 1.0)), rtol=1e-6, atol=1e-8)
    assert got[-1][0] * xs[-1] + got[-1][1] == pytest.approx(ys[-1], rel=0.02)


def test_the_first_pair_by_hand():
    # R = 1 each way without drift, h = (2, 1): S = 4 + 1 + 1 = 6, gains 1/3 and 1/6, spread 3.
    hedge = indicators.KalmanHedgeRatio(0.0, 1.0, 1.0)
    assert hedge.update(3.0, 2.0) == pytest.approx(1.0)
    assert (hedge.intercept, hedge.spread, hedge.deviation) == (pytest.approx(0.5), 3.0, pytest.approx(math.sqrt(6)))


def test_what_stands_still_says_nothing():
    """Equal prices: no deviation, no direction, no flow, as in TA-Lib; and nothing divides by zero."""
    bars = [(10.0, 10.0, 10.0)] * 40
    for name in ("CCI", "WILLR", "STOCH"):
        indicator = getattr(indicators, name)(5)
        assert [indicator.update(*bar) for bar in bars][-1] == 0.0
    direction, flow = indicators.ADX(5), indicators.MFI(5)
    assert [direction.update(*bar) for bar in bars][-1] == 0.0
    assert [flow.update(*bar, 100.0) for bar in bars][-1] == 0.0
    index, efficient = indicators.RSI(5), indicators.KAMA(5)
    assert [index.update(10.0) for _ in bars][-1] == 0.0
    assert [efficient.update(10.0) for _ in bars][-1] == 10.0
    correlation, slope = indicators.CORREL(5), indicators.BETA(5)
    assert [correlation.update(10.0, 3.0) for _ in bars][-1] == 0.0
    assert [slope.update(10.0, 3.0) for _ in bars][-1] == 0.0


def test_zero_prices_divide_nothing():
    assert indicators.Drawdown().update(0.0) == 0.0
    change = indicators.ROC(1)
    assert [change.update(value) for value in (0.0, 5.0)][1] == 0.0
    relative = indicators.NATR(1)
    assert [relative.update(*bar) for bar in ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0))][1] == 0.0
    slope = indicators.BETA(2)
    assert [slope.update(0.0, value) for value in (1.0, 2.0, 3.0)][2] == 0.0
