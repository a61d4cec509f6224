"""The simulation catches every failure of the bank, and says how many seeds it took."""

import pytest

from .bugs import BUGS, planted
from .rig import Rig

SEEDS = 120


def seeds_to_catch(bug, seeds=SEEDS):
    """How many seeds until a law is broken, and which; None for a bug that is not caught."""
    with planted(bug):
        for seed in range(seeds):
            found = Rig(seed, **bug.faults).run(stops_early=True).violations
            if found:
                return seed + 1, found[0]
    return None, ""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_is_caught(bug, record_property):
    seeds, law = seeds_to_catch(bug)
    record_property("seeds", seeds)
    assert seeds is not None
    print(f"{bug.case}: {bug.name}: caught by {law} after {seeds} seeds")


def test_there_are_many_and_each_is_one():
    assert len(BUGS) >= 25
    assert len({bug.name for bug in BUGS}) == len(BUGS)
