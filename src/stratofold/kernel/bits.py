"""Whole numbers in few bits, as Parquet has them: by machine code, a pass over each column.

What comes in: columns of 64-bit words in memory, and memory for what they become.
What goes out: bytes in three of Parquet's encodings' parts: differences in blocks, places in a dictionary, numbers of one width.
Why it is shaped so: times and ids grow, and prices repeat, so a general compressor finds slowly what a subtraction or a table
finds at once; in Python's own libraries each would be a dozen passes.

Source: Apache Parquet, "Encodings": DELTA_BINARY_PACKED (5), RLE_DICTIONARY (8), bit-packing from the least bit on.
"""

import ctypes
from collections.abc import Callable
from functools import cache as once
from typing import Any

from stratofold.kernel import cache, loader

DISTINCT_MAX = 65_536  # of a dictionary: its table and its values stay in the processor's second cache
SLOTS = 2 * DISTINCT_MAX
BLOCK, PART = 128, 32  # differences of a block have their least taken off, and those of each part one width
SPARE = 16  # bytes that must be writable after the last one used

Compiled = Callable[..., int]
_POINTER, _WHOLE = ctypes.c_void_p, ctypes.c_int64


@once
def differences() -> Compiled:
    """The function (values, count, out) -> bytes: the blocks of the differences between `count` numbers, without the header.

    `out` has room for 8 bytes a number, 14 a block and `SPARE`.  Raises Setup SF613 for a processor that is not known.
    """
    return _function("stratofold_differences", _DIFFERENCES, _POINTER, _WHOLE, _POINTER)


@once
def places() -> Compiled:
    """The function (values, count, table, distinct, places) -> how many are distinct, or -1 beyond `DISTINCT_MAX`.

    `table` is `SLOTS` zeros of 32 bits; the values go to `distinct` as they are met, the place of each to `places` (32 bits).
    """
    return _function("stratofold_places", _PLACES, _POINTER, _WHOLE, _POINTER, _POINTER, _POINTER)


@once
def packed() -> Compiled:
    """The function (numbers, count, width, out) -> bytes: numbers of 32 bits in `width` bits each, of which there are 1 to 32."""
    return _function("stratofold_packed", _PACKED, _POINTER, _WHOLE, _WHOLE, _POINTER)


def _function(entry: str, text: str, *arguments: Any) -> Compiled:
    image = loader.load(cache.cached(f"bits {loader.host()} {text}", lambda: _compiled(text, entry)))
    return image.function(_WHOLE, arguments)


def _compiled(text: str, entry: str) -> bytes:
    """The kernel file; the compiler is not imported before it is needed."""
    from stratofold.kernel.emit import emit

    return emit([text], entry)


# A stream of bits: what is not yet whole words of 32 is kept in %bits, of which %many are used.
_PUSH = """
define internal void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 %value, i64 %width) alwaysinline nounwind {
  %old = load i64, ptr %bits
  %used = load i64, ptr %many
  %at = load i64, ptr %to
  %moved = shl i64 %value, %used
  %new = or i64 %old, %moved
  %here = getelementptr i8, ptr %out, i64 %at
  store i64 %new, ptr %here, align 1
  %sum = add i64 %used, %width
  %is.word = and i64 %sum, 32
  %left = and i64 %sum, 31
  %bytes = lshr i64 %is.word, 3
  %next = add i64 %at, %bytes
  %rest = lshr i64 %new, %is.word
  store i64 %rest, ptr %bits
  store i64 %left, ptr %many
  store i64 %next, ptr %to
  ret void
}
"""

_PACKED = f"""{_PUSH}
define i64 @stratofold_packed(ptr %numbers, i64 %count, i64 %width, ptr %out) nounwind {{
entry:
  %bits = alloca i64
  %many = alloca i64
  %to = alloca i64
  store i64 0, ptr %bits
  store i64 0, ptr %many
  store i64 0, ptr %to
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k.next, %one ]
  %is.more = icmp slt i64 %k, %count
  br i1 %is.more, label %one, label %done
one:
  %from = getelementptr i32, ptr %numbers, i64 %k
  %number = load i32, ptr %from
  %value = zext i32 %number to i64
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 %value, i64 %width)
  %k.next = add i64 %k, 1
  br label %each
done:
  %whole = load i64, ptr %to
  %left = load i64, ptr %many
  %up = add i64 %left, 7
  %more = lshr i64 %up, 3
  %bytes = add i64 %whole, %more
  ret i64 %bytes
}}
"""

