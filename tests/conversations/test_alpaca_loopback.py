"""The Alpaca adapter against the paper exchange, over real sockets on loopback: both speak the dialect as they read it."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.feeds.alpaca import AlpacaFeed
from stratofold.adapters.network.client import Network
from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN
from stratofold.errors import Stop
from stratofold.events import Action, Bar
from stratofold.fold.costs import Fees
from stratofold.market.sample import sample
from stratofold.wire import Terms
from tests.conversations.exchanges import serving
from tests.conversations.scripted import first, message

START = "2014-06-02"
DAY = 86_400 * 10**9


class LoopClock:
    """The event loop's clock."""

    def now(self):
        return self.monotonic()

    def monotonic(self):
        return int(asyncio.get_running_loop().time() * 1e9)

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


@pytest.fixture(scope="module")
def data():
    return sample("AAPL", "SPY", start="2014-05-01", end="2014-08-29")  # a split of 7 for 1 on 2014-06-09, dividends


@asynccontextmanager
async def at(served, **options):
    """A broker and a feed at a served exchange."""
    access = Access(
        served.key, served.secret, served.url, f"ws://{served.base}/stream", served.url, f"ws://{served.base}/v2/iex"
    )
    async with Network() as network:
        parts = (access, network, network, LoopClock(), Random(7))
        yield (
            AlpacaBroker(*parts, requests_per_minute=0),
            AlpacaFeed(*parts, span_ns=DAY, requests_per_minute=0, days_from_stream=True, **options),
        )


def talk(served, conversation, **options):
    """Run a conversation with a broker and a feed."""

    async def whole():
        async with at(served, **options) as (broker, feed):
            return await conversation(broker, feed)

    return asyncio.run(whole())


async def step(served, times=1):
    """Release events without standing in the way of our own sockets."""
    return await asyncio.to_thread(served.step, times)


BUY = Terms("market", "day", 10.0)


def test_an_order_from_submit_to_position(data):
    async def conversation(broker, feed):
        stream = broker.reports()
        assert await anext(stream) is None
        answer = await broker.submit(message(terms=BUY, price=float("nan")))
        taken = await anext(stream)
        await step(served, 2)
        filled = await anext(stream)
        await stream.aclose()
        return answer, taken, filled, await broker.executions(0), await broker.order("momentum-1-a"), await broker.account()  # fmt: skip

    with serving(data, START) as served:
        answer, taken, filled, executions, order, account = talk(served, conversation)
        bar = served.exchange.market.candle(served.exchange.market.last_row(0))
    assert (answer.state, answer.reports[0].identity) == (ACCEPTED, "accepted:momentum-1-a")
    assert taken.identity == "accepted:momentum-1-a"
    assert [one.identity for one in executions] == [filled.identity] == [f"fill:{answer.venue_id}:10"]
    for fill in (filled, executions[0]):
        assert (fill.kind, fill.client_id, fill.symbol, fill.side) == ("filled", "momentum-1-a", "AAPL", 1)
        assert (fill.quantity, fill.price, fill.cumulative, fill.leaves) == (10.0, bar.open, 10.0, 0.0)
    assert filled.time == executions[0].time
    assert (order.state, order.filled, order.average_price) == ("filled", 10.0, bar.open)
    assert account.positions == {"AAPL": (10.0, bar.open)}
    assert account.cash == round(100_000.0 - 10.0 * bar.open, 2)


def test_fees_come_with_their_fills(data):
    async def conversation(broker, feed):
        await broker.submit(message(terms=BUY))
        await step(served, 2)
        return await broker.executions(0)

    from stratofold.exchange.desk import Terms as Charges

    with serving(data, START, terms=Charges(100_000.0, fees=Fees(minimum=1.5))) as served:
        (fill,) = talk(served, conversation)
    assert fill.fee == 1.5


def test_what_the_exchange_declines(data):
    async def conversation(broker, feed):
        poor = await broker.submit(message(key="momentum-1-b", terms=Terms("market", "day", 1e6)))
        await broker.submit(message(terms=Terms("limit", "gtc", 1.0, limit=10.0)))
        again = await broker.submit(message(terms=Terms("limit", "gtc", 1.0, limit=10.0)))
        nothing = await broker.cancel(message("cancel", "momentum-1-z-c1"), "61e69015-8549-4bfd-b9c3-01e75843f47d")
        return poor, again, nothing, await broker.order("momentum-1-q"), await broker.orders()

    with serving(data, START) as served:
        poor, again, nothing, missing, orders = talk(served, conversation)
    assert (poor.state, poor.reason[:8]) == (REJECTED, "40310000")
    assert again.state == UNKNOWN  # it is there: our own id says so
    assert nothing.state == REJECTED
    assert missing is None
    assert [(order.client_id, order.state, order.kind, order.tif, order.limit) for order in orders] == [("momentum-1-a", "working", "limit", "gtc", 10.0)]  # fmt: skip


