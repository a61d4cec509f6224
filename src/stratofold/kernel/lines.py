"""Lines of numbers, read by machine code that is made for one table's columns.

What comes in: the columns of a table of text, in order, each with what its fields are; then bytes, whole lines of them.
What goes out: how many lines were read, their values in columns of memory, and where the first line begins that was not.
Why it is shaped so: a table of ten million ticks is read once, and what its columns are is known after a few lines, so the
reader need not find that out again at each field.  It reads the plainest spelling only and stops at any other, so that
whoever called it can read the file in another way, which decides what such a field means.

Eight digits are taken at once by multiplications, and a number of up to 53 bits is divided by an exact power of ten, which
rounds as IEEE 754 does: D. Lemire, Number Parsing at a Gigabyte per Second (2021); W. D. Clinger, How to Read Floating Point
Numbers Accurately (1990).

Ignores: quotes, spaces, exponents, signs of plus, fields without anything in them, carriage returns, letters beyond ASCII.
"""

import ctypes
from collections.abc import Callable
from typing import NamedTuple

from stratofold.kernel import cache, loader

WHOLE, REAL, WORD, PASSED = "whole", "real", "word", "passed"
PADDING = 16  # bytes that must be readable after the last line: numbers are read in words of eight
_ENTRY = "stratofold_lines"
_NEWLINE = 10


class Column(NamedTuple):
    """What a column's fields are: whole numbers (int64), reals (double), one of `words` (its number, int8), or passed over.

    A word has one to seven bytes; what is frequent had better be among the first two.
    """

    kind: str
    words: tuple[tuple[bytes, int], ...] = ()


Reader = Callable[..., int]


def reader(columns: tuple[Column, ...], separator: bytes = b",") -> Reader:
    """The function (address of the text, begin, end, addresses of the columns, rows at most, where it stopped) -> rows.

    A column that is passed over has no address.  It was all read if it stopped at `end`.
    """
    text = assembly(columns, separator)
    image = loader.load(cache.cached(f"lines {loader.host()} {text}", lambda: _compiled(text)))
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    return image.function(whole, (pointer, whole, whole, pointer, whole, pointer))


def _compiled(text: str) -> bytes:
    """The kernel file; the compiler is not imported before it is needed."""
    from stratofold.kernel.emit import emit

    return emit([text], _ENTRY)


def assembly(columns: tuple[Column, ...], separator: bytes) -> str:
    """The reader of these columns, in LLVM's words."""
    places = [k for k, column in enumerate(columns) if column.kind != PASSED]
    slots = "\n".join(
        f"  %slot{k} = getelementptr ptr, ptr %places, i64 {n}\n  %place{k} = load ptr, ptr %slot{k}"
        for n, k in enumerate(places)
    )
    ends = [separator[0]] * (len(columns) - 1) + [_NEWLINE]
    fields = "\n".join(_field(k, column, end) for k, (column, end) in enumerate(zip(columns, ends, strict=True)))
    last = len(columns)
    return f"""{_DIGITS}
define i64 @{_ENTRY}(ptr %text, i64 %begin, i64 %end, ptr %places, i64 %rows, ptr %reached) nounwind {{
entry:
{slots}
  br label %line
line:
  %row = phi i64 [ 0, %entry ], [ %row.next, %whole.line ]
  %at0 = phi i64 [ %begin, %entry ], [ %at{last}, %whole.line ]
  %is.more = icmp slt i64 %at0, %end
  %is.room = icmp slt i64 %row, %rows
  %goes.on = and i1 %is.more, %is.room
  br i1 %goes.on, label %field0, label %out
{fields}
field{last}:
  br label %whole.line
whole.line:
  %row.next = add i64 %row, 1
  br label %line
out:
  store i64 %at0, ptr %reached
  ret i64 %row
}}
"""


