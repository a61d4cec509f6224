"""A timer that was folded ahead: what is written down and sent is the same, and the fold hears it when the bytes have left."""

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest
from msgspec import structs, to_builtins

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.errors import Setup, Stop
from stratofold.fold.state import copy
from stratofold.fold.strategy import Strategy, every
from stratofold.live.decide import Heard, PoisonedError, catch_up, decide
from stratofold.live.desk import open_desk
from stratofold.live.foresight import Foresight
from stratofold.live.manifest import build_fold
from stratofold.live.open import open_book
from stratofold.live.risk.bounds import Bounds
from stratofold.live.run import Runner
from stratofold.live.timers import Timers, timer
from stratofold.market.sessions import calendar
from tests.faults.rig import START, Rig
from tests.faults.world import SECOND
from tests.live_tools import Witness
from tests.unit.live.test_ingest import bar

MINUTE = 60 * SECOND
calls = count()


class Timed(Strategy):
    """Buys at each minute's timer, and replaces what it has bought at every other bar."""

    schedule = (every(1),)

    def setup(self):
        self.number, self.bars = 0, 0

    def on_bar(self, bar, book):
        self.bars += 1
        if self.number and self.bars % 2:
            book.replace(self.number, limit=40.0 + self.bars / 100)

    def on_timer(self, timer, book):
        self.number = book.buy(0, 1.0 + self.bars, limit=50.0)
        book.sell(1, 2.0, limit=150.0)


class Fickle(Timed):
    """Decides by how often it was asked."""

    def on_timer(self, timer, book):
        book.buy(0, 1.0 + next(calls), limit=50.0)


class Fails(Timed):
    """Raises at the second timer."""

    def on_timer(self, timer, book):
        self.number += 1
        _ = 1.0 / (2.0 - self.number)


class Idle(Timed):
    """Hears its timers and does nothing."""

    def on_timer(self, timer, book):
        self.number += 1


def desk_of(strategy, *, guarded=False):
    """A new book, of a process with the same number each time."""
    manifest = structs.replace(Rig(0).manifest, bounds=to_builtins(Bounds()) if guarded else None)
    journal = Journal()
    open_book(journal, manifest, START)
    desk = open_desk(journal, "sim", strategy, "test", START)
    desk.process = 1
    return desk


def minutes(desk, number, ahead, *, after=lambda minute: ()):
    """So many minutes of two bars and a timer; how many timers were decided on with foresight."""
    used = 0
    for minute in range(1, number + 1):
        time = START + minute * MINUTE
        for symbol in (0, 1):
            decide(desk, [Heard(bar(time, symbol))], time)
        if ahead is not None:
            ahead.look(timer(time, 0), time)
        for event in (*after(minute), timer(time, 0)):
            decide(desk, [Heard(event)], time)
            used += desk.behind is not None
            catch_up(desk)
    return used


@pytest.mark.parametrize("every_second_is_in_vain", [False, True])
def test_what_is_written_down_is_the_same(every_second_is_in_vain):
    def between(minute):
        late = bar(START + minute * MINUTE + SECOND, minute % 2)
        return [late] if every_second_is_in_vain and minute % 2 else []

    plain, ahead = desk_of(Timed), desk_of(Timed)
    assert minutes(plain, 12, None, after=between) == 0
    assert minutes(ahead, 12, Foresight(ahead), after=between) == (6 if every_second_is_in_vain else 12)
    assert ahead.head == plain.head  # the chain over every record with it
    assert ahead.fold.save() == plain.fold.save()
    assert ahead.journal.outbox("sim") == plain.journal.outbox("sim")


def test_a_timer_that_is_not_due_or_sends_nothing_or_waits_for_bars_is_not_foreseen():
    desk = desk_of(Timed, guarded=True)
    ahead = Foresight(desk)
    for symbol in (0, 1):
        decide(desk, [Heard(bar(START + MINUTE, symbol))], START)
    due = timer(START + 2 * MINUTE, 0)
    ahead.look(due, due.time - 1)
    ahead.look(None, due.time)
    decide(desk, [Heard(bar(due.time, 0))], due.time)  # of two symbols, as the time before: one is missing
    ahead.look(due, due.time)
    assert desk.foreseen is None is ahead._copy
    decide(desk, [Heard(bar(due.time, 1))], due.time)
    ahead.look(due, due.time)
    assert ahead._copy is not None
    idle = desk_of(Idle)
    assert minutes(idle, 3, Foresight(idle)) == 0


def test_a_step_that_brings_a_snapshot_is_folded_when_it_is_heard():
    desk = desk_of(Timed)
    desk.snapshot_every = 6
    assert minutes(desk, 4, Foresight(desk)) == 2
    step, _, state = desk.journal.snapshot("sim")
    fresh = build_fold(desk.manifest, Timed)
    fresh.restore(state, step)
    assert fresh.steps == step > 0


def test_a_strategy_that_decides_otherwise_when_asked_again_is_stopped():
    desk = desk_of(Fickle)
    with pytest.raises(Stop, match="SF847"):
        minutes(desk, 1, Foresight(desk))


def test_what_a_hook_raises_is_raised_where_it_is_heard():
    desk = desk_of(Fails)
    with pytest.raises(PoisonedError, match="ZeroDivisionError") as raised:
        minutes(desk, 2, Foresight(desk))
    assert raised.value.heard.event.time == START + 2 * MINUTE


def test_the_bytes_leave_before_the_fold_hears(monkeypatch):
    desk, left = desk_of(Timed), []

    async def run():
        async with Tasks() as tasks:
            timers, due = Timers((), calendar("24/7"), START), timer(START + MINUTE, 0)
            broker = SimpleNamespace(listening=True)
            runner = Runner(desk, None, broker, StandingClock(START), tasks, Witness(), timers, foresees=True)
            runner.ready = True
            monkeypatch.setattr(
                runner, "_deliver", lambda messages: left.append((len(messages), desk.fold.steps, desk.head.step))
            )
            runner.foresight.look(due, due.time)
            runner.hear([Heard(due)])

    asyncio.run(run())
    assert left == [(2, 0, 1)]
    assert (desk.fold.steps, desk.fold.strategy.number) == (1, 1)


def test_under_crashes_and_faults_nothing_is_different():
    seen = {ahead: Rig(5, foresees=ahead).run() for ahead in (True, False)}
    assert seen[True].trace == seen[False].trace
    assert not seen[True].violations


def test_a_copy_of_a_state_is_what_restoring_it_makes():
    desk = desk_of(Timed)
    minutes(desk, 5, None)
    fold = build_fold(desk.manifest, Timed)
    fold.copy(desk.fold)
    assert (fold.save(), fold.steps) == (desk.fold.save(), desk.fold.steps)
    minutes(desk, 70, None)  # tables grow
    fold.copy(desk.fold)
    assert fold.save() == desk.fold.save()
    with pytest.raises(Setup, match="SF111"):
        copy(desk.fold.strategy, build_fold(desk.manifest, Rig(0).strategy).strategy)
    desk.fold.strategy.number = None
    with pytest.raises(Setup, match="SF110"):
        fold.copy(desk.fold)
