"""The fold written flat is the fold: the same bytes at the end, wherever it is broken off, and the user's own lines."""

import dis
import functools
import math
import sys
import traceback
from array import array
from types import FunctionType

import pytest

from stratofold import Fees, Slippage, Strategy, at_close, backtest, param, sample, strategies
from stratofold.fold.costs import Latency
from stratofold.fold.run import CROWDED
from stratofold.fold.run import run as fold_run
from stratofold.fold.state import restore, save
from stratofold.indicators import SMA
from stratofold.research import execute
from stratofold.research.flat import program
from stratofold.research.flat.kinds import Graph
from stratofold.research.flat.loops import loop_of
from stratofold.research.plain import plain, plain_state
from stratofold.research.prepare import Options, prepare

SHIPPED = [getattr(strategies, name) for name in strategies.ON_BARS]
HOUR = 3_600_000_000_000
OPCODES_A_DAILY_BAR = 600  # CPython 3.11 takes 556


@pytest.fixture(scope="module", params=[("SPY",), ("SPY", "AAPL")], ids=["one", "two"])
def market(request):
    """Two years of one symbol, or of two, with a split of seven for one, and dividends."""
    return sample(*request.param, start="2013-06-03", end="2015-05-29")


@pytest.fixture
def strategy(request, market):
    """A shipped strategy, on symbols enough for it."""
    if request.param is strategies.Pairs and len(market.symbols) == 1:
        pytest.skip("a pair is of two symbols")
    return request.param


shipped = pytest.mark.parametrize("strategy", SHIPPED, ids=lambda each: each.__name__, indirect=True)


def busy(**changes):
    """Costs, a cap, sampled latency, the full curve, borrowing, and logs that must be lengthened."""
    stated = {
        "fees": Fees(per_share=0.005, minimum=1.0, maximum_fraction=0.01),
        "slippage": Slippage(spread=0.0004, impact=0.1),
        "latency": Latency(samples=array("q", [0, HOUR, 30 * HOUR]), seed=7),
        "volume_cap": 1e-4,
        "borrow_rate": 0.02,
        "equity_curve": True,
        "capacity": 1,
        "log_rows": 1,
    }
    return Options(**{**stated, **changes})


QUIET = {"latency": None, "equity_curve": False, "borrow_rate": 0.0, "capacity": 0, "log_rows": 256}


def everything(run):
    return save(run.engine) + save(run.strategy)


def heard(run, is_flat, stop=None, may_tune=True):
    """The run to its end, or to `stop`; flat, with the hook in the loop if it `may_tune`, or as the fold is."""
    feed = plain(run.feed)
    with plain_state(run.engine, run.strategy):
        if is_flat:
            hear = program.flat_run(run.engine, run.strategy, feed, may_tune=may_tune)
            assert hear is not None
        else:

            def hear(until):
                return fold_run(run.engine, run.strategy, feed, until)

        while hear(run.events if stop is None else stop) == CROWDED:
            run.engine.logs.make_room()
    return run


@pytest.mark.parametrize("changes", [{}, QUIET], ids=["busy", "quiet"])
@shipped
def test_flat_ends_in_the_same_bytes(strategy, market, changes):
    expected = everything(heard(prepare(strategy, market, busy(**changes), {}), is_flat=False))
    assert everything(heard(prepare(strategy, market, busy(**changes), {}), is_flat=True)) == expected


@shipped
def test_broken_off_and_restored_into_fresh_objects(strategy, market):
    expected = everything(heard(prepare(strategy, market, busy(), {}), is_flat=False))
    run = prepare(strategy, market, busy(), {})
    for stop in (1, 2, 57, 58, 311, run.events):
        run, before = prepare(strategy, market, busy(), {}), heard(run, is_flat=True, stop=stop)
        restore(run.engine, save(before.engine))
        restore(run.strategy, save(before.strategy))
        assert run.engine.done == stop
        assert everything(run) == everything(before)
    assert everything(run) == expected


