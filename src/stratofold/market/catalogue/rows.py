"""Rows in the one form in which a catalogue keeps them.

What comes in: a polars frame with our column names, its time as datetimes of any unit and zone or as nanoseconds UTC.
What goes out: the columns of its kind, each of its one type, sorted by time; equal times keep the order in which they came.
Why it is shaped so: whoever writes (an import, a source, a recorder, a cleaner) goes through here, so that no file of a
catalogue differs from another in shape; and nothing about the values is judged, because raw is raw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.market.catalogue.kinds import NANOS, TIME, kind_of, polars_schema

if TYPE_CHECKING:
    from stratofold.market.data import Ints

_TIME_NS_MAX = 2**63 - 1


def normal(kind: str, frame: pl.DataFrame, place: str = "the frame") -> pl.DataFrame:
    """The rows in their one form; columns that are absent are null; raises Setup SFC08 for what does not fit."""
    schema = polars_schema(kind)
    given = set(frame.columns)
    needed = {TIME, *_needed(kind)}
    if missing := sorted(needed - given):
        raise _unfit(f"there is no column {', '.join(missing)}", place, f"{kind} have {', '.join(schema)}")
    others = (
        _column(frame, name, schema[name], place) if name in given else pl.lit(None, schema[name]).alias(name)
        for name in list(schema)[2:]
    )
    columns: list[pl.Expr | pl.Series] = [*time_columns(frame, place), *others]
    rows = frame.select(columns)
    if rows[TIME].null_count():
        raise _unfit(
            "a time is missing",
            f"{place}, row {int(rows[TIME].is_null().arg_max() or 0)}",
            "drop the row, or fill it in",
        )
    return in_order(rows)


def _needed(kind: str) -> tuple[str, ...]:
    """The columns without which a row says nothing."""
    columns = kind_of(kind).columns
    optional = {"volume", "id", "exchange", "condition", "suspicious", "received_ns", "aggressor", "about", "text", "last_day",
                "bid_size", "ask_size", "snapshot", "first_id", "final_id", "prev_final_id"}  # fmt: skip
    return tuple(name for name, _ in columns if name not in optional)


def time_columns(frame: pl.DataFrame, place: str) -> tuple[pl.Expr, pl.Expr]:
    """Microseconds UTC and the nanoseconds past them, out of a column `time`."""
    stored, time = frame.schema[TIME], pl.col(TIME)
    if isinstance(stored, pl.Datetime):
        if stored.time_zone is None:
            raise _unfit("the times have no zone", place, "give aware datetimes, or nanoseconds UTC as whole numbers")
        time = time.dt.convert_time_zone("UTC")
        if stored.time_unit == "us" and NANOS in frame.columns:
            return time, pl.col(NANOS).cast(pl.Int16)
        if stored.time_unit != "ns":
            return time.dt.cast_time_unit("us"), pl.lit(0, pl.Int16).alias(NANOS)
        time = time.to_physical()
    elif stored != pl.Int64:
        raise _unfit(f"the times are {stored}", place, "give aware datetimes, or nanoseconds UTC as whole numbers")
    return (
        (time // 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(TIME),
        (time % 1000).cast(pl.Int16).alias(NANOS),
    )


def _column(frame: pl.DataFrame, name: str, wanted: pl.DataType, place: str) -> pl.Series:
    """One column in its type."""
    try:
        return frame[name].cast(wanted)
    except pl.exceptions.PolarsError as error:
        why = str(error).partition("\n")[0]
        raise _unfit(f"the column {name} holds {frame.schema[name]}: {why}", place, f"give {wanted}") from None


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Sorted by time; what is sorted already is not touched."""
    if rows[TIME].is_sorted() and (not rows[NANOS].max() or nanoseconds(rows).is_sorted()):
        return rows
    return rows.sort(TIME, NANOS, maintain_order=True)


def nanoseconds(rows: pl.DataFrame) -> pl.Series:
    """The times as nanoseconds UTC."""
    time = rows[TIME].to_physical() * 1000
    return time + rows[NANOS].cast(pl.Int64) if rows[NANOS].max() else time


def times_of(rows: pl.DataFrame) -> Ints:
    """The times as an array of nanoseconds UTC."""
    return np.ascontiguousarray(nanoseconds(rows).to_numpy())


def bounds_of(rows: pl.DataFrame) -> tuple[int, int]:
    """The first and last time, ns UTC, of rows in order."""
    ends = nanoseconds(pl.concat([rows.head(1), rows.tail(1)]))
    return int(ends[0]), int(ends[1])


def between(low: int | None, high: int | None) -> list[Any]:
    """Predicates on `time` and `nanos` for low <= time < high (ns UTC), the first of them one that files can be ruled out by."""
    found: list[Any] = []
    for bound, after in ((low, True), (high, False)):
        if bound is None or not -_TIME_NS_MAX < bound < _TIME_NS_MAX:
            continue
        whole = pl.lit(bound // 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        time, rest = pl.col(TIME), pl.col(NANOS)
        found.append(time >= whole if after else time <= whole)
        if after:
            found.append((time > whole) | (rest >= bound % 1000))
        else:
            found.append((time < whole) | (rest < bound % 1000))
    return found


def _unfit(what: str, place: str, fix: str) -> Setup:
    return Setup("SFC08", what, place=place, fix=fix)
