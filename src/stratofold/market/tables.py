"""Any table a user may hold, seen in one way.

What comes in: a pandas, polars or Arrow frame, anything else narwhals knows, a mapping of arrays, or a path.
What goes out: `Table`s, which hand out a column as floats, as raw times or as symbols, without a copy where memory fits.
Why it is shaped so: pandas and polars are read through their own cheapest accessors, because converting 1,260 rows should
cost less than folding them; everything else becomes polars once, through narwhals or Arrow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.times import RawTimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.market.data import Floats, Ints


_SMALL = 50_000  # rows


class Table(ABC):
    """Columns by position.

    `symbol` is the table's own symbol where its key says so; `stem` is the name to take where nothing else says one.
    """

    def __init__(self, source: str, symbol: str | None, stem: str | None, names: tuple[Any, ...]) -> None:
        """What an error calls the table, and what its columns are called."""
        self.source, self.symbol, self.stem, self.names = source, symbol, stem, names

    @abstractmethod
    def floats(self, position: int) -> Floats:
        """A column of prices or volumes as contiguous doubles; raises Setup for anything but numbers."""

    @abstractmethod
    def times(self, position: int) -> RawTimes:
        """A column of times as it is stored."""

    @abstractmethod
    def symbols(self, position: int) -> tuple[Ints, tuple[str, ...]]:
        """A column of symbols as numbers and the names they stand for, in order of appearance."""


class ArrayTable(Table):
    """A mapping from column names to arrays."""

    def __init__(self, columns: Mapping[Any, Any], source: str, symbol: str | None = None) -> None:
        """Columns of one length; raises Setup if they are not."""
        super().__init__(source, symbol, None, tuple(columns))
        self._columns = list(columns.values())
        lengths = {str(name): len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise Setup(
                "SF218",
                "the columns have different lengths",
                place=source,
                why=", ".join(f"{name} has {length:,}" for name, length in lengths.items()),
                fix="give one value a row in every column",
            )

    def floats(self, position: int) -> Floats:
        """See `Table`."""
        return _as_floats(np.asarray(self._columns[position]), self.source, self.names[position])

    def times(self, position: int) -> RawTimes:
        """See `Table`."""
        return _any_times(self._columns[position])

    def symbols(self, position: int) -> tuple[Ints, tuple[str, ...]]:
        """See `Table`."""
        return _numbered(np.asarray(self._columns[position]))


class PandasTable(Table):
    """A pandas frame; levels of its index count as columns before its own."""

    def __init__(self, frame: Any, source: str, symbol: str | None = None) -> None:
        """A frame with one level of column names."""
        self._frame = frame
        self._levels = _index_names(frame.index)
        super().__init__(source, symbol, None, (*self._levels, *frame.columns))
        self._by_name = frame.columns.is_unique
        # Asking pandas for six columns one by one costs more than all the rest of the door; a small frame of numbers
        # comes out whole, column by column in memory.  A text column would make objects of everything.
        small = bool(self._levels) and len(frame) <= _SMALL and "symbol" not in recognised(tuple(frame.columns))
        self._whole = frame.to_numpy() if small else None

    def _column(self, position: int) -> Any:
        depth = len(self._levels)
        if position >= depth:
            # By name costs a third of by position, but names may repeat.
            return self._frame[self.names[position]] if self._by_name else self._frame.iloc[:, position - depth]
        return self._frame.index if depth == 1 else self._frame.index.get_level_values(position)

    def floats(self, position: int) -> Floats:
        """See `Table`."""
        if self._whole is not None and self._whole.dtype.kind in "fiu" and position >= len(self._levels):
            return np.ascontiguousarray(self._whole[:, position - len(self._levels)], np.float64)
        column = self._column(position)
        if isinstance(column.dtype, np.dtype):
            return _as_floats(column.to_numpy(), self.source, self.names[position])
        try:
            return np.ascontiguousarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError):
            raise _not_numbers(self.source, self.names[position], str(column.dtype), None) from None

    def times(self, position: int) -> RawTimes:
        """See `Table`."""
        return _pandas_times(self._column(position))

    def symbols(self, position: int) -> tuple[Ints, tuple[str, ...]]:
        """See `Table`."""
        codes, names = self._column(position).factorize()
        _refuse_nameless(codes, self.source)
        return codes.astype(np.int64, copy=False), tuple(str(name) for name in names)


class PolarsTable(Table):
    """A polars frame."""

    def __init__(self, frame: Any, source: str, symbol: str | None = None, stem: str | None = None) -> None:
        """A frame in memory, or mapped into it."""
        super().__init__(source, symbol, stem, tuple(frame.columns))
        self._columns = [_in_64_bits(column) for column in frame.get_columns()]

    def floats(self, position: int) -> Floats:
        """See `Table`."""
        column = self._columns[position]
        values = column.to_numpy() if column.dtype.is_numeric() else np.asarray(_objects(column), object)
        return _as_floats(values, self.source, self.names[position])

    def times(self, position: int) -> RawTimes:
        """See `Table`."""
        return _polars_times(self._columns[position])

    def symbols(self, position: int) -> tuple[Ints, tuple[str, ...]]:
        """See `Table`."""
        column = self._columns[position]
        names = column.unique(maintain_order=True)
        if column.null_count():
            _refuse_nameless(np.where(column.is_null().to_numpy(), -1, 0), self.source)
        if len(names) == 1:
            return np.zeros(len(column), np.int64), (str(names[0]),)
        codes = column.replace_strict(names, list(range(len(names))), return_dtype=_int64())
        return codes.to_numpy(), tuple(str(name) for name in names)


def _objects(column: Any) -> list[Any]:
    """The values of a column as Python's own; dates before its first year or after its last as text."""
    try:
        values: list[Any] = column.to_list()
    except (ValueError, OverflowError):
        values = column.cast(str).to_list()
    return values


