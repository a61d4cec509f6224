"""Indicators on tape: written once, read by every cell that asks for the same, and never anything else than the cell's own."""

from array import array
from dataclasses import replace
from math import copysign, nan
from types import SimpleNamespace

import polars as pl
import pytest

import stratofold
from stratofold import Strategy, param
from stratofold.indicators import ATR, BBANDS, EMA, RSI, SMA, Donchian
from stratofold.research.execute import StrategyError, interpret
from stratofold.research.prepare import Options, prepare
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.columns import sums_of
from stratofold.research.sweep.guests import Guests
from stratofold.research.sweep.tapes import Tapes
from stratofold.research.sweep.taping import Lost
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


class Ring:
    """A mean whose window begins with zeros: of no use for a second run unless it is put back."""

    def __init__(self, length):
        self.length = length
        self.at = 0
        self.total = 0.0
        self.window = array("d", [0.0]) * length

    def update(self, close):
        self.total += close - self.window[self.at]
        self.window[self.at] = close
        self.at = (self.at + 1) % self.length
        return self.total / self.length


class Rings(Strategy):
    """Long above a mean that begins with zeros; `skip` leaves so many bars out."""

    window = param(3, low=2, high=50)
    skip = param(0, low=0, high=99)

    def setup(self):
        self.mean = self.per_symbol(Ring, self.window)
        self.long = self.per_symbol(Ring, 2 * self.window)
        self.bars = 0

    def on_bar(self, bar, book):
        self.bars += 1
        if self.bars > self.skip:
            mean = self.mean[bar.symbol].update(bar.close)
            book.target_quantity(bar.symbol, 10.0 if mean > self.long[bar.symbol].update(bar.close) else 0.0)


class Switched(Strategy):
    """Asks its indicator of one symbol alone, of all, or of none."""

    only = param(0, low=-1, high=9)

    def setup(self):
        self.mean = self.per_symbol(Ring, 5)

    def on_bar(self, bar, book):
        if self.only in {bar.symbol, 9}:
            over = bar.close > self.mean[bar.symbol].update(bar.close)
            book.target_quantity(bar.symbol, 10.0 if over else 0.0)


class Asked:
    """Counts how often it is read."""

    def __init__(self, least):
        self.least = least
        self.reads = 0.0

    @property
    def count(self):
        return self._counted()

    def _counted(self):
        self.reads += 1.0
        return self.reads

    def update(self, close):
        return close


class Counting(Strategy):
    """What it reads is other than what it would read the next time."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.asked = self.per_symbol(Asked, self.window)

    def on_bar(self, bar, book):
        if self.asked[bar.symbol].update(bar.close) > 200.0:
            book.target_quantity(bar.symbol, self.asked[bar.symbol].count)


class Nosy(Strategy):
    """Looks what its indicator is."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.average = self.per_symbol(SMA, self.window)
        self.size = 20.0 if isinstance(self.average[0], SMA) else 10.0

    def on_bar(self, bar, book):
        book.target_quantity(bar.symbol, self.size if bar.close > self.average[bar.symbol].update(bar.close) else 0.0)


class Joining(Strategy):
    """Puts other indicators into the list that it was given."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.averages = self.per_symbol(SMA, self.window)
        self.averages += self.per_symbol(SMA, 20)

    def on_bar(self, bar, book):
        fast, slow = self.averages[0].update(bar.close), self.averages[1].update(bar.close)
        book.target_quantity(bar.symbol, 10.0 if fast > slow else 0.0)


class Spread:
    """Divides by nothing where it is read after its first close."""

    def __init__(self, least):
        self.least = least
        self.count = 0.0
        self.total = 0.0

    @property
    def value(self):
        return self.total / (self.count - 1.0)

    def update(self, close):
        self.count += 1.0
        self.total += close
        return self.count


class Patient(Strategy):
    """Reads its indicator only when there is something to be read."""

    size = param(10.0, low=0.0, high=99.0)

    def setup(self):
        self.spread = self.per_symbol(Spread, 2)

    def on_bar(self, bar, book):
        spread = self.spread[bar.symbol]
        if spread.update(bar.close) > 1.0:
            book.target_quantity(bar.symbol, self.size if bar.close > spread.value else 0.0)


class Averages(Strategy):
    """Two averages of closes."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.fast = self.per_symbol(SMA, self.window)
        self.slow = self.per_symbol(EMA, 2 * self.window)

    def on_bar(self, bar, book):
        is_above = self.fast[bar.symbol].update(bar.close) > self.slow[bar.symbol].update(bar.close)
        book.target_quantity(bar.symbol, 10.0 if is_above else 0.0)


