"""A changed book of a release that laid the state out otherwise: carried over from its records, or refused, never misread."""

import asyncio
import gzip
from importlib import import_module
from math import nan
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountState
from stratofold.cli import status
from stratofold.cli.audit import is_rebuilt
from stratofold.cli.home import strategy_as_run
from stratofold.errors import Setup, Stop
from stratofold.events import LEFT_OUT, SPLIT, Action
from stratofold.fold.book import Book
from stratofold.live import begin, layout
from stratofold.live.audit import audit_verify
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import beginning_of, open_desk, restore_fold
from stratofold.live.fold import Step
from stratofold.live.halt import CLEAN_RECONCILE
from stratofold.live.look import look_at
from stratofold.live.manifest import build_fold
from stratofold.live.open import change, prospects, warm_up
from stratofold.live.reconcile import compare_only
from stratofold.live.steps import event_in, is_as_written, step_body
from stratofold.live.units import Elsewhere, put_elsewhere
from stratofold.live.verify import verify
from stratofold.live.why import why
from stratofold.wire import pack, unpack
from tests.stories.changing import CHANGES, FIRST, bar, strategy, write

BACK = (CHANGES[0][0], {}, "migrate")
LATER = 1_000  # a bar that nobody has heard


@pytest.fixture
def before(tmp_path):
    """A book as the release before wrote it: three changes, each with its state, and a snapshot."""
    file = tmp_path / "journal.db"
    file.write_bytes(gzip.decompress((Path(__file__).parent / "books" / "8b00ea2.db.gz").read_bytes()))
    journal = Journal(file)
    yield journal
    journal.close()


def opened(journal):
    return open_desk(journal, "idea", strategy_as_run(journal, "idea"), "test", bar(LATER).time)


def is_told(journal, number, now):
    """Whether an order's step, folded again, is the one written down."""
    story = why(journal, "idea", str(number), now)
    return story.refolded and not story.note


def records(journal):
    return [(record.sequence, record.body) for record in journal.records("idea")]


def test_none_of_its_states_is_read(before):
    beginning = beginning_of(before, "idea")[1]
    fold = build_fold(beginning.manifest, strategy_as_run(before, "idea"))
    for state in (beginning.state, before.snapshot("idea")[2]):
        with pytest.raises(Setup, match="SF116"):
            fold.restore(state, 1)


def test_it_goes_on_as_if_this_release_had_run_it_from_the_first_day(before, tmp_path):
    own, desk = write(tmp_path / "own.db")
    carried = opened(before)
    assert carried.fold.steps == before.head("idea").step > 150
    assert carried.fold.save() == desk.fold.save()
    for each in (desk, carried):
        decide(each, [Heard(bar(LATER))], bar(LATER).time, claim=False)
    assert records(before)[-1][1] == records(own)[-1][1]


def test_what_is_told_of_it_is_what_was_told_before(before):
    now = strategy_as_run(before, "idea")
    written = records(before)
    receipt = verify(before, "idea", now)
    assert receipt.identical
    assert receipt.steps == before.head("idea").step
    last = restore_fold(before, "idea", now).engine.book.next_number - 1
    assert is_told(before, last, now)
    assert audit_verify(before).ok
    assert is_rebuilt(before, "idea")
    assert [line.split()[0] for line in prospects(before, beginning_of(before, "idea")[1].manifest, now, now)]
    assert records(before) == written


def test_an_order_of_before_the_last_change_is_told_as_well(before):
    third = begin.beginnings_before(before, "idea", beginning_of(before, "idea")[0])[-1][1]
    assert third.chosen == "migrate"
    number = restore_fold(
        before, "idea", strategy_as_run(before, "idea"), until=third.step + 40
    ).engine.book.next_number
    assert is_told(before, number - 1, strategy(CHANGES[1][0]))


def test_after_the_first_rest_the_way_over_is_not_gone_again(before, monkeypatch):
    desk = opened(before)
    decide(desk, [Heard(bar(LATER))], bar(LATER).time, claim=False, at_rest=True)
    monkeypatch.setattr(begin, "_made_again", None)
    assert opened(before).fold.save() == desk.fold.save()


def test_it_can_be_changed_once_more(before):
    desk = opened(before)
    again = change(desk, desk.manifest, desk.strategy, "keep", bar(LATER).time)
    assert again.fold.save() == desk.fold.save() == opened(before).fold.save()


@pytest.mark.parametrize("left", [0, 5])
@pytest.mark.parametrize("changes", [CHANGES[:1], CHANGES[:2], CHANGES, [*CHANGES, BACK], CHANGES[2:] * 2])
def test_every_choice_is_made_again(tmp_path, monkeypatch, changes, left):
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", b"SFstate0")
        journal, desk = write(tmp_path / "journal.db", changes, left)
    assert opened(journal).fold.save() == desk.fold.save()