def _in_64_bits(column: Any) -> Any:
    """Numbers of 128 bits, which NumPy does not know, as doubles."""
    return column.cast(float) if column.dtype.is_decimal() or str(column.dtype) in ("Int128", "UInt128") else column


def _int64() -> Any:
    import polars as pl

    return pl.Int64


def _index_names(index: Any) -> tuple[object, ...]:
    """A name for each level of an index that carries data; a mere row number has none."""
    if index.nlevels > 1:
        kinds = [level.dtype for level in index.levels]
        return tuple(
            ("time" if _is_datetime(kind) else "symbol") if name is None else name
            for name, kind in zip(index.names, kinds, strict=True)
        )
    if _is_datetime(index.dtype):
        return ("time" if index.name is None else index.name,)
    counting = index.dtype.kind == "i" and index.name is None
    return () if counting else ("index" if index.name is None else index.name,)


def _is_datetime(kind: Any) -> bool:
    return str(kind).startswith(("datetime64", "period", "timestamp"))


def _pandas_times(column: Any) -> RawTimes:
    """Aware columns as UTC with their zone; periods as the time they end with; the rest as it is."""
    kind = column.dtype
    if isinstance(kind, np.dtype):
        return RawTimes(column.to_numpy())
    if str(kind).startswith("datetime64"):
        stored = column.array
        unit = kind.unit
        wall_factor = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}[unit]
        return RawTimes(
            stored.asi8.view(f"datetime64[{unit}]"),
            str(kind.tz),
            lambda count: stored[:count].tz_localize(None).asi8 * wall_factor,
        )
    if str(kind).startswith("period"):
        stamps = column.dt.end_time if hasattr(column, "dt") else column.end_time
        return RawTimes(stamps.to_numpy().astype("datetime64[D]"))
    if str(kind).startswith(("timestamp", "date")):
        import polars as pl

        return _polars_times(pl.Series(column.array.__arrow_array__()))
    return RawTimes(column.to_numpy(dtype=object))


def _polars_times(column: Any) -> RawTimes:
    """Dates and datetimes as NumPy stores them, aware ones in UTC with their zone; the rest as it is."""
    kind = column.dtype
    if kind.is_temporal() or kind.is_numeric():
        zone = getattr(kind, "time_zone", None)
        return RawTimes(
            column.to_numpy(), zone, lambda count: _polars_wall(column if count is None else column[:count])
        )
    return RawTimes(np.asarray(column.to_list(), object))


def _polars_wall(column: Any) -> Ints:
    """The local wall time of aware datetimes, in nanoseconds."""
    wall: Ints = column.dt.replace_time_zone(None).to_numpy().astype("datetime64[ns]").view(np.int64)
    return wall


def _any_times(column: Any) -> RawTimes:
    """Times of a column that came by itself, in a mapping."""
    home = type(column).__module__.partition(".")[0]
    if home == "pandas":
        return _pandas_times(column)
    if home == "polars":
        return _polars_times(column)
    values = np.asarray(column)
    return RawTimes(values if values.dtype.kind in "MiufOUST" else values.astype(object))


def _as_floats(values: np.ndarray, source: str, name: object) -> Floats:
    """Numbers as contiguous doubles, the same memory where they are that already."""
    if values.dtype.kind in "fiu":
        return np.ascontiguousarray(values, np.float64)
    row = next((k for k, value in enumerate(values) if not _reads_as_number(value)), 0)
    shown = values[row] if len(values) else None
    raise _not_numbers(source, name, "text" if isinstance(shown, str) else str(values.dtype), (row, shown))


def _reads_as_number(value: object) -> bool:
    """Whether a value would become a finite number, so that an error points at the first that would not."""
    try:
        return isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _not_numbers(source: str, name: object, kind: str, found: tuple[int, object] | None) -> Setup:
    return Setup(
        "SF219",
        f"the column {name!r} holds {kind}, not numbers" + (f": {found[1]!r}" if found else ""),
        place=source + (f", {spelling.row_text(source, found[0])}" if found else ""),
        why="objects hide text, missing values and decimals that are not doubles",
        fix="write a number there, or drop the row"
        if spelling.is_text_file(source)
        else f"convert it first: frame[{name!r}].astype(float)",
    )


def _numbered(values: np.ndarray) -> tuple[Ints, tuple[str, ...]]:
    """Symbols as numbers in order of appearance."""
    names, first, codes = np.unique(values.astype(str), return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty(len(names), np.int64)
    rank[by_appearance] = np.arange(len(names))
    return rank[codes], tuple(str(name) for name in names[by_appearance])


def _refuse_nameless(codes: np.ndarray, source: str) -> None:
    nameless = np.flatnonzero(codes < 0)
    if len(nameless):
        raise Setup(
            "SF220",
            "a row has no symbol",
            place=f"{source}, {spelling.row_text(source, int(nameless[0]))}",
            fix="fill in the symbol, or drop the row",
        )


@lru_cache(maxsize=64)
def recognised(names: tuple[object, ...]) -> dict[str, int]:
    """`spelling.recognise`, remembered: a sweep reads thousands of tables of one shape."""
    return spelling.recognise(names)
