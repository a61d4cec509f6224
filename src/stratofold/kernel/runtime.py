"""The few functions a compiler takes for granted, as LLVM assembly, so that a kernel needs no C library.

What comes in: the name of a function that the machine code calls and nobody defined.
What goes out: a module of LLVM assembly that defines it, or None.
Why it is shaped so: LLVM itself puts calls to these into code that never named them, on every target: it recognises a
loop that copies or clears an array.  They are marked no-builtin, or the optimiser would recognise the loop inside
`memcpy` and replace it by a call to `memcpy`.
"""

_MARK = 'attributes #0 = { nounwind "no-builtins" }\n'

_COPY = """
define ptr @memcpy(ptr %to, ptr %from, i64 %size) #0 {
entry:
  %words = lshr i64 %size, 3
  %edge = and i64 %size, -8
  %none = icmp eq i64 %words, 0
  br i1 %none, label %tail, label %word
word:
  %i = phi i64 [ 0, %entry ], [ %next, %word ]
  %source = getelementptr i64, ptr %from, i64 %i
  %goal = getelementptr i64, ptr %to, i64 %i
  %value = load i64, ptr %source, align 1
  store i64 %value, ptr %goal, align 1
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %words
  br i1 %more, label %word, label %tail
tail:
  %rest = icmp ult i64 %edge, %size
  br i1 %rest, label %byte, label %done
byte:
  %j = phi i64 [ %edge, %tail ], [ %following, %byte ]
  %low = getelementptr i8, ptr %from, i64 %j
  %high = getelementptr i8, ptr %to, i64 %j
  %letter = load i8, ptr %low
  store i8 %letter, ptr %high
  %following = add i64 %j, 1
  %again = icmp ult i64 %following, %size
  br i1 %again, label %byte, label %done
done:
  ret ptr %to
}
"""

# Backwards where the goal lies above the source, because the two may overlap.
_MOVE = """
define ptr @memmove(ptr %to, ptr %from, i64 %size) #0 {
entry:
  %a = ptrtoint ptr %to to i64
  %b = ptrtoint ptr %from to i64
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %done, label %which
which:
  %upward = icmp ult i64 %a, %b
  br i1 %upward, label %up, label %down
up:
  %i = phi i64 [ 0, %which ], [ %after, %up ]
  %source = getelementptr i8, ptr %from, i64 %i
  %goal = getelementptr i8, ptr %to, i64 %i
  %value = load i8, ptr %source
  store i8 %value, ptr %goal
  %after = add i64 %i, 1
  %more = icmp ult i64 %after, %size
  br i1 %more, label %up, label %done
down:
  %j = phi i64 [ %size, %which ], [ %before, %down ]
  %before = add i64 %j, -1
  %low = getelementptr i8, ptr %from, i64 %before
  %high = getelementptr i8, ptr %to, i64 %before
  %letter = load i8, ptr %low
  store i8 %letter, ptr %high
  %again = icmp ne i64 %before, 0
  br i1 %again, label %down, label %done
done:
  ret ptr %to
}
"""

_SET = """
define ptr @memset(ptr %to, i32 %value, i64 %size) #0 {
entry:
  %letter = trunc i32 %value to i8
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %done, label %byte
byte:
  %i = phi i64 [ 0, %entry ], [ %next, %byte ]
  %goal = getelementptr i8, ptr %to, i64 %i
  store i8 %letter, ptr %goal
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %size
  br i1 %more, label %byte, label %done
done:
  ret ptr %to
}
"""

_COMPARE = """
define i32 @NAME(ptr %a, ptr %b, i64 %size) #0 {
entry:
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %same, label %byte
byte:
  %i = phi i64 [ 0, %entry ], [ %next, %onward ]
  %left = getelementptr i8, ptr %a, i64 %i
  %right = getelementptr i8, ptr %b, i64 %i
  %x = load i8, ptr %left
  %y = load i8, ptr %right
  %equal = icmp eq i8 %x, %y
  br i1 %equal, label %onward, label %differ
onward:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %size
  br i1 %more, label %byte, label %same
differ:
  %m = zext i8 %x to i32
  %n = zext i8 %y to i32
  %d = sub i32 %m, %n
  ret i32 %d
same:
  ret i32 0
}
"""

_BODIES = {
    "memcpy": _COPY,
    "memmove": _MOVE,
    "memset": _SET,
    "memcmp": _COMPARE.replace("NAME", "memcmp"),
    "bcmp": _COMPARE.replace("NAME", "bcmp"),
}


def module(name: str) -> str | None:
    """The assembly that defines `name`, or None."""
    body = _BODIES.get(name)
    return None if body is None else body + _MARK
