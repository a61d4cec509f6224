"""Observations: values that are no prices, each with the time at which it became known.

What comes in: a table of series, value and the time known (news, macro figures, fundamentals, scores of text).
What goes out: the same `MarketData` with `Observations`, which a strategy hears in `on_observation`.
Why it is shaped so: the date in such a table is mostly the period that a figure is about, and it was published weeks later;
taking the one for the other is the commonest way to look ahead.  So a table must say when its values were known, or the
user by how much later they came.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.data import Observations
from stratofold.market.sessions import calendar
from stratofold.market.times import read_times

if TYPE_CHECKING:
    from stratofold.market.data import Ints, MarketData
    from stratofold.market.tables import Table

_SPELLINGS = {
    "known": ("known", "knownat", "published", "publishedat", "released", "releasedate", "realtimestart", "createdat", "filed", "acceptancedatetime"),
    "about": ("about", "period", "observationdate", "date", "time", "timestamp", "reportdate", "periodend", "end"),
    "series": ("series", "name", "indicator", "seriesid", "concept", "tag"),
    "value": ("value", "val", "score", "amount"),
    "symbol": ("symbol", "ticker"),
}  # fmt: skip


def read_observations(
    market: MarketData, given: Any, zone: str | None = None, lag: timedelta | None = None
) -> MarketData:
    """`market` with the observations of a table: columns series, value, known; and, if there, about and symbol.

    A date in `known` means the close of that day's session, or of the next one.  `lag` is for tables that only say what a
    value is about: each is taken as known so much later.  Rows of symbols that are not in the market are left out.
    Raises Setup SF653 where a table does not say when its values were known, SF654 for a value that is no number.
    """
    from stratofold.market.frames import tables

    parts = [_read(market, table, zone, lag) for table in tables(given)]
    names = tuple(sorted({name for own, _ in parts for name in own}))
    columns = [
        rows._replace(series=np.array([names.index(name) for name in own], np.int64)[rows.series])
        for own, rows in parts
        if len(own)
    ]
    if not columns:
        return market
    return with_observations(
        market, Observations._make(np.concatenate(part) for part in zip(*columns, strict=True)), names
    )


def with_observations(market: MarketData, rows: Observations, names: tuple[str, ...]) -> MarketData:
    """`market` with these rows, in the order in which they are heard; `names` are the series that they number."""
    order = np.lexsort((rows.symbol, rows.series, rows.about, rows.time))
    return replace(market, observations=Observations._make(column[order] for column in rows), series=names)


def _read(
    market: MarketData, table: Table, zone: str | None, lag: timedelta | None
) -> tuple[tuple[str, ...], Observations]:
    """The names of a table's series and its rows, numbered by them."""
    source = f"observations, {table.source}"
    found = _columns(table, source, has_lag=lag is not None)
    codes, names = table.symbols(found["series"])
    value = table.floats(found["value"])
    wrong = np.flatnonzero(~np.isfinite(value))
    if len(wrong):
        raise Setup(
            "SF654", "a value is no number", place=f"{source}, row {int(wrong[0])}",
            fix="leave the row out: what is not known is not observed",
        )  # fmt: skip
    about = _moments(market, table, found["about" if "about" in found else "known"], source, zone)
    if "known" in found:
        known = _moments(market, table, found["known"], source, zone)
    else:
        known = about + int((lag or timedelta()) / timedelta(microseconds=1)) * 1000
    symbol = _handles(market, table, found.get("symbol"), len(value))
    rows = Observations(known, np.minimum(about, known), codes, symbol, value)
    kept = symbol >= -1
    return names, Observations._make(column[kept] for column in rows)


def _columns(table: Table, source: str, *, has_lag: bool) -> dict[str, int]:
    """Our word to the position of the column; raises Setup where one is missing."""
    by_plain = {spelling.plain(name): position for position, name in reversed(list(enumerate(table.names)))}
    found = {}
    for word, spellings in _SPELLINGS.items():
        match = next((one for one in spellings if one in by_plain), None)
        if match is not None:
            found[word] = by_plain[match]
    missing = [word for word in ("series", "value") if word not in found]
    if missing:
        raise spelling.missing_column(source, table.names, missing)
    if "known" not in found and not (has_lag and "about" in found):
        raise Setup(
            "SF653", "the table does not say when its values were known", place=source,
            why="a date of the period that a figure is about is earlier than anybody knew it; a backtest would look ahead",
            fix="name the column `known` if it is that, or state lag=timedelta(days=...)",
        )  # fmt: skip
    return found


def _moments(market: MarketData, table: Table, position: int, source: str, zone: str | None) -> Ints:
    """A column of times; a date is the close of its session, or of the next one."""
    times = read_times(table.times(position), source, zone, [])
    if not times.days:
        return times.values
    whole = calendar(market.calendar.name)
    places = np.minimum(np.frombuffer(whole.days, np.int64).searchsorted(times.values), len(whole) - 1)
    return np.frombuffer(whole.closes, np.int64)[places]


def _handles(market: MarketData, table: Table, position: int | None, count: int) -> Ints:
    """The handle of each row; -1 where it is about no symbol, -2 for one that is not here."""
    if position is None:
        return np.full(count, -1, np.int64)
    codes, names = table.symbols(position)
    known = {name: number for number, name in enumerate(market.symbols)}
    numbers = [-1 if name in ("", "None", "null", "nan") else known.get(name, -2) for name in names]
    return np.array(numbers, np.int64)[codes]


def unknown_series(series: str, known: tuple[str, ...]) -> Setup:
    """The error for a series that the data do not have."""
    from difflib import get_close_matches

    near = get_close_matches(series, known, n=1)
    return Setup(
        "SF655",
        f"the data have no series {series!r}",
        why=f"their series are {', '.join(known)}",
        fix=f"did you mean {near[0]!r}?" if near else "give it with observations=, or take it out of `series`",
    )
