"""Bars out of trades: one at a time and all at once are the same bars, to the last bit."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold import Strategy, read_ticks
from stratofold.errors import Setup
from stratofold.fold.candles import TICKS, VALUE, VOLUME, ImbalanceBars, ThresholdBars, TimeBars
from stratofold.fold.state import save
from stratofold.fold.touch import imbalance, microprice, spread
from stratofold.market import tick_bars
from stratofold.market.sessions import calendar
from stratofold.research.execute import drive, rest
from stratofold.research.prepare import Options, prepare

SECOND = 1_000_000_000
OPEN = calendar("XNYS").opens[8_000]
COLUMNS = ("begin", "end", "open", "high", "low", "close", "volume", "value", "trades")

gaps = st.integers(0, 40).map(lambda tenths: tenths * SECOND // 10)
prices = st.integers(9_000, 11_000).map(lambda ticks: ticks / 100.0)
sizes = st.one_of(st.integers(1, 900).map(float), st.integers(1, 10**9).map(lambda steps: steps / 1e8))
tapes = st.lists(st.tuples(gaps, prices, sizes), min_size=1, max_size=120)


def frame(tape, start=OPEN - 20 * SECOND):
    times = start + np.cumsum([gap for gap, _, _ in tape])
    moments = pl.Series("time", times).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        [moments, pl.Series("price", [one[1] for one in tape]), pl.Series("size", [one[2] for one in tape])]
    )


def heard(builder, trades, *, last=False):
    """The bars that a builder makes of a tape, as rows."""
    rows = []
    for time, price, size in zip(trades["time"].dt.epoch("ns"), trades["price"], trades["size"], strict=True):
        if builder.update(time, price, size):
            rows.append(tuple(getattr(builder.bar, name) for name in COLUMNS))
    if last and builder.until(2**62):
        rows.append(tuple(getattr(builder.bar, name) for name in COLUMNS))
    return rows


def rows_of(bars):
    return bars.with_columns(pl.col("begin", "time").dt.epoch("ns")).rows()


@given(tapes, st.integers(1, 9))
def test_bars_by_time(tape, seconds):
    trades = frame(tape)
    assert heard(TimeBars(seconds * SECOND), trades, last=True) == rows_of(
        tick_bars.time_bars(trades, seconds * SECOND)
    )


@given(tapes, st.integers(1, 9), st.integers(-60, 23_390))
def test_bars_by_time_in_sessions(tape, seconds, begin):
    trades, days = frame(tape, OPEN + begin * SECOND), calendar("XNYS").slice(OPEN, OPEN)
    builder = TimeBars(seconds * SECOND, days.opens, days.closes)
    assert heard(builder, trades, last=True) == rows_of(tick_bars.time_bars(trades, seconds * SECOND, calendar="XNYS"))


@pytest.mark.parametrize(
    ("unit", "batch", "thresholds"),
    [
        (TICKS, tick_bars.tick_bars, st.integers(1, 30)),
        (VOLUME, tick_bars.volume_bars, st.integers(1, 2_000).map(lambda half: half / 2.0)),
        (VALUE, tick_bars.dollar_bars, st.integers(1, 200_000).map(lambda cents: cents / 100.0)),
    ],
)
def test_bars_by_what_was_traded(unit, batch, thresholds):
    @given(tapes, thresholds)
    def equal(tape, threshold):
        trades = frame(tape)
        assert heard(ThresholdBars(threshold, unit), trades) == rows_of(batch(trades, threshold))

    equal()


@given(tapes, st.sampled_from([TICKS, VOLUME, VALUE]), st.integers(1, 30), st.floats(0.01, 2.0))
def test_bars_by_imbalance(tape, unit, expected, imbalance):
    trades = frame(tape)
    bounds = {"span": 3, "trades_least": 1.0, "trades_most": 50.0}
    builder = ImbalanceBars(float(expected), imbalance, unit, **bounds)
    assert heard(builder, trades) == rows_of(
        tick_bars.imbalance_bars(trades, float(expected), imbalance, unit, **bounds)
    )


def test_by_hand():
    trades = frame([(0, 10.0, 100.0), (SECOND, 11.0, 50.0), (SECOND, 9.0, 25.0), (3 * SECOND, 12.0, 1.0)], start=0)
    assert [row[2:] for row in rows_of(tick_bars.time_bars(trades, 2 * SECOND))] == [
        (10.0, 11.0, 10.0, 11.0, 150.0, 1550.0, 2),
        (9.0, 9.0, 9.0, 9.0, 25.0, 225.0, 1),
        (12.0, 12.0, 12.0, 12.0, 1.0, 12.0, 1),
    ]
    assert [row[-3] for row in rows_of(tick_bars.volume_bars(trades, 120.0))] == [150.0]
    assert [row[-1] for row in rows_of(tick_bars.dollar_bars(trades, 1_000.0))] == [1]


def test_symbols_are_apart():
    trades = frame([(SECOND, 10.0, 1.0)] * 4).with_columns(symbol=pl.Series(["A", "B", "A", "B"]))
    assert tick_bars.tick_bars(trades, 2).select("symbol", "trades").rows() == [("A", 2), ("B", 2)]
    assert len(tick_bars.tick_bars(trades.head(0), 2)) == 0


def test_a_bar_of_the_tape_is_the_exchanges_minute(shared_data):
    """SPY's trades of 7 October 2013 against the same vendor's minutes: open, high, low and close of a quiet one."""
    trades = pl.read_parquet(shared_data / "ticks" / "spy_trades.parquet").rename({"ts": "time"})
    bars = tick_bars.time_bars(trades, "1min", calendar="XNYS")
    assert len(bars) == 2 * 390
    assert bars["volume"].sum() == trades.filter(in_sessions(trades))["size"].sum()
    five = tick_bars.time_bars(trades, "5min", calendar="XNYS")
    again = tick_bars.resampled(bars.drop("time").rename({"begin": "time"}), "5min", calendar="XNYS")
    assert again.drop("symbol").rows() == five.select("begin", "time", "open", "high", "low", "close", "volume").rows()


def in_sessions(trades):
    days = calendar("XNYS").slice(trades["time"].dt.epoch("ns")[0], trades["time"].dt.epoch("ns")[-1])
    at = pl.col("time").dt.epoch("ns")
    return pl.any_horizontal(
        (at >= opens) & (at < closes) for opens, closes in zip(days.opens, days.closes, strict=True)
    )


@pytest.mark.parametrize(
    "made",
    [
        lambda: ThresholdBars(0.0),
        lambda: ThresholdBars(10.0, 7),
        lambda: ImbalanceBars(5.0, 0.5, trades_least=10.0),
        lambda: TimeBars(0),
        lambda: tick_bars.time_bars(frame([(0, 1.0, 1.0)]), 0),
        lambda: tick_bars.tick_bars(frame([(0, 1.0, 1.0), (-SECOND, 1.0, 1.0)]), 1),
        lambda: tick_bars.tick_bars(frame([(0, 1.0, float("nan"))]), 1),
    ],
)
def test_nonsense(made):
    with pytest.raises(Setup):
        made()


class Builds(Strategy):
    """Every kind of bar at once, its closes summed where they end."""

    def setup(self):
        self.minutes = TimeBars(7 * SECOND)
        self.ticks = ThresholdBars(5.0, TICKS)
        self.volumes = ThresholdBars(700.0, VOLUME)
        self.imbalances = ImbalanceBars(6.0, 0.5, VALUE, trades_least=2.0)
        self.total = 0.0
        self.micro = 0.0

    def on_trade(self, trade, book):
        if self.minutes.update(trade.time, trade.price, trade.size):
            self.total += self.minutes.bar.close + self.minutes.bar.volume
        if self.ticks.update(trade.time, trade.price, trade.size):
            self.total += self.ticks.bar.high - self.ticks.bar.low
        if self.volumes.update(trade.time, trade.price, trade.size):
            self.total += self.volumes.bar.value
        if self.imbalances.update(trade.time, trade.price, trade.size):
            self.total += self.imbalances.bar.open
        self.micro = microprice(trade.price, trade.size, trade.price + spread(1.0, 1.01), 3.0) + imbalance(
            trade.size, 3.0
        )
        book.target_quantity(trade.symbol, 10.0 if self.total % 2.0 < 1.0 else 0.0)


def test_interpreted_and_compiled_build_the_same_bars():
    chance = np.random.default_rng(2)
    tape = [(int(gap), price, size) for gap, price, size in zip(chance.integers(0, 3 * SECOND, 900), np.round(chance.normal(100, 1, 900), 2), np.round(chance.exponential(80.0, 900) + 0.001, 3), strict=True)]  # fmt: skip
    ticks = read_ticks(trades=frame(tape, OPEN).with_columns(symbol=pl.lit("SPY")))
    states = []
    for execute in (rest, drive):
        run = prepare(Builds, ticks, Options(), {})
        execute(run.engine, run.strategy, run.feed, run.events)
        states.append(save(run.engine) + save(run.strategy))
    assert states[0] == states[1]
    assert run.strategy.minutes.bar.trades > 0
    assert run.strategy.imbalances.bar.trades > 0
