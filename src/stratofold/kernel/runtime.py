"""The few functions a compiler takes for granted, as LLVM assembly, so that a kernel needs no C library.

What comes in: the name of a function that the machine code calls and nobody defined.
What goes out: a module of LLVM assembly that defines it, or None.
Why it is shaped so: LLVM itself puts calls to `memcpy`, `memset`, `memmove`, `memcmp` and `fmod` into code that never
named them (a copy of a large record, `%` of two doubles), on every target.  They are marked no-builtin, or the
optimiser would recognise the loop inside `memcpy` and replace it by a call to `memcpy`.
`fmod` is exact in IEEE 754, so that one right algorithm gives the bits of every other.
"""

MARK = 'attributes #0 = { nounwind "no-builtins" }\n'

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

# Long division of the mantissas, eleven bits of the quotient at a time: what is left is exact.
_REMAINDER = """
declare i64 @llvm.ctlz.i64(i64, i1)
define double @fmod(double %x, double %y) #0 {
entry:
  %bits = bitcast double %x to i64
  %divisor = bitcast double %y to i64
  %sign = and i64 %bits, -9223372036854775808
  %ax = and i64 %bits, 9223372036854775807
  %ay = and i64 %divisor, 9223372036854775807
  %zero = icmp eq i64 %ay, 0
  %endless = icmp ugt i64 %ax, 9218868437227405311
  %nan = icmp ugt i64 %ay, 9218868437227405312
  %bad = or i1 %zero, %endless
  %undefined = or i1 %bad, %nan
  br i1 %undefined, label %invalid, label %ordered
invalid:
  %product = fmul double %x, %y
  %quotient = fdiv double %product, %product
  ret double %quotient
ordered:
  %smaller = icmp ult i64 %ax, %ay
  br i1 %smaller, label %whole, label %split
whole:
  ret double %x
split:
  %ex = lshr i64 %ax, 52
  %ey = lshr i64 %ay, 52
  %fx = and i64 %ax, 4503599627370495
  %fy = and i64 %ay, 4503599627370495
  %zx = call i64 @llvm.ctlz.i64(i64 %fx, i1 false)
  %zy = call i64 @llvm.ctlz.i64(i64 %fy, i1 false)
  %lx = add i64 %zx, -11
  %ly = add i64 %zy, -11
  %tinyx = icmp eq i64 %ex, 0
  %tinyy = icmp eq i64 %ey, 0
  %sx = select i1 %tinyx, i64 %lx, i64 0
  %sy = select i1 %tinyy, i64 %ly, i64 0
  %movedx = shl i64 %fx, %sx
  %movedy = shl i64 %fy, %sy
  %mx = or i64 %movedx, 4503599627370496
  %my = or i64 %movedy, 4503599627370496
  %startx = select i1 %tinyx, i64 1, i64 %ex
  %starty = select i1 %tinyy, i64 1, i64 %ey
  %px = sub i64 %startx, %sx
  %py = sub i64 %starty, %sy
  %first = urem i64 %mx, %my
  %distance = sub i64 %px, %py
  br label %head
head:
  %r = phi i64 [ %first, %split ], [ %reduced, %body ]
  %left = phi i64 [ %distance, %split ], [ %fewer, %body ]
  %over = icmp sle i64 %left, 0
  br i1 %over, label %finish, label %body
body:
  %many = icmp sgt i64 %left, 11
  %step = select i1 %many, i64 11, i64 %left
  %longer = shl i64 %r, %step
  %reduced = urem i64 %longer, %my
  %fewer = sub i64 %left, %step
  br label %head
finish:
  %exact = icmp eq i64 %r, 0
  br i1 %exact, label %nothing, label %normalise
nothing:
  %nil = bitcast i64 %sign to double
  ret double %nil
normalise:
  %zeros = call i64 @llvm.ctlz.i64(i64 %r, i1 true)
  %up = add i64 %zeros, -11
  %power = sub i64 %py, %up
  %normal = icmp sgt i64 %power, 0
  br i1 %normal, label %ordinary, label %subnormal
ordinary:
  %shifted = shl i64 %r, %up
  %fraction = and i64 %shifted, 4503599627370495
  %exponent = shl i64 %power, 52
  %magnitude = or i64 %fraction, %exponent
  %signed = or i64 %magnitude, %sign
  %result = bitcast i64 %signed to double
  ret double %result
subnormal:
  %high = icmp sgt i64 %py, 0
  %above = add i64 %py, -1
  %below = sub i64 1, %py
  %leftward = select i1 %high, i64 %above, i64 0
  %rightward = select i1 %high, i64 0, i64 %below
  %raised = shl i64 %r, %leftward
  %faint = lshr i64 %raised, %rightward
  %marked = or i64 %faint, %sign
  %small = bitcast i64 %marked to double
  ret double %small
}
"""

_BODIES = {
    "memcpy": _COPY,
    "memmove": _MOVE,
    "memset": _SET,
    "memcmp": _COMPARE.replace("NAME", "memcmp"),
    "bcmp": _COMPARE.replace("NAME", "bcmp"),
    "fmod": _REMAINDER,
}

# What Numba's own code calls on paths that a kernel never takes.  There is nothing to count references of, because
# nothing is allocated: `NRT_Allocate` answers "no memory", which the code around it already turns into a status.
NUMBA = """
define void @NRT_incref(ptr %block) alwaysinline { ret void }
define void @NRT_decref(ptr %block) alwaysinline { ret void }
define void @NRT_Free(ptr %block) alwaysinline { ret void }
define ptr @NRT_Allocate(i64 %size) alwaysinline { ret ptr null }
"""


def module(name: str) -> str | None:
    """The assembly that defines `name`, or None."""
    body = _BODIES.get(name)
    return None if body is None else body + MARK
