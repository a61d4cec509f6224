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


def interpreted(run):
    rest(run.engine, run.strategy, run.feed, run.events)


def compiled(run):
    drive(run.engine, run.strategy, run.feed, run.events)


def ended(market, execution, looks):
    """The state of a run at its end, what is lazy worked out as the live path does before it saves."""
    run = prepare(Trades, market, Options(**COSTS, equity_curve=True, borrow_rate=0.02), {"looks": looks})
    execution(run)
    for ledger in (run.engine.book.ledger, run.engine.venue.ledger):
        ledger.refresh()
    return save(run.engine)


@pytest.mark.parametrize("looks", [1, 7])
def test_a_strategy_that_looks_has_the_results_of_one_that_does_not(market, looks):
    blind, looking = (backtest(Trades, market, **COSTS, looks=each) for each in (0, looks))
    assert dict(looking.stats) == dict(blind.stats)
    assert looking.equity.to_arrow() == blind.equity.to_arrow()


@pytest.mark.parametrize("execution", [interpreted, compiled])
def test_the_state_at_the_end_does_not_say_who_has_looked(market, execution):
    expected = ended(market, interpreted, 0)
    assert [ended(market, execution, looks) for looks in (0, 1, 7)] == [expected] * 3
