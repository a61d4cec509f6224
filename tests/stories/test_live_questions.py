"""What a reconciliation asks: however many orders are in doubt, a handful of questions, so that a start does not take long."""

import asyncio
from random import Random

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN, NoAnswer, Response
from stratofold.events import Bar
from stratofold.live.decide import Heard, decide
from stratofold.live.deliver import orphans
from stratofold.live.reconcile import poll, reconcile
from tests.live_tools import paper
from tests.stories.test_live_unknown import DAY_NS, HOUR_NS, until_bar

MANY = 30
MINUTE_NS = 60_000_000_000
HANDFUL = 7  # the open orders, a list of all, the fills, the account and its positions; a page more of any two


class BuysMany(Strategy):
    """Many orders far below the market, at the first bar; each is cancelled at the second."""

    def setup(self):
        self.numbers = []

    def on_bar(self, bar, book):
        if not self.numbers:
            self.numbers = [book.buy(0, 1.0, limit=100.0 + number) for number in range(MANY)]
        else:
            for number in self.numbers:
                book.cancel(number)


class Between:
    """Counts questions; loses what changes an order, or the answer to it, as long as that is wanted."""

    def __init__(self, inner, loses=""):
        self.inner, self.loses, self.asked = inner, loses, []
        self.exchange = inner.exchange

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if method == "GET":
            self.asked.append(url)
        elif self.loses == "request":
            raise NoAnswer("reset")
        answer = await self.inner.request(method, url, headers, body, timeout_seconds)
        if method != "GET" and self.loses == "answer":
            raise NoAnswer("reset")
        return answer


async def questions(run, runner, hours, *, quick=True):
    """Reconcile as a process does that has just begun, so much later; what it found, and how often it asked."""
    http = Between(run.http.inner)
    broker = AlpacaBroker(run.access, http, None, run.clock, Random(1), requests_per_minute=0)
    found = await reconcile(
        runner.desk, broker, run.clock.now() + hours * HOUR_NS, tasks=runner.tasks if quick else None
    )
    await runner.settled()
    return found, len(http.asked)


def story(loses, tell):
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysMany, data, DAY_NS)
    run.http = run.broker._calls.http = Between(run.http, loses)
    run.broker._calls.breaker.patience = 2 * MANY  # or nobody would send them when five were lost

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 1)
            run.http.loses = ""
            await tell(run, runner)

    asyncio.run(work())


@pytest.mark.parametrize("loses", ["", "answer"])
def test_orders_that_have_ended_are_found_in_one_list(loses):
    async def tell(run, runner):
        states = {message.state for message in run.journal.outbox("paper")}
        assert states == {UNKNOWN if loses else ACCEPTED}
        headers = run.access.headers
        await run.http.request("DELETE", "http://x/v2/orders", headers)
        found, asked = await questions(run, runner, 0)
        assert len(found.resolved) == (MANY if loses else 0)
        assert found.unknown == []
        assert asked <= HANDFUL
        await questions(run, runner, 0)
        assert len(runner.desk.fold.engine.book.orders) == 0

    story(loses, tell)


def test_orders_that_never_came_are_asked_for_once_each_and_by_a_start_ten_at_most():
    async def tell(run, runner):
        found, asked = await questions(run, runner, 0)
        assert (len(found.unknown), found.resolved) == (MANY, [])
        assert asked <= HANDFUL
        for quick, resolved in ((True, 10), (False, MANY - 10)):
            found, asked = await questions(run, runner, 2, quick=quick)
            assert asked <= HANDFUL + resolved
            assert len(found.resolved) == resolved
        assert {message.state for message in run.journal.outbox("paper")} == {REJECTED}
        assert (await questions(run, runner, 2))[0].clean

    story("request", tell)


def test_a_cancel_that_a_dead_process_left_is_in_doubt_as_long_as_its_order_and_costs_no_question():
    async def tell(run, runner):
        bar = Bar()
        bar.time = bar.known = run.clock.now() + MINUTE_NS
        bar.symbol, bar.span, bar.close = 0, DAY_NS, 500.0
        assert len(decide(runner.desk, [Heard(bar)], run.clock.now()).messages) == MANY
        assert len(orphans(run.journal, run.clock.now(), "paper", lambda *_: b"")) == MANY
        found, asked = await questions(run, runner, 0)
        assert (len(found.unknown), found.resolved) == (2 * MANY, [])
        assert asked <= HANDFUL
        found, asked = await questions(run, runner, 2)
        assert len(found.resolved) == 20
        assert asked <= HANDFUL + 10

    story("request", tell)


