"""Runs that leap over quiet bars: every cell equals its interpreted backtest to the bit, and they leap only where they may."""

import platform
from array import array

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import DAY, Fees, Strategy, kernel, param
from stratofold.fold.costs import Slippage
from stratofold.fold.state import save
from stratofold.fold.tally import Tally
from stratofold.indicators import RSI, SMA, Donchian
from stratofold.kernel import emit, leaps
from stratofold.research.prepare import Options
from stratofold.research.sweep import tapes
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.laid import prepare_cell
from stratofold.strategies import Crossover, DonchianBreakout
from tests.unit.sweep.test_fixed_in_run import singly
from tests.unit.sweep.test_tapes import same

PAIRS = [{"fast": fast, "slow": slow} for fast in (3, 8) for slow in (10, 30)]
SIZES = [{"size": size} for size in (1.0, 3.0, 7.0)]


class Above(Strategy):
    """Long above an average; what derived classes do besides they say."""

    size = param(1.0, low=0.0, high=1e9)
    leaps = True

    def setup(self):
        self.average = self.per_symbol(SMA, 12)
        self.entered = array("q", [0])

    def on_bar(self, bar, book):
        level = self.average[bar.symbol].update(bar.close)
        held = book.position(bar.symbol)
        if held == 0.0 and bar.close > level:
            self.enter(bar, book)
        elif held != 0.0 and bar.close < level:
            self.leave(bar, book)

    def enter(self, bar, book):
        book.buy(bar.symbol, self.size)

    def leave(self, bar, book):
        book.target_quantity(bar.symbol, 0.0)


class Levels(Strategy):
    """Between two prices: it leaps without tapes, as a worker elsewhere has none."""

    low = param(60.0, low=0.0, high=1e9)
    high = param(75.0, low=0.0, high=1e9)

    def on_bar(self, bar, book):
        held = book.position(bar.symbol)
        if held == 0.0 and bar.close < self.low:
            book.buy(bar.symbol, 3.0)
        elif held > 0.0 and bar.close > self.high:
            book.sell(bar.symbol, held)


class Resting(Above):
    """Buys below the market and leaves above it."""

    def enter(self, bar, book):
        if not book.is_working(self.entered[0]):
            self.entered[0] = book.buy(
                bar.symbol, self.size, limit=bar.close * 0.99, stop_loss=bar.close * 0.9, take_profit=bar.close * 1.05
            )

    def leave(self, bar, book):
        book.cancel(self.entered[0])
        book.target_quantity(bar.symbol, 0.0)


class Daily(Resting):
    """Orders of a day: each of them is over with a session."""

    def enter(self, bar, book):
        book.buy(bar.symbol, self.size, limit=bar.close * 0.995, tif=DAY)


class Trailing(Above):
    """A stop that goes with the market: every bar concerns it."""

    def enter(self, bar, book):
        book.buy(bar.symbol, self.size)
        book.sell(bar.symbol, self.size, trail=bar.close * 0.03)


class Shorting(Above):
    """Turns over."""

    def on_bar(self, bar, book):
        level = self.average[bar.symbol].update(bar.close)
        held = book.position(bar.symbol)
        if held <= 0.0 and bar.close > level:
            book.target_quantity(bar.symbol, self.size)
        elif held >= 0.0 and bar.close < level:
            book.target_quantity(bar.symbol, 0.0 - self.size)


class Twice(Above):
    """Asks one average twice a bar."""

    leaps = False

    def on_bar(self, bar, book):
        self.average[bar.symbol].update(bar.close)
        super().on_bar(bar, book)


class Sometimes(Above):
    """Asks its average on every other price."""

    def on_bar(self, bar, book):
        if bar.close > bar.open:
            super().on_bar(bar, book)


class Counting(Above):
    """Keeps a number of its own."""

    leaps = False

    def setup(self):
        super().setup()
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        if self.count % 3:
            super().on_bar(bar, book)


class Watching(Above):
    """Reads what a quiet bar changes; inside a session while something is held."""

    leaps = False
    leaps_inside = True

    def on_bar(self, bar, book):
        if book.equity > 0.0:
            super().on_bar(bar, book)


class Dated(Above):
    """Reads what a bar brings."""

    def on_bar(self, bar, book):
        if bar.weekday != 2 and bar.month != 3 and bar.session > 20 and bar.time > 0 and book.time == bar.time:
            super().on_bar(bar, book)


class Level(Above):
    """Looks at a level that is not there, unless it is not: eight bars at once must not look either."""

    leaps = None  # whether or not
    place = param(10**13, low=0, high=10**15)

    def setup(self):
        super().setup()
        self.levels = array("d", [10.0, 20.0])

    def on_bar(self, bar, book):
        self.average[bar.symbol].update(bar.close)
        if self.place >= len(self.levels) or bar.close > bar.open * 1.02:
            book.target_quantity(bar.symbol, self.size)
        elif self.levels[self.place] > bar.close:
            book.target_quantity(bar.symbol, 0.0)


