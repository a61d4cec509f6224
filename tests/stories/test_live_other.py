"""What a change to a running book leads to, holds at once and after every restart; what it cannot lead to is refused before it."""

from functools import cache
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec import structs

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountLimits, Entry
from stratofold.cli.running import Wanted, replace_manifest
from stratofold.errors import Setup
from stratofold.fold.strategy import at_close, at_open, every
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import beginning_of, open_desk
from stratofold.live.fork import _fold_at, fork
from stratofold.live.manifest import code_hash, is_code_of
from stratofold.live.open import change, refuse_another
from stratofold.live.risk.bounds import Bounds
from stratofold.live.risk.limits_config import Stated
from stratofold.live.schedule import heard_until, numbers_of, places_of
from stratofold.live.timers import timer
from tests.stories import changing
from tests.stories.changing import CHANGES, FIRST, bar, hear, strategy, write

AT = 12 + 14
CHOICES = ["keep", "migrate", "rebuild"]
every_choice = pytest.mark.parametrize("chosen", CHOICES)


def timed(*entries):
    """The strategy on a schedule, which buys one at each timer."""
    text = FIRST.replace("Strategy, param", "Strategy, at_close, at_open, every, param")
    text = text.replace("    size =", f"    schedule = [{', '.join(entries)}]\n    size =")
    return text + "\n    def on_timer(self, timer, book):\n        self.age += 100 * (timer.schedule + 1)\n"


@cache
def kept(source):
    """The journal of a book with this code that has heard bars, as bytes."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(changing, "FIRST", source)
        journal, desk = write(Path(folder) / "journal.db", [], 0)
        hear(desk, range(12, AT))
        journal.close()
        return Path(folder, "journal.db").read_bytes()


@pytest.fixture
def ran(tmp_path, request):
    """A desk that has heard bars; of FIRST, or what the test gives."""
    source = getattr(request, "param", FIRST)
    tmp_path.joinpath("journal.db").write_bytes(kept(source))
    journal = Journal(tmp_path / "journal.db")
    yield open_desk(journal, "idea", strategy(source), "test", bar(AT).time)
    journal.close()


def changed(desk, chosen="keep", source=FIRST, **more):
    """The desk that goes on with other code, or another manifest."""
    other = strategy(source)
    return change(desk, structs.replace(desk.manifest, code=code_hash(other), **more), other, chosen, bar(AT).time)


def again(desk):
    return open_desk(desk.journal, "idea", desk.strategy, "test", bar(AT + 100).time)


@every_choice
def test_limits_stated_now_hold_from_the_change_on(ran, chosen):
    """They were those of before until the next restart, which then decided otherwise than was written (SF849)."""
    limits = ran.manifest.limits | {"position_max": 5.0, "orders_per_minute_max": 3.0}
    desk = changed(ran, chosen, limits=limits)
    hear(desk, range(AT, AT + 14))
    before, after = ran.fold.engine, desk.fold.engine
    assert before.risk.limits.position_max == inf
    assert after.risk.limits.position_max == 5.0
    assert len(after.risk.order_times) == len(again(desk).fold.engine.risk.order_times) == 3
    assert before.book.position(1) > 5.0
    assert all(after.book.position(symbol) <= before.book.position(symbol) for symbol in (0, 1))
    assert again(desk).fold.save() == desk.fold.save()


INSTRUMENTS = {
    "in another order": lambda rows: rows[::-1],
    "one more": lambda rows: [*rows, rows[0] | {"symbol": "GOOG"}],
    "one less": lambda rows: rows[:1],
    "another": lambda rows: [rows[0], rows[1] | {"symbol": "GOOG"}],
}


PAIR = FIRST.replace("self.age = 0", "self.age = 0\n        self.low, self.high = 1.0, 9.0")


@pytest.mark.parametrize("ran", [PAIR], indirect=True, ids=[""])
def test_attributes_that_have_changed_places_are_not_read_for_one_another(ran):
    """As many of the same kinds: what `keep` reads by place would be the other's."""
    other = PAIR.replace("self.low, self.high = 1.0, 9.0", "self.high, self.low = 8.0, 2.0")
    with pytest.raises(Setup, match="SF111"):
        changed(ran, "keep", other)
    strategy = changed(ran, "migrate", other).fold.strategy
    assert (strategy.low, strategy.high) == (1.0, 9.0)


