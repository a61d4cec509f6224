"""The sums of many runs as columns of statistics, to the same bit as `fold.tally.statistics` gives them one by one.

What comes in: a tally's sums, rows in the order of `SUMS` or columns.  What goes out: a NumPy array of each statistic by name.
Why so: a sweep asks for some twenty figures of a hundred thousand runs, and as columns they cost a tenth.  Sums, products,
quotients and square roots are rounded alike in NumPy and in Python (IEEE 754); powers, and
quotients of whole numbers past 2**53, are not, so they are Python's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import accumulate
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
    "tally.gross_profit", "tally.in_market_count", "tally.mean_equity_sum", "tally.moved_count", "tally.peak_steps",
    "tally.peak_time", "tally.session_count", "tally.shift", "tally.shifted_squares", "tally.shifted_sum", "tally.time",
    "tally.trade_count", "tally.traded_value", "tally.trough_steps", "tally.win_count",
)  # fmt: skip
STATISTICS = (
    "final_equity", "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown",
    "max_drawdown_days", "exposure", "time_in_market", "turnover", "trades", "win_rate", "profit_factor",
    "gross_profit", "gross_loss", "fees", "traded_value", "sessions", "bars", "refusals",
)  # fmt: skip
# The last is of refusals.
_COUNTS = ("session_count", "trade_count", "win_count", "in_market_count", "bar_count", "count")
_EXACT = 1 << 53  # whole numbers up to here are doubles
_A_SECOND = 1_000_000_000  # nanoseconds
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
    sums |= {name: sums[name].astype(np.float64) for name in _COUNTS}  # once: each use would else
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = _returns(sums, sessions_per_year) | _money(sums, scale, sessions_per_year)
    found["refusals"] = sums["count"]
    return {name: found[name] for name in STATISTICS}


def _returns(sums: dict[str, Floats], sessions_per_year: float) -> dict[str, Floats]:
    """What is of returns and drawdowns."""
    count = sums["session_count"]
    first = sums["first_steps"]
    total = _where(first > 0.0, sums["equity_steps"] / first - 1.0, nan)
    cagr = _a_year(total, count / sessions_per_year)
    mean, spread = _mean_and_spread(sums)
    root = sessions_per_year**0.5
    deviation = _where(count > 1.0, np.sqrt(spread / (count - 1.0)), nan)
    below = _where(count > 0.0, np.sqrt(sums["downside"] / count), nan)
    peak, trough = sums["peak_steps"], sums["trough_steps"]
    depth = np.maximum(sums["drawdown"], _where(peak > 0.0, 1.0 - trough / peak, 0.0))
    since_peak = _where(trough < peak, sums["time"] - sums["peak_time"], 0)
    lengths = np.maximum(sums["drawdown_length"], since_peak)
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation * root,
        "sharpe": _where(deviation > 0.0, mean / deviation * root, nan),
        "sortino": _where(below > 0.0, mean / below * root, nan),
        "calmar": _where(depth > 0.0, cagr / depth, nan),
        "max_drawdown": depth,
        "max_drawdown_days": _days(lengths),
    }


def _where(is_so: NDArray[np.bool_], values: NDArray[Any], other: float) -> NDArray[Any]:
    """Values where it is so, and the other elsewhere; nearly always it is so everywhere."""
    return values if is_so.all() else np.where(is_so, values, other)


def _mean_and_spread(sums: dict[str, Floats]) -> tuple[Floats, Floats]:
    """`Tally.mean` and `Tally.spread` of each that has had a session."""
    summed, moved, count = sums["shifted_sum"], sums["moved_count"], sums["session_count"]
    beside = summed / moved
    own = np.where(moved > 0, sums["shift"] + beside, 0.0)
    apart = np.where(moved > 0, np.maximum(sums["shifted_squares"] - summed * beside, 0.0), 0.0)
    return own * (moved / count), apart + own * own * (moved * ((count - moved) / count))


def _a_year(total: Floats, years: Floats) -> Floats:
    """`fold.tally.a_year` of each; where no power leaves what there is room for, by one call for all."""
    is_number = (years > 0.0) & (total > -1.0)
    are_all = bool(is_number.all())
    bases, spans = (1.0 + total, 1.0 / years) if are_all else (1.0 + total[is_number], 1.0 / years[is_number])
    numbers = _powers(bases, spans)
    if numbers is None:
        return np.array([a_year(t, y) for t, y in zip(total.tolist(), years.tolist(), strict=True)])
    if are_all:
        return numbers - 1.0
    found = np.full(len(total), nan)
    found[is_number] = numbers
    return found - 1.0


def _powers(bases: Floats, exponents: Floats) -> Floats | None:
    """Python's powers of numbers above 0; None where one leaves what there is room for."""
    if _are_pythons():
        powers: Floats = np.float_power(bases, exponents)
        return powers if np.isfinite(powers).all() else None
    try:
        return np.fromiter(map(pow, bases.tolist(), exponents.tolist()), np.float64, len(bases))
    except OverflowError:
        return None


@cache
def _are_pythons() -> bool:
    """Whether NumPy's `float_power` is C's here, as Python's is; its `power` is another that differs in one of twenty.

    It was C's in every release so far.  One that has another differs in some of these: near 1, where returns are, and far.
    """
    bases = np.concatenate((np.linspace(0.25, 4.0, 301), np.geomspace(1e-9, 1e9, 300)))
    exponents = np.resize([0.1, 1.0 / 3.0, 0.7937, 1.587, 12.6], len(bases))
    wanted = np.fromiter(map(pow, bases.tolist(), exponents.tolist()), np.float64, len(bases))
    return bool((np.float_power(bases, exponents) == wanted).all())


def _days(lengths: NDArray[np.int64]) -> Floats:
    """Nanoseconds as days, rounded once: in steps that divide them all and a day, so that both are doubles."""
    seconds = lengths // _A_SECOND
    if len(lengths) and seconds.max() <= _EXACT and (seconds * _A_SECOND == lengths).all():
        return seconds / (NANOSECONDS_A_DAY // _A_SECOND)
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
    has_any, has_traded = count > 0.0, trades > 0.0
    mean_equity = _where(has_any, sums["mean_equity_sum"] / count / scale, nan)
    traded = sums["traded_value"] / scale
    profit, loss = sums["gross_profit"], sums["gross_loss"]
    factor = profit / loss
    if not (loss > 0.0).all():
        factor = np.where(loss > 0.0, factor, np.where(profit > 0.0, inf, nan))
    return {
        "final_equity": sums["equity_steps"] / scale,
        "exposure": _where(has_any, sums["exposure_sum"] / count, nan),
        "time_in_market": _where(has_any, sums["in_market_count"] / count, nan),
        "turnover": _where((years > 0.0) & (mean_equity > 0.0), traded / mean_equity / years, nan),
        "trades": trades,
        "win_rate": _where(has_traded, sums["win_count"] / trades, nan),
        "profit_factor": factor,
        "gross_profit": _on_grid(profit, scale),
        "gross_loss": _on_grid(loss, scale),
        "fees": sums["fees_steps"] / scale,
        "traded_value": traded,
        "sessions": count,
        "bars": sums["bar_count"],
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
