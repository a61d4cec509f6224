"""What of the fold stands apart from a strategy's kernel: the same for every strategy, compiled once, and nothing lost."""

import re

import pytest

from stratofold import Strategy, backtest, sample
from stratofold.fold.run import run
from stratofold.kernel import cache, emit
from stratofold.kernel.apart import set_apart
from stratofold.kernel.compile import ENTRY
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import Unit, _written
from stratofold.research.prepare import Options, prepare

# A unit in small: `entry` calls `often` (inlined) and `rare`, which is never inlined and calls `rarer`; `mine` is the
# strategy's and is called by `hook`.  Field 7 is one that this unit never stores to.
TEXT = """
declare double @llvm.fabs.f64(double)
define i32 @entry(ptr %result, ptr %a) nounwind {
  %all = call i32 @f0.often(ptr %a)
  ret i32 %all
}
define internal i32 @f0.often(ptr %a) nounwind inlinehint {
  %one = call i32 @f1.rare(ptr %a)
  %two = call i32 @f3.hook(ptr %a)
  %three = add i32 %one, %two
  ret i32 %three
}
define internal i32 @f1.rare(ptr %a) nounwind noinline {
  %x = load i64, ptr %a, align 8, !invariant.load !0, !tbaa !8
  %p = load ptr, ptr %a, align 8, !invariant.load !0, !tbaa !6
  %y = call i32 @f2.rarer(ptr %a)
  ret i32 %y
}
define internal i32 @f2.rarer(ptr %a) nounwind noinline cold {
  ret i32 7
}
define internal i32 @f3.hook(ptr %a) nounwind noinline {
  %x = call i32 @f4.mine(ptr %a)
  ret i32 %x
}
define internal i32 @f4.mine(ptr %a) nounwind noinline {
  ret i32 1
}

!0 = !{}
!4 = !{!"stratofold"}
!5 = !{!"held", !4, i64 0}
!6 = !{!5, !5, i64 0}
!7 = !{!"12.Thing.number", !4, i64 0}
!8 = !{!7, !7, i64 0}
"""


def test_what_is_never_inlined_and_is_no_strategys_stands_apart():
    rest, apart = set_apart(TEXT, "entry", {"f4.mine"})
    assert re.findall(r"^define .*@([\w.]+)\(", rest, re.MULTILINE) == ["entry", "f0.often", "f3.hook", "f4.mine"]
    assert sorted(len(re.findall("^define ", text, re.MULTILINE)) for text in apart.values()) == [1, 1]
    assert all(f"declare i32 @{name}(" in rest for name in apart if f"call i32 @{name}(" in rest)
    assert emit.flatten([rest], "entry", emit.resolve("native"), apart).code


def test_a_module_says_nothing_of_the_unit_that_it_came_from():
    _, apart = set_apart(TEXT, "entry", {"f4.mine"})
    other = TEXT.replace("@f1.rare", "@f31.rare").replace("12.Thing", "9.Thing")
    for one, nine in (("!5", "!905"), ("!6", "!906"), ("!7", "!907"), ("!8", "!908")):
        other = re.sub(rf"{one}\b", nine, other)
    assert set_apart(other, "entry", {"f4.mine"})[1] == apart
    assert set_apart(TEXT.replace("i32 7", "i32 8"), "entry", {"f4.mine"})[1].keys().isdisjoint(apart)


def test_what_one_unit_knows_of_its_stores_is_left_out():
    _, apart = set_apart(TEXT, "entry", {"f4.mine"})
    (rare,) = (text for text in apart.values() if "load ptr" in text)
    assert "load i64, ptr %a, align 8, !tbaa" in rare
    assert "load ptr, ptr %a, align 8, !invariant.load !0, !tbaa" in rare


def test_who_leads_to_itself_does_not_stand_apart():
    round_about = TEXT.replace("ret i32 7", "%x = call i32 @f1.rare(ptr %a)\n  ret i32 %x")
    rest, apart = set_apart(round_about, "entry", {"f4.mine"})
    assert not apart
    assert "@f2.rarer" in rest


class Buyer(Strategy):
    """Buys once."""

    def setup(self):
        self.bought = 0

    def on_bar(self, bar, book):
        if self.bought == 0:
            book.buy(bar.symbol, 1.0)
            self.bought = 1


class Aimer(Strategy):
    """Aims at a quantity that is its symbol's close, with numbers of its own."""

    def setup(self):
        self.last = 0.0
        self.seen = 0

    def on_bar(self, bar, book):
        self.seen += 1
        if bar.close > self.last:
            book.target_quantity(bar.symbol, 5.0 + self.seen % 3)
        self.last = bar.close


def modules_of(strategy):
    """What stands apart of the kernel for a strategy."""
    prepared = prepare(strategy, sample("SPY", start="2019-01-02", end="2019-03-01"), Options(), {})
    survey = Survey([prepared.engine, prepared.strategy, prepared.feed], {2}, set())
    unit = _written(run, Unit(survey), (*(ObjectKind(root) for root in survey.roots), INT))
    return set_apart(unit.text(ENTRY), ENTRY, unit.own)[1]


def test_strategies_share_what_stands_apart():
    one, other = modules_of(Buyer), modules_of(Aimer)
    assert len(one) > 20
    assert len(one.keys() - other.keys()) <= 1  # a target's order is not asked what one with prices is


def test_what_is_said_of_a_loop_is_said_apart_too():
    """A loop of a turn or two (`marks.few_turns`), as over the messages of a bar, has nothing taken out of it beforehand."""
    texts = [text for text in modules_of(Aimer).values() if "!llvm.loop" in text]
    assert texts
    for text in texts:
        assert set(re.findall(r"!llvm.loop (!\d+)", text)) == {"!5"}
        assert "!5 = distinct !{!5, !6}" in text
        assert '!6 = !{!"llvm.licm.disable"}' in text


@pytest.mark.nightly
def test_a_further_strategy_finds_it_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATOFOLD_CACHE", str(tmp_path))
    compiled = []
    original = emit._object
    monkeypatch.setattr(emit, "_object", lambda *how: compiled.append(how) or original(*how))
    data = sample("SPY", start="2019-01-02", end="2019-06-03")
    results = [backtest(Aimer, data, execution=how).stats["final_equity"] for how in ("interpreted", "compiled")]
    assert results[0] == results[1]
    before = len(compiled)
    assert before > 20
    backtest(Buyer, data, execution="compiled")
    assert len(compiled) <= before + 1  # a target's order is not asked what one with prices is
    assert cache.folder() == tmp_path


@pytest.mark.parametrize("target", ["x86-64-v3", "aarch64"])
def test_it_is_linked_for_other_processors(target):
    rest, apart = set_apart(TEXT, "entry", {"f4.mine"})
    assert emit.emit([rest], "entry", target, apart=apart)


def test_what_is_kept_is_compiled_again_by_another_release(monkeypatch):
    """The same text for the same machine, but another way of making code of it: `engine_hash` is of that too."""
    asked = []
    monkeypatch.setattr(emit.cache, "cached", lambda key, _: asked.append(key) or b"")
    for release in ("one", "one", "another"):
        monkeypatch.setattr(emit, "engine_hash", lambda release=release: release)
        emit._kept_object(TEXT, emit.resolve("native"))
    assert asked[0] == asked[1] != asked[2]