class Slow(Between):
    """Counts how many questions of a `kind` were under way at a time."""

    at_once, most, kind = 0, 0, ""

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if self.kind not in url:
            return await super().request(method, url, headers, body, timeout_seconds)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(20):  # until everybody has asked who asks now
            await asyncio.sleep(0.0)
        self.at_once -= 1
        return await super().request(method, url, headers, body, timeout_seconds)


@pytest.mark.parametrize(("starts", "rounds"), [(True, 4), (False, 1)])
def test_a_start_asks_side_by_side_what_does_not_depend_on_another_answer(starts, rounds):
    async def tell(run, runner):
        slow = Slow(run.http.inner)
        broker = AlpacaBroker(run.access, slow, None, run.clock, Random(1), requests_per_minute=0)
        found = await reconcile(
            runner.desk, broker, run.clock.now() + 2 * HOUR_NS, tasks=runner.tasks if starts else None
        )
        assert len(found.resolved) == (10 if starts else MANY)
        assert slow.most == rounds
        assert len(slow.asked) <= HANDFUL + len(found.resolved)

    story("request", tell)


def test_a_question_that_failed_ahead_is_asked_again_by_who_needs_it():
    async def tell(run, runner):
        http = Between(run.http.inner)
        failing = {"/v2/positions", "/v2/account/activities/FILL"}

        class Failing:
            async def request(self, method, url, *rest, **named):
                for path in [path for path in failing if path in url]:
                    failing.remove(path)
                    return Response(429, {}, b"{}")
                return await http.request(method, url, *rest, **named)

        broker = AlpacaBroker(run.access, Failing(), None, run.clock, Random(1), requests_per_minute=0)
        broker._calls.budget.hold = lambda _: None
        found = await reconcile(runner.desk, broker, run.clock.now(), tasks=runner.tasks)
        assert (found.clean, failing) == (True, set())

    story("", tell)


class BuysAtMarket(Strategy):
    """A dozen orders that are filled at once."""

    def setup(self):
        self.done = 0

    def on_bar(self, bar, book):
        if not self.done:
            self.done = 1
            for _ in range(12):
                book.buy(0, 1.0)


def after_fills(between, ask):
    """Once a dozen orders were filled: await `ask` of a way `between` broker and venue, that broker, and tasks."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysAtMarket, data, DAY_NS)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 3)
            way = between(run.http)
            broker = AlpacaBroker(run.access, way, None, run.clock, Random(1), requests_per_minute=0)
            await ask(way, broker, tasks)

    asyncio.run(work())


@pytest.mark.parametrize(("starts", "rounds"), [(True, 4), (False, 1)])
def test_whose_the_fills_are_is_asked_side_by_side_by_a_start(starts, rounds):
    async def ask(slow, broker, tasks):
        fills = await broker.executions(0, tasks if starts else None)
        assert len({fill.client_id for fill in fills}) == 12
        assert all(fill.client_id for fill in fills)
        assert (slow.most, len(slow.asked)) == (rounds, 13)

    after_fills(Slow, ask)


def test_a_fill_whose_order_was_not_shown_when_many_were_asked_for_is_asked_for_again():
    broken = [b"[]", b"{", b'{"id": 7}']

    class Broken(Between):
        async def request(self, method, url, *rest, **named):
            answer = await super().request(method, url, *rest, **named)
            return Response(200, {}, broken.pop()) if "/v2/orders/" in url and broken else answer

    async def ask(_, broker, tasks):
        fills = await broker.executions(0, tasks)
        assert (broken, len({fill.client_id for fill in fills})) == ([], 12)

    after_fills(Broken, ask)


def test_a_start_asks_side_by_side_for_orders_that_have_ended_whose_cancel_is_in_doubt():
    """The book has them no more, so no list is asked for; each was sent by itself, and is not looked for as a leg."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysMany, data, DAY_NS)
    run.http = run.broker._calls.http = Between(run.http)
    run.broker._calls.breaker.patience = 2 * MANY

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await until_bar(runner, run, 1)
            run.http.loses = "answer"
            await until_bar(runner, run, 1)
            run.http.loses = ""
            await poll(runner.desk, run.broker, run.clock.now())
            await runner.settled()
            assert len(runner.desk.fold.engine.book.orders) == 0
            assert len(run.journal.outbox("paper", UNKNOWN)) == MANY
            slow = Slow(run.http.inner)
            slow.kind = "by_client_order_id"
            broker = AlpacaBroker(run.access, slow, None, run.clock, Random(1), requests_per_minute=0)
            found = await reconcile(runner.desk, broker, run.clock.now(), tasks=tasks)
            named = [url for url in slow.asked if slow.kind in url]
            assert (len(found.resolved), len(named), slow.most) == (MANY, MANY, 4)

    asyncio.run(work())