def _field(k: int, column: Column, end: int) -> str:
    """Field `k`: read at %at{k}; what is no such field ends the reading before its line."""
    kind = {WHOLE: "i64", REAL: "double", WORD: "i64", PASSED: "i64"}[column.kind]
    call = f"call {{ {kind}, i64 }} @sf.{column.kind}(ptr %text, i64 %at{k}, i8 {end})"
    lines = [f"field{k}:", f"  %read{k} = {call}"]
    lines += [f"  %value{k} = extractvalue {{ {kind}, i64 }} %read{k}, 0"]
    lines += [f"  %at{k + 1} = extractvalue {{ {kind}, i64 }} %read{k}, 1"]
    lines += [f"  %is.read{k} = icmp sgt i64 %at{k + 1}, 0", f"  br i1 %is.read{k}, label %keep{k}, label %out"]
    lines += [f"keep{k}:"]
    if column.kind == WORD:
        lines += _word(k, column.words, bytes([end]))
    elif column.kind != PASSED:
        lines += [f"  %to{k} = getelementptr {kind}, ptr %place{k}, i64 %row", f"  store {kind} %value{k}, ptr %to{k}"]
    return "\n".join([*lines, f"  br label %field{k + 1}"])


def _word(k: int, words: tuple[tuple[bytes, int], ...], end: bytes) -> list[str]:
    """The number of a word, by comparing its bytes and its end as one number with those that are known, two at a time."""
    lines, found = list[str](), list[str]()
    for n in range(0, len(words), 2):
        (one, value), (other, other_value) = words[n], words[min(n + 1, len(words) - 1)]
        here = f"{k}.{n}"
        lines += [f"  %is.one{here} = icmp eq i64 %value{k}, {int.from_bytes(one + end, 'little')}"]
        lines += [f"  %is.other{here} = icmp eq i64 %value{k}, {int.from_bytes(other + end, 'little')}"]
        lines += [f"  %number{here} = select i1 %is.one{here}, i8 {value}, i8 {other_value}"]
        lines += [f"  %is{here} = or i1 %is.one{here}, %is.other{here}"]
        after = f"others{k}.{n + 2}" if n + 2 < len(words) else "out"
        lines += [f"  br i1 %is{here}, label %known{k}, label %{after}"]
        lines += [f"{after}:"] if after != "out" else []
        found += [f"[ %number{here}, %{f'others{here}' if n else f'keep{k}'} ]"]
    lines += [f"known{k}:", f"  %number{k} = phi i8 {', '.join(found)}"]
    return [*lines, f"  %to{k} = getelementptr i8, ptr %place{k}, i64 %row", f"  store i8 %number{k}, ptr %to{k}"]


