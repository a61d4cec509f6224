"""Schedules on this machine call at the scheduler's moments: in their zone, through both clock changes, over a year of sessions."""

from datetime import UTC, datetime

import pytest

from stratofold.cloud.clock import ZONE, every_five, once_a_session, sessions
from stratofold.cloud.local.cron import Rate, when
from stratofold.errors import Setup
from tests.unit.cloud.test_clock import FIRST, LAST, moments


def seconds(*moment):
    return datetime(*moment, tzinfo=UTC).timestamp()


def called(expression, begin, end, zone=ZONE):
    """Every moment of a stretch at which an expression calls."""
    found, at = [], begin
    cron = when(expression, zone, begin)
    while (at := cron.after(at)) is not None and at <= end:
        found.append(at)
    return found


def test_a_year_of_sessions_is_called_at_the_moments_that_another_reader_of_cron_finds():
    hours = sessions(FIRST, LAST)
    begin, end = seconds(2025, 12, 31), seconds(2027, 1, 2)
    month = [one for one in every_five(hours) if " 11 ? " in one]  # a holiday, a half day, and the clocks go back
    for expression in [*month, *once_a_session(hours, before_open=5), *once_a_session(hours, after_close=10)]:
        assert called(expression, begin, end) == sorted(one.timestamp() for one in moments(expression))
    assert sum(len(moments(one)) for one in month) == 19 * 78 + 42


@pytest.mark.parametrize(
    ("expression", "begin", "end", "moments_utc"),
    [
        # a wall time that is left out is not called, and one that comes twice is called once
        ("cron(30 2 ? * * *)", (2026, 3, 7), (2026, 3, 10), ["03-07 07:30", "03-09 06:30"]),
        ("cron(30 1 ? * * *)", (2026, 10, 31, 12), (2026, 11, 3), ["11-01 05:30", "11-02 06:30"]),
        ("cron(35/10 9 ? * MON-FRI *)", (2026, 11, 20), (2026, 11, 24), ["11-20 14:35", "11-20 14:45", "11-20 14:55",
                                                                         "11-23 14:35", "11-23 14:45", "11-23 14:55"]),
        ("cron(0 12 1,15 JAN ? 2027)", (2026, 1, 1), (2028, 1, 1), ["01-01 17:00", "01-15 17:00"]),
        ("cron(10 0 * * ? *)", (2026, 11, 20), (2026, 11, 21), ["11-20 05:10"]),
        ("cron(0 0 ? * SUN *)", (2026, 11, 20), (2026, 11, 28), ["11-22 05:00"]),
    ],
)  # fmt: skip
def test_moments_by_hand(expression, begin, end, moments_utc):
    found = called(expression, seconds(*begin), seconds(*end))
    assert [datetime.fromtimestamp(one, UTC).strftime("%m-%d %H:%M") for one in found] == moments_utc


def test_a_schedule_of_a_year_that_is_over_calls_no_more():
    assert when("cron(0 12 1 1 ? 2025)", ZONE, 0.0).after(seconds(2026, 1, 1)) is None


def test_a_rate_counts_from_when_it_was_taken_up():
    begin = seconds(2026, 11, 21, 3, 1)
    assert when("rate(5 minutes)", ZONE, begin) == Rate(300, begin)
    assert [one - begin for one in called("rate(1 hour)", begin, begin + 7_300.0)] == [3_600.0, 7_200.0]


def test_another_zone_is_another_moment():
    (found,) = called("cron(30 9 23 11 ? 2026)", seconds(2026, 11, 1), seconds(2026, 12, 1), "Asia/Tokyo")
    assert datetime.fromtimestamp(found, UTC) == datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["cron(0 0 L * ? *)", "cron(0 0 ? * 6#3 *)", "cron(0 0 15W * ? *)", "cron(60 0 * * ? *)", "cron(0 24 * * ? *)",
     "cron(0 0 * * ?)", "cron(5-1 0 * * ? *)", "cron(0 0 * * ? 1969)", "at(2026-11-20T13:00:00)", "rate(5 weeks)", ""],
)  # fmt: skip
def test_what_is_not_understood_is_refused(expression):
    with pytest.raises(Setup, match="a schedule is not known here") as caught:
        when(expression, ZONE, 0.0)
    assert caught.value.code == "SF775"
