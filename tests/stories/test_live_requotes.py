"""A strategy that always has a replace under way hears of its fills all the same."""

import asyncio
from array import array

from msgspec.json import decode

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import UNKNOWN, NoAnswer
from tests.live_tools import paper
from tests.stories.test_live_unknown import until_bar

DAY_NS = 86_400_000_000_000
BARS = 15


class Requotes(Strategy):
    """A bid half a per cent below the market, moved at every bar; the bid of the second symbol is never reached."""

    def setup(self):
        self.bids = array("q", [0, 0])
        self.heard = 0.0

    def on_bar(self, bar, book):
        k = bar.symbol
        limit = round(bar.close * (0.5 if k else 0.995), 2)
        if self.bids[k] == 0:
            self.bids[k] = book.buy(k, 10.0, limit=limit)
        else:
            book.replace(self.bids[k], limit=limit)

    def on_fill(self, fill, book):
        self.heard += fill.quantity


class Mute:
    """Requests that change one order never arrive, and nobody can tell."""

    def __init__(self, inner):
        self.inner = inner
        self.exchange = inner.exchange
        self.lost = ""

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if method == "PATCH" and url.endswith(self.lost):
            raise NoAnswer("reset")
        answer = await self.inner.request(method, url, headers, body, timeout_seconds)
        if method == "POST" and b"AAPL" in body:
            self.lost = decode(answer.body)["id"]
        return answer


def test_a_fill_is_heard_while_replaces_of_its_order_have_no_answer():
    data = stratofold.sample("us14").subset(["AAPL", "BAC"], start="2014-03-01", end="2014-03-31")
    run = paper(Requotes, data, DAY_NS)
    run.http = run.broker._calls.http = Mute(run.http)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 2 * BARS)
            return runner.desk.fold.strategy.heard, (await run.broker.account()).positions

    heard, positions = asyncio.run(work())
    assert len(run.journal.outbox("paper", UNKNOWN)) > 1
    assert heard == positions["AAPL"][0] == 10.0
    assert run.journal.inbox("paper") == []
