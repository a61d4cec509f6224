"""What an indicator's constructor accepts.

A period or factor comes in as the user wrote it; the plain number goes out, or a `Setup` error that names the
indicator and the parameter.  It runs once, in `setup`, so it is ordinary Python and never compiled.
"""

from math import isfinite

from stratofold.errors import Setup


def whole(value: int, parameter: str, indicator: str, least: int = 1) -> int:
    """`value` as an int of at least `least`; raises `Setup` SF301 for anything else (a bool and 20.0 included)."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise Setup(
            "SF301",
            f"{indicator}: {parameter} is {value!r}, and must be a whole number of at least {least}",
            place=f"{indicator}({parameter}={value!r})",
            why="it counts values: the indicator keeps that many and is NaN until it has them",
            fix=f"pass {parameter}={max(least, 2)} or more, without quotes or a decimal point",
        )
    return value.__index__()


def between(value: float, parameter: str, indicator: str, low: float, high: float) -> float:
    """`value` as a float with `low <= value <= high`; raises `Setup` SF302 for anything else (NaN and text included)."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or not low <= float(value) <= high:
        raise Setup(
            "SF302",
            f"{indicator}: {parameter} is {value!r}, and must be a number from {low:g} to {high:g}",
            place=f"{indicator}({parameter}={value!r})",
            why="outside that range the formula has no meaning",
            fix=f"pass a number from {low:g} to {high:g} as {parameter}",
        )
    return float(value)


def finite(value: float, parameter: str, indicator: str) -> float:
    """`value` as a finite float; raises `Setup` SF303 for anything else."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or not isfinite(float(value)):
        raise Setup(
            "SF303",
            f"{indicator}: {parameter} is {value!r}, and must be a finite number",
            place=f"{indicator}({parameter}={value!r})",
            why="the formula multiplies by it",
            fix=f"pass a plain number as {parameter}",
        )
    return float(value)


def simple(kind: int, parameter: str, indicator: str) -> None:
    """Accepts TA-Lib's moving-average type 0 (simple); raises `Setup` SF304 for the others."""
    if kind != 0:
        raise Setup(
            "SF304",
            f"{indicator}: {parameter} is {kind!r}, and only 0, the simple average, is built in",
            place=f"{indicator}({parameter}={kind!r})",
            why="an indicator's parts have one class each, so that it compiles once for all its arguments",
            fix=f"leave {parameter} at 0, or write the indicator of two others, for instance from EMA",
        )
