"""Pairs: a number as the unevaluated sum of two doubles, which is how every function here keeps what rounding drops.

What comes in: doubles.
What goes out: `(high, low)` with `|low|` at most half a unit in the last place of `high`, good to about 2**-104.
Why it is shaped so: a sum and a product leave an error that is itself a double (Møller 1965, Knuth 4.2.2; Dekker
1971, "A floating-point technique for extending the available precision"), and computing it takes additions and
multiplications only: no fused multiply-add, no bits picked apart, no C library.  So the interpreter and the compiler
get the same last bit, on every machine that follows IEEE 754.
"""

from math import sqrt

_SPLITTER = 134217729.0  # 2**27 + 1: Veltkamp's constant, which cuts a double into two halves of 26 bits


def two_sum(a: float, b: float) -> tuple[float, float]:
    """`a + b` and its rounding error, whatever their order of size."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def fast_two_sum(a: float, b: float) -> tuple[float, float]:
    """`a + b` and its rounding error, given `|a| >= |b|` or `a` zero."""
    total = a + b
    return total, (a - total) + b


def two_product(a: float, b: float) -> tuple[float, float]:
    """`a * b` and its rounding error; both below 2**996 in size, the product zero or above 2**-969."""
    product = a * b
    wide = _SPLITTER * a
    a_high = wide - (wide - a)
    a_low = a - a_high
    wide = _SPLITTER * b
    b_high = wide - (wide - b)
    b_low = b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def times(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """The product of two pairs."""
    product, error = two_product(a, b)
    return fast_two_sum(product, error + (a * b_low + a_low * b))


def over(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """The quotient of two pairs; `b` is not zero."""
    quotient = a / b
    product, error = two_product(quotient, b)
    return fast_two_sum(quotient, (((a - product) - error) + (a_low - quotient * b_low)) / b)


def root(a: float, a_low: float) -> tuple[float, float]:
    """The square root of a pair that is above zero: one Newton step from the rounded root."""
    first = sqrt(a)
    square, error = two_product(first, first)
    return fast_two_sum(first, (((a - square) - error) + a_low) / (2.0 * first))
