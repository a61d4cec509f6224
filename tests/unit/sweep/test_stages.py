"""A run that is broken off and gone on with: the same to the bit, in this market and in a longer one."""

import numpy as np
import pytest

import stratofold
from stratofold import Fees, Limits, Slippage
from stratofold.kernel.standing import Standing
from stratofold.market.data import Actions
from stratofold.research.prepare import Options
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.executors import Work
from stratofold.research.sweep.place import places_of
from stratofold.research.sweep.stages import last_stage, seen, stages_of
from stratofold.strategies import Crossover

SETS = [{"fast": fast, "slow": slow} for fast in (3, 8) for slow in (20, 40)]


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")


def place_of(market, strategy=Crossover, **options):
    (place,) = places_of([strategy], market, Options(**options))
    return place


def block_of(place, execution="compiled"):
    return Block(place.strategy, place.market, place.options, execution=execution)


def same(cells, others):
    return cells.errors == others.errors and all(
        repr(list(cells.columns[name])) == repr(list(others.columns[name])) for name in others.columns
    )


COSTS = {
    "limits": Limits(**dict.fromkeys(Limits.__slots__, float("inf")) | {"position_max": 9.0, "duplicate_seconds": 0.0}),
    "fees": Fees(per_share=0.01, minimum=1.0),
    "slippage": Slippage(proportional=0.001),
}


@pytest.mark.parametrize(
    ("costs", "execution"),
    [({}, "compiled"), pytest.param(COSTS, "compiled", marks=pytest.mark.nightly), (COSTS, "interpreted")],
)
def test_windows_join_to_the_bit(market, costs, execution):
    """A cell in seven windows, each by a block that knows nothing of the one before, is the whole cell."""
    place = place_of(market, **costs)
    whole = block_of(place).run(SETS)
    assert whole.columns["trades"].min() > 0 or costs
    stages = stages_of(place, 7)
    assert len(stages) == 6
    begun = ()
    for stage in stages:
        cells = block_of(place, execution).run(SETS, Leg(begun, stage.events, ends=False))
        begun = tuple(cells.states)
        assert all(begun)
    assert same(block_of(place, execution).run(SETS, Leg(begun)), whole)


@pytest.mark.parametrize("execution", ["compiled", "interpreted"])
def test_days_that_are_added_give_what_the_whole_gives(market, execution):
    """Each state is of a market that ended there, and knew nothing of the next day; rates differ from day to day."""
    rates = {
        day: 0.01 * (number % 5) for number, day in enumerate(("2014-06-02", "2014-12-26", "2014-12-31", "2015-01-05"))
    }
    begun, before, hashed = (), None, ""
    for end in ("2014-12-24", "2014-12-26", "2014-12-31", "2015-01-02", "2015-03-31"):
        place = place_of(market.subset(end=end), **COSTS, risk_free=rates)
        if begun:
            assert seen(place, before) == hashed
        stage = last_stage(place)
        cells = block_of(place, execution).run(SETS, Leg(begun, stage.events))
        assert same(cells, block_of(place).run(SETS))
        begun, before, hashed = tuple(cells.states), stage, seen(place, stage)


def test_a_market_that_was_mended_is_another(market):
    place = place_of(market)
    stage = last_stage(place)
    mended = market.close.copy()
    mended[stage.bars - 1] += 0.01
    assert seen(place_of(market.__class__(**{**vars_of(market), "close": mended})), stage) != seen(place, stage)
    later = market.close.copy()
    later[-1] += 0.01
    assert seen(place_of(market.__class__(**{**vars_of(market), "close": later})), stage) == seen(place, stage)
    assert seen(place_of(market.subset(end="2014-12-31")), stage) == ""


def test_what_becomes_known_late_makes_another_market(market):
    """A dividend of last month, or a symbol's bar of the last day: all that was known before comes first, and is the same."""
    old, new = market.subset(end="2014-12-24"), market.subset(end="2015-01-05")
    columns = ("time", "symbol", "open", "high", "low", "close", "volume")
    kept = {name: getattr(old.actions, name)[:4] for name in old.actions._fields}
    stage = last_stage(place_of(old))
    for amount, dated in ((0, "2014-12-25"), (1, "2014-12-01")):
        time = int(np.datetime64(dated, "ns").astype(np.int64))
        late = {name: np.append(values, values[:amount]) for name, values in kept.items()}
        late["time"] = np.append(kept["time"], np.full(amount, time))
        one, other = (
            with_changes(market, actions=Actions(**actions)) for market, actions in ((old, kept), (new, late))
        )
        before = last_stage(place_of(one))
        assert (seen(place_of(other), before) == seen(place_of(one), before)) == (amount == 0)
    without = np.arange(len(old.time)) != stage.bars - 1
    fewer = with_changes(old, **{name: getattr(old, name)[without] for name in columns})
    before = last_stage(place_of(fewer))
    assert before.bars == stage.bars - 1
    assert seen(place_of(new), before) == ""


def with_changes(market, **changes):
    return market.__class__(**vars_of(market) | changes)


def vars_of(market):
    return {name: getattr(market, name) for name in market.__dataclass_fields__}


def test_a_state_of_another_layout_counts_as_none(market):
    place = place_of(market)
    whole = block_of(place).run(SETS)
    (state, *_) = block_of(place_of(market.subset("SPY"))).run([{"fast": 5, "slow": 60}], Leg((), 100)).states
    assert same(block_of(place).run(SETS, Leg((state,) * len(SETS))), whole)
    assert block_of(place).run(SETS).states == []


@pytest.mark.parametrize("execution", ["compiled", "interpreted"])
def test_a_state_is_where_its_own_cell_stood(market, execution):
    """What is gone on with is the state: another cell's gives another result."""
    place = place_of(market)
    sets = [{"fast": 3, "slow": 20, "quantity": size} for size in (10.0, 20.0)]
    stage = last_stage(place).events // 2
    states = tuple(block_of(place, execution).run(sets, Leg((), stage, ends=False)).states)
    whole = block_of(place).run(sets)
    assert same(block_of(place, execution).run(sets, Leg(states)), whole)
    assert not same(block_of(place, execution).run(sets, Leg(states[::-1])), whole)
    other = "compiled" if execution == "interpreted" else "interpreted"
    assert same(block_of(place, other).run(sets, Leg(states)), whole), "another execution's state counts as none"


def test_work_is_cut_with_its_states():
    work = Work(0, tuple(SETS), Leg((b"1", b"2", b"3", b"4"), 7))
    assert [piece.leg.begun for piece in work.cut(3)] == [(b"1", b"2", b"3"), (b"4",)]
    assert [piece.leg.keep for piece in work.cut(3)] == [7, 7]
    assert [piece.leg.begun for piece in Work(0, tuple(SETS)).cut(2)] == [(), ()]


def test_every_cell_of_a_longer_market_goes_on_from_its_state(market, monkeypatch):
    """What cells share of their work must not send them back to the first bar: in a new process each stands where it stood."""
    taken = []
    leave = Standing.leave
    monkeypatch.setattr(Standing, "leave", lambda self, number: (taken.append(number), leave(self, number)))
    shorter, longer = place_of(market.subset(end="2014-12-31")), place_of(market)
    states = tuple(block_of(shorter).run(SETS, Leg((), last_stage(shorter).events)).states)
    cells = block_of(longer).run(SETS, Leg(states, last_stage(longer).events))
    assert taken == [0, 1, 2, 3]
    assert all(cells.states)
    assert same(cells, block_of(longer).run(SETS))