class Chained(Strategy):
    """One window for an average and for the average of that: what the second hears is another with each window."""

    window = param(3, low=2, high=50)

    def setup(self):
        self.average = self.per_symbol(SMA, self.window)
        self.smooth = self.per_symbol(EMA, self.window)

    def on_bar(self, bar, book):
        smooth = self.smooth[bar.symbol].update(self.average[bar.symbol].update(bar.close))
        book.target_quantity(bar.symbol, 10.0 if bar.close > smooth else 0.0)


class Since:
    """Nanoseconds since the last call that was so many calls ago: whole numbers that no double has."""

    def __init__(self, least):
        self.least = least
        self.before = 0
        self.calls = 0

    def update(self, time):
        passed = time - self.before
        self.calls += 1
        if self.calls >= self.least:
            self.before = time + 1
            self.calls = 0
        return float(passed % 7)


class Timed(Strategy):
    """Gives its indicator times, which are ints beyond 2**53."""

    window = param(3, low=1, high=50)

    def setup(self):
        self.since = self.per_symbol(Since, self.window)

    def on_bar(self, bar, book):
        book.target_quantity(bar.symbol, 10.0 * self.since[bar.symbol].update(bar.time))


class Touchy:
    """Divides by what it is given, less its own argument."""

    def __init__(self, least):
        self.least = least

    def update(self, value):
        return 1.0 / (value - self.least)


class Careful(Strategy):
    """Asks only what can be answered."""

    window = param(1.0, low=0.0, high=999.0)

    def setup(self):
        self.touchy = self.per_symbol(Touchy, self.window)

    def on_bar(self, bar, book):
        if bar.close != self.window:
            book.target_quantity(bar.symbol, 10.0 if self.touchy[bar.symbol].update(bar.close) > 0.01 else 0.0)


class Sign:
    """Tells zeros apart: of what it is given, and of what becomes of that."""

    def __init__(self):
        self.total = 0.0

    def update(self, value, close):
        self.total += close
        return copysign(1.0, value) + 2.0 * copysign(1.0, -value)


class Zeros(Strategy):
    """Gives its indicator one zero or another."""

    zero = param(0, low=0, high=2)

    def setup(self):
        self.sign = self.per_symbol(Sign)
        self.bars = 0

    def on_bar(self, bar, book):
        self.bars += 1
        if self.zero == 0:
            sign = self.sign[bar.symbol].update(0, bar.close)
        elif self.zero == 1:
            sign = self.sign[bar.symbol].update(0.0, bar.close)
        else:
            sign = self.sign[bar.symbol].update(-0.0, bar.close)
        book.target_quantity(bar.symbol, 10.0 + sign if self.bars % 7 < 4 else 0.0)


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", start="2014-06-02", end="2015-03-31")


def bars(count):
    """A market of which nobody asks more than how many bars it has."""
    return SimpleNamespace(symbol=[0], time=range(count))


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


@pytest.mark.parametrize(
    ("strategy", "sets", "made"),
    [(Crossover, PAIRS, 4), pytest.param(Runs, RUNS, None, marks=pytest.mark.nightly)],  # three kernels more
)
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
    assert crowded._tapes is None or not crowded._tapes._kept


