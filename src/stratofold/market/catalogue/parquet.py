"""Parquet files of many rows of numbers, in less time than a general writer takes, and smaller.

What comes in: rows in the one form of their kind, and a path.
What goes out: a file for whoever reads Parquet; or False, where the rows are better written by polars.
Why it is shaped so: most of the time of an import went into general compression of columns of which much is known
(`pages`).  A file of polars and one of these have the same columns and are read as one table.

Source: Apache Parquet, "File format" and `parquet.thrift` 2.12.
Ignores: columns with some values missing, and texts, truths and days, which polars writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.kernel import bits
from stratofold.market.catalogue.pages import PLAIN, RLE, TYPES, Chunk, chunk_of, is_plain
from stratofold.market.catalogue.thrift import Value, binary, i32, i64, listed, struct

if TYPE_CHECKING:
    from io import BufferedWriter
    from pathlib import Path

    import polars as pl

ROWS_MIN = 100_000  # for fewer, nobody waits
_MAGIC = b"PAR1"
_BY = b"stratofold version 1"  # of the writer, not of the package, so that equal rows stay equal files
_OPTIONAL, _ZSTD = 1, 6


def written(rows: pl.DataFrame, path: Path, rows_a_group: int) -> bool:
    """Write the rows if they are many, and every column is numbers without a gap, or nothing; else False."""
    if len(rows) < ROWS_MIN or not all(is_plain(column) for column in rows.get_columns()):
        return False
    try:
        bits.differences()
    except Setup:
        return False  # a processor that the kernel does not know
    with path.open("wb") as file:
        file.write(_MAGIC)
        groups = [_group(file, rows[begin : begin + rows_a_group]) for begin in range(0, len(rows), rows_a_group)]
        foot = _foot(rows, groups).data
        file.write(foot + len(foot).to_bytes(4, "little") + _MAGIC)
    return True


def _group(file: BufferedWriter, rows: pl.DataFrame) -> Value:
    """Write a row group, column after column; what the foot says of it."""
    begin, facts, plain_bytes = file.tell(), [], 0
    for column in rows.get_columns():
        chunk = chunk_of(column)
        facts.append(_put(file, chunk, column))
        plain_bytes += _plain_bytes(chunk)
    size = file.tell() - begin
    return struct({1: listed(facts), 2: i64(plain_bytes), 3: i64(len(rows)), 5: i64(begin), 6: i64(size)})


def _plain_bytes(chunk: Chunk) -> int:
    return chunk.values.plain_bytes + (chunk.dictionary.plain_bytes if chunk.dictionary else 0)


def _put(file: BufferedWriter, chunk: Chunk, column: pl.Series) -> Value:
    """Write the pages of a column; what the foot says of them."""
    places = []
    for page in filter(None, (chunk.dictionary, chunk.values)):
        places.append(file.tell())
        file.write(page.head)
        file.write(page.body)
    encodings = sorted({RLE, chunk.encoding, PLAIN} if chunk.dictionary else {RLE, chunk.encoding})
    facts = {
        1: i32(TYPES[column.dtype].number), 2: listed(map(i32, encodings)), 3: listed([binary(column.name.encode())]),
        4: i32(_ZSTD), 5: i64(len(column)), 6: i64(_plain_bytes(chunk)), 7: i64(file.tell() - places[0]), 9: i64(places[-1]),
        11: i64(places[0]) if chunk.dictionary else None, 12: chunk.statistics,
    }  # fmt: skip
    return struct({2: i64(places[0]), 3: struct(facts)})


def _foot(rows: pl.DataFrame, groups: list[Value]) -> Value:
    """What the file says of itself: its columns, its row groups, and that their ends are ordered as numbers are."""
    root = struct({4: binary(b"root"), 5: i32(rows.width)})
    fields = (_field(column) for column in rows.get_columns())
    orders = listed(struct({1: struct({})}) for _ in range(rows.width))
    facts = {1: i32(1), 2: listed([root, *fields]), 3: i64(len(rows)), 4: listed(groups), 6: binary(_BY), 7: orders}
    return struct(facts)


def _field(column: pl.Series) -> Value:
    """A column's name and type."""
    kind = TYPES[column.dtype]
    converted = None if kind.converted is None else i32(kind.converted)
    return struct(
        {1: i32(kind.number), 3: i32(_OPTIONAL), 4: binary(column.name.encode()), 6: converted, 10: kind.logical}
    )
