"""Cells that machine code does by the hundred in one call: the same as one after another, whatever becomes of any of them."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from stratofold.kernel.program import Program
from stratofold.kernel.series import Series
from stratofold.research.prepare import Options
from stratofold.research.sweep import abreast
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.guests import Guests
from stratofold.research.sweep.sets import sets_of
from stratofold.research.sweep.settled import reads_of
from stratofold.strategies import Crossover
from tests.unit.sweep.test_guests import Parts, assert_same, daily

GRID = [
    {"fast": fast, "slow": slow, "share": share, "eager": eager}
    for fast in (2, 3, 5)
    for slow in (4, 9)
    for eager in (False, True)
    for share in (-0.0, 0.5)
]


def block(**options: object) -> Block:
    """A block of two symbols' days."""
    return Block(Parts, daily(150, symbols=2), Options(**options), execution="compiled")


def singly(sets, **options):
    """What the same cells come to one after another, each seated by Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guests, "is_ready", property(lambda _: False))
        return block(**options).run(sets)


@pytest.fixture
def begun(monkeypatch):
    """How many cells each call of machine code was begun for."""
    found = []
    begin = Series.begin
    monkeypatch.setattr(
        Series, "begin", lambda self, pieces, *rest: found.append(len(pieces)) or begin(self, pieces, *rest)
    )
    return found


def test_most_cells_of_a_grid_are_done_in_one_call(begun):
    found = block().run(GRID)
    assert sum(begun) > len(GRID) // 2
    assert_same(found, singly(GRID))
    assert len(set(found.columns["traded_value"].tolist())) > len(GRID) // 3


def test_no_cell_is_left_to_python_because_a_log_is_crowded(begun, monkeypatch):
    left = []
    wholly = Block._wholly
    monkeypatch.setattr(Block, "_wholly", lambda self, each: left.append(each) or wholly(self, each))
    found = block(log_rows=1).run(GRID)
    assert begun
    assert not left
    monkeypatch.undo()
    assert_same(found, singly(GRID))


def test_cells_that_fail_in_the_middle_of_a_call_say_why_and_the_others_go_on(begun):
    sets = [each | {"fast": fast} for each in GRID[:6] for fast in (2, 13, 3)]
    found, expected = block().run(sets), singly(sets)
    assert begun
    assert found.errors == expected.errors
    assert [error.partition(":")[0] for error in found.errors[:3]] == ["", "SF131", ""]
    for name, column in expected.columns.items():
        assert found.columns[name].tobytes() == column.tobytes(), name


def test_a_call_has_an_end(begun, monkeypatch):
    monkeypatch.setattr(abreast, "_EVENTS_MAX", 700)
    calls = []
    go_on = Series.go_on
    monkeypatch.setattr(Series, "go_on", lambda self, at, end: calls.append(end - at) or go_on(self, at, end))
    assert_same(block().run(GRID), singly(GRID))
    assert max(calls) == 2
    assert len(calls) >= sum(begun) // 2


def test_whole_runs_after_runs_that_went_on_elsewhere(begun):
    """A run that goes on from a state has its strategy in memory of its own."""
    mine = block(log_rows=30)
    others = [each | {"fast": 8} for each in GRID]
    states = mine.run(others, Leg(keep=120, ends=False)).states
    assert all(states)
    for _ in range(2):
        assert_same(mine.run(GRID), singly(GRID))
        assert_same(mine.run(others, Leg(begun=tuple(states))), singly(others))
    assert begun[-1] == len(GRID)


def test_a_kernel_without_that_machine_code_runs_them_one_by_one(begun, monkeypatch):
    monkeypatch.setattr(Program, "series", lambda *_: None)
    assert_same(block().run(GRID), singly(GRID))
    assert not begun


def test_sets_that_are_not_plainly_what_was_declared_are_done_one_by_one(begun):
    odd = [{"fast": 3}, GRID[1] | {"share": 0}, GRID[2] | {"share": 1.5}, GRID[3] | {"fast": 2**70}, {"fsat": 3}]
    found, expected = block().run(GRID + odd), singly(GRID + odd)
    assert found.errors == expected.errors
    assert [error[:5] for error in found.errors[-5:]] == ["", "", "SF102", "SF102", "SF100"]
    for name, column in expected.columns.items():
        assert found.columns[name].tobytes() == column.tobytes(), name
    assert not sum(begun)


def test_parts_that_are_let_go_of_on_the_way_are_made_again(begun, monkeypatch):
    monkeypatch.setattr("stratofold.research.sweep.guests._BYTES_MAX", 3_000)
    assert_same(block().run(GRID), singly(GRID))


def test_rows_that_are_alike():
    words = np.array([[1, 5], [1, 6], [2, 5], [1, 5], [2, 5]], np.uint64)
    first, which = abreast._alike(words, (0, 1))
    assert [first[k] for k in which] == [0, 1, 2, 0, 2]
    assert abreast._alike(words, ())[0].tolist() == [0]


@pytest.fixture
def seated(monkeypatch):
    """The cells that were made and packed, one after another."""
    found = []
    seat = Guests.seat
    monkeypatch.setattr(
        Guests, "seat", lambda self, given, *rest, **more: found.append(given) or seat(self, given, *rest, **more)
    )
    return found


def other_market():
    """Other days of two other symbols."""
    whole = daily(260, symbols=2)
    named = dataclasses.replace(whole, symbols=("T0", "T1"))
    return named.subset(start="2018-03-01", end="2018-07-30")


def test_a_block_takes_over_the_parts_of_the_one_before(seated, begun):
    first = block()
    first.run(GRID)
    del seated[:], begun[:]
    market = other_market()
    second = Block(Parts, market, Options(cash=3e4), execution="compiled", before=first)
    found = second.run(GRID)
    assert seated == []  # the first is laid out, and every other put together
    assert begun == [len(GRID) - 1]
    new = [each | {"fast": 6} for each in GRID[:6]]
    more = second.run([*new, *GRID])
    expected = Block(Parts, market, Options(cash=3e4), execution="compiled").run(GRID + new)
    assert_same(found, type(found)({n: c[: len(GRID)] for n, c in expected.columns.items()}, [""] * len(GRID)))
    assert_same(more, type(found)({n: np.roll(c, len(new)) for n, c in expected.columns.items()}, expected.errors))
    assert_same(first.run(GRID), singly(GRID))  # whose parts have the very same arrays


def test_parts_are_looked_for_once_as_long_as_markets_are_heard_by_one_engine(begun, monkeypatch):
    """And again where they were let go of in between, and for other cells."""
    made = []
    init = abreast.Seats.__init__
    monkeypatch.setattr(abreast.Seats, "__init__", lambda self, *given: made.append(self) or init(self, *given))
    options, whole, grid = Options(), daily(150, symbols=4), sets_of(GRID)
    markets = [whole.subset(pair) for pair in itertools.pairwise(whole.symbols)]
    blocks, counts, found = [], [], []
    for market in [*markets, markets[0], markets[1]]:
        blocks.append(Block(Parts, market, options, execution="compiled", before=blocks[-1] if blocks else None))
        if len(blocks) == 4:
            blocks[0]._laid[False].guests.mould.forget()
        found.append(blocks[-1].run(grid))
        counts.append(len(made))
    assert counts == [1, 2, 2, 3, 4]  # the first had parts to find, the fourth had them again
    assert begun[1:3] == [len(GRID)] * 2
    for market, cells in zip(markets, found, strict=False):
        assert_same(cells, Block(Parts, market, options, execution="compiled").run(GRID))
    assert_same(found[3], found[0])
    assert_same(found[4], found[1])
    assert_same(blocks[-1].run(GRID[:5]), Block(Parts, markets[1], options, execution="compiled").run(GRID[:5]))


def test_nothing_is_taken_over_where_there_are_more_symbols(seated):
    first = block()
    first.run(GRID)
    del seated[:]
    market = daily(150, symbols=3)
    assert_same(
        Block(Parts, market, Options(), execution="compiled", before=first).run(GRID),
        Block(Parts, market, Options(), execution="compiled").run(GRID),
    )
    assert seated


def test_a_strategy_that_asks_for_symbols_by_name_is_of_its_market():
    assert not reads_of(Parts).symbols
    assert reads_of(Naming).symbols


class Naming(Parts):
    """One of its numbers is a symbol's place."""

    def setup(self) -> None:
        """By name."""
        self.first = self.symbol("S0")


def test_cells_of_many_unknown_parts_come_first(seated):
    """Of a grid of six by six, six cells or so have every part, and not eleven."""
    same = {"quantity": 1.0, "short": False}
    market, sets = daily(50), [{"fast": f, "slow": s} | same for f in range(2, 8) for s in range(20, 26)]
    found = Block(Crossover, market, Options(), execution="compiled").run(sets)
    assert len(seated) <= 8
    assert_same(found, Block(Crossover, market, Options(), execution="interpreted").run(sets))
