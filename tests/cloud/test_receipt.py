"""A year through the functions is the year of the laptop: same orders, same fills, same hash over decision parts."""

from hashlib import sha256

import pytest

import stratofold
from stratofold.cloud.functions import decide
from stratofold.live.desk import restore_fold
from stratofold.strategies import Momentum
from tests.cloud.stage import Stage
from tests.live_tools import paper
from tests.stories.test_live_ticks import KINDS as TICK_KINDS
from tests.stories.test_live_ticks import on_ticks
from tests.tick_market import made
from tests.tick_strategies import Follows

DAY_NS = 86_400_000_000_000
SLIPPAGE = {"slippage": stratofold.Slippage(proportional=0.0001)}


def receipt(journal):
    """What was decided, in order: a hash over the decision parts, and how many there were."""
    bodies = [record.body for record in journal.records("paper") if record.kind == "event"]
    digest = sha256()
    for body in bodies:
        digest.update(len(body).to_bytes(8) + body)
    return digest.hexdigest(), len(bodies)


def messages(journal):
    return [(one.key, one.symbol, one.side, one.quantity, one.state, one.answer) for one in journal.outbox("paper")]


class Handed(Stage):
    """Lines are handed to `decide` as its poller would, without the queue between: half the requests."""

    def put(self, *lines):
        record = {"messageId": "1", "body": "\n".join(lines), "eventSource": "aws:sqs"}
        assert self.call(decide, {"Records": [record]}) == set()

    def lines(self):
        return [], {}


@pytest.mark.parametrize(
    "symbols", [("SPY", "AAPL"), pytest.param(("SPY", "AAPL", "EEM", "BAC"), marks=pytest.mark.nightly)]
)
def test_momentum_over_a_year(ministack, tmp_path, symbols):
    year = stratofold.sample("us14").subset(list(symbols), start="2020-01-01", end="2020-12-31")
    laptop = paper(Momentum, year, DAY_NS, **SLIPPAGE)
    desk = laptop.run()
    stage = Handed(ministack, paper(Momentum, year, DAY_NS, **SLIPPAGE), tmp_path).open()
    assert stage.replay() > 253 * len(symbols)  # bars, and dividends and splits
    assert receipt(stage.journal) == receipt(laptop.journal)
    assert messages(stage.journal) == messages(laptop.journal)
    assert len(laptop.witness.fills) > 5
    assert restore_fold(stage.journal, "paper", Momentum).save() == desk.fold.save()
    shown = set(stage.journal.views("paper", "position/"))
    book = desk.fold.engine.book
    assert shown == {f"position/{name}" for k, name in enumerate(desk.fold.names) if book.position(k) != 0.0}


def test_a_strategy_on_quotes_and_trades(ministack, tmp_path):
    """Orders that take, rest and are cancelled, tick by tick: the functions' records are the laptop's to the byte."""
    ticks = made(21, 48, kinds=TICK_KINDS)
    laptop = on_ticks(ticks)
    desk = laptop.run()
    stage = Handed(ministack, on_ticks(ticks), tmp_path).open()
    assert stage.replay() > 40
    assert receipt(stage.journal) == receipt(laptop.journal)
    assert messages(stage.journal) == messages(laptop.journal)
    assert len(laptop.witness.fills) > 2
    assert restore_fold(stage.journal, "paper", Follows).save() == desk.fold.save()
