"""The gates against counting by hand: every session of the calendar's edges, and any stream of messages."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as draw

from stratofold.events import Bar
from stratofold.fold.state import restore, save
from stratofold.live.risk.gates import InSession, StaleData
from stratofold.live.risk.hours import Hours
from stratofold.live.risk.verdict import Wish
from stratofold.live.risk.window import Window
from stratofold.market.sessions import calendar

WISH = Wish(0, 1, 0, +1, 0, 0, 1.0, float("nan"), float("nan"), False)
MINUTE_NS = 60_000_000_000


@pytest.fixture(scope="module")
def hours():
    """Every session of New York, 1990 to 2035: half days, clock changes, closures."""
    whole = calendar("XNYS")
    return Hours(whole.opens, whole.closes)


@pytest.mark.parametrize(("before_ns", "after_ns"), [(0, 0), (5 * MINUTE_NS, 15 * MINUTE_NS)])
def test_nothing_leaves_a_nanosecond_outside_any_session(hours, before_ns, after_ns):
    gate = InSession([hours], before_ns, after_ns, 0)
    for begin, end in zip(hours.opens, hours.closes, strict=True):
        edges = (begin - before_ns - 1, begin - before_ns, end + after_ns, end + after_ns + 1)
        assert [gate.verdict(now, WISH).allowed for now in edges] == [False, True, True, False]
        assert gate.open_until(0, begin) == gate.open_until(0, end + after_ns) == end + after_ns


def test_the_last_bar_of_a_session_is_fresh_until_so_long_after_the_next_open(hours):
    """No false stall over any night, weekend, holiday or clock change, and no blind eye after the open."""
    gate = StaleData([3 * MINUTE_NS], [hours])
    bar = Bar()
    for close, begin in zip(hours.closes[:-1], hours.opens[1:], strict=True):
        bar.time = close
        gate.hear(bar)
        ages = (close, begin, begin + 3 * MINUTE_NS, begin + 3 * MINUTE_NS + 1)
        assert [gate.verdict(now, WISH).allowed for now in ages] == [True, True, True, False]
        assert gate.fresh_until(0, begin + 60 * MINUTE_NS) == begin + 3 * MINUTE_NS


@given(
    draw.integers(1, 6),
    draw.lists(draw.tuples(draw.integers(0, 40), draw.booleans()), max_size=60),
    draw.integers(0, 60),
)
def test_no_stretch_holds_more_than_its_bound_whatever_comes(most, stream, restart):
    """Messages ask, cancels do not; all count; a restart in between forgets nothing."""
    window, now, sent = Window(most, 100), 0, []
    for place, (wait, cancels) in enumerate(stream):
        now += wait
        if place == restart:
            again = Window(most, 100)
            restore(again, save(window))
            window = again
        within = sum(now - moment < 100 for moment in sent)
        assert window.full(now) == (within >= most)
        if cancels or not window.full(now):
            window.add(now)
            sent.append(now)


@given(draw.lists(draw.integers(0, 50), min_size=2, max_size=12), draw.integers(0, 700), draw.integers(0, 300))
def test_open_time_is_counted_the_same_both_ways(gaps, start, duration):
    edges = array("q")
    for gap in gaps[: len(gaps) // 2 * 2]:
        edges.append((edges[-1] if edges else 0) + gap + 1)
    hours = Hours(edges[0::2], edges[1::2])
    inside = [
        any(low <= moment < high for low, high in zip(hours.opens, hours.closes, strict=True)) for moment in range(800)
    ]
    assert hours.open_between(start, 800) == sum(inside[start:])
    last = hours.after_open(start, duration)
    if last < 800:
        assert hours.open_between(start, last) <= duration < hours.open_between(start, last + 1)
