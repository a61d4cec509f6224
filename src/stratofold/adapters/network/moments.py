"""Times on the wire: RFC 3339 text and nanoseconds since 1970-01-01 UTC, to the last digit.

What comes in: "2024-01-02T14:30:00.000000001Z", with any offset and up to nine decimals; or nanoseconds.
What goes out: the other one.
Why it is shaped so: `datetime` stops at microseconds, and a venue's times order its facts.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

SECOND_NS = 1_000_000_000
_EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()


@lru_cache(maxsize=512)
def nanoseconds_of(text: str) -> int:
    """Nanoseconds UTC of an RFC 3339 time; decimals past the ninth are cut; raises ValueError for what is none.

    Remembered, because polls are told the same facts again and again.
    """
    zone = max(text.find("Z", 19), text.find("z", 19), text.find("+", 19), text.find("-", 19))
    if zone < 0 or (len(text) > zone + 1) == (text[zone] in "Zz"):
        raise ValueError(f"{text!r} is no time of RFC 3339")
    fraction = text[20:zone] if zone > 19 else ""
    if zone > 19 and not (text[19] == "." and fraction.isdigit()):
        raise ValueError(f"{text!r} is no time of RFC 3339")
    return _seconds(text[:19] + (text[zone:] if text[zone] in "+-" else "+00:00")) * SECOND_NS + int(
        (fraction + "000000000")[:9]
    )


@lru_cache(maxsize=512)
def _seconds(text: str) -> int:
    """Whole seconds UTC; remembered, because what happens at once is told many times."""
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"{text!r} has no offset")
    local = (moment.toordinal() - _EPOCH_ORDINAL) * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return local - offset.days * 86_400 - offset.seconds


def text_of(time: int) -> str:
    """RFC 3339 with nine decimals, UTC."""
    seconds, rest = divmod(time, SECOND_NS)
    days, of_day = divmod(seconds, 86_400)
    day = datetime.fromordinal(days + _EPOCH_ORDINAL)
    return f"{day:%Y-%m-%d}T{of_day // 3600:02}:{of_day // 60 % 60:02}:{of_day % 60:02}.{rest:09}Z"


def day_of(time: int) -> str:
    """The UTC date of a time, as ISO 8601."""
    return text_of(time)[:10]