@pytest.mark.parametrize("strategy", [strategies.Crossover, strategies.Momentum], ids=lambda each: each.__name__)
def test_a_hook_that_does_not_stand_in_the_loop_does_the_same(strategy, market):
    expected = everything(heard(prepare(strategy, market, busy(**QUIET), {}), is_flat=False))
    assert everything(heard(prepare(strategy, market, busy(**QUIET), {}), is_flat=True, may_tune=False)) == expected


@pytest.mark.parametrize("may_tune", [False, True], ids=["beside the loop", "in the loop"])
def test_hooks_are_written_and_not_only_called(market, may_tune, monkeypatch):
    for name in ("_tunings", "_hooks"):
        monkeypatch.setattr(program, name, {})  # other tests leave hooks that are rightly not in a loop
    run = prepare(strategies.Crossover, market, busy(**QUIET), {})
    heard(run, is_flat=True, may_tune=may_tune)
    kept = program._tunings if may_tune else program._hooks
    written = [each for key, each in kept.items() if strategies.Crossover.on_bar in key]
    assert [each is not None for each in written] == [True] * len(written) != []


def opcodes(run, hear):
    """How many opcodes CPython takes for two hundred bars, the first hundred apart."""
    counted = [0]

    def trace(frame, *_):
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    def count(_, event, __):
        counted[0] += event == "opcode"
        return count

    with plain_state(run.engine, run.strategy):
        hear(100)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            hear(300)
        finally:
            sys.settrace(before)
    return counted[0]


def test_each_step_towards_flat_takes_fewer_opcodes(market):
    taken = []
    for how in (None, False, True):
        run = prepare(strategies.Crossover, market, busy(**QUIET), {})
        if how is None:
            hear = functools.partial(fold_run, run.engine, run.strategy, plain(run.feed))
        else:
            hear = program.flat_run(run.engine, run.strategy, plain(run.feed), may_tune=how)
        taken.append(opcodes(run, hear))
    plainly, beside, inside = taken
    assert beside < 0.85 * plainly
    assert inside < 0.97 * beside


def test_a_daily_bar_takes_so_many_opcodes():
    """Each turns a session: what that costs decides the floor of five milliseconds for five years."""
    run = prepare(strategies.Crossover, sample("SPY", start="2015-01-02", end="2016-12-30"), Options(), {})
    hear = program.flat_run(run.engine, run.strategy, plain(run.feed))
    assert opcodes(run, hear) / 200 < OPCODES_A_DAILY_BAR


# What a user's code may do to what was taken for fixed.


class Renews(Strategy):
    """Makes its averages anew in the middle of a run."""

    period = param(5, low=2, high=50)

    def setup(self) -> None:
        self.average = self.per_symbol(SMA, self.period)
        self.seen = 0
        self.last = 0.0

    def on_bar(self, bar, book):
        self.seen += 1
        if self.seen % 40 == 0:
            self.average = self.per_symbol(SMA, 3 + self.seen % 7)
        self.last = self.average[bar.symbol].update(bar.close)
        book.target_quantity(bar.symbol, 10.0 if bar.close > self.last else 0.0)


class Replaces(Strategy):
    """Puts another object into a list in the middle of a run."""

    def setup(self) -> None:
        self.averages = self.per_symbol(SMA, 5)
        self.seen = 0

    def on_bar(self, bar, book):
        self.seen += 1
        if self.seen % 40 == 0:
            self.averages[bar.symbol] = SMA(9)
        book.target_quantity(bar.symbol, 10.0 if bar.close > self.averages[bar.symbol].update(bar.close) else 0.0)


class Doubled(SMA):
    """Another class with the same words."""

    def update(self, value):
        return super().update(value * 2.0) / 2.0


