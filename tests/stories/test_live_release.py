"""Another release of stratofold, whose state is laid out otherwise: the book goes on from its records."""

import pytest

import stratofold
from stratofold.errors import Setup
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.why import why
from tests.live_tools import paper
from tests.unit.live.test_why import Ladder

DAY_NS = 86_400_000_000_000


class Climbs(stratofold.Strategy):
    """A share more at every bar."""

    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        book.buy(0, 1.0)


@pytest.fixture
def run():
    """A book that came to rest, whose last snapshot another release has written."""
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    made = paper(Climbs, data, DAY_NS)
    made.run()
    snapshot = made.journal.snapshot
    step, after, state = snapshot("paper")
    assert step > 10
    made.journal.snapshot = lambda book, until=None: (step, after, state + bytes(8))
    return made


def test_the_book_goes_on_from_its_records(run):
    desk = open_desk(run.journal, "paper", Climbs, "test", run.clock.now())
    assert desk.fold.steps == desk.head.step
    assert desk.fold.save() == restore_fold(run.journal, "paper", Climbs, use_snapshot=False).save()


def test_an_orders_story_is_told_from_the_records(run):
    assert why(run.journal, "paper", "12", Climbs).refolded


def test_another_strategy_is_refused_all_the_same(run):
    with pytest.raises(Setup, match="SF111"):
        restore_fold(run.journal, "paper", Ladder)
