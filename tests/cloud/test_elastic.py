"""Many at once: environments that race for one book, and a burst that is a hundred times the usual."""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import msgspec
import pytest

import stratofold
from stratofold.cloud.functions import decide
from stratofold.cloud.market import line_of
from stratofold.events import Bar
from stratofold.fold.strategy import Strategy
from stratofold.live.manifest import instrument_rows
from stratofold.live.steps import event_in
from stratofold.market.instruments import Instrument
from tests.cloud.stage import MINUTE_MS, Stage, kinesis, spec_of
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
MINUTE_NS = 60_000_000_000


class First(Strategy):
    """Buys a unit of each symbol at its third bar."""

    def setup(self):
        self.heard = self.per_symbol(Count)

    def on_bar(self, bar, book):
        self.heard[bar.symbol].value += 1
        if self.heard[bar.symbol].value == 3:
            book.target_quantity(bar.symbol, 1.0)


class Count:
    def __init__(self):
        self.value = 0


@pytest.fixture(scope="module")
def days():
    return stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")


def bar(time, close=100.0):
    made = Bar()
    made.time = made.known = time
    made.span = MINUTE_NS
    made.open = made.high = made.low = made.close = close
    made.volume = 1e6
    return made


def opened(ministack, days, folder, names):
    """A stage whose book trades minutes of so many symbols."""
    run = paper(First, days, DAY_NS)
    usual = run.manifest
    rows = instrument_rows([Instrument(name, price_decimals=2, quantity_decimals=0) for name in names])
    run.manifest = lambda now: msgspec.structs.replace(usual(now), instruments=rows, span_ns=MINUTE_NS)
    return Stage(ministack, run, folder, STRATOFOLD_STRATEGY=spec_of(First)).open()


def heard(stage):
    return [event_in(one.body) for one in stage.journal.records("paper") if one.kind == "event"]


def test_a_hundred_environments_at_once_write_one_book_once(ministack, days, tmp_path):
    stage = opened(ministack, days, tmp_path, ["SPY"])
    begin = stage.run.clock.time
    lines = [line_of("paper", "SPY", bar(begin + k * MINUTE_NS)) for k in range(1, 9)]
    places = [stage.fresh_place() for _ in range(100)]

    def one(number):
        batch = kinesis(*lines[: 1 + number % 8])
        return decide.respond(places[number], batch, lambda: MINUTE_MS)["batchItemFailures"]

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(one, range(100)))
    times = [event.time for event in heard(stage)]
    assert times == sorted(set(times))
    if not any(answers):  # whoever lost too often has his batch again, which is nothing when the others were quicker
        assert len(times) == 8
    for number, left in enumerate(answers):
        if left:
            one(number)
    assert [event.time for event in heard(stage)] == [begin + k * MINUTE_NS for k in range(1, 9)]
    assert [one.key for one in stage.journal.outbox("paper")] == ["paper-g1-1"]
    assert [one.sequence for one in stage.journal.records("paper")] == list(
        range(1, stage.journal.head("paper").sequence + 1)
    )


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.nightly)])
def test_a_burst_over_two_hundred_symbols_is_drained_without_loss_or_double(ministack, days, tmp_path, rounds):
    """Two hundred symbols of minutes are 3.3 events a second; a hundredfold for a minute are 20,000 (100 rounds)."""
    names = [f"S{k:03}" for k in range(200)]
    stage = opened(ministack, days, tmp_path, names)
    begin = stage.run.clock.time
    for k in range(1, rounds + 1):
        stage.put(*[line_of("paper", name, bar(begin + k * MINUTE_NS)) for name in names])
        stage.put(line_of("paper", names[k % 200], bar(begin + k * MINUTE_NS)))  # told twice
    began = perf_counter()
    while records := stage.lines():
        if not records[0]:
            break
        assert stage.call(decide, {"Records": records[0]}) == set()
        for receipt in records[1].values():
            stage.aws.json("sqs", "DeleteMessage", {"QueueUrl": stage.queue, "ReceiptHandle": receipt})
    seconds = perf_counter() - began
    events = heard(stage)
    assert [(event.time, event.symbol) for event in events] == [
        (begin + k * MINUTE_NS, symbol) for k in range(1, rounds + 1) for symbol in range(200)
    ]
    assert len({one.key for one in stage.journal.outbox("paper")}) == len(stage.journal.outbox("paper")) == 200
    print(f"{len(events)} events in {seconds:.1f} s: {len(events) / seconds:,.0f} a second")
