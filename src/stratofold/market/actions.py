"""Corporate and account actions: as a table from the user, and out of a vendor's factor file.

What comes in: a table of actions, or cumulative price and split factors.
What goes out: `Actions` columns for `MarketData`; raw splits and dividends as of their ex-dates.
Why it is shaped so: raw prices trade, so splits and dividends must arrive as events on the day they took effect; a factor
file says the same thing backwards, and is turned round here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold import events
from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.data import Actions
from stratofold.market.sessions import Calendar, calendar
from stratofold.market.tables import recognised
from stratofold.market.times import read_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from stratofold.market.data import Floats, Ints, MarketData
    from stratofold.market.tables import Table

KINDS = {
    "split": events.SPLIT, "dividend": events.DIVIDEND, "rename": events.RENAME, "delisting": events.DELISTING,
    "funding": events.FUNDING, "interest": events.INTEREST, "deposit": events.DEPOSIT, "withdrawal": events.WITHDRAWAL,
    "expiry": events.EXPIRY,
}  # fmt: skip
OF_THE_ACCOUNT = (events.INTEREST, events.DEPOSIT, events.WITHDRAWAL)


_FACTOR_STEP = 1e-7  # the last decimal of a factor


class Factor(NamedTuple):
    """One row of a factor file: the factors hold up to and including `day` (an ordinal)."""

    day: int
    price_factor: float
    split_factor: float
    reference_close: float


class RawAction(NamedTuple):
    """A split (new for old) or a dividend (cash a share) on its ex-date, a proleptic ordinal."""

    day: int
    kind: int
    value: float


def from_factors(factors: Sequence[Factor], sessions: Calendar) -> list[RawAction]:
    """Raw splits and dividends out of cumulative factors; the last row is the one still in force.

    Where `price_factor` steps from `f` to `g` at a reference close `c`, a dividend of `c * (1 - f / g)` went ex on the
    next session; where `split_factor` steps from `s` to `t`, one old share became `t / s` new ones (of the ratios
    within 0.1 % of a small fraction, that fraction).  Factors have seven decimals, so a dividend is known to about a
    ten-millionth of the close: it is put on the fewest decimals, 2 to 4, that lie so near.
    Source of the format: QuantConnect Lean's factor files.
    """
    found = []
    for before, after in pairwise(factors):
        day = _next_session(before.day, sessions)
        if before.split_factor != after.split_factor:
            found.append(RawAction(day, events.SPLIT, _whole_ratio(after.split_factor / before.split_factor)))
        if before.price_factor != after.price_factor:
            found.append(RawAction(day, events.DIVIDEND, _dividend(before, after)))
    return found


def _dividend(before: Factor, after: Factor) -> float:
    """Cash a share, on the fewest decimals that the factors' rounding allows."""
    dividend = before.reference_close * (1.0 - before.price_factor / after.price_factor)
    known_to = before.reference_close * _FACTOR_STEP * 1.5
    return next(
        (near for places in (2, 3) if abs((near := round(dividend, places)) - dividend) <= known_to), round(dividend, 4)
    )


def _next_session(day: int, sessions: Calendar) -> int:
    k = int(np.frombuffer(sessions.days, np.int64).searchsorted(day, side="right"))
    return sessions.days[k]


def _whole_ratio(ratio: float) -> float:
    """The small fraction a rounded factor stood for: 1.50001 was 3 for 2, 0.0499999 was 1 for 20."""
    for denominator in (1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 50, 100):
        numerator = round(ratio * denominator)
        if numerator and abs(numerator / denominator / ratio - 1.0) < 1e-3:
            return numerator / denominator
    return ratio


def build(market: MarketData, rows: Sequence[tuple[str, RawAction]]) -> Actions:
    """Actions of symbols by date, each at the open of its ex-date's session; raises Setup for a symbol unknown."""
    whole = calendar(market.calendar.name)
    time = [_open_of(whole, action.day) for _, action in rows]
    handles = [market.handle(symbol) for symbol, _ in rows]
    currency = [market.currencies.index(market.instruments[handle].currency) for handle in handles]
    return _sorted(time, [action.kind for _, action in rows], handles, currency, [action.value for _, action in rows])


def _open_of(whole: Calendar, day: int) -> int:
    """The open of the session of a date, or of the next one."""
    k = int(np.frombuffer(whole.days, np.int64).searchsorted(day))
    return whole.opens[min(k, len(whole) - 1)]


