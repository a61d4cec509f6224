"""When each bar is complete: starts and dates become closes, and the calendar that they keep is found.

What comes in: times as they were read, and what the user stated about calendar, span and stamps.
What goes out: the close of every bar in nanoseconds UTC, the span of a bar, the calendar around them.
Why it is shaped so: a bar taken for complete before it was is look-ahead, the costliest mistake of a backtest; so what a
stamp means is decided in this one place and noted.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.market.data import moment_text
from stratofold.market.sessions import CALENDARS, DAY_NS, EPOCH_ORDINAL, MINUTE_NS, TABLES, Calendar, calendar

if TYPE_CHECKING:
    from array import array

    from stratofold.market.data import Ints
    from stratofold.market.times import Times

_HOUR_NS = 60 * MINUTE_NS
_SAMPLE = 20_000  # rows that decide on a span or a calendar; more would cost more and say the same
_LONG_BAR_DAYS = 5  # from here on a date may be a bar's first day as well as its last
_WEEKEND_SHARE_MIN = 0.05  # always-open markets have two days in seven at weekends; less is a mistake in the data


class Clock(NamedTuple):
    """What the user stated: calendar or "auto", span or None, stamps or "auto"."""

    calendar: str
    span_ns: int | None
    stamped: str


class Closed(NamedTuple):
    """The closes of each table, how long a bar lasts, and the calendar around them."""

    times: list[Ints]
    span_ns: int
    calendar: Calendar


Read = tuple[str, "Times", "Ints"]  # source, times, and each row's symbol (or a single number)


def settle(parts: list[Read], clock: Clock, notes: list[str]) -> Closed:
    """Closing times of all tables; raises Setup where a stamp could mean two things or no session holds it."""
    if clock.calendar not in ("auto", *CALENDARS):
        calendar(clock.calendar)  # raises, with the nearest name
    days = {times.days for _, times, _ in parts}
    if len(days) > 1:
        daily, intraday = (next(source for source, times, _ in parts if times.days == kind) for kind in (True, False))
        raise Setup(
            "SF250",
            "some tables hold days and some hold times",
            place=f"{daily} and {intraday}",
            fix="read one kind of bar at a time",
        )
    spans = [span for part in parts if (span := _frequent_gap(part))]
    if days == {True}:
        stated = clock.span_ns // DAY_NS if clock.span_ns else 0
        return _settle_days(parts, clock, stated or min(spans, default=1), notes)
    return _settle_instants(parts, clock, min(spans, default=0), notes)


def _frequent_gap(part: Read) -> int:
    """The most frequent gap between bars of one symbol, the smallest if several are; 0 if no symbol has two bars."""
    _, times, code = part
    some = times.values[:_SAMPLE]
    if len(code) == 1:
        gaps = some[1:] - some[:-1]
    else:
        order = np.argsort(code[:_SAMPLE], kind="stable")
        one_symbol = np.diff(code[order]) == 0
        gaps = np.diff(some[order])[one_symbol]
    if len(gaps) and (least := gaps.min()) > 0 and 2 * np.count_nonzero(gaps == least) >= len(gaps):
        return int(least)
    gaps = np.abs(gaps[gaps != 0])
    if len(gaps) == 0:
        return 0
    distinct, counts = np.unique(gaps, return_counts=True)
    return int(distinct[counts.argmax()])


def _settle_days(parts: list[Read], clock: Clock, step: int, notes: list[str]) -> Closed:
    """Dates stand for their sessions, and a bar is complete at its session's close."""
    if step >= _LONG_BAR_DAYS:
        return _settle_long(parts, clock, step, notes)
    whole = calendar("XNYS" if clock.calendar == "auto" else clock.calendar)
    places = [_places(times.values, whole) for _, times, _ in parts]
    if clock.calendar == "auto" and not all((own >= 0).all() for own in places):
        whole = calendar(_calendar_of_strangers(parts, places, notes))
        places = [_places(times.values, whole) for _, times, _ in parts]
    closes = [_closes_at(part, own, whole) for part, own in zip(parts, places, strict=True)]
    return _closed(closes, clock.span_ns or step * DAY_NS, whole)


def _calendar_of_strangers(parts: list[Read], places: list[Ints], notes: list[str]) -> str:
    """Where some dates are no sessions of XNYS: 24/7 if there are weekends, else every weekday."""
    weekends = sum(int(np.count_nonzero((times.values + 6) % 7 >= 5)) for _, times, _ in parts)
    if weekends:
        _refuse_odd_weekends(parts, weekends)
        return "24/7"
    strangers = [times.values[own < 0] for (_, times, _), own in zip(parts, places, strict=True)]
    source, odd = next((part[0], odd) for part, odd in zip(parts, strangers, strict=True) if len(odd))
    count = sum(len(odd) for odd in strangers)
    notes.append(f"calendar 24/5: {_date_text(odd[0])} in {source} is no session of XNYS ({count:,} such rows)")
    return "24/5"


