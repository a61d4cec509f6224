"""What every indicator keeps to: its lead-in, `ready`, what a NaN does, what it is made of, what it refuses."""

import math
from array import array

import pytest

from stratofold import indicators
from stratofold.errors import Setup

CLOSE, PAIR, RANGE, ALL = ("close",), ("close", "open"), ("high", "low", "close"), ("high", "low", "close", "volume")

# indicator with its arguments                  | inputs             | NaNs before the first number | how many updates back it sees (0: all)
TABLE = [
    (lambda: indicators.SMA(5),                    CLOSE,               4,  5),
    (lambda: indicators.EMA(5),                    CLOSE,               4,  0),
    (lambda: indicators.WMA(5),                    CLOSE,               4,  5),
    (lambda: indicators.DEMA(5),                   CLOSE,               8,  0),
    (lambda: indicators.TEMA(5),                   CLOSE,              12,  0),
    (lambda: indicators.KAMA(5),                   CLOSE,               5,  0),
    (lambda: indicators.RSI(5),                    CLOSE,               5,  0),
    (lambda: indicators.MACD(3, 6, 4),             CLOSE,               8,  0),
    (lambda: indicators.BBANDS(5),                 CLOSE,               4,  5),
    (lambda: indicators.TRANGE(),                  RANGE,               1,  0),
    (lambda: indicators.ATR(5),                    RANGE,               5,  0),
    (lambda: indicators.NATR(5),                   RANGE,               5,  0),
    (lambda: indicators.ADX(5),                    RANGE,               9,  0),
    (lambda: indicators.STOCH(5, 3, 0, 3, 0),      RANGE,               8,  9),
    (lambda: indicators.CCI(5),                    RANGE,               4,  5),
    (lambda: indicators.ROC(5),                    CLOSE,               5,  6),
    (lambda: indicators.MOM(5),                    CLOSE,               5,  6),
    (lambda: indicators.WILLR(5),                  RANGE,               4,  5),
    (lambda: indicators.OBV(),                     ("close", "volume"), 0,  0),
    (lambda: indicators.MFI(5),                    ALL,                 5,  6),
    (lambda: indicators.RollingVWAP(5),            ALL,                 4,  5),
    (lambda: indicators.SUM(5),                    CLOSE,               4,  5),
    (lambda: indicators.VAR(5),                    CLOSE,               4,  5),
    (lambda: indicators.STDDEV(5),                 CLOSE,               4,  5),
    (lambda: indicators.ZScore(5),                 CLOSE,               4,  5),
    (lambda: indicators.CORREL(5),                 PAIR,                4,  5),
    (lambda: indicators.BETA(5),                   PAIR,                5,  6),
    (lambda: indicators.RollingRegression(5),      PAIR,                4,  5),
    (lambda: indicators.MIN(5),                    CLOSE,               4,  5),
    (lambda: indicators.MAX(5),                    CLOSE,               4,  5),
    (lambda: indicators.Median(5),                 CLOSE,               4,  5),
    (lambda: indicators.Quantile(6, 0.3),          CLOSE,               5,  6),
    (lambda: indicators.EwmMean(0.2),              CLOSE,               0,  0),
    (lambda: indicators.EwmVariance(0.2),          CLOSE,               1,  0),
    (lambda: indicators.Drawdown(),                CLOSE,               0,  0),
    (lambda: indicators.Donchian(5),               ("high", "low"),     4,  5),
    (lambda: indicators.Keltner(7, 5),             RANGE,               6,  0),
    (lambda: indicators.KalmanHedgeRatio(),        PAIR,                0,  0),
    (lambda: indicators.LINEARREG(5),              CLOSE,               4,  5),
    (lambda: indicators.LinearRegression(0.9),     PAIR,                1,  0),
]  # fmt: skip
MADE = pytest.mark.parametrize("row", TABLE, ids=lambda row: type(row[0]()).__name__)
HOLE = 150


def stream(row, walks):
    """The rows of inputs an indicator of the table takes."""
    bars = walks["usual"]
    return list(zip(*(bars[name].tolist() for name in row[1]), strict=True))[:280]


def test_the_table_has_them_all():
    """All but VWAP, whose session makes it a case of its own (`test_by_hand`)."""
    assert {type(row[0]()) for row in TABLE} == {getattr(indicators, name) for name in indicators.__all__} - {
        indicators.VWAP
    }


@MADE
def test_lead_in(row, walks):
    indicator = row[0]()
    assert not indicator.ready
    for count, values in enumerate(stream(row, walks)[:100], 1):
        result = indicator.update(*values)
        assert math.isnan(result) == (count <= row[2])
        assert indicator.ready == (count > row[2])
        if indicator.ready:
            assert result == indicator.value


