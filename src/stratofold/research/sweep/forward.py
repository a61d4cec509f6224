"""Walk-forward: choose parameters on one stretch of history, trade them on the next, move on; only the latter counts.

What comes in: a strategy, data, a space of parameters, and how many sessions to learn from and to test on.
What goes out: `Forward`: the choices, and the returns that nobody had seen when they were made.
Why so: all stretches are windows of one sweep, so a study keeps and resumes them like any other.  The chosen
parameters run from the beginning of their stretch through its test, so averages are warm and positions stand when the
test begins, and only the test's sessions are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.market.frames import read
from stratofold.research.result import session_days
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.rows import parameter_of
from stratofold.research.sweep.study import nothing
from stratofold.research.sweep.sweep import sweep
from stratofold.research.validation.bootstrap import max_drawdown
from stratofold.research.validation.sharpe import track
from stratofold.research.validation.splits import walk_forward_splits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.research.sweep.study import Study
    from stratofold.research.validation.splits import Split

_REFUSED = (
    "windows",
    "each_symbol",
    "costs",
)  # of a sweep: a walk has windows of its own, one market and one set of costs


@dataclass(frozen=True)
class Stretch:
    """One step of the walk: what was learned from, what was chosen, and what it came to afterwards."""

    train: tuple[date, date]
    test: tuple[date, date]
    parameters: Mapping[str, Any]
    inside: float
    outside: float


@dataclass(frozen=True)
class Forward:
    """What a walk came to: `stretches`, and the `returns` of every tested session in `days`, one after the other.

    `inside` and `outside` of a stretch are Sharpe ratios a year; `study` holds every cell that was tried.
    """

    stretches: tuple[Stretch, ...]
    days: tuple[date, ...]
    returns: NDArray[np.float64]
    sessions_per_year: float
    study: Study

    @property
    def stats(self) -> dict[str, float]:
        """Figures of the tested sessions alone; `efficiency` is how much of the ratio inside was left outside.

        Pardo, "The Evaluation and Optimization of Trading Strategies", 2008, chapter 11, with Sharpe ratios.
        """
        growth = float(np.prod(1.0 + self.returns))
        inside = float(np.mean([stretch.inside for stretch in self.stretches]))
        sharpe = track(self.returns).yearly(self.sessions_per_year)
        return {
            "total_return": growth - 1.0,
            "cagr": growth ** (self.sessions_per_year / len(self.returns)) - 1.0 if growth > 0.0 else -1.0,
            "volatility": float(self.returns.std(ddof=1)) * self.sessions_per_year**0.5,
            "sharpe": sharpe,
            "max_drawdown": float(max_drawdown(self.returns[None, :])[0]),
            "sessions": float(len(self.returns)),
            "efficiency": sharpe / inside if inside > 0.0 else nan,
        }

    @property
    def equity(self) -> pl.DataFrame:
        """Growth of one unit through the tested sessions: a polars frame of date, return and equity."""
        import polars as pl

        return pl.DataFrame({"date": self.days, "return": self.returns, "equity": np.cumprod(1.0 + self.returns)})

    def report(self, path: str | Path) -> Path:
        """Write the walk, and the study behind it, as one offline HTML page; returns its path.  Raises Setup SF502."""
        from stratofold.research.report import save
        from stratofold.research.sweep.report import page

        return save(page(self.study, self), Path(path))

    def __str__(self) -> str:
        """A line a stretch, and what the tests came to together."""
        varied = [parameter_of(column) for column in self.study.varied]
        lines = [_line("learned from", "tested on", "inside", "outside", "chosen")]
        lines += [
            _line(
                _span(stretch.train), _span(stretch.test), f"{stretch.inside:.2f}", f"{stretch.outside:.2f}",
                " ".join(f"{name}={stretch.parameters[name]:.6g}" for name in varied),
            )
            for stretch in self.stretches
        ]  # fmt: skip
        stats = self.stats
        lines.append(
            f"out of sample: Sharpe {stats['sharpe']:.2f}, {stats['total_return']:.1%} in {len(self.returns):,} sessions, "
            f"deepest drawdown {stats['max_drawdown']:.1%}, {stats['efficiency']:.0%} of the ratio inside was left."
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The same: a notebook shows it."""
        return str(self)


def walk_forward(
    strategy: type[Strategy], data: Any, *, train: int, test: int, anchored: bool = False, step: int | None = None,
    symbols: Sequence[str] | str | None = None, start: Any = None, end: Any = None, **more: Any,
) -> Forward:  # fmt: skip
    """Choose by a sweep over `train` sessions, trade the choice on the next `test` sessions, move on by `step` (`test`).

    `anchored` stretches keep their beginning and grow.  `more` is what `sweep` takes: the space of parameters,
    `objective`, `sampler`, `executor`, `study`, costs and limits.  Raises what `sweep` raises, Setup SFS43 where the
    data hold no stretch, SFS53 for windows of one's own and SFS26 where no cell of a stretch has a figure.
    """
    _refuse(more)
    market = read(data, symbols=symbols, start=start, end=end, series=strategy.series)
    days = [
        date.fromordinal(day) for day in dict.fromkeys(session_days(np.unique(market.time).tolist(), market.calendar))
    ]
    splits = walk_forward_splits(len(days), train=train, test=test, anchored=anchored, step=step)
    windows = {_span((days[split.train[0]], days[split.train[-1]])): split for split in splits}
    named = {name: (days[split.train[0]], days[split.train[-1]]) for name, split in windows.items()}
    study = sweep(strategy, market, windows=named, **more)
    walked = [_walked(study, market, name, split, days) for name, split in windows.items()]
    rows = [
        row for split, (_, returns) in zip(splits, walked, strict=True) for row in zip(split.test, returns, strict=True)
    ]
    seen = dict(rows)  # where tests overlap the later choice counts
    order = sorted(seen)
    return Forward(
        tuple(stretch for stretch, _ in walked), tuple(days[row] for row in order), np.array([seen[row] for row in order]),
        market.calendar.sessions_per_year, study,
    )  # fmt: skip


def _refuse(more: Mapping[str, Any]) -> None:
    """What a walk cannot take of a sweep."""
    for name in _REFUSED:
        if more.get(name):
            fix = "call sweep for that, or walk once for each"
            raise Setup("SFS53", f"a walk forward makes its own windows and takes no {name}=", fix=fix)


def _walked(
    study: Study, market: MarketData, window: str, split: Split, days: Sequence[date]
) -> tuple[Stretch, NDArray[np.float64]]:
    """One stretch: its best cell, and what that came to in the sessions after."""
    ranked = study.ranked()
    here = ranked.filter(ranked["window"] == window)
    if not len(here):
        raise nothing(study.objectives[0])
    best = here.row(0, named=True)
    place, parameters = study.place_of(best), study.parameters_of(best)
    through = market.subset(None, days[split.train[0]], days[split.test[-1]])
    returns = Block(place.strategy, through, place.options).returns([parameters])[:, 0]
    outside = returns[-len(split.test) :]
    stretch = Stretch(
        (days[split.train[0]], days[split.train[-1]]), (days[split.test[0]], days[split.test[-1]]), parameters,
        float(best["sharpe"]), track(outside).yearly(market.calendar.sessions_per_year),
    )  # fmt: skip
    return stretch, outside


def _span(days: tuple[date, date]) -> str:
    """First and last day."""
    return f"{days[0]} to {days[1]}"


def _line(train: str, test: str, inside: str, outside: str, chosen: str) -> str:
    """One row of the table."""
    return f"{train:<25} {test:<25} {inside:>7} {outside:>7}  {chosen}"