def test_what_is_written_is_packed_at_once(market, monkeypatch):
    """A cell for each tape that is written, and none to pack it."""
    seated = []
    seat = Guests.seat
    monkeypatch.setattr(Guests, "seat", lambda self, *given, **more: seated.append(1) or seat(self, *given, **more))
    rest = {"quantity": 1.0, "short": False}
    sets = [{"fast": fast, "slow": slow} | rest for fast in range(3, 8) for slow in range(40, 45)]
    taped = block(Crossover, market)
    found = taped.run(sets)
    assert len(seated) <= 10
    assert taped._tapes.made == 10
    assert taped._tapes.given >= 2 * len(sets)
    assert same(found, singly(Crossover, market, sets))


def test_a_tape_that_is_foretold_costs_no_run_alone(market, monkeypatch):
    """The first cell writes and the second shows how cells lie; a new tape is brought by one that runs with the rest."""
    alone = []
    carried = Block._carried
    monkeypatch.setattr(Block, "_carried", lambda self, laid: alone.append(1) or carried(self, laid))
    sets = [{"fast": fast, "slow": slow} for fast in (3, 8, 9) for slow in (20, 21, 22)]
    taped = block(Crossover, market)
    rest = {"quantity": 1.0, "short": False}
    assert same(taped.run([each | rest for each in sets]), singly(Crossover, market, [each | rest for each in sets]))
    assert len(alone) == 2
    assert (taped._tapes.made, taped._tapes._unlike) == (6, set())
    assert all(tape.tape_known[0] for kept in taped._tapes._kept.values() for tape in kept.things)


def test_readings_that_are_sure_to_come_count_as_if_they_had(market):
    taped = block(Crossover, market)
    taped.run(2 * PAIRS)
    tapes = taped._tapes
    assert tapes._now
    tapes.made, tapes.given = 70, 139
    assert not tapes.is_of_use()
    tapes.awaited = 1
    assert tapes.is_of_use()


def test_a_block_takes_over_no_tape_of_another_market(market):
    """What an indicator has said of these closes is of no use with others."""
    first = block(Crossover, market)
    first.run(2 * PAIRS)
    later = market.subset(start="2014-07-01")
    second = Block(Crossover, later, Options(), execution="compiled", before=first)
    second._tapes.takes_all = True
    assert same(second.run(2 * PAIRS), 2 * singly(Crossover, later, PAIRS))
    read = [
        tape for kind in second._laid[True].guests.mould.kinds for _, tape in kind.known.values() if tape is not None
    ]
    assert read
    assert all(tape in second._tapes._kept.values() for tape in read)


RINGS = [{"window": window, "skip": 0} for window in (3, 5, 8)]


@pytest.fixture
def carried(monkeypatch):
    """How often a cell ran alone."""
    found = []
    real = Block._carried
    monkeypatch.setattr(Block, "_carried", lambda self, laid: found.append(1) or real(self, laid))
    return found


def told(market, options, before):
    made = Block(Rings, market, options, execution="compiled", before=before)
    if made._tapes is not None:
        made._tapes.takes_all = True
    return made


@pytest.fixture(scope="module")
def three():
    """One calendar and three symbols: one that comes later, and one that leaves after forty days."""
    whole = stratofold.sample("SPY", "AAPL", "BAC", start="2014-06-02", end="2015-03-31")
    late = (whole.symbol != 1) | (whole.time > whole.time[90])
    early = (whole.symbol != 2) | (whole.time < whole.time[120])
    columns = {name: getattr(whole, name) for name in ("time", "symbol", "open", "high", "low", "close", "volume")}
    few = replace(whole, **{name: column[late & early] for name, column in columns.items()})
    return [few.subset(symbol) for symbol in ("SPY", "AAPL", "BAC")]


