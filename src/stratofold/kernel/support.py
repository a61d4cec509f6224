"""Five functions that are easier said in LLVM's own words than in Python: exact remainders, quotients and comparisons.

`fmod` works on the bits: with x = m * 2**e and y = n * 2**f, the remainder is (m * 2**(e - f)) mod n, taken eleven
bits at a time so that each step is one 64-bit division.  Divisor zero is checked by the caller.
"""

_FMOD = """
define internal double @sf.fmod(double %x, double %y) nounwind {
entry:
  %size = call double @llvm.fabs.f64(double %x)
  %by = call double @llvm.fabs.f64(double %y)
  %is.below = fcmp olt double %size, %by
  br i1 %is.below, label %same, label %reached
same:
  ret double %x
reached:
  %is.one = fcmp oeq double %by, 1.0
  br i1 %is.one, label %one, label %any
one:
  %whole = call double @llvm.trunc.f64(double %x)
  %part = fsub double %x, %whole
  %signed = call double @llvm.copysign.f64(double %part, double %x)
  ret double %signed
any:
  %is.finite = fcmp olt double %size, 0x7FF0000000000000
  %is.number = fcmp ord double %by, %by
  %is.good = and i1 %is.finite, %is.number
  br i1 %is.good, label %bits, label %nan
nan:
  %product = fmul double %x, %y
  %invalid = fdiv double %product, %product
  ret double %invalid
bits:
  %x.bits = bitcast double %size to i64
  %y.bits = bitcast double %by to i64
  %x.raw = lshr i64 %x.bits, 52
  %y.raw = lshr i64 %y.bits, 52
  %x.exponent = call i64 @llvm.smax.i64(i64 %x.raw, i64 1)
  %y.exponent = call i64 @llvm.smax.i64(i64 %y.raw, i64 1)
  %x.fraction = and i64 %x.bits, 4503599627370495
  %y.fraction = and i64 %y.bits, 4503599627370495
  %x.is.normal = icmp ne i64 %x.raw, 0
  %y.is.normal = icmp ne i64 %y.raw, 0
  %x.lead = select i1 %x.is.normal, i64 4503599627370496, i64 0
  %y.lead = select i1 %y.is.normal, i64 4503599627370496, i64 0
  %m = or i64 %x.fraction, %x.lead
  %n = or i64 %y.fraction, %y.lead
  %apart = sub i64 %x.exponent, %y.exponent
  %rest.first = urem i64 %m, %n
  br label %more
more:
  %rest = phi i64 [ %rest.first, %bits ], [ %rest.next, %step ]
  %left = phi i64 [ %apart, %bits ], [ %left.next, %step ]
  %is.done = icmp sle i64 %left, 0
  br i1 %is.done, label %done, label %step
step:
  %shift = call i64 @llvm.smin.i64(i64 %left, i64 11)
  %moved = shl i64 %rest, %shift
  %rest.next = urem i64 %moved, %n
  %left.next = sub i64 %left, %shift
  br label %more
done:
  %is.scale.normal = icmp sge i64 %y.exponent, 53
  %scale.exponent = sub i64 %y.exponent, 52
  %scale.normal = shl i64 %scale.exponent, 52
  %scale.place = sub i64 %y.exponent, 1
  %scale.small = shl i64 1, %scale.place
  %scale.bits = select i1 %is.scale.normal, i64 %scale.normal, i64 %scale.small
  %scale = bitcast i64 %scale.bits to double
  %rest.real = uitofp i64 %rest to double
  %result = fmul double %rest.real, %scale
  %result.signed = call double @llvm.copysign.f64(double %result, double %x)
  ret double %result.signed
}
"""

_REMAINDER = """
define internal double @sf.remainder(double %x, double %y) nounwind {
entry:
  %rest = call double @sf.fmod(double %x, double %y)
  %is.some = fcmp une double %rest, 0.0
  %zero = call double @llvm.copysign.f64(double 0.0, double %y)
  %y.below = fcmp olt double %y, 0.0
  %rest.below = fcmp olt double %rest, 0.0
  %differ = xor i1 %y.below, %rest.below
  %moved = fadd double %rest, %y
  %signed = select i1 %differ, double %moved, double %rest
  %result = select i1 %is.some, double %signed, double %zero
  ret double %result
}
"""

_FLOOR_DIVIDE = """
define internal double @sf.floor_divide(double %x, double %y) nounwind {
entry:
  %rest = call double @sf.fmod(double %x, double %y)
  %less = fsub double %x, %rest
  %quotient.up = fdiv double %less, %y
  %is.some = fcmp une double %rest, 0.0
  %y.below = fcmp olt double %y, 0.0
  %rest.below = fcmp olt double %rest, 0.0
  %differ = xor i1 %y.below, %rest.below
  %is.down = and i1 %is.some, %differ
  %quotient.down = fsub double %quotient.up, 1.0
  %quotient = select i1 %is.down, double %quotient.down, double %quotient.up
  %is.zero = fcmp oeq double %quotient, 0.0
  %plain = fdiv double %x, %y
  %zero = call double @llvm.copysign.f64(double 0.0, double %plain)
  %floor = call double @llvm.floor.f64(double %quotient)
  %gap = fsub double %quotient, %floor
  %is.gap = fcmp ogt double %gap, 0.5
  %above = fadd double %floor, 1.0
  %whole = select i1 %is.gap, double %above, double %floor
  %result = select i1 %is.zero, double %zero, double %whole
  ret double %result
}
"""

