"""What is in a catalogue, examined: its bars, trades and quotes, with the splits that it knows.

What comes in: a catalogue, a kind, symbols.  What goes out: a `Report` for each source and span.
Why it is shaped so: a catalogue stamps a bar with its close, and the rules count sessions by dates and starts, so times are
put back; a split that the catalogue knows is no defect of raw prices.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.market.catalogue.kinds import ACTIONS, BARS, QUOTES, TRADES
from stratofold.market.catalogue.layout import span_ns
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL, calendar
from stratofold.market.spelling import unknown_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.catalogue.catalogue import Catalogue, Holding
    from stratofold.market.cleaning.report import Report

EXAMINED = (BARS, TRADES, QUOTES)


def check_catalogue(
    place: Catalogue, kind: str | None = None, symbols: Iterable[str] | None = None, **options: Any
) -> list[Report]:
    """A report for each source, span and kind of a catalogue; `options` are those of `cleaning.check`.

    Raises Setup SF209 for a symbol that is not there, SF650 where there is nothing to examine.
    """
    from stratofold.market import cleaning

    wanted = None if symbols is None else set(symbols)
    groups: dict[tuple[str, str, str], list[Holding]] = defaultdict(list)
    for one in place.holdings(kind):
        if one.series.kind in EXAMINED and (wanted is None or one.series.symbol in wanted):
            groups[one.series[:3]].append(one)
    there = {one.series.symbol for held in groups.values() for one in held}
    for symbol in sorted((wanted or set()) - there):
        raise unknown_symbol(symbol, there, place.shelf.place)
    if not groups:
        raise Setup(
            "SF650",
            "nothing there to examine",
            place=place.shelf.place,
            fix="import bars, trades or quotes: data import FILE",
        )
    reports = []
    for (group, source, span), held in groups.items():
        chosen = place.choose(source=source, span=span or None, adjust="raw")
        frame = chosen.frame(group, [one.series.symbol for one in held])
        sessions = held[0].calendar or "auto"
        given = {"calendar": sessions, "splits": _splits(place), **options}
        table = _starts(frame, span, sessions) if group == BARS else _moments(frame)
        named = f"{place.shelf.place}: {source} {span} {group}".replace("  ", " ")
        reports.append(cleaning.check(table, kind=group, source=named, **given))
    return reports


def _moments(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows with whole nanoseconds."""
    whole = pl.col("time").dt.cast_time_unit("ns") + pl.duration(nanoseconds=pl.col("nanos"))
    return frame.with_columns(whole.alias("time")).drop("nanos")


def _starts(frame: pl.DataFrame, span: str, sessions: str) -> pl.DataFrame:
    """Bars by the date of their session where they last a day, else by their start."""
    table = _moments(frame)
    length = span_ns(span)
    if length < DAY_NS or sessions == "auto":
        return table.with_columns(pl.col("time") - pl.duration(nanoseconds=length))
    known = calendar(sessions)
    closes, days = (np.frombuffer(column, np.int64) for column in (known.closes, known.days))
    place = np.minimum(closes.searchsorted(table["time"].dt.epoch("ns").to_numpy()), len(days) - 1)
    return table.with_columns(time=pl.Series(days[place] - EPOCH_ORDINAL).cast(pl.Int32).cast(pl.Date))


def _splits(place: Catalogue) -> pl.DataFrame | None:
    """Symbol and date of the splits that the catalogue knows."""
    found = [one.series for one in place.holdings(ACTIONS)]
    frames = [
        place.choose(source=source).frame(ACTIONS, [one.symbol for one in found if one.source == source])
        for source in dict.fromkeys(one.source for one in found)
    ]
    if not frames:
        return None
    return pl.concat(frames).filter(pl.col("action") == "split").select("symbol", date=pl.col("time").dt.date())
