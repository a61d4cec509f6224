"""The Alpaca adapter while the exchange misbehaves: nothing twice, nothing forgotten, and doubt is called doubt."""

import asyncio

import pytest

from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN
from stratofold.exchange.core import Rules
from stratofold.market.sample import sample
from stratofold.wire import Terms
from tests.conversations.exchanges import serving
from tests.conversations.scripted import message
from tests.conversations.test_alpaca_loopback import START, step, talk
from tests.patience import PATIENCE_SECONDS, until_it

# A request's fate, what the answer means, and whether the order is there.
FATES = [
    ("drop_before", UNKNOWN, False),
    ("drop_after", UNKNOWN, True),
    ("cut_body", UNKNOWN, True),
    ("error_before", UNKNOWN, False),
    ("error_after", UNKNOWN, True),
    ("throttle", REJECTED, False),
    (None, ACCEPTED, True),
]


@pytest.fixture(scope="module")
def data():
    return sample("AAPL", "SPY", start="2014-05-01", end="2014-08-29")


def serve(data):
    return serving(data, START, rules=Rules(requests_per_minute=0))


@pytest.mark.parametrize(("fate", "state", "there"), FATES)
def test_what_becomes_of_an_order(data, fate, state, there):
    """Whatever the answer, the order was sent once, and asking by our id says whether it is there."""

    async def conversation(broker, feed):
        served.exchange.faults.switch({fate: 1.0, "only_changes": True} if fate else {})
        answer = await broker.submit(message(terms=Terms("limit", "gtc", 5.0, limit=10.0)))
        return answer, await broker.order("momentum-1-a"), await broker.orders(only_open=False)

    with serve(data) as served:
        answer, order, orders = talk(served, conversation)
    assert answer.state == state
    assert (order is not None) == there
    assert len(orders) == there


@pytest.mark.parametrize(("fate", "state", "gone"), [(fate, state, there) for fate, state, there in FATES])
def test_what_becomes_of_a_cancel(data, fate, state, gone):
    async def conversation(broker, feed):
        taken = await broker.submit(message(terms=Terms("limit", "gtc", 5.0, limit=10.0)))
        served.exchange.faults.switch({fate: 1.0, "only_changes": True} if fate else {})
        answer = await broker.cancel(message("cancel", "momentum-1-a-c1"), taken.venue_id)
        return answer, await broker.order("momentum-1-a")

    with serve(data) as served:
        answer, order = talk(served, conversation)
    # An answer without a body is whole however it is cut: the head says so.
    assert answer.state == (ACCEPTED if fate == "cut_body" and answer.state == ACCEPTED else state)
    assert order.state == ("cancelled" if gone else "working")


def test_sixty_orders_through_a_bad_day_are_each_there_once_or_not_at_all(data):
    """Drops, cuts, errors and throttles by chance: after asking, no order is in doubt, and every fill has one identity."""

    async def conversation(broker, feed):
        bad = dict.fromkeys(("drop_before", "drop_after", "cut_body", "error_before", "error_after"), 0.08)
        bad["throttle"] = 0.03
        served.exchange.faults.switch({**bad, "only_changes": True})
        answers = {}
        for number in range(60):
            key = f"momentum-1-{number}"
            answer = await broker.submit(message(key=key, terms=Terms("market", "day", 1.0)))
            answers[key] = answer.state
        served.exchange.faults.switch(dict.fromkeys(bad, 0.0))
        await step(served, 2)
        found = {key: await broker.order(key) for key in answers}
        return answers, found, await broker.executions(0), await broker.account()

    with serve(data) as served:
        answers, found, executions, account = talk(served, conversation)
    assert set(answers.values()) == {ACCEPTED, REJECTED, UNKNOWN}
    assert all(found[key] is not None for key, state in answers.items() if state == ACCEPTED)
    assert all(found[key] is None for key, state in answers.items() if state == REJECTED)
    there = {key for key, order in found.items() if order is not None}
    filled = {fill.client_id for fill in executions}
    assert filled == there
    assert len(executions) == len({fill.identity for fill in executions}) == len(there)
    assert account.positions["AAPL"][0] == sum(fill.quantity for fill in executions)


def told(heard):
    """What was said at least once, by its identity."""
    return {report.identity: report for report in heard if report is not None}


def filled(heard):
    return {identity: report for identity, report in told(heard).items() if report.kind in {"filled", "partial"}}


def test_updates_twice_late_and_lost_are_the_facts_that_asking_gives(data):
    """The stream repeats, reorders, loses and breaks; with the executions asked for, the set of facts is whole."""

    async def conversation(broker, feed):
        served.exchange.faults.switch({"duplicate": 0.5, "reorder": 0.3, "lose": 0.2, "disconnect": 0.1})
        heard = []
        listening = asyncio.Event()

        async def listen():
            async for report in broker.reports():
                heard.append(report)
                listening.set()

        task = asyncio.create_task(listen())
        await listening.wait()
        for number in range(40):
            await broker.submit(message(key=f"momentum-1-{number}", terms=Terms("market", "day", 1.0)))
            if number % 10 == 9:
                await step(served, 2)
                await until_it(lambda: any(one.listening for one in served.server._trades.values()))
        await until_it(
            lambda: heard.count(None) > 1 and len(heard) > heard.count(None) + len(told(heard)) and filled(heard)
        )
        task.cancel()
        return heard, await broker.executions(0)

    with serve(data) as served:
        said, executions = talk(served, conversation)
    heard = [report for report in said if report is not None]
    fills = filled(said)
    asked = {report.identity: report for report in executions}
    assert said.count(None) > 1
    assert len(heard) > len(told(said))
    assert 0 < len(fills) < len(asked) == 40
    for identity, report in fills.items():
        one = asked[identity]
        assert (report.quantity, report.price, report.client_id) == (one.quantity, one.price, one.client_id)


def test_an_exchange_whose_clock_is_ahead_says_so(data):
    async def conversation(broker, feed):
        before = await broker.clock()
        served.exchange.faults.switch({"clock_skew_ms": 60_000.0})
        return await broker.clock() - before

    with serve(data) as served:
        assert talk(served, conversation) == 60 * 10**9


def test_an_exchange_that_is_slow_answers_late_or_never(data):
    async def conversation(broker, feed):
        served.exchange.faults.switch({"latency_ms": 2_000.0})
        broker._calls.timeout_seconds = 0.1
        late = await broker.submit(message(terms=Terms("limit", "gtc", 5.0, limit=10.0)))
        broker._calls.timeout_seconds = PATIENCE_SECONDS
        served.exchange.faults.switch({"latency_ms": 0.0})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (order := await broker.order("momentum-1-a")) is None:  # noqa: ASYNC110  in another process's hands
                await asyncio.sleep(0.02)
        return late, order

    with serve(data) as served:
        late, order = talk(served, conversation)
    assert (late.state, late.reason) == (UNKNOWN, "no answer: no answer in time")
    assert order.state == "working"