def test_the_same_tapes_tell_of_the_next_market(three, carried):
    """One cell writes and no other runs alone; what an indicator's array had at first it has again, of each market."""
    options = Options()
    wanted = [singly(Rings, each, 2 * RINGS) for each in three]
    blocks = [told(three[0], options, None)]
    assert same(blocks[0].run(2 * RINGS), wanted[0])
    for market in three[1:]:
        blocks.append(told(market, options, blocks[-1]))
        carried.clear()
        assert same(blocks[-1].run(2 * RINGS), wanted[len(blocks) - 1])
        assert len(carried) == 1
    for turn in (1, 0, 1, 2, 0):
        carried.clear()
        assert same(blocks[turn].run(2 * RINGS), wanted[turn])
        assert len(carried) == 1
    assert blocks[0]._tapes is blocks[1]._tapes is blocks[2]._tapes
    assert blocks[0]._laid[True] is blocks[2]._laid[True]
    assert blocks[0]._tapes.made == 6


def test_what_tapes_cannot_tell_of_the_next_market_is_told_by_others(three):
    """Where it is longer, or the cell that has to write calls none of them there; whoever had them has others, too."""
    long, _, short = three
    options = Options()
    first = told(short, options, None)
    first.run(RINGS)
    longer = told(long, options, first)
    assert same(longer.run(RINGS), singly(Rings, long, RINGS))
    assert longer._tapes is not first._tapes
    late, sets = told(long, options, None), [{"window": window, "skip": 50} for window in (3, 5)]
    assert same(late.run(2 * sets), singly(Rings, long, 2 * sets))
    beside, tapes = told(short, options, late), late._tapes
    assert same(beside.run(2 * sets), singly(Rings, short, 2 * sets))
    assert beside._tapes is not tapes
    assert tapes.is_dismissed
    assert same(late.run(2 * sets), singly(Rings, long, 2 * sets))


def test_who_is_interrupted_while_tapes_are_written_anew_has_others(three, monkeypatch):
    """Nobody reads what was half forgotten: neither who was interrupted nor who had them before."""
    options = Options()
    first = told(three[0], options, None)
    first.run(RINGS)
    second, tapes = told(three[1], options, first), first._tapes

    def interrupted(_self, _parameters, **_given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Block, "_quickly", interrupted)
        with pytest.raises(KeyboardInterrupt):
            second.run(RINGS)
    assert same(second.run(RINGS), singly(Rings, three[1], RINGS))
    assert same(first.run(RINGS), singly(Rings, three[0], RINGS))
    assert tapes.is_dismissed or second._tapes is not tapes


def test_what_one_cell_has_not_written_does_not_last(three):
    """A tape that another cell wrote, or that was let go of: nobody knows who would have to write it of other bars."""
    options = Options()
    first = told(three[0], options, None)
    first.run(RINGS)
    tapes = first._tapes
    assert tapes.is_lasting
    assert tapes.anew(bars(tapes._length + 1), list) is None
    tapes._unlike.add(1)
    first.run([{"window": 9, "skip": 0}])
    assert not tapes.is_lasting
    second = told(three[1], options, first)
    assert same(second.run(RINGS), singly(Rings, three[1], RINGS))
    assert second._tapes is not tapes
    assert len(second.returns(RINGS[:1])) > 100
    assert same(second.run(RINGS), singly(Rings, three[1], RINGS))
    crowded = told(three[0], options, None)
    crowded._tapes._bytes_max = 1
    crowded.run(RINGS)
    assert crowded._tapes is None


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
    tapes = Tapes(strategy, market, takes_all=True)
    for value in values * 2:
        run = prepare(strategy, market, Options(), {name: value})
        interpret(run, market)
        assert interpreted(strategy, market, tapes, **{name: value}) == sums_of(run.engine)


