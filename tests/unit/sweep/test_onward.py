"""Cells that go on together from where they stood: whatever they hold, they come to the same bit as from the first bar."""

from array import array

import numpy as np
import pytest

import stratofold
from stratofold import Fees, Strategy, indicators, param
from stratofold.kernel import Program
from stratofold.research.prepare import Options
from stratofold.research.sweep import block, onward
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.onward import alike

SHORT, LONG = "2014-12-31", "2015-03-31"
KEEP, LATER = 180, 260  # events: of both symbols together there are 296 and 418


@pytest.fixture(scope="module")
def markets():
    whole = stratofold.sample("SPY", "AAPL", start="2014-06-02", end=LONG)
    return whole.subset(end=SHORT), whole


@pytest.fixture
def entered(monkeypatch):
    """How many cells have entered where they stood."""
    numbers = []
    each = Program.each

    def noting(self, runs):
        for number in each(self, runs):
            numbers.append(number)
            yield number

    monkeypatch.setattr(Program, "each", noting)
    return numbers


def block_of(strategy, market, **options):
    return Block(strategy, market, Options(fees=Fees(per_share=0.01), **options), execution="compiled")


def figures(cells):
    return {name: np.asarray(column).tobytes() for name, column in cells.columns.items()}, cells.errors


def check(strategy, markets, sets, **options):
    """In three legs, each in a block of its own, on a market that grows; returns the states after the first and the second."""
    first = block_of(strategy, markets[0], **options).run(sets, Leg((), KEEP)).states
    second = block_of(strategy, markets[1], **options).run(sets, Leg(tuple(first), LATER))
    third = block_of(strategy, markets[1], **options).run(sets, Leg(tuple(second.states)))
    whole = block_of(strategy, markets[1], **options).run(sets, Leg((), LATER))
    assert figures(second) == figures(whole)
    assert figures(third) == figures(whole)
    return first, second.states


class Nested:
    """Has a window of its own, and a list of more."""

    def __init__(self, length: int) -> None:
        self.window = array("d", [0.0] * length)
        self.places = [Place(number) for number in range(length)]
        self.none = array("d")


class Place:
    """One of a few, with an array of whole numbers."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = array("q", [0] * (number + 1))


class Holding(Strategy):
    """Holds what a strategy may hold: lists in lists, one array under two names, an object under two names, an
    empty array; raises late, where it is asked to."""

    length = param(3, low=1, high=9)
    units = param(1.0, low=0.0, high=9.0)
    is_long = param(True)
    after = param(0, low=0, high=1_000)

    def setup(self):
        self.inner = Nested(self.length)
        self.again = self.inner
        self.averages = self.per_symbol(indicators.SMA, self.length)
        self.shared = array("d", [1.0] * self.length)
        self.same = self.shared
        self.weights = array("d", [0.5, 2.0, 0.25])
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        if self.count == self.after:
            raise ValueError(f"at {self.count}")
        at = self.count % self.length
        place = self.inner.places[at]
        place.seen[place.number] += bar.symbol + 1
        self.again.window[at] += bar.close * self.weights[self.count % 3]
        self.shared[at] += self.same[at] % 7.0 + place.seen[place.number]
        mean = self.averages[bar.symbol].update(bar.close)
        over = self.inner.window[at] % 10.0 + self.shared[at] % 5.0 > 7.0 and mean == mean
        if over == self.is_long:
            book.target_quantity(bar.symbol, self.units)
        else:
            book.target_quantity(bar.symbol, 0.0)


def test_what_a_strategy_holds_goes_on_with_it(markets, entered):
    """Cells of one shape go on together, whatever their arrays' lengths; those of another shape after them."""
    sets = [{"length": n, "units": u, "is_long": b} for n in (2, 3, 8) for u in (1.0, 3.0) for b in (True, False)]
    states, later = check(Holding, markets, sets)
    assert later == block_of(Holding, markets[1]).run(sets, Leg((), LATER)).states
    assert list(alike(states)) == [(0, 4), (4, 8), (8, 12)], "lists of another length have addresses elsewhere"
    assert entered == 2 * [0, 1, 2, 3] * 3


class Taught(Strategy):
    """Reads an array of somebody else's, which is in no state."""

    units = param(1.0, low=0.0, high=9.0)

    def setup(self):
        self.weights = self.artifact("weights")
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        book.target_quantity(bar.symbol, self.units if bar.close * self.weights[self.count % 4] % 2.0 > 1.0 else 0.0)


def test_what_is_somebody_elses_is_in_no_state(markets, entered):
    """A model's numbers are there in every process: what was changed is put in its place."""
    check(Taught, markets, [{"units": 1.0}, {"units": 2.0}], artifacts={"weights": memoryview(np.arange(4.0))})
    assert entered == []


