"""Kernels of a real strategy: built, kept, bound, run, left, frozen, refused."""

import hashlib
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stratofold import kernel
from stratofold.errors import Setup
from stratofold.fold.run import CROWDED
from stratofold.fold.run import run as fold_run
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import SMA
from stratofold.kernel.layout import state_names
from stratofold.market.frames import read
from stratofold.research.prepare import Options, Run, prepare

THRESHOLD = 1e9


class Crossing(Strategy):
    """Long while a short average is above a long one; raises above a threshold."""

    fast = param(5, low=2)
    slow = param(20, low=2)

    def setup(self) -> None:
        """Two averages."""
        self.short = self.per_symbol(SMA, self.fast)
        self.long = self.per_symbol(SMA, self.slow)
        self.last = 0

    def on_bar(self, bar: Any, book: Any) -> None:
        """Cross, and remember the price as a float although it began as an int."""
        if bar.close > THRESHOLD:
            raise ValueError("too high")
        short = self.short[bar.symbol].update(bar.close)
        long = self.long[bar.symbol].update(bar.close)
        self.last = bar.close
        if short > long:
            book.target_quantity(bar.symbol, 10.0)
        elif short < long:
            book.target_quantity(bar.symbol, 0.0)


def market(bars: int = 400) -> Any:
    """A random walk in cents."""
    dice = np.random.default_rng(1)
    close = np.round(100.0 + np.cumsum(dice.normal(0.0, 0.5, bars)), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    time = pd.date_range("2020-01-01", periods=bars, freq="1h", tz="UTC")
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return read(pd.DataFrame({"time": time, "open": opened, "high": high, "low": low, "close": close, "volume": 1e6}))


def run_of(strategy: type[Strategy], **parameters: float) -> Run:
    """A run before its first event."""
    return prepare(strategy, market(), Options(), parameters)


def interpret(run: Run, stop: int) -> None:
    """To `stop`, in Python."""
    feed = type(run.feed)()
    for name in feed.__slots__:
        column = getattr(run.feed, name)
        setattr(feed, name, column.tolist() if hasattr(column, "tolist") else column)
    while fold_run(run.engine, run.strategy, feed, stop) == CROWDED:
        run.engine.logs.make_room()


def state(thing: object, seen: set[int] | None = None) -> list[Any]:
    """Every number below an object, as text."""
    seen = set() if seen is None else seen
    if isinstance(thing, bool | int | float):
        return [float(thing).hex()]
    if hasattr(thing, "typecode"):
        return [thing.tobytes()]
    if isinstance(thing, list):
        return [number for each in thing for number in state(each, seen)]
    if isinstance(thing, str | tuple | dict) or thing is None or id(thing) in seen:
        return []
    seen.add(id(thing))
    return [number for name in state_names(thing) for number in state(getattr(thing, name), seen)]


def living(run: Run) -> list[Any]:
    """Everything but the logs, whose rows past their count are anybody's."""
    engine = run.engine
    counts = [engine.logs.fills.count, engine.logs.orders.count, engine.logs.trades.count]
    return state([engine.book, engine.venue, engine.tally, engine.bar, engine.sessions, run.strategy, counts])


def bound(run: Run) -> kernel.Program:
    """The run's program."""
    objects = (run.engine, run.strategy, run.feed)
    return kernel.build(*objects).bind(*objects)


def test_one_kernel_serves_all_parameters() -> None:
    """Machine code and interpreter end in one state, and a second set of parameters compiles nothing."""
    kernels = set()
    for fast, slow in ((5, 20), (3, 50)):
        wanted = run_of(Crossing, fast=fast, slow=slow)
        interpret(wanted, wanted.events)
        run = run_of(Crossing, fast=fast, slow=slow)
        built = kernel.build(run.engine, run.strategy, run.feed)
        program = built.bind(run.engine, run.strategy, run.feed)
        assert program.run(run.events) == (0, 0)
        program.unpack()
        assert state([run.engine, run.strategy]) == state([wanted.engine, wanted.strategy])
        assert run.engine.logs.fills.count > 5
        kernels.add(built)
        assert kernel.is_at_hand(run.engine, run.strategy, run.feed)
    assert len(kernels) == 1


def test_a_failed_run_is_replayed_to_the_event() -> None:
    """Machine code leaves at the event that raises; its memory goes back; the event raises in Python."""
    run = run_of(Crossing)
    high = run.feed.close.copy()
    high[123] = 2e9
    run.feed.close = high
    program = bound(run)
    before = living(run)
    status, _ = program.run(run.events)
    assert status != 0
    heard = int(program.number("bar_index") + program.number("event_index"))
    assert run.feed.close[int(program.number("bar_index"))] == 2e9
    program.restore()
    assert living(run) == before
    assert program.run(heard) == (0, 0)
    program.unpack()
    wanted = run_of(Crossing)
    interpret(wanted, heard)
    assert living(run) == living(wanted)
    with pytest.raises(ValueError, match="too high"):
        interpret(run, heard + 1)


def test_python_may_change_the_state_between_two_entries() -> None:
    """After `unpack`, `restore` takes what Python made of the objects; another shape is noticed."""
    run = run_of(Crossing)
    program = bound(run)
    program.run(100)
    program.unpack()
    interpret(run, 150)
    run.engine.logs.make_room()
    program.restore()
    assert program.run(run.events) == (0, 0)
    program.unpack()
    wanted = run_of(Crossing)
    interpret(wanted, run.events)
    assert state(run.strategy) == state(wanted.strategy)
    run.strategy.last = None
    with pytest.raises(kernel.Changed):
        program.restore()


def test_an_exchanged_constant_compiles_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of the module is part of what a kernel was made from."""
    run = run_of(Crossing)
    kernel.build(run.engine, run.strategy, run.feed)
    assert kernel.is_at_hand(run.engine, run.strategy, run.feed)
    monkeypatch.setitem(globals(), "THRESHOLD", 100.0)
    assert not kernel.is_at_hand(run.engine, run.strategy, run.feed)


class Blind(Strategy):
    """Reads a dictionary."""

    def setup(self) -> None:
        """A dictionary."""
        self.seen = {}

    def on_bar(self, bar: Any, book: Any) -> None:
        """Look it up."""
        self.seen[bar.symbol] = bar.close


def test_what_cannot_be_compiled_says_where_and_why() -> None:
    """The user's own file and line, one sentence, and no word of the compiler's."""
    run = run_of(Blind)
    with pytest.raises(kernel.Refused) as refusal:
        kernel.build(run.engine, run.strategy, run.feed)
    line = Blind.on_bar.__code__.co_firstlineno + 2
    place = f"{__file__}:{line}"
    assert (
        str(refusal.value) == f"{place}: Blind.seen is a dict; keep numbers, array('d', ...) and plain objects of those"
    )


def test_a_frozen_kernel_runs_where_nothing_can_be_compiled(tmp_path: Path) -> None:
    """A file, loaded by a process that never imports llvmlite or Numba, ends in the same state."""
    run = run_of(Crossing)
    place = kernel.freeze(run.engine, run.strategy, run.feed, tmp_path / "crossing.kernel", target="x86-64-v2")
    interpret(run, run.events)
    script = (
        "import sys; from tests.unit.kernel.test_program import *; from stratofold import kernel\n"
        f"run = run_of(Crossing); frozen = kernel.load({str(place)!r})\n"
        "program = frozen.bind(run.engine, run.strategy, run.feed); assert program.run(run.events) == (0, 0)\n"
        "program.unpack(); assert 'llvmlite' not in sys.modules and 'numba' not in sys.modules\n"
        "import hashlib; print(hashlib.sha256(repr(state([run.engine, run.strategy])).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = hashlib.sha256(repr(state([run.engine, run.strategy])).encode()).hexdigest()
    assert done.stdout.split()[-1] == wanted
    assert place.stat().st_size <= 100_000


class Other(Crossing):
    """The same layout, other rules."""

    def on_bar(self, bar: Any, book: Any) -> None:
        """Never trade."""
        self.last = math.nan


class Larger(Crossing):
    """One attribute more."""

    def setup(self) -> None:
        """A counter beside the averages."""
        super().setup()
        self.count = 0


@pytest.mark.parametrize(("strategy", "code"), [(Other, "SF626"), (Larger, "SF626")])
def test_a_frozen_kernel_refuses_other_strategies(strategy: type[Strategy], code: str, tmp_path: Path) -> None:
    """Another class, another layout."""
    run = run_of(Crossing)
    frozen = kernel.load(kernel.freeze(run.engine, run.strategy, run.feed, tmp_path / "a.kernel", target="x86-64-v2"))
    other = run_of(strategy)
    with pytest.raises(Setup) as refusal:
        frozen.bind(other.engine, other.strategy, other.feed)
    assert refusal.value.code == code
    assert "freeze" in refusal.value.fix


def test_a_frozen_kernel_refuses_an_edited_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same layout made from other text or numbers."""
    run = run_of(Crossing)
    frozen = kernel.load(kernel.freeze(run.engine, run.strategy, run.feed, tmp_path / "a.kernel", target="x86-64-v2"))
    monkeypatch.setitem(globals(), "THRESHOLD", 5.0)
    with pytest.raises(Setup) as refusal:
        frozen.bind(run.engine, run.strategy, run.feed)
    assert refusal.value.code == "SF627"