_PLACES = f"""
define i64 @stratofold_places(ptr %values, i64 %count, ptr %table, ptr %distinct, ptr %places) nounwind {{
entry:
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k.next, %known ]
  %found = phi i64 [ 0, %entry ], [ %found.next, %known ]
  %is.more = icmp slt i64 %k, %count
  br i1 %is.more, label %one, label %done
one:
  %from = getelementptr i64, ptr %values, i64 %k
  %value = load i64, ptr %from
  %mixed = mul i64 %value, {0x9E3779B97F4A7C15 - 2**64}
  %first = lshr i64 %mixed, {64 - (SLOTS.bit_length() - 1)}
  br label %slot
slot:
  %place = phi i64 [ %first, %one ], [ %after, %other ]
  %slot.at = getelementptr i32, ptr %table, i64 %place
  %there = load i32, ptr %slot.at
  %is.free = icmp eq i32 %there, 0
  br i1 %is.free, label %new, label %taken
taken:
  %number = zext i32 %there to i64
  %number.at = sub i64 %number, 1
  %its.at = getelementptr i64, ptr %distinct, i64 %number.at
  %its = load i64, ptr %its.at
  %is.same = icmp eq i64 %its, %value
  br i1 %is.same, label %known, label %other
other:
  %next = add i64 %place, 1
  %after = and i64 %next, {SLOTS - 1}
  br label %slot
new:
  %is.full = icmp eq i64 %found, {DISTINCT_MAX}
  br i1 %is.full, label %many, label %kept
kept:
  %to = getelementptr i64, ptr %distinct, i64 %found
  store i64 %value, ptr %to
  %more = add i64 %found, 1
  %mark = trunc i64 %more to i32
  store i32 %mark, ptr %slot.at
  br label %known
known:
  %its.place = phi i64 [ %number.at, %taken ], [ %found, %kept ]
  %found.next = phi i64 [ %found, %taken ], [ %more, %kept ]
  %short = trunc i64 %its.place to i32
  %place.at = getelementptr i32, ptr %places, i64 %k
  store i32 %short, ptr %place.at
  %k.next = add i64 %k, 1
  br label %each
many:
  ret i64 -1
done:
  ret i64 %found
}}
"""

