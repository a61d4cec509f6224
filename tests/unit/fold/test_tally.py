"""What is counted as the run goes: drawdowns, money in and out, round trips, by hand figures."""

from array import array
from math import nan

import pytest

from stratofold.fold.ledger import Ledger
from stratofold.fold.log import TradeLog
from stratofold.fold.tally import Tally, statistics
from tests.unit.fold.account import contract

DAY = 86_400_000_000_000


def fresh(first=1_000.0):
    """A tally whose equity begins at 1,000 steps, at day 0."""
    tally = Tally(1, first, array("d", [0.0]))
    tally.begin(0)
    return tally


# equity on days 1, 2, ... || deepest drawdown, its length so far in days
DRAWDOWNS = (
    ((1_000, 1_100, 1_200), 0.0, 0),
    ((1_100, 990, 1_100, 1_200), 0.1, 3),
    ((900, 800, 1_001), 0.2, 3),
    ((900, 1_100, 880, 1_101), 0.2, 2),
    ((1_100, 990, 1_110, 555, 1_200), 0.5, 2),
    # not over yet: counted by `statistics` from the peak to the last sample
    ((1_100, 990, 880), 0.2, 2),
)


@pytest.mark.parametrize(("equities", "depth", "days"), DRAWDOWNS)
def test_the_deepest_and_the_longest_drawdown(equities, depth, days):
    tally = fresh()
    for day, equity in enumerate(equities, 1):
        tally.observe(float(equity), day * DAY)
        tally.bar_count += 1
        tally.sample(float(equity), 0.0, day, day * DAY)
    stats = statistics(tally, Ledger([contract()], array("d", [100.0]), equities[-1] / 100.0), 252.0)
    assert stats["max_drawdown"] == pytest.approx(depth, abs=1e-12)
    assert stats["max_drawdown_days"] == days


def test_money_put_in_is_no_return():
    tally = fresh()
    tally.flow(500.0)
    tally.observe(1_500.0, DAY)
    tally.sample(1_500.0, 0.0, 0, DAY)
    assert (tally.mean, tally.depth, tally.peak_steps) == (0.0, 0.0, 1_500.0)


# fills (side, quantity, price, fee) || trades: side, most held, entry, exit, profit, fees
ROUND_TRIPS = (
    ([(1, 10, 100, 1), (-1, 10, 110, 1)], [(1, 10.0, 100.0, 110.0, 98.0, 2.0)]),
    ([(-1, 10, 100, 0), (1, 10, 110, 0)], [(-1, 10.0, 100.0, 110.0, -100.0, 0.0)]),
    # scaled in and out: one trade, at mean prices
    ([(1, 10, 100, 0), (1, 10, 120, 0), (-1, 5, 130, 0), (-1, 15, 110, 0)], [(1, 20.0, 110.0, 115.0, 100.0, 0.0)]),
    # through zero: the fee is shared by quantity, two thirds close and one third opens
    (
        [(1, 10, 100, 0), (-1, 15, 110, 3), (1, 5, 100, 0)],
        [(1, 10.0, 100.0, 110.0, 98.0, 2.0), (-1, 5.0, 110.0, 100.0, 49.0, 1.0)],
    ),
    ([(1, 10, 100, 0)], []),
)


@pytest.mark.parametrize(("fills", "trades"), ROUND_TRIPS)
def test_a_trade_is_a_round_trip_from_flat_to_flat(fills, trades):
    tally, ledger, log = fresh(), Ledger([contract()], array("d", [100.0]), 10_000.0), TradeLog(8)
    for time, (side, quantity, price, fee) in enumerate(fills):
        before = ledger.holdings[0].quantity
        deal = (side, float(quantity), float(price), float(fee))
        value, fee_steps = ledger.fill(0, *deal)
        tally.fill(ledger, log, 0, *deal[:3], value, fee_steps, time, before)
    columns = [log.column(name) for name in ("side", "quantity", "entry_price", "exit_price", "profit", "fees")]
    assert list(zip(*columns, strict=True)) == trades
    winners = [trade[4] for trade in trades if trade[4] > 0.0]
    assert (tally.trade_count, tally.win_count, tally.gross_profit) == (len(trades), len(winners), sum(winners))


def test_dividends_belong_to_the_trade_that_held_the_share():
    tally, ledger, log = fresh(), Ledger([contract()], array("d", [100.0]), 10_000.0), TradeLog(8)
    for time, (side, price) in enumerate(((1, 100.0), (-1, 99.0))):
        before = ledger.holdings[0].quantity
        value, fee_steps = ledger.fill(0, side, 10.0, price, 0.0)
        tally.fill(ledger, log, 0, side, 10.0, price, value, fee_steps, time, before)
        if side > 0:
            tally.credit(0, 1_500.0)
    assert (log.column("profit")[0], tally.win_count) == (5.0, 1)


def test_nothing_happened():
    assert (fresh().mean, fresh().spread) == (0.0, 0.0)
    stats = statistics(fresh(), Ledger([contract()], array("d", [100.0]), 10.0), 252.0)
    assert (stats["total_return"], stats["max_drawdown"], stats["trades"], stats["fees"]) == (0.0, 0.0, 0.0, 0.0)
    assert [repr(stats[name]) for name in ("sharpe", "sortino", "calmar", "cagr", "exposure")] == [repr(nan)] * 5
