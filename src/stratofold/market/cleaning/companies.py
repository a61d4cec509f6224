"""Which company a ticker stood for, and when.

What comes in: a vendor's table of tickers with the last day each was valid.
What goes out: `Companies`, intervals by ticker; rows with the name of the company that their ticker stood for.
Why it is shaped so: exchanges give a ticker to another company some time after the first one has gone, and a file by ticker
then holds two companies as one history; only a map of names can tell a ticker reused from a company renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.sessions import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPELLINGS = {
    "company": ("company", "mapfile", "instrument", "permanentid", "figi", "id"),
    "symbol": ("symbol", "ticker"),
    "until": ("date", "until", "validthrough", "end"),
}
FOREVER = 2**62


class Companies(NamedTuple):
    """`intervals`: company, symbol, `from_time` and `until_time` (ns UTC of days, both included)."""

    intervals: pl.DataFrame


def companies(table: pl.DataFrame) -> Companies:
    """A map of names: for each company its tickers, each with the last day on which it was valid (none: to this day).

    The first row of a company gives the day from which it is known.  Raises Setup for a missing column.
    Source of the format: QuantConnect Lean's map files.
    """
    found = _columns(table.columns)
    days = pl.col(found["until"]).cast(pl.Date).cast(pl.Int64) * DAY_NS
    rows = table.select(
        company=pl.col(found["company"]).cast(pl.String),
        symbol=pl.col(found["symbol"]).cast(pl.String),
        until_time=days.fill_null(FOREVER),
    ).sort("company", "until_time", maintain_order=True)
    first = pl.col("until_time").first().over("company")
    before = pl.col("until_time").shift(1).over("company")
    begun = rows.with_columns(from_time=pl.when(before == first).then(first).otherwise(before + DAY_NS))
    intervals = begun.filter(before.is_not_null()).select("company", "symbol", "from_time", "until_time")
    return Companies(_joined(intervals))


def _columns(names: list[str]) -> Mapping[str, str]:
    by_plain = {spelling.plain(name): name for name in names}
    found = {word: by_plain[one] for word, given in _SPELLINGS.items() for one in reversed(given) if one in by_plain}
    missing = [word for word in _SPELLINGS if word not in found]
    if missing:
        raise Setup(
            "SF643",
            f"the map of names has no column for {', '.join(missing)}",
            why=f"the columns are {', '.join(names)}",
            fix="give a table of company, symbol and the last day (until) on which the symbol was the company's",
        )
    return found


def _joined(intervals: pl.DataFrame) -> pl.DataFrame:
    """Neighbouring intervals of one company and ticker as one."""
    same = (pl.col("company") == pl.col("company").shift(1)) & (pl.col("symbol") == pl.col("symbol").shift(1))
    return (
        intervals.with_columns(group=(~same.fill_null(value=False)).cum_sum())
        .group_by("group", maintain_order=True)
        .agg(pl.col("company", "symbol").first(), pl.col("from_time").min(), pl.col("until_time").max())
        .drop("group")
    )


def named(rows: pl.DataFrame, known: Companies) -> pl.DataFrame:
    """Rows, sorted by symbol and time, with `company`: null where the map knows none; a symbol not in the map is itself."""
    intervals = known.intervals.sort("symbol", "from_time")
    joined = rows.join_asof(
        intervals, left_on="time", right_on="from_time", by="symbol", strategy="backward", check_sortedness=False
    )
    inside = pl.col("time") < pl.col("until_time") + DAY_NS
    stranger = ~pl.col("symbol").is_in(intervals["symbol"].unique().implode())
    company = pl.when(stranger).then(pl.col("symbol")).when(inside).then(pl.col("company"))
    return joined.with_columns(company=company).drop("from_time", "until_time")
