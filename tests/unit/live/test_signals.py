"""A signal from outside is heard by the strategy that names its series, once, and is in its records."""

import asyncio
import json

import pytest

import stratofold
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.verify import verify
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, Key, receive, sign
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
SECRET = b"a key of 32 random bytes, or so.."


class Listener(stratofold.Strategy):
    """Buys what a voice from outside says, one share a point."""

    series = ("weather", "sentiment")

    def setup(self):
        self.heard = 0
        self.last_series = -1
        self.last_symbol = -1
        self.last_known = 0
        self.last_time = 0

    def on_observation(self, observation, book):
        self.heard += 1
        self.last_series = observation.series
        self.last_symbol = observation.symbol
        self.last_known = observation.known
        self.last_time = observation.time
        if observation.value > 0.0 and observation.symbol >= 0:
            book.buy(observation.symbol, observation.value)


@pytest.fixture
def run():
    data = stratofold.sample("us14").subset(["SPY", "AAPL"], start="2020-04-01", end="2020-04-09")
    made = paper(Listener, data, DAY_NS)
    asyncio.run(made.desk())
    return made


def signal(run, **other):
    """Send a signal, signed, at the exchange's time."""
    now = run.clock.time
    said = {
        "kind": "signal", "book": "paper", "sender": "desk", "id": "1", "series": "sentiment", "symbol": "AAPL",
        "value": "3", "time": "2020-03-31T12:00:00Z",
    }  # fmt: skip
    data = json.dumps({**said, **other}).encode()
    stamp = str(now // 1_000_000_000)
    headers = {TIMESTAMP: stamp, SIGNATURE: sign(SECRET, stamp, data)}
    return receive(run.journal, [Key(SECRET)], headers, data, now).word


def test_the_strategy_hears_it_and_orders(run):
    assert signal(run) == "taken"
    assert signal(run) == "known"
    desk = run.run()
    strategy = desk.fold.strategy
    assert (strategy.heard, strategy.last_series, strategy.last_symbol) == (1, 1, 1)
    assert strategy.last_time < strategy.last_known
    assert [(row[1], row[2], row[5]) for row in run.witness.fills] == [(1, 1, 3.0)]


def test_folding_the_records_again_hears_it_again(run):
    signal(run)
    desk = run.run()
    assert restore_fold(run.journal, "paper", Listener, use_snapshot=False).save() == desk.fold.save()
    assert verify(run.journal, "paper", Listener).identical
    assert open_desk(run.journal, "paper", Listener, "test", 0).fold.strategy.heard == 1


@pytest.mark.parametrize("other", [{"series": "gossip"}, {"symbol": "MSFT"}])
def test_what_the_strategy_does_not_know_is_written_down_as_dead(run, other):
    signal(run, **other)
    desk = run.run()
    assert desk.fold.strategy.heard == 0
    assert "dead" in [record.kind for record in run.journal.records("paper")]
    assert run.journal.inbox("paper") == []


def test_a_signal_of_no_symbol_is_heard_as_such(run):
    signal(run, symbol="", series="weather")
    strategy = run.run().fold.strategy
    assert (strategy.heard, strategy.last_series, strategy.last_symbol) == (1, 0, -1)


def test_a_signal_from_the_future_is_heard_as_of_now(run):
    signal(run, time="2099-01-01T00:00:00Z")
    strategy = run.run().fold.strategy
    assert strategy.last_time == strategy.last_known