def foretold(market, strategy, one, other):
    """Which tapes of two cells were foretold what they are given, as that is said for the first time, and if it was wrong."""
    tapes = Tapes(strategy, market, takes_all=True)
    interpreted(strategy, market, tapes, window=one)
    wanted = prepare(strategy, market, Options(), {"window": other})
    interpret(wanted, market)
    tapes.begin()
    run = prepare(strategy, market, Options(), {"window": other}, shelf=tapes.ask)
    said = [kept.is_foretold for kept in tapes._now]
    try:
        interpret(run, market)
    except StrategyError:
        assert tapes.broken()
        assert tapes.drop()
        assert interpreted(strategy, market, tapes, window=other) == sums_of(wanted.engine)
        return said, tapes._unlike, tapes._barred
    assert sums_of(run.engine) == sums_of(wanted.engine)
    return said, set(), set()


def test_what_another_tape_is_given_is_foretold(market):
    assert foretold(market, Averages, 3, 5) == ([True, True], set(), set())


def test_what_is_given_something_else_with_other_arguments_is_written_by_itself(market):
    """And is a tape all the same: cells with the same arguments give it the same."""
    assert foretold(market, Chained, 3, 5) == ([True, True], {2}, set())


def test_what_fails_of_what_another_is_given_is_written_by_itself(market):
    """Here it is given what the other one's cell left out."""
    close = float(market.close[100])
    assert foretold(market, Careful, 1.0, close) == ([True], {1}, set())


def test_what_is_given_ints_has_no_tape(market):
    """A column has doubles; there are ints that none of them is, and what is made of 0 is not what is made of 0.0."""
    taped, sets = block(Timed, market), [{"window": window} for window in (3, 5, 3)]
    assert same(taped.run(sets), singly(Timed, market, sets))
    assert taped._tapes is None


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("strategy", "windows", "unlike"),
    [(Chained, (3, 5, 8), {2}), (Careful, (1.0, 2.0, None), {1})],
)
def test_foretelling_in_machine_code(market, strategy, windows, unlike):
    """Cells with one window twice, so that whoever runs later reads what was foretold or written."""
    windows = [float(market.close[100]) if each is None else each for each in windows]
    taped, sets = block(strategy, market), [{"window": window} for window in windows] * 2
    assert same(taped.run(sets), singly(strategy, market, sets))
    assert (taped._tapes._unlike, taped._tapes._barred) == (unlike, set())


def test_a_call_with_something_else_is_noticed(market):
    """Cells whose indicators hear what depends on their own positions share none."""
    tapes = Tapes(Choosy, market, takes_all=True)
    interpreted(Choosy, market, tapes, size=10.0)
    with pytest.raises(StrategyError):
        interpreted(Choosy, market, tapes, size=0.0)
    assert tapes.broken()
    with pytest.raises(AssertionError):
        interpreted(Choosy, market, tapes, size=0.0)


