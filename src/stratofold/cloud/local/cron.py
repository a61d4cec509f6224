"""When a schedule calls: expressions of the scheduler, by its own rules and in the zone that a schedule names.

What comes in: `cron(35/5 9 ? * MON-FRI *)` or `rate(5 minutes)`, and a zone.  What goes out: the next moment after any other.
Why it is shaped so: the emulator reads every expression as if it were in UTC, so a session of New York would be called at night.
A wall time that a clock change leaves out is not called, and one that comes twice is called the first time only.  What the
templates here do not use (L, W, #) is refused when a schedule is read, never passed over.

Source: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler", daylight saving time included.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from stratofold.errors import Setup
from stratofold.market.zones import SECOND_NS, at_wall, local

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_WEEKDAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_LAST_YEAR = 2199
_REPEATED_MINUTES = 60  # that a wall clock may show twice


class Rate(NamedTuple):
    """Every so many seconds from a moment on, in seconds UTC."""

    seconds: int
    begin: float

    def after(self, moment: float) -> float | None:
        """The first moment after another."""
        return self.begin + self.seconds * (max(0.0, moment - self.begin) // self.seconds + 1)


class Cron(NamedTuple):
    """Minutes of the day, in their order, on days that four fields allow, by a zone's wall clock."""

    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    zone: str

    def after(self, moment: float) -> float | None:
        """The first moment (seconds UTC) after another; None when there is none any more."""
        wall = local(int(moment * SECOND_NS), self.zone)
        day, least = wall.date(), wall.hour * 60 + wall.minute - _REPEATED_MINUTES
        while day.year <= max(self.years):
            if self._has(day):
                found = next((at for at in self._moments(day, least) if at > moment), None)
                if found is not None:
                    return found
            day, least = day + timedelta(days=1), 0
        return None

    def _has(self, day: date) -> bool:
        """Whether something is called on a day."""
        of_week = day.isoweekday() % 7 + 1
        return day.year in self.years and day.month in self.months and day.day in self.days and of_week in self.weekdays

    def _moments(self, day: date, least: int) -> Iterable[float]:
        """The moments of a day from a minute of its wall clock on, without those that a clock change leaves out."""
        for minute in self.minutes[bisect_left(self.minutes, least) :]:
            at = at_wall(day, minute, self.zone)
            wall = local(at, self.zone)
            if wall.hour * 60 + wall.minute == minute:
                yield at / SECOND_NS


def when(expression: str, zone: str, begin: float) -> Cron | Rate:
    """An expression, read; a rate counts from `begin`.  Raises Setup SF775 for one that is not understood."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return Rate(int(rate[1]) * _UNITS[rate[2]], begin)
    fields = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
    if fields is None:
        raise unknown(expression)
    try:
        minutes, hours = _numbers(fields[1], 0, 59), _numbers(fields[2], 0, 23)
        return Cron(
            tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)),
            _numbers(fields[3], 1, 31),
            _numbers(fields[4], 1, 12, _MONTHS),
            _numbers(fields[5], 1, 7, _WEEKDAYS),
            _numbers(fields[6], 1970, _LAST_YEAR),
            zone,
        )
    except ValueError as error:
        raise unknown(expression) from error


def unknown(what: str) -> Setup:
    """A schedule that is not understood here."""
    return Setup(
        "SF775", f"a schedule is not known here: {what}", fix="use minutes, hours and days; a function is called"
    )


def _numbers(field: str, least: int, most: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of a field: lists of numbers, ranges, and steps; raises ValueError."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, high = _bounds(span, least, most, names or {}, stepped=bool(step))
        found |= set(range(low, high + 1, int(step or 1)))
    if not found or min(found) < least or max(found) > most:
        raise ValueError(field)
    return frozenset(found)


def _bounds(span: str, least: int, most: int, names: dict[str, int], *, stepped: bool) -> tuple[int, int]:
    """The first and the last value of a part of a field."""
    if span in {"*", "?"}:
        return least, most
    first, dash, last = span.partition("-")
    low = names.get(first) or int(first)
    if dash:
        return low, names.get(last) or int(last)
    return low, most if stepped else low