def test_many_changes_are_one_way_through_the_records(tmp_path, monkeypatch):
    """Once to find what is read, once to go on from there, however many there were: a book of years has millions."""
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", b"SFstate0")
        journal, desk = write(tmp_path / "journal.db", CHANGES[:1] * 6, 3)
    read, plain = [], journal.records
    monkeypatch.setattr(journal, "records", lambda *given: (read.append(one) or one for one in plain(*given)))
    found = beginning_of(journal, "idea")
    read.clear()
    assert begin.begin_fold(journal, found, desk.strategy).steps == found[1].step
    assert len(read) < 2.1 * found[0]
    journal.close()


def test_where_this_release_decides_otherwise_the_book_is_refused(before, monkeypatch):
    """Its orders are at the venue under the numbers that are written down; this release would give them to others."""
    now = strategy_as_run(before, "idea")
    written, head = records(before), before.head("idea")
    monkeypatch.setattr(begin, "_strategy_of", lambda beginning, _: strategy(CHANGES[0][0]))
    with pytest.raises(Stop) as raised:
        open_desk(before, "idea", now, "test", bar(LATER).time)
    assert raised.value.code == "SF849"
    assert "step" in raised.value.what
    assert "record" in raised.value.place
    assert records(before) == written
    assert before.head("idea").step == head.step


def test_a_snapshot_that_is_passed_over_does_not_hide_another_decision(before, tmp_path, monkeypatch):
    """The records after the last change are held to what is written as much as those before it."""
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_MARK", b"SFstate0")
        journal, desk = write(tmp_path / "own.db", CHANGES[:0], 20)
    fold = restore_fold(journal, "idea", desk.strategy)
    assert fold.save() == desk.fold.save()
    monkeypatch.setattr("stratofold.live.desk.begin_fold", lambda *given: unlike(begin.begin_fold(*given)))
    with pytest.raises(Stop, match="SF849"):
        restore_fold(journal, "idea", desk.strategy)


def unlike(fold):
    """A fold that numbers its orders otherwise."""
    fold.engine.book.next_number += 1
    return fold


@pytest.fixture
def rested(tmp_path):
    """A book with a snapshot that this release reads, and records after it."""
    journal, desk = write(tmp_path / "rested.db", CHANGES[:0], 20)
    assert 0 < journal.snapshot("idea")[0] < journal.head("idea").step
    yield journal, desk
    journal.close()


def buy_once_more(monkeypatch):
    """Another release, whose states are laid out as this one's: what is bought is bought twice."""
    plain = Book.buy

    def twice(book, symbol, *given, **named):
        plain(book, symbol, 1.0)
        return plain(book, symbol, *given, **named)

    monkeypatch.setattr(Book, "buy", twice)


def test_a_snapshot_that_is_read_does_not_hide_another_decision_either(rested, monkeypatch):
    journal, desk = rested
    written, head = records(journal), journal.head("idea")
    buy_once_more(monkeypatch)
    with pytest.raises(Stop) as raised:
        open_desk(journal, "idea", desk.strategy, "test", bar(LATER).time)
    assert raised.value.code == "SF849"
    assert records(journal) == written
    assert journal.head("idea").step == head.step
    assert not is_rebuilt(journal, "idea")


def test_a_book_that_nobody_may_go_on_with_can_be_looked_at(rested, monkeypatch):
    """What it holds is told as it is written, to the last fill, and nothing is written by who looks."""
    journal, desk = rested
    held = held_in(desk)
    assert look_at(journal, "idea", desk.strategy) == (ANY, None, {})
    written = records(journal)
    buy_once_more(monkeypatch)
    look = look_at(journal, "idea", desk.strategy)
    assert look.otherwise.code == "SF849"
    assert look.desk.fold.steps == look.otherwise.step - 1
    assert look.later
    assert {name: look.later[name].quantity if name in look.later else none for name, none in held.items()} == held
    assert held_in(look.brought_up()) == held
    (told,) = [status.of_book(journal, "idea")]
    shown = status.text_of(told | {"run": None})
    assert "SF849: book idea can not go on" in shown
    assert f"{journal.head('idea').step - look.otherwise.step + 1} steps ago" in shown
    for name, later in look.later.items():
        assert f"{later.quantity:g} {name}" in shown
    assert records(journal) == written


