"""Whole markets that might have been: bars on drawn paths, and what a strategy would have made of them.

What comes in: `MarketData` of bars, a model of paths, a strategy and its options.
What goes out: `MarketData` as long as the real one, and the statistics of a backtest on each.
Why it is shaped so: a drawn bar keeps the shape (gap, reach above and below) of the real period that it was drawn from,
so bars stay possible; a chunk that is finished lies in a folder and is not run again.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stratofold.errors import Setup
from stratofold.events import SPLIT
from stratofold.market.data import MarketData, no_actions, no_observations, no_statuses
from stratofold.research.backtest import backtest
from stratofold.research.prepare import Options
from stratofold.research.stats import LESS_IS_BETTER, as_text, words_for
from stratofold.research.sweep.place import assumptions, code_hash
from stratofold.research.validation.bootstrap import generator
from stratofold.research.validation.paths import Drawn, Model, chunk_sizes, model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.fold.strategy import Strategy

Doubles = NDArray[np.float64]
STATISTICS = ("total_return", "sharpe", "max_drawdown", "trades", "final_equity")
IGNORES = (
    "Ignores: corporate actions, halts, delistings and everything that drawn paths do not know of their real ones."
)


class Shapes(NamedTuple):
    """Real bars as logarithms of ratios, each of shape (periods, symbols).

    `returns` go from close to close, `gap` from close to open; `above` and `below` are how far a bar reached beyond its
    open and close.  `first` are the closes before the first period.
    """

    returns: Doubles
    gap: Doubles
    above: Doubles
    below: Doubles
    volume: Doubles
    first: Doubles
    times: NDArray[np.int64]


def shapes(data: MarketData) -> Shapes:
    """The times at which every symbol of `data` has a bar, as ratios; splits are undone.

    Raises Setup SFS50 where symbols have hardly a time in common.
    """
    count = len(data.symbols)
    times, counts = np.unique(data.time, return_counts=True)
    times = times[counts == count]
    if len(times) < 32:
        what = f"{count} symbols have {len(times)} times in common"
        raise Setup("SFS50", what, fix="choose symbols and a range that overlap")
    rows = np.isin(data.time, times)
    opens, highs, lows, closes, volume = (
        column[rows].reshape(len(times), count) for column in (data.open, data.high, data.low, data.close, data.volume)
    )
    factor = _split_factors(data, times)
    before = closes[:-1] / factor[1:]
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    return Shapes(
        np.log(closes[1:] / before), np.log(opens[1:] / before), np.log(highs / top)[1:], np.log(bottom / lows)[1:],
        volume[1:], closes[0], times[1:],
    )  # fmt: skip


def _split_factors(data: MarketData, times: NDArray[np.int64]) -> Doubles:
    """New shares for one old between each time and the one before."""
    factor = np.ones((len(times), len(data.symbols)))
    for time, kind, symbol, value in zip(
        data.actions.time, data.actions.kind, data.actions.symbol, data.actions.value, strict=True
    ):
        row = int(times.searchsorted(time))
        if kind == SPLIT and row < len(times):
            factor[row, symbol] *= value
    return factor


def markets(data: MarketData, drawn: Drawn, real: Shapes | None = None) -> Iterator[MarketData]:
    """One market for each drawn history; prices are on the instruments' decimals, and above 0."""
    real = shapes(data) if real is None else real
    for returns, periods in zip(drawn.returns, drawn.periods, strict=True):
        yield _market(data, real, returns, periods)


def _market(data: MarketData, real: Shapes, returns: Doubles, periods: NDArray[np.int64]) -> MarketData:
    """Bars along one history."""
    close = real.first * np.exp(np.cumsum(returns, axis=0))
    before = np.vstack([real.first, close[:-1]])
    opened = before * np.exp(real.gap[periods])
    high = np.maximum(opened, close) * np.exp(real.above[periods])
    low = np.minimum(opened, close) * np.exp(-real.below[periods])
    count = len(data.symbols)
    decimals = [2 if one.price_decimals is None else one.price_decimals for one in data.instruments]
    return replace(
        data,
        time=np.repeat(real.times, count),
        symbol=np.tile(np.arange(count), len(real.times)) if count > 1 else np.zeros(1, np.int64),
        open=_on_grid(opened, decimals),
        high=_on_grid(high, decimals),
        low=_on_grid(low, decimals),
        close=_on_grid(close, decimals),
        volume=np.ascontiguousarray(real.volume[periods].ravel()),
        actions=no_actions(),
        statuses=no_statuses(),
        observations=no_observations(),
        series=(),
        notes=(f"synthetic bars; {IGNORES}",),
        provenance=(),
    )


def _on_grid(values: Doubles, decimals: Sequence[int]) -> Doubles:
    """Prices in whole steps of their symbols, at least one step."""
    steps = [np.maximum(np.round(values[:, k], places), 10.0**-places) for k, places in enumerate(decimals)]
    return np.ascontiguousarray(np.stack(steps, axis=1).ravel())


