"""Logarithms, and the inverses of the hyperbolic functions.

What comes in: doubles.
What goes out: the double nearest to the function's value or one of its two neighbours; ValueError where Python's
`math` raises it.
Why it is shaped so: `x = m * 2**k` with `m` near 1 and `log(m) = 2 atanh(s)`, `s = (m - 1) / (m + 1)` (Muller,
*Elementary Functions*, chapter 11).  `log` does this in doubles.  Everything else wants more than a double, so
`log_pair` does it in pairs, good to about 2**-66, and the rest is a line or two on top of it.
"""

from math import inf

from stratofold.fold.maths.pairs import fast_two_sum, over, root, times, two_product, two_sum
from stratofold.fold.maths.scale import mantissa

_LN2_HIGH = 0.6931471805598903  # 42 bits, so that a product with a whole number below 2048 is exact
_LN2_LOW = 5.497923018708371e-14
_LN2_REST = 1.94704509238075e-31

# (2 atanh(s) / s - 2) / s**2 in s**2 for s up to (sqrt(2) - 1) / (sqrt(2) + 1), to 2**-51 (it is scaled by s**2).
_L0 = 0.666666666666667
_L1 = 0.3999999999989889
_L2 = 0.28571428626253836
_L3 = 0.22222211089379496
_L4 = 0.1818289243253687
_L5 = 0.15331611722055008
_L6 = 0.14617807153417325

# atanh(s) / s = 1 + z/3 + z**2/5 + z**3 Q(z), z = s**2: Q to 2**-67.
_Q0 = 0.14285714285714285
_Q1 = 0.11111111111111108
_Q2 = 0.09090909090911967
_Q3 = 0.07692307691307247
_Q4 = 0.06666666840813837
_Q5 = 0.058823359384121435
_Q6 = 0.0526413061313383
_Q7 = 0.047296292027748404
_Q8 = 0.04918409241509971
_THIRD = 0.3333333333333333
_THIRD_LOW = 1.850371707708594e-17
_FIFTH = 0.2
_FIFTH_LOW = -1.1102230246251566e-17

_INVERSE_LN2 = 1.4426950408889634
_INVERSE_LN2_LOW = 2.0355273740931033e-17
_INVERSE_LN10 = 0.4342944819032518
_INVERSE_LN10_LOW = 1.098319650216765e-17

_LN2 = 0.6931471805599453
_TINY = 1e-8  # below it the inverse hyperbolic functions are their argument, to a sixth of a unit in the last place
_SQUARE_MAX = 1e140  # past it one more or less makes no difference to a square, which might overflow


def _check_domain(x: float) -> None:
    """The logarithm's domain, as Python's `math` states it."""
    if x <= 0.0:
        raise ValueError("math domain error")


def log(x: float) -> float:
    """Natural logarithm; ValueError at 0 and below."""
    _check_domain(x)
    if not x < inf:
        return x
    m, exponent = mantissa(x)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = z * (_L0 + z * (_L1 + z * (_L2 + z * (_L3 + z * (_L4 + z * (_L5 + z * _L6))))))
    half = 0.5 * f * f
    # 2 s = f - s f and s f = f*f/2 - s f*f/2: what is exact (f, and k times ln 2) is added last.
    rest = s * (half + series) - half
    if exponent == 0:
        return f + rest
    head, tail = fast_two_sum(exponent * _LN2_HIGH, f)
    return head + (tail + (rest + exponent * _LN2_LOW))