_DIFFERENCES = f"""{_PUSH}
declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.smin.i64(i64, i64)

define internal i64 @sf.difference(ptr %values, i64 %k) alwaysinline nounwind {{
  %here = getelementptr i64, ptr %values, i64 %k
  %next.at = getelementptr i64, ptr %here, i64 1
  %one = load i64, ptr %here
  %two = load i64, ptr %next.at
  %difference = sub i64 %two, %one
  ret i64 %difference
}}

define internal i64 @sf.least(ptr %values, i64 %begin, i64 %end) alwaysinline nounwind {{
entry:
  br label %each
each:
  %k = phi i64 [ %begin, %entry ], [ %k.next, %each ]
  %least = phi i64 [ {2**63 - 1}, %entry ], [ %less, %each ]
  %difference = call i64 @sf.difference(ptr %values, i64 %k)
  %less = call i64 @llvm.smin.i64(i64 %least, i64 %difference)
  %k.next = add i64 %k, 1
  %is.more = icmp slt i64 %k.next, %end
  br i1 %is.more, label %each, label %done
done:
  ret i64 %less
}}

define internal i64 @sf.width(ptr %values, i64 %begin, i64 %end, i64 %least) alwaysinline nounwind {{
entry:
  br label %each
each:
  %k = phi i64 [ %begin, %entry ], [ %k.next, %each ]
  %sofar = phi i64 [ 0, %entry ], [ %all, %each ]
  %difference = call i64 @sf.difference(ptr %values, i64 %k)
  %above = sub i64 %difference, %least
  %all = or i64 %sofar, %above
  %k.next = add i64 %k, 1
  %is.more = icmp slt i64 %k.next, %end
  br i1 %is.more, label %each, label %done
done:
  %zeros = call i64 @llvm.ctlz.i64(i64 %all, i1 false)
  %width = sub i64 64, %zeros
  ret i64 %width
}}

define internal i64 @sf.varint(ptr %out, i64 %from, i64 %value) alwaysinline nounwind {{
entry:
  br label %each
each:
  %at = phi i64 [ %from, %entry ], [ %at.next, %each ]
  %rest = phi i64 [ %value, %entry ], [ %rest.next, %each ]
  %seven = and i64 %rest, 127
  %rest.next = lshr i64 %rest, 7
  %is.more = icmp ne i64 %rest.next, 0
  %flag = select i1 %is.more, i64 128, i64 0
  %byte = or i64 %seven, %flag
  %short = trunc i64 %byte to i8
  %here = getelementptr i8, ptr %out, i64 %at
  store i8 %short, ptr %here
  %at.next = add i64 %at, 1
  br i1 %is.more, label %each, label %done
done:
  ret i64 %at.next
}}

define i64 @stratofold_differences(ptr %values, i64 %count, ptr %out) nounwind {{
entry:
  %bits = alloca i64
  %many = alloca i64
  %to = alloca i64
  %total = sub i64 %count, 1
  store i64 0, ptr %to
  br label %block
block:
  %begin = phi i64 [ 0, %entry ], [ %begin.next, %block.done ]
  %is.block = icmp slt i64 %begin, %total
  br i1 %is.block, label %head, label %done
head:
  %begin.next = add i64 %begin, {BLOCK}
  %end = call i64 @llvm.smin.i64(i64 %begin.next, i64 %total)
  %least = call i64 @sf.least(ptr %values, i64 %begin, i64 %end)
  %twice = shl i64 %least, 1
  %sign = ashr i64 %least, 63
  %zigzag = xor i64 %twice, %sign
  %at = load i64, ptr %to
  %widths = call i64 @sf.varint(ptr %out, i64 %at, i64 %zigzag)
  %widths.at = getelementptr i8, ptr %out, i64 %widths
  store i32 0, ptr %widths.at, align 1
  %after = add i64 %widths, {BLOCK // PART}
  store i64 %after, ptr %to
  br label %part
part:
  %part.begin = phi i64 [ %begin, %head ], [ %part.next, %part.done ]
  %place = phi i64 [ 0, %head ], [ %place.next, %part.done ]
  %is.part = icmp slt i64 %part.begin, %end
  br i1 %is.part, label %measure, label %block.done
measure:
  %part.next = add i64 %part.begin, {PART}
  %part.end = call i64 @llvm.smin.i64(i64 %part.next, i64 %end)
  %width = call i64 @sf.width(ptr %values, i64 %part.begin, i64 %part.end, i64 %least)
  %width.at = getelementptr i8, ptr %widths.at, i64 %place
  %width.byte = trunc i64 %width to i8
  store i8 %width.byte, ptr %width.at
  %place.next = add i64 %place, 1
  store i64 0, ptr %bits
  store i64 0, ptr %many
  %start = load i64, ptr %to
  %is.narrow = icmp ule i64 %width, 32
  %high.width = sub i64 %width, 32
  br i1 %is.narrow, label %narrow, label %wide
narrow:
  %n = phi i64 [ %part.begin, %measure ], [ %n.next, %narrow ]
  %n.difference = call i64 @sf.difference(ptr %values, i64 %n)
  %n.above = sub i64 %n.difference, %least
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 %n.above, i64 %width)
  %n.next = add i64 %n, 1
  %n.more = icmp slt i64 %n.next, %part.end
  br i1 %n.more, label %narrow, label %filled
wide:
  %w = phi i64 [ %part.begin, %measure ], [ %w.next, %wide ]
  %w.difference = call i64 @sf.difference(ptr %values, i64 %w)
  %w.above = sub i64 %w.difference, %least
  %low = and i64 %w.above, {2**32 - 1}
  %high = lshr i64 %w.above, 32
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 %low, i64 32)
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 %high, i64 %high.width)
  %w.next = add i64 %w, 1
  %w.more = icmp slt i64 %w.next, %part.end
  br i1 %w.more, label %wide, label %filled
filled:
  %low.width = call i64 @llvm.smin.i64(i64 %width, i64 32)
  %rest.width = sub i64 %width, %low.width
  br label %filling
filling:
  %f = phi i64 [ %part.end, %filled ], [ %f.next, %empty ]
  %is.short = icmp slt i64 %f, %part.next
  br i1 %is.short, label %empty, label %part.done
empty:
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 0, i64 %low.width)
  call void @sf.push(ptr %out, ptr %bits, ptr %many, ptr %to, i64 0, i64 %rest.width)
  %f.next = add i64 %f, 1
  br label %filling
part.done:
  %part.bytes = mul i64 %width, {PART // 8}
  %part.to = add i64 %start, %part.bytes
  store i64 %part.to, ptr %to
  br label %part
block.done:
  br label %block
done:
  %bytes = load i64, ptr %to
  ret i64 %bytes
}}
"""
