"""When what is quickly computed is taped: where many cells ask for the same, and there is room."""

from itertools import product
from types import SimpleNamespace

import pytest

import stratofold
from stratofold import Strategy, param
from stratofold.indicators import SMA
from stratofold.research.prepare import Options
from stratofold.research.sweep import reuse, tapes
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.reuse import is_read_often
from stratofold.research.sweep.sets import sets_of
from stratofold.strategies import Crossover
from tests.unit.sweep.test_tapes import same, singly


class Unread(Strategy):
    """Its `setup` branches, so nobody says what its parts are made of."""

    fast = param(5, low=2, high=99)
    slow = param(9, low=2, high=99)

    def setup(self):
        self.averages = self.per_symbol(SMA, self.fast)
        if self.slow > 50:
            self.averages = self.per_symbol(SMA, self.slow)


def grid(**space):
    """Every combination."""
    return [dict(zip(space, values, strict=True)) for values in product(*space.values())]


def bars(count, symbols=1):
    """A market of which nobody asks more than how many bars it has."""
    return SimpleNamespace(symbols=["S"] * symbols, symbol=[0], time=range(count))


@pytest.mark.parametrize(
    ("strategy", "sets", "market", "is_often"),
    [
        (Crossover, grid(fast=range(2, 9), slow=range(10, 17)), bars(99), True),
        (Crossover, grid(fast=[2, 3], slow=[5, 6]), bars(99), False),  # each twice
        (Crossover, grid(fast=range(2, 12), slow=[20, 30]), bars(99), False),  # ten of fast, each twice
        (Crossover, grid(fast=[2], slow=[5], quantity=[float(each) for each in range(9)]), bars(99), True),
        (Crossover, [{"fast": 2}] * 6 + [{"slow": 9}], bars(99), False),  # what one states another does not
        (Crossover, [], bars(99), False),
        (Crossover, grid(quantity=[float(each) for each in range(9)]), bars(99), False),  # no part of it varies
        (Unread, grid(fast=range(2, 9), slow=range(10, 17)), bars(99), True),
        (Unread, grid(fast=range(2, 9), slow=range(10, 14)), bars(99), False),
        (Crossover, grid(fast=range(2, 9), slow=range(10, 17)), bars(1_100_000), True),
        (Crossover, grid(fast=range(2, 9), slow=range(10, 17)), bars(1_300_000), False),  # no room for 14 tapes
        (Crossover, grid(fast=range(2, 9), slow=range(10, 17)), bars(13_000, symbols=100), False),
    ],
)
def test_what_is_read_often(strategy, sets, market, is_often):
    assert is_read_often(strategy, sets, market) is is_often


def test_the_first_cells_of_many_are_asked_about_with_those_that_follow(monkeypatch):
    """As executors give a few first: they lay out the engine that all of them run in, and no other."""
    sets = sets_of(grid(fast=range(2, 9), slow=range(10, 17)))
    assert is_read_often(Crossover, sets[:4], bars(99))
    assert not is_read_often(Crossover, sets[-4:], bars(99))
    assert not is_read_often(Crossover, list(sets)[:4], bars(99))
    laid = []
    first = Block._first
    monkeypatch.setattr(Block, "_first", lambda self, *given: laid.append(given) or first(self, *given))
    data = stratofold.sample("SPY", start="2014-01-02", end="2014-12-31")
    stratofold.sweep(Crossover, data, fast=range(2, 9), slow=range(10, 17), execution="compiled")
    assert len(laid) == 1


@pytest.fixture(scope="module")
def pair():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")


def test_a_block_that_is_asked_for_more_tapes_what_it_computed_before(pair):
    """Few cells are done without; many read tapes, whose symbols lie side by side; the next market's do so from the first."""
    few, many = grid(fast=[3, 4], slow=[9, 12]), grid(fast=range(3, 9), slow=range(10, 16))
    options = Options()
    first = Block(Crossover, pair, options, execution="compiled")
    assert same(first.run(few), singly(Crossover, pair, few))
    assert first._tapes is None
    assert same(first.run(many), singly(Crossover, pair, many))
    assert first._tapes.takes_all
    columns = [kept.things[0].tape_result for kept in first._tapes._kept.values()]
    assert len(columns) == 12
    assert all(thing.tape_result in columns for kept in first._tapes._kept.values() for thing in kept.things)
    later = stratofold.sample("SPY", "AAPL", start="2015-06-01", end="2015-12-31")
    second = Block(Crossover, later, options, execution="compiled", before=first)
    assert same(second.run(few), singly(Crossover, later, few))
    assert second._tapes.takes_all


def test_where_there_is_no_room_each_cell_computes_its_own(pair, monkeypatch):
    monkeypatch.setattr(reuse, "BYTES_MAX", 1_000)
    many = grid(fast=range(3, 9), slow=range(10, 16))
    one = Block(Crossover, pair, Options(), execution="compiled")
    assert same(one.run(many), singly(Crossover, pair, many))
    assert one._tapes is None


def test_where_there_turns_out_to_be_no_room_each_cell_computes_its_own(pair, monkeypatch):
    """What an object shows takes room too, which nobody knows beforehand; tapes are not written again and again then."""
    monkeypatch.setattr(tapes, "BYTES_MAX", 20_000)
    many = grid(fast=range(3, 9), slow=range(10, 16))
    one = Block(Crossover, pair, Options(), execution="compiled")
    wanted = singly(Crossover, pair, many)
    for _ in range(2):
        assert same(one.run(many), wanted)
        assert one._tapes is None
    second = Block(Crossover, pair, one.options, execution="compiled", before=one)
    assert same(second.run(many), wanted)
    assert second._tapes is None
