"""When a market is open: sessions of a calendar, and a strategy's schedule as times.

What comes in: a calendar's name; for a schedule also the range it is wanted for.
What goes out: a `Calendar` of plain `array('q')` columns, which the fold walks, and sorted times of timers.
Why it is shaped so: the fold may compute neither holidays nor time zones, so both are settled in a shipped table,
made by `scripts/build_session_table.py` from exchange-calendars.  The table is read with the standard library alone,
because the live path starts cold and NumPy is not there.

Shipped as tables to 2035, half days, lunch breaks and daylight saving included: `XNYS` and `XNAS` (one table, for their
sessions are the same), `CMES` (a session begins on the evening before its date) and `XLON`, all from 1990, and `XTKS` from
1997, which is as far back as exchange-calendars knows.  Computed: `24/7`, a session a UTC day, and `24/5`, one a UTC weekday.
"""

from __future__ import annotations

import json
import os
from array import array
from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate, compress, cycle
from typing import TYPE_CHECKING, Protocol

from stratofold.errors import Setup
from stratofold.fold.strategy import AT_CLOSE_OF_SESSION, AT_OPEN, EVERY, MONTH_END, MONTH_START, WEEK_START
from stratofold.market.zones import at_wall

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_NS = 86_400_000_000_000
MINUTE_NS = 60_000_000_000
EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()

# Whose table a calendar reads; NASDAQ keeps the sessions of the New York Stock Exchange.
TABLES = {"XNYS": "xnys", "XNAS": "xnys", "CMES": "cmes", "XLON": "xlon", "XTKS": "xtks"}
CALENDARS = (*TABLES, "24/7", "24/5")

# A schedule kind beside those of `fold.strategy`: a wall time of each session's date, in the entry's `zone`.
DAILY = 6

# Computed calendars reach past any data: 1970 to the end of 2049.
_COMPUTED_FIRST, _COMPUTED_LAST = date(1970, 1, 1).toordinal(), date(2049, 12, 31).toordinal()


class Entry(Protocol):
    """What `expand` reads of an entry of a strategy's schedule, a `fold.strategy.Schedule`."""

    @property
    def kind(self) -> int:
        """One of the schedule kinds."""

    @property
    def minutes(self) -> int:
        """An offset, or the period of `every`."""


class Calendar:
    """Sessions in order, as columns.

    `opens` and `closes` are nanoseconds UTC, `days` proleptic ordinals of the session's date (1 is 0001-01-01),
    `weekday` 0 on Monday, `month` 1 in January; `first` is the number of the first session here in the whole
    calendar, so that a slice keeps its sessions' numbers.  `pause` is the break for lunch, from and to (ns after the
    open; both 0 without one); `early` holds the numbers, in the whole calendar, of the sessions that close early.
    """

    def __init__(
        self,
        name: str,
        sessions_per_year: int,
        opens: array[int],
        closes: array[int],
        days: array[int],
        first: int = 0,
        pause: tuple[int, int] = (0, 0),
        early: frozenset[int] = frozenset(),
    ) -> None:
        """Columns of one length, sorted."""
        self.name = name
        self.sessions_per_year = sessions_per_year
        self.opens = opens
        self.closes = closes
        self.days = days
        self.first = first
        self.pause = pause
        self.early = early

    @cached_property
    def weekday(self) -> array[int]:
        """The weekday of each session's date."""
        return array("q", [(day + 6) % 7 for day in self.days])

    @cached_property
    def month(self) -> array[int]:
        """The month of each session's date."""
        if not self.days:
            return array("q")
        first = self.days[0]
        months = _months(first, self.days[-1])
        return array("q", [months[day - first] for day in self.days])

    def __len__(self) -> int:
        """Sessions here."""
        return len(self.days)

    def __repr__(self) -> str:
        """Name and range."""
        if not self.days:
            return f"Calendar({self.name}, empty)"
        return f"Calendar({self.name}, {date.fromordinal(self.days[0])} to {date.fromordinal(self.days[-1])}, {len(self)} sessions)"

    def slice(self, start: int, end: int, margin: int = 5) -> Calendar:
        """The sessions that hold the times `start` to `end` (ns UTC), and `margin` more on each side."""
        low = max(0, bisect_left(self.closes, start) - margin)
        high = min(len(self.closes), bisect_right(self.opens, end) + margin + 1)
        return _part(self, low, high)

    def session_of(self, time: int) -> int:
        """The index here of the session a time belongs to: the first that closes at it or later; `len` past the last."""
        return bisect_left(self.closes, time)

    def index_of(self, day: date) -> int:
        """The index here of the session of a date; -1 if there is none."""
        ordinal = day.toordinal()
        k = bisect_left(self.days, ordinal)
        return k if k < len(self.days) and self.days[k] == ordinal else -1

    def is_early(self, index: int) -> bool:
        """Whether the session of this index here closes early."""
        return self.first + index in self.early

    def holidays(self, start: date, end: date) -> list[date]:
        """The days from `start` to `end`, both included, on which the market is open in other weeks and is not in these."""
        open_weekdays = set(self.weekday)
        days = (start + timedelta(days=k) for k in range((end - start).days + 1))
        return [day for day in days if day.weekday() in open_weekdays and self.index_of(day) < 0]