@MADE
@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_a_hole_in_the_stream(row, walks, hole, place):
    """A window forgets a NaN or an infinity when it leaves; what remembers for ever passes over a NaN."""
    make, _, _, memory = row
    values = stream(row, walks)
    spoilt = list(values[HOLE])
    spoilt[place % len(spoilt)] = hole
    indicator = make()
    results = [indicator.update(*one) for one in [*values[:HOLE], tuple(spoilt), *values[HOLE + 1 :]]]
    other = make()
    if memory:
        expected = [other.update(*one) for one in values]
        assert not any(math.isnan(result) for result in expected[HOLE:])
        assert results[HOLE + memory :] == pytest.approx(expected[HOLE + memory :], rel=1e-9, abs=1e-9)
    elif hole != hole:
        expected = [other.update(*one) for one in [*values[:HOLE], *values[HOLE + 1 :]]]
        assert math.isnan(results[HOLE])
        assert results[:HOLE] + results[HOLE + 1 :] == pytest.approx(expected, nan_ok=True, rel=0, abs=0)


@MADE
def test_a_nan_is_remembered_while_it_is_in_the_window(row, walks):
    make, _, _, memory = row
    values = stream(row, walks)
    indicator = make()
    results = [indicator.update(*one) for one in [*values[:HOLE], (math.nan,) * len(values[0]), *values[HOLE + 1 :]]]
    lost = [count for count, result in enumerate(results) if math.isnan(result) and count >= HOLE]
    if type(indicator) in {indicators.MOM, indicators.ROC}:
        assert lost == [HOLE, HOLE + memory - 1]
    else:
        assert lost == list(range(HOLE, HOLE + max(memory, 1)))


@MADE
def test_a_nan_during_the_lead_in(row, walks):
    """The first numbers come as soon as the window, or the count, is full of numbers."""
    make, _, lead, memory = row
    values = stream(row, walks)
    indicator = make()
    results = [indicator.update(*one) for one in [values[0], (math.nan,) * len(values[0]), *values[2:60]]]
    assert math.isnan(results[1])
    first_whole = (1 + memory if memory else lead + 1) if type(indicator) not in {indicators.MOM, indicators.ROC} else 7
    assert [math.isnan(result) for result in results[max(first_whole, 2) :]] == [False] * (60 - max(first_whole, 2))


def kinds(thing, path="indicator"):
    """Attributes of a kind that machine code has no place for."""
    for name, value in vars(thing).items():
        if type(value) in {int, float, bool}:
            continue
        if isinstance(value, array):
            if value.typecode not in "dq":
                yield f"{path}.{name}"
        elif type(value).__module__.startswith("stratofold.fold.indicators"):
            yield from kinds(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}"


@MADE
def test_made_of_numbers_that_keep_their_kind(row, walks):
    indicator = row[0]()
    before = {name: type(value) for name, value in vars(indicator).items()}
    assert list(kinds(indicator)) == []
    for values in stream(row, walks)[:80]:
        assert type(indicator.update(*values)) is float
    assert {name: type(value) for name, value in vars(indicator).items()} == before
    assert list(kinds(indicator)) == []


@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (lambda: indicators.SMA(0), "SF301", "SMA: period is 0, and must be a whole number of at least 1"),
        (lambda: indicators.EMA(-3), "SF301", "EMA: period is -3"),
        (lambda: indicators.WMA(2.5), "SF301", "WMA: period is 2.5"),
        (lambda: indicators.KAMA(1), "SF301", "at least 2"),
        (lambda: indicators.RSI("14"), "SF301", "RSI: period is '14'"),
        (lambda: indicators.MACD(12, True), "SF301", "MACD: slow_period is True"),
        (lambda: indicators.BBANDS(20, math.nan), "SF303", "BBANDS: deviations_up is nan"),
        (lambda: indicators.BBANDS(20, 2.0, 2.0, 1), "SF304", "only 0, the simple average"),
        (lambda: indicators.STOCH(5, 3, 0, 3, 4), "SF304", "STOCH: slow_d_kind is 4"),
        (lambda: indicators.STDDEV(20, "2"), "SF303", "STDDEV: deviations is '2'"),
        (lambda: indicators.Quantile(20, 1.5), "SF302", "Quantile: fraction is 1.5, and must be a number from 0 to 1"),
        (lambda: indicators.Quantile(20, math.nan), "SF302", "fraction is nan"),
        (lambda: indicators.Median(0), "SF301", "Median: period is 0"),
        (lambda: indicators.EwmMean(0.0), "SF302", "EwmMean: alpha is 0.0"),
        (lambda: indicators.KalmanHedgeRatio(1.0), "SF302", "KalmanHedgeRatio: delta is 1.0"),
        (lambda: indicators.LinearRegression(1.01), "SF302", "LinearRegression: forgetting is 1.01"),
    ],
)
def test_arguments_that_cannot_be(make, code, says):
    with pytest.raises(Setup) as caught:
        make()
    assert caught.value.code == code
    assert says in caught.value.what
    assert caught.value.fix
    assert caught.value.place


def test_a_numpy_integer_is_a_period():
    import numpy as np

    assert type(indicators.SMA(np.int64(20)).period) is int


def test_the_shorter_names_are_the_same_classes():
    assert indicators.Mean is indicators.SMA
    assert indicators.StandardDeviation is indicators.STDDEV
    assert (indicators.Minimum, indicators.Maximum, indicators.Variance) == (
        indicators.MIN,
        indicators.MAX,
        indicators.VAR,
    )
