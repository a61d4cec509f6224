"""A book on quotes, trades and depth in the cloud: each tick is heard once, and order books come by a real redis-server."""

import asyncio
from itertools import pairwise

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.aws.hot import Hot
from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.cloud.feeder import Feeder
from stratofold.cloud.functions import decide
from stratofold.cloud.market import line_of
from stratofold.cloud.ticks import OrderBooks, told_of
from stratofold.events import GAP, Depth, Quote, Status, Trade
from stratofold.live.desk import restore_fold
from stratofold.live.manifest import Manifest, code_hash, instrument_rows
from stratofold.live.steps import event_in
from stratofold.live.verify import verify
from tests.cloud.stage import MINUTE_MS, Stage, kinesis, spec_of
from tests.cloud.test_feeder import Listens, Silent
from tests.cloud.test_functions import DAY_NS, at, spy
from tests.cloud.test_hot import PATIENT, Server, hot_names
from tests.live_tools import Paper, paper
from tests.patience import until_it
from tests.tick_market import made
from tests.unit.live.test_ticks import KINDS, Sees, words

pytestmark = pytest.mark.cloud
MINUTE_NS = 60_000_000_000
NAMES = {Quote: "quotes", Trade: "trades", Depth: "depth"}


class Takes(Strategy):
    """Buys what is offered when an order book is whole, so that something is sent because of depth."""

    def setup(self) -> None:
        self.books = 0

    def on_depth(self, depth, book) -> None:
        if depth.last:
            self.books += 1
            if self.books == 3:
                book.buy(depth.symbol, 10.0)


class OnTicks(Paper):
    """A book on ticks."""

    def manifest(self, opened):
        return Manifest(
            book=self.book, account="account", generation="g1", strategy=self.strategy.__name__, parameters={},
            instruments=instrument_rows(list(self.data.instruments)), calendar="24/7", currency="USD", capital=100_000.0,
            limits=self.limits, span_ns=0, opened=opened, code=code_hash(self.strategy), message_age_seconds=3600.0, ticks=KINDS,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("redis"))
    yield made
    made.end()


@pytest.fixture
def hot(server):
    made = Hot(server.url, timeout_seconds=PATIENT)
    made._ask(b"FLUSHALL")
    yield made
    made.close()


@pytest.fixture(scope="module")
def ticks():
    return made(11, 30, kinds=KINDS)


def staged(ministack, folder, strategy, ticks):
    """A stack whose book is on ticks."""
    run = paper(strategy, ticks, MINUTE_NS)
    on_ticks = OnTicks(strategy, ticks, MINUTE_NS, run.exchange, run.journal)
    return Stage(ministack, on_ticks, folder, STRATOFOLD_STRATEGY=spec_of(strategy)).open()


def numbered(ticks, after):
    """The words of tick data later than the book's opening, as their venue numbers them: a message's levels together."""
    number, found = 0, []
    for word in words(ticks):
        word.time = word.known = word.time + after
        number += not (found and isinstance(word, Depth) and not getattr(found[-1], "last", True))
        word.source_sequence = number
        found.append(word)
    return found


def heard(stage):
    """What the records say that the book has heard of its market."""
    events = [event_in(one.body) for one in stage.journal.records("paper") if one.kind == "event"]
    return [one for one in events if isinstance(one, (Quote, Trade, Depth, Status))]


def told(stage, *lines, hot=None):
    """One batch of the stream, in a fresh environment."""
    place = stage.fresh_place()
    place.hot = hot
    assert decide.respond(place, kinesis(*lines), lambda: MINUTE_MS) == {"batchItemFailures": []}


def test_ticks_are_folded_as_on_a_laptop_whatever_comes_twice(ministack, tmp_path, ticks):
    stage = staged(ministack, tmp_path, Sees, ticks)
    rows = numbered(ticks, MINUTE_NS)
    lines = [line_of("paper", "XYZ", row) for row in rows]
    straight = restore_fold(stage.journal, "paper", Sees)
    for row in rows:
        straight.hear(row)
    ends = [*[place for place, row in enumerate(rows, 1) if getattr(row, "last", True)][19::20], len(rows)]
    for begin, end in pairwise([0, *ends]):
        batch = lines[begin:end]
        told(stage, *batch, *batch[-9:])  # a producer that tried again, in the same batch,
        told(stage, *batch[-30:])  # and a queue that forgets after five minutes
    assert restore_fold(stage.journal, "paper", Sees).save() == straight.save()
    assert len(heard(stage)) == len(rows)
    assert verify(stage.journal, "paper", Sees).identical


