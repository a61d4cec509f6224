"""Times as the API writes and reads them: RFC 3339 with nanoseconds, and dates of New York.

What comes in: int64 nanoseconds UTC, or text.  What goes out: the other.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from stratofold.market.zones import EPOCH, NEW_YORK, SECOND_NS, midnight, nanoseconds

_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s*([Zz]|[+-]\d\d:?\d\d)?)?")


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    """A whole second of UTC without its zone."""
    return (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


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
        return midnight(date.fromisoformat(day), NEW_YORK)
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_zone(zone))
    return nanoseconds(moment) + int((fraction or "0").ljust(9, "0"))


def _zone(text: str | None) -> timezone:
    """`Z` or `-05:00`; UTC where nothing is said."""
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    gap = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-gap if text[0] == "-" else gap)
