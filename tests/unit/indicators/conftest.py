"""Bars to feed indicators with: real ones where they lie beside the checkout, and generated ones everywhere."""

from pathlib import Path

import numpy as np
import pytest

SHARED_BARS = Path(__file__).parents[3].parent / "shared" / "data" / "equities" / "us14_daily_ohlcv_raw.parquet"
COLUMNS = ("open", "high", "low", "close", "volume")


def random_walk(seed, count=700, start=100.0, step=0.01):
    """Bars in cents with a jump, a halt of equal prices and a day without volume."""
    generator = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(generator.normal(0.0, step, count)))
    close[count // 2 :] /= 4.0
    close[300:340] = close[300]
    spans = np.abs(generator.normal(0.0, step, (2, count))) * close
    opened = np.concatenate([[start], close[:-1]])
    high, low = np.maximum(opened, close) + spans[0], np.minimum(opened, close) - spans[1]
    volume = generator.integers(1_000, 5_000_000, count).astype(float)
    volume[500] = 0.0
    prices = [np.round(column, 2) for column in (opened, high, low, close)]
    return dict(zip(COLUMNS, (*prices, volume), strict=True))


def real_bars():
    """The bars of the shared file by symbol; nothing where it is absent."""
    if not SHARED_BARS.is_file():
        return {}
    import polars

    frame = polars.read_parquet(SHARED_BARS).sort("date")
    return {
        name: {column: part[column].cast(polars.Float64).to_numpy().copy() for column in COLUMNS}
        for (name,), part in frame.group_by("symbol", maintain_order=True)
    }


@pytest.fixture(scope="session")
def walks():
    """Three generated series: usual, in pennies, and in thousands."""
    return {
        "usual": random_walk(1),
        "pennies": random_walk(2, start=3.0, step=0.03),
        "thousands": random_walk(3, start=60_000.0),
    }


@pytest.fixture(scope="session")
def real(shared_data):
    """The fourteen symbols' daily bars, as traded."""
    assert shared_data.is_dir()
    return real_bars()