@lru_cache(maxsize=8)
def calendar(name: str) -> Calendar:
    """The whole calendar of one of `CALENDARS`; raises Setup for another name."""
    if name in TABLES:
        # `pathlib` is two milliseconds of a function that starts cold, and nothing else there needs it.
        with open(f"{os.path.dirname(__file__)}/sessions_{TABLES[name]}.table", "rb") as file:  # noqa: PTH120, PTH123
            return _read_table(name, file.read())
    if name == "24/7":
        return _computed(name, 365, 7)
    if name == "24/5":
        return _computed(name, 261, 5)
    from difflib import get_close_matches  # few are told of a mistake

    near = get_close_matches(str(name).upper(), CALENDARS, n=1)
    raise Setup(
        "SF231",
        f"the calendar {name!r} is not known",
        fix=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(CALENDARS)}",
    )


@lru_cache(maxsize=64)
def _part(whole: Calendar, low: int, high: int) -> Calendar:
    """Sessions `low` to `high` of a calendar; remembered, because backtests ask for the same ones again and again."""
    columns = (whole.opens[low:high], whole.closes[low:high], whole.days[low:high])
    return Calendar(
        whole.name, whole.sessions_per_year, *columns, first=whole.first + low, pause=whole.pause, early=whole.early
    )


def _read_table(name: str, content: bytes) -> Calendar:
    """A shipped table: a line of JSON, then for each column one byte a session: which of its gaps led to it.

    The gaps of a column (from one session to the next) take a few dozen values, so a byte says which, and the whole
    column is one running sum, made by the interpreter's own loops: decoding 46 years takes two milliseconds.
    """
    cut = content.index(b"\n") + 1
    head = json.loads(content[:cut])
    count = head["sessions"]
    columns = []
    for number, column in enumerate(head["columns"]):
        gaps = [gap * column["unit"] for gap in column["gaps"]]
        steps = content[cut + number * (count - 1) : cut + (number + 1) * (count - 1)]
        columns.append(
            array("q", list(accumulate(map(gaps.__getitem__, steps), initial=column["first"] * column["unit"])))
        )
    days, opens, closes = columns
    start, end = (minutes * MINUTE_NS for minutes in head["pause"])
    early = frozenset(head["early"])
    return Calendar(name, head["sessions_per_year"], opens, closes, days, pause=(start, end), early=early)


