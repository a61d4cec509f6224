"""Times of ticks as one expression: nanoseconds UTC out of whatever a column holds.

What comes in: a lazy frame and the name of its column of times.
What goes out: an expression that polars evaluates while it reads.
Why it is shaped so: a file of ten million ticks is parsed once, so a few rows decide what its times look like and all
others must look the same; where one does not, polars says which.
"""

from __future__ import annotations

import polars as pl

from stratofold.errors import Setup

_UNITS_NS = ((10**11, 1_000_000_000), (10**14, 1_000_000), (10**17, 1_000), (2**63, 1))
DATES = "%Y-%m-%d"
_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    DATES,
    "%Y%m%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%m/%d/%Y %H:%M:%S%.f",
)
_PROBE = 64  # rows that say what the times look like


def time_expression(frame: pl.LazyFrame, name: str, source: str, zone: str | None) -> pl.Expr:
    """Nanoseconds UTC as `time`; raises Setup SF211 for naive times without a zone, SF215 for what is no time."""
    stored = frame.collect_schema()[name]
    column = pl.col(name)
    if isinstance(stored, pl.Datetime):
        aware = column if stored.time_zone else _in_zone(column, zone, source)
        return aware.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").to_physical().alias("time")
    if stored == pl.Date:
        return column.cast(pl.Datetime("ns")).to_physical().alias("time")
    probe = frame.select(column).head(_PROBE).collect()[name].drop_nulls()
    if stored.is_integer():
        return (column.cast(pl.Int64) * _unit_ns(name, probe)).alias("time")
    if stored.is_float():
        return (column * (_unit_ns(name, probe) / 1000)).round().cast(pl.Int64).mul(1000).alias("time")
    if stored == pl.String and len(probe):
        return _from_text(column, probe, source, zone)
    raise Setup(
        "SF215",
        f"the column {name} holds {stored}, which is no time",
        place=source,
        fix="give ISO 8601, or numbers since 1970",
    )


def _unit_ns(name: str, probe: pl.Series) -> int:
    """Nanoseconds a unit of an epoch number: by the column's name, else by its size."""
    for ending, unit in (("_ns", 1), ("_us", 1_000), ("_ms", 1_000_000), ("_s", 1_000_000_000)):
        if name.lower().endswith(ending):
            return unit
    largest = abs(float(probe.cast(pl.Float64).max() or 0.0)) if len(probe) else 0.0  # type: ignore[arg-type]
    return next(unit for bound, unit in _UNITS_NS if largest < bound)


def _from_text(column: pl.Expr, probe: pl.Series, source: str, zone: str | None) -> pl.Expr:
    """Text by the first format that reads the first rows."""
    first = str(probe[0]).strip()
    zoned = first.endswith("Z") or (len(first) > 19 and first[-6] in "+-")
    for pattern in _FORMATS:
        if not zoned:
            if probe.str.to_datetime(pattern, strict=False, time_unit="ns").null_count() == 0:
                naive = column.str.to_datetime(pattern, time_unit="ns")
                if pattern == DATES:
                    return naive.to_physical().alias("time")  # a date is a day, and a day has no zone
                return _in_zone(naive, zone, source).dt.convert_time_zone("UTC").to_physical().alias("time")
        else:
            full = pattern + ("Z" if first.endswith("Z") else "%:z")
            utc = None if first.endswith("Z") else "UTC"
            if probe.str.to_datetime(full, strict=False, time_unit="ns", time_zone=utc).null_count() == 0:
                return column.str.to_datetime(full, time_unit="ns", time_zone=utc).to_physical().alias("time")
    raise Setup(
        "SF215", f"the time {first!r} cannot be read", place=source, fix='write ISO 8601: "2020-01-31T14:30:00.5Z"'
    )


def _in_zone(column: pl.Expr, zone: str | None, source: str) -> pl.Expr:
    """Wall times of the zone that was stated."""
    if zone is None:
        raise Setup(
            "SF211", "the times have no time zone", place=source,
            why="the same wall time is a different moment in New York and in London, hours of look-ahead apart",
            fix='say which: timezone="America/New_York", or timezone="UTC" (--timezone on the command line)',
        )  # fmt: skip
    return column.dt.replace_time_zone(zone)
