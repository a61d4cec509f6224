"""What never happens is left out of a sweep's kernel: small functions by hand, and what two strategies' orders have in common."""

import functools
from math import inf, nan

import pytest

from stratofold import Strategy
from stratofold.events import Report
from stratofold.fold.order import FOREVER, Intent, Message, Order, Resting
from stratofold.fold.venue import Venue
from stratofold.kernel import compile as compiling
from stratofold.kernel import forms
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.known import Walk, with_known
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import Unit, compile_text
from stratofold.kernel.unread import first_numbers
from stratofold.kernel.values import ANY, NOTHING, compared, constant, joined, of_number, picked, written
from tests.unit.kernel.test_forms import feed_of
from tests.unit.kernel.test_unread import Idle

_DAY = 86_400_000_000_000
KIND, LIMIT = "!9", "!11"
ENTRY = """define i32 @go(ptr %result, ptr nonnull captures(ret: address, provenance) %a0, i64 %a1) nounwind {
  %all = call {i32, i64} @f0.go(ptr %a0, i64 %a1)
  %status = extractvalue {i32, i64} %all, 0
  ret i32 %status
}
"""
GO = """define internal {i32, i64} @f0.go(ptr nonnull align 8 captures(ret: address, provenance) %p.order, i64 %p.n) nounwind {
entry:
  %status = alloca i32
  %result = alloca i64
  FIRST
  %t1 = getelementptr inbounds i8, ptr %p.order, i64 8
  %t2 = load i64, ptr %t1, align 8, !tbaa !9
  %t3 = icmp eq i64 %t2, 2
  br i1 %t3, label %L1, label %L2
L1:
  %t4 = call {i32, i64} @f1.stop(ptr %p.order, i64 7)
  %t5 = extractvalue {i32, i64} %t4, 1
  store i64 %t5, ptr %result
  br label %L3, !llvm.loop !5
L2:
  store i64 %p.n, ptr %result
  br label %L3
L3:
  store i32 0, ptr %status
  %status.out = load i32, ptr %status
  %result.out = load i64, ptr %result
  %half.out = insertvalue {i32, i64} undef, i32 %status.out, 0
  %both.out = insertvalue {i32, i64} %half.out, i64 %result.out, 1
  ret {i32, i64} %both.out
}
"""
STOP = """define internal {i32, i64} @f1.stop(ptr nonnull %p.order, i64 %p.n) nounwind {
entry:
  %t1 = add nsw i64 %p.n, 1
  %half.out = insertvalue {i32, i64} undef, i32 0, 0
  %both.out = insertvalue {i32, i64} %half.out, i64 %t1, 1
  ret {i32, i64} %both.out
}
"""
BEGINS = {KIND: of_number("int", 0), LIMIT: of_number("float", nan)}


def less(first="", begins=BEGINS):
    """The functions without what never happens, where the first does this before all."""
    return with_known(ENTRY + GO.replace("FIRST\n  ", first) + STOP, "go", begins)


def test_a_field_that_never_holds_another_number_is_that_number():
    text = less()
    assert "@f1.stop" not in text
    assert "  %t2 = bitcast i64 0 to i64\n" in text
    assert "  br label %L2\n" in text
    assert "L1:" not in text


@pytest.mark.parametrize(
    "first",
    [
        "store i64 2, ptr %t9, align 8, !tbaa !9\n  ",
        "store i64 %p.n, ptr %t9, align 8, !tbaa !9\n  ",
        "%t8 = add nsw i64 1, 1\n  store i64 %t8, ptr %t9, align 8, !tbaa !9\n  ",
        "store i64 2, ptr %status\n  %t8 = load i64, ptr %status\n  store i64 %t8, ptr %t9, align 8, !tbaa !9\n  ",
        # a cell that somebody else has been given may hold anything
        "call void @llvm.other(ptr %status)\n  %t8 = load i64, ptr %status\n  store i64 %t8, ptr %t9, align 8, !tbaa !9\n  ",
        "%t7 = icmp slt i64 %p.n, 9\n  %t8 = select i1 %t7, i64 2, i64 0\n  store i64 %t8, ptr %t9, align 8, !tbaa !9\n  ",
    ],
)
def test_what_any_way_may_store_there_is_one_of_its_numbers(first):
    text = less(first)
    assert "@f1.stop" in text
    assert "  br i1 %t3, label %L1, label %L2\n" in text


