"""Which session a time belongs to, and which close comes after it."""

from array import array

import pytest

from stratofold.events import Bar, Bars
from stratofold.fold.sessions import Sessions

FOREVER = 9223372036854775807
# open | close | weekday | month: a Friday, a Monday, and a half day in the next month
ROWS = ((100, 160, 4, 1), (400, 460, 0, 1), (500, 530, 1, 2))


def sessions():
    return Sessions(
        array("q", [row[0] for row in ROWS]),
        array("q", [row[1] for row in ROWS]),
        array("q", [730_000, 730_003, 730_004]),
        array("q", [row[2] for row in ROWS]),
        array("q", [row[3] for row in ROWS]),
    )


# A time belongs to the first session whose close is not before it: what comes after hours, to the next.
# time || session, its close
BELONGS = (
    (1, 0, 160), (100, 0, 160), (160, 0, 160), (161, 1, 460), (460, 1, 460), (461, 2, 530), (530, 2, 530),
    (531, 3, FOREVER),
)  # fmt: skip


@pytest.mark.parametrize(("time", "index", "close"), BELONGS)
def test_a_time_belongs_to_a_session(time, index, close):
    walked = sessions()
    walked.advance(time)
    assert (walked.index, walked.close) == (index, close)


def test_walking_is_the_same_as_jumping():
    walked = sessions()
    for time, index, close in BELONGS:
        walked.advance(time)
        assert (walked.index, walked.close) == (index, close)


# A day order decided at a close is alive until the next one.
# now | decided || the first close later
CLOSES = (
    (1, 1, 160),
    (100, 159, 160),
    (160, 160, 460),
    (161, 161, 460),
    (460, 460, 530),
    (530, 530, FOREVER),
    (600, 600, FOREVER),
)


@pytest.mark.parametrize(("now", "decided", "close"), CLOSES)
def test_the_close_after(now, decided, close):
    walked = sessions()
    walked.advance(now)
    assert walked.close_after(decided) == close


def test_bars_and_groups_carry_the_numbers():
    walked, bar, group = sessions(), Bar(), Bars(2)
    walked.advance(510)
    walked.stamp(bar)
    walked.stamp_group(group)
    for each in (bar, group):
        assert (each.session, each.session_open, each.session_close, each.weekday, each.month) == (2, 500, 530, 1, 2)
    bar.time, group.time = 529, 530
    assert (bar.last_of_session, group.last_of_session) == (False, True)


def test_minutes_of_a_session():
    bar, minute = Bar(), 60_000_000_000
    bar.session_open = 1_000 * minute
    for time, expected in ((1_000, 0), (1_005, 5), (999, -1)):
        bar.time = time * minute
        assert bar.minute_of_session == expected
    bar.time = 1_005 * minute + 59_000_000_000
    assert bar.minute_of_session == 5
