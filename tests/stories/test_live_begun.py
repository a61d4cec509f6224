"""What a book begins with is read only by who can read it, and made again only of what it was made of.

Each of these was written for a plausible fault that no other test caught (`tests/faults/carried.py`).
"""

import sys
from types import ModuleType

import pytest
from msgspec import structs

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.cloud import seat
from stratofold.errors import Error, Setup, Stop
from stratofold.live import begin, layout
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import beginning_of, open_desk, restore_fold
from stratofold.live.manifest import code_hash, source_of
from stratofold.live.open import change, open_book
from stratofold.regimes import HiddenMarkov
from tests.stories import changing
from tests.stories.changing import FIRST, THIRD, bar, hear, strategy, write

LATER = 1_000  # a bar that nobody has heard

HELPED = FIRST.replace("import SMA", "import SMA\nfrom help_of_an_idea import Leg").replace(
    "self.age = 0", "self.age = 0\n        self.leg = Leg()"
)
HELP = """
class Leg:
    def __init__(self):
        self.low = 1.0
        self.high = 9.0
"""
WATCHING = FIRST.replace("self.age = 0", "self.age = 0\n        self.seen = 0.0").replace(
    "self.age += 1", "self.age += 1\n        self.seen += abs(book.position(bar.symbol)) + book.orders.count"
)
MODELLED = FIRST.replace("self.age = 0", 'self.age = 0\n        self.model = self.artifact("states")').replace(
    "self.age += 1", "self.age += 1 + self.model.update(0.001)"
)
ARTEFACTS = {"states": HiddenMarkov([[0.9, 0.1], [0.1, 0.9]], [0.0, 0.0], [0.01, 0.03])}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Books with a snapshot and records after it, by their code."""
    journals = []

    def give(source=FIRST, changes=(), left=5):
        monkeypatch.setattr(changing, "FIRST", source)
        journal, desk = write(tmp_path / "journal.db", changes, left)
        journals.append(journal)
        return desk

    yield give
    for journal in journals:
        journal.close()


def again(desk, source=None, **more):
    code = desk.strategy if source is None else strategy(source)
    return open_desk(desk.journal, "idea", code, "test", bar(LATER).time, **more)


def otherwise(desk, chosen, **more):
    """The same code, otherwise."""
    return change(desk, structs.replace(desk.manifest, **more), desk.strategy, chosen, bar(LATER).time)


def test_a_state_that_does_not_fit_other_code_is_no_other_releases(written):
    """Its records would come out as they were written, and nobody had said that the code may be another."""
    with pytest.raises(Setup, match="SF111"):
        again(written(), THIRD)


def helped(text):
    """Put what the strategy imports in its place."""
    sys.modules["help_of_an_idea"] = module = ModuleType("help_of_an_idea")
    exec(text, vars(module))  # noqa: S102  the code above


SWAPPED = "\nclass Leg:\n    def __init__(self):\n        self.high = 9.0\n        self.low = 1.0\n"


@pytest.mark.parametrize("text", [HELP + "        self.more = 2.0\n", SWAPPED], ids=["one more", "in other places"])
def test_what_the_strategy_imports_may_be_laid_out_otherwise(written, monkeypatch, text):
    """The hash of its code says nothing of that, so it is as with another release: folded again, and held to the records."""
    monkeypatch.setitem(sys.modules, "help_of_an_idea", None)
    helped(HELP)
    desk = written(HELPED)
    assert again(desk, HELPED).fold.restored_step > 0
    helped(text)
    fold = again(desk, HELPED).fold
    assert (fold.strategy.leg.low, fold.strategy.leg.high, fold.restored_step) == (1.0, 9.0, 0)
    assert fold.steps == desk.fold.steps


def test_the_way_over_is_held_to_what_is_written(written, monkeypatch):
    """Also where nothing that comes after it would show it."""
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", b"SFstate0")
        desk = written(changes=changing.CHANGES[:1], left=0)
    monkeypatch.setattr(begin, "_strategy_of", lambda *_: strategy(FIRST.replace("% 10 < 2", "% 10 < 4")))
    with pytest.raises(Stop, match="SF849"):
        begin.begin_fold(desk.journal, beginning_of(desk.journal, "idea"), desk.strategy)


def test_the_way_over_begins_at_the_last_change_that_is_read(written, monkeypatch):
    """What lies before it is in its state already."""
    first = written(changes=changing.CHANGES[:1], left=0)
    hear(first, range(60, 70))
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", b"SFstate0")
        second = otherwise(first, "keep", parameters={"size": 3.0})
    assert again(second).fold.save() == second.fold.save()


def test_a_strategy_is_rebuilt_beside_the_account(written):
    """It hears the market alone: no report, none of the operator's words, and no order of its own that works."""
    desk = written(WATCHING)
    hear(desk, range(30, 50))
    assert desk.fold.strategy.seen > 0.0
    rebuilt = otherwise(desk, "rebuild", parameters={"size": 7.0})
    assert (rebuilt.fold.strategy.seen, rebuilt.fold.strategy.age) == (0.0, desk.fold.strategy.age)


