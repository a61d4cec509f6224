"""What holds a book after a bound broke or its limits changed, and how it is let go, on the whole live path."""

import asyncio

import pytest
from msgspec import structs, to_builtins
from msgspec.structs import replace

import stratofold
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACTIVE, HALTED, REDUCING, AccountLimits
from stratofold.errors import Setup, Stop
from stratofold.events import Bar
from stratofold.fold import account
from stratofold.live.halt import confirm_release, halt, request_release
from stratofold.live.hold import hold_again, hold_broken, lift_when_clean, standing_of, take_up_limits
from stratofold.live.risk.bounds import Bounds
from stratofold.live.risk.limits_config import SUGGESTED, Stated, read_stated
from stratofold.live.risk.verdict import (
    DRAWDOWN,
    FLATTEN,
    HALT,
    NOTE,
    REDUCE,
    REDUCING_ONLY,
    REPEATED_EXECUTION,
    STOP_LOSS,
)
from stratofold.strategies import BuyAndHold
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
SANE = read_stated(SUGGESTED, "suggested").bounds
TIGHT = replace(SANE, stops=replace(SANE.stops, drawdown_max=0.10, daily_loss_max=1e9, daily_loss_fraction_max=1.0))


@pytest.fixture(scope="module")
def fall():
    return stratofold.sample("us14").subset(["SPY", "AAPL"], start="2020-01-02", end="2020-04-30")


def book_of(fall, bounds):
    run = paper(BuyAndHold, fall, DAY_NS, bounds=to_builtins(bounds))
    return run, run.run()


def standing(run, scope="book", name="paper"):
    control = standing_of(run.journal, "account", scope, name)
    return control and (control.state, control.by)


def again(run):
    """A new process takes the book up and hears what there is."""

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await runner.start()
            return runner.desk

    return asyncio.run(work())


def test_a_broken_bound_is_a_control_that_only_two_steps_lift(fall):
    run, desk = book_of(fall, TIGHT)
    assert standing(run) == (REDUCING, "guard")
    assert "drawdown: limit 0.1" in standing_of(run.journal, "account", "book", "paper").reason
    assert desk.fold.engine.book.state == account.REDUCING
    desk = again(run)
    assert desk.fold.engine.book.state == account.REDUCING
    now = run.clock.time
    request = request_release(run.journal, "account", "book", "paper", "seen", "me", now + 1)
    with pytest.raises(Stop):
        confirm_release(run.journal, "account", "book", "paper", request.code, "me", now + 2)
    run.clock.time = now + 3
    again(run)
    confirm_release(run.journal, "account", "book", "paper", request.code, "me", now + 4)
    run.clock.time = now + 5
    desk = again(run)
    assert desk.fold.engine.book.state == account.ACTIVE
    assert not desk.fold.guard.equity_stops.drawdown_tripped
    assert desk.fold.held_at == 0


def test_a_control_that_a_crash_has_swallowed_is_written_at_the_next_start(fall):
    run, desk = book_of(fall, TIGHT)
    now = run.clock.time
    assert hold_again(desk, now) == []
    run.journal.control(
        "account", structs.replace(standing_of(run.journal, "account", "book", "paper"), state=ACTIVE, time=1)
    )
    assert [control.state for control in hold_again(desk, now)] == [REDUCING]
    run.journal.control(
        "account", structs.replace(standing_of(run.journal, "account", "book", "paper"), state=ACTIVE, time=now)
    )
    assert hold_again(desk, now) == []


# action | symbol of the breach | reason || scope, name and state of the control
BREACHES = (
    (NOTE, -1, DRAWDOWN, None),
    (REDUCING_ONLY, -1, DRAWDOWN, ("book", "paper", REDUCING)),
    (FLATTEN, -1, DRAWDOWN, ("book", "paper", REDUCING)),
    (HALT, -1, DRAWDOWN, ("book", "paper", HALTED)),
    (REDUCE, 1, DRAWDOWN, ("book", "paper", REDUCING)),
    (FLATTEN, 1, STOP_LOSS, None),
    (REDUCING_ONLY, 1, REPEATED_EXECUTION, ("symbol", "AAPL", REDUCING)),
)


