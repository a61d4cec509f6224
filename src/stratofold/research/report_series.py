"""The series behind the report's charts: resampled, thinned, and small enough for one file.

What comes in: a result's columns and the prices it ran on.
What goes out: candles with trade markers, the equity curve with its drawdown and buy-and-hold, as lists of integers
that compress well.
Why it is shaped so: a million bars do not fit a page and no screen shows them; a candle of many bars keeps their open,
high, low and close, a thinned drawdown keeps its depths, and differences of whole ticks pack small.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.events import DIVIDEND, SPLIT

if TYPE_CHECKING:
    from stratofold.research.result import Result

Array = np.ndarray[Any, np.dtype[Any]]

SECOND = 1_000_000_000
DAY_SECONDS = 86_400
DECIMALS_MAX = 8
POINTS_MAX = 3_000


class Candles(NamedTuple):
    """Candles of one symbol: `seconds` UTC of each one's end, prices, and how many bars make one."""

    seconds: Array
    open: Array
    high: Array
    low: Array
    close: Array
    ends: Array
    every: int
    daily: bool
    adjusted: bool


class Curve(NamedTuple):
    """The account over time: `seconds` UTC, money, buy-and-hold (empty if unknown) and drawdown as a fraction, at most 0."""

    seconds: Array
    equity: Array
    benchmark: Array
    drawdown: Array


def actions_of(bars: Any, handle: int, kind: int) -> tuple[Array, Array]:
    """Times and values of one symbol's actions of one kind."""
    actions = bars.actions
    chosen = (np.asarray(actions.symbol) == handle) & (np.asarray(actions.kind) == kind)
    return np.asarray(actions.time)[chosen], np.asarray(actions.value)[chosen]


def split_factor(times: Array, split_times: Array, ratios: Array) -> Array:
    """How many of today's shares one share at each of `times` became: the product of the later splits' ratios."""
    later = np.append(np.cumprod(ratios[::-1])[::-1], 1.0)
    return later[np.searchsorted(split_times, times, side="right")]


