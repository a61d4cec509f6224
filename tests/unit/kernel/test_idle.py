"""What nobody reads is not handed on: small functions by hand, and a kernel whose strategy has no such hook."""

import pytest

from stratofold import Strategy, sample
from stratofold.fold.run import run
from stratofold.kernel.compile import ENTRY
from stratofold.kernel.idle import idle_parameters, without
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import compile_text
from stratofold.research.prepare import Options, prepare

HEAR = "define internal i32 @f1.hear(ptr nonnull captures(ret: address, provenance) %p.engine, ptr %p.strategy) nounwind {\n"
DELIVER = "define internal i32 @f2.deliver(ptr %p.strategy, {ptr, i64} %p.sent) nounwind {\n"
CALLS = "  %t1 = call i32 @f2.deliver(ptr %p.strategy, {ptr, i64} {ptr %p.engine, i64 3})\n"
COMES_BACK = "  %t2 = call i32 @f1.hear(ptr %p.engine, ptr %p.strategy)\n"
ASKED = {"@f1.hear": {1}, "@f2.deliver": {0}}


def functions(deliver):
    """Two functions of which the first hands its strategy to the second, whose inside is `deliver`."""
    return {"@f1.hear": f"{HEAR}{CALLS}}}\n", "@f2.deliver": f"{DELIVER}{deliver}}}\n"}


@pytest.mark.parametrize(
    ("deliver", "idle"),
    [
        ("  ret i32 0\n", ASKED),
        (COMES_BACK.replace("%p.engine", "null"), ASKED),
        ("  %t1 = load i64, ptr %p.strategy, align 8\n", {}),
        ("  %t1 = call i32 @f9.on_fill(ptr %p.strategy)\n", {}),
        ("  %t1 = call i32 @f1.hear(ptr %p.strategy, ptr null)\n", {}),  # the other's engine, which was not asked about
        ("  %t1 = load i64, ptr %p.strategy.more, align 8\n", ASKED),
    ],
)
def test_idle_is_what_goes_nowhere_but_to_the_idle(deliver, idle):
    assert idle_parameters(functions(deliver), ASKED) == idle


def test_only_what_was_asked_about_goes():
    assert idle_parameters(functions("  ret i32 0\n"), {"@f2.deliver": {0}}) == {"@f2.deliver": {0}}
    assert idle_parameters(functions("  ret i32 0\n"), {"@f1.hear": {1}}) == {}


def test_a_function_and_its_callers_agree_on_what_is_left():
    texts = functions("  ret i32 0\n")
    assert without(texts["@f1.hear"], ASKED) == (
        "define internal i32 @f1.hear(ptr nonnull captures(ret: address, provenance) %p.engine) nounwind {\n"
        "  %t1 = call i32 @f2.deliver({ptr, i64} {ptr %p.engine, i64 3})\n}\n"
    )
    assert without(texts["@f2.deliver"], ASKED).startswith("define internal i32 @f2.deliver({ptr, i64} %p.sent) ")


class Watcher(Strategy):
    """Hears bars alone."""

    def setup(self):
        self.seen = 0

    def on_bar(self, bar, book):
        self.seen += 1
        book.target_quantity(bar.symbol, self.seen % 3.0)


class Listener(Watcher):
    """Hears fills too."""

    def on_fill(self, fill, book):
        self.seen = 0


def own_of(strategy):
    """The functions that a strategy's kernel cannot share, by their names in the fold."""
    prepared = prepare(strategy, sample("SPY", start="2019-01-02", end="2019-03-01"), Options(), {})
    survey = Survey([prepared.engine, prepared.strategy, prepared.feed], {2}, set())
    text, unit = compile_text(run, survey, (*(ObjectKind(root) for root in survey.roots), INT), ENTRY)
    assert all(f"@{name}(" in text for name in unit.own)
    return {name.split(".", 1)[1].replace("_5f_", "_") for name in unit.own}


def test_without_a_hook_what_leads_to_it_is_every_strategys():
    bars, fills = own_of(Watcher), own_of(Listener)
    assert bars == {"run", "hear_feed", "trade_bar", "hear_bar", "on_bar"}
    assert fills - bars >= {"deliver", "hear_report", "match", "post", "on_fill", "hear_sparse"}