class Two(Above):
    """Two channels and an oscillator."""

    def setup(self):
        self.channel = self.per_symbol(Donchian, 9)
        self.other = self.per_symbol(Donchian, 5)
        self.strength = self.per_symbol(RSI, 10)

    def on_bar(self, bar, book):
        high = self.channel[bar.symbol].upper
        low = self.other[bar.symbol].lower
        self.channel[bar.symbol].update(bar.high, bar.low)
        self.other[bar.symbol].update(bar.high, bar.low)
        strength = self.strength[bar.symbol].update(bar.close)
        held = book.position(bar.symbol)
        if held == 0.0 and bar.close > high:
            book.buy(bar.symbol, self.size)
        elif held > 0.0 and (bar.close < low or strength > 80.0):
            book.sell(bar.symbol, held)


@pytest.fixture(scope="module")
def market():
    """Enough sessions with a return for the shift to move three times, and splits and dividends."""
    return stratofold.sample("AAPL", start="2013-01-02", end="2015-12-31")


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Whether the kernels that are made in the test leap; averages are taped as soon as they are read."""
    found = []

    def with_leaps(*given, **more):
        text = leaps.with_leaps(*given, **more)
        found.append(f"@{leaps.ASKS}(" in text)
        return text

    monkeypatch.setattr(emit, "leaps", type("Leaps", (), {"with_leaps": staticmethod(with_leaps), "Plan": leaps.Plan}))
    monkeypatch.setattr(tapes, "_WORTH", 1)
    monkeypatch.setenv("STRATOFOLD_CACHE", str(tmp_path))
    return found


def kernels_of(strategy, market, sets, **assumed):
    """Hold a block's cells to their backtests."""
    alone = type(
        strategy.__name__, (strategy,), {"__module__": strategy.__module__, "__qualname__": strategy.__qualname__}
    )
    cells = Block(alone, market, Options(**assumed), execution="compiled")
    assert same(cells.run(sets), singly(strategy, market, sets, **assumed))
    assert cells.notice == ""


def test_crossings_leap(market, written):
    kernels_of(Crossover, market, [{**pair, "quantity": 3.0} for pair in PAIRS], fees=Fees(per_share=0.005))
    assert True in written


@pytest.mark.nightly
@pytest.mark.parametrize("short", [False, True])
def test_so_do_those_by_weight_and_short(market, written, short):
    kernels_of(
        Crossover,
        market,
        [{**pair, "quantity": 0.0, "short": short} for pair in PAIRS],
        slippage=Slippage(proportional=0.001),
    )
    assert True in written


@pytest.mark.nightly
def test_so_do_breakouts(market, written):
    kernels_of(DonchianBreakout, market, [{"entry": entry, "leave": leave} for entry in (8, 20) for leave in (4, 9)])
    assert True in written


OF_MY_OWN = [Above, Resting, Daily, Trailing, Shorting, Twice, Sometimes, Counting, Watching, Dated, Level, Two]


@pytest.mark.nightly
@pytest.mark.parametrize("strategy", OF_MY_OWN, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "assumed", [{}, {"risk_free": 0.03}, {"borrow_rate": 0.02}], ids=["plain", "rates", "borrowed"]
)
def test_strategies_of_any_kind_agree(market, written, strategy, assumed):
    kernels_of(strategy, market, SIZES, **assumed)
    if not assumed and strategy.leaps is not None:
        assert (True in written) is strategy.leaps


@pytest.mark.nightly
@pytest.mark.parametrize("hour", [15, 20])
def test_days_on_which_the_exchange_is_closed(written, hour):
    """Their bars are in one session with the next: a leap ends before them, and what they went through is not forgotten."""
    chance = np.random.default_rng(hour)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.002, 0.015, 700))), 2)
    time = 1_514_764_800_000_000_000 + 86_400_000_000_000 * np.arange(700) + hour * 3_600_000_000_000
    rows = pl.DataFrame(
        {"time": time, "open": close, "high": close, "low": close, "close": close, "volume": np.full(700, 1e6)}
    )
    data = stratofold.read(rows, calendar="XNYS", stamped="close", span="1d")
    kernels_of(Above, data, SIZES)
    kernels_of(DonchianBreakout, data, [{"entry": entry, "leave": 5} for entry in (5, 8, 20)])
    assert True in written