def test_it_is_compared_with_its_venue_and_nothing_is_written(rested, monkeypatch):
    journal, desk = rested
    buy_once_more(monkeypatch)
    look = look_at(journal, "idea", desk.strategy)
    written, name = records(journal), desk.fold.names[0]
    for more, breaks in ((0.0, 1), (1.0, 2)):
        positions = {one: (held, 100.0) for one, held in held_in(desk).items()}
        positions[name] = (positions[name][0] + more, 100.0)
        found = asyncio.run(compare_only(look, Shown(AccountState("account", "USD", 1.0, 1.0, 1.0, positions))))
        assert (found.clean, len(found.breaks)) == (False, breaks)
    assert found.breaks[1].startswith(f"{name}: the book holds")
    assert records(journal) == written
    assert journal.mark("idea", CLEAN_RECONCILE) in (None, "")


SPLITS = [
    # new units for one old, what was nobody's || what of it is a fraction
    (3.0, 0.0, False),
    (0.33, 0.0, True),
    (0.33, 5.0, True),
]


@pytest.mark.parametrize(("ratio", "nobodys", "is_part"), SPLITS)
def test_what_split_since_is_told_and_compared_in_the_units_of_now(rested, monkeypatch, ratio, nobodys, is_part):
    """Before the step that stops it, or after; what was nobody's splits too, and the fraction of a lot is no break."""
    journal, desk = rested
    put_elsewhere(journal, "idea", "AAPL", Elsewhere(nobodys))
    whole = held_in(desk)["AAPL"]
    split = Action()
    split.kind, split.symbol, split.value = SPLIT, 0, ratio
    split.time = split.known = desk.fold.engine.book.time + 1
    decide(desk, [Heard(split)], split.time, claim=False)
    held = held_in(desk)["AAPL"]
    assert whole > held > 0.0 or held == whole * ratio
    written = records(journal)
    buy_once_more(monkeypatch)
    look = look_at(journal, "idea", desk.strategy)
    assert look.later["AAPL"] == (held, desk.fold.engine.book.split_factor(0), split.time)
    assert f"filled or split since, with what is held after it: {held:g} AAPL" in status.text_of(
        status.of_book(journal, "idea")
    )
    positions = {one: (quantity, 100.0) for one, quantity in held_in(desk).items()}
    for more, breaks in ((0.0, 1), (2.5, 2)):
        positions["AAPL"] = ((whole + nobodys) * ratio + more, 100.0)
        found = asyncio.run(compare_only(look, Shown(AccountState("account", "USD", 1.0, 1.0, 1.0, positions))))
        assert (len(found.breaks), len(found.fractions)) == (breaks, int(is_part and not more)), found
    assert records(journal) == written


def test_a_split_that_was_left_out_splits_nothing(rested, monkeypatch):
    journal, desk = rested
    held = held_in(desk)
    split = Action()
    split.kind, split.symbol, split.value, split.source = SPLIT, 0, 3.0, LEFT_OUT
    split.time = split.known = desk.fold.engine.book.time + 1
    decide(desk, [Heard(split)], split.time, claim=False)
    buy_once_more(monkeypatch)
    assert held_in(look_at(journal, "idea", desk.strategy).brought_up()) == held


def held_in(desk):
    """What a desk's book holds, by name."""
    return {name: desk.fold.engine.book.position(handle) for handle, name in enumerate(desk.fold.names)}


class Shown:
    """A venue that shows an account."""

    def __init__(self, account):
        self.shown = account

    async def account(self):
        return self.shown

    async def now(self):
        return bar(LATER).time


@pytest.mark.parametrize("verb", ["watch", "reconcile"])
def test_the_functions_tell_of_it_and_write_nothing_either(rested, monkeypatch, verb):
    journal, desk = rested
    buy_once_more(monkeypatch)
    function = import_module(f"stratofold.cloud.functions.{verb}")
    written, told, venue = records(journal), [], Shown(AccountState("account", "USD", 1.0, 1.0, 1.0, {}))
    venue.broker = venue

    async def tell(place, book, now, by, holds, happened=()):
        told.extend([*(holds or ()), *happened])

    monkeypatch.setattr(function, "tell", tell)
    place = SimpleNamespace(journal=journal, strategy=desk.strategy, replays=True, venue=venue)
    asyncio.run(getattr(function, WORDS[verb])(place, "idea"))
    (condition,) = told
    assert condition.level == "critical"
    assert "is decided otherwise than it is written down" in f"{condition.title} {condition.text}"
    assert records(journal) == written


WORDS = {"watch": "look", "reconcile": "compare"}  # what each does with one book


def test_one_of_which_no_state_can_be_made_is_told_of_and_hides_no_other(before, monkeypatch):
    monkeypatch.setattr(begin, "_strategy_of", lambda beginning, _: strategy(CHANGES[0][0]))
    told = status._told(before, before.head("idea"))
    assert "SF849" in told["unreadable"]
    assert status.text_of(told).startswith("idea on account: SF849: book idea can not go on")


