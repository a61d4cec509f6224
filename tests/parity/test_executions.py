"""One source, three executions: interpreted, compiled and frozen end in the same bytes, whatever happens on the way.

The bytes compared are the whole state of the engine (book, venue, risk, tally, logs) and of the strategy.  A frozen
kernel is the file that the compiled execution keeps, mapped by the loader; the slow tests freeze for a stated baseline.
"""

import traceback
from array import array
from math import exp, hypot, log, sqrt, tanh

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratofold import Fees, Limits, Setup, Slippage, Strategy, backtest, kernel, param, sample, strategies
from stratofold.fold.costs import Latency
from stratofold.fold.state import restore, save
from stratofold.research.execute import carry, drive, rest
from stratofold.research.freezing import freeze
from stratofold.research.prepare import Options, Run, prepare
from tests.harness import Scripted, build
from tests.reference.chance import case

SHIPPED = [getattr(strategies, name) for name in strategies.ON_BARS]
HOUR = 3_600_000_000_000
shipped = pytest.mark.parametrize("strategy", SHIPPED, ids=lambda each: each.__name__)


@pytest.fixture(scope="module")
def market():
    """Two years with a split of seven for one, and dividends."""
    return sample("SPY", "AAPL", start="2013-06-03", end="2015-05-29")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """The frozen kernel for a run, frozen once for each strategy."""
    kept, folder = {}, tmp_path_factory.mktemp("frozen")

    def of(run: Run, target: str = "native") -> kernel.Kernel:
        kind = type(run.strategy)
        if (kind, target) not in kept:
            path = kernel.freeze(
                run.engine, run.strategy, run.feed, folder / f"{kind.__name__}.{target}", target=target
            )
            kept[kind, target] = kernel.load(path)
        return kept[kind, target]

    return of


def everything(run: Run) -> bytes:
    return save(run.engine) + save(run.strategy)


def interpreted(run: Run, stop: int = -1) -> Run:
    rest(run.engine, run.strategy, run.feed, run.events if stop < 0 else stop)
    return run


def compiled(run: Run, stop: int = -1) -> Run:
    drive(run.engine, run.strategy, run.feed, run.events if stop < 0 else stop)
    return run


def thawed(run: Run, of, target: str = "native") -> Run:
    program = of(run, target).bind(run.engine, run.strategy, run.feed)
    carry(run.engine, run.strategy, run.feed, run.events, program)
    return run


def with_breaks(fresh, stops, execute) -> Run:
    """The run saved and restored into fresh objects at each of `stops`."""
    run = fresh()
    for stop in stops:
        execute(run, min(stop, run.events))
        state = save(run.engine), save(run.strategy)
        run = fresh()
        restore(run.engine, state[0])
        restore(run.strategy, state[1])
    return execute(run)


def busy(**changes) -> Options:
    """Costs, a cap, sampled latency, the full curve, and tables that all have room for one."""
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


# The shipped strategies.


@shipped
def test_the_three_executions_end_in_the_same_bytes(strategy, market, frozen):
    runs = [prepare(strategy, market, busy(), {}) for _ in range(3)]
    expected = everything(interpreted(runs[0]))
    assert runs[0].engine.logs.fills.count > 0
    assert everything(compiled(runs[1])) == expected
    assert everything(thawed(runs[2], frozen)) == expected


@shipped
def test_through_the_front_door_results_are_equal(strategy, market):
    one, two = (backtest(strategy, market, execution=how) for how in ("interpreted", "compiled"))
    assert (one.execution, two.execution) == ("interpreted", "compiled")
    assert dict(one.stats).items() == dict(two.stats).items() or str(dict(one.stats)) == str(dict(two.stats))
    for frame in ("fills", "orders", "trades", "equity", "refusals", "positions"):
        assert getattr(one, frame).to_polars().equals(getattr(two, frame).to_polars()), frame