def _places(days: Ints, whole: Calendar) -> Ints:
    """The index of each date's session, -1 where there is none."""
    first, place_of_day = _place_of_day(whole)
    return place_of_day.take(days - first, mode="clip")


@lru_cache(maxsize=8)
def _place_of_day(whole: Calendar) -> tuple[int, Ints]:
    """The session's index for every day of a calendar and one more on each side, so that a clipped look-up misses."""
    first = whole.days[0] - 1
    places = np.full(whole.days[-1] - first + 2, -1, np.int64)
    places[_view(whole.days) - first] = np.arange(len(whole))
    return first, places


def _refuse_odd_weekends(parts: list[Read], weekends: int) -> None:
    """A few weekend rows among weekdays are a mistake, not a market that never closes."""
    total = sum(len(times.values) for _, times, _ in parts)
    if weekends >= _WEEKEND_SHARE_MIN * total:
        return
    for source, times, _ in parts:
        rows = np.flatnonzero((times.values + 6) % 7 >= 5)
        if len(rows):
            odd = date.fromordinal(int(times.values[rows[0]]))
            raise Setup(
                "SF251",
                f"{weekends} of {total:,} bars are of a weekend: {odd:%A %Y-%m-%d}",
                place=f"{source}, row {int(rows[0])}",
                why="a market that never closes has two such days in seven, any other none",
                fix='drop them, or say calendar="24/7"',
            )


def _closes_at(part: Read, places: Ints, whole: Calendar) -> Ints:
    """The closes of the sessions found; raises Setup for a date without one."""
    if (places >= 0).all():
        return _view(whole.closes)[places]
    source, times, _ = part
    row = int((places < 0).argmax())
    raise Setup(
        "SF252",
        f"{_date_text(times.values[row])} is no session of {whole.name}",
        place=f"{source}, row {row}",
        why=f"{whole.name} is known from {_date_text(whole.days[0])} to {_date_text(whole.days[-1])}, without holidays",
        fix='drop the row, or say calendar="24/5" (any weekday) or "24/7" (any day)',
    )


def _settle_long(parts: list[Read], clock: Clock, step: int, notes: list[str]) -> Closed:
    """Bars of a week or more: a date is the last day or the first one, and only the user can know which."""
    if clock.stamped == "auto":
        raise Setup(
            "SF253",
            f"bars of {step} days: is their date the first day or the last?",
            place=parts[0][0],
            why="taking the first for the last is a look-ahead of a whole bar",
            fix='say stamped="start" or stamped="close"',
        )
    whole = calendar("XNYS" if clock.calendar == "auto" else clock.calendar)
    closes = []
    for source, times, code in parts:
        if len(code) > 1 and clock.stamped == "start":
            raise Setup(
                "SF254",
                "long bars with first days in one table of several symbols",
                place=source,
                fix="give one table a symbol",
            )
        last_days = times.values
        if clock.stamped == "start":
            last_days = np.append(last_days[1:], last_days[-1] + step) - 1
        places = _view(whole.days).searchsorted(last_days, side="right") - 1
        closes.append(_view(whole.closes)[np.maximum(places, 0)])
    notes.append(f"bars of {step} days end with the last session on or before their last day")
    return _closed(closes, clock.span_ns or step * DAY_NS, whole)


