"""The arithmetic of what is usual, against the definitions, written out."""

import random
import statistics
from math import comb

import pytest

from stratofold.live.baseline import Drop, Spike, Unusual
from stratofold.live.silence import OpenTime, Silence
from stratofold.market.sessions import calendar

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def spike_by_definition(values):
    """What `Spike(floor=50)` says after the last of `values`, from the whole list."""
    recent, before = values[-5:], values[:-5][-200:]
    if len(recent) < 5 or len(before) < 30:
        return None
    seen, usual = statistics.median(recent), statistics.median(before)
    spread = 1.4826 * statistics.median(abs(one - usual) for one in before)
    return Unusual(seen, usual) if seen > max(50.0, 3.0 * usual, usual + 8.0 * spread) else None


def test_a_spike_is_what_the_definition_says():
    chance = random.Random(1)
    spike, values, found = Spike(floor=50.0), [], 0
    for k in range(1500):
        values.append(chance.lognormvariate(3.0, 0.8) * (20.0 if k % 400 > 380 else 1.0))
        answer = spike.add(values[-1])
        assert answer == spike_by_definition(values)
        found += answer is not None
    assert found > 20


def drop_by_definition(outcomes):
    """What `Drop(improbable=1e-6)` says after the last of `outcomes`, from the whole list."""
    for window in (8, 20, 50):
        kept = outcomes[-550:]
        before, lately = kept[:-window], kept[-window:]
        rate = (sum(before) + 1) / (len(before) + 2)
        chance = sum(comb(window, k) * rate**k * (1 - rate) ** (window - k) for k in range(sum(lately) + 1))
        if len(lately) == window and len(before) >= 30 and chance < 1e-6:
            return Unusual(sum(lately) / window, rate)
    return None


def test_a_drop_is_what_the_definition_says():
    chance = random.Random(2)
    drop, outcomes, found = Drop(improbable=1e-6), [], 0
    for k in range(1500):
        outcomes.append(chance.random() < (0.5 if k % 500 > 450 else 0.97))
        answer = drop.add(outcomes[-1])
        expected = drop_by_definition(outcomes)
        assert (answer is None) == (expected is None), k
        if answer is not None:
            assert answer == pytest.approx(expected)
            found += 1
    assert found > 20


@pytest.mark.parametrize(("successes", "found"), [(17, False), (16, True)])
def test_a_drop_to_more_than_a_share_of_the_usual_is_a_habit(successes, found):
    drop = Drop(improbable=1e-9, share=0.34, windows=(50,))
    answers = [drop.add(True) for _ in range(400)]
    answers += [drop.add(k < successes) for k in range(50)]
    assert (answers[-1] is not None) == found


def test_a_steady_rate_is_never_a_drop():
    chance = random.Random(3)
    drops = [Drop(improbable=1e-6) for _ in range(4)]
    for _ in range(5_000):
        for drop, rate in zip(drops, (0.999, 0.9, 0.5, 0.02), strict=True):
            assert drop.add(chance.random() < rate) is None


def test_one_slow_answer_is_no_spike_and_three_in_five_are():
    spike = Spike(floor=50.0)
    for _ in range(100):
        assert spike.add(40.0) is None
    answers = [spike.add(value) for value in (4_000.0, 40.0, 4_000.0, 40.0, 4_000.0)]
    assert answers == [None, None, None, None, Unusual(4_000.0, 40.0)]


XNYS = calendar("XNYS")
MONDAY = XNYS.session_of(1_704_700_000 * SECOND)  # 2024-01-08
OPEN, CLOSE = XNYS.opens[MONDAY], XNYS.closes[MONDAY]
TUESDAY = XNYS.opens[MONDAY + 1]
TIME = OpenTime(XNYS.opens, XNYS.closes)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (OPEN, CLOSE, 390),
        (OPEN - 60 * MINUTE, OPEN, 0),
        (OPEN - 60 * MINUTE, OPEN + MINUTE, 1),
        (CLOSE, TUESDAY, 0),
        (CLOSE - MINUTE, TUESDAY + MINUTE, 2),
        (XNYS.closes[MONDAY - 1], OPEN, 0),  # a weekend
        (XNYS.opens[0], XNYS.closes[0], (XNYS.closes[0] - XNYS.opens[0]) // MINUTE),
    ],
)
def test_open_time(start, end, minutes):
    assert TIME.between(start, end) == minutes * MINUTE


@pytest.mark.parametrize(
    ("last", "span", "due"),
    [
        (OPEN, MINUTE, OPEN + MINUTE),
        (OPEN - 1, MINUTE, OPEN + MINUTE),
        (CLOSE - MINUTE, MINUTE, CLOSE),
        (CLOSE - 1, MINUTE, CLOSE),
        (CLOSE, MINUTE, TUESDAY + MINUTE),
        (CLOSE, 86_400 * SECOND, XNYS.closes[MONDAY + 1]),
        (XNYS.closes[-1], MINUTE, 0),
    ],
)
def test_when_the_next_bar_is_due(last, span, due):
    assert TIME.due(last, span) == due


def silence(*gaps, span=MINUTE):
    """A symbol heard from the open on, at gaps of minutes."""
    made = Silence(TIME, ("SPY",), span, OPEN)
    time = OPEN
    for gap in gaps:
        time += gap * MINUTE
        made.event("SPY", time, span)
    return made, time


@pytest.mark.parametrize(
    ("gaps", "quiet_minutes", "missed"),
    [
        ((1, 1, 1), 5, False),  # due after one; three spans and a minute more are allowed
        ((1, 1, 1), 5.01, True),
        ((1, 8, 1), 17, False),  # it was quiet for eight before, so twice that is allowed
        ((1, 8, 1), 17.01, True),
        ((1,) + (1,) * 200 + (8,) * 0, 5.01, True),
        ((8,) + (1,) * 200, 5.01, True),  # what was long ago is forgotten
    ],
)
def test_how_long_a_symbol_may_be_quiet(gaps, quiet_minutes, missed):
    made, time = silence(*gaps)
    assert bool(made.overdue(time + int(quiet_minutes * MINUTE))) == missed


@pytest.mark.parametrize(("after_close", "missed"), [(0, False), (29, False), (30, False), (31, True)])
def test_a_days_bar_is_missed_half_an_hour_after_the_close(after_close, missed):
    made = Silence(TIME, ("SPY",), 86_400 * SECOND, XNYS.closes[MONDAY - 1])
    assert bool(made.overdue(CLOSE + after_close * MINUTE)) == missed


def test_late_and_double_events_are_no_news():
    made, time = silence(1, 1, 1)
    made.event("SPY", time - MINUTE, MINUTE)
    made.event("SPY", time, MINUTE)
    assert made.heard["SPY"].last == time
    assert list(made.heard["SPY"].gaps) == [MINUTE, MINUTE, MINUTE]


def test_a_symbol_nobody_expected_is_watched_from_then_on():
    made, time = silence(1)
    made.event("AAPL", time, MINUTE)
    assert made.overdue(time + 30 * MINUTE).keys() == {"SPY", "AAPL"}
