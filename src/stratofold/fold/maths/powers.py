"""Powers and roots.

What comes in: doubles (or whole numbers, for `whole_power`).
What goes out: the double nearest to the power or root, or one of its two neighbours.
Why it is shaped so: a whole exponent up to 64 is binary powering in pairs of doubles, rounded once at the end, so
`power(x, 2.0)` is `x * x` and a power of a short decimal is what long multiplication gives.  Any other exponent goes
through the logarithm and the exponential in pairs, where an error of one part in 2**66 in the logarithm becomes at
most a tenth of a unit in the last place (Muller, *Elementary Functions*, on why a power needs ten extra bits).
The special cases are Python's `float.__pow__`; where that would return a complex number, this raises ValueError.
"""

import math
from math import inf

from stratofold.fold.maths.exponential import exp_pair
from stratofold.fold.maths.logarithm import log_pair
from stratofold.fold.maths.pairs import fast_two_sum, over, root, times, two_product
from stratofold.fold.maths.scale import mantissa, scaled

_WHOLE = 4503599627370496.0  # 2**52: from here on every double is a whole number
_THIRD = 0.3333333333333333
_THIRD_LOW = 1.850371707708594e-17
_LONG_MAX = 2147483647  # a factor up to here times another stays inside 63 bits
_APART = 1152921504606846976.0  # 2**60: a leg so much shorter does not lengthen the other
_LARGE = 1e150  # squares of what lies between these neither overflow nor lose their error
_SMALL = 1e-120
_TWO_600 = 4.149515568880993e180


def _is_whole(y: float) -> bool:
    """Whether a finite number has no fraction."""
    return abs(y) >= _WHOLE or float(int(y)) == y


def _is_odd(y: float) -> bool:
    """Whether a whole finite number is odd; from 2**53 on none is."""
    return abs(y) < 2.0 * _WHOLE and int(y) & 1 == 1


def _multiplied(x: float, count: int) -> float:
    """`x**count` for `x` above zero and 2 < |count| <= 64: binary powering of the mantissa in pairs."""
    m, exponent = mantissa(x)
    left = count if count > 0 else -count
    head, tail = 1.0, 0.0
    base, base_low = m, 0.0
    while left > 1:
        if left & 1:
            head, tail = times(head, tail, base, base_low)
        base, base_low = times(base, base_low, base, base_low)
        left >>= 1
    head, tail = times(head, tail, base, base_low)
    if count < 0:
        head, tail = over(1.0, 0.0, head, tail)
    return scaled(head + tail, exponent * count)


def _raised(x: float, y: float) -> float:
    """`x**y` for finite `x` above zero and finite `y`, infinite when too large."""
    if y == 2.0:
        return x * x
    if y == 0.5:
        return math.sqrt(x)
    if y == 1.0 or x == 1.0:
        return x
    if -64.0 <= y <= 64.0 and float(int(y)) == y:
        if y == -1.0:
            return 1.0 / x
        return 1.0 if y == 0.0 else _multiplied(x, int(y))
    head, tail = log_pair(x, 0.0)
    size = y * head
    if size > 710.0:
        return inf
    if size < -746.0:
        return 0.0
    head, tail = times(head, tail, y, 0.0)
    head, tail, exponent = exp_pair(head, tail)
    return scaled(head + tail, exponent)


def _power_edge(x: float, y: float) -> float:
    """The power where a zero, an infinity, a NaN or a negative base with a fraction decides."""
    if y == 0.0 or x == 1.0:
        return 1.0
    if x != x:
        return x
    if y != y:
        return y
    size = abs(x)
    if abs(y) == inf:
        return 1.0 if size == 1.0 else inf if (y > 0.0) == (size > 1.0) else 0.0
    if 0.0 < size < inf:
        raise ValueError("a negative number to a broken power is a complex number")
    odd = _is_whole(y) and _is_odd(y)
    if y > 0.0:
        return x if odd else size
    if size == 0.0:
        raise ZeroDivisionError("0.0 cannot be raised to a negative power")
    return -0.0 if odd and x < 0.0 else 0.0


def power(x: float, y: float) -> float:
    """`x` to the power `y`, with Python's special cases.

    Raises ZeroDivisionError for zero to a negative power, ValueError where Python gives a complex number, and
    OverflowError where a finite number's power is past the largest double.
    """
    size = abs(x)
    if not (0.0 < size < inf and -inf < y < inf and (x > 0.0 or _is_whole(y))):
        return _power_edge(x, y)
    value = _raised(size, y)
    if value == inf:
        raise OverflowError("math range error")
    return -value if x < 0.0 and _is_odd(y) else value


def _long_product(a: int, b: int) -> int:
    """`a * b`; OverflowError past 63 bits."""
    if abs(a) > _LONG_MAX or abs(b) > _LONG_MAX:
        product = float(a) * float(b)
        if not -9.2e18 < product < 9.2e18:
            raise OverflowError("a whole number past 63 bits")
    return a * b


def whole_power(base: int, exponent: int) -> int:
    """`base**exponent` for a whole exponent of at least 0; OverflowError past 9.2e18, ValueError below 0."""
    if exponent < 0:
        raise ValueError("a whole number to a negative power is a fraction")
    if base in (0, 1, -1):
        return base if exponent & 1 or base == 1 else 1 if base != 0 or exponent == 0 else 0
    result = 1
    for _ in range(exponent):
        result = _long_product(result, base)
    return result


def sqrt(x: float) -> float:
    """Square root, correctly rounded by the hardware; ValueError below 0."""
    if x < 0.0:
        raise ValueError("math domain error")
    return math.sqrt(x)


def cbrt(x: float) -> float:
    """Cube root, of negative numbers too; exact at perfect cubes."""
    size = abs(x)
    if not 0.0 < size < inf:
        return x
    m, exponent = mantissa(size)
    thirds = exponent // 3
    head, tail = log_pair(m * float(1 << (exponent - 3 * thirds)), 0.0)
    head, tail = times(head, tail, _THIRD, _THIRD_LOW)
    head, tail, exponent = exp_pair(head, tail)
    value = scaled(head + tail, exponent + thirds)
    return value if x > 0.0 else -value


def _hypot_edge(a: float, b: float) -> float:
    """The hypotenuse when a leg is infinite or not a number."""
    if a == inf:
        return a
    return b if b == inf or a == a else a


def hypot(x: float, y: float) -> float:
    """`sqrt(x*x + y*y)` without overflow on the way; infinite if either is, even beside a NaN."""
    a = abs(x)
    b = abs(y)
    if not (a < inf and b < inf):
        return _hypot_edge(a, b)
    if a < b:
        a, b = b, a
    if a > b * _APART:
        return a
    if a > _LARGE:
        return _hypot_within(a / _TWO_600, b / _TWO_600) * _TWO_600
    if a < _SMALL:
        return _hypot_within(a * _TWO_600, b * _TWO_600) / _TWO_600
    return _hypot_within(a, b)


def _hypot_within(a: float, b: float) -> float:
    """The same for `a >= b >= a / 2**60` where no square can overflow or underflow."""
    if b == 0.0:
        return a
    square, error = two_product(a, a)
    other, other_error = two_product(b, b)
    total, low = fast_two_sum(square, other)
    head, tail = root(total, low + (error + other_error))
    return head + tail