def test_a_replace_then_a_cancel(data):
    async def conversation(broker, feed):
        stream = broker.reports()
        await anext(stream)
        first_answer = await broker.submit(message(terms=Terms("limit", "gtc", 5.0, limit=10.0)))
        asked = message("replace", "momentum-1-a-r1", terms=Terms("limit", "gtc", 7.0, limit=11.0))
        replaced = await broker.replace(asked, first_answer.venue_id)
        cancel = await broker.cancel(message("cancel", "momentum-1-a-c2"), replaced.venue_id)
        heard = [await anext(stream) for _ in range(3)]
        await stream.aclose()
        assert (await broker.order("momentum-1-a")).venue_id == replaced.venue_id
        return first_answer, replaced, cancel, heard, await broker.orders(only_open=False)

    with serving(data, START) as served:
        first_answer, replaced, cancel, heard, orders = talk(served, conversation)
    assert [replaced.state, cancel.state] == [ACCEPTED, ACCEPTED]
    assert [report.identity for report in heard] == [
        "accepted:momentum-1-a", f"replaced:{replaced.venue_id}", f"cancelled:{replaced.venue_id}",
    ]  # fmt: skip
    assert {report.client_id for report in heard} == {"momentum-1-a"}
    assert heard[1] == replaced.reports[0]
    assert (heard[1].quantity, heard[1].limit, heard[1].leaves) == (7.0, 11.0, 7.0)
    assert {(order.venue_id, order.client_id, order.state, order.replaced_by) for order in orders} == {
        (first_answer.venue_id, "momentum-1-a", "cancelled", replaced.venue_id),
        (replaced.venue_id, "momentum-1-a", "cancelled", ""),
    }


EVERY_KIND = [
    Terms("market", "gtc", 1.0),
    Terms("market", "at_close", 1.0),
    Terms("limit", "day", 1.0, limit=500.0),
    Terms("limit", "ioc", 1.0, limit=500.0),
    Terms("limit", "fok", 1.0, limit=500.0),
    Terms("stop", "gtc", 1.0, stop=900.0),
    Terms("stop_limit", "gtc", 1.0, stop=900.0, limit=901.25),
]


@pytest.mark.parametrize("terms", EVERY_KIND, ids=lambda terms: f"{terms.kind}-{terms.tif}")
def test_every_kind_is_understood_and_shown_as_it_was_said(data, terms):
    async def conversation(broker, feed):
        answer = await broker.submit(message(terms=terms))
        return answer, await broker.order("momentum-1-a")

    with serving(data, START) as served:
        answer, order = talk(served, conversation)
    assert answer.state == ACCEPTED, answer.reason
    assert (order.kind, order.tif, order.quantity) == (terms.kind, terms.tif, terms.quantity)
    assert (order.limit, order.stop) == pytest.approx((terms.limit, terms.stop), nan_ok=True)


def key(named):
    """Everything a bar says, but when we knew of it."""
    symbol, bar = named
    return symbol, bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.span


def test_the_stream_and_the_history_say_the_same_bars_and_the_data_says_them_too(data):
    async def conversation(broker, feed):
        begin = await broker.clock()
        stream = feed.stream(["SPY", "AAPL"])
        assert await anext(stream) is None
        heard = []
        while len(heard) < 40:
            if (await step(served))["bars"]:
                heard.append(await anext(stream))
        await stream.aclose()
        return heard, await feed.history(["SPY", "AAPL"], begin, await broker.clock())

    with serving(data, START) as served:
        heard, history = talk(served, conversation)
    bars = [named for named in history if isinstance(named[1], Bar)]
    assert sorted(map(key, bars)) == sorted(map(key, heard))
    market = data.subset(None, "2014-06-02", "2014-06-27")
    expected = [(market.symbols[market.symbol[row]], int(market.time[row]), market.close[row]) for row in range(40)]
    assert sorted((symbol, bar.time, bar.close) for symbol, bar in bars) == sorted(expected)


def test_corporate_actions_have_the_time_and_value_of_a_backtest(data):
    async def conversation(broker, feed):
        await step(served, 90)
        return await feed.actions(["AAPL", "SPY"], 0, await broker.clock())

    with serving(data, START) as served:
        found = talk(served, conversation)
        until = served.exchange.market.now
    table = data.actions
    rows = [row for row in range(len(table.time)) if table.time[row] <= until]
    expected = [(data.symbols[table.symbol[row]], int(table.time[row]), int(table.kind[row]), table.value[row]) for row in rows]  # fmt: skip
    assert len(expected) >= 3
    assert [(symbol, event.time, event.kind, event.value) for symbol, event in found] == expected
    assert all(isinstance(event, Action) for _, event in found)


