"""Splits of time share no outcome with what they are tested on, and are those of skfolio and purgedcv."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import PurgedKFold
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

from stratofold.errors import Setup
from stratofold.research.validation import combinatorial, crossed, purged_folds, walk_forward_splits

ROWS = np.zeros((103, 1))


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("purge", [0, 3])
def test_walking_forward_is_skfolios(anchored, purge):
    ours = walk_forward_splits(103, train=40, test=10, anchored=anchored, purge=purge)
    theirs = list(
        WalkForward(test_size=10, train_size=40 - purge, expand_train=anchored, purged_size=purge).split(ROWS)
    )
    assert len(ours) == len(theirs)
    for split, (train, test) in zip(ours, theirs, strict=True):
        assert split.test.tolist() == test.tolist()
        assert split.train.tolist() == train.tolist()


def test_steps_may_overlap():
    tests = [split.test for split in walk_forward_splits(100, train=50, test=20, step=10)]
    assert [test[0] for test in tests] == [50, 60, 70, 80]


@pytest.mark.parametrize(
    ("folds", "chosen", "purge", "embargo"), [(6, 2, 0, 0), (6, 2, 2, 3), (10, 8, 1, 0), (5, 3, 4, 2)]
)
def test_combinations_are_skfolios(folds, chosen, purge, embargo):
    ours = combinatorial(103, folds, chosen, reach=purge, embargo=embargo)
    theirs = CombinatorialPurgedCV(n_folds=folds, n_test_folds=chosen, purged_size=purge, embargo_size=embargo)
    assert ours.path_count == theirs.n_test_paths
    count = (
        102 if folds == 6 else 100
    )  # skfolio gives a remainder to other folds than we do: compare where there is none
    ours = combinatorial(count, folds, chosen, reach=purge, embargo=embargo)
    for split, (train, tests) in zip(ours.splits, theirs.split(np.zeros((count, 1))), strict=True):
        assert split.train.tolist() == train.tolist()
        assert split.test.tolist() == np.concatenate(tests).tolist()


@pytest.mark.parametrize("reach", [0, 2, 5])
def test_folds_are_purgedcvs(reach):
    """Its outcomes end before their end and ours at it; its embargo counts from the test, not from the last outcome."""
    count = 100
    times = np.datetime64("2024-01-01") + np.arange(count + reach + 1)
    theirs = PurgedKFold(5, prediction_times=times[:count], evaluation_times=times[reach + 1 :])
    for split, (train, test) in zip(
        purged_folds(count, 5, reach=reach), theirs.split(np.zeros((count, 1))), strict=True
    ):
        assert split.test.tolist() == list(test)
        assert split.train.tolist() == list(train)


@given(st.integers(20, 120), st.integers(2, 6), st.integers(0, 5), st.integers(0, 5), st.data())
def test_no_outcome_is_shared(count, folds, reach, embargo, data):
    tested = data.draw(st.integers(1, folds - 1))
    for split in combinatorial(count, folds, tested, reach=reach, embargo=embargo).splits:
        assert not set(split.train) & set(split.test)
        touched = {row + ahead for row in split.test.tolist() for ahead in range(reach + 1)}
        assert all(not touched & set(range(row, row + reach + 1)) for row in split.train.tolist())


@given(st.integers(12, 60), st.integers(2, 6), st.data())
def test_every_path_has_every_observation_once(count, folds, data):
    cut = combinatorial(count, folds, data.draw(st.integers(1, folds - 1)))
    whole = cut.histories([split.test.astype(float) for split in cut.splits])
    assert whole.tolist() == [list(range(count))] * cut.path_count


def test_choosing_is_crossed():
    """Of each split the best of its training is tested; where one trial is always best, every path is its history."""
    trials = np.random.default_rng(1).normal(0.0, 0.01, (120, 5))
    cut = combinatorial(120, 6, 2)
    assert crossed(trials, cut).shape == (5, 120)
    for split in cut.splits:
        train = trials[split.train]
        best = trials[split.test, (train.mean(axis=0) / train.std(axis=0)).argmax()]
        assert any((path[split.test] == best).sum() >= len(best) // 2 for path in crossed(trials, cut))
    trials[:, 2] += 0.05
    assert (crossed(trials, cut) == trials[:, 2]).all()


def test_outcomes_of_any_reach():
    ends = np.arange(30)
    ends[4] = 12  # this one's outcome is known only in the second fold
    train = purged_folds(30, 3, reach=ends)[1].train
    assert 4 not in train
    assert 5 in train


def test_folds_are_nearly_equal():
    bounds = combinatorial(103, 10, 2).folds
    assert {end - start for start, end in bounds} == {10, 11}
    assert all(before[1] == after[0] for before, after in pairwise(bounds))


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: walk_forward_splits(10, train=8, test=3), "SFS43"),
        (lambda: walk_forward_splits(10, train=0, test=3), "SFS43"),
        (lambda: walk_forward_splits(10, train=3, test=3, purge=3), "SFS43"),
        (lambda: purged_folds(3, 4), "SFS44"),
        (lambda: purged_folds(10, 2, embargo=-1), "SFS44"),
        (lambda: purged_folds(10, 2, reach=-1), "SFS44"),
        (lambda: purged_folds(10, 2, reach=[1, 2]), "SFS44"),
        (lambda: combinatorial(10, 4, 4), "SFS44"),
        (lambda: combinatorial(1000, 100, 50), "SFS44"),
        (lambda: combinatorial(10, 3, 1).histories([[1.0]]), "SFS44"),
        (lambda: crossed(np.zeros((11, 2)), combinatorial(10, 3, 1)), "SFS44"),
    ],
)
def test_nonsense_is_refused(work, code):
    with pytest.raises(Setup) as told:
        work()
    assert told.value.code == code
