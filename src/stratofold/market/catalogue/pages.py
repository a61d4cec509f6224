"""A column of numbers as the pages of a Parquet file.

What comes in: a column without a gap, or without any value, of one of the types in `TYPES`.
What goes out: its pages, compressed, each with its head, and what the file's foot says of them.
Why it is shaped so: what a tick's columns are is known.  Times and ids grow, so their differences are kept in few bits; prices
and sizes repeat, so their places in a dictionary are; a column without values is a few bytes.

Source: Apache Parquet, "Data pages", "Encodings" and `parquet.thrift` 2.12: data pages of version 1, optional columns, no nesting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from stratofold.kernel import bits
from stratofold.market.catalogue.thrift import Value, binary, i8, i32, i64, struct, truth, varint, zigzag
from stratofold.market.catalogue.zstd import compressed

PLAIN, RLE, DELTA, DICTIONARY = 0, 3, 5, 8
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_WORD_BYTES = 8


class Type(NamedTuple):
    """A column's type on the disk: its number, the old and the new word for what it means, numpy's type of a value."""

    number: int
    converted: int | None
    logical: Value | None
    stored: str
    grows: bool = False  # whether differences say it best


_MICROS = struct({1: truth(True), 2: struct({2: struct({})})})
TYPES: dict[pl.DataType, Type] = {
    pl.Datetime("us", "UTC"): Type(2, 10, struct({8: _MICROS}), "<i8", grows=True),
    pl.Int64(): Type(2, None, None, "<i8", grows=True),
    pl.Int16(): Type(1, 16, struct({10: struct({1: i8(16), 2: truth(True)})}), "<i4"),
    pl.Int8(): Type(1, 15, struct({10: struct({1: i8(8), 2: truth(True)})}), "<i4"),
    pl.Float64(): Type(5, None, None, "<f8"),
    pl.String(): Type(6, 0, struct({1: struct({})}), ""),  # this and the next only where there is no value
    pl.Boolean(): Type(0, None, None, ""),
}


class Page(NamedTuple):
    """A page as it is written, and its bytes before they were compressed, with its head."""

    head: bytes
    body: bytes
    plain_bytes: int


class Chunk(NamedTuple):
    """A column of a row group: the dictionary's page, if it has one, the page of its values, and what is known of them."""

    dictionary: Page | None
    values: Page
    encoding: int
    statistics: Value


def is_plain(column: pl.Series) -> bool:
    """Whether a column can become pages here."""
    kind = TYPES.get(column.dtype)
    missing = column.null_count()
    return kind is not None and (missing == len(column) or (missing == 0 and bool(kind.stored)))


def chunk_of(column: pl.Series) -> Chunk:
    """A column in the encoding that suits it."""
    kind = TYPES[column.dtype]
    if column.null_count():
        return Chunk(None, _data_page(PLAIN, len(column), b"", is_there=False), PLAIN, struct({3: i64(len(column))}))
    values = np.ascontiguousarray(column.to_physical().to_numpy())
    if kind.grows:
        return Chunk(None, _data_page(DELTA, len(values), _differences(values)), DELTA, _statistics(values, kind))
    found = _places(values)
    if found is None:
        body = values.astype(kind.stored).tobytes()
        return Chunk(None, _data_page(PLAIN, len(values), body), PLAIN, _statistics(values, kind))
    distinct, places = found
    dictionary = _dictionary_page(len(distinct), distinct.astype(kind.stored).tobytes())
    page = _data_page(DICTIONARY, len(values), _numbered(places, len(distinct)))
    return Chunk(dictionary, page, DICTIONARY, _statistics(distinct, kind))


def _statistics(values: np.ndarray, kind: Type) -> Value:
    """No value missing, the least and the greatest; not where one is no number, as the format asks for."""
    low, high = values.min(), values.max()
    if np.isnan(low):
        return struct({3: i64(0)})
    if low == 0:  # of the two zeros the lower is below, and the upper above
        low = -np.abs(low)
    if high == 0:
        high = np.abs(high)
    most, least = (end.astype(kind.stored).tobytes() for end in (high, low))
    return struct({3: i64(0), 5: binary(most), 6: binary(least)})


def _differences(values: np.ndarray) -> bytes:
    """DELTA_BINARY_PACKED: the first value, and then how much more each has than the one before."""
    count = len(values)
    blocks = count // bits.BLOCK + 1
    out = np.empty(_WORD_BYTES * bits.BLOCK * blocks + 14 * blocks + bits.SPARE, np.uint8)
    size = bits.differences()(values.ctypes.data, count, out.ctypes.data)
    head = varint(bits.BLOCK) + varint(bits.BLOCK // bits.PART) + varint(count) + zigzag(int(values[0]))
    return head + out[:size].tobytes()


def _places(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The distinct values as they are met, and of each row which it has; None where there are too many."""
    words = values.view(np.int64) if values.itemsize == _WORD_BYTES else values.astype(np.int64)
    table, distinct = np.zeros(bits.SLOTS, np.int32), np.empty(bits.DISTINCT_MAX, np.int64)
    places = np.empty(len(words), np.int32)
    addresses = (one.ctypes.data for one in (table, distinct, places))
    found = bits.places()(words.ctypes.data, len(words), *addresses)
    if found < 0:
        return None
    its = distinct[:found]
    return its.view(values.dtype) if values.itemsize == _WORD_BYTES else its, places


def _numbered(places: np.ndarray, distinct: int) -> bytes:
    """RLE_DICTIONARY: one run of equal places, or all of them in as few bits as there are values."""
    width = max((distinct - 1).bit_length(), 1)
    if distinct == 1:
        return bytes([width]) + _run(len(places), 0)
    eights = (len(places) + 7) // 8
    out = np.empty(eights * width + bits.SPARE, np.uint8)
    size = bits.packed()(places.ctypes.data, len(places), width, out.ctypes.data)
    out[size:] = 0
    return bytes([width]) + varint(eights << 1 | 1) + out[: eights * width].tobytes()


def _run(count: int, value: int) -> bytes:
    """The same small number again and again."""
    return varint(count << 1) + bytes([value])


def _data_page(encoding: int, count: int, values: bytes, *, is_there: bool = True) -> Page:
    """The values of a column, after whether each row has one."""
    levels = _run(count, is_there)
    facts = struct({1: i32(count), 2: i32(encoding), 3: i32(RLE), 4: i32(RLE)})
    return _page(_DATA_PAGE, 5, facts, len(levels).to_bytes(4, "little") + levels + values)


def _dictionary_page(count: int, values: bytes) -> Page:
    """The distinct values of a column."""
    return _page(_DICTIONARY_PAGE, 7, struct({1: i32(count), 2: i32(PLAIN)}), values)


def _page(kind: int, field: int, facts: Value, body: bytes) -> Page:
    packed = compressed(body)
    head = struct({1: i32(kind), 2: i32(len(body)), 3: i32(len(packed)), field: facts}).data
    return Page(head, packed, len(head) + len(body))
