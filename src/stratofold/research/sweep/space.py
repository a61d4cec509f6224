"""What a sweep searches: the values of each parameter, and what must hold between them.

What comes in: `fast=range(5, 65, 5)`, `slow=[50, 100, 200]`, `stop=(0.01, 0.2)`, `short=False`, and `where="fast < slow"`.
What goes out: a `Space`, which turns a point of the unit cube, or a number of the grid, into a set of parameters.
Why so: every sampler is then a sequence of points or numbers and knows nothing of parameters.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from itertools import product
from math import inf, isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.research.sweep.sets import Sets, chosen, column_of, constant
from stratofold.research.sweep.where import conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stratofold.fold.strategy import Param, Strategy

    Condition = Callable[[Mapping[str, Any]], bool]

Parameters = dict[str, Any]
VALUES_MAX = 1_000_000  # of one parameter
GRID_MAX = 100_000_000  # points that are gone through: so many numbers take nearly a gigabyte
_OWN = {bool, int, float}


@dataclass(frozen=True)
class Dimension:
    """One parameter: the values it may have, or the bounds it may lie between (both included)."""

    name: str
    kind: type
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def count(self) -> float:
        """How many values there are; infinite for a real number between bounds."""
        if self.values:
            return len(self.values)
        return inf if self.kind is float else self.high - self.low + 1

    def at(self, fraction: float) -> Any:
        """The value at `fraction` (from 0, below 1) of the way through."""
        if self.values:
            return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]
        if self.kind is float:
            return self.low + fraction * (self.high - self.low)
        return int(self.low) + min(int(fraction * self.count), int(self.count) - 1)

    @property
    def all(self) -> Sequence[Any]:
        """Every value of a dimension that can be counted."""
        return self.values or range(int(self.low), int(self.low) + int(self.count))

    @property
    def text(self) -> str:
        """As a person would write it."""
        if not self.values:
            return f"{self.low:g} to {self.high:g}"
        some = ", ".join(f"{value:g}" for value in self.values[:4])
        return some if len(self.values) <= 4 else f"{some} ... {self.values[-1]:g} ({len(self.values)})"


@dataclass(frozen=True)
class Space:
    """The dimensions of one strategy's parameters, and the conditions between them."""

    strategy: type[Strategy]
    dimensions: tuple[Dimension, ...]
    fixed: tuple[tuple[str, Any], ...]
    where: tuple[Condition, ...]

    @property
    def size(self) -> float:
        """How many points the grid has before the conditions; infinite where a dimension cannot be counted."""
        return prod(dimension.count for dimension in self.dimensions)

    def allows(self, parameters: Parameters) -> bool:
        """Whether every condition holds."""
        return all(condition(parameters) for condition in self.where)

    def point(self, fractions: Sequence[float]) -> Parameters:
        """The parameters at a point of the unit cube."""
        rows = zip(self.dimensions, fractions, strict=True)
        return dict(self.fixed) | {dimension.name: dimension.at(fraction) for dimension, fraction in rows}

    def grid(self) -> Sets:
        """Every point of the grid that the conditions allow, the last dimension running fastest.

        Raises Setup SFS02 where it cannot be counted, SFS36 where that comes to too many.
        """
        self.check_countable()
        self._check_size()
        rows = np.array(self._allowed(), np.intp) if self.where else np.arange(int(self.size))
        columns = {name: constant(value, len(rows)) for name, value in self.fixed}
        each = int(self.size)
        for dimension in self.dimensions:
            each //= int(dimension.count)
            columns[dimension.name] = chosen(column_of(list(dimension.all)), rows // each % int(dimension.count))
        return Sets(columns, len(rows))

    def _check_size(self) -> None:
        """Raise Setup SFS36 for a grid that no memory holds."""
        if self.size > GRID_MAX:
            sizes = ", ".join(f"{each.name} {each.text}" for each in self.dimensions)
            raise Setup(
                "SFS36", f"the grid has {self.size:,.0f} points, and {GRID_MAX:,} is the most that is gone through",
                why=f"the space is {sizes}, before any condition", fix="longer steps, or some of it by chance: trials=1000",
            )  # fmt: skip

    def _allowed(self) -> list[int]:
        """The numbers of the points of the grid that the conditions allow."""
        fixed, names = dict(self.fixed), [dimension.name for dimension in self.dimensions]
        points = product(*(dimension.all for dimension in self.dimensions))
        return [row for row, point in enumerate(points) if self.allows(fixed | dict(zip(names, point, strict=True)))]

    def check_countable(self) -> None:
        """Raise Setup SFS02 for a real parameter between bounds: a grid needs steps."""
        for dimension in self.dimensions:
            if dimension.count == inf:
                raise Setup(
                    "SFS02",
                    f"{dimension.name} is any number from {dimension.text}, and a grid needs steps",
                    fix=f'{dimension.name}=[{dimension.low:g}, {dimension.high:g}], or sampler="sobol" with trials=',
                )


def space_of(strategy: type[Strategy], wanted: Mapping[str, Any], where: Any = ()) -> Space:
    """The space of a strategy: of `wanted`, what it declares; raises Setup for values that no run would accept."""
    declared = strategy.parameters()
    fixed = {name: declared[name].default for name in declared}
    dimensions = []
    for name, asked in wanted.items():
        if name not in declared:
            raise _unknown(strategy, name, list(declared))
        found = dimension_of(declared[name], asked)
        if len(found.values) == 1:
            fixed[name] = found.values[0]
        else:
            del fixed[name]
            dimensions.append(found)
    return Space(strategy, tuple(dimensions), tuple(fixed.items()), conditions(where, list(declared)))


def dimension_of(param: Param, asked: Any) -> Dimension:
    """What `asked` means for a parameter: a pair in round brackets is bounds, any other sequence its values."""
    kind = type(param.default)
    if isinstance(asked, tuple) and kind is not bool:
        return _between(param, asked, kind)
    if isinstance(asked, (int, float)):
        return Dimension(param.name, kind, (param.accept(asked),))
    if isinstance(asked, Sized) and len(asked) > VALUES_MAX:
        what = f"{param.name} is given {len(asked):,} values, and {VALUES_MAX:,} is the most"
        raise Setup("SFS01", what, fix=f"longer steps, or bounds: {param.name}=(low, high) and trials=1000")
    try:
        values = tuple(dict.fromkeys(_accepted(param, _plain(list(asked)), kind)))
    except TypeError:
        values = ()
    if not values:
        what = f"{param.name}={asked!r} is no set of values"
        raise Setup("SFS01", what, fix=f"{param.name}=[{param.default!r}], range(...), or bounds (low, high)")
    return Dimension(param.name, kind, values)


def _accepted(param: Param, values: list[Any], kind: type) -> Iterable[Any]:
    """What a parameter makes of values; of many that are of its kind, the outermost say that all are within its bounds."""
    if set(map(type, values)) == {kind} and values:
        is_within = param.low is None or min(values) >= param.low, param.high is None or max(values) <= param.high
        if all(is_within):
            return values
    return map(param.accept, values)


def _between(param: Param, bounds: tuple[Any, ...], kind: type) -> Dimension:
    """Bounds, both included."""
    if len(bounds) != 2 or not all(isinstance(bound, (int, float)) and isfinite(bound) for bound in bounds):
        what = f"{param.name}={bounds!r}: a pair in round brackets is bounds, and this is none"
        raise Setup("SFS01", what, fix=f"list values in square brackets: {param.name}={list(bounds)!r}")
    low, high = (param.accept(bound) for bound in bounds)
    if low > high:
        raise Setup("SFS01", f"{param.name}={bounds!r}: the bounds are the wrong way round", fix=f"({high!r}, {low!r})")
    if low == high:
        return Dimension(param.name, kind, (low,))
    return Dimension(param.name, kind, (), low, high)


def _plain(values: list[Any]) -> list[Any]:
    """NumPy's numbers as Python's own."""
    if _OWN.issuperset(map(type, values)):
        return values
    return [value.item() if type(value) not in _OWN and hasattr(value, "item") else value for value in values]


def _unknown(strategy: type[Strategy], name: str, declared: list[str]) -> Setup:
    """The error for a parameter that the strategy does not declare."""
    from difflib import get_close_matches

    near = get_close_matches(name, declared, n=1, cutoff=0.6)
    what = f"{strategy.__name__} has no parameter {name!r} to sweep"
    why = f"its parameters are {', '.join(declared)}" if declared else "it declares none"
    return Setup("SFS00", what, why=why, fix=f"did you mean {near[0]!r}?" if near else f"{name} = param(...)")


def parse(text: str, place: str = "the command line") -> Any:
    """`5:60:5` as 5, 10 ... 60; `0.01..0.2` as bounds; `5,10,20` as values; raises Setup SFS03 for anything else."""
    try:
        if ".." in text:
            low, high = (_number(part) for part in text.split(".."))
            return (low, high)
        if ":" in text:
            return _steps(*(_number(part) for part in text.split(":")))
        return [_number(part) for part in text.split(",")]
    except (ValueError, TypeError, OverflowError) as no:
        why = str(no) if isinstance(no, _NoStepsError) else ""
        what = f"{text!r} is no set of values"
        raise Setup("SFS03", what, place=place, why=why, fix="5:60:5, or 0.01..0.2, or 5,10,20") from None


class _NoStepsError(ValueError):
    """Why there is no way from one number to another."""


def _steps(first: float, last: float, step: float = 1) -> list[float]:
    """From first to last, both included where the step meets it."""
    if not step > 0:
        raise _NoStepsError(f"a step is above 0, and this is {step:g}")
    if last < first:
        raise _NoStepsError(f"it goes up, and {last:g} is below {first:g}")
    count = int((last - first) / step + 1e-9) + 1
    if count > VALUES_MAX:
        raise _NoStepsError(
            f"that is {count:,} values, and {VALUES_MAX:,} is the most: longer steps, or low..high and --trials"
        )
    return [round(first + number * step, 12) for number in range(count)]


def _number(text: str) -> Any:
    """A truth value, a whole number or a real one; raises ValueError."""
    text = text.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return float(text)
