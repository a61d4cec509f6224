"""A book that goes on with other code or parameters: shown first, taken up as it was, changed as chosen, and back again."""

import asyncio
import json
import textwrap
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

import stratofold
from stratofold.adapters.ports import REDUCING, AccountLimits
from stratofold.cli.home import strategy_as_run
from stratofold.cli.load import load_strategy
from stratofold.cli.running import Wanted, _changed, _changed_desk, _desk
from stratofold.errors import Setup, Stop
from stratofold.live.as_it_was import strategy_from_source
from stratofold.live.desk import beginning_of, manifest_of, open_desk
from stratofold.live.hold import LIMITS_MARK, standing_of
from stratofold.live.manifest import code_hash, source_of
from stratofold.live.open import difference, open_book
from stratofold.live.risk.bounds import Bounds
from stratofold.live.risk.limits_config import Stated
from stratofold.market.instruments import Instrument
from tests.live_tools import UNLIMITED, paper

DAY_NS = 86_400_000_000_000

BEFORE = """
from stratofold import Strategy

class Idea(Strategy):
    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 10.0)

class Other(Strategy):
    def setup(self):
        self.seen = 0.0

    def on_bar(self, bar, book):
        self.seen += bar.close
"""
SAME_SHAPE = BEFORE.replace("self.age == 1", "self.age == 12")
OTHER_SHAPE = BEFORE.replace("self.age = 0", "self.age = 0\n        self.sum = 0.0").replace(
    "self.age += 1", "self.age += 1\n        self.sum += bar.close"
)


class Book:
    """A book that ran a month with code in a file, and has no snapshot since its beginning."""

    def __init__(self, folder):
        self.file = folder / "an_idea_that_changes.py"
        self.data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
        self.run = paper(self.write(BEFORE), self.data, DAY_NS)
        self.journal = self.run.journal
        manifest = self.run.manifest
        self.run.manifest = lambda opened: replace_code(manifest(opened), self.spec)
        strategy = self.run.strategy
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.live_tools.open_book", lambda j, m, now: open_book(j, m, now, source_of(strategy)))
            patch.setattr("stratofold.live.lockstep.rest", lambda *_: None)  # it crashed
            self.before = self.run.run()

    @property
    def spec(self):
        return f"{self.file}:Idea"

    def write(self, text):
        self.file.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_strategy(self.spec)

    def wanted(self, strategy, **more):
        stated = Stated(UNLIMITED, Bounds(), AccountLimits(orders_max=7))
        return Wanted("paper", strategy, self.spec, ("AAPL",), {}, stated, DAY_NS, **more)

    def changed(self, strategy, **more):
        """The desk of the next run."""
        old = manifest_of(self.journal, "paper")
        new = replace_code(old, **{"spec": self.spec, "code": code_hash(strategy)} | more.pop("manifest", {}))
        wanted = replace(self.wanted(strategy, acknowledged=True, **more), strategy_name=new.strategy)
        return _changed_desk(wanted, self.journal, old, new, difference(old, new), self.run.clock.time)


def replace_code(manifest, spec, **more):
    return msgspec.structs.replace(manifest, strategy=spec, **more)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def test_records_are_folded_with_the_code_that_made_them(book):
    new = book.write(SAME_SHAPE)
    assert strategy_as_run(book.journal, "paper") is not new
    desk = book.changed(new)
    assert desk.fold.engine.book.position(0) == 10.0
    assert desk.fold.save() == book.before.fold.save()
    assert manifest_of(book.journal, "paper").code == code_hash(new)
    again = open_desk(book.journal, "paper", new, "me", book.run.clock.time)
    assert again.fold.save() == desk.fold.save()


def test_what_changed_holds_the_book_until_a_clean_reconcile(book):
    book.changed(book.write(SAME_SHAPE))
    control = standing_of(book.journal, "account", "book", "paper")
    assert (control.state, control.by) == (REDUCING, "limits")
    assert "code" in control.reason


