"""What of an event nobody reads is not written, in a kernel that gives no event back."""

import re

import pytest

from stratofold import Strategy, param
from stratofold.fold.log import Logs
from stratofold.kernel import compile as compiling
from stratofold.kernel import forms
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import compile_text
from stratofold.kernel.unread import read_of, without_stores, without_unread
from tests.unit.kernel.test_forms import feed_of

_DAY = 86_400_000_000_000
_STORE = re.compile(r"^  store [^\n]*!tbaa (!\d+)", re.MULTILINE)


class Idle(Strategy):
    """Reads prices alone."""

    size = param(1.0, low=0.0, high=10.0)

    def on_bar(self, bar, book):
        """Buys what is cheap."""
        if bar.close < 100.0 and book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, self.size)


class OfTheWeek(Idle):
    """Reads the day of the week too."""

    def on_bar(self, bar, book):
        """Long from Monday's close on, and flat from the first Thursday of an even month on."""
        held = book.position(bar.symbol)
        if bar.weekday == 0 and held == 0.0:
            book.buy(bar.symbol, self.size)
        elif bar.weekday == 3 and bar.month % 2 == 0 and held > 0.0:
            book.sell(bar.symbol, held)


SPLIT = {"quantity", "bought", "sold"}  # a split changes these whether or not they are anything


def written(strategy, cls="Bar", rows=0):
    """The fields of a class's objects to which a sweep's kernel of daily bars writes; of its text's lines it lacks nothing else."""
    run = feed_of(_DAY, strategy=strategy)
    run.engine.logs = Logs(rows, 256)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set())
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    driver, form = forms.entry_of(run.feed, out=True), forms.form_of(run.feed, out=True)
    text, unit = compile_text(driver, survey, kinds, compiling.ENTRY, forms.OFTEN[form])
    record = next(layout for layout in survey.layouts if layout.cls.__name__ == cls)
    names = {unit.alias(record, name): name for name in record.fields}
    less = without_stores(text, survey, unit)
    kept = set(less.split("\n"))
    gone = [line for line in text.split("\n") if line not in kept]
    assert all(line.startswith("  store ") for line in gone)
    assert len(gone) == text.count("\n") - less.count("\n")
    return {names[alias] for alias in _STORE.findall(less) if alias in names}


def test_what_no_code_reads_of_a_bar_is_not_written():
    plain, weekly = written(Idle), written(OfTheWeek)
    assert {"close", "time", "session_close"} <= plain
    assert {"weekday", "month", "session_open", "session", "known"}.isdisjoint(plain)
    assert weekly - plain == {"weekday", "month"}


def test_what_only_rows_say_of_an_order_or_a_trade_is_not_written_where_none_are_kept():
    order, trip = written(Idle, "Order"), written(Idle, "RoundTrip")
    assert {"number", "state", "quantity", "filled", "limit"} <= order
    assert {"decided", "strategy", "role", "filled_value"}.isdisjoint(order)
    assert trip == {"side", "flow", "fees"} | SPLIT


class Averse(Idle):
    """Sells what has fallen below what it cost."""

    def on_bar(self, bar, book):
        """As it says."""
        if book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, self.size)
        elif bar.close < book.average_price(bar.symbol):
            book.close(bar.symbol)


def test_what_units_cost_is_written_for_who_asks():
    """It is read to make the next average, too: that alone is no reason to write it."""
    assert "average_price" in written(Averse, "Holding") - written(Idle, "Holding")


FEEDS = """define internal i32 @f0.add(ptr %p.order, double %p.more) nounwind {
entry:
  %t1 = load double, ptr %p.order, align 8, !tbaa !9
  %t2 = fadd double %t1, %p.more
  WORKED OUT
  store double %t3, ptr %p.order, align 8, !tbaa !9
  ret i32 0
}
"""


@pytest.mark.parametrize(
    ("line", "is_read"),
    [
        ("%t3 = fmul double %t2, %t1", False),
        ("%t4 = fcmp olt double %t2, %t1\n  %t3 = select i1 %t4, double %t2, double %t1", False),
        ("%t3 = fadd double %t2, 0.0\n  store double %t2, ptr %p.order, align 8, !tbaa !11", True),
        ("%t3 = call double @f1.twice(double %t2)", True),
        ("%t3 = fadd double %t2, 0.0\n  store double %t2, ptr %v.cell", True),
        ("%t3 = fadd double %t2, 0.0\n  %t4 = fcmp olt double %t2, %t1\n  br i1 %t4, label %L1, label %L2", True),
        ("%t3 = fadd double %t2, 0.0\n  ret double %t1", True),
        ("%t3 = phi double [ %t2, %entry ]", True),
    ],
)
def test_a_number_that_leads_to_its_own_next_value_alone_is_not_read(line, is_read):
    assert read_of(FEEDS.replace("WORKED OUT", line), {"!9", "!11"}) == ({"!9"} if is_read else set())


def test_an_address_is_read_wherever_it_leads():
    text = FEEDS.replace("WORKED OUT", "%t3 = fadd double %t2, 0.0").replace(
        "double, ptr %p.order", "ptr, ptr %p.order"
    )
    text = text.replace(
        "store double %t3, ptr %p.order, align 8, !tbaa !9", "store ptr %t1, ptr %t1, align 8, !tbaa !9"
    )
    assert read_of(text, {"!9"}) == {"!9"}


def test_what_risk_notes_to_refuse_the_like_of_an_order_and_how_many_were_done_is_not_written_where_nobody_asks():
    run = feed_of(_DAY, strategy=Idle)
    run.engine.logs = Logs(0, 256)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set(), settles=True)
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    driver, form = forms.entry_of(run.feed, out=True), forms.form_of(run.feed, out=True)
    text, unit = compile_text(driver, survey, kinds, compiling.ENTRY, forms.OFTEN[form])
    record = next(layout for layout in survey.layouts if layout.cls.__name__ == "Last")
    notes = {unit.alias(record, name) for name in record.fields}
    assert notes & set(_STORE.findall(without_stores(text, survey, unit)))
    stored = set(_STORE.findall(without_unread(text, survey, unit)))
    assert not notes & stored
    counts = {each.cls.__name__: unit.alias(each, "count") for each in survey.layouts if "count" in each.fields}
    assert {name for name, alias in counts.items() if alias in stored} >= {"FillCount", "RefusalCount"}
    assert {counts["OrderCount"], counts["TradeCount"]}.isdisjoint(stored)


def test_what_rows_say_of_a_trade_is_worked_out_where_they_are_kept():
    assert written(Idle, "RoundTrip", rows=256) > SPLIT | {"opened", "side"}
