"""Other code for a running book is said first, recorded, and heard with from then on."""

import pytest

import stratofold
from stratofold.cli.load import load_strategy
from stratofold.cloud.changed import changed_books, record, refuse_unsaid
from stratofold.errors import Stop
from stratofold.live.desk import manifest_of, open_desk
from stratofold.live.manifest import code_hash, source_of
from stratofold.live.open import open_book
from tests.contracts.journals import NOW, Tables
from tests.live_tools import paper

HOLDER = "cloud:momentum"
DAY_NS = 86_400_000_000_000


SOURCE = """
import stratofold

class Counts(stratofold.Strategy):
    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += {step}
"""


@pytest.fixture
def before(tmp_path):
    (tmp_path / "counts_one.py").write_text(SOURCE.format(step=1), encoding="utf-8")
    return load_strategy(f"{tmp_path / 'counts_one.py'}:Counts")


@pytest.fixture
def after(tmp_path):
    (tmp_path / "counts_two.py").write_text(SOURCE.format(step=2), encoding="utf-8")
    return load_strategy(f"{tmp_path / 'counts_two.py'}:Counts")


@pytest.fixture
def journal(before):
    data = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-05")
    journal, run = Tables(), paper(before, data, DAY_NS)
    open_book(journal, run.manifest(NOW), NOW, source_of(before))
    journal.take(run.book, HOLDER, NOW)
    return journal


def test_the_same_code_is_no_change(journal, before):
    assert changed_books(journal, HOLDER, before) == []


def test_a_book_that_another_holds_is_not_ours_to_change(journal, after):
    assert changed_books(journal, "cloud:other", after) == []


def test_other_code_is_refused_until_somebody_says_that_it_is_meant(journal, after):
    books = changed_books(journal, HOLDER, after)
    assert books == ["paper"]
    with pytest.raises(Stop) as caught:
        refuse_unsaid(books, acknowledged=False)
    assert caught.value.code == "SFA32"
    assert "--acknowledge" in caught.value.fix
    refuse_unsaid(books, acknowledged=True)


def test_it_is_recorded_and_the_book_goes_on_with_it(journal, before, after):
    record(journal, "paper", HOLDER, before, after, "keep", lambda: NOW)
    assert manifest_of(journal, "paper").code == code_hash(after)
    assert journal.head("paper").holder == HOLDER
    assert [one.kind for one in journal.records("paper")][-1] == "changed"
    assert open_desk(journal, "paper", after, HOLDER, NOW).fold.steps == journal.head("paper").step
