"""Bars out of trades, all at once: the batch form of `fold.candles`, and equal to it to the last bit.

What comes in: a frame of trades (time, price, size; a symbol), or of bars to resample.
What goes out: a polars frame: symbol, begin, time (the end), open, high, low, close, volume, value, trades.
Why it is shaped so: where a bar begins is found for all trades at once; sums are of whole steps on a decimal grid, so they do
not depend on the order in which a vector unit adds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.fold.candles import (
    SIZE_DECIMALS,
    TICKS,
    VALUE,
    VALUE_DECIMALS,
    VOLUME,
    ImbalanceBars,
    ThresholdBars,
)
from stratofold.market.catalogue.layout import span_ns
from stratofold.market.sessions import calendar as calendar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.market.data import Floats, Ints

_SIZE_SCALE, _VALUE_SCALE = 10.0**SIZE_DECIMALS, 10.0**VALUE_DECIMALS
_STEPS_MAX = 2.0**53
_EDGES_A_TRADE = 4  # more intervals than this, and it is better to ask each trade for its own


class Trades(NamedTuple):
    """Trades of one symbol in order of time: ns UTC, price, and size and value in whole steps."""

    time: Ints
    price: Floats
    size_steps: Ints
    value_steps: Ints


def time_bars(trades: pl.DataFrame, span: str | int, *, calendar: str | None = None) -> pl.DataFrame:
    """A bar each `span` ("1min", ns) in which somebody traded; with a calendar, counted from each open and only in sessions.

    The last interval is given as it stands.  Raises Setup for trades out of order.
    """
    length = span_ns(span) if isinstance(span, str) else span
    if length <= 0:
        raise Setup("SF651", "such bars cannot be", fix="give a span above 0")

    return _by_symbol(trades, lambda own: _Cut.at(_edges(own.time, length, calendar), own.time))


def _edges(time: Ints, length: int, calendar: str | None) -> tuple[Ints, Ints]:
    """Begin and end of every interval that the times could lie in."""
    first, last = int(time[0]), int(time[-1])
    if calendar is None:
        few = (last - first) // length <= _EDGES_A_TRADE * len(time)
        begin = np.arange(first - first % length, last + 1, length) if few else np.unique(time - time % length)
        return begin, begin + length
    near = calendar_of(calendar).slice(first, last, margin=0)
    parts = [np.arange(opens, closes, length) for opens, closes in zip(near.opens, near.closes, strict=True)]
    ends = [np.minimum(part + length, closes) for part, closes in zip(parts, near.closes, strict=True)]
    return (np.concatenate(parts), np.concatenate(ends)) if parts else (time[:0], time[:0])


def tick_bars(trades: pl.DataFrame, count: int) -> pl.DataFrame:
    """A bar each `count` trades; what is left at the end is no bar."""
    return _threshold_bars(trades, count, TICKS)


def volume_bars(trades: pl.DataFrame, volume: float) -> pl.DataFrame:
    """A bar each time `volume` was traded; what is left at the end is no bar."""
    return _threshold_bars(trades, volume, VOLUME)


def dollar_bars(trades: pl.DataFrame, value: float) -> pl.DataFrame:
    """A bar each time `value` (price times size, in the quoted currency) was traded; what is left at the end is no bar."""
    return _threshold_bars(trades, value, VALUE)


def imbalance_bars(
    trades: pl.DataFrame, expected_trades: float, expected_imbalance: float, unit: int = TICKS, **bounds: Any
) -> pl.DataFrame:
    """A bar each time buyers or sellers pressed more than expected; see `fold.candles.ImbalanceBars`."""

    def cut(own: Trades) -> _Cut:
        rule = ImbalanceBars(expected_trades, expected_imbalance, unit, **bounds)
        change = np.sign(np.diff(own.price, prepend=own.price[:1]))
        last = np.maximum.accumulate(np.where(change != 0.0, np.arange(len(change)), -1))
        signs = np.where(last >= 0, change[np.maximum(last, 0)], 1.0)
        pressed = np.concatenate([[0.0], np.cumsum(signs * _amounts(own, unit))])
        firsts, first, reach = [0], 0, 4 * int(expected_trades)
        while first < len(own.time):
            some = np.abs(pressed[first + 1 : first + 1 + reach] - pressed[first])
            place = int((some >= rule.least).argmax()) if len(some) else 0
            if not len(some) or some[place] < rule.least:
                if first + reach >= len(own.time):
                    break
                reach *= 4
                continue
            rule.imbalance = float(some[place])
            rule._learn(place + 1)  # noqa: SLF001 - one rule, two forms
            first += place + 1
            firsts.append(first)
        return _Cut.between(np.array(firsts), own.time)

    return _by_symbol(trades, cut)


def resampled(bars: pl.DataFrame, span: str | int, *, calendar: str | None = None) -> pl.DataFrame:
    """Bars of a longer span out of bars stamped with their start; with a calendar, counted from each open, only in sessions."""
    length = span_ns(span) if isinstance(span, str) else span
    frame = bars if "symbol" in bars.columns else bars.with_columns(symbol=pl.lit(""))
    frame = frame.with_columns(_at=pl.col("time").dt.epoch("ns"))
    if calendar is None:
        frame = frame.with_columns(begin=pl.col("_at") - pl.col("_at") % length, _close=pl.lit(2**62))
    else:
        known = calendar_of(calendar)
        sessions = pl.DataFrame({"_open": known.opens.tolist(), "_close": known.closes.tolist()})
        placed = frame.sort("_at").join_asof(sessions, left_on="_at", right_on="_open", strategy="backward")
        frame = placed.filter(pl.col("_at") < pl.col("_close")).with_columns(
            begin=pl.col("_open") + (pl.col("_at") - pl.col("_open")) // length * length
        )
    grouped = frame.sort("symbol", "_at").group_by("symbol", "begin", maintain_order=True).agg(
        time=pl.min_horizontal(pl.col("begin").first() + length, pl.col("_close").first()),
        open=pl.col("open").first(), high=pl.col("high").max(), low=pl.col("low").min(), close=pl.col("close").last(),
        volume=(pl.col("volume") * _SIZE_SCALE).round().cast(pl.Int64).sum() / _SIZE_SCALE,
    )  # fmt: skip
    moments = pl.col("begin", "time").cast(pl.Datetime("ns", "UTC"))
    return grouped.with_columns(moments) if "symbol" in bars.columns else grouped.with_columns(moments).drop("symbol")


class _Cut(NamedTuple):
    """For each bar where its trades start and stop, and its times."""

    starts: Ints
    stops: Ints
    begin: Ints
    end: Ints

    @classmethod
    def at(cls, edges: tuple[Ints, Ints], time: Ints) -> _Cut:
        """The intervals that have trades; they are few, and looked for among the many trades."""
        begin, end = edges
        starts, stops = time.searchsorted(begin), time.searchsorted(end)
        traded = stops > starts
        return cls(starts[traded], stops[traded], begin[traded], end[traded])

    @classmethod
    def between(cls, places: Ints, time: Ints) -> _Cut:
        """Bars from each place to the next, of their trades' own times."""
        starts, stops = places[:-1], places[1:]
        return cls(starts, stops, time[starts], time[stops - 1])


