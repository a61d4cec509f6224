"""An engine laid out once serves later runs: every one of them ends as if it were the first."""

import gc
import importlib
import weakref
from array import array
from types import NoneType

import pytest

import stratofold
from stratofold import Fees, Limits, Slippage, Strategy, param
from stratofold.errors import Setup
from stratofold.fold.log import Log
from stratofold.fold.state import fields
from stratofold.research import prepare, seats
from stratofold.research.flat.seat import PlainSeat
from stratofold.strategies import Crossover, DonchianBreakout

EXECUTE = importlib.import_module("stratofold.research.execute")
COSTS = {"fees": Fees(per_value=0.001), "slippage": Slippage(proportional=0.001)}


@pytest.fixture
def data():
    """Three symbols, three years; fresh, so that nobody has a seat on them."""
    return stratofold.sample("SPY", "AAPL", "QQQ").subset(start="2015-01-02", end="2017-12-29")


@pytest.fixture(autouse=True)
def rarely(monkeypatch):
    """No class was heard so often that its interpreted runs leave seats."""
    monkeypatch.setattr(EXECUTE, "is_heard_often", lambda _: False)


@pytest.fixture
def often(monkeypatch, rarely):
    """Every class was."""
    monkeypatch.setattr(EXECUTE, "is_heard_often", lambda _: True)


def run(strategy, data, execution="compiled", **keywords):
    """One backtest."""
    return stratofold.backtest(strategy, data, execution=execution, **keywords)


def taken(monkeypatch):
    """Whether each run from now on found a seat."""
    found = []
    take = seats.take

    def noted(*arguments):
        found.append(take(*arguments))
        return found[-1]

    monkeypatch.setattr(seats, "take", noted)
    return found


def test_every_run_in_a_seat_ends_as_the_interpreted_one(data, monkeypatch):
    """Whatever ran before: other parameters, another strategy, other costs."""
    found = taken(monkeypatch)
    cases = [
        (Crossover, {}), (Crossover, {"fast": 15, "slow": 40, "short": True}), (DonchianBreakout, {}), (Crossover, {}),
        (Crossover, {"quantity": 0.0, "fast": 3}), (Crossover, {"cash": 5_000.0}), (DonchianBreakout, {"entry": 10}),
        (Crossover, COSTS), (Crossover, {**COSTS, "fast": 7}), (Crossover, {"quantity": 1e6}),
    ]  # fmt: skip
    for strategy, keywords in cases:
        assert run(strategy, data, **keywords).fingerprint == run(strategy, data, "interpreted", **keywords).fingerprint
    compiled = found[::2]
    assert [seat is not None for seat in compiled] == [False, True, False, True, True, False, True, False, True, True]
    assert found[1::2] == [None] * len(cases)


def test_a_result_keeps_its_rows_when_the_seat_is_taken_again(data):
    """Frames are asked for late, and are the first run's."""
    first = run(Crossover, data, fast=5, slow=9)
    expected = run(Crossover, data, "interpreted", fast=5, slow=9).fingerprint
    run(Crossover, data, fast=30, slow=60)
    assert first.fingerprint == expected


def test_costs_are_compared_by_value(data, monkeypatch):
    """The same object with other numbers is other costs."""
    fees = Fees(per_value=0.001)
    dear = run(Crossover, data, fees=fees).stats["fees"]
    fees.per_value = 0.0
    found = taken(monkeypatch)
    assert run(Crossover, data, fees=fees).stats["fees"] == 0.0 < dear
    assert found == [None]


class Fussy(Strategy):
    """Raises at a bar of its choice."""

    at = param(0)

    def setup(self):
        """Nothing heard yet."""
        self.heard = 0

    def on_bar(self, bar, book):
        """Buy once, and raise when it is time."""
        self.heard += 1
        if self.heard == 10:
            book.buy(bar.symbol, 5.0)
        if self.heard == self.at:
            raise ValueError("enough")


def test_a_run_that_raises_gives_its_seat_up(data, monkeypatch):
    """And the one after it is as good as the first."""
    expected = run(Fussy, data, "interpreted").fingerprint
    found = taken(monkeypatch)
    assert run(Fussy, data).fingerprint == expected
    with pytest.raises(Setup, match="enough"):
        run(Fussy, data, at=500)
    assert run(Fussy, data).fingerprint == expected
    assert run(Fussy, data).fingerprint == expected
    assert [seat is not None for seat in found] == [False, True, False, True]


