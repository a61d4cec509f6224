"""Wall times and UTC: the two nights of the year that everything gets wrong, and names that are none."""

from datetime import UTC, date, datetime

import pytest

from stratofold.errors import Setup
from stratofold.market.zones import NEW_YORK, at_wall, local, midnight, time_zone, wall_clock


def utc(time):
    return f"{datetime.fromtimestamp(time // 1_000_000_000, UTC):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("day", "minutes", "expected"),
    [
        (date(2024, 3, 9), 570, "03-09 14:30"),  # winter
        (date(2024, 3, 11), 570, "03-11 13:30"),  # summer
        (date(2024, 3, 10), 150, "03-10 07:30"),  # 02:30 is not on this clock; by the time before the change
        (date(2024, 11, 3), 90, "11-03 05:30"),  # 01:30 comes twice; the earlier one
        (date(2024, 11, 3), 180, "11-03 08:00"),
    ],
)
def test_a_wall_time_of_new_york(day, minutes, expected):
    assert utc(at_wall(day, minutes, NEW_YORK)) == expected


def test_there_and_back():
    for day in (date(2024, 3, 10), date(2024, 11, 3), date(1969, 7, 20)):
        assert local(midnight(day, NEW_YORK), NEW_YORK).isoformat()[:19] == f"{day}T00:00:00"
    assert wall_clock(at_wall(date(2024, 7, 1), 570, "Asia/Tokyo"), "Europe/London") == "01:30"


@pytest.mark.parametrize("name", ["New York", "", "../etc/passwd", "America"])
def test_no_such_zone(name):
    with pytest.raises(Setup, match="SF214"):
        time_zone(name)
