"""A message that had to wait behind another of its symbol: what its claim was checked against may not be so any more."""

import asyncio

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import ACCEPTED, HALTED, REDUCING, REJECTED, NoAnswer
from stratofold.live.halt import halt
from stratofold.live.why import why
from stratofold.live.words import offer_of, requests_in
from tests.live_tools import paper
from tests.stories.test_live_unknown import until_bar

DAY_NS = 86_400_000_000_000


class BuysTwice(Strategy):
    """Two orders far below the market, both of one symbol, at the first bar; the first is cancelled at the second."""

    def setup(self):
        self.age = 0
        self.first = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            self.first = book.buy(0, 10.0, limit=100.0)
            book.buy(0, 20.0, limit=99.0)
        elif self.age == 2:
            book.cancel(self.first)


class Meanwhile:
    """Something happens while the first order is on its way."""

    def __init__(self, inner, happens):
        self.inner, self.happens = inner, happens
        self.exchange = inner.exchange

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        answer = await self.inner.request(method, url, headers, body, timeout_seconds)
        if method == "POST" and self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        return answer


def held(state, scope, name):
    return lambda run: halt(run.journal, "account", scope, name, "stop", "me", run.clock.now(), state=state)


def taken(run):
    run.journal.take("paper", "another", run.clock.now())


class Lost(Exception):
    """What a step could not be written down for."""


def unwritten(run):
    def append(*arguments, **named):
        raise Lost

    run.journal.append = append


def late(run):
    run.clock.time += 2 * 3_600_000_000_000


HAPPENS = [
    # what happens || the second order, and why
    (lambda run: None, ACCEPTED, ""),
    (held(HALTED, "account", "*"), REJECTED, "halted account *"),
    (held(HALTED, "book", "paper"), REJECTED, "halted book paper"),
    (held(HALTED, "book", "other"), ACCEPTED, ""),
    (held(HALTED, "strategy", "BuysTwice"), REJECTED, "halted strategy BuysTwice"),
    (held(REDUCING, "symbol", "AAPL"), REJECTED, "reducing symbol AAPL"),
    (taken, REJECTED, "not sent: another process writes the book"),
    (late, REJECTED, "not sent: it expired while it waited"),
    (unwritten, REJECTED, "not sent: the run is ending"),
]


@pytest.mark.parametrize(("happens", "state", "reason"), HAPPENS)
def test_what_waited_is_sent_only_if_it_still_may_be(happens, state, reason):
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysTwice, data, DAY_NS)
    run.http = run.broker._calls.http = Meanwhile(run.http, lambda: happens(run))

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            try:
                await until_bar(runner, run, 1)
            except BaseException as error:  # the book's older writer is told that it is fenced
                if getattr(error, "code", "") != "SF801" and not isinstance(error, Lost):
                    raise
            return await run.broker.orders()

    venue = asyncio.run(work())
    first, second = run.journal.outbox("paper")
    assert (first.state, second.state) == (ACCEPTED, state)
    assert len(venue) == (2 if state == ACCEPTED else 1)
    if reason:
        assert second.answer == reason
        assert list(run.journal.reserved("account")) == [first.key]


def test_messages_that_leave_together_are_one_record_and_each_has_its_story():
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-04")
    run = paper(BuysTwice, data, DAY_NS)
    run.run()
    records = [record for record in run.journal.records("paper") if record.kind == "request"]
    assert [body["key"] for body in requests_in(records[0].body)] == ["paper-g1-1", "paper-g1-2"]
    for number in ("1", "2"):
        told = [
            entry.what for entry in why(run.journal, "paper", number, BuysTwice).story if "request of" in entry.what
        ]
        assert told[0] == f"request of paper-g1-{number}: made"
        assert not any(f"-{3 - int(number)}:" in text for text in told)


def test_a_halt_of_a_strategy_holds_at_the_claim():
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysTwice, data, DAY_NS)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            runner.ingest._commands = list  # the fold has not heard of it yet
            halt(run.journal, "account", "strategy", "BuysTwice", "stop", "me", run.clock.now())
            await until_bar(runner, run, 1)
            return await run.broker.orders()

    assert asyncio.run(work()) == []
    assert {message.answer for message in run.journal.outbox("paper")} == {"halted strategy BuysTwice"}


class Sells(Strategy):
    """Sells what it has bought as soon as it hears of the fill."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 10.0)

    def on_fill(self, fill, book):
        if fill.side > 0:
            book.sell(0, 10.0)


class Down:
    """A server that does not answer; writes down who was asked meanwhile."""

    def __init__(self, inner):
        self.inner, self.asked = inner, []
        self.exchange = inner.exchange

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        self.asked.append(method)
        if len(self.asked) <= 3:
            raise NoAnswer("nobody there")
        return await self.inner.request(method, url, headers, body, timeout_seconds)


def test_nothing_is_sent_before_the_venue_has_answered_once():
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(Sells, data, DAY_NS)

    async def bought():
        async with Tasks() as tasks:
            await until_bar(await run.runner(tasks), run, 1)
        await run.stepper.step()  # it fills, and nobody of ours is there
        run.clock.time = (await run.stepper.now()).time
        fills = await run.broker.executions(0)
        run.journal.offer("paper", [offer_of(fill) for fill in fills])  # a webhook told it

    async def again():
        run.http = run.broker._calls.http = Down(run.http)
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await runner.start()
            while runner.asking:  # what its session begins with was among what got no answer, and is asked for again
                await run.clock.sleep(0.1)
            await runner.settled()
            return runner.desk.fold.engine.book.position(0)

    asyncio.run(bought())
    assert asyncio.run(again()) == 10.0
    assert run.http.asked.index("POST") > 3
    assert run.http.asked[:3] == ["GET"] * 3
    assert [(one.side, one.state) for one in run.journal.outbox("paper")] == [(1, ACCEPTED), (-1, ACCEPTED)]
    requests = [record.sequence for record in run.journal.records("paper") if record.kind == "request"]
    answers = [record.sequence for record in run.journal.records("paper") if record.kind == "answer"]
    assert len(requests) == len(answers) == 2
    assert requests[1] < answers[1]
