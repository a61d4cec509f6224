"""Exponentials and what is made of them.

What comes in: a double.
What goes out: the double nearest to the function's value, or one of its two neighbours (under 0.6 units in the last
place where measured); ValueError and OverflowError where Python's `math` raises them.
Why it is shaped so: `x = k ln 2 + r` with `|r| <= ln 2 / 2` (Cody & Waite 1980, chapter 6: ln 2 in two parts so that
`k` times the first is exact), then `exp(r) = 1 + r + r*r*P(r)`.  The polynomial is the economised Chebyshev series,
and `1 + r` is summed with its error kept, so only the last addition rounds.
"""

from math import inf

from stratofold.fold.maths.pairs import fast_two_sum, over, two_sum
from stratofold.fold.maths.scale import scaled

_SHIFTER = 6755399441055744.0  # 1.5 * 2**52: adding and taking it off again rounds to a whole number, half to even
_INVERSE_LN2 = 1.4426950408889634
_LN2_HIGH = 0.6931471805598903  # 42 bits, so that a product with a whole number below 2048 is exact
_LN2_LOW = 5.497923018708371e-14

_TINY = 1e-8  # below it a hyperbolic tangent is its argument, to a third of a unit in the last place
_FAST = 708.0  # within this the result is a normal number and nothing needs care
_OVERFLOW = 709.782712893384
_UNDERFLOW = -745.1332191019412
_HYPERBOLIC_OVERFLOW = 710.475860073944  # the first double whose hyperbolic cosine is past the largest double

# (exp(r) - 1 - r) / r**2 on |r| <= ln 2 / 2, to 2**-59.
_E0 = 0.5
_E1 = 0.1666666666666667
_E2 = 0.04166666666666667
_E3 = 0.008333333333326112
_E4 = 0.001388888888888373
_E5 = 0.0001984126987490126
_E6 = 2.4801587325605324e-05
_E7 = 2.7557255297969643e-06
_E8 = 2.755727357010214e-07
_E9 = 2.5105259538448494e-08
_E10 = 2.0914717341716378e-09

# (tanh(x) / x - 1) / x**2 in x**2 on |x| <= 0.55, to 2**-56.
_T0 = -0.3333333333333333
_T1 = 0.13333333333332706
_T2 = -0.05396825396742258
_T3 = 0.02186948849314525
_T4 = -0.008863234385790907
_T5 = 0.003592110220274197
_T6 = -0.001455660564685966
_T7 = 0.0005889298187098248
_T8 = -0.00023461624615437343
_T9 = 8.508284293415125e-05
_T10 = -2.058173160601213e-05


# (sinh(x) / x - 1) / x**2 in x**2 on |x| <= 0.35, to 2**-60.
_S0 = 0.16666666666666666
_S1 = 0.008333333333333333
_S2 = 0.00019841269841262745
_S3 = 2.7557319248677606e-06
_S4 = 2.505206954887021e-08
_S5 = 1.608719388822453e-10


def exp_rest(high: float, low: float) -> float:
    """`exp(high - low) - 1 - high`, for `|high| <= ln 2 / 2` and a tiny `low`."""
    r = high - low
    series = _E7 + r * (_E8 + r * (_E9 + r * _E10))
    series = _E1 + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * series)))))
    return r * r * (_E0 + r * series) - low


def exp_pair(x: float, x_low: float) -> tuple[float, float, int]:
    """`(a, b, k)` with `exp(x + x_low) = (a + b) * 2**k`, for `|x| <= 746`."""
    whole = (x * _INVERSE_LN2 + _SHIFTER) - _SHIFTER
    high = x - whole * _LN2_HIGH
    rest = exp_rest(high, whole * _LN2_LOW - x_low)
    head, tail = fast_two_sum(1.0, high)
    head, tail = fast_two_sum(head, tail + rest)
    return head, tail, int(whole)


def _exp_edge(x: float) -> float:
    """`exp` where the result is subnormal, zero, infinite or not a number."""
    if x != x or x == inf:
        return x
    if x > _OVERFLOW:
        raise OverflowError("math range error")
    if x < _UNDERFLOW:
        return 0.0
    head, tail, exponent = exp_pair(x, 0.0)
    return scaled(head + tail, exponent)