def _computed(name: str, sessions_per_year: int, days_a_week: int) -> Calendar:
    """A session for each of the first `days_a_week` UTC days of every week, from midnight to midnight."""
    week = [(_COMPUTED_FIRST + k + 6) % 7 < days_a_week for k in range(7)]
    first = (_COMPUTED_FIRST - EPOCH_ORDINAL) * DAY_NS
    last = (_COMPUTED_LAST - EPOCH_ORDINAL) * DAY_NS
    days = array("q", list(compress(range(_COMPUTED_FIRST, _COMPUTED_LAST + 1), cycle(week))))
    opens = array("q", list(compress(range(first, last + 1, DAY_NS), cycle(week))))
    closes = array("q", list(compress(range(first + DAY_NS, last + DAY_NS + 1, DAY_NS), cycle(week))))
    return Calendar(name, sessions_per_year, opens, closes, days)


def _months(first_day: int, last_day: int) -> bytearray:
    """The month of every day of a range; month by month, because asking each date is ten times slower."""
    months = bytearray()
    day = first_day
    while day <= last_day:
        today = date.fromordinal(day)
        following = date(today.year + today.month // 12, today.month % 12 + 1, 1).toordinal()
        months.extend(bytes([today.month]) * (min(following, last_day + 1) - day))
        day = following
    return months


def expand(schedule: Entry, sessions: Calendar, start: int, end: int) -> array[int]:
    """The times (ns UTC, ascending) at which an entry of a schedule is due, `start` and `end` included.

    Offsets are minutes: of `AT_OPEN`, `MONTH_START` and `WEEK_START` from the open, of `AT_CLOSE_OF_SESSION` and `MONTH_END` from the
    close; `EVERY` is due each so many minutes after the open, the close included; `DAILY` at so many minutes after
    midnight of the session's date in the entry's `zone`.
    Whether a session is the first of its month or week needs the one before it, and the last of its month the one
    after: take a slice with margins, as `Calendar.slice` makes them.
    """
    return array("q", sorted({time for time in _due(schedule, sessions) if start <= time <= end}))


def _due(schedule: Entry, sessions: Calendar) -> Iterator[int]:
    """All times of an entry over all sessions given."""
    kind = schedule.kind
    offset = schedule.minutes * MINUTE_NS
    if kind == AT_OPEN:
        return (moment + offset for moment in sessions.opens)
    if kind == AT_CLOSE_OF_SESSION:
        return (moment + offset for moment in sessions.closes)
    if kind == EVERY:
        return _every(sessions, offset)
    if kind == MONTH_START:
        return (sessions.opens[k] + offset for k in _changes(sessions.month, sessions.first))
    if kind == WEEK_START:
        weeks = array("q", [(day - 1) // 7 for day in sessions.days])
        return (sessions.opens[k] + offset for k in _changes(weeks, sessions.first))
    if kind == MONTH_END:
        return (sessions.closes[k - 1] + offset for k in _changes(sessions.month, 1))
    if kind == DAILY:
        return _daily(sessions, schedule.minutes, getattr(schedule, "zone", "UTC"))
    raise Setup(
        "SF232", f"the schedule kind {kind!r} is not known", fix="use at_open, at_close, every, month_start, ..."
    )


def _changes(numbers: array[int], first: int) -> Iterator[int]:
    """Where a number differs from the one before; the very first session of a calendar begins everything."""
    if first == 0 and numbers:
        yield 0
    for k in range(1, len(numbers)):
        if numbers[k] != numbers[k - 1]:
            yield k


def _every(sessions: Calendar, step: int) -> Iterator[int]:
    """Each whole step after the open, up to the close."""
    if step <= 0:
        raise Setup("SF233", "every() needs at least one minute", fix="write every(minutes=5)")
    for open_, close in zip(sessions.opens, sessions.closes, strict=True):
        yield from range(open_ + step, close + 1, step)


def _daily(sessions: Calendar, minutes: int, zone: str) -> Iterator[int]:
    """A wall time of every session's date; in the hour that a clock change repeats, the earlier of the two."""
    return (at_wall(date.fromordinal(day), minutes, zone) for day in sessions.days)
