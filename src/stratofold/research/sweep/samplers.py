"""Which sets of parameters are tried, and in which order: grid, random, Sobol, or what Optuna asks for.

What comes in: a space, how many trials, a seed.  What goes out: a `Sampler`, asked for sets of parameters and told how
they did.  Why so: who evaluates them sees one thing, whether the next set depends on the last or not.
A sampler begun again with the same seed asks the same questions in the same order, so that a study that was
interrupted, or that is to grow, finds its finished cells at the front.
"""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from stratofold.errors import Setup
from stratofold.research.sweep.sets import Sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stratofold.research.sweep.space import Parameters, Space

SAMPLERS = ("grid", "random", "sobol", "tpe", "cmaes", "nsga2")
_MISSES_MAX = 1_000  # draws in a row that are not allowed or not new: the space has no more
_BITS = 32
# Sobol's direction numbers of dimensions 2 to 21: degree and coefficients of the polynomial, first numbers.
# Source: Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections", table new-joe-kuo-6.
_JOE_KUO = (
    (1, 0, (1,)), (2, 1, (1, 3)), (3, 1, (1, 3, 1)), (3, 2, (1, 1, 1)), (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)), (5, 2, (1, 1, 5, 5, 17)), (5, 4, (1, 1, 5, 5, 5)), (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)), (5, 13, (1, 1, 1, 3, 11)), (5, 14, (1, 3, 5, 5, 31)), (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)), (6, 16, (1, 3, 1, 13, 27, 49)), (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)), (6, 25, (1, 1, 5, 5, 19, 61)), (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)  # fmt: skip


class Sampler(Protocol):
    """Asked for sets of parameters, and told how good each was (NaN: nothing is known)."""

    is_adaptive: bool

    def ask(self) -> Sequence[Parameters]:
        """The next sets of parameters; none is the end."""

    def tell(self, values: Sequence[Sequence[float]]) -> None:
        """The objectives of the sets that were asked for last, in their order, more is better."""


class Listed:
    """A sampler whose questions do not depend on the answers."""

    is_adaptive = False

    def __init__(self, points: Iterable[Parameters]) -> None:
        """All of `points`, at once."""
        self._points = points

    def ask(self) -> Sequence[Parameters]:
        """All of them, the first time."""
        points, self._points = self._points, ()
        return points if isinstance(points, Sets) else list(points)

    def tell(self, values: Sequence[Sequence[float]]) -> None:
        """No answer changes anything."""


def sampler_of(space: Space, name: str, trials: Any, seed: int, goals: int = 1) -> Sampler:
    """The sampler called `name`; raises Setup for a name or a number of trials that cannot be."""
    if name not in SAMPLERS:
        raise Setup("SFS06", f"there is no sampler {name!r}", fix=f"use one of {', '.join(SAMPLERS)}")
    if trials is not None and (not isinstance(trials, int) or trials < 1):
        what = f"trials={trials!r} is no number of cells to try"
        raise Setup("SFS07", what, fix="a whole number from 1, such as trials=1000 (--trials 1000)")
    if name == "grid":
        return Listed(_some(space, trials, seed))
    if trials is None:
        raise Setup("SFS07", f"sampler={name!r} has no end of its own", fix="say how many: trials=1000 (--trials 1000)")
    if name == "random":
        return Listed(islice(_new(space, _random(space, seed)), trials))
    if name == "sobol":
        return Listed(islice(_new(space, _sobol(space, seed)), trials))
    from stratofold.research.sweep.optuna import Asked

    return Asked(space, name, trials, seed, goals)


def _some(space: Space, trials: int | None, seed: int) -> Iterable[Parameters]:
    """The grid, or so many of its points by chance."""
    if trials is None:
        return space.grid()
    space.check_countable()
    if trials >= space.size:
        return space.grid()
    return islice(_new(space, _random(space, seed)), trials)


def _new(space: Space, points: Iterator[Parameters]) -> Iterator[Parameters]:
    """The points that are allowed and were not there before, until there seem to be no more."""
    seen: set[tuple[Any, ...]] = set()
    misses = 0
    for point in points:
        key = tuple(point.values())
        if key in seen or not space.allows(point):
            misses += 1
            if misses > _MISSES_MAX or len(seen) >= space.size:
                return
            continue
        seen.add(key)
        misses = 0
        yield point


def _random(space: Space, seed: int) -> Iterator[Parameters]:
    """Points of the unit cube by chance."""
    chance = Random(seed)  # noqa: S311  no secret
    while True:
        yield space.point([chance.random() for _ in space.dimensions])


def _sobol(space: Space, seed: int) -> Iterator[Parameters]:
    """Sobol's points, each dimension shifted digitally by the seed (0: the sequence itself, from its second point on)."""
    if len(space.dimensions) > len(_JOE_KUO) + 1:
        what = f"{len(space.dimensions)} parameters are more than this Sobol sequence has dimensions"
        raise Setup("SFS08", what, fix='sampler="random"')
    chance = Random(seed)  # noqa: S311  no secret
    shifts = [chance.getrandbits(_BITS) if seed else 0 for _ in space.dimensions]
    for row in sobol(len(space.dimensions)):
        yield space.point([(number ^ shift) / 2**_BITS for number, shift in zip(row, shifts, strict=True)])


def sobol(dimensions: int) -> Iterator[list[int]]:
    """Sobol's sequence from its second point on, as whole numbers of 32 bits, in the order of Gray's code.

    Source: Bratley and Fox 1988, algorithm 659; direction numbers of Joe and Kuo 2008.
    """
    directions = [[1 << (_BITS - 1 - bit) for bit in range(_BITS)]]
    directions += [_directions(*row) for row in _JOE_KUO[: dimensions - 1]]
    row, number = [0] * dimensions, 0
    while True:
        bit = (~number & (number + 1)).bit_length() - 1  # the lowest bit that is 0
        row = [value ^ direction[bit] for value, direction in zip(row, directions, strict=False)]
        number += 1
        yield row


def _directions(degree: int, coefficients: int, first: tuple[int, ...]) -> list[int]:
    """The direction numbers of one dimension."""
    found = [number << (_BITS - 1 - bit) for bit, number in enumerate(first)]
    for bit in range(degree, _BITS):
        value = found[bit - degree] ^ (found[bit - degree] >> degree)
        for k in range(1, degree):
            if coefficients >> (degree - 1 - k) & 1:
                value ^= found[bit - k]
        found.append(value)
    return found
