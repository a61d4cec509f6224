"""Rounding to whole numbers and to decimal digits, remainders, and the sum of an array.

What comes in: doubles.
What goes out: exactly what Python's own `round`, `//` and `%` give, bit for bit, without the C library they call.
Why it is shaped so: up to 2**52 adding and taking off 2**52 rounds in hardware, and `int` cuts; past that a double is
whole already.  What is decided by a tie is decided on the exact product, kept as a pair.
"""

from array import array
from math import copysign, inf, nan

from stratofold.fold.maths.pairs import two_product

_WHOLE = 4503599627370496.0  # 2**52: from here on every double is a whole number
_EXACT = 9007199254740992.0  # 2**53: up to here every whole number is a double
_LONG = 9223372036854775808.0  # 2**63
_CHUNK = 2251799813685248.0  # 2**51
_TWO_200 = 1606938044258990275541962092341162602522202993782792835301376.0
_LARGE = 1e270  # a chunk past it cannot be split; what is left below the other has a product without room for its error
_SMALL = 1e-240
_DIGITS_MAX = 22  # the largest power of ten that is a double is 10**22


def _check_long(x: float) -> None:
    """Whether the whole part fits into 63 bits; ValueError for NaN, OverflowError past it, as Python's `int`."""
    if x != x:
        raise ValueError("cannot convert float NaN to integer")
    if not -_LONG < x < _LONG:
        raise OverflowError("a whole number past 63 bits")


def trunc(x: float) -> int:
    """`x` without its fraction; ValueError for NaN, OverflowError past 63 bits."""
    _check_long(x)
    return int(x)


def floor(x: float) -> int:
    """The largest whole number not above `x`; ValueError for NaN, OverflowError past 63 bits."""
    _check_long(x)
    cut = int(x)
    return cut - 1 if x < 0.0 and float(cut) != x else cut


def ceil(x: float) -> int:
    """The smallest whole number not below `x`; ValueError for NaN, OverflowError past 63 bits."""
    _check_long(x)
    cut = int(x)
    return cut + 1 if x > 0.0 and float(cut) != x else cut


def nearest(x: float) -> float:
    """`x` rounded to a whole number, half to even; keeps its sign at zero, and NaN and infinities as they are."""
    if 0.0 < x < _WHOLE:
        return (x + _WHOLE) - _WHOLE
    if -_WHOLE < x < 0.0:
        return -((_WHOLE - x) - _WHOLE)
    return x


def round_whole(x: float) -> int:
    """Python's `round(x)`; ValueError for NaN, OverflowError past 63 bits."""
    _check_long(x)
    return int(nearest(x))


def _ten_to(digits: int) -> float:
    """10.0**digits, exact up to 22."""
    power = 1.0
    for _ in range(digits):
        power *= 10.0
    return power


def _nearest_of_pair(high: float, low: float) -> float:
    """The whole number nearest to `high + low`, half to even, for `|high| < 2**53`."""
    whole = nearest(high)
    # Only a tie of the high part leaves the low part anything to decide.
    if high - whole == 0.5 and low > 0.0:
        return whole + 1.0
    if high - whole == -0.5 and low < 0.0:
        return whole - 1.0
    return whole


def round_half_even(x: float, digits: int) -> float:
    """Python's `round(x, digits)`: the double nearest to the decimal nearest to the exact `x`, half to even.

    `digits` from -22 to 22, else ValueError.  NaN and infinities stay what they are.
    """
    if not -_DIGITS_MAX <= digits <= _DIGITS_MAX:
        raise ValueError("digits must be from -22 to 22")
    power = _ten_to(abs(digits))
    if digits < 0:
        return _round_left(x, power)
    if not -_EXACT < x * power < _EXACT or x == 0.0:
        return x
    high, low = two_product(x, power)
    value = _nearest_of_pair(high, low) / power
    return value if value != 0.0 or x > 0.0 else -0.0


def _round_left(x: float, power: float) -> float:
    """`x` rounded to a multiple of `power`, half to even."""
    if not -_EXACT < x / power < _EXACT or x == 0.0:
        return x
    whole = nearest(x / power)
    product, error = two_product(whole, power)
    gap = (x - product) - error
    odd = nearest(whole * 0.5) != whole * 0.5
    half = 0.5 * power
    if gap > half or (gap == half and odd):
        whole += 1.0
    elif gap < -half or (gap == -half and odd):
        whole -= 1.0
    value = whole * power
    return value if value != 0.0 or x > 0.0 else -0.0


def _cut(left: float, step: float) -> float:
    """`left` less a whole multiple of `step`, exactly: one digit of a long division, below what `step` was or more."""
    chunk = step
    while left / chunk >= _EXACT:
        chunk *= _CHUNK
    unit = 1.0
    if chunk > _LARGE:
        unit = 1.0 / _TWO_200
    elif left < _SMALL:
        unit = _TWO_200
    left *= unit
    chunk *= unit
    product, error = two_product(float(int(left / chunk)), chunk)
    left = (left - product) - error
    return (left + chunk if left < 0.0 else left) / unit


def fmod(x: float, y: float) -> float:
    """The remainder of `x / y` with the sign of `x`, exactly; ValueError for an infinite `x` or a zero `y`."""
    if x != x or y != y:
        return x if x != x else y
    if abs(x) == inf or y == 0.0:
        raise ValueError("math domain error")
    left = abs(x)
    step = abs(y)
    if left < step:
        return x
    while left >= step:
        left = _cut(left, step)
    return left if x > 0.0 else -left


def floor_modulo(x: float, y: float) -> float:
    """Python's `x % y` of doubles; ZeroDivisionError for a zero `y`."""
    if y == 0.0:
        raise ZeroDivisionError("float modulo by zero")
    if abs(x) == inf:
        return nan
    left = fmod(x, y)
    if left == 0.0:
        return copysign(0.0, y)
    return left + y if (left < 0.0) != (y < 0.0) else left


def floor_divide(x: float, y: float) -> float:
    """Python's `x // y` of doubles; ZeroDivisionError for a zero `y`."""
    if y == 0.0:
        raise ZeroDivisionError("float floor division by zero")
    if abs(x) == inf:
        return nan
    left = fmod(x, y)
    quotient = (x - left) / y
    if left != 0.0 and (left < 0.0) != (y < 0.0):
        quotient -= 1.0
    if quotient == 0.0:
        return copysign(0.0, x / y)
    whole = nearest(quotient)
    if whole > quotient:
        whole -= 1.0
    return whole + 1.0 if quotient - whole > 0.5 else whole


def total(values: "array[float]") -> float:
    """The sum from left to right in doubles, 0.0 if empty; Python's own `sum` compensates from 3.12 on."""
    result = 0.0
    for value in values:
        result += value
    return result
