"""The session table against exchange-calendars, and schedules against days worked out by hand."""

from array import array
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.errors import Setup
from stratofold.fold import strategy
from stratofold.market import sessions
from stratofold.market.sessions import Calendar, calendar, expand

MINUTE = sessions.MINUTE_NS


@dataclass
class Entry:
    kind: int
    minutes: int = 0
    zone: str = "UTC"


def moment(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def texts(times):
    return [f"{datetime.fromtimestamp(time // 1_000_000_000, UTC):%Y-%m-%d %H:%M}" for time in times]


PER_YEAR = {"XNYS": 252, "XNAS": 252, "CMES": 258, "XLON": 253, "XTKS": 245}
each_table = pytest.mark.parametrize("name", PER_YEAR)


@lru_cache
def oracle(name):
    source = pytest.importorskip("exchange_calendars", reason="exchange-calendars is a development dependency")
    return source.get_calendar(name, start="1997-01-01" if name == "XTKS" else "1990-01-01", end="2035-12-31")


@each_table
def test_every_session_of_the_table_is_the_oracles(name):
    ours, source = calendar(name), oracle(name)
    assert ours.name == name
    assert [date.fromordinal(day) for day in ours.days] == list(source.sessions.date)
    assert ours.opens.tolist() == [opens.value for opens in source.opens.dt.as_unit("ns")]
    assert ours.closes.tolist() == [closes.value for closes in source.closes.dt.as_unit("ns")]
    assert ours.weekday.tolist() == source.sessions.day_of_week.tolist()
    assert ours.month.tolist() == source.sessions.month.tolist()
    assert ours.sessions_per_year == PER_YEAR[name]


@each_table
def test_early_closes_breaks_and_holidays_are_the_oracles(name):
    ours, source = calendar(name), oracle(name)
    early = {day.date() for day in source.early_closes}
    assert {date.fromordinal(day) for k, day in enumerate(ours.days) if ours.is_early(k)} == early
    some = ours.slice(moment("2024-01-01"), moment("2024-12-31"))
    assert [some.is_early(k) for k in range(len(some))] == [date.fromordinal(day) in early for day in some.days]
    start, end = ours.pause
    if source.has_break:
        assert {(at - opens).value for at, opens in zip(source.break_starts, source.opens, strict=True)} == {start}
        assert {(at - opens).value for at, opens in zip(source.break_ends, source.opens, strict=True)} == {end}
    else:
        assert (start, end) == (0, 0)
    open_days = {day.date() for day in source.sessions}
    year = [date(2024, 1, 1) + timedelta(days=k) for k in range(366)]
    assert ours.holidays(year[0], year[-1]) == [day for day in year if day.weekday() < 5 and day not in open_days]


def test_a_calendar_that_never_closes_has_no_holidays():
    assert calendar("24/7").holidays(date(2024, 1, 1), date(2024, 12, 31)) == []


# date        | open UTC | close UTC
DAYS = """
  1990-01-02  | 14:30    | 21:00      the first day of the table
  2001-09-10  | 13:30    | 20:00
  2001-09-11  | -        | -          closed for four days
  2001-09-14  | -        | -
  2001-09-17  | 13:30    | 20:00
  2012-10-26  | 13:30    | 20:00
  2012-10-29  | -        | -          Hurricane Sandy
  2012-10-30  | -        | -
  2012-10-31  | 13:30    | 20:00
  2020-03-06  | 14:30    | 21:00      Friday before the clocks went forward
  2020-03-09  | 13:30    | 20:00
  2020-10-30  | 13:30    | 20:00      Friday before they went back
  2020-11-02  | 14:30    | 21:00
  2020-11-27  | 14:30    | 18:00      half day
  2021-06-18  | 13:30    | 20:00      Juneteenth was no holiday yet
  2022-06-20  | -        | -
  2024-07-03  | 13:30    | 17:00      half day in summer
  2025-01-09  | -        | -          mourning for President Carter
  2035-12-31  | 14:30    | 21:00      the last day of the table
"""


@pytest.mark.parametrize("row", [line for line in DAYS.splitlines() if line.strip()])
def test_day(row):
    day, opens, closes = (cell.split()[0] for cell in row.split("|"))
    whole = calendar("XNYS")
    k = whole.index_of(date.fromisoformat(day))
    if opens == "-":
        assert k == -1
    else:
        assert texts([whole.opens[k], whole.closes[k]]) == [f"{day} {opens}", f"{day} {closes}"]


def test_always_open_has_a_session_a_utc_day():
    whole = calendar("24/7")
    k = whole.index_of(date(2020, 2, 29))
    assert texts([whole.opens[k], whole.closes[k]]) == ["2020-02-29 00:00", "2020-03-01 00:00"]
    assert (whole.weekday[k], whole.month[k], whole.sessions_per_year) == (5, 2, 365)
    assert all(after == before for before, after in zip(whole.closes, whole.opens[1:], strict=False))


def test_weekdays_have_no_weekends():
    whole = calendar("24/5")
    assert set(whole.weekday) == {0, 1, 2, 3, 4}
    assert whole.index_of(date(2020, 1, 1)) >= 0
    assert whole.index_of(date(2020, 2, 29)) == -1


def test_unknown_calendar_names_the_nearest():
    with pytest.raises(Setup, match="did you mean 'XNYS'"):
        calendar("XNYSE")


@given(
    st.integers(min_value=0, max_value=11_000),
    st.integers(min_value=0, max_value=500),
    st.integers(min_value=0, max_value=9),
)
def test_a_slice_is_the_whole_with_fewer_sessions(first, count, margin):
    whole = calendar("XNYS")
    last = min(first + count, len(whole) - 1)
    part = whole.slice(whole.opens[first], whole.closes[last], margin)
    assert part.first == max(0, first - margin)
    span = slice(part.first, part.first + len(part))
    assert part.first + len(part) >= min(len(whole), last + 1 + margin)
    for name in ("opens", "closes", "days", "weekday", "month"):
        assert getattr(part, name) == getattr(whole, name)[span]


@given(st.integers(min_value=631_300_000, max_value=2_080_000_000))
def test_a_time_belongs_to_the_first_session_that_closes_at_it_or_later(seconds):
    whole = calendar("XNYS")
    time = seconds * 1_000_000_000
    k = whole.session_of(time)
    assert k == 0 or whole.closes[k - 1] < time
    assert k == len(whole) or time <= whole.closes[k]


# Hand-made: Thanksgiving week of 2020 (closed on Thursday, half day on Friday) into December, New York on winter time.
SCHEDULES = [
    ("five minutes before the close", Entry(strategy.AT_CLOSE_OF_SESSION, -5), "2020-11-25", "2020-11-28", ["2020-11-25 20:55", "2020-11-27 17:55"]),
    ("ten minutes after the open", Entry(strategy.AT_OPEN, 10), "2020-11-25", "2020-11-28", ["2020-11-25 14:40", "2020-11-27 14:40"]),
    ("first session of the month", Entry(strategy.MONTH_START), "2020-11-25", "2020-12-31", ["2020-12-01 14:30"]),
    ("half an hour into the month", Entry(strategy.MONTH_START, 30), "2020-10-25", "2020-12-31", ["2020-11-02 15:00", "2020-12-01 15:00"]),
    ("last session of the month", Entry(strategy.MONTH_END, -1), "2020-10-25", "2020-12-30", ["2020-10-30 19:59", "2020-11-30 20:59"]),
    ("first session of the week", Entry(strategy.WEEK_START), "2020-11-25", "2020-12-08", ["2020-11-30 14:30", "2020-12-07 14:30"]),
    ("a week that starts on a Tuesday", Entry(strategy.WEEK_START), "2020-09-05", "2020-09-12", ["2020-09-08 13:30"]),
    ("a wall time in New York", Entry(sessions.DAILY, 945, "America/New_York"), "2020-10-30", "2020-11-03", ["2020-10-30 19:45", "2020-11-02 20:45"]),
    ("every two hours within the session", Entry(strategy.EVERY, 120), "2020-11-27", "2020-11-28", ["2020-11-27 16:30"]),
    ("the close itself is due", Entry(strategy.EVERY, 105), "2020-11-27", "2020-11-28", ["2020-11-27 16:15", "2020-11-27 18:00"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "start", "end", "due"), [row[1:] for row in SCHEDULES], ids=[row[0] for row in SCHEDULES]
)
def test_schedule(entry, start, end, due):
    part = calendar("XNYS").slice(moment(start), moment(end))
    assert texts(expand(entry, part, moment(start), moment(end))) == due


def test_always_open_schedules_begin_at_midnight():
    whole = calendar("24/7")
    start, end = moment("2021-02-27"), moment("2021-03-02T12:00")
    part = whole.slice(start, end)
    assert texts(expand(Entry(strategy.MONTH_START), part, start, end)) == ["2021-03-01 00:00"]
    assert texts(expand(Entry(strategy.WEEK_START), part, start, end)) == ["2021-03-01 00:00"]
    assert len(expand(Entry(strategy.EVERY, 60), part, start, end)) == 24 * 3 + 12 + 1


@given(st.integers(min_value=1, max_value=400), st.integers(min_value=3000, max_value=11_000))
def test_every_stays_within_sessions_and_on_the_step(minutes, first):
    whole = calendar("XNYS")
    part = whole.slice(whole.opens[first], whole.closes[first + 3], 0)
    due = expand(Entry(strategy.EVERY, minutes), part, part.opens[0], part.closes[-1])
    for time in due:
        k = part.session_of(time)
        assert part.opens[k] < time <= part.closes[k]
        assert (time - part.opens[k]) % (minutes * MINUTE) == 0
    whole_steps = [(close - open_) // (minutes * MINUTE) for open_, close in zip(part.opens, part.closes, strict=True)]
    assert len(due) == sum(whole_steps)


@pytest.mark.parametrize("kind", range(7))
def test_a_schedule_cut_in_two_is_the_schedule(kind):
    whole = calendar("XNYS")
    start, cut, end = moment("2019-12-20"), moment("2020-02-03T15:00"), moment("2020-04-10")
    entry = Entry(kind, 30)
    both = [expand(entry, whole.slice(low, high), low, high) for low, high in ((start, cut), (cut + 1, end))]
    assert both[0] + both[1] == expand(entry, whole, start, end)


def test_bad_schedules_are_refused():
    with pytest.raises(Setup, match="at least one minute"):
        expand(Entry(strategy.EVERY, 0), calendar("XNYS").slice(0, 10**18), 0, 10**18)
    with pytest.raises(Setup, match="schedule kind"):
        expand(Entry(99), calendar("XNYS"), 0, 10**18)
    with pytest.raises(Setup, match="time zone 'Mars/Olympus' is not known"):
        expand(Entry(sessions.DAILY, 60, "Mars/Olympus"), calendar("XNYS"), 0, 10**18)


def test_an_empty_calendar_says_so():
    empty = Calendar("XNYS", 252, array("q"), array("q"), array("q"))
    assert repr(empty) == "Calendar(XNYS, empty)"
    assert empty.month == array("q")
    assert repr(calendar("XNYS")) == "Calendar(XNYS, 1990-01-02 to 2035-12-31, 11577 sessions)"
