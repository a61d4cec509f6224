"""Whatever orders a strategy asks for, a cell of a sweep is its interpreted backtest, to the bit.

A sweep's kernel lacks what a strategy's orders never lead to (`kernel/known.py`), so each of these has one of its own.
"""

import pytest

from stratofold import Fees, Limits, Strategy, backtest, param, sample, sweep
from stratofold.fold.order import AT_CLOSE, DAY, FOK, IOC, Order
from stratofold.research.sweep.columns import STATISTICS
from tests.unit.sweep.test_sweep import bits

LOOSE = Limits(**dict.fromkeys(Limits.__slots__, float("inf")) | {"duplicate_seconds": 0.0})


class Turns(Strategy):
    """Does something of its own every few bars."""

    every = param(7, low=2, high=50)

    def setup(self):
        """Nothing asked for yet."""
        self.count = 0
        self.number = 0
        self.other = 0

    def on_bar(self, bar, book):
        """In turn."""
        self.count += 1
        if self.count % self.every == 0:
            self.turn(bar, book)


class Market(Turns):
    """Long and short in turn."""

    def turn(self, bar, book):
        if book.position(bar.symbol) > 0.0:
            book.sell(bar.symbol, 2.0 * book.position(bar.symbol))
        else:
            book.buy(bar.symbol, 40.0 - 2.0 * book.position(bar.symbol))


class Limited(Turns):
    """Rests on both sides, with the one that fills changed by the other."""

    def turn(self, bar, book):
        book.cancel(self.number)
        self.number = book.buy(bar.symbol, 30.0, limit=bar.close * 0.995)
        self.other = book.sell(bar.symbol, 30.0, limit=bar.close * 1.005, tif=DAY)
        book.one_cancels_other(self.number, self.other)


class Replaced(Turns):
    """Moves what rests, and makes it larger."""

    def turn(self, bar, book):
        if book.is_working(self.number):
            book.replace(self.number, quantity=30.0 + self.count % 5, limit=bar.close * 0.99)
        elif book.position(bar.symbol) > 0.0:
            book.close(bar.symbol)
        else:
            self.number = book.buy(bar.symbol, 20.0, limit=bar.close * 0.98)


class Stopped(Turns):
    """Breakouts with a stop, and with a stop and a limit."""

    def turn(self, bar, book):
        book.close(bar.symbol)
        book.cancel(self.number)
        if self.count % 2 == 0:
            self.number = book.buy(bar.symbol, 25.0, stop=bar.high * 1.002)
        else:
            self.number = book.sell(bar.symbol, 25.0, stop=bar.low * 0.998, limit=bar.low * 0.99)


class Trailed(Turns):
    """Trails by an amount and by a fraction."""

    def turn(self, bar, book):
        if book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, 20.0)
            book.sell(bar.symbol, 10.0, trail=bar.close * 0.02)
            book.sell(bar.symbol, 10.0, trail_fraction=0.03)


class Bracketed(Turns):
    """An entry with a profit to take and a loss to stop at; sometimes entry and legs are taken back."""

    def turn(self, bar, book):
        if book.position(bar.symbol) == 0.0:
            self.number = book.buy(
                bar.symbol, 20.0, limit=bar.close * 1.001, take_profit=bar.close * 1.03, stop_loss=bar.close * 0.98
            )
        elif self.count % 3 == 0:
            book.cancel(self.number + 1)
            book.target_quantity(bar.symbol, 5.0)


class Hasty(Turns):
    """At once or not at all, and at the close."""

    def turn(self, bar, book):
        held = book.position(bar.symbol)
        if held > 0.0:
            book.sell(bar.symbol, held, tif=AT_CLOSE)
        elif self.count % 2 == 0:
            book.buy(bar.symbol, 20.0, tif=IOC)
        else:
            book.buy(bar.symbol, 20.0, limit=bar.close, tif=FOK)


class Keeper(Market):
    """Holds an order of its own, filled in as no table's is."""

    def setup(self):
        super().setup()
        self.model = Order()
        self.model.kind = 4
        self.model.sibling = 3


EVERY = [Market, Limited, Replaced, Stopped, Trailed, Bracketed, Hasty, Keeper]


@pytest.fixture(scope="module")
def market():
    """A year of two symbols, with a split of seven for one, and dividends."""
    return sample("SPY", "AAPL", start="2014-01-02", end="2014-12-31")


@pytest.mark.nightly  # a kernel each
@pytest.mark.parametrize("capped", [{}, {"volume_cap": 2e-7}])
@pytest.mark.parametrize("strategy", EVERY)
def test_a_cell_of_any_orders_is_its_backtest(market, strategy, capped):
    words = {"fees": Fees(per_share=0.005, minimum=1.0), "limits": LOOSE} | capped
    swept = sweep(strategy, market, execution="compiled", every=[2, 3, 7], **words)
    for cell in swept.table.iter_rows(named=True):
        single = backtest(strategy, market, execution="interpreted", every=cell["every"], **words)
        expected = dict(single.stats) | {"refusals": float(len(single.refusals))}
        assert {name: bits(cell[name]) for name in STATISTICS} == {name: bits(expected[name]) for name in STATISTICS}
        assert cell["error"] is None
    assert swept.table["trades"].sum() > 0.0
