"""Two books of one account that trade the same symbol: each holds its own, and both agree with the venue."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import VenueOrder
from stratofold.live.open import adopt
from stratofold.live.reconcile import reconcile
from tests.live_tools import Witness, paper
from tests.stories.test_live_unknown import until_bar

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


@pytest.fixture
def march():
    return stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")


def beside(first, name):
    """Another book at the same account, in the same journal."""
    other = replace(first, book=name, witness=Witness())
    other.clock, other.stepper = first.clock, first.stepper
    own = other.manifest
    other.manifest = lambda opened: msgspec.structs.replace(own(opened), generation="g2")
    return other


async def settled(run, runner):
    """The next bar is there, fills are heard."""
    found = await reconcile(runner.desk, run.broker, run.clock.now())
    await runner.settled()
    return found, runner.desk.fold.engine.book.position(0)


def test_each_book_hears_its_own_fills_only(march):
    first = paper(BuysOnce, march, DAY_NS)
    other = beside(first, "other")

    async def work():
        async with Tasks() as tasks:
            runner = await first.runner(tasks)
            await until_bar(runner, first, 3)
            found, held = await settled(first, runner)
            assert (found.clean, held) == (True, 10.0)
            second = await other.runner(tasks)
            await adopt_none(second.desk, first)
            await until_bar(second, other, 3)
            await settled(other, second)
            before, mine = await settled(other, second)
            assert (before.breaks, mine) == ([], 10.0)
            late, still = await settled(first, runner)
            assert (late.breaks, still) == ([], 10.0)
            account = await first.broker.account()
            again, _ = await settled(other, second)
            return account.positions["AAPL"][0], late.clean or late.compared, again.clean

    assert asyncio.run(work()) == (20.0, True, True)
    assert [one.client_id.split("-")[0] for one in first.journal.outbox("other")] == ["other"]


async def adopt_none(desk, run):
    adopt(desk, await run.broker.account(), (), run.clock.now())


def test_a_fill_that_a_sibling_has_not_heard_is_no_break(march):
    first = paper(BuysOnce, march, DAY_NS)
    other = beside(first, "other")

    async def work():
        async with Tasks() as tasks:
            second = await other.runner(tasks)
            runner = await first.runner(tasks)
            await until_bar(runner, first, 1)
            await first.stepper.step()  # it fills, and its book is not there to hear it
            first.clock.time = (await first.stepper.now()).time
            unsure, _ = await settled(other, second)
            await settled(first, runner)
            first.clock.time += 1
            await settled(first, runner)
            sure, held = await settled(other, second)
            return (unsure.compared, unsure.breaks), (sure.clean, held)

    assert asyncio.run(work()) == ((False, []), (True, 0.0))


def test_an_order_under_a_name_that_the_book_never_gave_is_foreign(march):
    run = paper(BuysOnce, march, DAY_NS)

    async def work():
        desk = await run.desk()
        strange = VenueOrder("paper-g1-zz", "x", "AAPL", 1, "limit", "day", "working", 1.0, 0.0, 1.0, 1.0, 1.0, 1)
        inner = run.broker.orders

        async def orders(since=0, *, only_open=True):
            return [*await inner(since, only_open=only_open), strange]

        run.broker.orders = orders
        return (await reconcile(desk, run.broker, run.clock.now())).foreign

    assert asyncio.run(work()) == ["paper-g1-zz"]