@pytest.fixture(scope="module")
def pair():
    return stratofold.read(
        pl.DataFrame(
            {
                "time": [(16_000 + day) * 86_400_000_000_000 for day in range(200) for _ in range(2)],
                "symbol": ["A", "B"] * 200,
                "close": [100.0 + (day * (3 + k)) % 17 - (day // 7) % 5 for day in range(200) for k in range(2)],
            }
        ).with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"), volume=pl.lit(1e6))
    )


def test_a_tape_that_was_not_called_is_still_blank(pair):
    """A rule may be switched off in the first cell, or for one symbol: the next cell's indicator begins at its beginning."""
    tapes = Tapes(Switched, pair, takes_all=True)
    for only in (-1, 0, 0, 1, 9, -1, 9):
        run = prepare(Switched, pair, Options(), {"only": only})
        interpret(run, pair)
        assert interpreted(Switched, pair, tapes, only=only) == sums_of(run.engine), only
    assert tapes.made == 1


def test_a_tape_that_a_broken_run_has_called_is_not_kept(pair):
    """Nobody knows how far such a run came."""
    tapes = Tapes(Switched, pair, takes_all=True)
    interpreted(Switched, pair, tapes, only=-1)
    tapes.begin()
    prepare(Switched, pair, Options(), {}, shelf=tapes.ask).strategy.mean[0].update(100.0)
    assert not tapes.broken()
    assert len(tapes.drop()) == 1
    assert not tapes._kept


def test_both_zeros_have_a_tape_of_their_own():
    """They are equal, and what an object makes of them need not be."""
    tapes, things = Tapes(Patient, bars(9), takes_all=True), []
    for zero in (0.0, -0.0, 0, False):
        tapes.begin()
        things.append(tapes.ask(Spread, (zero,), {}, 1))
    assert tapes.made == len(set(map(id, things))) == 4


@pytest.mark.nightly
def test_what_may_not_be_asked_at_any_time_is_done_without_tapes(market):
    """And in machine code, not as a backtest does it."""
    taped, sets = block(Patient, market), [{"size": 10.0}, {"size": 20.0}]
    taped._wholly = None
    assert same(taped.run(sets), singly(Patient, market, sets))
    assert taped._tapes is None


@pytest.mark.parametrize("strategy", [Warmed, Meddler, Counting, Nosy, Joining])
def test_what_cannot_be_taped_is_not(market, strategy):
    """Where `setup` calls it or joins lists, an attribute is set from outside, reading changes it, its class is asked for."""
    tapes = Tapes(strategy, market, takes_all=True)
    with pytest.raises(AssertionError):
        interpreted(strategy, market, tapes, window=3)


@pytest.mark.parametrize("zeros", [(0, 1, 2), (1, 0, 2), (2, 1, 0, 2), (2, 2, 0)])
def test_no_zero_is_answered_for_another(market, zeros):
    """The int's minus is itself, and neither float's is."""
    sets = [{"zero": zero} for zero in zeros]
    taped = block(Zeros, market)
    assert same(taped.run(sets), singly(Zeros, market, sets))


def test_a_zero_of_the_other_sign_is_another():
    """A tape is never read on trust; what is no number is as good as any other such."""
    tapes = Tapes(Crossover, bars(9), takes_all=True)
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


def test_what_is_read_unasked_is_there(market):
    """Machine code takes the tape's word for its columns: none is shorter than what is known, and what is shown is longer."""
    taped = Block(DonchianBreakout, market, Options(), execution="compiled")
    taped.run([{"entry": entry, "leave": leave} for entry in (5, 9) for leave in (3, 4)])
    tapes = [thing for kept in taped._tapes._kept.values() for thing in kept.things]
    assert [tape.tape_known[0] for tape in tapes] == [len(market.time)] * 5
    for tape in tapes:
        said = {column for column, _ in type(tape).update.inside} - {"known"}
        shown = {
            column
            for member in vars(type(tape)).values()
            if isinstance(member, property)
            for column, _ in member.fget.inside
        }
        prices = {"close", "high", "low"} if type(tape.tape_source) is ATR else {"high", "low"}
        assert said == {"tape_result", *(f"tape_given_{name}" for name in prices)}
        assert shown == (set() if type(tape.tape_source) is ATR else {"tape_lower", "tape_upper"})
        assert min(len(getattr(tape, column)) for column in said) >= tape.tape_known[0]
        assert min([len(getattr(tape, column)) for column in shown] or [999]) > tape.tape_known[0]


@pytest.mark.parametrize(
    ("kind", "arguments"), [(SMA, (5,)), (EMA, (5,)), (ATR, (5,)), (RSI, (5,)), (Donchian, (5,)), (BBANDS, (5,))]
)
def test_what_is_quickly_computed_is_not_taped(kind, arguments):
    tapes = Tapes(DonchianBreakout if kind is Donchian else Crossover, bars(9))
    assert (tapes.ask(kind, arguments, {}, 1) is None) == (kind in (SMA, EMA))


def test_the_blocks_of_a_process_share_the_room():
    """Who writes a tape when there is no room has the others let go of theirs."""
    one, other = (Tapes(Crossover, bars(100), takes_all=True) for _ in range(2))
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


def test_several_symbols_have_a_tape_each(pair):
    assert same(block(Crossover, pair).run(PAIRS), singly(Crossover, pair, PAIRS))
