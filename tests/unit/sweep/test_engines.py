"""One engine for all symbols of a sweep: only where it would be the same, and every cell is its interpreted backtest."""

from copy import copy, deepcopy
from dataclasses import replace

import pytest

import stratofold
from stratofold import Fees, Strategy, backtest, param, strategies, sweep
from stratofold.indicators import SMA
from stratofold.research.prepare import Options, build_feed
from stratofold.research.sweep import laid
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.columns import STATISTICS
from stratofold.research.sweep.engines import are_alike
from stratofold.research.sweep.guests import Guests
from stratofold.strategies import ON_BARS, Crossover, DonchianBreakout
from tests.unit.sweep.test_sweep import bits

SPACE = {"fast": [3, 5], "slow": [10, 20]}
SHARERS = (Crossover, DonchianBreakout)  # without tapes, and with
KEPT = {"Momentum"}  # its universe holds what nobody knows to be its own
SETS = [{"fast": fast, "slow": slow, "quantity": 0.0} for fast in SPACE["fast"] for slow in SPACE["slow"]]


@pytest.fixture(scope="module")
def market():
    """Months of three symbols, one with a split, two with dividends, one that comes late and one that leaves early."""
    whole = stratofold.sample("SPY", "AAPL", "BAC", start="2014-03-03", end="2014-10-31")
    late = (whole.symbol != 1) | (whole.time > whole.time[90])
    early = (whole.symbol != 2) | (whole.time < whole.time[-90])
    columns = {name: getattr(whole, name) for name in ("time", "symbol", "open", "high", "low", "close", "volume")}
    return replace(whole, **{name: column[late & early] for name, column in columns.items()})


@pytest.fixture
def laid_out(monkeypatch):
    """How often an engine was laid out."""
    found = []
    real = laid.prepare
    monkeypatch.setattr(laid, "prepare", lambda *given, **named: found.append(1) or real(*given, **named))
    return found


class Named(Strategy):
    """Its `setup` asks whose bars it hears."""

    length = param(5)

    def setup(self):
        self.mine = self.symbol("AAPL")
        self.average = self.per_symbol(SMA, self.length)

    def on_bar(self, bar, book):
        above = bar.close > self.average[self.mine].update(bar.close)
        book.target_weight(bar.symbol, 0.9 if above else 0.0)


def singles(table, strategy, market, names, **costs):
    """Each cell's figures beside those of its interpreted backtest."""
    for cell in table.iter_rows(named=True):
        parameters = {name: cell[name] for name in names}
        single = backtest(
            strategy,
            market.subset(cell["symbols"]),
            execution="interpreted",
            **parameters,
            **costs.get(cell["costs"], {}),
        )
        expected = dict(single.stats) | {"refusals": float(len(single.refusals))}
        yield [bits(cell[name]) for name in STATISTICS], [bits(expected[name]) for name in STATISTICS]


def test_symbols_that_differ_in_their_bars_alone_have_one_engine(market, laid_out):
    """Of each costs: another's fees are another engine."""
    costs = {"free": {}, "dear": {"fees": Fees(per_share=0.01, minimum=1.0)}}
    study = sweep(Crossover, market, each_symbol=True, costs=costs, execution="compiled", **SPACE)
    assert study.table["trades"].sum() > 20
    for cell, single in singles(study.table, Crossover, market, SPACE, **costs):
        assert cell == single
    laid_out.clear()
    sweep(Crossover, market, each_symbol=True, execution="compiled", **SPACE)
    assert len(laid_out) < 3


def test_a_setup_that_asks_whose_bars_it_hears_has_an_engine_of_its_own(market):
    """Of another's symbol it fails there, whoever has had an engine before."""
    markets = [market.subset(symbol) for symbol in ("AAPL", "SPY")]
    options, sets = Options(), [{"length": 3}, {"length": 6}]
    first = Block(Named, markets[0], options, execution="compiled")
    assert first.run(sets).errors == ["", ""]
    second = Block(Named, markets[1], options, execution="compiled", before=first)
    assert [error[:5] for error in second.run(sets).errors] == ["SF104", "SF104"]


def test_blocks_take_turns_at_an_engine(market):
    """What one has heard is nothing to the other, and a state that was kept goes on in whichever engine there is."""
    options = Options()
    markets = [market.subset(symbol) for symbol in ("SPY", "AAPL")]
    alone = [Block(Crossover, each, options, execution="compiled").run(SETS).columns for each in markets]
    first = Block(Crossover, markets[0], options, execution="compiled")
    first.run(SETS)
    second = Block(Crossover, markets[1], options, execution="compiled", before=first)
    for _ in range(2):
        for turn, expected in ((second, alone[1]), (first, alone[0])):
            found = turn.run(SETS).columns
            assert {name: bits_of(column) for name, column in found.items()} == {
                name: bits_of(column) for name, column in expected.items()
            }
    assert second._laid[False] is first._laid[False]
    kept = second.run(SETS, Leg(keep=60, ends=False))
    first.run(SETS)
    gone_on = second.run(SETS, Leg(tuple(kept.states)))
    assert {name: bits_of(column) for name, column in gone_on.columns.items()} == {
        name: bits_of(column) for name, column in alone[1].items()
    }