def test_a_history_of_many_pages_is_whole(data, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.feeds.alpaca.BARS_A_PAGE", 7)

    async def conversation(broker, feed):
        return await feed.history(["AAPL", "SPY"], 0, await broker.clock())

    with serving(data, START) as served:
        found = talk(served, conversation)
        released = served.exchange.market.bar_index
    assert len([1 for _, event in found if isinstance(event, Bar)]) == released > 40


def test_executions_of_many_pages_are_whole(data, monkeypatch):
    monkeypatch.setattr("stratofold.adapters.brokers.alpaca.ACTIVITIES_A_PAGE", 3)

    async def conversation(broker, feed):
        for number in range(10):
            await broker.submit(message(key=f"momentum-1-{number}", terms=Terms("market", "day", 1.0 + number)))
        await step(served, 2)
        everything = await broker.executions(0)
        return everything, await broker.executions(everything[0].time), await broker.executions(everything[-1].time + 1)

    with serving(data, START) as served:
        everything, since, nothing = talk(served, conversation)
    assert sorted(fill.quantity for fill in everything) == [1.0 + number for number in range(10)]
    assert [fill.identity for fill in since] == [fill.identity for fill in everything]
    assert nothing == []


def test_wrong_keys_stop_on_every_channel(data):
    async def conversation(broker, feed):
        codes = []
        for question in (broker.account(), feed.history(["AAPL"], 0, 1_420_000_000 * 10**9), first(broker.reports(), 1), first(feed.stream(["AAPL"]), 1)):  # fmt: skip
            with pytest.raises(Stop) as raised:
                await question
            codes.append(raised.value.code)
        return codes, await broker.submit(message(terms=BUY))

    with serving(data, START) as served:
        served.secret = served.secret[::-1]
        codes, answer = talk(served, conversation)
    assert codes == ["SF870"] * 4
    assert answer.state == REJECTED


BRACKET = Terms("market", "gtc", 10.0, take_profit=2000.0, stop_loss=600.0)  # AAPL at 634, before its split
ENTRY, PROFIT, LOSS = "momentum-1-z", "momentum-1-10", "momentum-1-11"  # numbers 35, 36 and 37


def test_a_bracket_is_held_by_the_exchange_under_our_names(data):
    async def conversation(broker, feed):
        stream = broker.reports()
        await anext(stream)
        answer = await broker.submit(message(key=ENTRY, terms=BRACKET))
        await step(served, 2)
        heard = [await anext(stream) for _ in range(2)]
        waiting = {order.client_id: (order.state, order.kind, order.side, order.limit, order.stop) for order in await broker.orders()}  # fmt: skip
        loss = await broker.order(LOSS)
        await broker.cancel(message("cancel", f"{LOSS}-c1"), loss.venue_id)
        heard += [await anext(stream) for _ in range(2)]
        await stream.aclose()
        return answer, heard, waiting, loss

    with serving(data, START) as served:
        answer, heard, waiting, loss = talk(served, conversation)
    assert answer.state == ACCEPTED
    assert waiting.keys() == {PROFIT, LOSS}
    assert waiting[PROFIT][:4] == ("working", "limit", -1, 2000.0)
    assert waiting[LOSS][:3] + waiting[LOSS][4:] == ("working", "stop", -1, 600.0)
    assert (loss.client_id, loss.stop) == (LOSS, 600.0)
    assert [(report.kind, report.client_id) for report in heard[:2]] == [("accepted", ENTRY), ("filled", ENTRY)]
    assert {(report.kind, report.client_id) for report in heard[2:]} == {("cancelled", PROFIT), ("cancelled", LOSS)}


def test_after_a_restart_the_legs_have_the_same_names(data):
    """The ids of legs are Alpaca's own, so a process that never saw them being made asks for their entry."""
    near = Terms("market", "gtc", 10.0, take_profit=640.0, stop_loss=500.0)

    async def places(broker, feed):
        await broker.submit(message(key=ENTRY, terms=near))
        await step(served, 40)

    async def comes_later(broker, feed):
        return await broker.executions(0), await broker.order(LOSS), await broker.order(PROFIT)

    with serving(data, START) as served:
        talk(served, places)
        executions, loss, profit = talk(served, comes_later)
    assert [(fill.client_id, fill.side) for fill in executions] == [(ENTRY, 1), (PROFIT, -1)]
    assert (loss.client_id, loss.state) == (LOSS, "cancelled")
    assert (profit.client_id, profit.state, profit.filled) == (PROFIT, "filled", 10.0)


def test_a_leg_seen_on_the_stream_for_the_first_time_has_its_name(data):
    near = Terms("market", "gtc", 10.0, take_profit=640.0)

    async def places(broker, feed):
        await broker.submit(message(key=ENTRY, terms=near))
        await step(served, 2)

    async def listens(broker, feed):
        stream = broker.reports()
        await anext(stream)
        await step(served, 40)
        filled = await anext(stream)
        await stream.aclose()
        return filled

    with serving(data, START) as served:
        talk(served, places)
        filled = talk(served, listens)
    assert (filled.kind, filled.client_id, filled.side) == ("filled", PROFIT, -1)
