"""What a stream brings together is written down together, and what comes alone is not kept waiting."""

import asyncio

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.events import Bar
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Listens(Strategy):
    """Hears, and does nothing."""

    def on_bar(self, bar, book):
        pass


class Bursts:
    """The port `Feed`: so many bars at once, then a wait; `brought` is how many it has handed over."""

    def __init__(self, sizes, begin):
        self.sizes, self.time, self.brought = sizes, begin, 0

    async def history(self, symbols, after, until):
        return []

    async def stream(self, symbols):
        for size in self.sizes:
            await asyncio.sleep(0.0)
            for _ in range(size):
                self.time += DAY_NS
                self.brought += 1
                bar = Bar()
                bar.time = bar.known = self.time
                bar.span, bar.volume = DAY_NS, 1.0
                bar.open = bar.high = bar.low = bar.close = 500.0
                yield "AAPL", bar
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("sizes", "appends"),
    [
        ((1, 1, 1), [(1, 1), (1, 2), (1, 3)]),
        ((0, 1, 0, 2), [(1, 1), (1, 2), (1, 3)]),
        ((4, 4), [(4, 4), (4, 8)]),
        ((1, 1, 3, 3, 1, 1), [(1, 1), (1, 2), (1, 3), (2, 5), (3, 8), (1, 9), (1, 10)]),
    ],
)
def test_a_burst_is_one_append_and_one_alone_is_heard_at_once(sizes, appends):
    """Each append by its events and by how many the stream had brought; the first of an unexpected burst is alone."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(Listens, data, DAY_NS)
    told = []

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            runner.keeps_time = runner.ingest.keeps_time = False
            runner.feed = Bursts(sizes, runner.desk.manifest.opened)
            run.witness.decided = lambda heard, decided, taken_ns: told.append((decided.count, runner.feed.brought))
            tasks.spawn("feed", runner._follow_feed())
            for _ in range(200):
                await asyncio.sleep(0.0)

    asyncio.run(work())
    assert told == appends
