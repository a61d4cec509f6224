"""Who looks at the book changes nothing: equity is worked out when it is asked for, and nobody else can tell."""

import pytest

from stratofold import Fees, Slippage, Strategy, backtest, param, sample
from stratofold.fold.state import save
from stratofold.indicators import SMA
from stratofold.research.execute import drive, rest
from stratofold.research.prepare import Options, prepare


class Trades(Strategy):
    """Long or short by one average, and looks at its account every `looks` bars, or never."""

    looks = param(0, low=0, high=100)

    def setup(self) -> None:
        self.average = self.per_symbol(SMA, 9)
        self.bars = 0

    def on_bar(self, bar, book):
        self.bars += 1
        if self.looks > 0 and self.bars % self.looks == 0 and book.equity < book.buying_power - 1e12:
            book.close(bar.symbol)  # never
        above = bar.close > self.average[bar.symbol].update(bar.close)
        book.target_quantity(bar.symbol, 40.0 if above else -25.0)


@pytest.fixture(scope="module")
def market():
    """Two years of two symbols, with a split and dividends."""
    return sample("SPY", "AAPL", start="2013-06-03", end="2015-05-29")


COSTS = {"fees": Fees(per_share=0.005), "slippage": Slippage(spread=0.0004)}


STOPS = 40, 333, 334, 501  # amid the day's work of two symbols, and between days


def interpreted(run, stop):
    rest(run.engine, run.strategy, run.feed, stop)


def compiled(run, stop):
    drive(run.engine, run.strategy, run.feed, stop)


def states(market, execution, looks, watched=False):
    """The states at the stops and at the end, what is lazy worked out as the live path does before it saves."""
    run = prepare(Trades, market, Options(**COSTS, equity_curve=True, borrow_rate=0.02), {"looks": looks})
    for stop in (*STOPS, run.events):
        execution(run, stop)
        if watched:  # as a terminal's view does between two events
            assert run.engine.book.equity > 0
            assert run.engine.book.buying_power > 0
        for ledger in (run.engine.book.ledger, run.engine.venue.ledger):
            ledger.refresh()
        yield save(run.engine)


@pytest.mark.parametrize("looks", [1, 7])
def test_a_strategy_that_looks_has_the_results_of_one_that_does_not(market, looks):
    blind, looking = (backtest(Trades, market, **COSTS, looks=each) for each in (0, looks))
    assert dict(looking.stats) == dict(blind.stats)
    assert looking.equity.to_arrow() == blind.equity.to_arrow()


@pytest.mark.parametrize("execution", [interpreted, compiled])
def test_a_state_does_not_say_who_has_looked(market, execution):
    expected = list(states(market, interpreted, 0))
    assert len(set(expected)) == len(STOPS) + 1
    for looks, watched in [(0, False), (0, True), (1, False), (7, True)]:
        assert list(states(market, execution, looks, watched)) == expected
