"""What explains prices: corporate actions out of factor files, and who was called what.

What comes in: tables as vendors keep them.
What goes out: rows of kind `actions` and `names`.
Sources of the formats: QuantConnect Lean's factor files and map files.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl

from stratofold.errors import Setup
from stratofold.market.actions import KINDS, Factor, from_factors
from stratofold.market.catalogue.kinds import ACTIONS, NAMES
from stratofold.market.catalogue.layout import series_of
from stratofold.market.catalogue.names import LAST_DAY, Stretch, from_valid_through
from stratofold.market.catalogue.rows import normal
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL, calendar
from stratofold.market.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.catalogue.append import Rows
    from stratofold.market.catalogue.intake import Stated

_WORDS = {number: word for word, number in KINDS.items()}


def rows_of(kind: str, frame: pl.DataFrame, source: str, stated: Stated) -> list[Rows]:
    """Rows of a table of factors or of names."""
    frame = frame.rename({name: plain(name) for name in frame.columns})
    if kind == NAMES:
        return _names(frame, source, stated)
    return _factors(frame, source, stated)


def _factors(frame: pl.DataFrame, source: str, stated: Stated) -> list[Rows]:
    """Splits and dividends on their ex-dates out of cumulative factors."""
    _need(frame, ("date", "pricefactor", "splitfactor", "referenceclose"), source)
    name = "symbol" if "symbol" in frame.columns else None
    if name is None and stated.symbol is None:
        raise Setup("SFC08", "no row says its symbol", place=source, fix="say it: --symbol SPY")
    sessions = calendar("XNYS" if stated.calendar == "auto" else stated.calendar)
    rows: list[Rows] = []
    columns = [
        name or pl.lit(stated.symbol),
        pl.col("date").cast(pl.Date),
        "pricefactor",
        "splitfactor",
        "referenceclose",
    ]
    listed = frame.select(columns).rows()
    for symbol, group in groupby(sorted(listed, key=lambda row: (row[0], row[1] or date.max)), key=lambda row: row[0]):
        factors = [Factor(_ordinal(day), *values) for _, day, *values in group]
        found = from_factors(factors, sessions)
        table = pl.DataFrame(
            {
                "time": [_midnight(one.day) for one in found],
                "action": [_WORDS[one.kind] for one in found],
                "value": [one.value for one in found],
            },
            schema={"time": pl.Int64, "action": pl.String, "value": pl.Float64},
        )
        if len(table):
            rows.append((series_of(ACTIONS, stated.source, symbol), normal(ACTIONS, table, source), ""))
    return rows


def _names(frame: pl.DataFrame, source: str, stated: Stated) -> list[Rows]:
    """Tickers of each asset."""
    if "mapfile" in frame.columns:
        _need(frame, ("mapfile", "date", "symbol"), source)
        listed = frame.select("mapfile", pl.col("date").cast(pl.Date), "symbol").rows()
        stretches = from_valid_through([(asset, _ordinal(day), ticker) for asset, day, ticker in listed])
        return [_asset(asset, found, source, stated) for asset, found in stretches.items()]
    _need(frame, ("asset", "ticker", "firstday", "lastday"), source)
    listed = frame.select("asset", "ticker", pl.col("firstday").cast(pl.Date), pl.col("lastday").cast(pl.Date)).rows()
    rows: list[Rows] = []
    for asset, group in groupby(sorted(listed, key=lambda row: (row[0], row[2])), key=lambda row: row[0]):
        found = [Stretch(ticker, first.toordinal(), _ordinal(last)) for _, ticker, first, last in group]
        rows.append(_asset(asset, found, source, stated))
    return rows


def _asset(asset: str, stretches: Iterable[Stretch], source: str, stated: Stated) -> Rows:
    listed = list(stretches)
    table: dict[str, Any] = {
        "time": [_midnight(one.first_day) for one in listed],
        "ticker": [one.ticker for one in listed],
        "last_day": [None if one.last_day == LAST_DAY else date.fromordinal(one.last_day) for one in listed],
    }
    frame = pl.DataFrame(table, schema={"time": pl.Int64, "ticker": pl.String, "last_day": pl.Date})
    return series_of(NAMES, stated.source, asset), normal(NAMES, frame, source), ""


def _ordinal(day: date | None) -> int:
    """A day as a proleptic ordinal; without one it holds still."""
    return LAST_DAY if day is None else day.toordinal()


def _midnight(day: int) -> int:
    return (day - EPOCH_ORDINAL) * DAY_NS


def _need(frame: pl.DataFrame, names: tuple[str, ...], source: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise Setup(
            "SFC08",
            f"there is no column {', '.join(missing)}",
            place=source,
            fix=f"the columns should be {', '.join(names)}",
        )
