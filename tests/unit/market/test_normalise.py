"""One name, unit, currency and clock; and features that a changed future does not change."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.errors import Setup
from stratofold.market import normalise

NAMES = [
    ("equity", "brk-b", "BRK.B"), ("equity", "BRK/B", "BRK.B"), ("equity", "BRK B", "BRK.B"), ("equity", "BRK.B", "BRK.B"),
    ("equity", " spy ", "SPY"), ("equity", "BTCUSD", "BTCUSD"), ("equity", "BAC-PR", "BAC.P"),
    ("crypto", "btc-usd", "BTCUSD"), ("crypto", "XBT/USD", "BTCUSD"), ("crypto", "BTCUSDT", "BTCUSDT"),
    ("crypto", "XXBTZUSD", "BTCUSD"), ("crypto", "eth_btc", "ETHBTC"), ("crypto", "ETHXBT", "ETHBTC"), ("crypto", "USD", "USD"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "expected"), NAMES)
def test_one_name(kind, text, expected):
    assert normalise.symbol(text, kind) == expected
    assert normalise.symbol(expected, kind) == expected


def test_a_frame_of_names():
    frame = pl.DataFrame({"symbol": ["XBT/USD", "btc-usd", "ETHUSD"], "close": [1.0, 2.0, 3.0]})
    assert normalise.with_symbols(frame, "crypto")["symbol"].to_list() == ["BTCUSD", "BTCUSD", "ETHUSD"]


def test_pence_and_lots():
    frame = pl.DataFrame({"close": [512.5], "volume": [3.0]})
    pounds, currency = normalise.in_major_units(frame, "GBX")
    assert (pounds["close"][0], currency) == (5.125, "GBP")
    assert normalise.in_major_units(frame, "USD")[0].equals(frame)
    assert normalise.in_units(frame, size=100.0)["volume"][0] == 300.0
    with pytest.raises(Setup, match="SF649"):
        normalise.in_units(frame, price=0.0)


def test_a_rate_counts_from_when_it_is_known():
    at = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    frame = pl.DataFrame({"time": [at[3], at[0], at[2]], "close": [10.0, 10.0, 10.0]})
    rates = pl.DataFrame({"time": [at[1], at[3]], "rate": [2.0, 3.0]})
    assert normalise.in_currency(frame, rates)["close"].to_list() == [30.0, None, 20.0]


def test_clocks():
    walls = ["2024-03-10 01:30", "2024-03-10 02:30", "2024-11-03 01:30"]
    naive = pl.DataFrame({"time": walls}).with_columns(pl.col("time").str.to_datetime())
    moments = normalise.in_utc(naive, "America/New_York")["time"]
    assert moments.dtype == pl.Datetime("ns", "UTC")
    assert moments.to_list() == [datetime(2024, 3, 10, 6, 30, tzinfo=UTC), None, None]
    with pytest.raises(Setup, match="SF213"):
        normalise.in_utc(naive)
    with pytest.raises(Setup, match="SF214"):
        normalise.in_utc(naive, "Mars")


prices = st.lists(st.floats(0.5, 200.0), min_size=12, max_size=40)


@given(prices, prices, st.integers(2, 8))
def test_no_feature_knows_the_future(past, future, window):
    """The same past with another future has the same features."""

    def features(values):
        frame = pl.DataFrame({"symbol": "A", "close": values})
        return frame.select(normalise.returns(), normalise.z_score("close", window))

    whole, alone = features(past + future), features(past)
    assert whole.head(len(past)).equals(alone, null_equal=True)


def test_a_z_score_by_hand():
    frame = pl.DataFrame({"symbol": ["A"] * 4 + ["B"] * 2, "close": [1.0, 2.0, 3.0, 3.0, 9.0, 9.0]})
    scores = frame.select(normalise.z_score("close", 2))["close_z_score"].to_list()
    assert scores == [None, 1.0, 1.0, None, None, None]
    changes = frame.select(normalise.returns(logarithmic=True))["return"]
    assert changes.to_list()[0] is changes.to_list()[4] is None
    assert changes[1] == np.log(2.0)