@pytest.mark.parametrize(("action", "symbol", "reason", "outcome"), BREACHES)
def test_which_breach_holds_what(fall, action, symbol, reason, outcome):
    run = paper(BuyAndHold, fall, DAY_NS, bounds=to_builtins(SANE))
    desk = asyncio.run(run.desk())
    step = desk.fold.hear(_bar())._replace(breaches=[(reason, symbol, action, 0.1, 0.2, 5, 0.0)])
    held = hold_broken(desk, [step], 10)
    assert [(one.scope, one.name, one.state) for one in held] == ([outcome] if outcome else [])
    assert hold_broken(desk, [step], 11) == []
    halt(run.journal, "account", "book", "paper", "stop", "me", 12)
    assert hold_broken(desk, [step], 13) == []
    assert standing(run) == (HALTED, "me")


def _bar():
    bar = Bar()
    bar.time = bar.known = 1_588_000_000_000_000_000
    bar.open = bar.high = bar.low = bar.close = 100.0
    bar.volume = 1.0
    return bar


def limits(**more):
    return Stated({"position_max": 5.0}, replace(Bounds(), **more), AccountLimits(orders_max=7))


def test_changed_limits_are_shown_acknowledged_and_reducing_only_until_a_clean_reconcile(fall):
    run = paper(BuyAndHold, fall, DAY_NS, bounds=to_builtins(SANE))
    desk = asyncio.run(run.desk())
    assert take_up_limits(desk, limits(), 10, acknowledged=False) == []
    written = []
    desk.journal.fault = lambda verb, when: written.append(verb) if when == "before" else None
    assert take_up_limits(desk, limits(), 11, acknowledged=False) == []
    desk.journal.fault = None
    assert "mark" not in written  # a start that says nothing new waits for no disk
    assert standing(run) is None
    changed = limits(stops=replace(SANE.stops, stop_loss=0.1))
    with pytest.raises(Setup) as raised:
        take_up_limits(desk, changed, 12, acknowledged=False)
    assert raised.value.code == "SF894"
    assert standing(run) is None
    names = [one.name for one in take_up_limits(desk, changed, 13, acknowledged=True)]
    assert "risk.stops.stop_loss" in names
    assert standing(run) == (REDUCING, "limits")
    assert lift_when_clean(desk, 13) is None
    assert lift_when_clean(desk, 14).state == ACTIVE
    assert standing(run) == (ACTIVE, "limits")
    assert take_up_limits(desk, changed, 15, acknowledged=False) == []


def test_changed_limits_neither_loosen_nor_lift_what_somebody_else_holds(fall):
    run = paper(BuyAndHold, fall, DAY_NS, bounds=to_builtins(SANE))
    desk = asyncio.run(run.desk())
    take_up_limits(desk, limits(), 10, acknowledged=False)
    halt(run.journal, "account", "book", "paper", "stop", "me", 11)
    take_up_limits(desk, limits(stops=SANE.stops), 12, acknowledged=True)
    assert lift_when_clean(desk, 13) is None
    assert standing(run) == (HALTED, "me")
    assert [record.kind for record in run.journal.records("paper")].count("control") == 1


def test_a_symbol_that_was_disabled_is_enabled_when_its_control_is_lifted(fall):
    loose = replace(SANE.stops, drawdown_max=1.0, daily_loss_max=1e9, daily_loss_fraction_max=1.0)
    bounds = replace(SANE, stops=loose, rate=replace(SANE.rate, executions_max=1.0))
    run = paper(BuyAndHold, fall, DAY_NS, bounds=to_builtins(bounds))
    desk = run.run()
    assert standing(run, "symbol", "SPY") == (REDUCING, "guard")
    assert all(desk.fold.disabled)
    now = run.clock.time
    request = request_release(run.journal, "account", "symbol", "SPY", "seen", "me", now + 1)
    run.clock.time = now + 2
    again(run)
    confirm_release(run.journal, "account", "symbol", "SPY", request.code, "me", now + 3)
    run.clock.time = now + 4
    desk = again(run)
    assert [bool(since) for since in desk.fold.disabled] == [name != "SPY" for name in desk.fold.names]
    assert desk.fold.engine.book.state == account.ACTIVE
