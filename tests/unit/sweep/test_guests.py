"""Strategies that are made again of what is kept: when that may be, and that it changes nothing."""

from __future__ import annotations

import random
import time
import types
from array import array
from math import copysign

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import Limits, Strategy, indicators, param
from stratofold.research.prepare import Options
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.guests import Guests
from stratofold.research.sweep.settled import parameters_read, reads_of
from stratofold.strategies import Crossover, DonchianBreakout

_SCALE = 2
_made = [0]


def daily(count: int, symbols: int = 1):
    """Days of random walks."""
    draw = np.random.default_rng(3)
    close = np.round(100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, (count, symbols)), axis=0)), 2).ravel()
    time_ns = np.repeat(1_514_851_200_000_000_000 + 86_400_000_000_000 * np.arange(count), symbols)
    columns = {"time": time_ns} | dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": close * 0 + 1e6}
    names = {"symbol": np.tile([f"S{number}" for number in range(symbols)], count)} if symbols > 1 else {}
    return stratofold.read(pl.DataFrame(columns | names))


class Reads(Strategy):
    """Reads two parameters in `setup`, one of them by a constant of the module, and a third in its hook."""

    fast = param(3, low=1, high=50)
    slow = param(7, low=1, high=50)
    units = param(1.0, low=0.0, high=9.0)
    pace = param(1)

    def setup(self) -> None:
        """Averages, a window, and objects of the user's own."""
        self.quick = self.per_symbol(indicators.SMA, min(self.fast, 40))
        self.steps = array("d", [0.0] * (self.slow * _SCALE))
        self.sides = self.per_symbol(Side, 1)
        self.count = 0
        for number in range(self.symbol_count):
            self.count = self.count + number
        if self.fast < 1:
            raise ValueError(time.time())

    def on_bar(self, bar, book):
        """Turns as its sums say."""
        self.count += 1 if self.pace > 0 else 2
        place = self.count % len(self.steps)
        mean = self.quick[bar.symbol].update(bar.close)
        self.steps[place] += bar.close
        side = self.sides[bar.symbol]
        if mean > bar.close and side.now != 1:
            side.now = 1
            book.target_quantity(bar.symbol, self.units)
        elif self.steps[place] > 3.0 * bar.close and side.now == 1:
            side.now = -1
            self.steps[place] = 0.0
            book.target_quantity(bar.symbol, 0.0)


class Side:
    """Of the user's own."""

    def __init__(self, first: int) -> None:
        """Where it begins."""
        self.now = 0
        self.first = first


class Counting:
    """What it is depends on how many there were."""

    def __init__(self) -> None:
        """One more."""
        _made[0] += 1
        self.number = _made[0]


class Shared:
    """Its window is that of all that are made without one."""

    def __init__(self, window: array = array("d", [0.0])) -> None:  # noqa: B008  that is the point
        """As given."""
        self.window = window


class Adding:
    """Its operators and its length are not Python's own."""

    def __add__(self, other: int) -> int:
        """Another one each time."""
        _made[0] += other
        return _made[0]

    def __len__(self) -> int:
        """Another one each time."""
        return self + 1


class Now:
    """An attribute that is asked for anew whenever it is read, and of its class is none."""

    def __get__(self, thing: object, owner: type) -> float | None:
        """The time."""
        return None if thing is None else time.time()

    def __set__(self, thing: object, value: float) -> None:
        """Nothing is kept."""


class Today:
    """A number of the class, another one each time."""

    def __get__(self, thing: object, owner: type) -> float:
        """The time."""
        return time.time()


def _module_that_answers() -> types.ModuleType:
    """A module that makes up what it has."""
    found = types.ModuleType("answering")
    found.__getattr__ = lambda _: time.time()  # type: ignore[method-assign]
    return found


def _setup(body: str, **scope: object) -> type[Strategy]:
    """A strategy whose `setup` has one statement; its source is where the compiler looks for it."""
    import linecache

    text = f"class Odd(Strategy):\n    fast = param(3)\n    table = array('d', [1.0])\n    now, today = Now(), Today()\n\n    def setup(self):\n        {body}\n"
    file = f"<odd {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {
        "Strategy": Strategy,
        "param": param,
        "array": array,
        "SMA": indicators.SMA,
        "random": random,
        "time": time,
    }
    names |= {"Counting": Counting, "Shared": Shared, "Adding": Adding, "answering": _module_that_answers()}
    names |= {"Now": Now, "Today": Today, "__name__": __name__} | scope
    exec(compile(text, file, "exec"), names)  # noqa: S102  a test's own text
    return names["Odd"]  # type: ignore[return-value]