@pytest.mark.nightly
def test_prices_that_double_and_sessions_left_out(written):
    """A position past twice the peak is looked at bar by bar, and a session without a bar ends a leap."""
    chance = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(chance.normal(0.004, 0.012, 900)))
    rows = pl.DataFrame({
        "time": 1_514_764_800_000_000_000 + 86_400_000_000_000 * np.arange(900), "open": close, "high": close * 1.01,
        "low": close * 0.99, "close": close, "volume": np.full(900, 1e6),
    })  # fmt: skip
    kept = rows.with_row_index().filter(pl.col("index") % 17 != 5).drop("index")
    kernels_of(Above, stratofold.read(kept), SIZES)
    assert True in written


# Inside a session


class Timed(Above):
    """Leaves when a time has come, which is between bars or with one."""

    def enter(self, bar, book):
        super().enter(bar, book)
        book.after(630.0 if bar.close > bar.open else 660.0)

    def on_timer(self, timer, book):
        book.target_quantity(0, 0.0)


def minutes(seed, drift=0.0):
    """Eleven sessions in New York, one bar of seventeen missing; bars of a holiday, which are of the session after it."""
    chance = np.random.default_rng(seed)
    days = [day for day in range(2, 20) if day not in (6, 7, 13, 14)]  # of January 2018; the 15th is the holiday
    first = 1_514_764_800 + 14 * 3600 + 31 * 60
    times = np.concatenate([first + 86_400 * (day - 1) + 60 * np.arange(390) for day in days])
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(drift, 0.0011, len(times)))), 2)
    apart = np.round(np.abs(chance.normal(0.0, 0.05, len(times))), 2)
    rows = pl.DataFrame({
        "time": times * 1_000_000_000, "open": np.roll(close, 1), "high": np.maximum(close, np.roll(close, 1)) + apart,
        "low": np.minimum(close, np.roll(close, 1)) - apart, "close": close, "volume": np.full(len(times), 1e4),
    })  # fmt: skip
    kept = rows.slice(1).with_row_index().filter(pl.col("index") % 17 != 5).drop("index")
    return stratofold.read(kept, calendar="XNYS", stamped="close", span="1m")


def test_crossings_leap_inside_a_session(written):
    kernels_of(Crossover, minutes(1), [{**pair, "quantity": 3.0} for pair in PAIRS], fees=Fees(per_share=0.005))
    assert True in written


@pytest.mark.nightly
@pytest.mark.parametrize("strategy", [*OF_MY_OWN, Timed], ids=lambda each: each.__name__)
@pytest.mark.parametrize("drift", [0.0, 0.0002])
def test_strategies_of_any_kind_agree_inside_a_session(written, strategy, drift):
    """With the drift every few minutes are a new peak."""
    kernels_of(strategy, minutes(2, drift), SIZES, borrow_rate=0.02)
    expected = getattr(strategy, "leaps_inside", strategy.leaps)
    if expected is not None:
        assert (True in written) is expected


@pytest.mark.nightly
def test_breakouts_and_large_positions_agree_inside_a_session(written):
    market = minutes(3)
    kernels_of(DonchianBreakout, market, [{"entry": entry, "leave": leave} for entry in (8, 40) for leave in (4, 19)])
    kernels_of(Crossover, market, [{**pair, "quantity": 0.0} for pair in PAIRS], slippage=Slippage(proportional=0.001))
    assert True in written


def test_what_a_leap_writes_on_is_no_state():
    """A state depends on values alone, and not on whether it was come to by leaps."""
    tally = Tally(1, 1e6, array("d", [0.0]))
    before = save(tally)
    for name in ("lows", "marks", "sums"):
        getattr(tally, name)[0] = 7.0
    assert save(tally) == before
    tally.shifted[0] = 7.0
    assert save(tally) != before


def bounds(lows, highs):
    """The sets of `Levels` between these."""
    return [{"low": low, "high": high} for low in lows for high in highs]


def daily():
    return stratofold.sample("GOOG", start="2013-01-02", end="2016-12-30")


@pytest.mark.nightly
@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
@pytest.mark.parametrize(
    ("market", "sets"),
    [(daily, bounds((450.0, 520.0), (540.0, 600.0))), (lambda: minutes(1), bounds((98.0, 99.0), (100.0, 101.0)))],
    ids=["days", "minutes"],
)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="it is this processor's code that is run")
def test_frozen_for_any_processor_they_agree(written, target, market, sets):
    """As a worker elsewhere runs them: without a compiler, and on processors that have no masks."""
    heard = market()
    alone = type("Levels", (Levels,), {"__module__": __name__, "__qualname__": "Levels"})
    run = prepare_cell(alone, heard, Options(), sets[0])
    file = kernel.frozen(run.engine, run.strategy, run.feed, target=target, out=True)
    assert written == [True]
    kernel.adopt(file, run.engine, run.strategy, run.feed, out=True)
    cells = Block(alone, heard, Options(), execution="compiled")
    assert same(cells.run(sets), stats := singly(Levels, heard, sets))
    assert len(written) == 1  # it is the frozen one that ran
    assert any(float(each["trades"]) > 1.0 for each in stats)
