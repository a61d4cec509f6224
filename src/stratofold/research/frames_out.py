"""Frames of a result: columns of numbers inside, tables with names and times at the edge.

What comes in: columns (arrays, NumPy arrays or lists) of numbers: int64 nanoseconds, integer codes, doubles.
What goes out: `Frame`, which becomes a polars, pandas or Arrow table when asked, and prints its first and last rows.
Why it is shaped so: a backtest of a thousand bars must not pay for importing a table library, and a code becomes a
name in one place only.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from importlib import import_module
from math import isnan
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from rich.table import Table

Columns = Mapping[str, Sequence[Any]]
Names = Mapping[int, str]

TIMES = frozenset({"time", "opened", "closed", "decided", "done"})
ROWS_SHOWN = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_time(nanoseconds: int) -> datetime | None:
    """An aware datetime in UTC, to the microsecond; None for what has not happened (0 or less)."""
    return _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000) if nanoseconds > 0 else None


def as_names(table: Sequence[str] | Names) -> Names:
    """A table of names by code, from a sequence (code = position) or a mapping."""
    return table if isinstance(table, Mapping) else dict(enumerate(table))


class Frame:
    """One table of a result: `len`, `columns`, `frame["price"]`, `to_polars`, `to_pandas`, `to_arrow`.

    Times are nanoseconds since 1970 in UTC inside and aware datetimes in the tables; what has not happened (an order
    that still works has no `done`) is null.  Prices that an order does not have are null.
    """

    def __init__(
        self,
        name: str,
        columns: Columns | Callable[[], Columns],
        names: Mapping[str, Names],
        order: Sequence[str] = (),
    ) -> None:
        """Keep the columns, or the function that makes them when they are first looked at; `order` is theirs."""
        self.name = name
        self._made: Columns | None = None
        self._columns = columns
        self._names = names
        self._order = order

    @property
    def raw(self) -> Columns:
        """The columns as they came: numbers, no names."""
        if self._made is None:
            found = self._columns() if callable(self._columns) else self._columns
            first = {name: found[name] for name in self._order if name in found}
            self._made = {**first, **found}
        return self._made

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.raw)

    def __len__(self) -> int:
        return min((len(values) for values in self.raw.values()), default=0)

    def __getitem__(self, column: str) -> list[Any]:
        """One column as Python values: names, aware datetimes (or None), numbers."""
        return self._values(column, self.raw[column])

    def _values(self, column: str, values: Sequence[Any]) -> list[Any]:
        """Numbers of `column` as Python values."""
        plain = values.tolist() if hasattr(values, "tolist") else list(values)
        if column in self._names:
            table = self._names[column]
            return [table.get(code, str(code)) for code in plain]
        if column in TIMES:
            return [as_time(value) for value in plain]
        return list(plain)

    def rows(self, start: int = 0, stop: int | None = None) -> list[tuple[Any, ...]]:
        """Rows `start` to `stop` as tuples of Python values."""
        parts = [self._values(column, values[start:stop]) for column, values in self.raw.items()]
        return list(zip(*parts, strict=True))

    def to_polars(self) -> "pl.DataFrame":
        """A polars frame; times are `Datetime("ns", "UTC")`, absent prices null. Needs polars."""
        polars = _library("polars")
        made: pl.DataFrame = polars.DataFrame([self._polars_series(polars, column) for column in self.raw])
        return made

    def _polars_series(self, polars: Any, column: str) -> "pl.Series":
        """One column for polars."""
        series: pl.Series
        if column in self._names:
            series = polars.Series(column, self[column], dtype=polars.String)
            return series
        if column in TIMES:
            series = polars.Series(column, self._nanoseconds(column), dtype=polars.Int64)
            return series.cast(polars.Datetime("ns", "UTC"))
        series = polars.Series(column, self.raw[column])
        return series.fill_nan(None) if series.dtype.is_float() else series

    def to_arrow(self) -> "pa.Table":
        """An Arrow table; times are `timestamp("ns", "UTC")`, absent prices null. Needs pyarrow."""
        arrow = _library("pyarrow")
        return arrow.table({column: self._arrow_array(arrow, column) for column in self.raw})

    def _arrow_array(self, arrow: Any, column: str) -> "pa.Array":
        """One column for Arrow."""
        if column in self._names:
            return arrow.array(self[column], type=arrow.string())
        if column in TIMES:
            return arrow.array(self._nanoseconds(column), type=arrow.timestamp("ns", "UTC"))
        return arrow.array(_plain(self.raw[column]), from_pandas=True)

    def to_pandas(self) -> "pd.DataFrame":
        """A pandas frame; times are nanoseconds in UTC, NaT where nothing has happened. Needs pandas."""
        pandas = _library("pandas")
        return pandas.DataFrame({column: self._pandas_column(pandas, column) for column in self.raw})

    def _pandas_column(self, pandas: Any, column: str) -> Any:
        """One column for pandas."""
        if column in self._names:
            return self[column]
        if column in TIMES:
            return pandas.to_datetime(pandas.Series(self._nanoseconds(column), dtype="Int64"), utc=True, unit="ns")
        return _plain(self.raw[column])

    def _nanoseconds(self, column: str) -> list[int | None]:
        """Times as integers, None where nothing has happened."""
        return [value if value > 0 else None for value in _plain(self.raw[column])]

    def _shown(self) -> tuple[list[list[str]], int]:
        """The first and last rows as text, and how many are left out between them."""
        count = len(self)
        if count <= ROWS_SHOWN:
            return _texts(self.rows()), 0
        half = ROWS_SHOWN // 2
        return _texts(self.rows(0, half) + self.rows(count - half, count)), count - ROWS_SHOWN

    def __repr__(self) -> str:
        rows, left_out = self._shown()
        lines = _aligned([list(self.columns), *rows]) if rows else ["(none)"]
        if left_out:
            lines.insert(1 + ROWS_SHOWN // 2, f"… {left_out:,} more …")
        return "\n".join([f"{self.name}: {len(self):,} rows", *lines])

    def __rich__(self) -> "Table":
        """The first and last rows as a rich table."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self.name}: {len(self):,} rows", title_justify="left")
        for column in self.columns:
            table.add_column(column)
        rows, left_out = self._shown()
        for position, row in enumerate(rows):
            if left_out and position == ROWS_SHOWN // 2:
                table.add_section()
            table.add_row(*(Text(cell) for cell in row))
        return table

    def _repr_html_(self) -> str:
        """The first and last rows in a notebook; every text escaped."""
        rows, left_out = self._shown()
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        note = f"<p>{left_out:,} rows between are not shown.</p>" if left_out else ""
        caption = f"<caption>{escape(self.name)}: {len(self):,} rows</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _library(name: str) -> Any:
    """The table library `name`; Setup SF501 if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Setup(
            "SF501",
            f"{name} is not installed",
            why="this result was asked for as a table of that library",
            fix=f"pip install {name}",
        ) from error


def _plain(values: Sequence[Any]) -> Any:
    """Values of a column as Python numbers."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _cell(value: Any) -> str:
    """One value as text."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return "—"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _texts(rows: list[tuple[Any, ...]]) -> list[list[str]]:
    """Rows as text."""
    return [[_cell(value) for value in row] for row in rows]


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows as lines of right-aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
