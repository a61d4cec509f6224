"""Times of ticks as one expression: nanoseconds UTC out of whatever a column holds.

What comes in: a lazy frame and the name of its column of times.
What goes out: an expression that polars evaluates while it reads.
Why it is shaped so: a file of ten million ticks is parsed once, so a few rows decide what its times look like and all
others must look the same; where one does not, polars says which.
"""

from __future__ import annotations

import polars as pl

from stratofold.errors import Setup
from stratofold.market.zones import time_zone

_LAST_NS = 2**63 - 1
_UNITS_NS = ((10**11, 1_000_000_000), (10**14, 1_000_000), (10**17, 1_000), (_LAST_NS, 1))
DATES = "%Y-%m-%d"
_SECONDS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")
_SECONDS_LETTERS = len("2020-01-31T14:30:00")
_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    DATES,
    "%Y%m%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%m/%d/%Y %H:%M:%S%.f",
)
PROBE = 64  # rows that say what the times look like


def time_expression(frame: pl.LazyFrame, name: str, source: str, zone: str | None) -> pl.Expr:
    """Nanoseconds UTC as `time`; raises Setup SF211 for naive times without a zone, SF214 for a zone that is none, SF215 for what is no time."""
    stored = frame.collect_schema()[name]
    column = pl.col(name)
    if isinstance(stored, pl.Datetime):
        aware = column if stored.time_zone else _in_zone(column, zone, source)
        return aware.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").to_physical().alias("time")
    if stored == pl.Date:
        return column.cast(pl.Datetime("ns")).to_physical().alias("time")
    probe = frame.select(column).head(PROBE).collect()[name].drop_nulls()
    if stored.is_integer():
        return _whole_ns(column.cast(pl.Int64), _unit_ns(name, probe, source)).alias("time")
    if stored.is_float():
        micros = (column * (_unit_ns(name, probe, source) / 1000)).round().cast(pl.Int64)
        return _whole_ns(micros, 1000).alias("time")
    if stored == pl.String and len(probe):
        return _from_text(column, probe, source, zone)
    raise Setup(
        "SF215",
        f"the column {name} holds {stored}, which is no time",
        place=source,
        fix="give ISO 8601, or numbers since 1970",
    )


def _whole_ns(column: pl.Expr, unit: int) -> pl.Expr:
    """Whole numbers of a unit as nanoseconds; missing where 64 bits do not hold them, in the year 2262 and after."""
    return column if unit == 1 else pl.when(column.abs() <= _LAST_NS // unit).then(column * unit)


def _unit_ns(name: str, probe: pl.Series, source: str) -> int:
    """Nanoseconds a unit of an epoch number: by the column's name, else by its size; raises Setup SF215 for no time at all."""
    for ending, unit in (("_ns", 1), ("_us", 1_000), ("_ms", 1_000_000), ("_s", 1_000_000_000)):
        if name.lower().endswith(ending):
            return unit
    largest = abs(float(probe.cast(pl.Float64).max() or 0.0)) if len(probe) else 0.0  # type: ignore[arg-type]
    unit = next((unit for bound, unit in _UNITS_NS if largest < bound), 0)
    if not unit:
        raise Setup(
            "SF215", f"the time {largest:g} cannot be read", place=source, fix="give numbers since 1970, or ISO 8601"
        )
    return unit


def _from_text(column: pl.Expr, probe: pl.Series, source: str, zone: str | None) -> pl.Expr:
    """Text by the first format that reads the first rows."""
    first = str(probe[0]).strip()
    ends_utc = first.endswith("Z")
    for pattern in _SECONDS if ends_utc else ():
        if _reads(probe.str.slice(0, _SECONDS_LETTERS), pattern):
            return _instants(column, pattern).alias("time")
    zoned = ends_utc or (len(first) > _SECONDS_LETTERS and ("+" in first[-6:] or "-" in first[-6:]))
    for pattern in _FORMATS:
        if zoned:
            full, utc = (pattern + "Z", None) if ends_utc else (pattern + "%#z", "UTC")
            if _reads(probe, full, utc):
                return _parsed(column, full, utc).to_physical().alias("time")
        elif _reads(probe, pattern):
            naive = _parsed(column, pattern, None)
            # A date is a day, and a day has no zone.
            instant = naive if pattern == DATES else _in_zone(naive, zone, source).dt.convert_time_zone("UTC")
            return instant.to_physical().alias("time")
    raise Setup(
        "SF215", f"the time {first!r} cannot be read", place=source, fix='write ISO 8601: "2020-01-31T14:30:00.5Z"'
    )


def _reads(probe: pl.Series, pattern: str, zone: str | None = None) -> bool:
    """Whether a format reads every one of the first rows."""
    read = probe.str.to_datetime(pattern, strict=False, time_unit="ns", time_zone=zone)
    return read.null_count() == 0


def _parsed(column: pl.Expr, pattern: str, zone: str | None) -> pl.Expr:
    """Text as nanoseconds; not remembered, because ten million ticks have ten million times."""
    return column.str.to_datetime(pattern, time_unit="ns", time_zone=zone, cache=False)


def _instants(column: pl.Expr, pattern: str) -> pl.Expr:
    """Instants that end in Z: whole seconds by a short format, and the digits after them as a number, in half the time."""
    seconds = _parsed(column.str.slice(0, _SECONDS_LETTERS), pattern, None).to_physical()
    digits = column.str.slice(_SECONDS_LETTERS + 1).str.strip_chars_end("Z").str.head(9).str.pad_end(9, "0")
    return pl.when(column.str.ends_with("Z")).then(seconds + digits.cast(pl.Int64))


def _in_zone(column: pl.Expr, zone: str | None, source: str) -> pl.Expr:
    """Wall times of the zone that was stated."""
    if zone is None:
        raise Setup(
            "SF211", "the times have no time zone", place=source,
            why="the same wall time is a different moment in New York and in London, hours of look-ahead apart",
            fix='say which: timezone="America/New_York", or timezone="UTC" (--timezone on the command line)',
        )  # fmt: skip
    time_zone(zone)
    return column.dt.replace_time_zone(zone)
