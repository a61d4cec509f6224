"""Walking forward: what is chosen has seen nothing of what it is tested on, and only the test counts."""

from dataclasses import replace

import numpy as np
import pytest

import stratofold
from stratofold import Fees, sample, walk_forward
from stratofold.errors import Setup
from stratofold.strategies import Crossover

DATA = sample("SPY").subset(None, "2012-01-01", "2015-12-31")
SPACE = {"fast": [5, 10, 20], "slow": [40, 80], "execution": "interpreted"}


@pytest.fixture(scope="module")
def walk():
    """Two years to learn from, half a year to test on."""
    return walk_forward(Crossover, DATA, train=504, test=126, fees=Fees(per_share=0.005), **SPACE)


def test_each_choice_is_the_best_of_its_stretch_and_its_test_is_the_backtests(walk):
    for number, stretch in enumerate(walk.stretches):
        trials = stratofold.sweep(
            Crossover, DATA, start=stretch.train[0], end=stretch.train[1], fees=Fees(per_share=0.005), **SPACE
        )
        best = trials.best
        assert {name: best[name] for name in ("fast", "slow")} == {
            name: stretch.parameters[name] for name in ("fast", "slow")
        }
        assert stretch.inside == best["sharpe"]
        through = stratofold.backtest(
            Crossover, DATA, start=stretch.train[0], end=stretch.test[1], fees=Fees(per_share=0.005),
            execution="interpreted", **stretch.parameters,
        )  # fmt: skip
        returns = through.daily_returns
        ours = walk.returns[126 * number : 126 * (number + 1)]
        assert ours == pytest.approx(returns.to_numpy()[-126:], rel=1e-12, abs=1e-15)
        assert [day.isoformat() for day in walk.days[126 * number : 126 * (number + 1)]] == [
            f"{day:%Y-%m-%d}" for day in returns.index[-126:]
        ]


def test_its_figures_are_of_the_tests_alone(walk):
    stats = walk.stats
    assert stats["sessions"] == 126 * len(walk.stretches)
    assert stats["total_return"] == pytest.approx(np.prod(1.0 + walk.returns) - 1.0)
    assert walk.equity["equity"][-1] == pytest.approx(1.0 + stats["total_return"])
    inside = np.mean([stretch.inside for stretch in walk.stretches])
    assert stats["efficiency"] == pytest.approx(stats["sharpe"] / inside)
    assert "out of sample" in str(walk)
    assert str(walk).count("fast=") == len(walk.stretches)


def test_the_future_does_not_choose(walk):
    """Other prices after the last training session: the same choices, another outcome."""
    last = walk.stretches[0]
    cut = int(np.searchsorted(DATA.time, stratofold.read(DATA).subset(None, last.test[0], None).time[0]))
    bent = [column.copy() for column in (DATA.open, DATA.high, DATA.low, DATA.close)]
    for column in bent:
        column[cut:] = np.round(column[cut:] * np.linspace(1.0, 0.5, len(column) - cut), 2)
    other = replace(DATA, open=bent[0], high=bent[1], low=bent[2], close=bent[3])
    again = walk_forward(Crossover, other, train=504, test=126, fees=Fees(per_share=0.005), **SPACE)
    assert again.stretches[0].parameters == last.parameters
    assert again.stretches[0].inside == last.inside
    assert again.stretches[0].outside != last.outside


def test_anchored_stretches_keep_their_beginning_and_overlaps_count_once():
    walk = walk_forward(Crossover, DATA, train=504, test=126, step=63, anchored=True, **SPACE)
    assert {stretch.train[0] for stretch in walk.stretches} == {walk.stretches[0].train[0]}
    assert len(walk.days) == 126 + 63 * (len(walk.stretches) - 1)
    assert list(walk.days) == sorted(set(walk.days))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"train": 2000, "test": 126}, "SFS43"),
        ({"train": 504, "test": 126, "windows": [("2012-01-01", "2013-01-01")]}, "SFS53"),
        ({"train": 504, "test": 126, "objective": lambda stats: float("nan")}, "SFS26"),
    ],
)
def test_nonsense_is_refused(more, code):
    with pytest.raises(Setup) as told:
        walk_forward(Crossover, DATA, **more, **SPACE)
    assert told.value.code == code
