"""Times as the API writes and reads them: RFC 3339 with nanoseconds, and dates of New York.

What comes in: int64 nanoseconds UTC, or text.  What goes out: the other.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s*([Zz]|[+-]\d\d:?\d\d)?)?")


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    """A whole second of UTC without its zone."""
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(time: int) -> str:
    """Nanoseconds UTC in RFC 3339, nine digits of the second always."""
    second, rest = divmod(time, SECOND_NS)
    return f"{_second(second)}.{rest:09d}Z"


def short_stamp(time: int) -> str:
    """Nanoseconds UTC in RFC 3339, without a fraction where there is none: how bars are dated."""
    return stamp(time) if time % SECOND_NS else f"{_second(time // SECOND_NS)}Z"


def read_moment(text: str) -> int:
    """Text as nanoseconds UTC; a date is its midnight in New York.  Raises ValueError for anything else."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time")
    day, clock, fraction, zone = found.groups()
    if clock is None:
        return midnight(date.fromisoformat(day), "America/New_York")
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_zone(zone))
    return _nanoseconds(moment) + int((fraction or "0").ljust(9, "0"))


def _zone(text: str | None) -> timezone:
    """`Z` or `-05:00`; UTC where nothing is said."""
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    gap = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-gap if text[0] == "-" else gap)


def _nanoseconds(moment: datetime) -> int:
    """An aware moment on a whole second."""
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND_NS


@lru_cache(maxsize=16_384)
def midnight(day: date, zone: str) -> int:
    """The first nanosecond of a date in a zone."""
    return _nanoseconds(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))


def wall_clock(time: int, zone: str) -> str:
    """Hour and minute of a time in a zone, "09:30"."""
    moment = (_EPOCH + timedelta(seconds=time // SECOND_NS)).astimezone(ZoneInfo(zone))
    return f"{moment.hour:02d}:{moment.minute:02d}"
