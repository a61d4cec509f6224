"""Loops are copied: a quick one without calls, its first turn, the whole beside it, and the same results."""

import ctypes

import llvmlite.binding as llvm
import pytest

from stratofold.kernel import emit, hot, loader

# Counts to `n`; every seventh turn calls `seldom`, which adds 100 to the sum in memory.
TEXT = """
define internal void @seldom(ptr %sum) noinline cold {{
entry:
  %old = load i64, ptr %sum
  %new = add i64 %old, 100
  store i64 %new, ptr %sum
  ret void
}}

define i64 @counted(ptr noalias writable dereferenceable(8) %sum, i64 %n) {{
entry:
  %place = alloca i64
  store i64 0, ptr %place
  br label %outer
outer:
  br label %loop
loop:
  %index = load i64, ptr %place
  %old = load i64, ptr %sum
  %new = add i64 %old, 1
  store i64 %new, ptr %sum
  %rest = urem i64 %index, 7
  %is.seventh = icmp eq i64 %rest, 6
  br i1 %is.seventh, label %{way}, label %on
rare:
  call void @seldom(ptr %sum)
  br label %on
on:
  %here = load i64, ptr %place
  %next = add i64 %here, 1
  store i64 %next, ptr %place
  %goes.on = icmp ult i64 %next, %n
  br i1 %goes.on, label %loop, label %done
done:
  %none = icmp eq i64 %n, 0
  br i1 %none, label %outer, label %end
end:
  %result = load i64, ptr %sum
  ret i64 %result
}}
"""


def blocks(text):
    """The blocks of @counted, by label."""
    body = text[text.index("@counted(") :]
    found, label = {}, ""
    for line in body.split("\n")[1 : body.split("\n").index("}")]:
        if line and not line.startswith(" "):
            label = line.split(":")[0]
            found[label] = []
        else:
            found[label].append(line.strip())
    return found


def test_the_quick_copy_calls_nothing_and_the_whole_one_leads_back_to_it():
    text = hot.split(TEXT.format(way="rare"), "counted")
    llvm.parse_assembly(text).verify()
    found = blocks(text)
    assert "rare" not in found
    assert found["loop"][-1].endswith("label %rare.whole0, label %on")
    assert found["on"][-1].endswith("label %loop, label %done")
    assert found["on.whole0"][-1].endswith("label %again.whole0, label %done")
    assert found["outer"] == ["br label %again.whole0"]
    assert found["again.whole0"] == ["br label %loop.first.whole0"]
    assert found["loop.first.whole0"][-1].endswith("label %rare.whole0, label %on.first.whole0")
    assert found["on.first.whole0"][-1].endswith("label %loop, label %done")
    assert "call void @seldom(ptr %sum)" in found["rare.whole0"]


def test_a_way_that_is_said_to_be_unlikely_leads_to_the_whole_copy():
    marked = TEXT.format(way="rare").replace("label %rare, label %on", "label %rare, label %on, !prof !0")
    five = "on:\n  %odd = icmp eq i64 %n, 5\n  br i1 %odd, label %five, label %six, !prof !0\nfive:\n  br label %six\nsix:\n"
    marked = marked.replace("on:\n", five)
    text = hot.split(marked + '!0 = !{!"branch_weights", i32 1, i32 1048575}\n', "counted")
    llvm.parse_assembly(text).verify()
    found = blocks(text)
    assert "five" not in found
    assert found["on"][-1] == "br i1 %odd, label %five.whole0, label %six, !prof !0"


UNCHANGED = {
    "a loop without a call": (TEXT.format(way="rare").replace("  call void @seldom(ptr %sum)\n", ""), "counted"),
    "a loop that calls on every way round": (TEXT.format(way="rare").replace("label %rare, label %on", "label %rare, label %rare"), "counted"),
    "a function that is not there": (TEXT.format(way="rare"), "other"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNCHANGED)
def test_what_is_not_worth_doubling_stays(case):
    text, name = UNCHANGED[case]
    assert "whole0" not in hot.split(text, name)


@pytest.mark.parametrize("count", [1, 6, 7, 8, 100])
def test_the_compiled_loop_counts_the_same(count):
    image = loader.load(emit.emit([TEXT.format(way="rare")], "counted"))
    function = image.function(ctypes.c_int64, (ctypes.c_void_p, ctypes.c_int64))
    total = ctypes.c_int64(5)
    assert function(ctypes.addressof(total), count) == 5 + count + 100 * (count // 7)
    assert total.value == 5 + count + 100 * (count // 7)


# A field at a constant distance, used in two blocks, once as a value that passes to another; and a second inside it.
ADDRESSES = """
define i64 @counted(ptr %thing, i1 %which) {
entry:
  %field = getelementptr inbounds i8, ptr %thing, i64 8
  %inner = getelementptr inbounds nuw i8, ptr %field, i64 8
  %moving = getelementptr inbounds i64, ptr %thing, i64 %place
  br i1 %which, label %left, label %right
left:
  %one = load i64, ptr %field
  %two = load i64, ptr %inner
  %sum = add i64 %one, %two
  store i64 %sum, ptr %field
  br label %end
right:
  %three = load i64, ptr %moving
  br label %end
end:
  %at = phi ptr [ %field, %left ], [ %inner, %right ]
  %result = load i64, ptr %at
  ret i64 %result
}
"""


def test_addresses_at_a_constant_distance_are_worked_out_where_they_are_used():
    text = ADDRESSES.replace("ptr %thing, i1 %which", "ptr %thing, i64 %place, i1 %which")
    found = blocks(hot.addresses_at_hand(text, "counted"))
    own = [line.split("=")[0].strip() for line in found["left"] if "getelementptr" in line]
    assert len(own) == 2
    assert all(name.startswith(("%field.at", "%inner.at")) for name in own)
    assert "%field " not in "\n".join(found["left"])
    assert "%field," not in "\n".join(found["left"])
    assert found["right"] == ["%three = load i64, ptr %moving", "br label %end"]  # its distance is no constant
    assert found["end"][0] == "%at = phi ptr [ %field, %left ], [ %inner, %right ]"


@pytest.mark.parametrize("which", [True, False])
def test_addresses_at_hand_change_no_result(which):
    text = ADDRESSES.replace("ptr %thing, i1 %which", "ptr %thing, i64 %place, i1 %which")
    numbers = []
    for each in (text, hot.addresses_at_hand(text, "counted")):
        image = loader.load(emit.emit([each], "counted"))
        things = (ctypes.c_int64 * 3)(5, 7, 11)
        count = image.function(ctypes.c_int64, (ctypes.c_void_p, ctypes.c_int64, ctypes.c_bool))
        numbers.append((count(things, 2, which), [*things]))
    assert numbers[0] == numbers[1] == ((18, [5, 18, 11]) if which else (11, [5, 7, 11]))


def test_a_function_that_is_not_there_has_no_addresses():
    assert hot.addresses_at_hand(ADDRESSES, "other") == ADDRESSES