def test_a_book_on_bars_passes_ticks_over_and_one_on_ticks_passes_bars_over(ministack, tmp_path, ticks):
    sample = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")
    days = Stage(ministack, paper(Listens, sample, DAY_NS), tmp_path, STRATOFOLD_STRATEGY=spec_of(Listens)).open()
    quote = Quote()
    quote.time, quote.bid, quote.ask = at(days, 1), 1.0, 2.0
    told(days, line_of("paper", "SPY", quote))
    assert heard(days) == []
    stage = staged(ministack, tmp_path, Sees, ticks)
    told(stage, spy(at(stage, 1), close=5.0))
    assert [one for one in stage.journal.records("paper") if one.kind == "event"] == []


class Venue:
    """A venue's stream of depth: what it is given, and then nothing."""

    def __init__(self, rows):
        self.rows = rows
        self.is_said = False

    async def history(self, symbols, after, until):
        return []

    async def stream(self, symbols):
        yield None
        for row in self.rows:
            yield "XYZ", row
            await asyncio.sleep(0)
        self.is_said = True
        await asyncio.sleep(3600)


@pytest.mark.parametrize("cached", [False, True])
def test_a_feeder_sends_a_message_of_depth_whole(ministack, hot, tmp_path, ticks, cached):
    """As lines where there is no cache, and its own part not at all; what the cache has is not whole either."""
    stage = staged(ministack, tmp_path, Sees, ticks)
    time = stage.run.clock.time + MINUTE_NS
    rows = list(snapshot(time, [(99.0, 5.0), (98.0, 7.0)], [(101.0, 4.0), (102.0, 6.0)]))
    lines = fed(stage, [*rows, *rows[:3]], hot if cached else None)
    assert len(lines) == (0 if cached else 4)
    told(stage, *lines, hot=hot)
    assert sides(restore_fold(stage.journal, "paper", Sees))[0] == ([] if cached else [(98.0, 7.0), (99.0, 5.0)])


def fed(stage, rows, hot):
    """The lines that a feeder puts into the queue for what a venue says."""
    lines = []

    class Outlet:
        def put(self, book, more):
            lines.extend(more)

    async def go():
        async with Tasks() as tasks:
            venue = Venue(rows)
            feeder = Feeder(stage.journal, Outlet(), venue, Silent(), Clock(), tasks, "paper", hot)
            running = asyncio.create_task(feeder.run())
            await until_it(lambda: venue.is_said)
            feeder.stop()
            await running

    asyncio.run(go())
    return [line for line in lines if '"event":"tick"' not in line]


def snapshot(time, bids, asks):
    """A venue's whole order book."""
    levels = [(1, *one) for one in bids] + [(-1, *one) for one in asks]
    for place, (side, price, size) in enumerate(levels, 1):
        made = Depth()
        made.time = made.known = time
        made.side, made.price, made.size = side, price, size
        made.snapshot, made.last = True, place == len(levels)
        yield made


def change(time, side, price, size):
    made = Depth()
    made.time = made.known = time
    made.side, made.price, made.size = side, price, size
    return made


def sides(fold):
    """What the fold's market shows: (price, size) of bids and of offers."""
    ladder = fold.engine.book.ladders[0]
    levels = list(zip(ladder.prices, ladder.bids, ladder.asks, strict=True))
    return [(p, b) for p, b, _ in levels if b], [(p, a) for p, _, a in levels if a]


def test_an_order_book_comes_by_the_cache_and_the_records_alone_say_what_was_heard(
    ministack, server, hot, tmp_path, ticks
):
    stage = staged(ministack, tmp_path, Takes, ticks)
    begin = stage.run.clock.time + MINUTE_NS
    bids, asks = [(99.0, 5.0), (98.0, 7.0)], [(101.0, 4.0), (102.0, 6.0)]
    for turn in range(1, 4):
        rows = list(snapshot(begin * 1 + turn, bids, asks))
        rows += [change(begin + turn, 1, 99.5, float(k)) for k in range(1, 200)]
        lines = fed(stage, rows, hot)
        assert len(lines) < 10  # two hundred changes are a few lines at most
        told(stage, *lines, *lines, hot=Hot(server.url, timeout_seconds=PATIENT))
    shown = ([(98.0, 7.0), (99.0, 5.0), (99.5, 199.0)], asks)
    assert sides(restore_fold(stage.journal, "paper", Takes)) == shown
    stage.settle()
    hot._ask(b"FLUSHALL")  # what was in the cache is nobody's evidence
    assert sides(restore_fold(stage.journal, "paper", Takes, use_snapshot=False)) == shown
    assert verify(stage.journal, "paper", Takes).identical
    assert [one.kind for one in stage.journal.records("paper")].count("request") == 1