def test_so_is_what_it_begins_with():
    assert "  br i1 %t3" in less("store i64 2, ptr %t9, align 8, !tbaa !9\n  ")
    text = less("store i64 2, ptr %t9, align 8, !tbaa !9\n  ", {KIND: of_number("int", 2)})
    assert "  br label %L1\n" in text
    assert "L2:" not in text


def test_a_field_of_which_nothing_is_said_may_hold_anything():
    text = less(begins={})
    assert "@f1.stop" in text
    assert "  br i1 %t3, label %L1, label %L2\n" in text


def test_who_is_called_with_one_constant_alone_has_it_written_in():
    text = less("store i64 2, ptr %t9, align 8, !tbaa !9\n  ")
    assert "  %t1 = add nsw i64 7, 1\n" in text
    assert "i64 %p.n) nounwind {" in text


def test_a_function_whose_values_meet_otherwise_stays_as_it_is():
    text = less("%t7 = phi i64 [ 1, %entry ]\n  ")
    assert "  br i1 %t3, label %L1, label %L2\n" in text
    assert "@f1.stop" in text


def test_one_function_is_told_apart_by_its_constants():
    """Called once with a truth and once without, it may take either way; each caller knows its own."""
    more = """define internal {i32, i64} @f2.twice(i64 %p.n) nounwind {
  %half.out = insertvalue {i32, i64} undef, i32 0, 0
  %both.out = insertvalue {i32, i64} %half.out, i64 %p.n, 1
  ret {i32, i64} %both.out
}
"""
    calls = "%t7 = call {i32, i64} @f2.twice(i64 3)\n  %t8 = call {i32, i64} @f2.twice(i64 %p.n)\n  %t9 = extractvalue {i32, i64} %t7, 1\n  "
    text = with_known(ENTRY + GO.replace("FIRST\n  ", calls) + STOP + more, "go", BEGINS)
    assert "  %t9 = bitcast i64 3 to i64\n" in text
    assert "i64 %p.n, 1" in text


NAN, ONE, ZERO, MINUS = (of_number("float", each) for each in (nan, 1.0, 0.0, -0.0))


@pytest.mark.parametrize(
    ("word", "one", "other", "outcome"),
    [
        ("oeq", NAN, NAN, {0}), ("une", NAN, NAN, {1}), ("ord", NAN, ONE, {0}), ("ord", ONE, ZERO, {1}), ("ueq", NAN, ONE, {1}),
        ("oeq", ZERO, MINUS, {1}), ("olt", ZERO, ONE, {1}), ("oge", ZERO, ONE, {0}), ("ogt", ONE, NAN, {0}), ("une", ZERO, MINUS, {0}),
        ("eq", {1, 2}, {2}, {0, 1}), ("ne", {1}, {2}, {1}), ("slt", {-1}, {0}, {1}), ("ult", {-1}, {0}, {0}), ("uge", {-1}, {7}, {1}),
        ("sle", {3}, {3}, {1}), ("sgt", {3}, {3}, {0}), ("eq", ANY, {2}, ANY), ("eq", ANY, NOTHING, NOTHING),
    ],
)  # fmt: skip
def test_comparisons_are_llvms(word, one, other, outcome):
    as_known = [frozenset(each) if isinstance(each, set) else each for each in (one, other, outcome)]
    assert compared(word, *as_known[:2]) == as_known[2]


def test_more_than_a_few_numbers_are_any():
    assert joined(frozenset(range(7)), frozenset({7})) == frozenset(range(8))
    assert joined(frozenset(range(8)), frozenset({8})) is ANY
    assert joined(NOTHING, ONE) == ONE
    assert joined(ONE, ANY) is ANY
    assert picked(frozenset({0}), ONE, ZERO) == ZERO
    assert picked(ANY, ONE, ZERO) == ONE | ZERO
    assert picked(NOTHING, ONE, ZERO) == NOTHING


def test_constants_are_told_apart_by_their_bits():
    assert constant("double", "0.0") == ZERO != MINUS
    assert constant("i1", "true") == frozenset({1})
    assert constant("ptr", "null") is ANY
    assert constant("i64", "undef") == NOTHING
    assert written("i1", frozenset({0})) == "false"
    assert written("i64", frozenset({0, 1})) == ""


