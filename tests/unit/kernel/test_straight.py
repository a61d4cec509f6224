"""What may be put off to the end of a question that is asked of eight bars at once, and what has to stay where it is."""

import pytest

from stratofold.kernel.leaps import Plan, with_leaps
from stratofold.kernel.straight import straightened

ASKED = """\
define i1 @asks(ptr %p.engine, ptr %p.strategy, ptr %p.feed, i64 %p.index, i64 %p.session, double %p.floor, double %p.ceiling, i64 %offset) {{
entry:
  %column = load ptr, ptr %p.feed, align 8
  %place = getelementptr inbounds double, ptr %column, i64 %p.index
  %close = load double, ptr %place, align 8
  %own = fcmp olt double %close, %p.floor
  %count = load i64, ptr %p.strategy, align 8
  %same = icmp eq i64 %count, 0
  %beyond = icmp uge i64 %p.index, %count
  %weekday = fptosi double %close to i64
  %whole = or i64 %weekday, %count
  %folded = icmp slt i64 %whole, 0
  {jump}
  br i1 %asked, label %common.ret, label %more

more:                                             ; preds = %entry
  %begin = getelementptr inbounds i8, ptr %p.strategy, i64 8
  %level = load double, ptr %begin, align 8
  %low = fcmp olt double %close, %level
  br label %common.ret

common.ret:                                       ; preds = %entry, %more
  %answer = phi i1 [ false, %entry ], [ %low, %more ]
  ret i1 %answer"""


@pytest.mark.parametrize(
    ("jump", "is_put_off"),
    [
        ("%asked = or i1 %own, false", True),  # a bar's own price keeps nothing from being read
        ("%asked = or i1 %same, false", False),  # whether a list is empty does
        ("%asked = or i1 %beyond, false", False),  # and how long a column is
        ("%asked = select i1 %own, i1 true, i1 %same", False),  # also where LLVM has made one jump of two
        ("%asked = or i1 %beyond, %own", False),
        ("%asked = or i1 %folded, false", False),  # or one number
    ],
)
def test_only_what_guards_nothing_is_put_off(jump, is_put_off):
    """And only over such is anything read sooner."""
    text = straightened(ASKED.format(jump=jump), lambda text: text)
    assert ("br i1 %asked" not in text) is is_put_off
    assert (text.index("%level = load") < text.index("more:")) is is_put_off


def test_what_is_read_by_a_number_that_was_read_is_answered_with_no():
    text = ASKED.format(jump="%asked = or i1 %own, false").replace("i64 8\n", "i64 %weekday\n")
    seen = []

    def short(text):
        seen.append(text)
        return text.replace("ret i1 %answer", "ret i1 false")  # as LLVM would, in more steps

    assert straightened(text, short) == ""
    assert "more:\n  ret i1 false" in seen[0]


def test_without_a_question_nobody_leaps():
    """Where some of it can never be, the unit has no such functions."""
    text = "define internal {i32, i64} @f1.leap(ptr %p.engine, i64 %p.index, i64 %p.end) nounwind noinline cold {\nentry:\n  unreachable\n}\n"
    made = with_leaps(
        text, Plan("f1.leap", "", "", frozenset(), frozenset(), True), inlined=None, simplified=None, short=None
    )
    assert "i64 %p.index, 1\n  ret {i32, i64}" in made
    assert "noinline" not in made