def test_a_snapshot_of_the_same_step_is_of_before_the_change(written):
    desk = written()
    decide(desk, [], bar(LATER).time, claim=False, at_rest=True)
    changed = otherwise(desk, "keep", parameters={"size": 7.0})
    assert desk.journal.snapshot("idea")[0] == beginning_of(desk.journal, "idea")[1].step
    assert again(changed).fold.strategy.size == changed.fold.strategy.size == 7.0


def test_who_cannot_go_on_with_a_book_leaves_its_writer_alone(written):
    """A start that was refused ended the run that was well, and nobody watched what it held."""
    desk = written()
    for source, code in ((THIRD, "SF111"), (FIRST.replace("% 10 < 2", "% 10 < 4"), "SF849")):
        with pytest.raises(Error, match=code):
            again(desk, source)
        decide(desk, [Heard(bar(LATER + len(source)))], bar(LATER).time, claim=False)


@pytest.mark.parametrize("changes", [False, True], ids=["events", "a change"])
def test_what_is_written_while_a_book_is_read_is_read_as_well(written, monkeypatch, changes):
    desk = written()
    plain = desk.journal.take

    def meanwhile(*given):
        if changes:
            otherwise(desk, "keep", parameters={"size": 3.0})
            monkeypatch.setattr(desk.journal, "take", plain)
            plain("idea", "another", 0)
        else:
            hear(desk, range(60, 63))
        return plain(*given)

    monkeypatch.setattr(desk.journal, "take", meanwhile)
    late = again(desk)
    assert late.manifest == beginning_of(desk.journal, "idea")[1].manifest
    assert late.fold.steps == late.head.step == desk.journal.head("idea").step
    assert late.fold.strategy.size == (3.0 if changes else 10.0)


def test_a_seat_that_was_read_beside_a_change_is_read_again(written, monkeypatch):
    """A change has no step, so as many steps say nothing of it."""
    desk = written()
    plain, reads = seat.restore_fold, []

    def beside(*given):
        fold = plain(*given)
        if not reads:
            otherwise(open_desk(*given, "test", bar(LATER).time), "keep", parameters={"size": 3.0})
        reads.append(fold)
        return fold

    monkeypatch.setattr(seat, "restore_fold", beside)
    taken = seat.take_seat(desk.journal, "idea", desk.strategy, "test", StandingClock(0))
    assert len(reads) == 2
    assert (taken.desk.manifest.parameters, taken.desk.fold.strategy.size) == ({"size": 3.0}, 3.0)


def test_records_that_are_not_there_are_missed(written, monkeypatch):
    desk = written()
    every = list(desk.journal.records("idea"))
    last = max(record.sequence for record in every if record.kind == "event")
    plain = desk.journal.records
    monkeypatch.setattr(desk.journal, "records", lambda *given: (one for one in plain(*given) if one.sequence != last))
    with pytest.raises(Stop, match="SF845"):
        again(desk)


@pytest.mark.parametrize("chosen", ["keep", "migrate", "rebuild"])
@pytest.mark.parametrize("mark", [b"SFstate0", b"SFstate1"], ids=["of another release", ""])
def test_models_are_there_for_whatever_begins(tmp_path, monkeypatch, chosen, mark):
    code = strategy(MODELLED)
    journal = Journal(tmp_path / "journal.db")
    open_book(journal, changing.manifest(code_hash(code)), changing.OPENED, source_of(code))
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", mark)
        desk = open_desk(journal, "idea", code, "test", bar(0).time, ARTEFACTS)
        decide(desk, [Heard(bar(number)) for number in range(3)], bar(2).time, claim=False)
        desk = otherwise(desk, chosen, parameters={"size": 3.0})
    assert restore_fold(journal, "idea", code, ARTEFACTS).save() == desk.fold.save()
    journal.close()