def _threshold_bars(trades: pl.DataFrame, threshold: float, unit: int) -> pl.DataFrame:
    rule = ThresholdBars(threshold, unit)

    def cut(own: Trades) -> _Cut:
        if unit == TICKS:
            return _Cut.between(np.arange(0, len(own.time) + 1, int(-(-rule.least // 1))), own.time)
        total = np.cumsum(own.size_steps if unit == VOLUME else own.value_steps)
        firsts, done, first = [0], 0, 0
        while (first := int(total.searchsorted(done + int(-(-rule.least // 1)))) + 1) <= len(total):
            firsts.append(first)
            done = int(total[first - 1])
        return _Cut.between(np.array(firsts), own.time)

    return _by_symbol(trades, cut)


def _amounts(own: Trades, unit: int) -> Floats:
    """What each trade counts, in steps."""
    if unit == TICKS:
        return np.ones(len(own.time))
    return (own.size_steps if unit == VOLUME else own.value_steps).astype(np.float64)


def _by_symbol(trades: pl.DataFrame, cut: Callable[[Trades], _Cut]) -> pl.DataFrame:
    """The bars of each symbol, one symbol after another."""
    if "symbol" not in trades.columns:
        return _bars(_read(trades), cut)
    parts = trades.partition_by("symbol", as_dict=True, maintain_order=True) if trades["symbol"].n_unique() > 1 else {
        (trades["symbol"][0],): trades
    } if len(trades) else {}  # fmt: skip
    named = [_bars(_read(own), cut).insert_column(0, pl.lit(name).alias("symbol")) for (name,), own in parts.items()]
    return pl.concat(named) if named else _bars(_read(trades), cut).insert_column(0, pl.lit("").alias("symbol"))


def _read(trades: pl.DataFrame) -> Trades:
    """Columns of one symbol; raises Setup where time goes back or an amount cannot be."""
    time = (
        trades["time"].dt.epoch("ns").to_numpy() if trades.schema["time"].is_temporal() else trades["time"].to_numpy()
    )
    if len(time) and bool((time[1:] < time[:-1]).any()):
        row = int((time[1:] < time[:-1]).argmax()) + 1
        raise Setup(
            "SF652", "the trades are out of order", place=f"row {row}", fix="sort them by time, or `data clean` them"
        )
    price, size = (trades[name].cast(pl.Float64).to_numpy() for name in ("price", "size"))
    steps = [size * _SIZE_SCALE, price * size * _VALUE_SCALE]
    for one in steps:
        np.rint(one, one)
    if len(time) and not all(-_STEPS_MAX <= one.min() <= one.max() <= _STEPS_MAX for one in steps):
        raise Setup(
            "SF652",
            "a size or value cannot be",
            why="it is no number, or past 2**53 steps",
            fix="clean the trades first",
        )
    return Trades(time, price, steps[0].astype(np.int64), steps[1].astype(np.int64))


def _bars(own: Trades, cut: Callable[[Trades], _Cut]) -> pl.DataFrame:
    """The bars of a cut."""
    nothing = np.zeros(0, np.int64)
    where = cut(own) if len(own.time) else _Cut(nothing, nothing, nothing, nothing)
    moment = pl.Datetime("ns", "UTC")
    return pl.DataFrame(
        {
            "begin": pl.Series(where.begin, dtype=pl.Int64).cast(moment),
            "time": pl.Series(where.end, dtype=pl.Int64).cast(moment),
            "open": own.price[where.starts],
            "high": _reduced(np.maximum, own.price, where),
            "low": _reduced(np.minimum, own.price, where),
            "close": own.price[where.stops - 1],
            "volume": _reduced(np.add, own.size_steps, where) / _SIZE_SCALE,
            "value": _reduced(np.add, own.value_steps, where) / _VALUE_SCALE,
            "trades": where.stops - where.starts,
        }
    )


def _reduced(how: np.ufunc, column: Any, where: _Cut) -> Any:
    """A column from each start to its stop; what lies between a stop and the next start is reduced too, and left out."""
    if not len(where.starts):
        return column[:0]
    places = np.column_stack([where.starts, where.stops]).ravel()
    return how.reduceat(column, places[:-1] if places[-1] == len(column) else places)[::2]