@shipped
def test_a_table_that_grows_changes_nothing(strategy, market):
    narrow, wide = (
        compiled(prepare(strategy, market, busy(capacity=room, log_rows=room), {})).engine for room in (1, 1024)
    )
    for name in ("fills", "orders", "trades", "refusals", "equity"):
        small, large = getattr(narrow.logs, name), getattr(wide.logs, name)
        assert small.count == large.count
        for column in (*small.WHOLES, *small.REALS):
            assert small.column(column).tobytes() == large.column(column).tobytes(), column
    assert save(narrow.book.ledger) == save(wide.book.ledger)
    assert save(narrow.tally) == save(wide.tally)


@shipped
@settings(max_examples=4)
@given(data=st.data())
def test_parameters_are_data_not_code(strategy, market, frozen, data):
    chosen = {name: data.draw(values_of(declared), name) for name, declared in strategy.parameters().items()}
    stops = sorted(data.draw(st.lists(st.integers(0, 1000), max_size=3), "save and restore at"))
    options = busy(
        latency=Latency(samples=array("q", data.draw(st.lists(st.integers(0, 48 * HOUR), max_size=4), "latency"))),
        cash=data.draw(st.sampled_from((100_000.0, 5_000.0, 1e7)), "cash"),
    )

    def fresh():
        return prepare(strategy, market, options, chosen)

    expected = everything(interpreted(fresh()))
    assert everything(with_breaks(fresh, stops, compiled)) == expected
    assert everything(with_breaks(fresh, stops, interpreted)) == expected
    assert everything(thawed(fresh(), frozen)) == expected


def values_of(declared):
    """Values within a parameter's bounds."""
    if isinstance(declared.default, bool):
        return st.booleans()
    if isinstance(declared.default, int):
        return st.integers(declared.low, declared.high)
    return st.floats(declared.low, declared.high)


@pytest.mark.nightly
@shipped
@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
def test_frozen_for_a_baseline(strategy, market, frozen, target):
    expected = everything(interpreted(prepare(strategy, market, busy(), {})))
    assert everything(thawed(prepare(strategy, market, busy(), {}), frozen, target)) == expected


@pytest.mark.nightly  # by day a kernel of this baseline runs in a process that cannot compile (unit/kernel/test_program)
def test_one_strategy_frozen_for_the_oldest_baseline(market, frozen):
    expected = everything(interpreted(prepare(strategies.Crossover, market, busy(), {})))
    assert everything(thawed(prepare(strategies.Crossover, market, busy(), {}), frozen, "x86-64-v2")) == expected


@pytest.mark.nightly
@shipped
def test_save_and_restore_at_every_event(strategy, market):
    def fresh():
        return prepare(strategy, market.subset(end="2013-12-31"), busy(), {})

    run = fresh()
    assert everything(with_breaks(fresh, range(run.events), compiled)) == everything(interpreted(run))


class Texts(Strategy):
    """Keeps what has no machine code."""

    def setup(self) -> None:
        self.names = ["SPY"]

    def on_bar(self, bar, book) -> None:
        if self.names:
            book.close(bar.symbol)


def test_a_file_serves_other_data_costs_and_parameters(market, tmp_path):
    """Frozen on one symbol's month, run on two symbols' years with fees."""
    path = freeze(
        strategies.Crossover,
        sample("IBM", start="2020-01-02", end="2020-01-31"),
        tmp_path / "x.kernel",
        target="native",
    )
    how = {"fees": Fees(per_share=0.005), "fast": 5, "slow": 9, "short": True}
    one, two = (
        backtest(strategies.Crossover, market, **how, **more)
        for more in ({"execution": "interpreted"}, {"execution": "frozen", "kernel": path})
    )
    assert two.execution == "frozen"
    assert str(dict(one.stats)) == str(dict(two.stats))
    assert one.fills.to_polars().equals(two.fills.to_polars())


def test_what_has_no_machine_code_is_not_frozen(market, tmp_path):
    with pytest.raises(Setup) as caught:
        freeze(Texts, market, tmp_path / "x.kernel")
    assert caught.value.code == "SF113"
    assert caught.value.why
    assert not (tmp_path / "x.kernel").exists()


# Random markets and scripts: every kind of order, latency, halts, splits, several currencies.


def scripted(drawn, capacity=1, limits=None) -> Run:
    engine, strategy, feed = build(*drawn, capacity, limits)
    return Run(engine, strategy, feed, len(feed.time) + len(feed.event_key))


