"""Times at the edge: dates, aware and naive datetimes, epoch numbers and text become nanoseconds UTC or dates.

What comes in: the time column of a table, as its library stores it.
What goes out: int64 nanoseconds UTC, or proleptic ordinals of days where the column holds only days.
Why it is shaped so: a naive time with hours is never guessed at, because the guess would be wrong by hours and the
backtest would still run; a column of midnights is a column of days, because that is what every vendor means by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL
from stratofold.market.spelling import row_text
from stratofold.market.zones import time_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from stratofold.market.data import Ints

_NOT_A_TIME = -(2**63)
_UNIT_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
# Epoch numbers by size: seconds reach 1e11 in the year 5138, milliseconds 1e14, microseconds 1e17.
_EPOCH_UNITS = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (float("inf"), "ns"))
_BEYOND_NS = 2.0**63  # in the year 2262
_UTC = ("UTC", "Etc/UTC", "Z", "+00:00", "UTC+00:00")
_QUARTER_HOUR_NS = 900_000_000_000  # every zone's offset since 1972 is a multiple of it


class RawTimes(NamedTuple):
    """A time column before it is understood.

    `values` has a datetime64, number, text or object type; `zone` names the zone of aware values, which are then UTC;
    `wall(count)` gives the local wall time of the first `count` (all if None) of aware values, in nanoseconds.
    """

    values: np.ndarray
    zone: str | None = None
    wall: Callable[[int | None], Ints] | None = None


class Times(NamedTuple):
    """`values` are nanoseconds UTC, or proleptic ordinals if `days`."""

    values: Ints
    days: bool


def read_times(raw: RawTimes, source: str, zone: str | None, notes: list[str]) -> Times:
    """Understand a time column; raises Setup for naive, missing, mixed and unreadable times."""
    kind = raw.values.dtype.kind
    if kind == "M":
        return _from_datetimes(raw, source, zone)
    if kind in "iuf":
        return _from_numbers(raw.values, source, notes)
    if kind in "OUST":
        return read_times(_parsed(raw.values, source), source, zone, notes)
    raise _unreadable(source, 0, raw.values[0] if len(raw.values) else None)


def _from_datetimes(raw: RawTimes, source: str, zone: str | None) -> Times:
    """datetime64 of any unit, naive or aware."""
    unit, count = np.datetime_data(raw.values.dtype)
    whole = raw.values.view(np.int64)
    _refuse_missing(whole, source)
    if unit in ("D", "W", "M", "Y"):
        return Times(raw.values.astype("datetime64[D]").view(np.int64) + EPOCH_ORDINAL, days=True)
    factor = _UNIT_NS[unit] * count
    if raw.zone is None or raw.zone in _UTC:
        days = _as_days(whole, DAY_NS // factor)
        if days is not None:
            return Times(days, days=True)
    time = whole if factor == 1 else whole * factor
    if raw.zone is not None:
        return _aware(time, raw)
    if zone is None:
        raise _naive(time, source)
    return Times(_localised(time, zone, source), days=False)


def _aware(time: Ints, raw: RawTimes) -> Times:
    """UTC nanoseconds; days, if every local wall time is a midnight."""
    if raw.wall is not None and len(time) and time[0] % _QUARTER_HOUR_NS == 0 and raw.wall(1)[0] % DAY_NS == 0:
        days = _as_days(raw.wall(None), DAY_NS)
        if days is not None:
            return Times(days, days=True)
    return Times(time, days=False)


def _as_days(time: Ints, units_a_day: int) -> Ints | None:
    """Ordinals, if all are midnights; the first one usually answers."""
    if len(time) and time[0] % units_a_day:
        return None
    days = time // units_a_day
    return days + EPOCH_ORDINAL if (days * units_a_day == time).all() else None


def _from_numbers(values: np.ndarray, source: str, notes: list[str]) -> Times:
    """Epoch numbers, their unit inferred from their size, and dates written as 20200131."""
    if len(values) == 0:
        return Times(values.astype(np.int64), days=False)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _missing(source, int(np.flatnonzero(~np.isfinite(values))[0]))
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind != "f" and low >= 19_000_101 and high <= 22_001_231:
        notes.append("times read as dates written as numbers (20200131)")
        return Times(_written_dates(values.astype(np.int64), source), days=True)
    unit = next(unit for bound, unit in _EPOCH_UNITS if max(abs(low), abs(high)) < bound)
    if max(abs(low), abs(high)) * _UNIT_NS[unit] >= _BEYOND_NS:
        row = int(values.argmax() if abs(high) >= abs(low) else values.argmin())
        raise _unreadable(source, row, values[row])
    notes.append(f"times read as {unit} since 1970-01-01 UTC")
    if values.dtype.kind == "f":
        # A double holds today's epoch seconds to a quarter of a microsecond: round to microseconds.
        time = np.rint(values * (_UNIT_NS[unit] / 1000.0)).astype(np.int64) * 1000
    else:
        time = values.astype(np.int64, copy=False)
        time = time if unit == "ns" else time * _UNIT_NS[unit]
    days = _as_days(time, DAY_NS)
    return Times(time, days=False) if days is None else Times(days, days=True)


def _written_dates(values: Ints, source: str) -> Ints:
    """20200131 as an ordinal."""
    months = (values // 10_000 - 1970) * 12 + values // 100 % 100 - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (values % 100 - 1)
    wrong = (
        (values // 100 % 100 - 1 > 11)
        | (values // 100 % 100 < 1)
        | (days.astype("datetime64[M]").view(np.int64) != months)
    )
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise _unreadable(source, row, int(values[row]))
    return days.view(np.int64) + EPOCH_ORDINAL


def _parsed(values: np.ndarray, source: str) -> RawTimes:
    """Text or Python objects as datetime64."""
    if len(values) == 0:
        return RawTimes(values.astype("datetime64[ns]"))
    first = values[0]
    if hasattr(first, "toordinal"):
        return _from_objects(values, source)
    if not isinstance(first, str):
        raise _unreadable(source, 0, first)
    return _from_text([str(value) for value in values], source)


def _from_objects(values: np.ndarray, source: str) -> RawTimes:
    """Python dates and datetimes: all dates, all naive, or all of one zone."""
    zones = {str(getattr(value, "tzinfo", None)) for value in values}
    if len(zones) > 1:
        raise Setup(
            "SF216",
            f"the times are of several zones: {', '.join(sorted(zones))}",
            place=source,
            why="a column is read in one zone only, so that nothing is shifted unseen",
            fix="convert the column to UTC first",
        )
    try:
        if zones == {"None"}:
            return RawTimes(values.astype("datetime64[us]"))
        wall = np.array([value.replace(tzinfo=None) for value in values], "datetime64[us]").view(np.int64) * 1000
        ahead = np.array([value.utcoffset().total_seconds() for value in values]).astype(np.int64) * 1_000_000_000
    except (TypeError, ValueError, AttributeError) as wrong:
        raise _unreadable(source, 0, values[0]) from wrong
    return RawTimes((wall - ahead).view("datetime64[ns]"), zones.pop(), lambda count: wall[:count])


def _from_text(texts: list[str], source: str) -> RawTimes:
    """ISO 8601 and the common variations that `polars` reads; offsets make them aware."""
    import polars as pl

    column = pl.Series(texts).str.strip_chars()
    with_offset = column.str.contains(r"[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$") & (
        column.str.len_chars() > len("2020-01-31T14")
    )
    if with_offset.any() and not with_offset.all():
        raise Setup(
            "SF216",
            "some times have a zone and some have none",
            place=f"{source}, {row_text(source, int(with_offset.not_().arg_max() or 0))}",
            fix="write all of them with an offset, such as 2020-01-31T14:30:00+00:00",
        )
    if with_offset.all():
        # A blank or a missing colon is all that differs between the spellings of an offset.
        column = column.str.replace(r"^(\S+) (\S+)$", "${1}T${2}").str.replace(r"Z$", "+00:00")
        return _read_formats(column, ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"), source, "UTC")
    formats = (
        "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
        "%Y/%m/%d %H:%M:%S%.f", "%Y%m%d %H:%M:%S%.f", "%Y%m%d %H%M%S", "%d-%b-%Y", "%b %d, %Y", "%Y.%m.%d %H:%M", "%Y.%m.%d",
    )  # fmt: skip
    return _read_formats(column, formats, source, None)


def _read_formats(column: pl.Series, formats: tuple[str, ...], source: str, zone: str | None) -> RawTimes:
    """The first format that reads every row."""
    most_read, best = -1, None
    for pattern in formats:
        read = column.str.to_datetime(pattern, strict=False, time_unit="us", time_zone=zone)
        count = len(read) - read.null_count()
        if count == len(read):
            return RawTimes(read.to_physical().to_numpy().view("datetime64[us]"), zone)
        if count > most_read:
            most_read, best = count, read
    row = int(best.is_null().arg_max() or 0) if best is not None else 0
    raise _unreadable(source, row, column[row])


def _localised(time: Ints, zone: str, source: str) -> Ints:
    """Wall times of a zone as UTC; an hour that a clock change repeats or skips is an error."""
    import polars as pl

    time_zone(zone)
    wall = pl.Series(time.view("datetime64[ns]"))
    aware = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    if aware.null_count():
        row = int(aware.is_null().arg_max() or 0)
        raise Setup(
            "SF217",
            f"{wall[row]} happens twice or never in {zone}",
            place=f"{source}, {row_text(source, row)}",
            why="clocks change there and then",
            fix="give the times in UTC",
        )
    return aware.dt.convert_time_zone("UTC").to_physical().to_numpy()


def _refuse_missing(whole: Ints, source: str) -> None:
    if len(whole) and int(whole.min()) == _NOT_A_TIME:
        raise _missing(source, int(whole.argmin()))


def _missing(source: str, row: int) -> Setup:
    return Setup(
        "SF212",
        "a time is missing",
        place=f"{source}, {row_text(source, row)}",
        fix="drop the row, or fill in its time",
    )


def _naive(time: Ints, source: str) -> Setup:
    row = int(np.flatnonzero(time % DAY_NS)[0])
    shown = str(time[row].view("datetime64[ns]").astype("datetime64[s]")).replace("T", " ")
    return Setup(
        "SF211",
        f"the times have no time zone: {shown}",
        place=f"{source}, {row_text(source, row)}",
        why="the same wall time is a different moment in New York and in London, hours of look-ahead apart",
        fix='say which: timezone="America/New_York", or timezone="UTC"',
    )


def _unreadable(source: str, row: int, value: object) -> Setup:
    return Setup(
        "SF215",
        f"the time {value.item() if isinstance(value, np.generic) else value!r} cannot be read",
        place=f"{source}, {row_text(source, row)}",
        fix='write ISO 8601: "2020-01-31" or "2020-01-31T14:30:00+00:00"',
    )
