"""What of an event nobody reads is not written, in a kernel that gives no event back."""

import re

from stratofold import Strategy, param
from stratofold.fold.log import Logs
from stratofold.kernel import compile as compiling
from stratofold.kernel import forms
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import compile_text
from stratofold.kernel.unread import without_stores, without_unread
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
    assert {"decided", "strategy", "role"}.isdisjoint(order)
    assert trip == {"side", "flow", "fees"} | SPLIT


def test_what_risk_notes_of_orders_to_refuse_their_like_is_not_written_where_none_is_refused():
    run = feed_of(_DAY, strategy=Idle)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set(), settles=True)
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    driver, form = forms.entry_of(run.feed, out=True), forms.form_of(run.feed, out=True)
    text, unit = compile_text(driver, survey, kinds, compiling.ENTRY, forms.OFTEN[form])
    record = next(layout for layout in survey.layouts if layout.cls.__name__ == "Last")
    notes = {unit.alias(record, name) for name in record.fields}
    assert notes & set(_STORE.findall(without_stores(text, survey, unit)))
    assert not notes & set(_STORE.findall(without_unread(text, survey, unit)))


def test_what_rows_say_of_a_trade_is_worked_out_where_they_are_kept():
    assert written(Idle, "RoundTrip", rows=256) > SPLIT | {"opened", "side"}
