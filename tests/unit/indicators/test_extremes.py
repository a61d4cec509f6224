"""The largest and the smallest of a window are those of the window, to the bit, whatever is in it."""

from math import inf, isnan, nan

from hypothesis import given
from hypothesis import strategies as some

from stratofold import indicators
from stratofold.fold.indicators.ranks import Extreme

ZEROS = [0.0, -0.0, -1.0]
TIES = [*ZEROS, 1.0, inf, -inf, nan]
VALUES = some.sampled_from([ZEROS, TIES]).flatmap(
    lambda each: some.lists(some.sampled_from(each), min_size=20, max_size=40)
)


def largest(values, period):
    """By looking at all of them; of equal ones the newest, NaN where there is one or where there are too few."""
    window = values[-period:]
    if len(window) < period or any(map(isnan, window)):
        return nan
    return max(reversed(window))


@given(values=VALUES | some.lists(some.floats(), min_size=20, max_size=40), period=some.integers(1, 7))
def test_an_extreme_is_that_of_its_window(values, period):
    extreme, top, bottom = Extreme(period), indicators.MAX(period), indicators.MIN(period)
    assert not extreme.ready
    for count, value in enumerate(values, 1):
        seen = values[:count]
        wanted = largest(seen, period)
        assert repr(extreme.take(value)) == repr(top.update(value)) == repr(wanted)
        assert extreme.ready is (not isnan(wanted))
        assert repr(bottom.update(value)) == repr(-largest([-each for each in seen], period))
