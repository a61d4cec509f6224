"""The guard in the whole live path, in lock-step: silent on a sane book, and the end of it where a bound breaks."""

import asyncio

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

import stratofold
from stratofold.fold.account import REDUCING
from stratofold.fold.risk import Limits, Risk
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.fold import keep_limits
from stratofold.live.risk.limits_config import SUGGESTED, read_stated
from stratofold.live.risk.verdict import FLATTEN, HALT, reason_name
from stratofold.strategies import BuyAndHold, Momentum
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
SANE = read_stated(SUGGESTED, "suggested").bounds


@pytest.fixture(scope="module")
def year():
    return stratofold.sample("us14").subset(["SPY", "AAPL", "EEM", "BAC"], start="2020-01-02", end="2020-12-31")


def run_of(strategy, data, bounds):
    run = paper(strategy, data, DAY_NS, bounds=to_builtins(bounds))
    return run, run.run()


def test_the_suggested_bounds_change_nothing_in_a_sane_year(year):
    guarded, desk = run_of(Momentum, year, SANE)
    free = paper(Momentum, year, DAY_NS)
    free.run()
    assert guarded.witness.fills == free.witness.fills
    assert len(guarded.witness.fills) > 10
    assert guarded.witness.refusals == free.witness.refusals
    assert desk.fold.engine.book.state == 0


@pytest.mark.parametrize("action", [FLATTEN, HALT])
def test_a_drawdown_ends_the_book_and_a_restart_remembers(year, action):
    """March 2020 takes more than a tenth from a book that only holds."""
    bounds = replace(
        SANE,
        stops=replace(SANE.stops, drawdown_max=0.10, daily_loss_max=1e9, daily_loss_fraction_max=1.0, action=action),
    )
    run, desk = run_of(BuyAndHold, year, bounds)
    guard, book = desk.fold.guard, desk.fold.engine.book
    assert guard.equity_stops.drawdown_tripped
    positions = [book.position(symbol) for symbol in range(book.symbol_count)]
    assert any(positions) == (action == HALT)
    assert book.orders.count == 0
    assert not guard.closing.busy
    if action == FLATTEN:
        assert book.state == REDUCING
        assert asyncio.run(run.broker.account()).positions == {}
    again = open_desk(run.journal, run.book, BuyAndHold, "another", 0)
    assert again.fold.save() == desk.fold.save()
    assert restore_fold(run.journal, desk.manifest.book, BuyAndHold, use_snapshot=False).save() == desk.fold.save()


def test_bounds_with_nothing_stated_send_nothing_and_say_why(year):
    run, desk = run_of(BuyAndHold, year, replace(SANE, rate=replace(SANE.rate, messages_per_minute_max=0.0)))
    assert run.witness.fills == []
    assert {reason_name(row[4]) for row in run.witness.refusals} == {"message_rate"}
    assert desk.fold.engine.book.orders.count == 0


def test_limits_that_were_changed_hold_over_a_saved_state():
    risk = Risk(Limits(position_max=5.0, orders_per_minute_max=3.0), 1)
    for k, moment in enumerate((10, 20, 30, 40)):
        risk.order_times[k % 3] = moment
        risk.order_times_at = (k + 1) % 3
    for most, kept in ((3.0, {20, 30, 40}), (2.0, {30, 40}), (5.0, {20, 30, 40}), (0.0, set())):
        other = Risk(Limits(position_max=7.0, orders_per_minute_max=most), 1)
        limits = other.limits
        other.order_times, other.order_times_at = risk.order_times[:], risk.order_times_at
        keep_limits(other, limits)
        assert other.limits.position_max == 7.0
        assert {moment for moment in other.order_times if moment > 0} == kept
        assert len(other.order_times) == most
        if most > 3.0:
            assert other.order_times[other.order_times_at] < 0
        elif most == 2.0:
            assert other.order_times[other.order_times_at] == 30