@pytest.mark.parametrize(
    "body",
    [
        "self.level = time.time()",
        "self.level = random.random()",
        "self.level = random.Random(1).random()",
        "self.ours = self.per_symbol(Counting)",
        "self.ours = self.per_symbol(Shared)",
        "self.ours = [Counting() for _ in range(2)]",
        "self.quick = self.per_symbol(SMA, 3); self.quick[0].update(1.0)",
        "self.quick = self.per_symbol(lambda: SMA(3))",
        "self.model = self.artifact('model')",
        "self.fast = self.fast + 1",
        "self.level = self.helper()",
        "self.level = self.table",
        "self.level = state[0]",
        "self.level = len(state)",
        "state.append(1)",
        "vars(self)['level'] = 1",
        "self.level = max(x := self.fast, 2)",
        "global state",
        "self = state",
        "self.rows = [self.fast for self in range(3)]",
        "for each in self.per_symbol(SMA, 3): each.period = 4",
        "self.rows = sorted([3, self.fast])",
        "super().setup()",
        "self.level = Adding() + 1",
        "self.level = len(Adding())",
        "self.now = 1.0; self.level = self.now",
        "self.level = self.today",
        "self.level = answering.level",
        "self.rows = [state for state in range(2)]; self.level = state[0]",
    ],
)
def test_a_setup_that_may_depend_on_more_than_parameters_is_not_taken_for_settled(body):
    assert parameters_read(_setup(body, state=[1])) is None


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("self.level = 1.0", set()),
        ("self.level = -self.fast * 2 if self.fast > 3 else abs(-1)", {"fast"}),
        ("self.quick = self.per_symbol(SMA, period=self.fast)", {"fast"}),
        ("self.first = self.symbol('SPY')", set()),
        ("self.rows = [array('d', [0.0] * n) for n in range(1, self.fast)]", {"fast"}),
        ("if self.fast > 3: raise ValueError(time.time())", {"fast"}),
    ],
)
def test_what_a_settled_setup_reads_is_known(body, reads):
    assert parameters_read(_setup(body)) == reads


def test_a_class_that_minds_its_attributes_is_not_settled():
    class Minding(Reads):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)

    class Beginning(Reads):
        def __init__(self):
            super().__init__()

    assert parameters_read(Reads) == {"fast", "slow"}
    assert parameters_read(Minding) is None
    assert parameters_read(Beginning) is None


def assert_same(found, expected):
    """Cells to the bit."""
    assert found.errors == expected.errors == [""] * len(found)
    for name, column in expected.columns.items():
        assert found.columns[name].tobytes() == column.tobytes(), name


def sets_of(strategy, whole, real, count=48):
    """Sets of parameters in which what `setup` reads comes again and again."""
    draw = random.Random(1)
    return [{name: draw.randint(3, 6) for name in whole} | {real: 0.5 + k % 3} for k in range(count)]