def agree_on(drawn, frozen, stops, limits):
    """Every execution of one case, with and without breaks, against the plain interpreted run."""

    def fresh():
        return scripted(drawn, limits=limits)

    expected = outcome(lambda: interpreted(fresh()))
    assert outcome(lambda: compiled(fresh())) == expected
    assert outcome(lambda: thawed(fresh(), frozen)) == expected
    assert outcome(lambda: with_breaks(fresh, stops, compiled)) == expected
    assert outcome(lambda: with_breaks(fresh, stops, interpreted)) == expected


def outcome(run):
    """Everything that a run comes to, or what its amounts came to that no grid holds: some scripts ruin an account by so much."""
    try:
        return everything(run())
    except OverflowError as raised:
        return str(raised)


seeds = st.integers(0, 2**31 - 1)
breaks = st.lists(st.integers(0, 60), max_size=4).map(sorted)
bounds = st.sampled_from((
    None,
    None,
    Limits(
        position_max=50.0, order_quantity_max=40.0, order_notional_max=2_500.0, gross_exposure_max=6_000.0,
        net_exposure_max=5_000.0, leverage_max=2.0, price_collar=0.03, orders_per_minute_max=9.0,
    ),
))  # fmt: skip


@settings(max_examples=40)
@example(seed=267, stops=[], limits=None)  # a table grows after a bar that moved equity: time passes twice
@example(seed=282, stops=[3], limits=None)  # an amount past 2**53 steps
@example(seed=0, stops=[27], limits=None)  # broken off where no bar follows: the last bar's symbol stays
@given(seed=seeds, stops=breaks, limits=bounds)
def test_random_scripts_agree(frozen, seed, stops, limits):
    agree_on(case(seed), frozen, stops, limits)


@pytest.mark.nightly
@settings(max_examples=3_000, derandomize=False)
@given(seed=seeds, stops=breaks, limits=bounds)
def test_thousands_of_random_scripts_agree(frozen, seed, stops, limits):
    agree_on(case(seed), frozen, stops, limits)


def test_scripts_share_one_kernel():
    """`Scripted` is compiled once: its words are data."""
    assert len(kernel.compile._built.get(Scripted, [])) <= 1


# Machine code that leaves: the genuine exception, at its own line, symbol and time.


class Breaks(Strategy):
    """Does one wrong thing at its `at`-th bar; up to there it trades, so that there is a state to bring back."""

    wrong = param(0, low=0, high=99)
    at = param(301, low=1)

    def setup(self) -> None:
        self.heard = 0
        self.filled = 0
        self.table = array("d", [1.0, 2.0, 3.0, 4.0])
        self.total = 0

    def on_bar(self, bar, book) -> None:
        self.heard += 1
        self.table[self.heard % 4] = bar.close
        book.target_quantity(bar.symbol, 10.0 * (self.heard % 5))
        if self.heard == self.at:
            self.go_wrong(bar, book)

    def on_fill(self, fill, book) -> None:
        self.filled += 1
        if self.wrong == 20 and self.heard >= self.at:
            raise ValueError("a fill nobody wanted")

    def go_wrong(self, bar, book) -> None:
        nothing = self.heard - self.at
        if self.wrong == 0:
            self.table[self.heard] = 1.0
        elif self.wrong == 1:
            self.table[0] = 1.0 / nothing
        elif self.wrong == 2:
            self.total = self.heard // nothing
        elif self.wrong == 3:
            self.table[0] = sqrt(nothing - 1.0)
        elif self.wrong == 4:
            self.table[0] = log(0.0 * nothing)
        elif self.wrong == 5:
            raise ValueError("no more of this")
        elif self.wrong == 6:
            book.buy(bar.symbol, 0.5)
        elif self.wrong == 7:
            book.buy(99, 1.0)
        elif self.wrong == 8:
            book.buy(bar.symbol, 1e300)
        elif self.wrong == 9:
            book.sell(bar.symbol, 5.0, limit=-1.0)
        elif self.wrong == 10:
            self.table[0] = (0.0 - 8.0) ** 0.5 * bar.close
        elif self.wrong == 30:  # no error in Python, and past what a machine holds on the way
            self.total = self.heard * 4611686018427387904 % 1_000_003


