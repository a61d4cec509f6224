"""What counts as evidence when book and venue are compared, and what does not."""

import asyncio

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import UNKNOWN, Offer
from stratofold.live.halt import CLEAN_RECONCILE
from stratofold.live.reconcile import reconcile
from tests.live_tools import paper
from tests.stories.test_live_unknown import Losing, until_bar

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000


class BuysOnce(Strategy):
    """Ten shares at the first bar."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 10.0)


class Forgetful:
    """A venue whose lists of orders lag behind its list of fills."""

    def __init__(self, inner):
        self.inner = inner
        self.capabilities = inner.capabilities
        self.executions, self.account = inner.executions, inner.account

    async def order(self, client_id, *, sent=False):
        return None

    async def orders(self, since=0, *, only_open=True):
        return []


@pytest.fixture
def march():
    return stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")


def test_an_order_that_was_filled_has_arrived_though_no_list_of_orders_knows_it(march):
    run = paper(BuysOnce, march, DAY_NS)
    run.http = run.broker._calls.http = Losing(run.http, "POST", True)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 1)
            await run.stepper.step()
            run.clock.time = (await run.stepper.now()).time
            late = run.clock.now() + 1_000 * HOUR_NS
            found = [await reconcile(runner.desk, Forgetful(run.broker), late)]
            await runner.settled()
            found.append(await reconcile(runner.desk, Forgetful(run.broker), late + HOUR_NS))
            states = [message.state for message in run.journal.outbox("paper")]
            return [one.unknown for one in found], states, runner.desk.fold.engine.book.position(0)

    unknown, states, held = asyncio.run(work())
    assert held == 10.0
    assert [len(keys) for keys in unknown] == [1, 1]
    assert states == [UNKNOWN]


def test_what_was_not_compared_is_not_clean(march):
    run = paper(BuysOnce, march, DAY_NS)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 3)
            run.journal.offer("paper", [Offer(0, "operator", "waits", b"flatten")])
            return await reconcile(runner.desk, run.broker, run.clock.now() + 1)

    found = asyncio.run(work())
    assert (found.compared, found.clean, found.breaks) == (False, False, [])
    assert int(run.journal.mark("paper", CLEAN_RECONCILE)) <= run.clock.now()