class MonteCarlo(NamedTuple):
    """Statistics of a strategy on many histories, each an array of one number a history, and on the real one.

    `real` is of the real bars as a drawn market would have them, splits undone and without dividends and halts: else
    what actions add would count as the strategy's luck.
    """

    real: Mapping[str, float]
    drawn: Mapping[str, Doubles]

    def quantile(self, statistic: str, share: float) -> float:
        """The value that `share` of the histories stay at or below."""
        values = self.drawn[statistic]
        return float(np.nanquantile(values, share)) if not np.isnan(values).all() else float("nan")

    def better(self, statistic: str) -> float:
        """The share of histories on which the strategy did at least as well as on the real one.

        Of a drawdown, as of fees and volatility, less is better; "-exposure" says so of another statistic.
        """
        name = statistic.removeprefix("-")
        sign = -1.0 if statistic.startswith("-") or name in LESS_IS_BETTER else 1.0
        return float(np.mean(sign * self.drawn[name] >= sign * self.real[name]))

    def __str__(self) -> str:
        """Each figure as it was, and what a twentieth, half, and all but a twentieth of the histories stay at or below."""
        shares = (0.05, 0.5, 0.95)
        lines = [["", "as it was", *(f"{share:.0%} below" for share in shares)]]
        for name, value in self.real.items():
            figures = [value, *(self.quantile(name, share) for share in shares)]
            lines.append([words_for(name).label, *(as_text(name, figure) for figure in figures)])
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        rows = ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
        count = len(next(iter(self.drawn.values()), ()))
        return "\n".join([f"{count:,} histories that might have been", *rows])

    def __repr__(self) -> str:
        return str(self)


def monte_carlo(
    strategy: type[Strategy], data: MarketData, paths: str | Model = "blocks", *, histories: int = 100, seed: int = 0,
    chunk: int = 20, folder: str | Path | None = None, statistics: Sequence[str] = STATISTICS, **options: Any,
) -> MonteCarlo:  # fmt: skip
    """`strategy` on `histories` that might have been, drawn by `paths`: "blocks", "garch", "jumps" or a model of yours.

    `options` are `backtest`'s, and the strategy's parameters.  Chunk `k` of histories is a function of `seed` and `k`
    alone; with a `folder` each finished chunk is kept there and not run again, so an interrupted run goes on and a
    longer one adds to a shorter one; another `chunk` draws other histories.  Raises Setup SFS49 and SFS50, SFS54 for a
    strategy that hears a series, of which there is no other history, and what `backtest` raises.
    """
    if histories < 1 or chunk < 1:
        raise Setup("SFS50", "no history was asked for", fix="give 1 or more histories, and chunks of 1 or more")
    if strategy.series:
        what = f"{strategy.__name__} hears {', '.join(strategy.series)}, and drawn histories have bars alone"
        raise Setup("SFS54", what, fix="try its other rules alone, or look at bootstrap intervals: validation.interval")
    real = shapes(data)
    drawer = model(paths, real.returns) if isinstance(paths, str) else paths
    keep = (
        None if folder is None else _Kept(Path(folder), _key(strategy, data, paths, (seed, chunk), statistics, options))
    )
    parts = []
    for number, size in enumerate(chunk_sizes(histories, chunk)):
        # A whole chunk is drawn even where less is wanted: a longer run then begins with the same ones.
        part = None if keep is None else keep.get(number, size)
        if part is None:
            drawn = drawer.draw(generator(seed, number), chunk)
            some = Drawn(drawn.returns[:size], drawn.periods[:size])
            part = np.array([_figures(strategy, one, statistics, options) for one in markets(data, some, real)])
            if keep is not None:
                keep.put(number, part)
        parts.append(part[:size])
    table = np.concatenate(parts)
    as_it_was = Drawn(real.returns[None], np.arange(len(real.returns))[None])
    (found,) = (_figures(strategy, one, statistics, options) for one in markets(data, as_it_was, real))
    return MonteCarlo(
        dict(zip(statistics, found, strict=True)), {name: table[:, k] for k, name in enumerate(statistics)}
    )


def _figures(
    strategy: type[Strategy], data: MarketData, statistics: Sequence[str], options: Mapping[str, Any]
) -> list[float]:
    """The statistics of one backtest; what is not there is not a number."""
    stats = backtest(strategy, data, **options).stats
    unknown = [name for name in statistics if name not in stats]
    if unknown:
        raise Setup("SFS50", f"there is no statistic {unknown[0]!r}", fix=f"use some of {', '.join(stats)}")
    return [float("nan") if stats[name] is None else float(stats[name]) for name in statistics]


def _key(
    strategy: type[Strategy],
    data: MarketData,
    paths: str | Model,
    draw: tuple[int, int],
    statistics: Sequence[str],
    options: Mapping[str, Any],
) -> str:
    """A name for everything that a chunk depends on but its number; code and assumptions count as in a study.

    `draw` is the seed and the size of a chunk.
    """
    assumed = Options(**{each.name: options[each.name] for each in fields(Options) if each.name in options})
    parameters = sorted((name, repr(options[name])) for name in strategy.parameters() if name in options)
    words = (
        code_hash(strategy, data, assumed), data.content_hash, assumptions(assumed), parameters, _words(paths), draw,
        tuple(statistics),
    )  # fmt: skip
    return sha256(repr(words).encode()).hexdigest()[:16]


def _words(paths: str | Model) -> str:
    """A model of paths by its class and all that it holds: the same in every process, as `repr` of an object is not."""
    if isinstance(paths, str):
        return paths
    held = sorted((name, sha256(np.asarray(value).tobytes()).hexdigest()) for name, value in vars(paths).items())
    return f"{type(paths).__qualname__}({held})"


class _Kept:
    """Finished chunks as files, each written whole or not at all."""

    def __init__(self, folder: Path, key: str) -> None:
        """`key` names what they are chunks of."""
        self.folder = folder
        self.key = key
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, number: int, size: int) -> Doubles | None:
        """A chunk that is there and long enough."""
        file = self._file(number)
        if not file.exists():
            return None
        rows = np.array(json.loads(file.read_text(encoding="utf-8")), dtype=np.float64)
        return rows if len(rows) >= size else None

    def put(self, number: int, rows: Doubles) -> None:
        """By way of a file beside it, so that a crash leaves no half."""
        file = self._file(number)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(rows.tolist()), encoding="utf-8")
        beside.replace(file)

    def _file(self, number: int) -> Path:
        return self.folder / f"{self.key}-{number:06d}.json"