STRATEGIES = [
    (Crossover, ("fast", "slow"), "quantity"),
    pytest.param(Reads, ("fast", "slow"), "units", marks=pytest.mark.nightly),
    pytest.param(DonchianBreakout, ("entry", "leave"), "stop_ranges", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize(("strategy", "whole", "real"), STRATEGIES)
def test_cells_of_what_is_kept_equal_cells_made_anew(strategy, whole, real, monkeypatch):
    """Cell after cell in one block, against strategies that are all built."""
    market, sets = daily(260, symbols=2), sets_of(strategy, whole, real)
    block = Block(strategy, market, Options(), execution="compiled")
    found = block.run(sets)
    guests = next(iter(block._laid.values())).guests
    assert (guests._lists and guests._guests) or block._tapes is not None  # whose `setup` may run but once
    monkeypatch.setattr("stratofold.research.sweep.guests.reads_of", lambda _: None)
    plain = Block(strategy, market, Options(), execution="compiled")
    assert_same(found, plain.run(sets))
    assert not next(iter(plain._laid.values())).guests._lists


def test_a_cell_counts_rows_and_keeps_none():
    """Refusals are counted without a row, cell after cell, as a backtest counts its own."""
    market, limits = daily(260), Limits(position_max=1e6, order_quantity_max=1e6, order_notional_max=6_000.0)
    limits.gross_exposure_max = limits.net_exposure_max = limits.leverage_max = limits.orders_per_minute_max = 1e9
    sets = [{"fast": 2, "slow": slow, "quantity": 60.0} for slow in (5, 8, 13, 21, 34)]
    block = Block(Crossover, market, Options(limits=limits), execution="compiled")
    counted = block.run(sets).columns["refusals"].tolist()
    runs = [stratofold.backtest(Crossover, market, limits=limits, execution="interpreted", **one) for one in sets]
    assert counted == [len(run.refusals) for run in runs]
    assert sum(counted) > 10
    logs = block._engine.logs
    assert [len(log.wholes) for log in (logs.orders, logs.fills, logs.trades, logs.refusals)] == [0, 0, 0, 0]


class Parts(Strategy):
    """Everything that an attribute may be: lists, one of them named twice, numbers, an array, an object; and an error."""

    fast = param(3, low=1, high=50)
    slow = param(7, low=1, high=50)
    share = param(0.5, low=-1.0, high=1.0)
    eager = param(False)

    def setup(self) -> None:
        """One attribute a statement; `both` depends on what it is made of."""
        self.quick = self.per_symbol(indicators.SMA, self.fast)
        self.again = self.quick
        self.sides = self.per_symbol(Side, 1)
        self.least = self.fast * 0.25
        self.both = self.least + self.slow
        self.heard = array("q", [0]) * self.symbol_count
        self.last = indicators.EMA(4)
        self.signed = self.per_symbol(Signed, self.share)

    def on_bar(self, bar, book):
        """Turns as its numbers say."""
        symbol = bar.symbol
        self.heard[symbol] += 1
        if self.fast == 13 and self.heard[symbol] > 40:
            raise ValueError("thirteen is no window")
        mean = self.again[symbol].update(bar.close)
        smooth = self.last.update(bar.close) if symbol == 0 else mean
        self.least += 0.001
        side = self.sides[symbol]
        wanted = self.signed[symbol].of(mean - smooth + self.least - 1.0) + self.heard[symbol] % self.both * 0.01
        if self.eager:
            book.target_quantity(symbol, self.heard[symbol] % 3)
        elif wanted > 0.0 and side.now != 1:
            side.now = 1
            book.target_quantity(symbol, self.both)
        elif wanted < 0.0 and side.now == 1:
            side.now = -1
            book.target_quantity(symbol, 0.0)


class Signed:
    """Tells one zero from the other."""

    def __init__(self, share: float) -> None:
        """As given."""
        self.share = share

    def of(self, value: float) -> float:
        """The value, with the share's sign."""
        return copysign(value, self.share) + self.share


def test_cells_put_together_of_parts_equal_cells_made_anew(monkeypatch):
    """Most cells of a grid are parts that others had, and both zeros are parts of their own."""
    market = daily(150, symbols=2)
    sets = [
        {"fast": fast, "slow": slow, "share": share, "eager": slow + fast == 7}
        for fast in (2, 3, 5)
        for slow in (4, 9)
        for share in (0.0, -0.0, 0.5, -0.25)
    ]
    block = Block(Parts, market, Options(), execution="compiled")
    made = []
    seat = Guests.seat
    monkeypatch.setattr(Guests, "seat", lambda self, *given, **more: made.append(1) or seat(self, *given, **more))
    found = block.run(sets)
    assert len(made) < len(sets) // 2
    assert_same(block.run(sets[::-1]), type(found)({n: c[::-1] for n, c in found.columns.items()}, found.errors))
    assert len(set(found.columns["traded_value"].tolist())) > len(sets) // 4
    for row in (0, 1, 5, 10, 14, 23):
        assert_same(
            type(found)({n: c[row : row + 1] for n, c in found.columns.items()}, [""]),
            Block(Parts, market, Options(), execution="interpreted").run(sets[row : row + 1]),
        )


def test_what_an_attribute_depends_on_is_read_off_setup():
    """An attribute by those that it is made of; none where a statement may decide about another, or of an error."""
    assert reads_of(Crossover).parts == {
        "fast_average": {"fast"}, "slow_average": {"slow"}, "signal": set(),
    }  # fmt: skip
    assert reads_of(Parts).parts["both"] == {"fast", "slow"}
    assert reads_of(Parts).parts["again"] == {"fast"}
    assert reads_of(Reads).parts is None


def test_legs_of_what_is_kept_equal_whole_runs():
    market, sets = daily(200), sets_of(Crossover, ("fast", "slow"), "quantity")
    whole = Block(Crossover, market, Options(), execution="compiled").run(sets)
    block = Block(Crossover, market, Options(), execution="compiled")
    states = block.run(sets, Leg(keep=120, ends=False)).states
    assert all(states)
    assert block._laid[False].guests._guests
    assert_same(block.run(sets, Leg(begun=tuple(states))), whole)


@pytest.mark.nightly
def test_a_number_that_no_machine_holds_is_left_to_python():
    """Only a hook reads it, so the strategy is one that is kept."""
    sets = [{"fast": 3, "slow": 5, "pace": pace} for pace in (1, 1, 1, 2**70, 1)]
    found = Block(Reads, daily(60), Options(), execution="compiled").run(sets)
    assert_same(found, Block(Reads, daily(60), Options(), execution="interpreted").run(sets))


def test_a_parameter_that_no_run_accepts_is_refused_as_ever():
    block = Block(Crossover, daily(50), Options(), execution="compiled")
    found = block.run([{"fast": 3}, {"fast": 3}, {"fast": 3}, {"fast": 999}, {"fsat": 3}, {"fast": 3.5}])
    assert [error[:5] for error in found.errors] == ["", "", "", "SF102", "SF100", "SF101"]


def test_what_is_kept_has_an_end(monkeypatch):
    market, sets = daily(50), [{"fast": 2 + k % 40, "slow": 40 + k % 7} for k in range(200)]
    expected = Block(Crossover, market, Options(), execution="compiled").run(sets)
    monkeypatch.setattr("stratofold.research.sweep.guests._BYTES_MAX", 20_000)
    block = Block(Crossover, market, Options(), execution="compiled")
    assert_same(block.run(sets), expected)
    assert block._laid[False].guests._size <= 20_000
