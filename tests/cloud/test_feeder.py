"""A feeder that is replaced while the market goes on: no gap, and nothing heard twice."""

import asyncio
import signal

import pytest

import stratofold
from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.cli.feed import _feed
from stratofold.cloud.feeder import Feeder, is_open
from stratofold.cloud.place import Place
from stratofold.events import Bar
from stratofold.exchange.core import Rules
from stratofold.fold.strategy import Strategy
from stratofold.live.steps import event_in
from tests.cloud.stage import Kept, Stage, spec_of
from tests.conversations.exchanges import serving
from tests.live_tools import paper
from tests.patience import until_it

DAY_NS = 86_400_000_000_000
MINUTE_NS = 60_000_000_000


class Listens(Strategy):
    """Does nothing."""

    def on_bar(self, bar, book):
        """Hear it."""


class Market:
    """A market that goes on, with a history and any number of streams; a stream has what comes while it is open."""

    def __init__(self):
        self.past, self.streams = [], []

    def happens(self, time):
        made = Bar()
        made.time = made.known = time
        made.span = DAY_NS
        made.open = made.high = made.low = made.close = made.volume = 100.0
        self.past.append(("SPY", made))
        for stream in self.streams:
            stream.put_nowait(("SPY", made))

    async def history(self, symbols, after, until):
        return [item for item in self.past if after < item[1].time]

    async def stream(self, symbols):
        mine = asyncio.Queue()
        self.streams.append(mine)
        yield None
        while True:
            yield await mine.get()


class Silent:
    """A venue that reports nothing."""

    async def reports(self):
        yield None
        await asyncio.sleep(3600)


@pytest.fixture
def stage(ministack, tmp_path):
    days = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")
    run = paper(Listens, days, DAY_NS)
    return Stage(ministack, run, tmp_path, STRATOFOLD_STRATEGY=spec_of(Listens)).open()


def times(stage):
    records = [one for one in stage.journal.records("paper") if one.kind == "event"]
    return [event_in(one.body).time for one in records if isinstance(event_in(one.body), Bar)]


def test_a_successor_takes_over_without_gap_or_double(stage, monkeypatch):
    monkeypatch.setattr("stratofold.cloud.feeder.LOOK_SECONDS", 0.02)
    begin, market = stage.run.clock.time, Market()

    def made(tasks):
        place = stage.fresh_place()
        return Feeder(place.journal, place.market, market, Silent(), Clock(), tasks, "paper")

    async def go():
        async with Tasks() as tasks:
            feeders, runs = [], []
            for number in range(60):
                if number % 20 == 0:
                    feeders.append(made(tasks))
                    runs.append(asyncio.create_task(feeders[-1].run()))
                market.happens(begin + (number + 1) * MINUTE_NS)
                await asyncio.sleep(0.02)
            await until_it(lambda: [one.stopping for one in feeders[:-1]] == [True, True])
            await until_it(lambda: len(market.streams) == 3 and not market.streams[-1].qsize())
            assert not feeders[-1].stopping
            feeders[-1].stop()
            await asyncio.gather(*runs)

    asyncio.run(go())
    stage.settle()
    assert times(stage) == [begin + (number + 1) * MINUTE_NS for number in range(60)]


def test_at_a_paper_exchange_it_hears_the_stream_there_by_the_time_there(ministack, tmp_path):
    """Not of Alpaca, whose addresses it has by itself; and a signal ends it after what waits was passed on."""
    days = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")
    with serving(days, rules=Rules(requests_per_minute=0)) as served:
        run = paper(Listens, days, DAY_NS)
        stage = Stage(
            ministack,
            run,
            tmp_path,
            STRATOFOLD_STRATEGY=spec_of(Listens),
            STRATOFOLD_BROKER_URL=served.url,
            STRATOFOLD_DATA_URL=served.url,
        )
        stage.open()
        place = Place(stage.names)
        place.secrets = Kept(**{"alpaca-key-id": served.key, "alpaca-secret-key": served.secret})

        told, put = [], place.market.put
        place.market.put = lambda book, lines: (told.extend(lines), put(book, lines))

        async def go():
            feeding = asyncio.create_task(_feed(place, "paper", None))
            while not stage.journal.mark("paper", "feeder"):  # noqa: ASYNC110  another object's doing
                await asyncio.sleep(0.02)
            for number in range(1, 4):
                await asyncio.to_thread(served.step)
                await until_it(lambda number=number: sum('"event":"bar"' in line for line in told) == number)
            await until_it(lambda: place.venue.clock.time == served.exchange.market.now)
            signal.raise_signal(signal.SIGTERM)
            return await feeding

        assert asyncio.run(go()) == 1
        stage.settle()
    assert len(times(stage)) == 3
    assert place.venue.clock.time == served.exchange.market.now


def test_it_says_what_time_it_is_in_sessions_only():
    opened = 1_591_018_200 * 1_000_000_000  # 2020-06-01 09:30 in New York
    assert [is_open("XNYS", opened + minutes * MINUTE_NS) for minutes in (-1, 0, 390, 391)] == [
        False,
        True,
        True,
        False,
    ]
