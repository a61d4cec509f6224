"""TA-Lib is the oracle: same lead-in, same numbers to 1e-9, on real and on generated bars."""

import numpy as np
import pytest
import talib

from stratofold import indicators

PERIODS = (2, 5, 14, 30)
CLOSE, PAIR, RANGE, ALL = ("close",), ("open", "close"), ("high", "low", "close"), ("high", "low", "close", "volume")

# name | inputs | arguments | outputs of ours | TA-Lib's, where it has a function for each
ROWS = [
    *((name, CLOSE, (period,), ("value",), (name,)) for period in PERIODS
      for name in ("SMA", "EMA", "WMA", "DEMA", "TEMA", "KAMA", "RSI", "SUM", "VAR", "STDDEV", "MIN", "MAX", "MOM", "ROC")),
    *((name, RANGE, (period,), ("value",), (name,)) for period in PERIODS for name in ("ATR", "NATR", "WILLR", "CCI")),
    *(("ADX", RANGE, (period,), ("value", "plus_di", "minus_di"), ("ADX", "PLUS_DI", "MINUS_DI")) for period in PERIODS),
    *(("MFI", ALL, (period,), ("value",), ("MFI",)) for period in PERIODS),
    *(("LINEARREG", CLOSE, (period,), ("value", "slope", "intercept", "forecast"),
       ("LINEARREG", "LINEARREG_SLOPE", "LINEARREG_INTERCEPT", "TSF")) for period in PERIODS),
    *((name, PAIR, (period,), ("value",), (name,)) for period in PERIODS[1:] for name in ("CORREL", "BETA")),
    *(("MACD", CLOSE, arguments, ("value", "signal", "histogram"), ("MACD",))
      for arguments in ((12, 26, 9), (26, 12, 9), (5, 3, 1), (7, 7, 4), (3, 10, 16))),
    *(("BBANDS", CLOSE, arguments, ("upper", "middle", "lower"), ("BBANDS",))
      for arguments in ((5, 2.0, 2.0, 0), (20, 2.0, 1.5, 0))),
    *(("STOCH", RANGE, arguments, ("slow_k", "slow_d"), ("STOCH",))
      for arguments in ((5, 3, 0, 3, 0), (14, 1, 0, 3, 0), (14, 3, 0, 1, 0), (2, 4, 0, 9, 0))),
    ("STDDEV", CLOSE, (20, 2.5), ("value",), ("STDDEV",)),
    ("VAR", CLOSE, (20, 2.5), ("value",), ("VAR",)),
    ("TRANGE", RANGE, (), ("value",), ("TRANGE",)),
    ("OBV", ("close", "volume"), (), ("value",), ("OBV",)),
]  # fmt: skip


def ours(name, columns, arguments, outputs):
    """Our outputs after each update, one array each."""
    indicator = getattr(indicators, name)(*arguments)
    rows = []
    for values in zip(*(column.tolist() for column in columns), strict=True):
        main = indicator.update(*values)
        assert main == indicator.value or (main != main and not indicator.ready)
        rows.append([getattr(indicator, output) for output in outputs])
    return np.array(rows).T


def theirs(functions, columns, arguments):
    """TA-Lib's outputs, one array each."""
    if len(functions) > 1:
        return [getattr(talib, function)(*columns[: inputs(function)], *arguments) for function in functions]
    result = getattr(talib, functions[0])(*columns, *arguments)
    return result if isinstance(result, (tuple, list)) else [result]


def inputs(function):
    """How many columns a function of a family takes."""
    return 1 if function.startswith(("LINEARREG", "TSF")) else 3


def compare(row, bars):
    """Assert that a row of the table holds on these bars."""
    name, inputs_, arguments, outputs, functions = row
    columns = [bars[column] for column in inputs_]
    for output, got, wanted in zip(
        outputs, ours(name, columns, arguments, outputs), theirs(functions, columns, arguments), strict=True
    ):
        assert (np.isnan(got) == np.isnan(wanted)).all(), f"{name}{arguments}.{output}: another lead-in"
        atol = max(1e-9, own_error(name, columns[0]))
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=atol, err_msg=f"{name}{arguments}.{output}")


def own_error(name, column):
    """What TA-Lib's running sums around zero have lost by the end; `test_exactness` holds ours against exact figures."""
    largest = np.abs(column).max()
    return {"VAR": 1e-14 * largest * largest, "LINEARREG": 1e-12 * largest}.get(name, 0.0)


def identity(row):
    return f"{row[0]}{row[2]}"


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_generated_bars(row, walks):
    """On three random walks with a jump, a halt and a day without volume."""
    for bars in walks.values():
        compare(row, bars)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_real_bars(row, real):
    """On the last 400 raw daily bars, splits included, of each of the fourteen symbols."""
    for bars in real.values():
        compare(row, {name: column[-400:] for name, column in bars.items()})


@pytest.mark.parametrize("name", ["SMA", "EMA", "RSI", "STDDEV", "KAMA", "LINEARREG"])
def test_all_real_bars(name, real):
    """On each whole history, back to 1998, with the default arguments."""
    row = next(row for row in ROWS if row[0] == name)
    for bars in real.values():
        compare((*row[:2], (), *row[3:]), bars)
