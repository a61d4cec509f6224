"""The sums of many runs as columns of statistics, to the same bit as `fold.tally.statistics` gives them one by one.

What comes in: a tally's sums, rows in the order of `SUMS` or columns.  What goes out: a NumPy array of each statistic by name.
Why so: a sweep asks for some twenty figures of a hundred thousand runs, and as columns they cost a tenth.  Sums, products,
quotients and square roots are rounded alike in NumPy and in Python (IEEE 754); powers, and
quotients of whole numbers past 2**53, are not, so they are Python's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, repeat
from math import inf, nan, pow  # noqa: A004  quicker than the built-in one, and of numbers alone
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.fold.grid import STEPS_MAX, to_grid
from stratofold.fold.tally import NANOSECONDS_A_DAY, a_year
from stratofold.kernel.series import Noted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stratofold.fold.engine import Engine

    Floats = NDArray[np.float64]

SUMS = (
    "equity_steps", "logs.refusals.count", "tally.bar_count", "tally.downside", "tally.drawdown",
    "tally.drawdown_length", "tally.exposure_sum", "tally.fees_steps", "tally.first_steps", "tally.gross_loss",
    "tally.gross_profit", "tally.in_market_count", "tally.mean_equity_sum", "tally.peak_steps", "tally.peak_time",
    "tally.session_count", "tally.shift", "tally.shifted_squares", "tally.shifted_sum", "tally.time",
    "tally.trade_count", "tally.traded_value", "tally.trough_steps", "tally.win_count",
)  # fmt: skip
STATISTICS = (
    "final_equity", "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown",
    "max_drawdown_days", "exposure", "time_in_market", "turnover", "trades", "win_rate", "profit_factor",
    "gross_profit", "gross_loss", "fees", "traded_value", "sessions", "bars", "refusals",
)  # fmt: skip
_EXACT = 1 << 53  # whole numbers up to here are doubles
Row = tuple[float, ...]


class Figures(Mapping[str, "Floats"]):
    """The statistics of some runs by name, reckoned when the first is asked for: of many runs at a time they cost half.

    `done` are the rows of `count` that the sums are of, in order (None: all of them); the others have NaN.
    """

    def __init__(
        self, sums: Mapping[str, Any], done: NDArray[np.intp] | None, count: int, scale: float, sessions_per_year: float
    ) -> None:
        """Nothing is reckoned yet; see `statistics_of`."""
        self.sums = sums
        self.done = done
        self.count = count
        self.terms = scale, sessions_per_year
        self._found: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        """A number of each run."""
        if not self._found:
            self._found = self._reckoned()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(STATISTICS)

    def __len__(self) -> int:
        """How many statistics."""
        return len(STATISTICS)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets what is reckoned, which is a part of its cells' work."""
        return dict, (dict(self),)

    def _reckoned(self) -> dict[str, Floats]:
        """Every statistic."""
        found = statistics_of(self.sums, *self.terms)
        if self.done is None:
            return found
        columns = {name: np.full(self.count, nan) for name in STATISTICS}
        for name, values in found.items():
            columns[name][self.done] = values
        return columns


def joined_figures(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The statistics of several runs' parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    figures = [part for part in parts if isinstance(part, Figures)]
    if len(figures) < len(parts) or len({part.terms for part in figures}) > 1:
        return {name: np.concatenate([np.asarray(part[name], np.float64) for part in parts]) for name in STATISTICS}
    sums = _joined([part.sums for part in figures])
    counts = [part.count for part in figures]
    done = None
    if any(part.done is not None for part in figures):
        rows = [np.arange(part.count) if part.done is None else part.done for part in figures]
        done = np.concatenate([first + some for first, some in zip(accumulate(counts, initial=0), rows, strict=False)])
    return Figures(sums, done, sum(counts), *figures[0].terms)


def sums_of(engine: Engine) -> Row:
    """The sums of an engine whose run is over and whose objects hold what it came to."""
    engine.equity_steps = engine.book.ledger.equity_steps
    return tuple(_attribute(engine, name) for name in SUMS)


def _attribute(thing: object, dotted: str) -> float:
    """A dotted attribute, a number."""
    for name in dotted.split("."):
        thing = getattr(thing, name)
    return thing  # type: ignore[return-value]


def columns_of(rows: Sequence[Row]) -> dict[str, Floats]:
    """Rows of sums as a column for each."""
    return {name: np.array(column) for name, column in zip(SUMS, zip(*rows, strict=True), strict=True)}


def statistics_of(columns: Mapping[str, Floats], scale: float, sessions_per_year: float) -> dict[str, Floats]:
    """The statistics by name, one number a run, of a column for each of `SUMS`; what cannot be computed is NaN.

    See `fold.tally.statistics`.
    """
    sums = {name.rpartition(".")[2]: column for name, column in columns.items()}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = _returns(sums, sessions_per_year) | _money(sums, scale, sessions_per_year)
    found["refusals"] = columns["logs.refusals.count"].astype(np.float64)
    return {name: found[name] for name in STATISTICS}


def _returns(sums: dict[str, Floats], sessions_per_year: float) -> dict[str, Floats]:
    """What is of returns and drawdowns."""
    count = sums["session_count"]
    first = sums["first_steps"]
    total = np.where(first > 0.0, sums["equity_steps"] / first - 1.0, nan)
    years = count / sessions_per_year
    cagr = _a_year(total, years)
    mean, spread = _mean_and_spread(sums)
    deviation = np.where(count > 1, np.sqrt(spread / (count - 1)), nan)
    below = np.where(count > 0, np.sqrt(sums["downside"] / count), nan)
    root = sessions_per_year**0.5
    peak, trough = sums["peak_steps"], sums["trough_steps"]
    depth = np.maximum(sums["drawdown"], np.where(peak > 0.0, 1.0 - trough / peak, 0.0))
    since_peak = np.where(trough < peak, sums["time"] - sums["peak_time"], 0)
    lengths = np.maximum(sums["drawdown_length"], since_peak)
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation * root,
        "sharpe": np.where(deviation > 0.0, mean / deviation * root, nan),
        "sortino": np.where(below > 0.0, mean / below * root, nan),
        "calmar": np.where(depth > 0.0, cagr / depth, nan),
        "max_drawdown": depth,
        "max_drawdown_days": _days(lengths),
    }


