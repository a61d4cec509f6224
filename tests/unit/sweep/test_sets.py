"""Sets of parameters as columns are the mappings that they stand for; statistics of parts are those of each."""

import pickle
from itertools import product
from random import Random

import numpy as np
import pytest

from stratofold.fold.strategy import Strategy, param
from stratofold.kernel.series import Noted
from stratofold.research.sweep.columns import STATISTICS, SUMS, Figures, in_order, joined_figures
from stratofold.research.sweep.naming import words_of
from stratofold.research.sweep.rows import Finished, frame_of
from stratofold.research.sweep.sets import Sets, are_same, constant, is_constant, sets_of, some_of
from stratofold.research.sweep.space import space_of

BIG = 2**70
MAPPINGS = [
    {"a": a, "b": b, "c": True, "d": d}
    for a, b, d in product([1, 2, 3], [0.0, -0.0, 1e300, float("inf")], [1, 2.5, BIG])
]


class Three(Strategy):
    """Three parameters of three kinds."""

    whole = param(3, low=1, high=BIG)
    real = param(0.5)
    truth = param(default=False)


def test_columns_are_the_mappings_that_they_were_made_of():
    """Whole, one by one, some of them, through another process; numbers of several kinds, or past 63 bits, too."""
    sets = sets_of(MAPPINGS)
    assert list(sets) == MAPPINGS
    assert pickle.loads(pickle.dumps(sets)) == sets  # noqa: S301  our own
    assert len(pickle.dumps(sets[:1])) < len(pickle.dumps(sets)) / 2
    assert [repr(sets[k]) for k in range(-1, len(sets) - 1)] == [repr(MAPPINGS[k]) for k in range(-1, len(sets) - 1)]
    assert [*sets[5:17]] == MAPPINGS[5:17]
    assert [*sets[::-7]] == MAPPINGS[::-7]
    assert [*some_of(sets, [4, 4, 0])] == [*some_of(MAPPINGS, [4, 4, 0])] == [MAPPINGS[4], MAPPINGS[4], MAPPINGS[0]]
    with pytest.raises(IndexError):
        sets[len(sets)]
    names = ["a", "b", "c", "d"]
    assert (words_of(sets, names) == words_of(MAPPINGS, names)).all()


def test_many_sets_are_made_mappings_in_their_order():
    """More than are made together."""
    sets = Sets({"n": np.arange(10_000), "k": constant(0.5, 10_000)}, 10_000)
    assert [each["n"] for each in sets] == list(range(10_000))
    assert is_constant(sets.columns["k"])
    assert is_constant(sets[3:].some([1, 2]).columns["k"])


def test_only_the_same_part_of_the_same_sets_is_the_same():
    """A slice of a slice is known for what it is; what is equal is another."""
    sets = sets_of(MAPPINGS)
    assert are_same(sets[4:20][2:5], sets[6:9])
    assert not are_same(sets[6:9], sets[6:10])
    assert not are_same(sets[6:9], sets[7:10])
    assert not are_same(sets, sets_of(MAPPINGS))
    assert sets == sets_of(MAPPINGS)
    assert sets[0:0].key != sets[1:1].key
    assert are_same(sets[4:6].ahead(9), sets[4:13])
    assert are_same(sets[30:].ahead(9), sets[30:])
    assert are_same(sets.ahead(9), sets)
    assert are_same(MAPPINGS, list(MAPPINGS))
    assert not are_same(MAPPINGS, [dict(each) for each in MAPPINGS])


def test_a_grid_is_what_its_dimensions_make_the_last_running_fastest():
    """With conditions and without; a value past 63 bits takes its dimension with it, and no other."""
    wanted = {"whole": [1, BIG, 7], "real": [0.25, 1.0], "truth": [True, False]}
    rows = [dict(zip(wanted, each, strict=True)) for each in product(*wanted.values())]
    assert list(space_of(Three, wanted).grid()) == rows
    where = lambda each: each["whole"] > 1 or each["truth"]  # noqa: E731
    assert list(space_of(Three, wanted, where).grid()) == [each for each in rows if where(each)]
    assert list(space_of(Three, {"whole": [4]}).grid()) == [{"whole": 4, "real": 0.5, "truth": False}]
    assert not space_of(Three, wanted, lambda _: False).grid()


