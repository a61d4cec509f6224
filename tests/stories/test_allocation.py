"""Allocation: every rule holds what it says, at the volatility asked for."""

import numpy as np
import pytest

import stratofold
from stratofold.strategies import Allocation
from stratofold.strategies.allocation import EQUAL, MEAN_VARIANCE, MINIMUM_VARIANCE
from tests.stories.telling import adds_up, bars, both_ways

CHANCE = np.random.default_rng(8)
COUNT = 130
CLOSES = {
    name: [round(float(close), 2) for close in 100.0 * np.exp(np.cumsum(CHANCE.normal(drift, deviation, COUNT)))]
    for name, drift, deviation in (("CALM", 0.0, 0.004), ("WILD", 0.0, 0.02), ("RISES", 0.003, 0.01))
}


def story(rule, closes=CLOSES, **more):
    return stratofold.backtest(Allocation, bars(**closes), **{"window": 30, "rule": rule, **more})


def shares(result):
    """What is held at the end, as shares of all that is."""
    held = dict(zip(result.positions.raw["symbol"], result.positions.raw["value"], strict=True))
    total = sum(held.values())
    return [held.get(symbol, 0.0) / total for symbol in range(3)]


def test_equal_weights_are_equal():
    assert shares(story(EQUAL, volatility=1.0)) == pytest.approx([1 / 3] * 3, abs=0.05)


@pytest.mark.parametrize("rule", [1, 2, 3, 4])
def test_what_is_calm_gets_more(rule):
    calm, wild, _ = shares(story(rule, volatility=1.0, most=1.0))
    assert calm > 2.0 * wild


def test_the_mean_is_believed_where_it_is_asked():
    assert shares(story(MEAN_VARIANCE))[2] > shares(story(MINIMUM_VARIANCE))[2]


def test_the_volatility_asked_for_scales_everything():
    low, high = (story(2, volatility=target).stats["exposure"] for target in (0.01, 0.02))
    assert high == pytest.approx(2.0 * low, rel=0.1)
    assert story(2, volatility=1.0, gross=0.5).stats["exposure"] < 0.55


@pytest.mark.parametrize("rule", range(5))
def test_what_has_no_price_for_the_whole_window_has_no_weight(rule):
    """A symbol that begins late is held by no rule until its variance is known; then it is."""
    for begins, symbols in ((25, {0, 1, 2, 3}), (105, {0, 1, 2})):
        closes = {**CLOSES, "LATE": [None] * begins + CLOSES["RISES"][begins:]}
        assert set(story(rule, closes, volatility=1.0, most=0.4).fills.raw["symbol"]) == symbols


def test_nothing_is_held_before_the_window_is_full():
    assert len(story(2, window=COUNT).fills) == 0


def test_both_ways_agree_and_the_money_adds_up():
    data = bars(**CLOSES)
    for rule in range(6):
        adds_up(both_ways(Allocation, data, window=30, rule=rule), data)