def test_what_is_no_misfit_is_not_taken_for_one(market, monkeypatch):
    """A bug of ours where an engine or tapes are taken over is raised: it would only be slow else."""
    options = Options()
    firsts = {strategy: Block(strategy, market.subset("SPY"), options, execution="compiled") for strategy in SHARERS}
    for strategy, first in firsts.items():
        first.run([{}, {}])
        assert first.lends(is_taped=strategy is not Crossover)

    def broken(_self, _symbols):
        raise KeyError("ours")

    monkeypatch.setattr(Guests, "hear", broken)
    for strategy, first in firsts.items():
        with pytest.raises(KeyError, match="ours"):
            Block(strategy, market.subset("AAPL"), options, execution="compiled", before=first).run([{}, {}])


@pytest.mark.parametrize(
    "name", [each if each == "Crossover" else pytest.param(each, marks=pytest.mark.nightly) for each in ON_BARS]
)
def test_the_next_market_of_a_shipped_strategy_lays_nothing_out(name, market, laid_out):
    """Nor is any of its cells done but in the engine that is there, with its tapes."""
    strategy, options = getattr(strategies, name), Options()
    markets = [market.subset(symbols) for symbols in (("SPY", "AAPL"), ("AAPL", "BAC"))]
    first, alone = (Block(strategy, each, options, execution="compiled") for each in markets)
    first.run([{}, {}])
    is_lent = first.lends() or first.lends(is_taped=True)
    assert is_lent is (name not in KEPT)
    expected = alone.run([{}, {}]).columns
    laid_out.clear()
    second = Block(strategy, markets[1], options, execution="compiled", before=first)
    found = second.run([{}, {}]).columns
    assert len(laid_out) == (not is_lent)
    assert {key: bits_of(column) for key, column in found.items()} == {
        key: bits_of(column) for key, column in expected.items()
    }


def test_a_block_whose_returns_were_asked_for_shares_no_engine(market):
    """Its logs keep equity, and the others' do not."""
    options = Options()
    markets = [market.subset(symbol) for symbol in ("SPY", "AAPL")]
    first, alone = (Block(Crossover, each, options, execution="compiled") for each in markets)
    first.run(SETS)
    second = Block(Crossover, markets[1], options, execution="compiled", before=first)
    second.run(SETS)
    expected = alone.returns(SETS)
    assert second.returns(SETS).tobytes() == expected.tobytes()
    third = Block(Crossover, markets[0], options, execution="compiled", before=second)
    third.run(SETS)
    assert third._laid[False] is not second._laid[False]


def bits_of(column):
    return [bits(value) for value in column.tolist()]


def test_engines_are_alike_where_every_number_is(market):
    spy, aapl = market.subset("SPY"), market.subset("AAPL")
    assert are_alike(spy, aapl, Options())
    assert are_alike(spy, deepcopy(aapl), Options())  # as a process of its own has it
    assert not are_alike(spy, market.subset(("SPY", "AAPL")), Options())
    assert not are_alike(spy, aapl, Options(equity_curve=True))
    assert not are_alike(spy, aapl, Options(base="EUR"))
    assert not are_alike(spy, aapl.subset(start="2014-06-02"), Options())  # another calendar
    (instrument,) = aapl.instruments
    for changes in ({"price_decimals": 3}, {"lot": 100.0}, {"currency": "EUR"}, {"multiplier": 10.0}):
        assert not are_alike(spy, replace(aapl, instruments=(replace(instrument, **changes),)), Options()), changes


def test_a_feed_of_another_layout_leaves_the_program_as_it_was(market):
    """Its block goes on as before."""
    one = Block(Crossover, market.subset("SPY"), Options(), execution="compiled")
    expected = one.run(SETS).columns
    laid = one._laid[False]

    class Strange:
        """No feed."""

    with pytest.raises(stratofold.kernel.Changed):
        laid.program.hear(Strange())
    narrow = copy(build_feed(market.subset("AAPL"), Crossover, Options()))
    narrow.volume = narrow.volume.astype("float32")
    kept = len(laid.program._block.kept)
    with pytest.raises(stratofold.kernel.Changed):
        laid.program.hear(narrow)
    assert len(laid.program._block.kept) <= kept
    assert {name: bits_of(column) for name, column in one.run(SETS).columns.items()} == {
        name: bits_of(column) for name, column in expected.items()
    }