WRONGS = {
    0: "IndexError", 1: "ZeroDivisionError", 2: "ZeroDivisionError", 3: "ValueError", 4: "ValueError", 5: "ValueError",
    6: "OrderError", 7: "OrderError", 8: "OverflowError", 9: "OrderError", 10: "ValueError", 20: "ValueError",
}  # fmt: skip


def failure(market, **how) -> tuple[str, ...]:
    """Everything a user sees of a run that fails."""
    with pytest.raises(Setup) as caught:
        backtest(Breaks, market, **how)
    cause = caught.value.__cause__
    own = [frame for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == __file__]
    return type(cause).__name__, str(cause), str(own[-1].line), str(caught.value)


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: f"{wrong}-{WRONGS[wrong]}")
def test_an_exception_is_the_same_in_every_execution(market, frozen, tmp_path, wrong):
    kind, _, _, message = seen = failure(market, execution="interpreted", wrong=wrong)
    assert kind == WRONGS[wrong]
    assert f"{__file__}:" in message
    assert ("AAPL" in message) or ("SPY" in message) or wrong == 7
    assert " UTC" in message
    assert failure(market, execution="compiled", wrong=wrong) == seen
    path = tmp_path / "breaks.kernel"
    run = prepare(Breaks, market, Options(), {})
    path.write_bytes(frozen(run).file)
    assert failure(market, execution="frozen", kernel=path, wrong=wrong) == seen


@pytest.mark.parametrize("at", [1, 2, 1001])
def test_an_exception_at_the_first_and_last_bars(market, at):
    assert failure(market, execution="compiled", wrong=5, at=at) == failure(
        market, execution="interpreted", wrong=5, at=at
    )


def test_the_state_after_an_exception_is_that_of_the_interpreter(market):
    runs = [prepare(Breaks, market, busy(), {"wrong": 1}) for _ in range(2)]
    for run, execute in zip(runs, (interpreted, compiled), strict=True):
        with pytest.raises(ZeroDivisionError):
            execute(run)
    assert everything(runs[0]) == everything(runs[1])


def test_what_only_python_can_count_does_not_end_the_run(market):
    runs = [prepare(Breaks, market, busy(), {"wrong": 30}) for _ in range(2)]
    assert everything(interpreted(runs[0])) == everything(compiled(runs[1]))
    assert runs[1].strategy.total == 301 * 4611686018427387904 % 1_000_003


# Sampled latency draws alike everywhere.


@pytest.mark.parametrize("seed", [1, 12345, 2**31 - 2])
def test_sampled_latency_is_part_of_the_state(market, seed):
    options = busy(latency=Latency(samples=array("q", [0, HOUR, 5 * HOUR, 30 * HOUR]), seed=seed))

    def fresh():
        return prepare(strategies.Crossover, market, options, {"fast": 5, "slow": 9})

    whole = interpreted(fresh())
    assert everything(with_breaks(fresh, [200, 600], compiled)) == everything(whole)
    assert whole.engine.venue.costs.latency.seed_state not in (seed, 1)


def test_seeds_matter(market):
    cash = set()
    for seed in (1, 2, 3, 4):
        options = busy(latency=Latency(samples=array("q", [0, 30 * HOUR]), seed=seed))
        cash.add(interpreted(prepare(strategies.Crossover, market, options, {"fast": 5, "slow": 9})).engine.book.cash)
    assert len(cash) > 1


# What machines work out differently is led to one function, in the interpreter too.


class Powers(Strategy):
    """Sums what differs between an interpreter's C library and machine code."""

    def setup(self) -> None:
        self.total = 0.0
        self.exponential = 0.0

    def on_bar(self, bar, book) -> None:
        self.total += (bar.close / 37.0) ** 3 + (bar.open / 91.0) ** 2 - (bar.low / 7.0) ** 1.7
        self.exponential += exp(bar.close / 100.0) + tanh(bar.low / 900.0) - hypot(bar.high, bar.low) + log(bar.close)


def test_powers_and_functions_have_the_same_bits(market):
    runs = [prepare(Powers, market, Options(), {}) for _ in range(2)]
    assert everything(interpreted(runs[0])) == everything(compiled(runs[1]))
