"""The simulation catches every failure of the bank, and says how many seeds it took.

By day the seed that caught a bug when all were last tried in turn (`caught.json`) goes first, and the others follow only
where it no longer does; by night all are tried in turn.
"""

import json
from itertools import chain
from pathlib import Path

import pytest

from .bugs import BUGS, planted
from .rig import Rig

SEEDS = 120
CAUGHT = json.loads(Path(__file__).with_name("caught.json").read_text(encoding="utf-8"))


def caught_by(bug, seeds):
    """The first of the seeds with which a law is broken, and which law; None for a bug that is not caught."""
    with planted(bug):
        for seed in seeds:
            found = Rig(seed, **bug.faults).run(stops_early=True).violations
            if found:
                return seed, found[0]
    return None, ""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_is_caught(bug):
    seed, law = caught_by(bug, chain([CAUGHT.get(bug.name, 0)], range(SEEDS)))
    assert seed is not None
    print(f"{bug.case}: {bug.name}: caught by {law} with seed {seed}")


@pytest.mark.nightly
def test_each_is_caught_by_as_many_seeds_as_it_was_before():
    """Seeds in turn, so that how many it takes is known; where that has changed, the table is to be written again."""
    found = {bug.name: caught_by(bug, range(SEEDS))[0] for bug in BUGS}
    for name, seed in found.items():
        print(f"{seed + 1:4} seeds: {name}")
    assert found == CAUGHT, json.dumps(found, indent=2, sort_keys=True)


def test_there_are_many_and_each_is_one():
    assert len(BUGS) >= 25
    assert len({bug.name for bug in BUGS}) == len(BUGS)
