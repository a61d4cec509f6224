"""The clock of a stack against the session table: every moment of a year, and none outside it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest

from stratofold.cloud.clock import ZONE, every_five, once_a_session, sessions, with_sessions
from stratofold.cloud.deploy import template_text

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
NEW_YORK = ZoneInfo(ZONE)


def numbers(field, least, most):
    """The values of one field of a cron expression."""
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in {"*", "?"}:
            low, high = least, most
        elif step:
            low, high = int(span), most
        else:
            low, _, high = span.partition("-")
            low, high = int(low), int(high or low)
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def moments(expression):
    """Every wall-clock moment of a cron expression that names its year and days."""
    minutes, hours, days, months, weekday, years = expression.removeprefix("cron(").removesuffix(")").split()
    assert weekday == "?"
    return [
        datetime(year, month, day, hour, minute, tzinfo=NEW_YORK)
        for year in numbers(years, 1970, 2199)
        for month in numbers(months, 1, 12)
        for day in numbers(days, 1, 31)
        for hour in numbers(hours, 0, 23)
        for minute in numbers(minutes, 0, 59)
    ]


@pytest.fixture(scope="module")
def oracle():
    """Opening and close of each session of 2026, from another source than our table."""
    found = exchange_calendars.get_calendar("XNYS", start="2025-12-01", end="2027-01-31").schedule.loc["2026"]
    return {
        day.date(): (row.open.tz_convert(NEW_YORK).to_pydatetime(), row.close.tz_convert(NEW_YORK).to_pydatetime())
        for day, row in found.iterrows()
    }


@pytest.fixture(scope="module")
def fives():
    found = {}
    for expression in every_five(sessions(FIRST, LAST)):
        for moment in moments(expression):
            found.setdefault(moment.date(), []).append(moment)
    return found


def test_every_moment_is_in_its_session_and_no_other_day_has_one(fives, oracle):
    assert set(fives) == set(oracle)
    for day, (opens, closes) in oracle.items():
        wanted = [opens + timedelta(minutes=5 * k) for k in range(1, int((closes - opens) / timedelta(minutes=5)) + 1)]
        assert sorted(fives[day]) == wanted


@pytest.mark.parametrize(
    ("day", "count"),
    [
        (date(2026, 6, 1), 78),  # a regular day
        (date(2026, 3, 6), 78),  # before the clocks go forward
        (date(2026, 3, 9), 78),  # after
        (date(2026, 10, 30), 78),  # before they go back
        (date(2026, 11, 2), 78),
        (date(2026, 11, 27), 42),  # the day after Thanksgiving
        (date(2026, 12, 24), 42),
        (date(2026, 11, 26), 0),
        (date(2026, 7, 3), 0),  # Independence Day, observed
        (date(2026, 6, 6), 0),  # a Saturday
    ],
)
def test_how_often_a_day_is_run(fives, day, count):
    assert len(fives.get(day, [])) == count


def test_the_zone_moves_the_moments_in_utc_and_not_on_the_wall(fives):
    before, after = min(fives[date(2026, 3, 6)]), min(fives[date(2026, 3, 9)])
    assert (before.hour, before.minute) == (after.hour, after.minute) == (9, 35)
    assert before.utcoffset() - after.utcoffset() == timedelta(hours=-1)


def test_the_end_of_the_day_is_some_minutes_after_each_close(oracle):
    found = {m.date(): m for one in once_a_session(sessions(FIRST, LAST), after_close=10) for m in moments(one)}
    assert found == {day: closes + timedelta(minutes=10) for day, (_, closes) in oracle.items()}


def test_functions_are_warmed_some_minutes_before_each_opening(oracle):
    found = {m.date(): m for one in once_a_session(sessions(FIRST, LAST), before_open=5) for m in moments(one)}
    assert found == {day: opens - timedelta(minutes=5) for day, (opens, _) in oracle.items()}


def test_two_templates_of_one_month_have_the_same_clock():
    text = template_text()
    first, later = datetime(2026, 11, 2, tzinfo=NEW_YORK), datetime(2026, 11, 29, tzinfo=NEW_YORK)
    assert with_sessions(text, int(first.timestamp())) == with_sessions(text, int(later.timestamp()))
    assert "Weekdays" not in with_sessions(text, int(first.timestamp()))