_TRUE_DIVIDE = """
define internal double @sf.true_divide(i64 %a, i64 %b) nounwind {
entry:
  %a.moved = add i64 %a, 9007199254740992
  %b.moved = add i64 %b, 9007199254740992
  %a.exact = icmp ule i64 %a.moved, 18014398509481984
  %b.exact = icmp ule i64 %b.moved, 18014398509481984
  %both = and i1 %a.exact, %b.exact
  br i1 %both, label %fast, label %slow
fast:
  %a.real = sitofp i64 %a to double
  %b.real = sitofp i64 %b to double
  %near = fdiv double %a.real, %b.real
  ret double %near
slow:
  %a.size = call i64 @llvm.abs.i64(i64 %a, i1 false)
  %b.size = call i64 @llvm.abs.i64(i64 %b, i1 false)
  %first = udiv i64 %a.size, %b.size
  %first.rest = urem i64 %a.size, %b.size
  br label %more
more:
  %q = phi i64 [ %first, %slow ], [ %q.next, %step ]
  %r = phi i64 [ %first.rest, %slow ], [ %r.next, %step ]
  %e = phi i64 [ 1023, %slow ], [ %e.next, %step ]
  %is.long = icmp uge i64 %q, 18014398509481984
  %is.zero = icmp eq i64 %a, 0
  %is.done = or i1 %is.long, %is.zero
  br i1 %is.done, label %done, label %step
step:
  %r.twice = shl i64 %r, 1
  %fits = icmp uge i64 %r.twice, %b.size
  %r.less = sub i64 %r.twice, %b.size
  %r.next = select i1 %fits, i64 %r.less, i64 %r.twice
  %q.twice = shl i64 %q, 1
  %bit = zext i1 %fits to i64
  %q.next = or i64 %q.twice, %bit
  %e.next = sub i64 %e, 1
  br label %more
done:
  %is.rest = icmp ne i64 %r, 0
  %sticky = zext i1 %is.rest to i64
  %q.sticky = or i64 %q, %sticky
  %q.real = uitofp i64 %q.sticky to double
  %scale.bits = shl i64 %e, 52
  %scale = bitcast i64 %scale.bits to double
  %size = fmul double %q.real, %scale
  %signs = xor i64 %a, %b
  %is.below = icmp slt i64 %signs, 0
  %turned = fneg double %size
  %result = select i1 %is.below, double %turned, double %size
  ret double %result
}
"""

_COMPARE = """
define internal i64 @sf.compare(i64 %i, double %x) nounwind {
entry:
  %real = sitofp i64 %i to double
  %is.nan = fcmp uno double %x, 0.0
  br i1 %is.nan, label %nan, label %number
nan:
  ret i64 2
number:
  %is.below = fcmp olt double %real, %x
  br i1 %is.below, label %below, label %not.below
below:
  ret i64 -1
not.below:
  %is.above = fcmp ogt double %real, %x
  br i1 %is.above, label %above, label %near
above:
  ret i64 1
near:
  %is.past = fcmp oge double %x, 0x43E0000000000000
  br i1 %is.past, label %below, label %inside
inside:
  %whole = fptosi double %x to i64
  %lower = icmp slt i64 %i, %whole
  %higher = icmp sgt i64 %i, %whole
  %up = zext i1 %higher to i64
  %down = zext i1 %lower to i64
  %result = sub i64 %up, %down
  ret i64 %result
}
"""

# Each with what it needs besides.
FUNCTIONS = {
    "fmod": (_FMOD, ()),
    "remainder": (_REMAINDER, ("fmod",)),
    "floor_divide": (_FLOOR_DIVIDE, ("fmod",)),
    "true_divide": (_TRUE_DIVIDE, ()),
    "compare": (_COMPARE, ()),
}

# What LLVM is told of the loops of a function that is marked as `wide`.
WIDE = (
    "!7 = distinct !{!7, !8, !9, !10, !11}",
    '!8 = !{!"llvm.loop.vectorize.enable", i1 true}',
    '!9 = !{!"llvm.loop.vectorize.width", i32 8}',
    '!10 = !{!"llvm.loop.unroll.disable"}',
    '!11 = !{!"llvm.loop.vectorize.predicate.enable", i1 true}',
)
INTRINSICS = """
declare double @llvm.fabs.f64(double)
declare double @llvm.trunc.f64(double)
declare double @llvm.floor.f64(double)
declare double @llvm.ceil.f64(double)
declare double @llvm.roundeven.f64(double)
declare double @llvm.sqrt.f64(double)
declare double @llvm.copysign.f64(double, double)
declare i64 @llvm.abs.i64(i64, i1)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.sadd.sat.i64(i64, i64)
declare {i64, i1} @llvm.sadd.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.ssub.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.smul.with.overflow.i64(i64, i64)
"""