def candles(bars: Any, handle: int, room: int) -> Candles:
    """At most `room` candles of one symbol, prices divided by the splits that came later."""
    own = bars.of(bars.symbols[handle])
    time = np.asarray(own.time)
    split_times, ratios = actions_of(bars, handle, SPLIT)
    factor = split_factor(time, split_times, ratios)
    prices = [np.asarray(column) / factor for column in (own.open, own.high, own.low, own.close)]
    daily = int(bars.span_ns) >= 20 * 3600 * SECOND
    seconds = (time - 1) // (DAY_SECONDS * SECOND) * DAY_SECONDS if daily else time // SECOND
    every = max(1, -(-len(time) // max(room, 1)))
    ends = _ends(seconds, every)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    opens, highs, lows, closes = prices
    if not len(ends):
        return Candles(seconds, opens, highs, lows, closes, time, 1, daily, adjusted=False)
    return Candles(
        seconds[ends],
        opens[starts],
        np.maximum.reduceat(highs, starts),
        np.minimum.reduceat(lows, starts),
        closes[ends],
        time[ends],
        every,
        daily,
        adjusted=bool(len(ratios)),
    )


def _ends(seconds: Array, every: int) -> Array:
    """The last row of each candle: every `every` rows, never two candles in one second."""
    if not len(seconds):
        return np.empty(0, np.int64)
    last = np.arange(len(seconds)) % every == every - 1
    last[-1] = True
    ends = np.flatnonzero(last)
    kept: Array = ends[np.append(np.diff(seconds[ends]) > 0, True)]
    return kept


def markers(fills: dict[str, Array], handle: int, shown: Candles) -> list[list[float]]:
    """Fills gathered by candle and side: candle's index, side, fills, quantity, mean price as traded."""
    mine = np.flatnonzero(fills["symbol"] == handle)
    if not len(mine) or not len(shown.ends):
        return []
    place = np.minimum(np.searchsorted(shown.ends, fills["time"][mine], side="left"), len(shown.ends) - 1)
    side = fills["side"][mine]
    keys, group = np.unique(place * 2 + (side < 0), return_inverse=True)
    quantity = np.bincount(group, weights=fills["quantity"][mine])
    value = np.bincount(group, weights=fills["quantity"][mine] * fills["price"][mine])
    count = np.bincount(group)
    price = value / np.where(quantity > 0.0, quantity, 1.0)
    return [
        [int(key) // 2, -1 if key % 2 else 1, int(n), short(q), short(p)]
        for key, n, q, p in zip(keys, count, quantity, price, strict=True)
    ]


def curve(result: "Result", room: int = POINTS_MAX) -> Curve:
    """The equity curve in at most `room` points: the last equity and the deepest drawdown of each stretch."""
    raw = result.equity.raw
    if not len(result.equity):
        empty = np.empty(0)
        return Curve(empty, empty, empty, empty)
    time, equity = np.asarray(raw["time"], np.int64), np.asarray(raw["equity"], np.float64)
    start = float(result.stats.get("initial_equity", equity[0]))
    drawdown = equity / np.maximum(np.maximum.accumulate(equity), start) - 1.0
    ends = _ends(time // SECOND, max(1, -(-len(time) // room)))
    starts = np.concatenate(([0], ends[:-1] + 1))
    held = benchmark(result, time[ends], start)
    return Curve(time[ends] // SECOND, equity[ends], held, np.minimum.reduceat(drawdown, starts))


def benchmark(result: "Result", times: Array, money: float) -> Array:
    """Buy-and-hold at `times`: the one handed to the result, or equal money in each symbol; empty if not known.

    Each symbol is bought without costs at its first close and held; splits multiply the shares and dividends are kept
    as cash.  With more than one currency there is none, because it would need a policy of exchange.
    """
    if result.benchmark is not None:
        return as_of(np.asarray(result.benchmark["time"]), np.asarray(result.benchmark["equity"]), times)
    bars = result.bars
    if bars is None or len({instrument.currency for instrument in bars.instruments}) > 1:
        return np.empty(0)
    share = money / len(bars.symbols)
    held: Array = np.sum([_held(bars, handle, times, share) for handle in range(len(bars.symbols))], axis=0)
    return held


def _held(bars: Any, handle: int, times: Array, money: float) -> Array:
    """What `money` put into one symbol at its first close is worth at `times`."""
    own = bars.of(bars.symbols[handle])
    time, close = np.asarray(own.time), np.asarray(own.close)
    if not len(time):
        return np.full(len(times), money)
    split_times, ratios = actions_of(bars, handle, SPLIT)
    paid_times, paid = actions_of(bars, handle, DIVIDEND)
    units = money / close[0]
    since = split_factor(time[:1], split_times, ratios)[0]
    grown = units * since / split_factor(times, split_times, ratios)
    price = as_of(time, close, times)
    price = _between_splits(price, time, times, split_times, ratios)
    mine = paid_times > time[0]
    cash = np.append(0.0, np.cumsum(paid[mine] * units * since / split_factor(paid_times[mine], split_times, ratios)))
    worth = grown * price + cash[np.searchsorted(paid_times[mine], times, side="right")]
    return np.where(times < time[0], money, worth)


def _between_splits(price: Array, time: Array, times: Array, split_times: Array, ratios: Array) -> Array:
    """A last price from before a split, asked for after it, is put into the new units."""
    last = time[np.maximum(np.searchsorted(time, times, side="right") - 1, 0)]
    return price * split_factor(times, split_times, ratios) / split_factor(last, split_times, ratios)


def as_of(times: Array, values: Array, wanted: Array) -> Array:
    """The last value at or before each wanted time; the first value before there is one."""
    return values[np.maximum(np.searchsorted(times, wanted, side="right") - 1, 0)]


def decimals_for(prices: Array, known: int | None) -> int:
    """Decimals to show: the instrument's if `known`, else 2; more where splits made prices small; at most 8."""
    lowest = float(np.min(prices)) if len(prices) else 1.0
    wanted = 3 - int(np.floor(np.log10(lowest))) if lowest > 0.0 else 0
    return min(max(2 if known is None else known, wanted), DECIMALS_MAX)


def steps(values: Array, decimals: int = 0) -> list[int]:
    """Values in whole steps of their last decimal, each as the difference from the one before."""
    whole = np.rint(np.asarray(values, np.float64) * 10.0**decimals).astype(np.int64)
    return [int(value) for value in np.diff(whole, prepend=np.int64(0))]


def packed_candles(shown: Candles, decimals: int | None) -> dict[str, Any]:
    """Candles for the page: times and closes as differences, the other prices relative to open and close."""
    scale = decimals_for(shown.close, decimals)
    o, h, low, c = (
        np.rint(column * 10.0**scale).astype(np.int64) for column in (shown.open, shown.high, shown.low, shown.close)
    )
    before = np.concatenate(([0], c[:-1])) if len(c) else c
    return {
        "decimals": scale,
        "tick": 2 if decimals is None else decimals,
        "every": shown.every,
        "daily": shown.daily,
        "adjusted": shown.adjusted,
        "t": steps(shown.seconds),
        "o": (o - before).tolist(),
        "c": (c - o).tolist(),
        "h": (h - np.maximum(o, c)).tolist(),
        "l": (np.minimum(o, c) - low).tolist(),
    }


def packed_curve(shown: Curve, decimals: int) -> dict[str, Any]:
    """The curve for the page: money in steps of its last decimal, drawdown in hundredths of a percent, as differences."""
    return {
        "t": steps(shown.seconds),
        "equity": steps(shown.equity, decimals),
        "benchmark": steps(shown.benchmark, decimals),
        "drawdown": steps(shown.drawdown, 4),
    }


def short(value: float) -> float:
    """A number with at most eight digits, for a table on a page."""
    return float(f"{value:.8g}")