def _atanh_pair(s: float, s_low: float) -> tuple[float, float]:
    """`2 atanh(s)` for `|s| <= 0.1716`, to about 2**-66 of itself."""
    z, z_low = times(s, s_low, s, s_low)
    series = z * (_Q0 + z * (_Q1 + z * (_Q2 + z * (_Q3 + z * (_Q4 + z * (_Q5 + z * (_Q6 + z * (_Q7 + z * _Q8))))))))
    head, tail = fast_two_sum(_FIFTH, series)
    head, tail = times(z, z_low, head, tail + _FIFTH_LOW)
    head, low = fast_two_sum(_THIRD, head)
    head, tail = times(z, z_low, head, low + (tail + _THIRD_LOW))
    head, tail = times(s, s_low, head, tail)
    head, low = fast_two_sum(s, head)
    return 2.0 * head, 2.0 * (low + (tail + s_low))


def log_pair(x: float, x_low: float) -> tuple[float, float]:
    """The logarithm of a finite pair above zero, as a pair."""
    m, exponent = mantissa(x)
    f = m - 1.0
    below, below_low = two_sum(2.0, f)
    s, s_low = over(f, 0.0, below, below_low)
    head, tail = _atanh_pair(s, s_low)
    if exponent != 0:
        tail += exponent * _LN2_REST
        middle, low = two_sum(exponent * _LN2_LOW, head)
        head, high_low = two_sum(exponent * _LN2_HIGH, middle)
        tail += low + high_low
    return two_sum(head, tail + x_low / x)


def log1p(x: float) -> float:
    """`log(1 + x)` without the loss near zero; ValueError at -1 and below."""
    _check_domain(1.0 + x)
    if not x < inf or abs(x) < 1e-16:
        return x
    head, tail = two_sum(1.0, x)
    head, tail = log_pair(head, tail)
    return head + tail


def log2(x: float) -> float:
    """Logarithm to base 2, exact at the powers of two; ValueError at 0 and below."""
    _check_domain(x)
    if not x < inf:
        return x
    m, exponent = mantissa(x)
    head, tail = log_pair(m, 0.0)
    head, tail = times(head, tail, _INVERSE_LN2, _INVERSE_LN2_LOW)
    total, low = two_sum(float(exponent), head)
    return total + (low + tail)


def log10(x: float) -> float:
    """Logarithm to base 10, exact at the powers of ten; ValueError at 0 and below."""
    _check_domain(x)
    if not x < inf:
        return x
    head, tail = log_pair(x, 0.0)
    head, tail = times(head, tail, _INVERSE_LN10, _INVERSE_LN10_LOW)
    return head + tail


def asinh(x: float) -> float:
    """Inverse hyperbolic sine."""
    size = abs(x)
    if not _TINY < size < inf:
        return x
    if size > _SQUARE_MAX:
        head, tail = log_pair(size, 0.0)
        head, low = two_sum(head, _LN2)
    else:
        square, error = two_product(size, size)
        whole, low = two_sum(square, 1.0)
        head, tail = root(whole, low + error)
        whole, low = two_sum(size, head)
        head, tail = log_pair(whole, low + tail)
        low = 0.0
    value = head + (tail + low)
    return value if x > 0.0 else -value


def acosh(x: float) -> float:
    """Inverse hyperbolic cosine; ValueError below 1."""
    if x < 1.0:
        raise ValueError("math domain error")
    if not x < inf:
        return x
    if x == 1.0:
        return 0.0
    if x > _SQUARE_MAX:
        head, tail = log_pair(x, 0.0)
        return head + (tail + _LN2)
    square, error = two_product(x, x)
    whole, low = two_sum(square, -1.0)
    head, tail = root(whole, low + error)
    whole, low = two_sum(x, head)
    head, tail = log_pair(whole, low + tail)
    return head + tail


def atanh(x: float) -> float:
    """Inverse hyperbolic tangent; ValueError at 1 and past it in size."""
    size = abs(x)
    if size >= 1.0:
        raise ValueError("math domain error")
    if not size > _TINY:
        return x
    above, above_low = two_sum(1.0, size)
    below, below_low = two_sum(1.0, -size)
    head, tail = over(above, above_low, below, below_low)
    head, tail = log_pair(head, tail)
    value = 0.5 * (head + tail)
    return value if x > 0.0 else -value
