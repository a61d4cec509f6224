"""Time zones: every step from a zone's wall time to nanoseconds UTC and back is here.

What comes in: IANA names, dates and wall times, or nanoseconds UTC.  What goes out: the other.
Why it is shaped so: a clock change is got wrong in the second place that handles it, so there is one.  Columns of times go
through polars in `times`; the fold knows no zone at all.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NEW_YORK = "America/New_York"
SECOND_NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises Setup if there is none."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # here, because few need it and the live path starts cold

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise Setup(
            "SF214", f"the time zone {name!r} is not known", fix='use an IANA name: "America/New_York", "UTC"'
        ) from unknown


def nanoseconds(moment: datetime) -> int:
    """An aware moment on a whole second, as ns UTC."""
    gap = moment - EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND_NS


def at_wall(day: date, minutes: int, zone: str) -> int:
    """So many minutes after midnight by a date's wall clock (ns UTC); of an hour that comes twice, the earlier one."""
    wall = datetime(day.year, day.month, day.day, tzinfo=time_zone(zone)) + timedelta(minutes=minutes)
    return nanoseconds(wall.astimezone(UTC))


@lru_cache(maxsize=16_384)
def midnight(day: date, zone: str) -> int:
    """The first nanosecond of a date in a zone."""
    return at_wall(day, 0, zone)


def local(time: int, zone: str) -> datetime:
    """A time (ns UTC) as a zone's wall clock shows it, to the whole second."""
    return (EPOCH + timedelta(seconds=time // SECOND_NS)).astimezone(time_zone(zone))


def wall_clock(time: int, zone: str) -> str:
    """Hour and minute of a time (ns UTC) in a zone, "09:30"."""
    return f"{local(time, zone):%H:%M}"
