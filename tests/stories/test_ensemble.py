"""Ensemble: every sleeve has its say, the net is traded, and a wild market takes some of it away."""

import numpy as np
import pytest

import stratofold
from stratofold.strategies import Ensemble
from tests.stories.telling import adds_up, bars, both_ways

CHANCE = np.random.default_rng(3)


def path(drift, deviation, count=200):
    return [round(float(close), 2) for close in 100.0 * np.exp(np.cumsum(CHANCE.normal(drift, deviation, count)))]


RISING = path(0.004, 0.005)
QUIET = {"fast": 5, "slow": 20, "channel": 10}


def story(data, **more):
    return stratofold.backtest(Ensemble, data, **{**QUIET, **more})


def test_what_rises_is_held_by_trend_and_breakout():
    held = story(bars(UP=RISING)).positions.raw
    assert held["value"][0] == pytest.approx(0.95 * 2 / 3 * story(bars(UP=RISING)).stats["final_equity"], rel=0.4)


def test_a_crash_is_bought_by_reversion_alone():
    falling = RISING[:120] + [round(RISING[119] * 0.97**k, 2) for k in range(1, 40)]
    result = story(bars(DOWN=falling), wild=0.0)
    assert result.positions.raw["quantity"][0] > 0.0
    fewer = story(bars(DOWN=falling), wild=0.0, low=1.0)
    assert len(fewer.fills) < len(result.fills)


def test_a_wild_market_takes_away_what_it_is_told_to():
    storm = RISING[:-40] + [round(RISING[-41] * (1.0 + 0.06 * (k % 2)), 2) for k in range(40)]
    long = path(0.003, 0.004, 120) + [round(close, 2) for close in storm]
    exposed = {wild: story(bars(UP=long), wild=wild).stats["exposure"] for wild in (0.0, 1.0)}
    assert exposed[0.0] < exposed[1.0]


def test_both_ways_agree_and_the_money_adds_up():
    data = bars(
        splits=[("UP", 90, 2.0)],
        UP=[*RISING[:90], *(round(close / 2.0, 2) for close in RISING[90:])],
        FLAT=path(0.0, 0.01),
    )
    adds_up(both_ways(Ensemble, data, **QUIET), data)
