"""A run that is stopped hears the answers that are under way before it ends."""

import asyncio

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACCEPTED, CLAIMED
from stratofold.events import Bar
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Once(Strategy):
    """One order, at the first bar."""

    def setup(self):
        self.sent = 0

    def on_bar(self, bar, book):
        if self.sent == 0:
            self.sent = book.buy(bar.symbol, 1.0)


class Slow:
    """A network on which an order takes until it is let go."""

    def __init__(self, inner):
        self.inner = inner
        self.gate = asyncio.Event()

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if method == "POST":
            await self.gate.wait()
        return await self.inner.request(method, url, headers, body, timeout_seconds)


def test_a_stopped_run_leaves_nothing_claimed():
    run = paper(Once, stratofold.sample("us14").subset("SPY", start="2020-04-01", end="2020-04-10"), DAY_NS)
    run.broker._calls.http = slow = Slow(run.http)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await runner.start()
            bar = Bar()
            bar.time = bar.known = run.clock.now() + 1
            bar.span, bar.open, bar.high, bar.low, bar.close, bar.volume = DAY_NS, 250.0, 250.0, 250.0, 250.0, 1e6
            runner.admit("SPY", bar)
            await runner.pump()
            assert [one.state for one in run.journal.outbox("paper")] == [CLAIMED]
            runner.stop()
            asyncio.get_running_loop().call_later(0.1, slow.gate.set)
            await runner._finish()

    asyncio.run(work())
    assert [one.state for one in run.journal.outbox("paper")] == [ACCEPTED]
    assert run.journal.inbox("paper") == []