def _settle_instants(parts: list[Read], clock: Clock, gap: int, notes: list[str]) -> Closed:
    """Times with hours: starts are moved by the span, closes stay."""
    span = clock.span_ns or gap
    if span <= 0:
        raise Setup("SF255", "one bar does not say how long it lasts", place=parts[0][0], fix='say span="1min"')
    stamped = clock.stamped if clock.stamped != "auto" else _stamp(parts, span, notes)
    if stamped == "session":
        dates = [
            (source, times._replace(values=times.values // DAY_NS + EPOCH_ORDINAL, days=True), code)
            for source, times, code in parts
        ]
        return _settle_days(dates, clock, 1, notes)
    closes = [times.values + span if stamped == "start" else times.values for _, times, _ in parts]
    name = _calendar_of_instants(closes, span) if clock.calendar == "auto" else clock.calendar
    whole = calendar(name)
    if name in TABLES:
        name = _inside(parts, closes, whole, clock, notes)
        whole = calendar(name)
    return _closed(closes, span, whole)


def _stamp(parts: list[Read], span: int, notes: list[str]) -> str:
    """What stamps mean where nobody said: intraday the start; for daily bars what the exchange's sessions show."""
    if span < DAY_NS:
        notes.append(f"times taken as starts of bars of {_span_text(span)}, moved to their closes")
        return "start"
    whole = calendar("XNYS")
    for column, meaning in ((whole.closes, "close"), (whole.opens, "session")):
        known = _view(column)
        if all(
            (known[np.minimum(known.searchsorted(times.values), len(known) - 1)] == times.values).all()
            for _, times, _ in parts
        ):
            notes.append(f"daily times are the {'closes' if meaning == 'close' else 'opens'} of XNYS sessions")
            return meaning
    raise Setup(
        "SF253",
        "daily bars with a time of day: is it their start or their close?",
        place=f"{parts[0][0]}, {moment_text(int(parts[0][1].values[0]))}",
        why="taking a start for a close is a look-ahead of a whole bar",
        fix='say stamped="start" or stamped="close", or give dates',
    )


def _calendar_of_instants(closes: list[Ints], span: int) -> str:
    """Bars between 02:00 and 08:00 UTC are of no American stock; with weekends they are of a market that never closes."""
    sample = np.concatenate([column[:: len(column) // _SAMPLE | 1] for column in closes]) - span
    hour = sample % DAY_NS // _HOUR_NS
    if not ((hour >= 2) & (hour < 8)).any():
        return "XNYS"
    hour_of_week = (sample // _HOUR_NS + 72) % 168  # 1970-01-01 was a Thursday: hour 0 is Monday's midnight
    weekend = ((hour_of_week >= 126) & (hour_of_week < 164)).any()
    no_whole_week = int(sample.max()) - int(sample.min()) < 7 * DAY_NS
    return "24/7" if weekend or no_whole_week else "24/5"


def _inside(parts: list[Read], closes: list[Ints], whole: Calendar, clock: Clock, notes: list[str]) -> str:
    """Note the bars outside regular sessions; data beyond the table fall back to weekdays, or are an error if asked for."""
    low, high = min(int(column.min()) for column in closes), max(int(column.max()) for column in closes)
    if low <= whole.opens[0] or high > whole.closes[-1]:
        if clock.calendar != "auto":
            first, last = date.fromordinal(whole.days[0]), date.fromordinal(whole.days[-1])
            raise Setup(
                "SF252",
                f"{whole.name} is known from {first} to {last}",
                place=parts[0][0],
                fix='ask for less, or say calendar="24/5"',
            )
        notes.append(f"calendar 24/5: the data reach beyond the sessions known of {whole.name}")
        return "24/5"
    some = whole.slice(low, high)
    session_closes, session_opens = _view(some.closes), _view(some.opens)
    outside = sum(
        _outside(column, session_opens, session_closes, len(code) == 1)
        for column, (_, _, code) in zip(closes, parts, strict=True)
    )
    if outside:
        notes.append(f"{outside:,} bars are outside regular sessions; they belong to the next one")
    return whole.name


def _outside(column: Ints, opens: Ints, closes: Ints, ascending: bool) -> int:
    """How many bars close outside every session; few sessions are looked up among many bars where times ascend."""
    if ascending:
        return len(column) - int(
            (column.searchsorted(closes, side="right") - column.searchsorted(opens, side="right")).sum()
        )
    return int(np.count_nonzero(column <= opens[np.minimum(closes.searchsorted(column), len(opens) - 1)]))


def _closed(closes: list[Ints], span: int, whole: Calendar) -> Closed:
    low, high = min(int(column.min()) for column in closes), max(int(column.max()) for column in closes)
    return Closed(closes, span, whole.slice(low - span, high))


def _view(column: array[int]) -> Ints:
    """An `array('q')` as NumPy sees it, without a copy."""
    return np.frombuffer(column, np.int64)


def _date_text(day: int) -> str:
    """An ordinal as a date; beyond the years a date can have, as it is."""
    return str(date.fromordinal(int(day))) if 1 <= day <= date.max.toordinal() else f"day {day}"


def _span_text(span: int) -> str:
    """A span in its largest whole unit."""
    for size, name in ((DAY_NS, "day"), (_HOUR_NS, "hour"), (MINUTE_NS, "minute"), (1_000_000_000, "second")):
        if span % size == 0:
            return f"{span // size} {name}{'s' if span > size else ''}"
    return f"{span} ns"