class Patient(Strategy):
    """Leaves an order far from the market, now and then, that never fills."""

    each = param(100, low=2)

    def setup(self):
        """Nothing heard yet."""
        self.heard = 0

    def on_bar(self, bar, book):
        """Ask for a price that nobody pays."""
        self.heard += 1
        if self.heard % self.each == 0:
            book.buy(bar.symbol, 3.0, limit=1.0)


def test_orders_that_still_work_are_this_runs(data):
    """However many, and whatever worked when the run before ended."""
    for each in (300, 700, 100, 5000, 200):
        compiled, plain = (run(Patient, data, execution, each=each) for execution in ("compiled", "interpreted"))
        assert len(compiled.orders) == len(data) // each
        assert compiled.fingerprint == plain.fingerprint


class Busy(Strategy):
    """Sends so many orders that the logs must be lengthened."""

    each = param(1, low=1, high=20)

    def on_bar(self, bar, book):
        """In and out."""
        for _ in range(self.each):
            book.buy(bar.symbol, 1.0)
        book.close(bar.symbol)


@pytest.mark.nightly
def test_a_log_that_was_lengthened_leaves_no_seat(data, monkeypatch):
    """The memory of the entry is gone then."""
    expected = run(Busy, data, "interpreted").fingerprint
    found = taken(monkeypatch)
    assert [run(Busy, data).fingerprint for _ in range(2)] == [expected] * 2
    assert found == [None, None]


@pytest.mark.nightly
def test_a_frozen_kernel_has_seats_of_its_own(data, tmp_path, monkeypatch):
    """A seat belongs to the kernel that it was laid out for."""
    path = stratofold.freeze(Crossover, data, tmp_path / "crossover.kernel")
    expected = run(Crossover, data, "interpreted").fingerprint
    found = taken(monkeypatch)
    for execution in ("compiled", "frozen", "frozen", "compiled", "auto"):
        result = run(Crossover, data, execution, kernel=path)
        assert result.fingerprint == expected
        assert result.execution == execution.replace("auto", "compiled")
    assert [seat is not None for seat in found] == [False, False, True, True, True]


def test_limits_are_part_of_what_a_seat_is_for(data):
    """A run without limits may not run in the seat of one with them."""
    tight = Limits(position_max=10.0)
    assert len(run(Crossover, data, limits=tight).refusals) > 0
    assert len(run(Crossover, data).refusals) == 0
    assert len(run(Crossover, data, limits=tight).refusals) > 0


def test_seats_go_with_their_data():
    """Nothing keeps the columns when the data is gone, the last strategy neither."""
    data = stratofold.sample("SPY").subset(start="2015-01-02", end="2017-12-29")
    run(Crossover, data)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_there_is_an_end_to_seats(data):
    """A sweep over costs does not fill the memory."""
    for cash in range(1000, 1000 + 2 * seats._SEATS_MAX):
        run(Crossover, data, cash=float(cash))
    assert len(seats._free[data]) == seats._SEATS_MAX


