"""Cells of a sweep, hundreds in one call of machine code, are the interpreted backtests of each, to the bit."""

import pytest

from stratofold import Fees, Limits, Slippage, backtest, sample, sweep
from stratofold.kernel.series import Series
from stratofold.research.sweep.columns import STATISTICS
from stratofold.strategies import Crossover, DonchianBreakout
from tests.unit.kernel.test_unread import OfTheWeek
from tests.unit.sweep.test_sweep import bits

COSTS = {
    "fees": Fees(per_share=0.005, minimum=1.0), "slippage": Slippage(proportional=0.0005),
    "limits": Limits(
        position_max=1e4, order_quantity_max=1e4, order_notional_max=1e6, gross_exposure_max=1e6, net_exposure_max=1e6,
        leverage_max=0.9, price_collar=0.5, orders_per_minute_max=60.0, duplicate_seconds=0.0,
    ),
}  # fmt: skip
SPACES = {  # market orders; stops that rest at the venue through a split, sized by risk, some of them refused
    Crossover: {"fast": [2, 5, 9], "slow": [20, 40]},
    DonchianBreakout: {"entry": [10, 20, 30], "leave": [5, 8]},
}


@pytest.fixture(scope="module")
def market():
    """A year of two symbols, with a split of seven for one, and dividends."""
    return sample("SPY", "AAPL", start="2014-01-02", end="2014-12-31")


@pytest.mark.parametrize("strategy", SPACES)
def test_cells_abreast_are_their_interpreted_backtests(market, strategy, monkeypatch):
    sweep(
        strategy, market, execution="compiled", **COSTS, **SPACES[strategy]
    )  # a first piece that waits for its kernel
    abreast = []  # seems slow, and those after it are single cells
    begin = Series.begin
    monkeypatch.setattr(
        Series, "begin", lambda self, pieces, *rest: abreast.append(len(pieces)) or begin(self, pieces, *rest)
    )
    cells = sweep(strategy, market, execution="compiled", **COSTS, **SPACES[strategy]).table
    assert sum(abreast) > 0
    for cell in cells.iter_rows(named=True):
        parameters = {name: cell[name] for name in SPACES[strategy]}
        single = backtest(strategy, market, execution="interpreted", **COSTS, **parameters)
        expected = dict(single.stats) | {"refusals": float(len(single.refusals))}
        assert {name: bits(cell[name]) for name in STATISTICS} == {name: bits(expected[name]) for name in STATISTICS}
        assert cell["trades"] > 0.0


@pytest.mark.nightly  # kernels of their own
@pytest.mark.parametrize("symbols", [("SPY",), ("SPY", "AAPL")])
def test_who_reads_the_day_of_the_week_finds_it_in_every_cell(symbols):
    """A sweep's kernel writes of a bar only what some code reads, in the loop of one symbol and in that of several."""
    market = sample(*symbols, start="2014-01-02", end="2014-12-31")
    for cell in sweep(OfTheWeek, market, execution="compiled", size=[1.0, 2.0], **COSTS).table.iter_rows(named=True):
        single = backtest(OfTheWeek, market, execution="interpreted", size=cell["size"], **COSTS)
        expected = dict(single.stats) | {"refusals": float(len(single.refusals))}
        assert {name: bits(cell[name]) for name in STATISTICS} == {name: bits(expected[name]) for name in STATISTICS}
        assert cell["trades"] > 3.0