def test_nor_is_what_is_long_and_never_written(markets, entered, monkeypatch):
    monkeypatch.setattr("stratofold.kernel.standing._READ_MAX", 2)
    check(Holding, markets, [{"length": 3}, {"length": 4}])
    assert entered == []


def test_one_that_fails_fails_alone(markets):
    """Before the stage, between the stage and the end, or not at all."""
    sets = [{"after": after} for after in (0, KEEP + 5, 0, LATER + 9, 0)]
    first = block_of(Holding, markets[0]).run(sets, Leg((), KEEP)).states
    cells = block_of(Holding, markets[1]).run(sets, Leg(tuple(first), LATER))
    assert cells.errors == [
        "",
        f"SF131: Holding raised ValueError: at {KEEP + 5}",
        "",
        f"SF131: Holding raised ValueError: at {LATER + 9}",
        "",
    ]
    assert list(map(bool, cells.states)) == [True, False, True, False, True]
    assert figures(cells) == figures(block_of(Holding, markets[1]).run(sets, Leg((), LATER)))
    middle = block_of(Holding, markets[1]).run(sets, Leg(tuple(first), LATER, ends=False))
    assert list(map(bool, middle.states)) == [True, False, True, True, True], "what has not come to its end may stand"
    assert middle.errors == [""] * 5


def test_logs_are_written_from_their_begin_again(markets):
    """Refusals that have no row any more are counted, over any number of stages."""
    sets = [{"units": 1.0, "length": 3}, {"units": 9.0, "length": 3}]
    check(Holding, markets, sets, log_rows=4, cash=900.0)


def test_many_go_on_in_parts(markets, monkeypatch):
    """Room is taken for some cells at a time."""
    sets = [{"length": 3, "units": float(units)} for units in range(9)]
    (most,) = block_of(Holding, markets[0]).run(sets[-1:], Leg((), KEEP)).states
    monkeypatch.setattr(onward, "_BYTES_MAX", 4 * len(most))
    states, _ = check(Holding, markets, sets)
    assert len(list(alike(states))) in (2, 3)


def test_new_cells_and_such_that_go_on_may_be_mixed(markets, entered):
    sets = [{"length": 3, "units": float(units)} for units in range(6)]
    first = block_of(Holding, markets[0]).run(sets, Leg((), KEEP)).states
    begun = tuple(b"" if number % 3 == 1 else state for number, state in enumerate(first))
    cells = block_of(Holding, markets[1]).run(sets, Leg(begun))
    assert figures(cells) == figures(block_of(Holding, markets[1]).run(sets))
    assert len(entered) == 4


def test_a_state_that_is_not_whole_counts_as_none(markets, entered):
    """Cut short, too long, of another layout, or leading out of itself."""
    sets = [{"length": 3}]
    (state,) = block_of(Holding, markets[0]).run(sets, Leg((), KEEP)).states
    whole = figures(block_of(Holding, markets[1]).run(sets))
    words = np.frombuffer(state, np.uint64)
    for at in (1, 2):  # which layout, how many words
        other = words.copy()
        other[at] += np.uint64(1)
        assert figures(block_of(Holding, markets[1]).run(sets, Leg((other.tobytes(),)))) == whole
    away = words.copy()
    guest = int(words[2] >> np.uint64(32))
    arrays = int(words[4 + int(words[3])] >> np.uint64(32))
    away[len(words) - arrays - guest + int(words[4])] = np.uint64(1 << 40)
    for other in (state[:-8], state + bytes(8), away.tobytes()):
        assert figures(block_of(Holding, markets[1]).run(sets, Leg((other,)))) == whole
    assert entered == []
    assert figures(block_of(Holding, markets[1]).run(sets, Leg((state,)))) == whole
    assert entered == [0]


def test_what_was_left_to_python_is_not_gone_on_from(markets, monkeypatch):
    """Where machine code gives up everything is done again, and nothing is kept of it."""
    sets = [{"length": 3}, {"length": 4}]
    first = tuple(block_of(Holding, markets[0]).run(sets, Leg((), KEEP)).states)
    monkeypatch.setattr(block.Laid, "carry", lambda self, stop: False)
    cells = block_of(Holding, markets[1]).run(sets, Leg(first, LATER))
    monkeypatch.undo()
    assert cells.states == [b"", b""]
    assert figures(cells) == figures(block_of(Holding, markets[1]).run(sets))


def test_no_cells_are_columns_without_numbers(markets):
    cells = block_of(Holding, markets[0]).run([], Leg((), KEEP))
    assert len(cells) == 0
    assert {len(column) for column in cells.columns.values()} == {0}
