"""The error function and the normal distribution.

What comes in: a double.
What goes out: the double nearest to the function's value or one of its two neighbours.
Why it is shaped so: near zero `erf(x) = x + x Q(x*x)`.  Elsewhere `erfc(x) = exp(-x*x) g(x)` with the smooth `g`
(Cody 1969; Shepherd & Laframboise 1981) as polynomials on three intervals and, past 4, in `1 / x**2`; the square is
kept as a pair, since what rounding drops from it is magnified a thousandfold by the exponential.
"""

from stratofold.fold.maths.exponential import exp_pair
from stratofold.fold.maths.pairs import fast_two_sum, over, times, two_product, two_sum
from stratofold.fold.maths.scale import scaled

_TWO_OVER_ROOT_PI = 1.1283791670955126
_HALF_ROOT = 0.7071067811865476
_HALF_ROOT_LOW = -4.833646656726457e-17
_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
_DENSITY_LOW = -2.49232720227773e-17
_ERFC_ZERO = 27.3  # past it the complement is below half the smallest double
_DENSITY_ZERO = 38.7

# erf(x) / x - 1 in x**2 on |x| <= 1/2, to 2**-62.
_R0 = 0.1283791670955126
_R1 = -0.3761263890318375
_R2 = 0.11283791670954868
_R3 = -0.026866170644999358
_R4 = 0.005223977622008845
_R5 = -0.0008548326509718547
_R6 = 0.00012055286128871108
_R7 = -1.4923000283850108e-05
_R8 = 1.6371164552892836e-06
_R9 = -1.4620256114391553e-07

# erfc(x) exp(x*x) in x - 0.75 from 1/2 to 1, to 2**-58.
_U0 = 0.5069376502931449
_U1 = -0.3679726916557954
_U2 = 0.2309581315512983
_U3 = -0.12983606199487813
_U4 = 0.06679054252756783
_U5 = -0.03189726204019368
_U6 = 0.014289198666091785
_U7 = -0.006051532258236163
_U8 = 0.002437637348879293
_U9 = -0.0009385135840131843
_U10 = 0.00034675112699586235
_U11 = -0.00012332254905491935
_U12 = 4.236277872839012e-05
_U13 = -1.4426531927022256e-05
_U14 = 4.6468063021709155e-06
_U0_LOW = -5.335681035462232e-17
# The same in x - 1.5 from 1 to 2.
_V0 = 0.3215854164543175
_V1 = -0.16362291773256007
_V2 = 0.07615103985547739
_V3 = -0.032930905299562635
_V4 = 0.013377340953068511
_V5 = -0.005145957547985475
_V6 = 0.0018861348769562312
_V7 = -0.0006619300663930904
_V8 = 0.00022330994586274217
_V9 = -7.265892257522832e-05
_V10 = 2.2864294807967016e-05
_V11 = -6.974987241686018e-06
_V12 = 2.067088490322641e-06
_V13 = -5.961119446974675e-07
_V14 = 1.6708703859197203e-07
_V15 = -4.585146974854072e-08
_V16 = 1.329844554951821e-08
_V17 = -3.4778531023839574e-09
_V0_LOW = 1.703391687991039e-17
# The same in x - 3 from 2 to 4.
_W0 = 0.17900115118138996
_W1 = -0.05437226000717287
_W2 = 0.01588437115987136
_W3 = -0.00447943101837258
_W4 = 0.0012230390523759822
_W5 = -0.00032412554449670324
_W6 = 8.355413963925958e-05
_W7 = -2.0989464462229973e-05
_W8 = 5.146436493852072e-06
_W9 = -1.2333677143104898e-06
_W10 = 2.8926692938101366e-07
_W11 = -6.646690382092543e-08
_W12 = 1.4977112890287265e-08
_W13 = -3.312780752600577e-09
_W14 = 7.206556491473509e-10
_W15 = -1.539306000137148e-10
_W16 = 3.165046186861128e-11
_W17 = -6.555844952443731e-12
_W18 = 1.6647790649164353e-12
_W19 = -3.32463503923892e-13
_W0_LOW = -5.552119524704471e-18
# x erfc(x) exp(x*x) in x**-2 from 4 to 28.
_Y0 = 0.5641895835477563
_Y1 = -0.2820947917738762
_Y2 = 0.4231421876593459
_Y3 = -1.057855468550995
_Y4 = 3.7024939919494533
_Y5 = -16.66119880847936
_Y6 = 91.63385702222007
_Y7 = -595.3972003566452
_Y8 = 4452.112330167416
_Y9 = -37243.52404784548
_Y10 = 333552.79386456584
_Y11 = -2985674.6949302563
_Y12 = 24463524.834814057
_Y13 = -166750445.25228167
_Y14 = 851332231.0522908
_Y15 = -2819619090.7660866
_Y16 = 4474804855.815369
_Y0_LOW = 6.673590068994192e-18


def _central(x: float) -> float:
    """`erf(x) - x` for `|x| <= 1/2`."""
    z = x * x
    series = _R6 + z * (_R7 + z * (_R8 + z * _R9))
    series = _R1 + z * (_R2 + z * (_R3 + z * (_R4 + z * (_R5 + z * series))))
    return x * (_R0 + z * series)