class Mixes(Strategy):
    """Two classes in one list, and a method that an object has of its own."""

    def setup(self) -> None:
        self.pair = [SMA(5), Doubled(7)]
        self.seen = 0

    def on_bar(self, bar, book):
        self.seen += 1
        each = self.pair[self.seen % 2]
        value = each.update(bar.close)
        self.pair[0].update(bar.close)
        if value == value:
            book.target_weight(bar.symbol, 0.5 if bar.close > value else 0.1)


class Wanders(Strategy):
    """Returns early, chooses, chains and counts down."""

    def setup(self) -> None:
        self.level = 0.0
        self.calls = 0

    def first_above(self, values, level):
        for value in values:
            if value > level:
                return value
        return level

    def stage(self, bar):
        self.calls += 1
        if bar.close > self.level:
            self.level = bar.close
            return 2
        if self.calls % 3:
            if bar.volume > 0.0:
                return 1
        else:
            self.level *= 0.999
        return 0

    def rank(self, bar):
        return self.stage(bar) + self.calls * 0

    def on_bar(self, bar, book):
        low = self.calls
        total = low + self.rank(bar) * 10
        if self.stage(bar) and low < self.calls <= low + 2 and self.first_above((bar.open, bar.high), bar.low) > 0.0:
            total += self.rank(bar) if bar.open < bar.close else self.stage(bar)
        while self.stage(bar) == 2 and total > 0:
            total -= 1
        book.target_quantity(bar.symbol, float(abs(total) % 40))


class Counts(Strategy):
    """A word of `math`, a property of its own, a number that a call changes behind a name's back, and early returns."""

    def setup(self) -> None:
        self.seen = 0
        self.level = 1.0
        self.helper = Helper()

    @property
    def doubled(self):
        self.level += 1.0
        return self.level * 2.0

    def on_bar(self, bar, book):
        self.seen += 1
        if self.seen < 20:
            return
        before = self.level
        total = self.level + self.doubled + math.sqrt(bar.close)
        self.level = before if total > 200.0 else self.level
        self.helper.moves(self)
        if self.seen % 5 == 0 and self.level > before - 1.0:
            book.target_quantity(bar.symbol, float(int(total + self.seen) % 30))


class Helper:
    """Changes another object."""

    def moves(self, other):
        for _ in range(3):
            other.level -= 0.25
            if other.level < 0.0:
                return


CAREFUL = (Renews, Replaces, Mixes, Wanders, Counts)


@pytest.mark.parametrize("strategy", CAREFUL, ids=lambda each: each.__name__)
def test_what_a_user_changes_is_not_taken_for_fixed(strategy, market):
    expected = everything(heard(prepare(strategy, market, busy(**QUIET), {}), is_flat=False))
    run = heard(prepare(strategy, market, busy(**QUIET), {}), is_flat=True)
    assert run.engine.logs.fills.count > 10
    assert everything(run) == expected


class Stumbles(Strategy):
    """Raises on a day, two functions deep."""

    def setup(self) -> None:
        self.seen = 0

    def helper(self, close):
        self.seen += 1
        return close / (300 - self.seen)

    def on_bar(self, bar, book):
        book.target_quantity(bar.symbol, float(int(self.helper(bar.close)) % 3))


def test_an_error_names_the_users_own_file_and_line(market):
    with pytest.raises(ZeroDivisionError) as flat:
        heard(prepare(Stumbles, market, busy(**QUIET), {}), is_flat=True)
    with pytest.raises(ZeroDivisionError) as plainly:
        heard(prepare(Stumbles, market, busy(**QUIET), {}), is_flat=False)
    last = [traceback.extract_tb(each.value.__traceback__)[-1] for each in (flat, plainly)]
    assert (last[0].filename, last[0].lineno) == (last[1].filename, last[1].lineno) == (__file__, last[1].lineno)


