"""While the venue's stream of reports is down a book only reduces; once it is open and all agree it goes on by itself."""

import asyncio
from dataclasses import replace

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACTIVE, REDUCING
from stratofold.events import Bar
from stratofold.live.halt import halt
from stratofold.live.hold import GUARD, STREAM, hold_broken, hold_deaf, lift_when_clean, standing_of
from stratofold.live.risk.verdict import DRAWDOWN, REDUCING_ONLY
from tests.live_tools import paper
from tests.stories.test_live_unknown import until_bar

DAY_NS = 86_400_000_000_000


class BuysDaily(Strategy):
    """A share at each bar."""

    def on_bar(self, bar, book):
        book.buy(0, 1.0)


class Streams:
    """A broker whose stream of reports opens and breaks as the test says."""

    def __init__(self, inner):
        self.inner = inner
        self.listening = False
        self.opened = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def reports(self):
        while True:
            await self.opened.wait()
            self.opened.clear()
            self.listening = True
            yield None


@pytest.fixture
def run():
    return paper(BuysDaily, stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31"), DAY_NS)


def standing(run):
    control = standing_of(run.journal, "account", "book", "paper")
    return control and (control.state, control.by)


async def moments():
    """Let the tasks run that wait."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_no_order_opens_while_nobody_tells_of_fills(run):
    async def work():
        run.broker = venue = Streams(run.broker)
        seen = []
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            tasks.spawn("reports", runner._follow_reports())
            for open_now, bars in ((False, 2), (True, 3), (False, 4), (True, 5)):
                if open_now:
                    venue.opened.set()
                else:
                    venue.listening = False
                await moments()
                refusals, found = len(run.witness.refusals), len(run.witness.found)
                await until_bar(runner, run, bars)
                assert any(one.clean for one in run.witness.found[found:])
                seen.append((standing(run), len(run.witness.refusals) - refusals))
            runner.stopping = True
            venue.opened.set()
        return seen

    never, opened, down, again = asyncio.run(work())
    assert never == opened == (None, 0)  # what was never open has not broken: the first poll has told all
    assert down == ((REDUCING, STREAM), 4)
    assert again == ((ACTIVE, STREAM), 0)


def test_what_a_clean_reconcile_lifts_does_not_take_a_guards_hold_with_it(run):
    desk = asyncio.run(run.desk())
    step = desk.fold.hear(_bar())._replace(breaches=[(DRAWDOWN, -1, REDUCING_ONLY, 0.1, 0.2, 5, 0.0)])
    hold_deaf(desk, 10)
    assert standing(run) == (REDUCING, STREAM)
    assert [control.by for control in hold_broken(desk, [step], 11)] == [GUARD]
    assert hold_deaf(desk, 12) == []
    assert lift_when_clean(desk, 13) is None
    assert standing(run) == (REDUCING, GUARD)


def test_a_clean_poll_lifts_nothing_while_the_stream_is_down(run):
    desk = asyncio.run(run.desk())
    hold_deaf(desk, 10)
    assert lift_when_clean(replace(desk, deaf=True), 11) is None
    assert lift_when_clean(desk, 11).state == ACTIVE
    halt(run.journal, "account", "book", "paper", "stop", "me", 12)
    assert hold_deaf(desk, 13) == []


def _bar():
    bar = Bar()
    bar.time = bar.known = 1_393_880_400_000_000_000
    bar.open = bar.high = bar.low = bar.close = 100.0
    bar.volume = 1.0
    return bar