def _below_one(t: float) -> tuple[float, float]:
    """`g(0.75 + t)`."""
    series = _U8 + t * (_U9 + t * (_U10 + t * (_U11 + t * (_U12 + t * (_U13 + t * _U14)))))
    series = _U1 + t * (_U2 + t * (_U3 + t * (_U4 + t * (_U5 + t * (_U6 + t * (_U7 + t * series))))))
    head, tail = fast_two_sum(_U0, t * series)
    return head, tail + _U0_LOW


def _below_two(t: float) -> tuple[float, float]:
    """`g(1.5 + t)`."""
    series = _V15 + t * (_V16 + t * _V17)
    series = _V8 + t * (_V9 + t * (_V10 + t * (_V11 + t * (_V12 + t * (_V13 + t * (_V14 + t * series))))))
    series = _V1 + t * (_V2 + t * (_V3 + t * (_V4 + t * (_V5 + t * (_V6 + t * (_V7 + t * series))))))
    head, tail = fast_two_sum(_V0, t * series)
    return head, tail + _V0_LOW


def _below_four(t: float) -> tuple[float, float]:
    """`g(3 + t)`."""
    series = _W15 + t * (_W16 + t * (_W17 + t * (_W18 + t * _W19)))
    series = _W8 + t * (_W9 + t * (_W10 + t * (_W11 + t * (_W12 + t * (_W13 + t * (_W14 + t * series))))))
    series = _W1 + t * (_W2 + t * (_W3 + t * (_W4 + t * (_W5 + t * (_W6 + t * (_W7 + t * series))))))
    head, tail = fast_two_sum(_W0, t * series)
    return head, tail + _W0_LOW


def _far(x: float) -> tuple[float, float]:
    """`g(x)` past 4."""
    w = 1.0 / (x * x)
    series = _Y15 + w * _Y16
    series = _Y8 + w * (_Y9 + w * (_Y10 + w * (_Y11 + w * (_Y12 + w * (_Y13 + w * (_Y14 + w * series))))))
    series = _Y1 + w * (_Y2 + w * (_Y3 + w * (_Y4 + w * (_Y5 + w * (_Y6 + w * (_Y7 + w * series))))))
    head, tail = fast_two_sum(_Y0, w * series)
    return over(head, tail + _Y0_LOW, x, 0.0)


def _smooth(x: float) -> tuple[float, float]:
    """`g(x) = erfc(x) exp(x*x)` as a pair, for `x` of at least 1/2."""
    if x < 1.0:
        return _below_one(x - 0.75)
    if x < 2.0:
        return _below_two(x - 1.5)
    if x < 4.0:
        return _below_four(x - 3.0)
    return _far(x)


def _complement(x: float, low: float) -> tuple[float, float, int]:
    """`(a, b, k)` with `erfc(x + low) = (a + b) * 2**k`, for `x` from 1/2 to 27.3."""
    square, error = two_product(x, x)
    head, tail, exponent = exp_pair(-square, -error)
    smooth, smooth_low = _smooth(x)
    head, tail = times(head, tail, smooth, smooth_low - low * _TWO_OVER_ROOT_PI)
    return head, tail, exponent


def _erfc_of_pair(x: float, low: float) -> tuple[float, float, int]:
    """The same for any `x`."""
    if -0.5 < x < 0.5:
        head, tail = two_sum(1.0, -x)
        return head, tail - (_central(x) + low * _TWO_OVER_ROOT_PI), 0
    if x > _ERFC_ZERO:
        return 0.0, 0.0, 0
    if x > 0.0:
        return _complement(x, low)
    if x < -6.0:
        return 2.0, 0.0, 0
    head, tail, exponent = _complement(-x, -low)
    head, low = fast_two_sum(2.0, -scaled(head, exponent))
    return head, low - scaled(tail, exponent), 0


def erf(x: float) -> float:
    """The error function."""
    if x != x:
        return x
    size = abs(x)
    if size < 0.5:
        return x + _central(x) if x != 0.0 else x
    value = 1.0
    if size < 6.0:
        head, tail, exponent = _complement(size, 0.0)
        head, low = fast_two_sum(1.0, -scaled(head, exponent))
        value = head + (low - scaled(tail, exponent))
    return value if x > 0.0 else -value


def erfc(x: float) -> float:
    """`1 - erf(x)` without the loss for large `x`; 0 past 27.2."""
    if x != x:
        return x
    head, tail, exponent = _erfc_of_pair(x, 0.0)
    return scaled(head + tail, exponent)


def norm_cdf(x: float) -> float:
    """The probability that a standard normal variable is at most `x`."""
    if x != x:
        return x
    head, low = times(-max(-_DENSITY_ZERO, min(x, _DENSITY_ZERO)), 0.0, _HALF_ROOT, _HALF_ROOT_LOW)
    head, tail, exponent = _erfc_of_pair(head, low)
    return scaled(head + tail, exponent - 1)


def norm_pdf(x: float) -> float:
    """The density of a standard normal variable at `x`."""
    if x != x:
        return x
    if abs(x) > _DENSITY_ZERO:
        return 0.0
    square, error = two_product(x, x)
    head, tail, exponent = exp_pair(-0.5 * square, -0.5 * error)
    head, tail = times(head, tail, _DENSITY, _DENSITY_LOW)
    return scaled(head + tail, exponent)
