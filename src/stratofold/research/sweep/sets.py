"""Sets of parameters as columns: a set is a mapping only where somebody asks for one.

What comes in: the values of each parameter, or mappings.  What goes out: `Sets`, a sequence of mappings, and its columns.
Why so: names, machine words and tables are made of columns, and a short cell costs less than the mapping of its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq, is_, itemgetter
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Column = NDArray[Any] | tuple[Any, ...]

_TYPES: dict[type, Any] = {int: np.int64, float: np.float64, bool: np.bool_}
_AT_ONCE = 1 << 12  # that are made mappings together


class Sets(Sequence["dict[str, Any]"]):
    """Sets of parameters that have the same names, a column for each: an array, or a tuple where no array holds its values.

    A slice of it knows what it is a slice of.
    """

    __slots__ = ("_first", "_length", "_whole", "columns")

    def __init__(self, columns: Mapping[str, Column], length: int, whole: Sets | None = None, first: int = 0) -> None:
        """`whole` and `first` are what this is a slice of, and where it begins there."""
        self.columns = dict(columns)
        self._length = length
        self._whole = whole
        self._first = first

    def __len__(self) -> int:
        """How many sets."""
        return self._length

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Sets: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | Sets:
        """One set, or those side by side."""
        if not isinstance(at, slice):
            row = range(self._length)[at]
            return {name: _listed(column[row : row + 1])[0] for name, column in self.columns.items()}
        rows = range(self._length)[at]
        if rows.step != 1:
            return self.some(list(rows))
        columns = {name: column[rows.start : rows.stop] for name, column in self.columns.items()}
        return Sets(columns, len(rows), self if self._whole is None else self._whole, self._first + rows.start)

    def ahead(self, count: int) -> Sets:
        """This, or more of what it is a slice of from where it begins, as far as `count`."""
        if self._whole is None or self._length >= count:
            return self
        return self._whole[self._first : self._first + count]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One set after the other."""
        names = list(self.columns)
        for at in range(0, self._length, _AT_ONCE):
            part = self[at : at + _AT_ONCE]
            lists = [_listed(column) for column in part.columns.values()]
            rows = zip(*lists, strict=True) if lists else [()] * len(part)
            for row in rows:
                yield dict(zip(names, row, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a slice, and not what it is a slice of."""
        return Sets, (self.columns, self._length)

    def some(self, rows: Sequence[int]) -> Sets:
        """Some of the sets, wherever they stand."""
        numbers = np.asarray(rows, np.intp)
        return Sets({name: chosen(column, numbers) for name, column in self.columns.items()}, len(numbers))

    def __eq__(self, other: object) -> bool:
        """Whether the other has equal mappings, one after the other."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # its mappings have none

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells this from other slices and from other sets, for as long as it is held."""
        return id(self if self._whole is None else self._whole), self._first, self._length


def sets_of(sets: Sequence[Mapping[str, Any]]) -> Sets:
    """Mappings that have the same names as columns."""
    if isinstance(sets, Sets):
        return sets
    names = list(sets[0]) if sets else []
    return Sets({name: column_of(list(map(itemgetter(name), sets))) for name in names}, len(sets))


def column_of(values: Sequence[Any]) -> Column:
    """Values as an array, if they are of one type and an array holds them."""
    kinds = set(map(type, values))
    try:
        (kind,) = kinds
        return np.array(values, _TYPES[kind])
    except (ValueError, KeyError, OverflowError):  # of several types or none, of another one, an int past 63 bits
        return tuple(values)


def constant(value: Any, length: int) -> Column:
    """A column of one value."""
    column = column_of([value])
    return np.broadcast_to(column, length) if isinstance(column, np.ndarray) else column * length


def chosen(column: Column, rows: NDArray[np.intp]) -> Column:
    """Some rows of a column."""
    if not isinstance(column, np.ndarray):
        return tuple(column[row] for row in rows.tolist())
    return np.broadcast_to(column[:1], len(rows)) if is_constant(column) and len(rows) else column[rows]


def is_constant(column: Column) -> bool:
    """Whether a column is one that `constant` has made."""
    return isinstance(column, np.ndarray) and column.strides == (0,)


def values_of(sets: Sequence[Mapping[str, Any]], name: str) -> Column:
    """The column of a parameter; raises KeyError where one of the sets does not have it."""
    return sets.columns[name] if isinstance(sets, Sets) else column_of(list(map(itemgetter(name), sets)))


def some_of(sets: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    """Some of some sets, wherever they stand."""
    return sets.some(rows) if isinstance(sets, Sets) else tuple(sets[row] for row in rows)


def are_same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether these are the very same sets."""
    if isinstance(one, Sets) and isinstance(other, Sets):
        return one.key == other.key
    return len(one) == len(other) and all(map(is_, one, other))


def _listed(column: Column) -> Sequence[Any]:
    """A column's values as Python's own."""
    found: Sequence[Any] = column.tolist() if isinstance(column, np.ndarray) else column
    return found