class TestLists:
    """Interpreted runs of what was heard often leave their engine in lists."""

    CASES = (
        (Crossover, {}), (Crossover, {"fast": 15, "slow": 40, "short": True}), (Crossover, {}),
        (Crossover, {"quantity": 0.0, "fast": 3, "slow": 8}), (Busy, {}), (Busy, {"each": 2}), (Busy, {}),
        (Crossover, {**COSTS, "fast": 4}), (Crossover, {**COSTS, "limits": Limits(position_max=10.0)}),
        (Crossover, {**COSTS, "fast": 30}), (Crossover, {"cash": 5e3}), (Crossover, {"quantity": 1e6, "cash": 5e3}),
    )  # fmt: skip

    def test_every_run_ends_as_the_first(self, data, monkeypatch):
        """Whatever ran before, though logs and tables were lengthened, and whatever the frames show later."""
        data = data.subset(start="2017-01-03")
        expected = [run(strategy, data, "interpreted", **keywords) for strategy, keywords in self.CASES]
        monkeypatch.setattr(EXECUTE, "is_heard_often", lambda _: True)
        for strategy, keywords in self.CASES:
            run(strategy, data, "interpreted", **keywords)  # a seat is left by who was here before
        found = taken(monkeypatch)
        results = [run(strategy, data, "interpreted", **keywords) for strategy, keywords in self.CASES]
        for result, other in zip(results, expected, strict=True):
            assert result.fingerprint == other.fingerprint
            assert result.stats == other.stats
        for name in ("fills", "orders", "trades", "equity"):
            assert getattr(results[6], name).to_polars().equals(getattr(expected[6], name).to_polars())
        assert None not in found

    def test_every_number_is_as_before_the_first_event(self, data, often):
        """Not only those that a result shows."""
        for _ in range(3):
            run(Crossover, data, "interpreted", fast=4, slow=9, short=True)
        (seat,) = seats._free[data].values()
        assert seat.engine.book.next_number > 1
        assert seat.takes(Crossover())
        assert numbers(seat.engine) == numbers(fresh(data))

    def test_one_that_raises_gives_its_seat_up(self, data, often, monkeypatch):
        found = taken(monkeypatch)
        expected = run(Fussy, data, "interpreted").fingerprint
        assert run(Fussy, data, "interpreted").fingerprint == expected
        with pytest.raises(Setup, match="enough"):
            run(Fussy, data, "interpreted", at=500)
        assert [run(Fussy, data, "interpreted").fingerprint for _ in range(2)] == [expected] * 2
        assert [seat is not None for seat in found] == [False, False, True, False, True]

    def test_a_class_that_hears_more_by_now_gets_another_engine(self, data, often, monkeypatch):
        for _ in range(2):
            run(Fussy, data, "interpreted")
        (seat,) = seats._free[data].values()
        assert seat.takes(Fussy())
        monkeypatch.setattr(Fussy, "on_fill", lambda self, fill, book: None, raising=False)
        assert not seat.takes(Fussy())

    def test_nobody_elses_objects_are_written_to(self, data, often):
        """The costs that a run was given say what they were last told to, whoever sits where they sat."""
        costs = Slippage(proportional=0.001)
        for _ in range(2):
            run(Crossover, data, "interpreted", slippage=costs)
        costs.proportional = 0.02
        dear = run(Crossover, data.subset(), "interpreted", slippage=costs).stats  # data of their own have no seats
        run(Crossover, data, "interpreted", slippage=Slippage(proportional=0.001))
        assert costs.proportional == 0.02
        assert run(Crossover, data, "interpreted", slippage=costs).stats == dear

    def test_a_model_of_costs_of_ones_own_leaves_none(self, data, often, monkeypatch):
        class Wide(Slippage):
            """Numbers beside those that it is compared by."""

        found = taken(monkeypatch)
        for _ in range(3):
            run(Crossover, data, "interpreted", slippage=Wide(proportional=0.001))
        assert found == [None] * 3

    def test_auto_takes_one_until_there_is_a_kernel(self, data, often, monkeypatch):
        class Alone(Fussy):
            """A class that nobody has compiled."""

        found = taken(monkeypatch)
        results = [run(Alone, data, "auto") for _ in range(3)]
        assert [result.execution for result in results] == ["interpreted"] * 3
        assert [type(seat) for seat in found] == [NoneType, NoneType, PlainSeat]
        monkeypatch.setattr("stratofold.kernel.is_built", lambda _: True)
        run(Alone, data, "auto")
        assert found[-1] is None
        assert len({result.fingerprint for result in results}) == 1


def fresh(data):
    """An engine that nobody has run."""
    options = prepare.Options()
    return prepare.build_engine(prepare.build_strategy(Crossover, data.symbols, {}, {}), data, options)


def numbers(thing, seen=None):
    """All that an engine holds, as text, without rows of logs that nobody reads."""
    seen = set() if seen is None else seen
    if isinstance(thing, int | float | str):
        return repr(thing)
    if isinstance(thing, array | list):
        return [numbers(each, seen) for each in thing]
    if id(thing) in seen:
        return "again"
    seen.add(id(thing))
    names = ("count",) if isinstance(thing, Log) else fields(thing)
    return {name: numbers(getattr(thing, name), seen) for name in names}
