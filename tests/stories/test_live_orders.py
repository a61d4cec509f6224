"""Every kind of word on the book, through the real order path in lock-step, is what the backtest makes of it."""

import asyncio
import contextlib
from itertools import accumulate

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import VenueReport
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.live.lockstep import run_in_step
from stratofold.live.words import offer_of
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Changing(Strategy):
    """Works one limit order at a time and changes its mind about it, filled in part or not."""

    def setup(self):
        self.order = 0
        self.age = 0

    def on_bar(self, bar, book):
        if bar.symbol != 0:
            return
        self.age += 1
        phase = self.age % 8
        if phase == 1:
            self.order = book.buy(0, 4000.0, limit=bar.close * 0.995)
        elif phase == 2:
            book.replace(self.order, 5000.0, bar.close * 0.999)
        elif phase == 3:
            book.replace(self.order, limit=bar.close * 1.02)
        elif phase == 4:
            book.replace(self.order, 3000.0)
        elif phase == 6:
            book.cancel(self.order)
        elif phase == 7:
            book.close(0)


class Protected(Strategy):
    """Brackets, stops and limits, on two symbols; a leg that the entry's own bar reaches is the native bracket's story."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age % 9 < 2 and book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, 40.0, take_profit=bar.close * 1.015, stop_loss=bar.close * 0.93)
        elif self.age % 7 == 6 and len(book.orders) == 0:
            book.close(bar.symbol)
        elif self.age % 5 == 3:
            book.sell(bar.symbol, 10.0, stop=bar.close * 0.995)


class Tight(Strategy):
    """Brackets whose legs the entry's own bar often reaches; its stop is moved now and then."""

    def setup(self):
        self.age = 0
        self.entry = 0

    def on_bar(self, bar, book):
        if bar.symbol != 0:
            return
        self.age += 1
        if book.position(0) == 0.0 and len(book.orders) == 0:
            self.entry = book.buy(0, 40.0, take_profit=bar.close * 1.01, stop_loss=bar.close * 0.995)
        elif self.age % 5 == 4 and book.is_working(self.entry + 2):
            book.replace(self.entry + 2, stop=bar.close * 0.97)


@pytest.mark.parametrize(("strategy", "volume_cap"), [(Changing, 0.0001), (Changing, 1.0), (Protected, 1.0), (Protected, 0.00002)])  # fmt: skip
def test_the_same_fills_as_the_backtest(strategy, volume_cap):
    same_fills(strategy, volume_cap)


@pytest.mark.parametrize("strategy", [Protected, Tight])
def test_the_same_fills_with_brackets_that_the_venue_holds(strategy):
    """Then a leg is at work from its entry's fill on, within the same bar, as in the backtest; by the book it is late."""
    same_fills(strategy, 1.0, native_brackets=True)


def same_fills(strategy, volume_cap, **choices):
    data = stratofold.sample("us14").subset(["AAPL", "BAC"], start="2014-03-01", end="2014-08-31")  # a split, dividends
    costs = {"slippage": stratofold.Slippage(proportional=0.0001), "fees": stratofold.Fees(per_share=0.005)}
    run = paper(strategy, data, DAY_NS, **choices)
    run.exchange = Exchange(data, None, Terms(100_000.0, volume_cap=volume_cap, **costs), Rules(requests_per_minute=0, multiplier=100.0), 1, 1)  # fmt: skip
    run.__post_init__()
    desk = run.run()
    desk.fold.finish()
    result = stratofold.backtest(strategy, data, execution="interpreted", volume_cap=volume_cap, cash=100_000, **costs)
    found = [(row[1], row[3], row[5], row[6], row[0]) for row in run.witness.fills]
    frame = result.fills.to_polars()
    side = frame["side"].replace_strict({"buy": 1, "sell": -1}, return_dtype=int)
    rows = frame.with_columns(side, frame["time"].dt.epoch("ns")).select("number", "side", "quantity", "price", "time").rows()  # fmt: skip
    assert run.witness.failures == []
    assert {answer.state for _, answer in run.witness.answers} <= {"accepted", "rejected"}
    assert len(rows) > 20
    assert found == rows


class BuysOnce(Strategy):
    """Fifteen shares at the first bar, at a limit that nobody meets."""

    def on_bar(self, bar, book):
        if book.position(0) == 0.0 and len(book.orders) == 0:
            book.buy(0, 15.0, limit=1.0)


@pytest.mark.parametrize("parts", [(15.0,), (5.0, 10.0), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_fills_that_come_together_are_heard_one_after_the_other(parts):
    """A poll brings all of an order's fills at once; the last of them ends the order."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(BuysOnce, data, DAY_NS)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            clock_at = []
            with contextlib.suppress(StopAsyncIteration):
                await run_in_step(runner, run.stepper, run.clock, lambda time: clock_at.append(time) or _stop(clock_at))
            (order,) = runner.desk.fold.engine.book.orders
            filled = list(accumulate(parts))
            offers = [
                offer_of(VenueReport(f"fill:x:{done}", "partial", "paper-g1-1", "x", "AAPL", 1, run.clock.now(), part, 1.0, cumulative=done))
                for part, done in zip(parts, filled, strict=True)
            ]  # fmt: skip
            assert order.remaining == 15.0
            run.journal.offer("paper", offers)
            await runner.pump()
            return runner.desk.fold.engine.book

    book = asyncio.run(work())
    assert book.position(0) == 15.0
    assert len(book.orders) == 0


def _stop(times, count=2):
    if len(times) == count:
        raise StopAsyncIteration


def test_a_legs_fill_that_overtakes_its_entrys_waits_for_it():
    """The stream lost the entry's fill and brought the leg's; the poll brings the other, and both are heard in turn."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(Tight, data, DAY_NS, native_brackets=True)

    def fill(number, side):
        fact = VenueReport(f"fill:{number}:40", "filled", f"paper-g1-{number}", str(number), "AAPL", side, run.clock.now(), 40.0, 500.0, cumulative=40.0)  # fmt: skip
        return offer_of(fact)

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            times = []
            with contextlib.suppress(StopAsyncIteration):
                await run_in_step(runner, run.stepper, run.clock, lambda time: times.append(time) or _stop(times, 1))
            book = runner.desk.fold.engine.book
            assert [order.number for order in book.orders] == [1, 2, 3]
            run.journal.offer("paper", [fill(3, -1)])
            await runner.pump()
            assert [fill.number for fill in book.orders] == [1, 2, 3]
            run.journal.offer("paper", [fill(1, 1)])
            await runner.pump()
            return [row[1] for row in run.witness.fills], [order.number for order in book.orders], book.position(0)

    # The take-profit is still in the book: the venue cancels it, and will say so.
    assert asyncio.run(work()) == ([1, 3], [2], 0.0)
