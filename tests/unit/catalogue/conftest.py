"""A catalogue in a folder of its own, and rows to put into it."""

import numpy as np
import polars as pl
import pytest

import stratofold

DAY = 86_400_000_000_000
FIRST = 1_577_836_800_000_000_000  # 2020-01-01


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "catalogue"


@pytest.fixture
def catalogue(folder):
    return stratofold.catalogue(folder, make=True)


def bars(count=10, first=FIRST + DAY, step=DAY, price=100.0):
    """Bars of rising prices, one a step."""
    close = price + np.arange(count)
    return pl.DataFrame({
        "time": first + step * np.arange(count, dtype=np.int64),
        "open": close, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": np.full(count, 10.0),
    })  # fmt: skip


def trades(times, prices=None, sizes=None):
    """Trades at times."""
    count = len(times)
    return pl.DataFrame(
        {"time": times, "price": prices or [100.0] * count, "size": sizes or [1.0] * count},
        schema_overrides={"time": pl.Int64},
    )