class Keeper(Idle):
    """Has an order of its own, of a kind that it never asks for."""

    def setup(self):
        self.model = Order()
        self.model.kind = 4


class Protected(Idle):
    """Buys with a stop."""

    def on_bar(self, bar, book):
        """Buys what is cheap."""
        if bar.close < 100.0 and book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, self.size, stop_loss=bar.close * 0.9)


@functools.cache
def walked(strategy: type[Strategy]) -> tuple[Walk, Survey, Unit]:
    """What is known of a strategy's kernel of daily bars."""
    run = feed_of(_DAY, strategy=strategy)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set(), settles=True)
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    driver, form = forms.entry_of(run.feed, out=True), forms.form_of(run.feed, out=True)
    text, unit = compile_text(driver, survey, kinds, compiling.ENTRY, forms.OFTEN[form])
    return Walk(text, compiling.ENTRY, first_numbers(survey, unit)), survey, unit


def numbers(strategy: type[Strategy], cls: type = Order) -> dict[str, set[object]]:
    """Of the orders of such a kernel (or of `cls`), the fields of which not just anything is known."""
    walk, survey, unit = walked(strategy)
    (record,) = (layout for layout in survey.layouts if layout.cls is cls)
    names = {unit.alias(record, name): name for name in record.fields}
    return {names[alias]: set(known) for alias, known in walk.fields.items() if alias in names and known is not ANY}


def test_of_orders_that_go_to_market_all_is_known_that_a_price_would_say():
    known = numbers(Idle)
    ints = ("kind", "tif", "parent", "sibling", "replacing", "stop_loss_number")
    assert [known[name] for name in ints] == [{0}] * len(ints)
    assert known["asked"] == known["carried"] == set(ZERO)
    assert {known[name] == set(NAN) for name in ("limit", "stop", "trail", "sought_stop")} == {True}
    assert {"number", "quantity", "filled", "state"}.isdisjoint(known)


@pytest.mark.parametrize("cls", [Intent, Order, Message, Resting, Report])
def test_where_there_is_one_symbol_every_record_is_of_that_one(cls):
    assert numbers(Idle, cls)["symbol"] == {0}


def test_what_a_venue_never_comes_to_is_known_of_it():
    known = numbers(Idle, Venue)
    assert known["urgent"] == {0}
    assert known["expiry"] == {FOREVER}
    assert known["available"] == set(of_number("float", inf))


@pytest.mark.nightly  # a second
def test_of_orders_with_a_stop_less_is_known():
    known = numbers(Protected)
    assert known["kind"] == {0, 2}
    assert known["take_profit_number"] == known["sibling"] == {0}
    assert {"stop", "parent", "stop_loss_number"}.isdisjoint(known)


@pytest.mark.parametrize(("strategy", "is_said"), [(Idle, True), (Keeper, False)])
def test_of_a_record_that_a_strategy_holds_too_nothing_is_said(strategy, is_said):
    run = feed_of(_DAY, strategy=strategy)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set())
    (record,) = (layout for layout in survey.layouts if layout.cls is Order)
    unit = Unit(survey)
    assert (unit.alias(record, "kind") in first_numbers(survey, unit)) is is_said


def test_every_run_begins_with_what_classes_say_that_it_begins_with():
    run = feed_of(_DAY)
    said = (run.engine.book, run.engine.venue, *run.engine.book.ledger.holdings, *run.engine.venue.ledger.holdings)
    for thing in said:
        assert thing.BEGINS_ALIKE
        assert [(name, getattr(thing, name)) for name, _ in thing.BEGINS_ALIKE] == [*thing.BEGINS_ALIKE]


def test_what_a_slot_begins_with_is_what_every_slot_begins_with():
    """A table grows by slots as the first: nothing of a record is of the run that made it."""
    run = feed_of(_DAY)
    engine = run.engine
    tables = (engine.book.intents, engine.book.outbox, engine.book.orders.slots)
    tables += (engine.venue.orders.slots, engine.venue.reports, engine.venue.inbox)
    for table in tables:
        fresh = type(table[0])()
        for slot in table:
            names = [name for cls in type(slot).__mro__ for name in getattr(cls, "__slots__", ())]
            assert [repr(getattr(slot, name)) for name in names] == [repr(getattr(fresh, name)) for name in names]