CHOICES = [
    # chosen || age and sum of the strategy that goes on
    ("migrate", 21, 0.0),
    ("rebuild", 21, "closes"),
]


@pytest.mark.parametrize(("chosen", "age", "total"), CHOICES)
def test_a_state_that_does_not_fit_is_carried_over_or_rebuilt(book, chosen, age, total):
    new = book.write(OTHER_SHAPE)
    with pytest.raises(Stop) as raised:
        book.changed(new)
    assert raised.value.code == "SF948"
    desk = book.changed(new, chosen=chosen)
    assert desk.fold.strategy.age == age
    assert desk.fold.strategy.sum == (pytest.approx(sum(book.data.close)) if total == "closes" else total)
    assert desk.fold.engine.book.position(0) == 10.0
    assert beginning_of(book.journal, "paper")[1].chosen == chosen


def test_another_class_of_the_same_file_goes_on_with_what_the_first_has_left(book):
    """The file is the same, and the book was taken up with the class that was to follow: refused as another release's."""
    other = load_strategy(f"{book.file}:Other")
    desk = book.changed(other, chosen="migrate", manifest={"spec": f"{book.file}:Other"})
    assert desk.fold.engine.book.position(0) == 10.0
    assert desk.fold.strategy.seen == 0.0
    again = open_desk(book.journal, "paper", other, "me", book.run.clock.time)
    assert again.fold.save() == desk.fold.save()


def test_going_back_is_one_more_change(book):
    book.changed(book.write(OTHER_SHAPE), chosen="rebuild")
    desk = book.changed(book.write(BEFORE), chosen="migrate")
    assert desk.fold.save() == book.before.fold.save()
    assert [record.kind for record in book.journal.records("paper")].count("changed") == 2


def test_what_each_choice_would_do_is_said_before_it_happens(book):
    new = book.write(OTHER_SHAPE)
    records = [record.chain for record in book.journal.records("paper")]

    async def ask():
        venue = SimpleNamespace(clock=book.run.clock, account="account")
        rows = manifest_of(book.journal, "paper").instruments
        wanted = book.wanted(new, guarded=False, instruments=tuple(Instrument(**row) for row in rows))
        return await _desk(wanted, book.journal, venue, None)

    with pytest.raises(Stop) as raised:
        asyncio.run(ask())
    assert raised.value.code == "SF947"
    for part in ("keep is refused", "migrate begins anew: sum", "rebuild folds 2"):
        assert part in raised.value.why
    assert [record.chain for record in book.journal.records("paper")] == records


def test_code_as_it_was_has_the_hash_that_it_had(book):
    """So that a snapshot of another release is passed over when the file has changed too."""
    book.write(OTHER_SHAPE)
    assert code_hash(strategy_as_run(book.journal, "paper")) == manifest_of(book.journal, "paper").code


def test_limits_and_code_that_changed_are_told_together(book):
    before = Stated(UNLIMITED, Bounds(), AccountLimits(orders_max=9)).rows()
    book.journal.mark("paper", LIMITS_MARK, json.dumps(before))
    told = _changed(book.wanted(book.write(OTHER_SHAPE)), book.journal)
    assert [line for line in told if line.startswith("code ")]
    assert told[-1].startswith("risk.account.orders_max: 9 -> 7")
    assert not [line for line in told if line.startswith(("limits", "bounds"))]


def test_code_as_it_was_means_what_it_meant_in_its_file():
    """Ours has annotations as texts, and its may be read."""
    assert strategy_from_source("an_idea.py:Idea", "class Idea:\n    size: int = 1\n").__annotations__ == {"size": int}


def test_code_that_does_not_run_any_more_is_said():
    with pytest.raises(Setup) as raised:
        strategy_from_source("an_idea.py:Idea", "import nothing_of_that_name")
    assert raised.value.code == "SF957"
    assert "nothing_of_that_name" in raised.value.why
