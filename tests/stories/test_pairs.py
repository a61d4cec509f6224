"""Pairs: the desk sells what is dear, buys what is cheap, and leaves both when they meet again."""

import numpy as np
import pytest

import stratofold
from stratofold.strategies import Pairs
from tests.stories.telling import COSTS, adds_up, bars, both_ways, fills, sessions

# One share of DEAR is worth two of CHEAP, but for a day on which it is ten per cent too high.
CHEAP = [round(50.0 + 2.0 * np.sin(k / 3.0), 2) for k in range(60)]
FAIR = [round(2.0 * close, 2) for close in CHEAP]
HIGH_AT = 40
DAYS = sessions(60)


def moved(fraction):
    return [round(close * (1.0 + fraction * (k == HIGH_AT)), 2) for k, close in enumerate(FAIR)]


def story(data, **more):
    return stratofold.backtest(Pairs, data, **{"window": 20, **more})


@pytest.mark.parametrize(("fraction", "first", "second"), [(0.1, "sell", "buy"), (-0.1, "buy", "sell")])
def test_a_spread_that_opens_is_traded_both_ways_and_closed_the_day_it_shuts(fraction, first, second):
    closes = moved(fraction)
    told = fills(story(bars(DEAR=closes, CHEAP=CHEAP), entry=3.0), DAYS)
    assert [row[:3] for row in told] == [
        (HIGH_AT + 1, "DEAR", first),
        (HIGH_AT + 1, "CHEAP", second),
        (HIGH_AT + 2, "DEAR", second),
        (HIGH_AT + 2, "CHEAP", first),
    ]
    assert told[0][3] == told[2][3]
    assert told[1][3] == told[3][3]
    # Two for one, and eight tenths of 100,000 in both legs, within a share of each.
    assert told[1][3] / told[0][3] == pytest.approx(2.0, abs=0.1)
    assert told[0][3] * closes[HIGH_AT] + told[1][3] * CHEAP[HIGH_AT] == pytest.approx(80_000.0, abs=200.0)


def test_a_spread_that_stays_fair_is_left_alone():
    assert fills(story(bars(DEAR=FAIR, CHEAP=CHEAP), entry=4.0)) == []


def without(closes, k):
    return [None if at == k else close for at, close in enumerate(closes)]


@pytest.mark.parametrize("k", [26, 36, 55])
def test_a_day_without_one_of_the_two_is_as_a_day_without_both(k):
    nervous = {"window": 5, "entry": 1.2}
    one = fills(story(bars(DEAR=without(FAIR, k), CHEAP=CHEAP), **nervous))
    assert one == fills(story(bars(DEAR=without(FAIR, k), CHEAP=without(CHEAP, k)), **nervous))
    assert len(one) > 20


def test_one_symbol_is_no_pair():
    with pytest.raises(stratofold.Setup, match="two symbols") as raised:
        story(bars(SPY=FAIR))
    assert raised.value.code == "SF132"


def chan(y, x, delta, noise=1e-3):
    """Forecast errors of the hedge by Chan's filter, in matrices: what the product does in plain numbers."""
    state, covariance = np.zeros(2), np.eye(2)
    errors = []
    for now, other in zip(y, x, strict=True):
        row = np.array([other, 1.0])
        covariance = covariance + delta / (1.0 - delta) * np.eye(2)
        variance = row @ covariance @ row + noise
        gain = covariance @ row / variance
        errors.append(now - row @ state)
        state = state + gain * errors[-1]
        covariance = covariance - np.outer(gain, row @ covariance)
    return np.array(errors)


def sides(score, entry=2.0, leave=0.5):
    """What is held of the spread after each close."""
    held, told = 0, []
    for each in score:
        if held == 0 and abs(each) > entry:
            held = -1 if each > 0 else 1
        elif held and held * each > -leave:
            held = 0
        told.append(held)
    return np.array(told)


def test_on_real_prices_it_trades_when_a_filter_in_matrices_says_so():
    # From June 2015 on, after the one split of the pair, so that raw prices go into the filter.
    data = stratofold.sample("GOOG", "GOOGL", start="2015-06-01")
    result = both_ways(Pairs, data, **COSTS)
    errors = chan(data.of("GOOG").close, data.of("GOOGL").close, 1e-5)
    windows = np.lib.stride_tricks.sliding_window_view(errors, 60)
    score = np.full(len(errors), np.nan)
    score[59:] = (errors[59:] - windows.mean(axis=1)) / windows.std(axis=1)
    held = sides(score)
    changed = np.flatnonzero(np.diff(held, prepend=0)) + 1
    rows = result.fills.to_polars()
    times = data.of("GOOG").time
    expected = times[changed[changed < len(times)]]
    assert sorted(set(rows["time"].dt.timestamp("ns"))) == sorted(expected)
    assert len(expected) > 100
    adds_up(result, data)


def test_on_real_prices_the_legs_oppose_each_other_and_leave_together():
    data = stratofold.sample("GOOG", "GOOGL")
    result = both_ways(Pairs, data, borrow_rate=0.01, **COSTS)
    for (_,), legs in result.fills.to_polars().group_by("time"):
        assert sorted(legs["side"]) == ["buy", "sell"]
    adds_up(result, data)
