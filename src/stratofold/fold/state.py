"""The state of a fold as bytes, and back: what makes a restart a no-op.

What comes in: a graph of plain objects of numbers, arrays, nested objects and lists of those.  What goes out: bytes
that depend on values alone, not on where or by which execution they were made; `restore` writes them into a graph of
the same classes, lengthening or shortening tables as they were.
"""

from __future__ import annotations

from array import array
from typing import Any

from stratofold.errors import Setup

_WORD = 8


def fields(thing: object) -> list[str]:
    """The names of an object's attributes in order of definition, without those that belong to Python."""
    slots = [name for base in reversed(type(thing).__mro__) for name in base.__dict__.get("__slots__", ())]
    names = [*slots, *getattr(thing, "__dict__", ())]
    return [name for name in names if not name.startswith("_edge")]


def save(thing: object) -> bytes:
    """The whole graph under `thing` as bytes."""
    out = bytearray()
    _write(thing, out)
    return bytes(out)


def _write(value: Any, out: bytearray) -> None:
    """One value: a tag, then its bytes."""
    if isinstance(value, bool):
        out += b"b" + bytes([value])
    elif isinstance(value, int):
        out += b"i" + array("q", [value]).tobytes()
    elif isinstance(value, float):
        out += b"f" + array("d", [value]).tobytes()
    elif isinstance(value, array):
        out += b"a" + value.typecode.encode() + array("q", [len(value)]).tobytes() + value.tobytes()
    elif isinstance(value, list):
        out += b"l" + array("q", [len(value)]).tobytes()
        for item in value:
            _write(item, out)
    elif isinstance(value, (str, bytes, type(None), dict, tuple, set)):
        kind = type(value).__name__
        raise Setup("SF110", f"a {kind} is no state", why="state is numbers and arrays", fix="keep numbers instead")
    else:
        out += b"o"
        for name in fields(value):
            _write(getattr(value, name), out)


def restore(thing: object, state: bytes) -> None:
    """Write `state` into the graph under `thing`, which must be of the same classes."""
    end = _read_object(thing, memoryview(state), 0)
    if end != len(state):
        raise Setup("SF111", "the state does not fit the strategy", why="it is longer than the object graph")


def _read_object(thing: Any, state: memoryview, at: int) -> int:
    """An object's fields; returns where the next value begins."""
    _expect(state, at, b"o", type(thing).__name__)
    at += 1
    for name in fields(thing):
        value, at = _read(getattr(thing, name), state, at, f"{type(thing).__name__}.{name}")
        setattr(thing, name, value)
    return at


def _read(old: Any, state: memoryview, at: int, place: str) -> tuple[Any, int]:
    """One value, read in place where it is an object or a list."""
    tag = bytes(state[at : at + 1])
    if tag == b"o":
        return old, _read_object(old, state, at)
    at += 1
    if tag == b"b":
        return bool(state[at]), at + 1
    if tag == b"i":
        return _word("q", state, at), at + _WORD
    if tag == b"f":
        return _word("d", state, at), at + _WORD
    if tag == b"a":
        return _read_array(state, at)
    if tag == b"l" and isinstance(old, list):
        return _read_list(old, state, at, place)
    raise Setup("SF111", "the state does not fit the strategy", place=place, fix="restore it into the code that saved it")


def _word(code: str, state: memoryview, at: int) -> Any:
    """One number of eight bytes."""
    return array(code, bytes(state[at : at + _WORD]))[0]


def _read_array(state: memoryview, at: int) -> tuple[Any, int]:
    """An array: its code, its length, its bytes."""
    code = bytes(state[at : at + 1]).decode()
    length = _word("q", state, at + 1)
    start = at + 1 + _WORD
    end = start + length * _WORD
    return array(code, bytes(state[start:end])), end


def _read_list(old: list[Any], state: memoryview, at: int, place: str) -> tuple[Any, int]:
    """A list of objects, lengthened with fresh ones of the same class or shortened as it was."""
    length = _word("q", state, at)
    at += _WORD
    while len(old) < length:
        old.append(type(old[0])())
    del old[length:]
    for item in old:
        at = _read(item, state, at, place)[1]
    return old, at


def _expect(state: memoryview, at: int, tag: bytes, place: str) -> None:
    """Raise unless the next value has this tag."""
    if bytes(state[at : at + 1]) != tag:
        raise Setup("SF111", "the state does not fit the strategy", place=place)
