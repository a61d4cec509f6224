"""Prices kept beside a strategy, in each kind of container and each kind of place: caught by name, symbol and time."""

from array import array
from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stratofold import Strategy, sample
from stratofold.research.check import Case, changed_after, look_ahead
from stratofold.research.prepare import Options

MARKET = sample("SPY", start="1998-01-01", end="1998-06-30")
CLOSES = [float(close) for close in MARKET.close]
SIGNS = [1 if later > now else 0 for now, later in zip(CLOSES, [*CLOSES[1:], 0.0], strict=True)]
CONTAINERS = {
    "list": (CLOSES, lambda held, k: held[k]),
    "tuple": (tuple(CLOSES), lambda held, k: held[k]),
    "deque": (deque(CLOSES), lambda held, k: held[k]),
    "array": (array("d", CLOSES), lambda held, k: held[k]),
    "dictionary": (dict(enumerate(CLOSES)), lambda held, k: held[k]),
    "pairs": (list(enumerate(CLOSES)), lambda held, k: held[k][1]),
    "numpy": (np.array(CLOSES), lambda held, k: held[k]),
    "single precision": (np.array(CLOSES, np.float32), lambda held, k: held[k]),
    "pandas series": (pd.Series(CLOSES), lambda held, k: held[k]),
    "pandas frame": (pd.DataFrame({"close": CLOSES}), lambda held, k: held["close"][k]),
    "polars series": (pl.Series(CLOSES), lambda held, k: held[k]),
    "polars frame": (pl.DataFrame({"close": CLOSES}), lambda held, k: held["close"][k]),
    "market data": (MARKET, lambda held, k: held.close[k]),
}
WEIGHTS = [0.5, 0.3, 0.2]


def finding(strategy, **options):
    return look_ahead(Case(strategy, MARKET, Options(log_rows=64, **options), {}, 1_000))


def test_a_signal_of_tomorrow_is_caught_without_a_price_in_it():
    class Signal(Strategy):
        def setup(self):
            self.count = 0

        def on_bar(self, bar, book):
            self.count += 1
            book.target_weight(bar.symbol, float(SIGNS[self.count - 1]))

    told = finding(Signal)
    assert not told.ok
    assert "SIGNS" in told.what
    assert (told.symbol, told.time[:7]) == ("SPY", "1998-01")


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_of_prices_is_caught(kind):
    held, at = CONTAINERS[kind]

    class Peeks(Strategy):
        def setup(self):
            self.count = 0

        def on_bar(self, bar, book):
            self.count += 1
            rises = self.count < len(CLOSES) and at(held, self.count) > bar.close
            book.target_weight(bar.symbol, 1.0 if rises else 0.0)

    told = finding(Peeks)
    assert not told.ok
    assert "held" in told.what
    assert told.symbol == "SPY"
    assert told.time.startswith("1998-")


class Attribute(Strategy):
    prices = array("d", CLOSES)

    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        book.target_weight(bar.symbol, 1.0 if self.prices[self.count % len(self.prices)] > bar.close else 0.0)


class Default(Strategy):
    def setup(self):
        self.count = 0

    def on_bar(self, bar, book, prices=tuple(CLOSES)):
        self.count += 1
        book.target_weight(bar.symbol, 1.0 if prices[self.count % len(prices)] > bar.close else 0.0)


def helper(count):
    return CLOSES[count % len(CLOSES)]


class Helper(Strategy):
    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        book.target_weight(bar.symbol, 1.0 if helper(self.count) > bar.close else 0.0)


class Made(Strategy):
    def setup(self):
        self.count = 0
        self.prices = array("d", sample("SPY", start="1998-01-01", end="1998-06-30").close.tolist())

    def on_bar(self, bar, book):
        self.count += 1
        book.target_weight(bar.symbol, 1.0 if self.prices[self.count % len(self.prices)] > bar.close else 0.0)


class Given(Strategy):
    def setup(self):
        self.count = 0
        self.prices = self.artifact("prices")

    def on_bar(self, bar, book):
        self.count += 1
        book.target_weight(bar.symbol, 1.0 if self.prices[self.count % len(self.prices)] > bar.close else 0.0)


@pytest.mark.parametrize(
    ("strategy", "artifacts"),
    [(Attribute, {}), (Default, {}), (Helper, {}), (Made, {}), (Given, {"prices": array("d", CLOSES)})],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_wherever_they_are_kept(strategy, artifacts):
    told = finding(strategy, artifacts=artifacts)
    assert not told.ok
    assert told.symbol == "SPY"
    assert CLOSES[0] == MARKET.close[0]
    assert Attribute.prices.tolist() == CLOSES


class Filter(Strategy):
    """A short table of weights and a window of its own are nobody's future."""

    def setup(self):
        self.seen = array("d", [float("nan")]) * 3
        self.count = 0

    def on_bar(self, bar, book):
        self.seen[self.count % 3] = bar.close
        self.count += 1
        mean = 0.0
        for k in range(3):
            mean += WEIGHTS[k] * self.seen[(self.count + k) % 3]
        book.target_weight(bar.symbol, 1.0 if bar.close > mean else 0.0)


def test_an_honest_table_passes():
    assert finding(Filter).ok


def test_another_future_leaves_the_past_and_stays_valid():
    changed = changed_after(MARKET, 60)
    for name in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(changed, name)[:60], getattr(MARKET, name)[:60])
    assert not np.array_equal(changed.close[60:], MARKET.close[60:])
    decimals = MARKET.instruments[0].price_decimals
    assert np.array_equal(np.round(changed.close, decimals), changed.close)
    assert (changed.high >= np.maximum(changed.open, changed.close)).all()
    assert (changed.low <= np.minimum(changed.open, changed.close)).all()
    assert (changed.low > 0).all()
