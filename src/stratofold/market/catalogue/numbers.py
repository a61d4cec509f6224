"""Large files of text whose columns are numbers and a few words, read by machine code made for their columns.

What comes in: a CSV file, and the columns that polars found in it.
What goes out: the columns that are wanted, as polars would have read them; or None, where the file is better read by polars.
Why it is shaped so: whatever is not spelt plainly (`kernel.lines`) makes the whole file one for polars, which decides what it
means or says what is wrong; so a value that comes out of here is the value that polars gives.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.kernel.lines import PADDING, PASSED, REAL, WHOLE, WORD, Column, reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import BufferedReader
    from pathlib import Path

SMALLEST_BYTES = 8_000_000  # below, polars is as quick as looking a reader up
_BLOCK_BYTES = 1_048_576
_MARGIN = 1.05  # lines of a file by those of its first block
_WORD_BYTES = 7
_TRUTHS = ((b"true", 1), (b"false", 0))
_KINDS: dict[object, str] = {pl.Int64: WHOLE, pl.Float64: REAL}
_STORED = {WHOLE: np.int64, REAL: np.float64, WORD: np.int8}


class _Plan(NamedTuple):
    """The columns of a file, and the names and types of those that are wanted."""

    columns: tuple[Column, ...]
    wanted: dict[str, pl.DataType]


def numbers_in(
    path: Path, schema: Mapping[str, pl.DataType], wanted: Sequence[str], words: Mapping[str, Mapping[str, int]]
) -> pl.DataFrame | None:
    """The `wanted` columns of a CSV file whose columns are those of `schema`; a column of `words` as the numbers they stand for.

    None where the file is small, or holds anything that is not plainly a number or one of the words.
    """
    plan = _planned(schema, wanted, words)
    if plan is None or path.suffix.lower() != ".csv" or path.stat().st_size < SMALLEST_BYTES:
        return None
    with path.open("rb") as file:
        header = file.readline().rstrip(b"\n")
        if header.decode(errors="replace").split(",") != list(schema):
            return None
        frames = _frames(file, plan, path.stat().st_size)
    return None if not frames else pl.concat(frames, rechunk=False)


def _planned(
    schema: Mapping[str, pl.DataType], wanted: Sequence[str], words: Mapping[str, Mapping[str, int]]
) -> _Plan | None:
    """What each column is; None where one that is wanted is neither numbers nor words."""
    columns, types = [], {}
    for name, stored in schema.items():
        column = _column(stored, words.get(name, {})) if name in wanted else Column(PASSED)
        if column is None:
            return None
        columns.append(column)
        if column.kind != PASSED:
            types[name] = pl.Int8() if column.kind == WORD and stored == pl.String else stored
    return _Plan(tuple(columns), types)


def _column(stored: pl.DataType, words: Mapping[str, int]) -> Column | None:
    """A wanted column as the reader has it."""
    if stored == pl.Boolean:
        return Column(WORD, _TRUTHS)
    if stored == pl.String and words:
        spelt = ((word.encode(), number) for word, number in words.items())
        return Column(WORD, tuple((word, number) for word, number in spelt if len(word) <= _WORD_BYTES))
    kind = _KINDS.get(type(stored))
    return None if kind is None else Column(kind)


class _Filled:
    """Columns that are being filled; polars takes them as they are, so each array is written once."""

    def __init__(self, plan: _Plan, rows_max: int) -> None:
        """No row yet of at most `rows_max`."""
        kinds = [column.kind for column in plan.columns if column.kind != PASSED]
        self.rows, self.rows_max = 0, rows_max
        self._wanted = plan.wanted
        self._columns = [np.empty(rows_max, _STORED[kind]) for kind in kinds]

    def places(self) -> ctypes.Array[ctypes.c_void_p]:
        """Where the next row goes."""
        addresses = (column.ctypes.data + self.rows * column.itemsize for column in self._columns)
        return (ctypes.c_void_p * len(self._columns))(*addresses)

    def frame(self) -> pl.DataFrame:
        """The rows that there are, with the types that polars found."""
        series = zip(self._wanted.items(), self._columns, strict=True)
        return pl.DataFrame([pl.Series(name, column[: self.rows]).cast(stored) for (name, stored), column in series])


def _frames(file: BufferedReader, plan: _Plan, size: int) -> list[pl.DataFrame] | None:
    """The rest of a file of `size` bytes, some megabytes at a time; None where a line is not plain, or nothing is compiled here."""
    try:
        read = reader(plan.columns)
    except Setup:
        return None  # a processor that the kernel does not know
    block = bytearray(_BLOCK_BYTES + PADDING)
    text = ctypes.addressof(ctypes.c_char.from_buffer(block))
    at, kept, found, filled = ctypes.c_int64(), 0, list[pl.DataFrame](), None
    while True:
        with memoryview(block) as view:
            more = file.readinto(view[kept:_BLOCK_BYTES])
        there = kept + more
        if not more and kept:
            block[there] = b"\n"[0]  # many programs write none after the last line
            there += 1
        end = block.rfind(b"\n", 0, there) + 1
        at.value = 0
        while at.value < end:
            if filled is None or filled.rows == filled.rows_max:
                found += [] if filled is None else [filled.frame()]
                filled = _Filled(plan, int(_MARGIN * block.count(b"\n", 0, end) * max(1.0, size / end)) + 1)
            rows = read(text, at.value, end, filled.places(), filled.rows_max - filled.rows, ctypes.byref(at))
            filled.rows += rows
            if at.value < end and filled.rows < filled.rows_max:
                return None
        if not more:
            return found if filled is None else [*found, filled.frame()]
        kept = there - end
        if kept == _BLOCK_BYTES:
            return None  # a line longer than a block
        block[:kept] = block[end:there]
