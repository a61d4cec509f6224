"""The probability of overfitting: purgedcv's figures, noise and skill."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from purgedcv import probability_of_backtest_overfitting

from stratofold.errors import Setup
from stratofold.research.validation import luck, overfitting_probability

NOISE = np.random.default_rng(11).normal(0.0, 0.01, (480, 12))


@pytest.mark.parametrize("splits", [4, 6])
@pytest.mark.parametrize("skill", [0.0, 0.0015])
def test_it_is_purgedcvs(splits, skill):
    returns = NOISE.copy()
    returns[:, 3] += skill
    ours = overfitting_probability(returns, splits)
    theirs = probability_of_backtest_overfitting(returns.T, splits)
    assert ours.probability == pytest.approx(theirs.pbo)
    assert np.sort(ours.logits) == pytest.approx(np.sort(theirs.logits), abs=1e-9)
    assert ours.slope == pytest.approx(theirs.slope)


def test_a_half_is_what_its_returns_say():
    """Sums of blocks instead of returns: the same ratios as from the halves themselves."""
    returns = NOISE[:50] + 5.0  # far from 0, where sums of squares would cancel
    ours = overfitting_probability(returns, 4)
    bounds = np.linspace(0, 50, 5).round().astype(int)
    blocks = [returns[start:end] for start, end in pairwise(bounds)]
    for number, chosen in enumerate(combinations(range(4), 2)):
        inside = np.concatenate([blocks[k] for k in chosen])
        ratios = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        assert ours.inside[number] == pytest.approx(ratios.max(), rel=1e-9)


def test_noise_is_a_coin_and_skill_is_not():
    chance = np.random.default_rng(5)
    coins = [overfitting_probability(chance.normal(size=(240, 20)), 8).probability for _ in range(30)]
    assert 0.4 < np.mean(coins) < 0.75
    skilled = chance.normal(size=(2000, 20))
    skilled[:, 0] += 0.3
    found = overfitting_probability(skilled, 8)
    assert found.probability == 0.0
    assert found.loss_probability == 0.0


def test_trials_that_never_trade_share_their_rank():
    found = overfitting_probability(np.zeros((40, 5)), 4)
    assert found.logits.tolist() == [0.0] * 6
    assert found.slope == 0.0


@pytest.mark.parametrize("splits", [3, 0, 22, 300])
def test_blocks_that_cannot_be(splits):
    with pytest.raises(Setup, match="SFS45"):
        overfitting_probability(NOISE, splits)


def test_one_trial_was_not_chosen():
    with pytest.raises(Setup, match="SFS45"):
        overfitting_probability(NOISE[:, :1])


class TestLuck:
    """What is said of the best."""

    def test_of_noise_it_says_luck(self):
        found = luck(NOISE, splits=8)
        assert found.deflated < 0.9
        assert found.trials == 12
        assert "luck" in str(found)

    def test_of_skill_it_says_more_than_luck(self):
        returns = NOISE.copy()
        returns[:, 3] += 0.004
        found = luck(returns, splits=8)
        assert found.deflated > 0.95
        assert found.overfitting == 0.0
        assert "nothing promises profit" in str(found)

    def test_of_many_that_are_all_good(self):
        found = luck(NOISE + 0.004, splits=8)
        assert found.deflated > 0.95
        assert found.overfitting >= 0.5
        assert "which of them is best was luck" in str(found)

    def test_of_a_chosen_one_that_lost(self):
        worst = int(NOISE.mean(axis=0).argmin())
        assert luck(NOISE, best=worst, splits=8).deflated < 0.5
        assert "Take it for luck" in str(luck(NOISE, best=worst, splits=8))

    def test_of_one_that_is_not_there(self):
        with pytest.raises(Setup, match="SFS52"):
            luck(NOISE, best=12)
