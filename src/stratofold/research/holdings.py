"""What a run held at every session's close, and how the symbols moved: the ground of a stress test.

What comes in: a result with its prices.
What goes out: tables of sessions x symbols: shares of equity held, returns from close to close, gaps from close to open.
Why it is shaped so: fills say what was held and prices what it was worth, so nothing is kept by the run for this; prices
are divided by splits, so that a split is no crash, and dividends are left out, as a shock leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.events import SPLIT
from stratofold.research.report_series import actions_of, as_of, split_factor
from stratofold.research.result import session_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratofold.research.result import Result

    Doubles = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Holdings:
    """Sessions x symbols: `weights` are signed shares of that close's equity, `returns` and `gaps` are 0 where nothing traded.

    `days` are proleptic ordinals, `equity` money at each close, `closes` prices in today's units (NaN before the first).
    """

    symbols: tuple[str, ...]
    days: Ints
    equity: Doubles
    start: float
    weights: Doubles
    returns: Doubles
    gaps: Doubles
    closes: Doubles

    @property
    def own(self) -> Doubles:
        """The account's return of each session."""
        before = np.concatenate(([self.start], self.equity[:-1]))
        found: Doubles = np.divide(self.equity, before, out=np.zeros(len(before)), where=before > 0.0) - 1.0
        return found

    @property
    def gross(self) -> Doubles:
        """All that is held at each close, long and short added, as a share of equity."""
        found: Doubles = np.abs(self.weights).sum(axis=1)
        return found

    @property
    def overnight(self) -> Doubles:
        """What each session's gaps from the last close did to the account, as a share of its equity then."""
        held = np.vstack([np.zeros((1, len(self.symbols))), self.weights[:-1]])
        found: Doubles = (held * self.gaps).sum(axis=1)
        return found


def holdings(result: Result) -> Holdings:
    """What a result held; on ticks at the prices of trades, else in the middle of quotes.  Raises Setup SFS91 where it has no prices, no sessions, or money in more than one currency."""
    bars = result.bars
    if bars is None or not len(result.equity):
        what = "this result has no prices or no session to test"
        raise Setup("SFS91", what, fix="stress the result of a backtest that saw a session close")
    if {each.currency for each in bars.instruments} != {result.currency}:
        what = f"a stress test reads one currency, and not all of these symbols trade in {result.currency}"
        raise Setup("SFS91", what, fix="stress a run whose symbols trade in the currency of its account")
    last, days = _closes(result)
    equity = np.asarray(result.equity.raw["equity"], np.float64)[last]
    times = np.asarray(result.equity.raw["time"], np.int64)[last]
    columns = [_symbol(result, handle, times) for handle in range(len(bars.symbols))]
    worth, returns, gaps, closes = (np.column_stack(column) for column in zip(*columns, strict=True))
    weights = np.divide(worth, equity[:, None], out=np.zeros_like(worth), where=equity[:, None] > 0.0)
    start = float(result.stats.get("initial_equity", equity[0]))
    return Holdings(tuple(bars.symbols), days, equity, start, weights, returns, gaps, closes)


def _closes(result: Result) -> tuple[Ints, Ints]:
    """The rows of the equity frame at which sessions close, and their days."""
    days = np.asarray(session_days(result.equity.raw["time"], result.bars.calendar), np.int64)
    last = np.flatnonzero(np.append(np.diff(days) != 0, True))
    return last, days[last]


def _symbol(result: Result, handle: int, times: Ints) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Money held of one symbol at each time, its returns, its gaps, and its closes in today's units."""
    own = result.bars.of(result.bars.symbols[handle])
    when, splits = np.asarray(own.time), actions_of(result.bars, handle, SPLIT)
    if not len(when):
        return np.zeros(len(times)), np.zeros(len(times)), np.zeros(len(times)), np.full(len(times), np.nan)
    factor = split_factor(when, *splits)
    close, begin = np.asarray(own.close) / factor, np.asarray(own.open) / factor
    closes = np.where(times >= when[0], as_of(when, close, times), np.nan)
    before = np.concatenate(([np.nan], closes[:-1]))
    returns = np.nan_to_num(closes / before - 1.0)
    first = np.searchsorted(when, np.concatenate(([0], times[:-1])), side="right")  # each session's first bar
    is_there = (first < len(when)) & (when[np.minimum(first, len(when) - 1)] <= times)
    gaps = np.where(is_there, np.nan_to_num(begin[np.minimum(first, len(when) - 1)] / before - 1.0), 0.0)
    return _held(result, handle, times, splits) * np.nan_to_num(closes), returns, gaps, closes


def _held(result: Result, handle: int, times: Ints, splits: tuple[Any, Any]) -> Doubles:
    """Units of one symbol at each time, in today's units, times what a unit is worth at price 1."""
    raw = result.fills.raw
    mine = np.flatnonzero(np.asarray(raw["symbol"]) == handle) if len(result.fills) else np.empty(0, np.int64)
    if not len(mine):
        return np.zeros(len(times))
    filled = np.asarray(raw["time"], np.int64)[mine]
    position = np.asarray(raw["position"], np.float64)[mine] * split_factor(filled, *splits)
    row = np.searchsorted(filled, times, side="right") - 1
    held = np.where(row >= 0, position[np.maximum(row, 0)], 0.0)
    multiplier = float(result.bars.instruments[handle].multiplier)
    units: Doubles = held * multiplier
    return units
