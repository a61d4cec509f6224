"""A request whose answer is lost: the book says `unknown`, asks the venue, and then holds what the venue holds."""

import asyncio

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN, NoAnswer
from stratofold.fold.lifecycle import STATE_NAMES
from stratofold.live.lockstep import run_in_step
from stratofold.live.reconcile import reconcile
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000


class Asks(Strategy):
    """An order far from the market at the first bar, changed at the second, cancelled at the third."""

    def setup(self):
        self.age = 0
        self.order = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            self.order = book.buy(0, 10.0, limit=100.0)
        elif self.age == 2:
            book.replace(self.order, 12.0, limit=101.0)
        elif self.age == 3:
            book.cancel(self.order)


class Losing:
    """Loses the request, or its answer, of one method, once."""

    def __init__(self, inner, method, arrives):
        self.inner, self.method, self.arrives = inner, method, arrives
        self.exchange = inner.exchange

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if method != self.method or "/v2/orders" not in url:
            return await self.inner.request(method, url, headers, body, timeout_seconds)
        self.method = ""
        if self.arrives:
            await self.inner.request(method, url, headers, body, timeout_seconds)
        raise NoAnswer("reset")


LOST = [
    # method, did it arrive, bars heard || message in the end, the book's order: state, quantity, limit (None: no order)
    ("POST", True, 1, ACCEPTED, ("working", 10.0, 100.0)),
    ("POST", False, 1, REJECTED, None),
    ("PATCH", True, 2, ACCEPTED, ("working", 12.0, 101.0)),
    ("PATCH", False, 2, REJECTED, ("working", 10.0, 100.0)),
    ("DELETE", True, 3, ACCEPTED, None),
    ("DELETE", False, 3, REJECTED, ("working", 12.0, 101.0)),
]


@pytest.mark.parametrize(("method", "arrives", "bars", "state", "order"), LOST)
def test_the_book_ends_with_what_the_venue_has(method, arrives, bars, state, order):
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(Asks, data, DAY_NS)
    run.http = run.broker._calls.http = Losing(run.http, method, arrives)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, bars)
            (lost,) = run.journal.outbox("paper", UNKNOWN)
            soon = await ask(runner, run.clock.now())
            assert soon.unknown == ([] if arrives else [lost.key])  # what is not there may still be on its way
            late = await ask(runner, run.clock.now() + 2 * HOUR_NS)
            assert late.unknown == []
            assert run.journal.message("paper", lost.key).state == state
            again = await ask(runner, run.clock.now() + 2 * HOUR_NS)
            assert (again.clean, again.breaks) == (True, [])
            return [shown(one) for one in runner.desk.fold.engine.book.orders], await run.broker.orders()

    book, venue = asyncio.run(work())
    assert book == ([] if order is None else [order])
    assert [(one.quantity, one.limit) for one in venue] == [one[1:] for one in book]


def shown(order):
    return STATE_NAMES[order.state], order.quantity, order.limit


async def ask(runner, now):
    """Reconcile, and hear what came of it."""
    found = await reconcile(runner.desk, runner.broker, now)
    await runner.settled()
    return found


class Enough(Exception):
    pass


async def until_bar(runner, run, bars):
    """Run in lock-step until so many bars were heard."""
    count = 0

    def heard(_):
        nonlocal count
        count += 1
        if count == bars:
            raise Enough

    with pytest.raises(Enough):
        await run_in_step(runner, run.stepper, run.clock, heard)
    await runner.settled()