def figures(chance, count, done=None, scale=100.0):
    """Statistics of sums by chance."""
    rows = count if done is None else len(done)
    sums = {name: np.array([chance.uniform(0.0, 100.0) for _ in range(rows)]) for name in SUMS}
    for name in ("tally.drawdown_length", "tally.peak_time", "tally.time"):
        sums[name] = sums[name].astype(np.int64)
    return Figures(sums, None if done is None else np.array(done, np.intp), count, scale, 252.0)


@pytest.mark.parametrize("other_scale", [100.0, 10_000.0])
def test_statistics_of_parts_together_are_those_of_each(other_scale):
    """To the bit; failed cells have none; those of another currency, and those that are reckoned, stand beside the others."""
    chance = Random(3)
    parts = [figures(chance, 5), figures(chance, 4, [1, 3]), figures(chance, 3, [], other_scale), figures(chance, 6)]
    for some in (parts, parts[:2], parts[:1], [dict(parts[0]), parts[1]]):
        found = joined_figures(some)
        assert list(found) == list(STATISTICS)
        for name in STATISTICS:
            assert found[name].tobytes() == b"".join(part[name].tobytes() for part in some), name
    assert np.isnan(parts[1]["trades"]).tolist() == [True, False, True, False]
    assert type(pickle.loads(pickle.dumps(parts[0]))) is dict  # noqa: S301  our own


def noted(chance, count):
    """Sums as machine code notes them."""
    kinds = {name: (row, np.int64 if row % 3 == 0 else np.float64) for row, name in enumerate(SUMS)}
    words = [np.array([chance.uniform(1.0, 9.0) for _ in range(count)]).astype(kind) for _, kind in kinds.values()]
    return Noted(kinds, np.array([row.view(np.uint64) for row in words]))


def test_sums_as_they_were_noted_are_put_together_and_in_order():
    """As columns of their own are, which may stand between them; each is of its own type."""
    chance = Random(9)
    parts = [([0, 3, 4], noted(chance, 3)), ([1, 5], noted(chance, 2)), ([2, 6, 7], noted(chance, 3))]
    mixed = [parts[0], (parts[1][0], dict(parts[1][1])), parts[2]]
    (done, together), (others, apart) = in_order(parts), in_order(mixed)
    assert list(done) == list(others) == list(range(8))
    assert (type(together), type(apart), len(together)) == (Noted, dict, len(SUMS))
    for name in SUMS:
        expected = np.concatenate([part[name] for _, part in parts])[[0, 3, 5, 1, 2, 4, 6, 7]]
        assert together[name].dtype == apart[name].dtype == expected.dtype
        assert together[name].tolist() == apart[name].tolist() == expected.tolist()


def test_a_table_of_no_cells_has_no_rows():
    """Nor one of pieces of which the first has none."""
    from types import SimpleNamespace

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors import Work

    place = SimpleNamespace(
        strategy=Three, hash="here", symbols="", window="", costs="",
        words=lambda sets: words_of(sets, ["real"]), digests=lambda words: bytes(16 * len(words)),
    )  # fmt: skip
    empty = Finished(place, Work(0), Cells(dict.fromkeys(STATISTICS, np.empty(0))))
    assert len(frame_of([empty])) == 0
    two = [{"whole": 2, "real": 1.0, "truth": True}, {"whole": 3, "real": 2.0, "truth": False}]
    full = Finished(place, Work(0, two), Cells(dict.fromkeys(STATISTICS, np.zeros(2)), ["", "no"]))
    found = frame_of([full, full])
    assert found["cell"].to_list() == ["0" * 32] * 4
    assert found["error"].to_list() == [None, "no"] * 2
    assert found["real"].to_list() == [1.0, 2.0] * 2