class RaisesLater(Strategy):
    """Raises where it is told to, each time inside what another part of the fold began."""

    schedule = (at_close(minutes=-30),)
    where = param(0, low=0, high=4)

    def setup(self) -> None:
        self.seen = 0

    def on_bar(self, bar, book):
        self.seen += 1
        if self.seen > 100:
            book.buy(bar.symbol, 1.5 if self.where == 0 else 1.0)
        if self.where == 1 and self.seen > 100:
            raise ValueError("a bar")
        if self.where == 4 and self.seen > 100:
            book.target_quantity(bar.symbol, 1e300)

    def on_fill(self, fill, book):
        if self.where == 2:
            raise ValueError("a fill")

    def on_timer(self, timer, book):
        if self.where == 3 and self.seen > 100:
            raise ValueError("a timer")


@pytest.mark.parametrize("where", range(5), ids=["order", "bar", "fill", "timer", "amount"])
def test_an_error_tells_the_same_place_and_time(market, where):
    told = []
    for is_flat in (False, True):
        run = prepare(RaisesLater, market, busy(**QUIET), {"where": where})
        with pytest.raises(Exception) as raised:  # noqa: PT011  whichever it is, told alike
            heard(run, is_flat)
        told.append(str(execute.told(raised.value, run, market)))
    assert told[0] == told[1]
    assert "2013-" in told[0]
    assert __file__ in told[0]


def test_a_function_that_was_exchanged_is_not_the_old_one(market, monkeypatch):
    heard(prepare(strategies.Crossover, market, busy(**QUIET), {}), is_flat=True)
    monkeypatch.setattr(SMA, "update", lambda self, value: 0.0)
    run = heard(prepare(strategies.Crossover, market, busy(**QUIET), {}), is_flat=True)
    assert run.engine.logs.fills.count == 0


def test_a_loop_serves_every_number_of_bars():
    """Or each new day would have one written anew, which takes longer than most runs."""
    days = [sample("SPY", "AAPL", start="2014-01-02", end=end) for end in ("2014-02-28", "2014-03-03", "2014-12-31")]
    runs = [prepare(strategies.Crossover, each, busy(**QUIET), {}) for each in days]
    loops = {id(loop_of(run.engine, plain(run.feed), may_write=True)) for run in runs}
    assert len({len(run.feed.symbol) for run in runs}) == 3
    assert len(loops) == 1


def test_what_is_heard_often_is_flat_through_the_front_door(monkeypatch):
    data = sample("SPY", start="2013-06-03", end="2015-05-29")
    expected = backtest(Wanders, data, execution="interpreted")
    monkeypatch.setattr(program, "_WORTH_A_HOOK", 0)
    monkeypatch.setattr(program, "_WORTH_A_LOOP", 0)
    asked = []
    monkeypatch.setattr(program, "flat_run", lambda *run, **how: asked.append(run) or WRITTEN(*run, **how))
    found = backtest(
        Wanders,
        data,
        execution="interpreted",
    )
    assert len(asked) == 1
    assert found.fills.to_polars().equals(expected.fills.to_polars())


WRITTEN = program.flat_run


_RENEWED = {"wholes", "reals", "curve"}  # lengthened in place, or stored to on a copy


def test_nothing_of_the_folds_exchanges_an_object_that_it_holds(market):
    """The premise of a path that is walked once: outside of `__init__` nobody stores to an attribute with an object."""
    run = prepare(strategies.Crossover, market, busy(), {})
    found = Graph({"engine": run.engine, "feed": plain(run.feed)}).found
    held = {(cls, name) for (cls, name), kind in found.items() if kind is not None}
    assert len(held) > 40
    for cls in {cls for cls, _ in held}:
        for base in cls.__mro__:
            for name, function in vars(base).items():
                if isinstance(function, FunctionType) and name != "__init__":
                    stored = {step.argval for step in dis.get_instructions(function) if step.opname == "STORE_ATTR"}
                    assert not {attribute for attribute in stored if (cls, attribute) in held} - _RENEWED
