"""Sines, cosines, tangents and their inverses.

What comes in: a double, angles in radians.
What goes out: the double nearest to the function's value or one of its two neighbours; ValueError where Python's
`math` raises it and for angles of 2**30 or more.
Why it is shaped so: an angle less its nearest multiple of pi/2 is taken in five parts (Cody & Waite 1980, chapter 8),
the first four of 23 bits, so that products with a whole number below 2**30 are exact and even the worst angle keeps
a full double.  Larger angles would need pi to a thousand bits (Payne & Hanek) and no strategy has them.  An inverse is
the angle of a ratio: of `x` and 1, of `y` and `x`, of `x` and `sqrt(1 - x*x)`; one function serves all four, on pairs.
"""

from math import copysign, inf

from stratofold.fold.maths.pairs import fast_two_sum, over, root, times, two_sum

_SHIFTER = 6755399441055744.0  # 1.5 * 2**52: adding and taking it off again rounds to a whole number, half to even
_ANGLE_MAX = 1073741824.0  # 2**30
_TWO_OVER_PI = 0.6366197723675814

_HALF_PI_1 = 1.570796251296997
_HALF_PI_2 = 7.549789415861596e-08
_HALF_PI_3 = 5.39030083589187e-15
_HALF_PI_4 = 2.0222659584103533e-21
_HALF_PI_5 = 2.9038559739793605e-28

# (sin(r) / r - 1) / r**2 in r**2 on |r| <= pi/4, to 2**-66.
_S0 = -0.16666666666666666
_S1 = 0.008333333333333331
_S2 = -0.00019841269841265063
_S3 = 2.7557319219337223e-06
_S4 = -2.5052106231772678e-08
_S5 = 1.605853151201781e-10
_S6 = -7.586690812457888e-13

# (cos(r) - 1 + r**2 / 2) / r**4 in r**2 on |r| <= pi/4, to 2**-60.
_C0 = 0.041666666666666664
_C1 = -0.0013888888888887395
_C2 = 2.4801587298764507e-05
_C3 = -2.7557317271117796e-07
_C4 = 2.087614614085923e-09
_C5 = -1.1382623236895382e-11

# (atan(t) / t - 1) / t**2 in t**2 on |t| <= 1/4, to 2**-59.
_A0 = -0.3333333333333333
_A1 = 0.19999999999998933
_A2 = -0.1428571428525851
_A3 = 0.11111111035986847
_A4 = -0.09090902874969416
_A5 = 0.07692017877237385
_A6 = -0.06658687414697743
_A7 = 0.057529943904780285
_A8 = -0.041034266985419496

_HALF_PI = 1.5707963267948966
_HALF_PI_LOW = 6.123233995736766e-17
_PI = 3.141592653589793
_PI_LOW = 1.2246467991473532e-16
_QUARTER_PI = 0.7853981633974483
_QUARTER_PI_LOW = 3.061616997868383e-17
_ATAN_HALF = 0.4636476090008061
_ATAN_HALF_LOW = 2.2698777452961687e-17

_APART = 1152921504606846976.0  # 2**60: a leg so much shorter than the other makes an angle of its own ratio
_LARGE = 1e150
_SMALL = 1e-150
_TWO_600 = 4.149515568880993e180
_TINY = 1e-8  # below it an arc sine is its argument, to a sixth of a unit in the last place


def _reduced(x: float) -> tuple[float, float, int]:
    """`(r, low, k)` with `x = k pi/2 + r + low` and `|r| <= pi/4`; ValueError from 2**30 on."""
    if not -_ANGLE_MAX < x < _ANGLE_MAX:
        raise ValueError("an angle of 2**30 or more, or infinite: reduce it first")
    whole = (x * _TWO_OVER_PI + _SHIFTER) - _SHIFTER
    if whole == 0.0:
        return x, 0.0, 0
    head, first = two_sum(x - whole * _HALF_PI_1, -whole * _HALF_PI_2)
    head, second = two_sum(head, -whole * _HALF_PI_3)
    head, third = two_sum(head, -whole * _HALF_PI_4)
    rest, low = two_sum(first + second, third - whole * _HALF_PI_5)
    head, tail = two_sum(head, rest)
    return head, tail + low, int(whole)


def _sine_pair(r: float, low: float) -> tuple[float, float]:
    """The sine of a reduced angle."""
    z = r * r
    series = _S0 + z * (_S1 + z * (_S2 + z * (_S3 + z * (_S4 + z * (_S5 + z * _S6)))))
    return r, r * z * series + low * (1.0 - 0.5 * z)


def _cosine_pair(r: float, low: float) -> tuple[float, float]:
    """The cosine of a reduced angle."""
    z = r * r
    half = 0.5 * z
    series = z * z * (_C0 + z * (_C1 + z * (_C2 + z * (_C3 + z * (_C4 + z * _C5)))))
    head = 1.0 - half
    return head, ((1.0 - head) - half) + (series - r * low)


def sin(x: float) -> float:
    """Sine of an angle below 2**30 in size, else ValueError."""
    if x != x or x == 0.0:
        return x
    r, low, quadrant = _reduced(x)
    head, tail = _cosine_pair(r, low) if quadrant & 1 else _sine_pair(r, low)
    return -(head + tail) if quadrant & 2 else head + tail


def cos(x: float) -> float:
    """Cosine of an angle below 2**30 in size, else ValueError."""
    if x != x:
        return x
    r, low, quadrant = _reduced(x)
    head, tail = _sine_pair(r, low) if quadrant & 1 else _cosine_pair(r, low)
    return -(head + tail) if (quadrant + 1) & 2 else head + tail


