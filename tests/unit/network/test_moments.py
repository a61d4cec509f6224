"""Times on the wire, to the nanosecond."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.network.moments import day_of, nanoseconds_of, text_of

NOON = 1_704_196_800 * 10**9

READ = [
    ("2024-01-02T12:00:00Z", NOON),
    ("2024-01-02T12:00:00.5Z", NOON + 500_000_000),
    ("2024-01-02T12:00:00.000000001Z", NOON + 1),
    ("2024-01-02T12:00:00.0000000019Z", NOON + 1),
    ("2024-01-02T07:00:00-05:00", NOON),
    ("2024-01-02T17:30:00.25+05:30", NOON + 250_000_000),
    ("1969-12-31T23:59:59.999999999Z", -1),
]


@pytest.mark.parametrize(("text", "time"), READ)
def test_a_time_is_read(text, time):
    assert nanoseconds_of(text) == time


NONE = ["", "2024-01-02", "2024-01-02T12:00:00", "2024-01-02T12:00:00.Z", "2024-01-02T12:00:00.xZ", "2024-01-02T12:00:00 Z", "2024-13-02T12:00:00Z", "2024-01-02T12:00:00Zulu", "2024-01-02T12:00:00+", "yesterday"]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=r"time|month|isoformat|offset"):
        nanoseconds_of(text)


@given(st.integers(-(2**61), 2**61))
def test_what_is_written_is_read(time):
    assert nanoseconds_of(text_of(time)) == time


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - the zone is added below
def test_it_agrees_with_datetime(moment):
    aware = moment.replace(tzinfo=UTC)
    assert (
        nanoseconds_of(aware.isoformat()) // 1_000
        == int(aware.replace(microsecond=0).timestamp()) * 10**6 + moment.microsecond
    )
    assert day_of(nanoseconds_of(aware.isoformat())) == f"{moment:%Y-%m-%d}"
