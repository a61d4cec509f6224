"""A runner whose journal fails, or whose clock is behind: nothing that was answered is lost, and nobody is asked without end."""

import asyncio
from types import SimpleNamespace

import pytest
from msgspec import structs, to_builtins

from stratofold.adapters.clock import Clock, StandingClock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACCEPTED, Answer, VenueReport
from stratofold.errors import Retry
from stratofold.events import COMMAND_FLATTEN
from stratofold.live import run as live_run
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.open import open_book
from stratofold.live.risk.bounds import Bounds
from stratofold.live.run import START_STEPS, Pace, Runner
from stratofold.live.timers import Timers
from stratofold.live.words import offer_of
from stratofold.market.sessions import calendar
from tests.faults.rig import MIDNIGHT, START, Rig
from tests.faults.world import SECOND
from tests.live_tools import Witness
from tests.patience import PATIENCE_SECONDS
from tests.unit.live.test_ingest import Buys, bar

MINUTE = 60 * SECOND
BUSY = Retry("SF814", "another process has held the journal for too long", fix="run it again")


class At(Clock):
    """The machine's clock, as far behind or ahead as to begin at a time."""

    def __init__(self, begins):
        self.apart = begins - super().now()

    def now(self):
        return super().now() + self.apart


class OneBar:
    """A stream that opens with one bar and has no more; a history in which nothing has happened."""

    def __init__(self):
        self.asked = 0

    async def history(self, symbols, after, until):
        self.asked += 1
        return []

    async def stream(self, symbols):
        yield "AAA", bar(START + 2 * MINUTE)
        await asyncio.sleep(60.0)


def runner_of(tasks, begins, **pace):
    """A book whose first order was claimed."""
    desk = open_desk(Rig(0).journal, "sim", Buys, "test", START)
    claimed = decide(desk, [Heard(bar(START + MINUTE))], START + MINUTE).messages
    broker = SimpleNamespace(listening=False)
    timers = Timers((), calendar("24/7"), desk.manifest.opened)
    made = Runner(desk, OneBar(), broker, At(begins), tasks, Witness(), timers, Pace(**pace))
    made.answers.extend((message, Answer(ACCEPTED, "v1")) for message in claimed)
    return made


def test_what_the_venue_has_refused_to_close_is_asked_for_again_once_a_minute():
    """A book on days would else wait for the next one."""
    rig = Rig(0)
    manifest = structs.replace(rig.manifest, book="two", generation="g2", bounds=to_builtins(Bounds()))
    open_book(rig.journal, manifest, START)
    desk = open_desk(rig.journal, "two", Buys, "test", START)
    timers = Timers((), calendar("24/7"), desk.manifest.opened)
    clock = StandingClock(START)

    async def look():
        async with Tasks() as tasks:
            runner = Runner(desk, OneBar(), SimpleNamespace(listening=False), clock, tasks, Witness(), timers)
            closing, counts = desk.fold.guard.closing, []
            for refused, held, seconds in ((3, 0.0, 0), (2, 5.0, 0), (3, 5.0, 0), (3, 5.0, 59), (3, 5.0, 1)):
                desk.fold.engine.book.ledger.holdings[0].quantity = held
                closing.flatten[0], closing.refused = 1, refused
                clock.time += seconds * SECOND
                runner._close_again()
                counts.append(len(rig.journal.inbox("two")))
            return counts, [heard.event for heard in runner.ingest.gather()]

    counts, (first, second) = asyncio.run(look())
    assert counts == [0, 0, 1, 1, 2]
    assert (first.kind, first.symbol) == (second.kind, second.symbol) == (COMMAND_FLATTEN, 0)


def fails(monkeypatch, where, name):
    def raises(*arguments, **named):
        raise BUSY

    monkeypatch.setattr(where, name, raises)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_journal_that_fails_is_not_taken_for_the_feed(monkeypatch, moment):
    async def follow():
        async with Tasks() as tasks:
            runner = runner_of(tasks, START + 2 * MINUTE)
            if moment == "before":
                fails(monkeypatch, runner.desk.journal, "inbox")
            else:
                fails(monkeypatch, live_run, "hold_broken")
            with pytest.raises(Retry, match="SF814"):
                await asyncio.wait_for(runner._follow_feed(), PATIENCE_SECONDS)
            return runner

    runner = asyncio.run(follow())
    assert runner.failure is BUSY
    assert runner.watcher.failures == []
    (message,) = runner.desk.journal.outbox("sim")
    assert (message.state, message.answer) == (ACCEPTED, "v1")
    answers = [one for one in runner.desk.journal.records("sim") if one.kind == "answer"]
    assert len(answers) == 1


def test_a_clock_that_is_behind_does_not_have_the_history_asked_without_end():
    """A fill of a session that has not begun by our clock: what is asked for until now does not reach its open."""

    async def turn():
        async with Tasks() as tasks:
            runner = runner_of(tasks, MIDNIGHT - MINUTE, retry_seconds=0.1)
            fact = VenueReport(
                "fill:1",
                "partial",
                "sim-g1-1",
                "v1",
                "AAA",
                1,
                MIDNIGHT + SECOND,
                4.0,
                50.0,
                cumulative=4.0,
                leaves=6.0,
            )
            runner.desk.journal.offer("sim", [offer_of(fact)])
            began = runner.clock.monotonic()
            while runner.feed.asked < 3 and runner.clock.monotonic() < began + PATIENCE_SECONDS * SECOND:
                await runner.wake.wait(0.01)
                await runner.pump()
            return runner, runner.clock.monotonic() - began

    runner, taken_ns = asyncio.run(turn())
    assert runner.desk.journal.inbox("sim")
    assert runner.feed.asked == 3
    assert taken_ns >= 2 * SECOND // 10


@pytest.mark.parametrize(("steps", "kept"), [(START_STEPS - 1, False), (START_STEPS, True)])
def test_what_a_start_folded_again_the_next_one_does_not(monkeypatch, steps, kept):
    """Runs that are killed one after another have no quiet moment: each would take longer to start than the one before."""

    async def begins():
        async with Tasks() as tasks:
            runner = runner_of(tasks, START + 2 * MINUTE)
            more = steps - runner.desk.fold.steps
            decide(runner.desk, [Heard(bar(START + (k + 2) * MINUTE)) for k in range(more)], START + MINUTE)
            monkeypatch.setattr(runner, "start", lambda: asyncio.sleep(0.0))
            fails(monkeypatch, tasks, "spawn")
            with pytest.raises(Retry):
                await runner.run()
            return runner.desk

    desk = asyncio.run(begins())
    assert (desk.fold.steps, desk.snapshot_step) == (steps, steps if kept else 0)
    assert open_desk(desk.journal, "sim", Buys, "next", START).fold.restored_step == (steps if kept else 0)
