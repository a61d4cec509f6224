"""A strategy on ticks in lock-step with the paper exchange, through the whole live path, is its backtest on the same ticks."""

import asyncio
from random import Random

import pytest

import stratofold
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds.alpaca import AlpacaFeed
from stratofold.exchange.ticks import TickMarket
from stratofold.fold.ticks.engine import DEPTH
from stratofold.live.desk import open_desk
from stratofold.live.manifest import Manifest, code_hash, instrument_rows
from stratofold.live.verify import verify
from tests.live_tools import Paper, paper
from tests.tick_market import made
from tests.tick_strategies import Follows

KINDS = ("quotes", "trades")
MINUTE_NS = 60_000_000_000


class OnTicks(Paper):
    """A book on ticks."""

    def feed_by(self, access, http):
        return AlpacaFeed(
            access, http, None, self.clock, Random(1), span_ns=MINUTE_NS, requests_per_minute=0,
            calendar="24/7", ticks=KINDS, ticks_from_history=True,
        )  # fmt: skip

    def manifest(self, opened):
        return Manifest(
            book=self.book, account="account", generation="g1", strategy=self.strategy.__name__,
            parameters=self.parameters, instruments=instrument_rows(list(self.data.instruments)), calendar="24/7",
            currency="USD", capital=100_000.0, limits=self.limits, span_ns=0, opened=opened,
            code=code_hash(self.strategy), message_age_seconds=3600.0, ticks=KINDS,
        )  # fmt: skip


def on_ticks(data):
    """A book in front of an exchange that replays ticks."""
    run = paper(Follows, data, MINUTE_NS)
    return OnTicks(Follows, data, MINUTE_NS, run.exchange, run.journal)


@pytest.fixture(scope="module")
def ticks():
    return made(21, 260, kinds=KINDS)


def rows_of(result):
    frame = result.fills.to_polars()
    columns = ("number", "side", "quantity", "price", "time")
    return frame.select(columns).with_columns(frame["time"].dt.epoch("ns")).rows()


def test_the_fills_are_those_of_the_backtest_and_verify_says_the_same(ticks):
    run = on_ticks(ticks)
    assert isinstance(run.exchange.market, TickMarket)
    desk = run.run()
    result = stratofold.backtest(Follows, ticks, execution="interpreted")
    fills = [(row[1], "buy" if row[3] > 0 else "sell", row[5], row[6], row[0]) for row in run.witness.fills]
    assert fills == rows_of(result)
    assert len(fills) > 10
    assert {"buy", "sell"} == {fill[1] for fill in fills}
    assert run.witness.failures == []
    assert verify(run.journal, "paper", Follows).identical
    assert open_desk(run.journal, "paper", Follows, "another", 0).fold.save() == desk.fold.save()


class Deep(Follows):
    """The same, and it looks at the book that depth has built."""

    def setup(self) -> None:
        super().setup()
        self.shown = 0.0
        self.levels = 0

    def on_depth(self, depth, book) -> None:
        self.levels += 1
        if depth.last:
            self.shown += book.size_at(depth.symbol, 1, book.bid(depth.symbol))
            if self.shown % 3.0 == 0.0 and len(book.orders) == 0 and book.position(depth.symbol) == 0.0:
                book.buy(depth.symbol, 100.0, limit=book.bid(depth.symbol))


def test_depth_is_heard_and_filled_at_as_in_the_backtest(monkeypatch):
    kinds = ("quotes", "trades", "depth")
    monkeypatch.setattr("tests.stories.test_live_ticks.KINDS", kinds)
    data = made(5, 120, kinds=kinds)
    run = paper(Deep, data, MINUTE_NS)
    run = OnTicks(Deep, data, MINUTE_NS, run.exchange, run.journal)
    desk = run.run()
    assert (
        desk.fold.strategy.levels == (data.kind == DEPTH).sum()
    )  # each once, though a message is released level by level
    result = stratofold.backtest(Deep, data, execution="interpreted")
    fills = [(row[1], "buy" if row[3] > 0 else "sell", row[5], row[6], row[0]) for row in run.witness.fills]
    assert fills == rows_of(result)
    assert len(fills) > 5
    assert run.witness.failures == []
    assert verify(run.journal, "paper", Deep).identical


def test_a_run_that_stops_amid_the_ticks_goes_on_where_it_was(ticks):
    """What was released and not written down is asked for; what was heard is not heard again."""
    whole = on_ticks(ticks)
    whole.run()
    broken = on_ticks(ticks)

    async def part(count):
        from stratofold.live.lockstep import run_in_step

        async with Tasks() as tasks:
            runner = await broken.runner(tasks)
            left = [count]

            def progress(_):
                left[0] -= 1
                if left[0] == 0:
                    runner.stop()

            await run_in_step(runner, broken.stepper, broken.clock, progress)

    for count in (1, 40, 77, 0):
        asyncio.run(part(count))
    assert broken.witness.fills == whole.witness.fills
    assert verify(broken.journal, "paper", Follows).identical