def exp(x: float) -> float:
    """The exponential: e to the power `x`; OverflowError above 709.78."""
    if not -_FAST < x < _FAST:
        return _exp_edge(x)
    whole = (x * _INVERSE_LN2 + _SHIFTER) - _SHIFTER
    high = x - whole * _LN2_HIGH
    head = 1.0 + high
    value = head + (((1.0 - head) + high) + exp_rest(high, whole * _LN2_LOW))
    return scaled(value, int(whole))


def expm1(x: float) -> float:
    """`exp(x) - 1` without the loss near zero; OverflowError above 709.78."""
    if -0.34657 < x < 0.34657:
        return x + exp_rest(x, 0.0) if x != 0.0 else x
    if x < -38.0:
        return -1.0
    if x != x or x > 40.0:
        return exp(x)
    whole = (x * _INVERSE_LN2 + _SHIFTER) - _SHIFTER
    exponent = int(whole)
    high = x - whole * _LN2_HIGH
    # exp(x) - 1 = 2**k (exp(r) - 2**-k): the constant goes into the sum before anything is rounded.
    base, base_low = two_sum(1.0, -scaled(1.0, -exponent))
    head, tail = fast_two_sum(base, high)
    return scaled(head + (tail + (base_low + exp_rest(high, whole * _LN2_LOW))), exponent)


def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    size = abs(x)
    if not size >= _TINY:
        return x
    if size < 0.55:
        z = x * x
        series = _T6 + z * (_T7 + z * (_T8 + z * (_T9 + z * _T10)))
        series = _T0 + z * (_T1 + z * (_T2 + z * (_T3 + z * (_T4 + z * (_T5 + z * series)))))
        return x + x * z * series
    if size > 22.0:
        return 1.0 if x > 0.0 else -1.0
    head, tail, exponent = exp_pair(2.0 * size, 0.0)
    below, below_low = two_sum(scaled(head, exponent), 1.0)
    quotient = 2.0 / below
    head, low = fast_two_sum(1.0, -quotient)
    # What the addition and the exponential dropped from the divisor moves the quotient by its share.
    value = head + (low + quotient * ((below_low + scaled(tail, exponent)) / below))
    return value if x > 0.0 else -value


def _grown(size: float) -> tuple[float, float, float, float]:
    """`exp(size) / 2` and `exp(-size) / 2`, both as pairs, for 0 <= size < 711."""
    head, tail, exponent = exp_pair(size, 0.0)
    inverse, inverse_low = over(1.0, 0.0, head, tail)
    return (
        scaled(head, exponent - 1),
        scaled(tail, exponent - 1),
        scaled(inverse, -exponent - 1),
        scaled(inverse_low, -exponent - 1),
    )


def cosh(x: float) -> float:
    """Hyperbolic cosine; OverflowError above 710.47."""
    size = abs(x)
    if not size < _HYPERBOLIC_OVERFLOW:
        return _hyperbolic_edge(size)
    grown, grown_low, shrunk, shrunk_low = _grown(size)
    head, tail = fast_two_sum(grown, shrunk)
    return head + (tail + (grown_low + shrunk_low))


def sinh(x: float) -> float:
    """Hyperbolic sine; OverflowError above 710.47 in size."""
    size = abs(x)
    if size < 0.35:
        z = x * x
        return x + x * z * (_S0 + z * (_S1 + z * (_S2 + z * (_S3 + z * (_S4 + z * _S5)))))
    if not size < _HYPERBOLIC_OVERFLOW:
        return _hyperbolic_edge(x)
    grown, grown_low, shrunk, shrunk_low = _grown(size)
    head, tail = fast_two_sum(grown, -shrunk)
    value = head + (tail + (grown_low - shrunk_low))
    return value if x > 0.0 else -value


def _hyperbolic_edge(x: float) -> float:
    """Infinite and missing arguments stay what they are; any other is too large."""
    if x != x or abs(x) == inf:
        return x
    raise OverflowError("math range error")


def sigmoid(x: float) -> float:
    """The logistic function `1 / (1 + exp(-x))`, which underflows to 0 and never raises."""
    if x < -40.0:
        return exp(x)
    if x != x:
        return x
    head, tail, exponent = exp_pair(-min(x, 40.0), 0.0)
    power = scaled(head, exponent)
    below, below_low = two_sum(1.0, power)
    value, value_low = over(1.0, 0.0, below, below_low + scaled(tail, exponent))
    return value + value_low