@pytest.mark.parametrize("harm", ["gone", "another's", "no server", "no cache"])
def test_an_order_book_that_is_not_in_the_cache_is_a_gap_and_the_next_one_mends_it(
    ministack, server, hot, tmp_path, ticks, harm
):
    stage = staged(ministack, tmp_path, Sees, ticks)
    begin = stage.run.clock.time + MINUTE_NS
    books = OrderBooks(hot, "paper")
    lines = []
    for turn in range(3):
        for row in snapshot(begin + turn, [(99.0, 5.0 + turn)], [(101.0, 4.0)]):
            assert books.hear("XYZ", row)
        lines += books.lines()
    told(stage, lines[0], hot=hot)
    lost = hot
    if harm == "gone":
        hot._ask(b"FLUSHALL")
    elif harm == "another's":
        for name in hot_names(hot):
            hot.put(name, b"\x91\x93\x01\xcb" + bytes(16))
    else:
        lost = None if harm == "no cache" else Hot("redis://127.0.0.1:1")
    told(stage, lines[1], hot=lost)
    assert sides(restore_fold(stage.journal, "paper", Sees)) == ([], [])
    assert [one.kind for one in heard(stage) if isinstance(one, Status)] == [GAP]
    for row in snapshot(begin + 3, [(99.0, 8.0)], [(101.0, 4.0)]):
        books.hear("XYZ", row)
    told(stage, *books.lines(), hot=hot)
    assert sides(restore_fold(stage.journal, "paper", Sees)) == ([(99.0, 8.0)], [(101.0, 4.0)])


def test_a_feeder_tells_no_order_book_that_it_does_not_know_whole(hot):
    books, gap = OrderBooks(hot, "paper"), Status()
    gap.kind = GAP
    whole = list(snapshot(5, [(99.0, 5.0)], [(101.0, 4.0)]))
    assert books.hear("XYZ", change(4, 1, 99.0, 1.0))  # before the first snapshot
    assert books.lines() == []
    assert books.hear("XYZ", whole[0])
    assert books.lines() == []  # amid a message
    assert books.hear("XYZ", whole[1])
    (line,) = books.lines()
    assert [(one.event.price, one.event.size, one.event.last) for one in told_of(hot, line)] == [
        (99.0, 5.0, False),
        (101.0, 4.0, True),
    ]
    assert books.lines() == []
    assert not books.hear("XYZ", gap)  # that is for the book to hear
    assert books.hear("XYZ", change(6, 1, 99.0, 2.0))
    assert books.lines() == []


def test_while_the_cache_takes_nothing_the_levels_travel_themselves_once_a_second(ministack, tmp_path, ticks):
    stage = staged(ministack, tmp_path, Sees, ticks)
    begin = stage.run.clock.time + MINUTE_NS
    now, sent = [0], []
    books = OrderBooks(Hot("redis://127.0.0.1:1"), "paper", lambda: now[0])
    for turn in range(12):
        now[0] = turn * 100_000_000
        for row in snapshot(begin + turn, [(99.0, 5.0 + turn)], [(101.0, 4.0)]) if turn < 6 else ():
            books.hear("XYZ", row)
        sent.append(books.lines())  # the market is quiet after a while, and its last word is told all the same
    assert [len(one) for one in sent] == [2, *[0] * 9, 2, 0]
    told(stage, *sent[0])
    assert sides(restore_fold(stage.journal, "paper", Sees)) == ([(99.0, 5.0)], [(101.0, 4.0)])
    told(stage, *sent[10])
    assert sides(restore_fold(stage.journal, "paper", Sees)) == ([(99.0, 10.0)], [(101.0, 4.0)])


def test_only_the_best_levels_are_told(hot):
    books = OrderBooks(hot, "paper")
    for row in snapshot(5, [(100.0 - k, 1.0) for k in range(200)], [(101.0 + k, 1.0) for k in range(200)]):
        books.hear("XYZ", row)
    found = [one.event for one in told_of(hot, *books.lines())]
    assert [(one.side, one.price) for one in found[:2]] == [(1, 100.0), (1, 99.0)]
    assert [sum(one.side == side for one in found) for side in (1, -1)] == [50, 50]
    assert max(one.price for one in found) == 150.0


def test_lines_that_say_no_place_go_to_the_dead_letters_and_the_rest_is_heard(ministack, tmp_path, ticks):
    stage = staged(ministack, tmp_path, Sees, ticks)
    senseless = ['{"event":"kept"}', '{"event":"kept","book":1}', '["event":"kept"]', '"event":"kept"']
    told(stage, *senseless, line_of("paper", "XYZ", numbered(ticks, MINUTE_NS)[0]))
    assert [one["line"] for one in stage.dead_letters()] == senseless
    assert len(heard(stage)) == 1