_POWERS = ", ".join(f"i64 {10**n}" for n in range(9))
_REALS = ", ".join(f"double 1.0e{n}" for n in range(23))
# Each reads at %at and gives the value and the place after its end, 0 where it is no plain field of its kind.
_DIGITS = f"""
@sf.powers = internal constant [9 x i64] [{_POWERS}]
@sf.reals = internal constant [23 x double] [{_REALS}]
declare i64 @llvm.cttz.i64(i64, i1)

define internal {{ i64, i64, i64 }} @sf.digits(ptr %text, i64 %from, i64 %sofar, i64 %many) alwaysinline nounwind {{
entry:
  br label %eight
eight:
  %at = phi i64 [ %from, %entry ], [ %at.next, %taken ]
  %number = phi i64 [ %sofar, %entry ], [ %number.next, %taken ]
  %count = phi i64 [ %many, %entry ], [ %count.next, %taken ]
  %here = getelementptr i8, ptr %text, i64 %at
  %letters = load i64, ptr %here, align 1
  %values = xor i64 %letters, {0x3030303030303030}
  %above = add i64 %values, {0x7676767676767676}
  %either = or i64 %above, %values
  %others = and i64 %either, {-0x7F7F7F7F7F7F7F80}
  %bits = call i64 @llvm.cttz.i64(i64 %others, i1 false)
  %digits = lshr i64 %bits, 3
  %is.none = icmp eq i64 %digits, 0
  br i1 %is.none, label %out, label %taken
taken:
  %empty = sub i64 8, %digits
  %shift = shl i64 %empty, 3
  %aligned = shl i64 %values, %shift
  %tens = mul i64 %aligned, 10
  %next = lshr i64 %aligned, 8
  %pairs = add i64 %tens, %next
  %low = and i64 %pairs, {0x000000FF000000FF}
  %low.part = mul i64 %low, {0x000F424000000064}
  %moved = lshr i64 %pairs, 16
  %high = and i64 %moved, {0x000000FF000000FF}
  %high.part = mul i64 %high, {0x0000271000000001}
  %sum = add i64 %low.part, %high.part
  %value = lshr i64 %sum, 32
  %power.at = getelementptr [9 x i64], ptr @sf.powers, i64 0, i64 %digits
  %power = load i64, ptr %power.at
  %grown = mul i64 %number, %power
  %number.next = add i64 %grown, %value
  %count.next = add i64 %count, %digits
  %at.next = add i64 %at, %digits
  %is.full = icmp eq i64 %digits, 8
  br i1 %is.full, label %eight, label %out
out:
  %number.out = phi i64 [ %number, %eight ], [ %number.next, %taken ]
  %count.out = phi i64 [ %count, %eight ], [ %count.next, %taken ]
  %at.out = phi i64 [ %at, %eight ], [ %at.next, %taken ]
  %one = insertvalue {{ i64, i64, i64 }} poison, i64 %number.out, 0
  %two = insertvalue {{ i64, i64, i64 }} %one, i64 %count.out, 1
  %three = insertvalue {{ i64, i64, i64 }} %two, i64 %at.out, 2
  ret {{ i64, i64, i64 }} %three
}}

define internal i64 @sf.after(ptr %text, i64 %at, i8 %end, i1 %is.good) alwaysinline nounwind {{
  %here = getelementptr i8, ptr %text, i64 %at
  %letter = load i8, ptr %here
  %is.end = icmp eq i8 %letter, %end
  %is.whole = and i1 %is.end, %is.good
  %next = add i64 %at, 1
  %after = select i1 %is.whole, i64 %next, i64 0
  ret i64 %after
}}

define internal {{ i1, i64 }} @sf.sign(ptr %text, i64 %at) alwaysinline nounwind {{
  %here = getelementptr i8, ptr %text, i64 %at
  %letter = load i8, ptr %here
  %is.minus = icmp eq i8 %letter, 45
  %one = zext i1 %is.minus to i64
  %first = add i64 %at, %one
  %with.sign = insertvalue {{ i1, i64 }} poison, i1 %is.minus, 0
  %both = insertvalue {{ i1, i64 }} %with.sign, i64 %first, 1
  ret {{ i1, i64 }} %both
}}

define internal {{ i64, i64 }} @sf.whole(ptr %text, i64 %at, i8 %end) alwaysinline nounwind {{
  %sign = call {{ i1, i64 }} @sf.sign(ptr %text, i64 %at)
  %is.minus = extractvalue {{ i1, i64 }} %sign, 0
  %first = extractvalue {{ i1, i64 }} %sign, 1
  %read = call {{ i64, i64, i64 }} @sf.digits(ptr %text, i64 %first, i64 0, i64 0)
  %number = extractvalue {{ i64, i64, i64 }} %read, 0
  %count = extractvalue {{ i64, i64, i64 }} %read, 1
  %stop = extractvalue {{ i64, i64, i64 }} %read, 2
  %is.some = icmp ne i64 %count, 0
  %is.short = icmp ult i64 %count, 20
  %is.small = icmp sge i64 %number, 0
  %fits = and i1 %is.short, %is.small
  %is.good = and i1 %fits, %is.some
  %after = call i64 @sf.after(ptr %text, i64 %stop, i8 %end, i1 %is.good)
  %minus = sub i64 0, %number
  %value = select i1 %is.minus, i64 %minus, i64 %number
  %one = insertvalue {{ i64, i64 }} poison, i64 %value, 0
  %two = insertvalue {{ i64, i64 }} %one, i64 %after, 1
  ret {{ i64, i64 }} %two
}}

define internal {{ double, i64 }} @sf.real(ptr %text, i64 %at, i8 %end) alwaysinline nounwind {{
entry:
  %sign = call {{ i1, i64 }} @sf.sign(ptr %text, i64 %at)
  %is.minus = extractvalue {{ i1, i64 }} %sign, 0
  %first = extractvalue {{ i1, i64 }} %sign, 1
  %read = call {{ i64, i64, i64 }} @sf.digits(ptr %text, i64 %first, i64 0, i64 0)
  %before = extractvalue {{ i64, i64, i64 }} %read, 0
  %before.count = extractvalue {{ i64, i64, i64 }} %read, 1
  %before.stop = extractvalue {{ i64, i64, i64 }} %read, 2
  %point.at = getelementptr i8, ptr %text, i64 %before.stop
  %point = load i8, ptr %point.at
  %has.point = icmp eq i8 %point, 46
  br i1 %has.point, label %parted, label %joined
parted:
  %rest.at = add i64 %before.stop, 1
  %rest = call {{ i64, i64, i64 }} @sf.digits(ptr %text, i64 %rest.at, i64 %before, i64 %before.count)
  %all = extractvalue {{ i64, i64, i64 }} %rest, 0
  %all.count = extractvalue {{ i64, i64, i64 }} %rest, 1
  %all.stop = extractvalue {{ i64, i64, i64 }} %rest, 2
  %places = sub i64 %all.count, %before.count
  %is.parted = icmp ne i64 %places, 0
  br label %joined
joined:
  %number = phi i64 [ %before, %entry ], [ %all, %parted ]
  %count = phi i64 [ %before.count, %entry ], [ %all.count, %parted ]
  %stop = phi i64 [ %before.stop, %entry ], [ %all.stop, %parted ]
  %decimals = phi i64 [ 0, %entry ], [ %places, %parted ]
  %is.said = phi i1 [ true, %entry ], [ %is.parted, %parted ]
  %is.some = icmp ne i64 %before.count, 0
  %is.short = icmp ult i64 %count, 20
  %is.exact = icmp ule i64 %number, {2**53}
  %is.one = and i1 %is.some, %is.said
  %is.two = and i1 %is.short, %is.exact
  %is.good = and i1 %is.one, %is.two
  %after = call i64 @sf.after(ptr %text, i64 %stop, i8 %end, i1 %is.good)
  %bound = select i1 %is.good, i64 %decimals, i64 0
  %power.at = getelementptr [23 x double], ptr @sf.reals, i64 0, i64 %bound
  %power = load double, ptr %power.at
  %steps = sitofp i64 %number to double
  %size = fdiv double %steps, %power
  %minus = fneg double %size
  %value = select i1 %is.minus, double %minus, double %size
  %one = insertvalue {{ double, i64 }} poison, double %value, 0
  %two = insertvalue {{ double, i64 }} %one, i64 %after, 1
  ret {{ double, i64 }} %two
}}

define internal {{ i64, i64 }} @sf.word(ptr %text, i64 %at, i8 %end) alwaysinline nounwind {{
  %here = getelementptr i8, ptr %text, i64 %at
  %letters = load i64, ptr %here, align 1
  %wide = zext i8 %end to i64
  %ends = mul i64 %wide, {0x0101010101010101}
  %apart = xor i64 %letters, %ends
  %below = sub i64 %apart, {0x0101010101010101}
  %not = xor i64 %apart, -1
  %zeros = and i64 %below, %not
  %marks = and i64 %zeros, {-0x7F7F7F7F7F7F7F80}
  %bits = call i64 @llvm.cttz.i64(i64 %marks, i1 false)
  %bytes = lshr i64 %bits, 3
  %is.there = icmp ne i64 %marks, 0
  %bits.in = shl i64 %bytes, 3
  %bits.out = sub i64 56, %bits.in
  %shift = and i64 %bits.out, 63
  %mask = lshr i64 -1, %shift
  %word = and i64 %letters, %mask
  %stop = add i64 %at, %bytes
  %next = add i64 %stop, 1
  %after = select i1 %is.there, i64 %next, i64 0
  %one = insertvalue {{ i64, i64 }} poison, i64 %word, 0
  %two = insertvalue {{ i64, i64 }} %one, i64 %after, 1
  ret {{ i64, i64 }} %two
}}

define internal {{ i64, i64 }} @sf.passed(ptr %text, i64 %from, i8 %end) alwaysinline nounwind {{
entry:
  br label %letter
letter:
  %at = phi i64 [ %from, %entry ], [ %next, %more ]
  %here = getelementptr i8, ptr %text, i64 %at
  %it = load i8, ptr %here
  %next = add i64 %at, 1
  %is.end = icmp eq i8 %it, %end
  br i1 %is.end, label %out, label %more
more:
  %is.quote = icmp eq i8 %it, 34
  %is.line = icmp eq i8 %it, {_NEWLINE}
  %is.return = icmp eq i8 %it, 13
  %is.beyond = icmp slt i8 %it, 0
  %is.odd = or i1 %is.quote, %is.line
  %is.other = or i1 %is.return, %is.beyond
  %is.strange = or i1 %is.odd, %is.other
  br i1 %is.strange, label %out, label %letter
out:
  %after = phi i64 [ %next, %letter ], [ 0, %more ]
  %both = insertvalue {{ i64, i64 }} {{ i64 0, i64 poison }}, i64 %after, 1
  ret {{ i64, i64 }} %both
}}
"""
