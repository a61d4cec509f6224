"""Builtins over arrays, in the plain Python that is compiled for them."""

from array import array


def contains(values: "array[float]", wanted: float) -> bool:
    """Whether `wanted in values`."""
    for value in values:  # noqa: SIM110 - `any` over a generator has no machine code
        if value == wanted:
            return True
    return False


def largest(values: "array[float]") -> float:
    """`max(values)`; raises IndexError where there are none."""
    best = values[0]
    for value in values:
        if value > best:
            best = value
    return best


def smallest(values: "array[float]") -> float:
    """`min(values)`; raises IndexError where there are none."""
    best = values[0]
    for value in values:
        if value < best:
            best = value
    return best


def count(values: "array[int]") -> int:
    """`sum(values)` of ints."""
    result = 0
    for value in values:
        result += value
    return result