@pytest.mark.parametrize("others", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_other_symbols_are_refused(others):
    """What is held is held by handle: AAPL's shares became MSFT's."""
    old = changing.manifest("code")
    with pytest.raises(Setup, match="SF848") as raised:
        refuse_another(old, structs.replace(old, instruments=others(old.instruments)))
    assert raised.value.what.startswith("the symbols of book idea cannot change: AAPL, MSFT ->")


OTHERS = {"calendar": ("XNYS", "24/7 -> XNYS"), "ticks": (("quotes",), "bars -> ticks"), "bounds": ({}, "none -> one")}


@pytest.mark.parametrize("name", OTHERS)
def test_what_else_a_state_is_counted_by_is_refused(name):
    old, (other, told) = changing.manifest("code"), OTHERS[name]
    for was, now in ((old, structs.replace(old, **{name: other})), (structs.replace(old, **{name: other}), old)):
        refuse_another(was, structs.replace(was, limits={}, parameters={"size": 1.0}, code="other", span_ns=1))
        with pytest.raises(Setup, match="SF848") as raised:
            refuse_another(was, now)
        assert now is old or raised.value.what.endswith(told)


def test_the_order_in_which_symbols_are_named_says_nothing():
    old, stated = changing.manifest("code"), Stated({}, Bounds(), AccountLimits())
    for names in (("MSFT", "AAPL"), ("GOOG", "MSFT", "AAPL")):
        wanted = Wanted("idea", strategy(FIRST), changing.SPEC, names, {}, stated, changing.DAY_NS)
        assert replace_manifest(old, wanted).symbols == (*old.symbols, *names[:-2])


def test_what_is_refused_is_not_written(ran):
    written = ran.journal.head("idea")
    with pytest.raises(Setup, match="SF848"):
        changed(ran, instruments=ran.manifest.instruments[::-1])
    assert ran.journal.head("idea") == written


@every_choice
@pytest.mark.parametrize("ran", [FIRST, timed("at_close()")], indirect=True, ids=["", "beside another"])
def test_an_entry_of_the_schedule_that_is_new_begins_where_the_book_is(ran, chosen):
    """It had no place in the state; and all that it would have had since the book was opened must not come at once."""
    desk = changed(ran, chosen, timed("at_open()", "at_close()"))
    reached = desk.fold.engine.book.time
    assert not desk.fold.progress.is_new(timer(reached, 0))
    assert desk.fold.progress.is_new(timer(reached + 1, 0))
    assert desk.fold.progress.is_new(timer(reached, 1)) is (len(ran.strategy.schedule) == 1)
    decide(desk, [Heard(timer(reached + 1, place)) for place in (0, 1)], reached, claim=False)
    assert desk.fold.strategy.age >= 300
    assert again(desk).fold.save() == desk.fold.save()


@every_choice
@pytest.mark.parametrize("ran", [timed("at_open()", "at_close()")], indirect=True, ids=[""])
@pytest.mark.parametrize(
    ("entries", "known"),
    [
        (("at_close()", "at_open()"), (True, True)),
        (("at_close()",), (True,)),
        (("every(5)", "at_open()"), (False, True)),
    ],
    ids=["in another order", "one less", "another"],
)
def test_an_entry_is_known_by_what_it_says_and_not_by_its_place(ran, chosen, entries, known):
    start = ran.fold.engine.book.time
    for place, after in ((0, 3), (1, 5)):
        decide(ran, [Heard(timer(start + after, place))], start, claim=False)
    desk = changed(ran, chosen, timed(*entries))
    heard = {"at_open()": start + 3, "at_close()": start + 5, "every(5)": start + 5}
    assert list(desk.fold.progress.timer_until) == [heard[entry] for entry in entries]
    if chosen == "rebuild":
        told = sum(100 * (place + 1) for place, entry in enumerate(entries) if known[place])
        assert desk.fold.strategy.age == AT + told
    assert again(desk).fold.save() == desk.fold.save()


@pytest.mark.parametrize("ran", [timed("at_open()", "at_close()")], indirect=True, ids=[""])
def test_timers_of_each_code_are_known_by_what_its_own_schedule_said(ran):
    """They were read by the schedule of the last one: what opened a day before two changes closed it after them."""
    start = ran.fold.engine.book.time
    for place, after in ((0, 3), (1, 5)):
        decide(ran, [Heard(timer(start + after, place))], start, claim=False)
    once = changed(ran, "migrate", timed("at_close()"))
    decide(once, [Heard(timer(start + 9, 0))], start, claim=False)
    twice = changed(once, "rebuild", timed("every(5)", "at_close()"))
    assert twice.fold.strategy.age == AT + 2 * 200  # both closes, as the second entry, and no open
    steps, twice = twice.fold.steps, again(twice)
    assert twice.fold.strategy.age == AT + 2 * 200
    hear(twice, range(AT, AT + 4))
    assert _fold_at(twice.journal, "idea", twice.strategy, steps, {"size": 11.0}).strategy.age == AT + 2 * 200


def test_another_class_of_the_same_file_is_another_strategy(ran):
    """The hash of its code is the file's: the book was taken up with the class that it was to go on with."""
    assert is_code_of(ran.strategy, ran.manifest)
    assert not is_code_of(ran.strategy, structs.replace(ran.manifest, strategy="an_idea.py:Other"))
    assert not is_code_of(ran.strategy, structs.replace(ran.manifest, code="other"))


def test_entries_that_are_equal_are_each_taken_once():
    was, now = (at_open(), every(5), at_open()), (at_open(), at_open(), at_open(), at_close())
    assert places_of(was, now) == [0, 2, -1, -1]
    assert list(heard_until([1, 2, 3], [0, 2, -1, -1], 9)) == [1, 3, 9, 9]
    assert numbers_of(was, now) == {0: 0, 2: 1}


def test_a_change_and_the_way_to_it_are_written_at_once(ran, monkeypatch):
    """A crash between the two left a change that some read and others did not."""
    monkeypatch.setattr(type(ran.journal), "mark", lambda *_: pytest.fail("after the record"))
    desk = changed(ran, source=CHANGES[0][0])
    monkeypatch.undo()
    assert beginning_of(ran.journal, "idea")[1].manifest == desk.manifest != ran.manifest


def test_a_change_is_found_behind_what_others_have_noted_meanwhile(ran):
    """Whoever holds a book back, and its answers, write records that the writer has not seen."""
    ran.journal.note("idea", [Entry("control", b"", b"")] * 3)
    desk = changed(ran, source=CHANGES[0][0])
    sequence, beginning = beginning_of(ran.journal, "idea")
    assert (sequence, beginning.manifest) == (desk.head.sequence, desk.manifest)
    assert again(desk).fold.save() == desk.fold.save()


def test_of_two_changes_at_once_the_second_holds(ran):
    """Nothing is between their records, so one too low is the first's."""
    first = changed(ran, source=CHANGES[0][0])
    second = changed(first, source=FIRST)
    assert second.head.sequence == first.head.sequence + 1
    assert beginning_of(ran.journal, "idea")[1].manifest == second.manifest != first.manifest


def test_nothing_forks_from_before_the_last_change(ran):
    """It would have begun at the change, and said that it was the step."""
    desk = changed(ran, source=CHANGES[0][0])
    hear(desk, range(AT, AT + 3))
    with pytest.raises(Setup, match="SF960") as raised:
        fork(desk.journal, "idea", desk.strategy, ran.fold.steps - 1, {})
    assert "with the code it has now" in raised.value.what
    assert fork(desk.journal, "idea", desk.strategy, ran.fold.steps, {}).at == ran.fold.steps
