"""Indicators on tape: written once, read by every cell that asks for the same, and never anything else than the cell's own."""

from math import nan

import polars as pl
import pytest

import stratofold
from stratofold import Strategy, param
from stratofold.indicators import ATR, BBANDS, EMA, RSI, SMA, Donchian
from stratofold.research.execute import StrategyError, interpret
from stratofold.research.prepare import Options, prepare
from stratofold.research.sweep.block import Block, Leg
from stratofold.research.sweep.columns import sums_of
from stratofold.research.sweep.tapes import Lost, Tapes
from stratofold.strategies import Crossover, DonchianBreakout, RsiMeanReversion


class Streak:
    """How many closes in a row were higher: a user's own indicator, with a property and an attribute that are read."""

    def __init__(self, least):
        self.least = least
        self.before = 0.0
        self.length = 0.0

    @property
    def ready(self):
        return self.length >= self.least

    def update(self, close):
        self.length = self.length + 1.0 if close > self.before else 0.0
        self.before = close
        return self.length


class Runs(Strategy):
    """Buys after a streak; reads what a tape shows before it is asked, and what an average makes of another's NaN."""

    least = param(2, low=1, high=9)
    window = param(5, low=2, high=50)

    def setup(self):
        self.streak = self.per_symbol(Streak, self.least)
        self.average = self.per_symbol(SMA, self.window)
        self.smooth = self.per_symbol(EMA, 3)

    def on_bar(self, bar, book):
        streak = self.streak[bar.symbol]
        was_ready = streak.ready
        smooth = self.smooth[bar.symbol].update(self.average[bar.symbol].update(bar.close))
        streak.update(bar.close - 90.0)
        if was_ready and streak.least < 9 and bar.close > smooth:
            book.target_quantity(bar.symbol, 5.0 + streak.length)
        elif streak.length == 0.0:
            book.target_quantity(bar.symbol, 0.0)


class Choosy(Strategy):
    """Its average hears only the bars on which nothing is held, so no two cells need hear the same."""

    window = param(3, low=2, high=50)
    size = param(10.0, low=0.0, high=1e9)

    def setup(self):
        self.average = self.per_symbol(SMA, self.window)

    def on_bar(self, bar, book):
        if book.position(bar.symbol) != 0.0:
            book.target_quantity(bar.symbol, 0.0)
        elif bar.close > self.average[bar.symbol].update(bar.close):
            book.target_quantity(bar.symbol, self.size)


class Warmed(Strategy):
    """Calls its indicator in `setup`."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.strength = self.per_symbol(RSI, self.window)
        for each in self.strength:
            each.update(100.0)

    def on_bar(self, bar, book):
        book.target_quantity(bar.symbol, 10.0 if self.strength[bar.symbol].update(bar.close) < 40.0 else 0.0)


class Meddler(Strategy):
    """Sets an attribute of its indicator from outside."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.streak = self.per_symbol(Streak, self.window)

    def on_bar(self, bar, book):
        self.streak[bar.symbol].before = bar.open
        book.target_quantity(bar.symbol, 10.0 * self.streak[bar.symbol].update(bar.close))


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", start="2014-06-02", end="2015-03-31")


def block(strategy, market):
    made = Block(strategy, market, Options(), execution="compiled")
    made._tapes.takes_all = True
    return made


def singly(strategy, market, sets):
    """Each cell as a backtest gives it."""
    results = [stratofold.backtest(strategy, market, execution="interpreted", **parameters) for parameters in sets]
    return [{name: repr(value) for name, value in result.stats.items()} for result in results]


def same(cells, stats):
    assert cells.errors == [""] * len(stats)
    for number, each in enumerate(stats):
        for name, column in cells.columns.items():
            assert repr(float(column[number])) == each.get(name, repr(float(column[number]))), (number, name)
    return True


PAIRS = [{"fast": fast, "slow": slow} for fast in (3, 8) for slow in (8, 20)]
RUNS = [{"least": least, "window": window} for least in (1, 2) for window in (3, 7)]


@pytest.mark.parametrize(("strategy", "sets", "made"), [(Crossover, PAIRS, 4), (Runs, RUNS, None)])
def test_cells_with_tapes_are_single_backtests(market, strategy, sets, made):
    """To the bit: while tapes are written, when all are there, when there is room for none, and from a kept state.

    Two averages of one length are two tapes, because they advance apart; one that hears another's values is no tape at
    all once two cells have given it different ones.
    """
    taped, wanted = block(strategy, market), singly(strategy, market, sets)
    assert same(taped.run(sets), wanted)
    tapes = taped._tapes
    assert made is None or tapes.made == made
    assert tapes._barred == ({3} if strategy is Runs else set())
    before = tapes.made
    kept = taped.run(sets, Leg((), 150))
    assert same(kept, wanted)
    assert tapes.made == before
    assert all(kept.states)
    assert same(taped.run(sets, Leg(tuple(kept.states))), wanted)
    assert same(block(strategy, market).run(sets, Leg(tuple(kept.states))), wanted)
    crowded = block(strategy, market)
    crowded._tapes._bytes_max = 1
    assert same(crowded.run(sets), wanted)
    assert not crowded._tapes._kept


