"""The functions IEEE 754 does not round correctly, in plain Python, so that every machine gets the same last bit.

What comes in: doubles.
What goes out: doubles, under one unit in the last place from the true value; the same errors as Python's `math`.
Why it is shaped so: the C library's answers differ between systems and versions, and what a compiler makes of `x**2`
differs from what the interpreter makes of it.  Here are additions, multiplications, divisions, square roots and
comparisons of doubles and 64-bit integer arithmetic only; the interpreter runs them as they stand and the compiler
translates them as they stand.  docs/maths.md has the table of measured errors and the sources of the ideas.
"""

from stratofold.fold.maths.circular import acos, asin, atan, atan2, cos, sin, tan
from stratofold.fold.maths.error_function import erf, erfc, norm_cdf, norm_pdf
from stratofold.fold.maths.exponential import cosh, exp, expm1, sigmoid, sinh, tanh
from stratofold.fold.maths.logarithm import acosh, asinh, atanh, log, log1p, log2, log10
from stratofold.fold.maths.powers import cbrt, hypot, power, sqrt, whole_power
from stratofold.fold.maths.whole import (
    ceil,
    floor,
    floor_divide,
    floor_modulo,
    fmod,
    nearest,
    round_half_even,
    round_whole,
    total,
    trunc,
)

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "floor_modulo",
    "fmod",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "nearest",
    "norm_cdf",
    "norm_pdf",
    "power",
    "round_half_even",
    "round_whole",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "total",
    "trunc",
    "whole_power",
]
