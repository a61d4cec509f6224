"""The clock of a stack against the session table: every moment of a year, and none outside it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest
import yaml

from stratofold.cloud.clock import (
    ZONE,
    Hours,
    before_close,
    every_five,
    once_a_session,
    provisioned,
    sessions,
    with_sessions,
)
from stratofold.cloud.deploy import template_text
from tests.cloud_template import Loader, loaded

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


@pytest.mark.parametrize("minutes", [1, 2, 14])
def test_the_last_look_is_some_minutes_before_each_close(oracle, minutes):
    found = [
        moment
        for one in before_close(sessions(FIRST, LAST))
        for moment in moments(one.replace("${Minute}", minute_of(minutes)))
    ]
    assert sorted(found) == [closes - timedelta(minutes=minutes) for _, closes in oracle.values()]


def minute_of(minutes):
    """As the template's table says."""
    return loaded()["Mappings"]["MinuteBeforeClose"][str(minutes)]["Minute"]


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (date(2026, 3, 6), "20:58"),  # before the clocks go forward
        (date(2026, 3, 9), "19:58"),
        (date(2026, 10, 30), "19:58"),  # before they go back
        (date(2026, 11, 2), "20:58"),
        (date(2026, 11, 27), "17:58"),  # half days
        (date(2026, 12, 24), "17:58"),
        (date(2026, 11, 26), None),
    ],
)
def test_the_last_look_of_a_day_in_utc(day, utc):
    found = [
        moment.astimezone(UTC).strftime("%H:%M")
        for one in before_close(sessions(FIRST, LAST))
        for moment in moments(one.replace("${Minute}", minute_of(2)))
        if moment.date() == day
    ]
    assert found == ([utc] if utc else [])


def test_a_close_within_an_hour_has_no_place_in_the_table():
    with pytest.raises(ValueError, match="15:30"):
        before_close([Hours(date(2026, 6, 1), 570, 930)])


def test_every_number_of_minutes_that_may_be_asked_for_is_in_the_table():
    allowed = loaded()["Parameters"]["CloseMinutes"]["AllowedValues"]
    assert {str(one) for one in allowed} == set(loaded()["Mappings"]["MinuteBeforeClose"])
    assert all(minute_of(one) == str(60 - one) for one in allowed if one)
    assert not [one for one in allowed if one and one % 5 == 0]  # there is a run already


def test_environments_are_kept_warm_in_sessions_and_on_no_holiday(oracle):
    rows = yaml.load(provisioned(sessions(FIRST, LAST)), Loader)  # noqa: S506 -- a safe loader with more tags
    up, down = (
        {
            moment.date(): moment
            for one in rows
            if one["ScalableTargetAction"]["MaxCapacity"] == count
            for moment in moments(one["Schedule"])
        }
        for count in ({"Ref": "ProvisionedDecides"}, 0)
    )
    assert up == {day: opens - timedelta(minutes=15) for day, (opens, _) in oracle.items()}
    assert down == {day: closes + timedelta(minutes=15) for day, (_, closes) in oracle.items()}
    assert len({one["ScheduledActionName"] for one in rows}) == len(rows) < 200  # AWS takes no more


def test_functions_are_warmed_some_minutes_before_each_opening(oracle):
    found = {m.date(): m for one in once_a_session(sessions(FIRST, LAST), before_open=5) for m in moments(one)}
    assert found == {day: opens - timedelta(minutes=5) for day, (opens, _) in oracle.items()}


def test_two_templates_of_one_month_have_the_same_clock():
    text = template_text()
    first, later = datetime(2026, 11, 2, tzinfo=NEW_YORK), datetime(2026, 11, 29, tzinfo=NEW_YORK)
    assert with_sessions(text, int(first.timestamp())) == with_sessions(text, int(later.timestamp()))
    assert "Weekdays" not in with_sessions(text, int(first.timestamp()))
    assert "MON-FRI" not in with_sessions(text, int(first.timestamp()))
