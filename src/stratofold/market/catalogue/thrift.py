"""Thrift's compact protocol, as far as the head of a Parquet file needs it.

What comes in: fields of a structure by their numbers, each a Python value with its type.
What goes out: bytes.
Why it is shaped so: a structure is a mapping from a field's number to what encodes it, so that the code that fills one reads
like the table in Parquet's specification.

Source: Apache Thrift, "Thrift Compact protocol encoding".  Ignores: maps, sets, doubles, lists of more than 2**31 elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TRUE, _FALSE, _BYTE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 5, 6, 8, 9, 12
_SHORT_LIST = 15  # a list of fewer elements has their number in its first byte


class Value(NamedTuple):
    """A value on its way: its type's number, and its bytes."""

    kind: int
    data: bytes


def varint(number: int) -> bytes:
    """A number from 0 on, seven bits a byte, the least first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def zigzag(number: int) -> bytes:
    """A number of either sign (64 bits)."""
    return varint((number << 1) ^ (number >> 63))


def truth(value: bool) -> Value:
    """A boolean field, which is its type."""
    return Value(_TRUE if value else _FALSE, b"")


def i8(number: int) -> Value:
    """A byte."""
    return Value(_BYTE, bytes([number]))


def i32(number: int) -> Value:
    """A number of 32 bits."""
    return Value(_I32, zigzag(number))


def i64(number: int) -> Value:
    """A number of 64 bits."""
    return Value(_I64, zigzag(number))


def binary(data: bytes) -> Value:
    """Bytes, or text in UTF-8."""
    return Value(_BINARY, varint(len(data)) + data)


def listed(values: Iterable[Value]) -> Value:
    """Values of one type, at least one."""
    found = list(values)
    size, kind = len(found), found[0].kind
    head = bytes([size << 4 | kind]) if size < _SHORT_LIST else bytes([_SHORT_LIST << 4 | kind]) + varint(size)
    return Value(_LIST, head + b"".join(value.data for value in found))


def struct(fields: Mapping[int, Value | None]) -> Value:
    """Fields by their numbers, in rising order; those that are None are left out."""
    out, before = bytearray(), 0
    for number, value in fields.items():
        if value is None:
            continue
        step = number - before
        out += bytes([step << 4 | value.kind]) if step < 16 else bytes([value.kind]) + zigzag(number)
        out += value.data
        before = number
    return Value(_STRUCT, bytes(out) + b"\0")
