"""Python's collector of cycles: a start does not wait for it."""

import gc

from stratofold.adapters.embedded.collector import SELDOM, undisturbed


def test_a_run_begins_without_a_collection_and_leaves_things_as_they_were():
    collections, before = [], gc.get_threshold()
    gc.callbacks.append(lambda phase, facts: collections.append(facts["generation"]))
    try:
        with undisturbed():
            assert gc.get_threshold() == SELDOM
            assert gc.get_freeze_count() > 0
            assert 2 not in collections
    finally:
        gc.callbacks.pop()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