def _mean_and_spread(sums: dict[str, Floats]) -> tuple[Floats, Floats]:
    """`Tally.mean` and `Tally.spread` of each that has had a session."""
    summed = sums["shifted_sum"]
    beside = summed / sums["session_count"]
    return sums["shift"] + beside, np.maximum(sums["shifted_squares"] - summed * beside, 0.0)


def _a_year(total: Floats, years: Floats) -> Floats:
    """`fold.tally.a_year` of each; where no power leaves what there is room for, by one call for all."""
    is_number = (years > 0.0) & (total > -1.0)
    are_all = bool(is_number.all())
    bases, spans = (1.0 + total, 1.0 / years) if are_all else (1.0 + total[is_number], 1.0 / years[is_number])
    powers = repeat(float(spans[0])) if len(spans) and (spans == spans[0]).all() else spans.tolist()
    try:
        numbers = np.fromiter(map(pow, bases.tolist(), powers), np.float64, len(bases))
    except OverflowError:
        return np.array([a_year(t, y) for t, y in zip(total.tolist(), years.tolist(), strict=True)])
    if are_all:
        return numbers - 1.0
    found = np.full(len(total), nan)
    found[is_number] = numbers
    return found - 1.0


def _days(lengths: NDArray[np.int64]) -> Floats:
    """Nanoseconds as days, rounded once: in steps that divide them all and a day, so that both are doubles."""
    step = int(np.gcd.reduce(lengths, initial=NANOSECONDS_A_DAY))
    if len(lengths) and lengths.max() // step > _EXACT:
        return np.array([length / NANOSECONDS_A_DAY for length in lengths.tolist()])
    return lengths // step / (NANOSECONDS_A_DAY // step)


def _on_grid(values: Floats, scale: float) -> Floats:
    """`fold.grid.to_grid` of each; raises what it raises."""
    steps = values * scale
    if not (np.abs(steps) <= STEPS_MAX).all():
        return np.array([to_grid(value, scale) for value in values.tolist()])
    return (np.rint(steps) + 0.0) / scale  # no zero has a sign on the grid


def _money(sums: dict[str, Floats], scale: float, sessions_per_year: float) -> dict[str, Floats]:
    """What is of money and trades."""
    count, trades = sums["session_count"], sums["trade_count"]
    years = count / sessions_per_year
    mean_equity = np.where(count > 0, sums["mean_equity_sum"] / count / scale, nan)
    traded = sums["traded_value"] / scale
    profit, loss = sums["gross_profit"], sums["gross_loss"]
    return {
        "final_equity": sums["equity_steps"] / scale,
        "exposure": np.where(count > 0, sums["exposure_sum"] / count, nan),
        "time_in_market": np.where(count > 0, sums["in_market_count"] / count, nan),
        "turnover": np.where((years > 0.0) & (mean_equity > 0.0), traded / mean_equity / years, nan),
        "trades": trades.astype(np.float64),
        "win_rate": np.where(trades > 0, sums["win_count"] / trades, nan),
        "profit_factor": np.where(loss > 0.0, profit / loss, np.where(profit > 0.0, inf, nan)),
        "gross_profit": _on_grid(profit, scale),
        "gross_loss": _on_grid(loss, scale),
        "fees": sums["fees_steps"] / scale,
        "traded_value": traded,
        "sessions": count.astype(np.float64),
        "bars": sums["bar_count"].astype(np.float64),
    }


def in_order(parts: Sequence[tuple[Any, Any]]) -> tuple[Any, Mapping[str, Any]]:
    """The numbers of cells, ascending, and the columns of their sums, of parts of which each is in order."""
    if len(parts) == 1:
        return parts[0]
    done = np.concatenate([np.asarray(some) for some, _ in parts])
    order = np.argsort(done)
    sums = _joined([part for _, part in parts])
    if isinstance(sums, Noted):
        return done[order], Noted(sums.kinds, sums.words[:, order])
    return done[order], {name: column[order] for name, column in sums.items()}


def _joined(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The sums of several runs' parts, one after the other."""
    noted = [part for part in parts if isinstance(part, Noted)]
    if len(noted) == len(parts) and all(part.kinds == noted[0].kinds for part in noted):
        return Noted(noted[0].kinds, np.concatenate([part.words for part in noted], axis=1))
    return {name: np.concatenate([part[name] for part in parts]) for name in SUMS}
