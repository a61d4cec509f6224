"""Powers of two, taken out of a number and put back, exactly and by multiplication alone.

What comes in: doubles and whole exponents.
What goes out: the same number times a power of two, or its mantissa and exponent.
Why it is shaped so: `frexp` and `ldexp` belong to the C library.  A power of two below 2**63 is an exact integer
shift, and a larger one is a product of constants, so both executions multiply by the same double.
"""

_TWO_16 = 65536.0
_TWO_32 = 4294967296.0
_TWO_54 = 18014398509481984.0
_TWO_64 = 18446744073709551616.0
_TWO_128 = _TWO_64 * _TWO_64
_TWO_200 = _TWO_128 * _TWO_64 * 256.0
_TWO_256 = _TWO_128 * _TWO_128
_TWO_512 = _TWO_256 * _TWO_256
_TWO_1022 = _TWO_512 * _TWO_256 * _TWO_128 * _TWO_64 * _TWO_32 * 1073741824.0
_NORMAL_MIN = 1.0 / _TWO_1022

_ROOT = 1.4142135623730951  # mantissas run from half of this to this, so that logarithms are small at both ends
_HALF_ROOT = 0.7071067811865476
_ROOT_TWO_1 = _ROOT * 2.0
_ROOT_TWO_3 = _ROOT * 8.0
_ROOT_TWO_7 = _ROOT * 128.0
_ROOT_TWO_15 = _ROOT * 32768.0
_ROOT_TWO_31 = _ROOT * 2147483648.0
_ROOT_TWO_63 = _ROOT * 9223372036854775808.0
_ROOT_TWO_127 = _ROOT * _TWO_128 * 0.5
_ROOT_TWO_255 = _ROOT * _TWO_256 * 0.5
_ROOT_TWO_511 = _ROOT * _TWO_512 * 0.5
_ROOT_TWO_1023 = _ROOT_TWO_511 * _TWO_512


def power_of_two(exponent: int) -> float:
    """2.0**exponent for -1022 <= exponent <= 1023, exactly."""
    size = exponent if exponent >= 0 else -exponent
    result = float(1 << (size & 31))
    if size & 32:
        result *= _TWO_32
    if size & 64:
        result *= _TWO_64
    if size & 128:
        result *= _TWO_128
    if size & 256:
        result *= _TWO_256
    if size & 512:
        result *= _TWO_512
    return result if exponent >= 0 else 1.0 / result


def scaled(value: float, exponent: int) -> float:
    """`value * 2**exponent` rounded once, infinite past the largest double; `value` within 2**±60."""
    if 0 <= exponent < 63:
        return value * float(1 << exponent)
    if -63 < exponent < 0:
        return value / float(1 << -exponent)
    if -900 <= exponent <= 900:
        return value * power_of_two(exponent)
    if exponent > 0:
        return (value * _TWO_200) * power_of_two(min(exponent, 1200) - 200)
    # The last factor alone may cross into the subnormal numbers: crossing twice would round twice.
    return (value * power_of_two(max(exponent, -1200) + 200)) / _TWO_200


def _mantissa_above(x: float, exponent: int) -> tuple[float, int]:
    """Halve `x` from 2**15.5 or more to below it, counting."""
    if x >= _ROOT_TWO_1023:
        x *= 0.5
        exponent += 1
    if x >= _ROOT_TWO_511:
        x /= _TWO_512
        exponent += 512
    if x >= _ROOT_TWO_255:
        x /= _TWO_256
        exponent += 256
    if x >= _ROOT_TWO_127:
        x /= _TWO_128
        exponent += 128
    if x >= _ROOT_TWO_63:
        x /= _TWO_64
        exponent += 64
    if x >= _ROOT_TWO_31:
        x /= _TWO_32
        exponent += 32
    if x >= _ROOT_TWO_15:
        x /= _TWO_16
        exponent += 16
    return x, exponent


def _mantissa_below(x: float) -> tuple[float, int]:
    """Double a tiny `x` until it is above 2**-16.5, counting."""
    exponent = 0
    if x < _NORMAL_MIN:
        x *= _TWO_54
        exponent = -54
    while x < 1.0 / _TWO_16:
        x *= _TWO_16
        exponent -= 16
    return x, exponent


def mantissa(x: float) -> tuple[float, int]:
    """`(m, e)` with `x = m * 2**e` exactly and `m` from sqrt(1/2) to sqrt(2), for a finite `x` above zero."""
    exponent = 0
    if x < _HALF_ROOT:
        if x < 1.0 / _TWO_16:
            x, exponent = _mantissa_below(x)
        if x < _HALF_ROOT:
            x *= _TWO_16
            exponent -= 16
    if x >= _ROOT_TWO_15:
        x, exponent = _mantissa_above(x, exponent)
    if x >= _ROOT_TWO_7:
        x *= 0.00390625
        exponent += 8
    if x >= _ROOT_TWO_3:
        x *= 0.0625
        exponent += 4
    if x >= _ROOT_TWO_1:
        x *= 0.25
        exponent += 2
    if x >= _ROOT:
        x *= 0.5
        exponent += 1
    return x, exponent
