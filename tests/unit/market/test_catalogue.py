"""The catalogue port, and what every catalogue promises, on the shipped sample."""

import numpy as np
import pytest

from stratofold.adapters import ports
from stratofold.errors import Setup
from stratofold.market.sample_catalogue import SampleCatalogue


@pytest.fixture(params=["us14", "spy_minutes", "btcusd_minutes"])
def catalogue(request):
    return SampleCatalogue(request.param)


def test_it_fulfils_the_port(catalogue):
    assert isinstance(catalogue, ports.Catalogue)


def test_bars_are_of_its_symbols(catalogue):
    assert catalogue.bars().symbols == catalogue.symbols()
    for symbol in catalogue.symbols():
        assert len(catalogue.bars(symbol)) > 0


def test_the_same_question_has_the_same_answer(catalogue):
    assert catalogue.bars().content_hash == catalogue.bars(catalogue.symbols()).content_hash


def test_a_range_is_part_of_the_whole(catalogue):
    whole = catalogue.bars(catalogue.symbols()[0])
    middle = int(whole.time[len(whole) // 2])
    parts = [
        catalogue.bars(catalogue.symbols()[0], None, middle),
        catalogue.bars(catalogue.symbols()[0], middle + 1, None),
    ]
    assert np.array_equal(np.concatenate([part.close for part in parts]), whole.close)


def test_what_it_lacks_is_an_error_and_never_empty(catalogue):
    with pytest.raises(Setup, match="is not in the data"):
        catalogue.bars("NOPE")
    with pytest.raises(Setup, match="no bars in the range"):
        catalogue.bars(None, "1950-01-01", "1950-12-31")


def test_actions_are_those_of_the_bars(catalogue):
    actions = catalogue.actions()
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(actions, catalogue.bars().actions, strict=True))


def test_an_unknown_set():
    with pytest.raises(Setup, match="did you mean 'spy_minutes'"):
        SampleCatalogue("spy_minute")
