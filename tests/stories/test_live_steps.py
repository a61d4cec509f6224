"""From an event to its order's bytes: in one turn, in so many steps, and not before it is written down."""

import asyncio
import sys
from pathlib import Path

import stratofold
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import CLAIMED
from stratofold.events import Bar
from tests.live_tools import paper
from tests.stories.test_live_waited import BuysTwice

DAY_NS = 86_400_000_000_000
FRAMES_MAX = 240  # of ours, without a guard; asyncio's and C's own are not counted: 228 when this was written
OURS = str(Path(stratofold.__file__).parent)


class Frames:
    """Counts the functions of ours that are entered."""

    def __init__(self):
        self.count = 0

    def __call__(self, frame, event, argument):
        self.count += event == "call" and frame.f_code.co_filename.startswith(OURS)


class Leaving:
    """The port `Http`: how many steps were made, and what was claimed, when the first order's request was made."""

    def __init__(self, inner, journal, frames):
        self.inner, self.journal, self.frames = inner, journal, frames
        self.exchange = inner.exchange
        self.steps = 0

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if method == "POST" and not self.steps:
            self.steps = self.frames.count
            self.claimed = [message.key for message in self.journal.outbox("paper", CLAIMED)]
        return await self.inner.request(method, url, headers, body, timeout_seconds)


def test_an_order_leaves_in_the_turn_that_hears_its_event_and_after_its_claim():
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysTwice, data, DAY_NS)
    frames = Frames()
    run.http = run.broker._calls.http = Leaving(run.http, run.journal, frames)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await runner.start()
            before = run.clock.now()
            while not (bars := await heard(run, before)):
                run.clock.time = (await run.stepper.step()).time
            runner.admit(*bars[0])
            sys.setprofile(frames)
            try:
                runner._turn()
            finally:
                sys.setprofile(None)

    asyncio.run(work())
    assert run.http.claimed == ["paper-g1-1", "paper-g1-2"]
    assert 100 < run.http.steps <= FRAMES_MAX


async def heard(run, before):
    """The bars that have ended."""
    return [one for one in await run.feed.history(("AAPL",), before, run.clock.now()) if isinstance(one[1], Bar)]