def test_other_code_with_a_state_of_the_same_shape_is_held_to_the_records(rested):
    """Whoever gives it has not asked which code they were made with."""
    journal, _ = rested
    with pytest.raises(Stop, match="SF849"):
        restore_fold(journal, "idea", strategy(FIRST.replace("% 10 < 2", "% 10 < 4")))


def test_code_that_raises_where_it_decided_is_refused_alike(rested):
    """What it raises is no fault of ours, and of no event that it has not heard."""
    journal, _ = rested
    with pytest.raises(Stop, match="SF849") as raised:
        restore_fold(journal, "idea", strategy(FIRST.replace("self.age % 10 == 5", "1 // (self.age % 10 - 5) == 0")))
    assert raised.value.why.startswith("it raises ZeroDivisionError")
    assert not isinstance(raised.value.__cause__, Stop)


def test_from_rest_another_release_goes_on(rested, monkeypatch):
    """No record comes after the snapshot: every order is in it as it was sent."""
    journal, desk = rested
    decide(desk, [], bar(LATER).time, claim=False, at_rest=True)
    buy_once_more(monkeypatch)
    assert open_desk(journal, "idea", desk.strategy, "test", bar(LATER).time).fold.save() == desk.fold.save()


def test_the_sign_of_a_nan_is_no_decision(rested):
    """It depends on the processor and on how warm Python is; every other bit is one."""
    record = next(one for one in rested[0].records("idea") if one.kind == "event" and unpack(one.body)[3])
    event = event_in(record.body)
    _, messages, _, *others = unpack(record.body)
    step = Step(messages, [(nan, 1.0)], *others)
    other = Step(messages, [(-nan, 1.0)], *others)
    assert pack(step_body(event, step)) != pack(step_body(event, other))
    assert is_as_written(event, other, pack(step_body(event, step)))
    for row in ((nan, -1.0), (nan, 1), (nan, 1.0 + 2**-52), (0.0, 1.0), (nan, 1.0, nan)):
        assert not is_as_written(event, Step(messages, [row], *others), pack(step_body(event, step)))


MIXED = '''
from stratofold import Strategy
from stratofold.indicators import EMA, SMA

class Idea(Strategy):
    """Averages of two kinds in one list, of which the last goes after a while."""

    def setup(self):
        self.age = 0
        self.averages = [SMA(3), EMA(3), SMA(5)]

    def on_bar(self, bar, book):
        self.age += 1
        for each in self.averages:
            each.update(bar.close)
        if self.age == 12:
            self.averages.pop()
        if self.age % 10 < 2:
            book.buy(bar.symbol, 1.0)
'''


@pytest.mark.parametrize("looked", [False, True], ids=["", "after a look at it"])
def test_a_list_of_several_classes_may_get_shorter(tmp_path, monkeypatch, looked):
    """Whether and when somebody saved the fold before says nothing about it."""
    monkeypatch.setattr("tests.stories.changing.FIRST", MIXED)
    if looked:
        monkeypatch.setattr(
            "tests.stories.changing.warm_up", lambda desk, *given: (desk.fold.save(), warm_up(desk, *given))
        )
    journal, desk = write(tmp_path / "mixed.db", CHANGES[:0], 5)
    fold = build_fold(desk.manifest, desk.strategy)
    fold.restore(desk.fold.save(), desk.fold.steps)
    again = open_desk(journal, "idea", desk.strategy, "test", bar(LATER).time).fold
    assert fold.save() == again.save() == desk.fold.save()
    journal.close()


def test_a_list_whose_classes_change_places_is_folded_again(tmp_path, monkeypatch):
    """A snapshot would be read into objects that have the same fields and mean another thing by them."""
    kinds = MIXED.replace("EMA, SMA", "MAX, MIN").replace("[SMA(3), EMA(3), SMA(5)]", "[MAX(3), MIN(3)]")
    monkeypatch.setattr("tests.stories.changing.FIRST", kinds.replace("averages.pop()", "averages.reverse()"))
    journal, desk = write(tmp_path / "mixed.db", CHANGES[:0], 5)
    assert [type(one).__name__ for one in desk.fold.strategy.averages] == ["MIN", "MAX"]
    with pytest.raises(Setup, match="SF111"):
        build_fold(desk.manifest, desk.strategy).restore(desk.fold.save(), desk.fold.steps)
    again = open_desk(journal, "idea", desk.strategy, "test", bar(LATER).time).fold
    assert (again.save(), again.restored_step) == (desk.fold.save(), 0)
    journal.close()


def test_a_source_that_was_not_kept_is_asked_for(before, monkeypatch):
    plain = begin.read_beginning
    monkeypatch.setattr(begin, "read_beginning", lambda body: without_source(plain(body)))
    with pytest.raises(Setup, match="SF957"):
        opened(before)


def without_source(beginning):
    from msgspec import structs

    return structs.replace(beginning, source="")