def tan(x: float) -> float:
    """Tangent of an angle below 2**30 in size, else ValueError."""
    if x != x or abs(x) < _TINY:
        return x
    r, low, quadrant = _reduced(x)
    sine, sine_low = _sine_pair(r, low)
    cosine, cosine_low = _cosine_pair(r, low)
    sine, sine_low = fast_two_sum(sine, sine_low)
    cosine, cosine_low = fast_two_sum(cosine, cosine_low)
    if quadrant & 1:
        head, tail = over(cosine, cosine_low, -sine, -sine_low)
    else:
        head, tail = over(sine, sine_low, cosine, cosine_low)
    return head + tail


def _angle_below(n: float, n_low: float, d: float, d_low: float) -> tuple[float, float]:
    """The angle whose tangent is `n / d`, for pairs with 0 <= n <= d, d > 0."""
    ratio = n / d
    base, base_low = 0.0, 0.0
    # atan(q) = atan(c) + atan((q - c) / (1 + c q)): after it the tangent is below a quarter.
    if ratio > 0.75:
        base, base_low = _QUARTER_PI, _QUARTER_PI_LOW
        above, above_low = two_sum(n, -d)
        below, below_low = two_sum(d, n)
        n, n_low, d, d_low = above, above_low + (n_low - d_low), below, below_low + (d_low + n_low)
    elif ratio > 0.236:
        base, base_low = _ATAN_HALF, _ATAN_HALF_LOW
        above, above_low = two_sum(n, -0.5 * d)
        below, below_low = two_sum(d, 0.5 * n)
        n, n_low, d, d_low = above, above_low + (n_low - 0.5 * d_low), below, below_low + (d_low + 0.5 * n_low)
    t, t_low = over(n, n_low, d, d_low)
    z = t * t
    series = _A4 + z * (_A5 + z * (_A6 + z * (_A7 + z * _A8)))
    rest = t * z * (_A0 + z * (_A1 + z * (_A2 + z * (_A3 + z * series))))
    head, tail = two_sum(base, t)
    return head, tail + (rest + (t_low + base_low))


def _angle(n: float, n_low: float, d: float, d_low: float) -> tuple[float, float]:
    """The same for any pairs of at least 0 that are not both 0."""
    if n <= d:
        return _angle_below(n, n_low, d, d_low)
    head, tail = _angle_below(d, d_low, n, n_low)
    head, low = two_sum(_HALF_PI, -head)
    return head, low + (_HALF_PI_LOW - tail)


def _beyond(head: float, tail: float) -> float:
    """Pi less an angle."""
    head, low = two_sum(_PI, -head)
    return head + (low + (_PI_LOW - tail))


def atan(x: float) -> float:
    """The angle from -pi/2 to pi/2 whose tangent is `x`."""
    size = abs(x)
    if not size >= _TINY:
        return x
    head, tail = _angle(size, 0.0, 1.0, 0.0) if size < _APART else (_HALF_PI, _HALF_PI_LOW)
    return head + tail if x > 0.0 else -(head + tail)


def _angle_of_legs(n: float, d: float) -> tuple[float, float]:
    """The angle between the longer leg `d` and the far corner, for any two legs of at least 0, infinite too."""
    if n == d:
        return (_QUARTER_PI, _QUARTER_PI_LOW) if n > 0.0 else (0.0, 0.0)
    if d > n * _APART or d == inf:
        return n / d, 0.0
    if n > d * _APART or n == inf:
        return _HALF_PI, _HALF_PI_LOW
    if max(n, d) > _LARGE:
        return _angle(n / _TWO_600, 0.0, d / _TWO_600, 0.0)
    if max(n, d) < _SMALL:
        return _angle(n * _TWO_600, 0.0, d * _TWO_600, 0.0)
    return _angle(n, 0.0, d, 0.0)


def atan2(y: float, x: float) -> float:
    """The angle from -pi to pi of the point `(x, y)`, with the signs of zeros and infinities as in C99."""
    if x != x or y != y:
        return x if x != x else y
    head, tail = _angle_of_legs(abs(y), abs(x))
    value = _beyond(head, tail) if copysign(1.0, x) < 0.0 else head + tail
    return copysign(value, y)


def _other_leg(size: float) -> tuple[float, float]:
    """`sqrt(1 - size*size)` as a pair, for 0 <= size < 1."""
    less, less_low = two_sum(1.0, -size)
    more, more_low = two_sum(1.0, size)
    square, low = times(less, less_low, more, more_low)
    return root(square, low)


def asin(x: float) -> float:
    """The angle from -pi/2 to pi/2 whose sine is `x`; ValueError past 1 in size."""
    size = abs(x)
    if size > 1.0:
        raise ValueError("math domain error")
    if not size >= _TINY:
        return x
    if size == 1.0:
        return copysign(_HALF_PI, x)
    leg, leg_low = _other_leg(size)
    head, tail = _angle(size, 0.0, leg, leg_low)
    return head + tail if x > 0.0 else -(head + tail)


def acos(x: float) -> float:
    """The angle from 0 to pi whose cosine is `x`; ValueError past 1 in size."""
    size = abs(x)
    if size > 1.0:
        raise ValueError("math domain error")
    if x != x:
        return x
    if size == 1.0:
        return 0.0 if x > 0.0 else _PI
    leg, leg_low = _other_leg(size)
    head, tail = _angle(leg, leg_low, size, 0.0)
    return head + tail if x >= 0.0 else _beyond(head, tail)