def _sorted(time: ArrayLike, kind: ArrayLike, symbol: ArrayLike, currency: ArrayLike, value: ArrayLike) -> Actions:
    """Columns in order of time, symbol and kind: a split before the dividend of its day."""
    columns = [np.asarray(column, np.int64) for column in (time, kind, symbol, currency)]
    values = np.asarray(value, np.float64)
    order = np.lexsort((columns[1], columns[2], columns[0]))
    times, kinds, symbols, currencies = (column[order] for column in columns)
    return Actions(times, kinds, symbols, currencies, values[order])


def read_actions(market: MarketData, table: Any, zone: str | None = None) -> MarketData:
    """`market` with the actions of a table: columns symbol, time or date, kind, value.

    Dates mean the open of that day's session.  `kind` is a word such as "split" or "dividend"; interest, deposits and
    withdrawals need no symbol.  Raises Setup for a kind, a symbol or a value that cannot be.
    """
    from stratofold.market.frames import tables

    rows = [_read_table(market, one, zone) for one in tables(table)]
    joined = [np.concatenate(columns) for columns in zip(*rows, strict=True)]
    return replace(market, actions=_sorted(*joined))


def _read_table(market: MarketData, table: Table, zone: str | None) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    names = table.names
    found = dict(recognised(names))
    for position, name in enumerate(names):
        if spelling.plain(name) in ("kind", "type", "action", "value", "amount", "ratio"):
            found["kind" if spelling.plain(name) in ("kind", "type", "action") else "value"] = position
    missing = [word for word in ("time", "kind", "value", "symbol") if word not in found]
    if missing and not (missing == ["symbol"] and table.symbol):
        raise spelling.missing_column(f"actions, {table.source}", names, missing)
    source = f"actions, {table.source}"
    times = read_times(table.times(found["time"]), source, zone, [])
    whole = calendar(market.calendar.name)
    opens = [_open_of(whole, int(day)) for day in times.values] if times.days else times.values
    words, kinds = table.symbols(found["kind"])
    kind = np.array([_kind(word, source) for word in kinds], np.int64)[words]
    values = table.floats(found["value"])
    symbols = _handles(market, table, found, kind, source)
    _check_values(kind, values, source)
    first_currency = np.array([market.currencies.index(item.currency) for item in market.instruments], np.int64)
    return np.asarray(opens, np.int64), kind, symbols, np.where(symbols >= 0, first_currency[symbols], 0), values


def _handles(market: MarketData, table: Table, found: dict[str, int], kind: Ints, source: str) -> Ints:
    """The handle of each row, -1 for the account's own."""
    if "symbol" not in found:
        return np.full(len(kind), market.handle(table.symbol or ""), np.int64)
    codes, names = table.symbols(found["symbol"])
    known = {name: number for number, name in enumerate(market.symbols)}
    number = np.array([known.get(name, -1) for name in names], np.int64)
    handles: Ints = number[codes]
    strangers = np.flatnonzero((handles < 0) & ~np.isin(kind, OF_THE_ACCOUNT))
    if len(strangers):
        row = int(strangers[0])
        raise spelling.unknown_symbol(names[codes[row]], market.symbols, f"{source}, row {row}")
    return handles


def _kind(word: str, source: str) -> int:
    """The number of a kind by its name."""
    from difflib import get_close_matches

    number = KINDS.get(word.strip().lower().removesuffix("s"))
    if number is None:
        near = get_close_matches(word.lower(), KINDS, n=1)
        raise Setup(
            "SF261",
            f"the action {word!r} is not known",
            place=source,
            fix=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(KINDS)}",
        )
    return number


def _check_values(kind: Ints, values: Floats, source: str) -> None:
    """A split needs a ratio above 0, and only what is closed out may leave its price open."""
    closing = np.isin(kind, (events.DELISTING, events.EXPIRY, events.RENAME))
    wrong = (~np.isfinite(values) & ~closing) | ((kind == events.SPLIT) & ~(values > 0.0))
    rows = np.flatnonzero(wrong)
    if len(rows):
        row = int(rows[0])
        name = next(name for name, number in KINDS.items() if number == kind[row])
        raise Setup(
            "SF262",
            f"a {name} of {float(values[row])!r} cannot be",
            place=f"{source}, row {row}",
            fix="correct the value",
        )