def interpreted(strategy, market, tapes, **parameters):
    """The sums of a run with tapes, interpreted."""
    tapes.begin()
    run = prepare(strategy, market, Options(), parameters, shelf=tapes.ask)
    assert tapes.is_of_use()
    interpret(run, market)
    tapes.written()
    tapes.drop()
    return sums_of(run.engine)


@pytest.mark.parametrize(
    ("strategy", "name", "values"),
    [(DonchianBreakout, "entry", (5, 20)), (RsiMeanReversion, "period", (2, 5)), (Crossover, "fast", (3, 8))],
)
def test_an_interpreted_strategy_cannot_tell(market, strategy, name, values):
    """Whatever is read of an indicator, before or after its update, is what the indicator would have shown."""
    tapes = Tapes(strategy, len(market.time), takes_all=True)
    for value in values * 2:
        run = prepare(strategy, market, Options(), {name: value})
        interpret(run, market)
        assert interpreted(strategy, market, tapes, **{name: value}) == sums_of(run.engine)


def test_a_call_with_something_else_is_noticed(market):
    """Cells whose indicators hear what depends on their own positions share none."""
    tapes = Tapes(Choosy, len(market.time), takes_all=True)
    interpreted(Choosy, market, tapes, size=10.0)
    with pytest.raises(StrategyError):
        interpreted(Choosy, market, tapes, size=0.0)
    assert tapes.broken()
    with pytest.raises(AssertionError):
        interpreted(Choosy, market, tapes, size=0.0)


@pytest.mark.parametrize("strategy", [Warmed, Meddler])
def test_what_cannot_be_taped_is_not(market, strategy):
    """Where `setup` calls it, and where an attribute is set from outside."""
    tapes = Tapes(strategy, len(market.time), takes_all=True)
    with pytest.raises(AssertionError):
        interpreted(strategy, market, tapes, window=3)


def test_a_zero_of_the_other_sign_is_another():
    """A tape is never read on trust; what is no number is as good as any other such."""
    tapes = Tapes(Crossover, 9, takes_all=True)
    (tape,) = tapes.ask(SMA, (1,), {}, 1)
    for value in (0.0, nan, 3.0):
        tape.update(value)
    tapes.written()
    assert [repr(tape.update(value)) for value in (0.0, nan, 3.0)] == ["0.0", "nan", "3.0"]
    for wrong in (-0.0, nan, 1.0):
        tape.tape_at = 0
        with pytest.raises(Lost):
            tape.update(wrong)
    tape.tape_at = 3
    with pytest.raises(Lost):
        tape.update(3.0)


@pytest.mark.parametrize(
    ("kind", "arguments"), [(SMA, (5,)), (EMA, (5,)), (ATR, (5,)), (Donchian, (5,)), (BBANDS, (5,))]
)
def test_what_is_quickly_computed_is_not_taped(kind, arguments):
    tapes = Tapes(DonchianBreakout, 9)
    tapes._functions = Tapes(Crossover, 9)._functions if kind is not Donchian else tapes._functions
    assert (tapes.ask(kind, arguments, {}, 1) is None) == (kind in (SMA, EMA, ATR))


def test_the_blocks_of_a_process_share_the_room():
    """Who writes a tape when there is no room has the others let go of theirs."""
    one, other = (Tapes(Crossover, 100, takes_all=True) for _ in range(2))
    for tapes in (one, other):
        tapes.begin()
        tapes.ask(SMA, (5,), {}, 1)
        tapes.written()
    other.drop()
    assert (len(one._kept), one.is_dismissed) == (1, False)
    other._bytes_max = other._size
    other.drop()
    assert (len(one._kept), one.is_dismissed) == (0, True)
    assert (len(other._kept), other.is_dismissed) == (1, False)


def test_several_symbols_have_a_tape_each():
    market = stratofold.read(
        pl.DataFrame(
            {
                "time": [(16_000 + day) * 86_400_000_000_000 for day in range(200) for _ in range(2)],
                "symbol": ["A", "B"] * 200,
                "close": [100.0 + (day * (3 + k)) % 17 - (day // 7) % 5 for day in range(200) for k in range(2)],
            }
        ).with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"), volume=pl.lit(1e6))
    )
    assert same(block(Crossover, market).run(PAIRS), singly(Crossover, market, PAIRS))
