"""The state of a fold as bytes, and back: what makes a restart a no-op.

What comes in: a graph of plain objects of numbers, arrays, nested objects and lists of those.  What goes out: bytes
that depend on values alone, not on where or by which execution they were made; `restore` writes them into a graph of
the same classes, lengthening or shortening tables as they were.
"""

from __future__ import annotations

from array import array
from math import isnan, nan
from typing import Any

from stratofold.errors import Setup

_WORD = 8
_slots_of: dict[type, tuple[str, ...]] = {}


def fields(thing: object) -> tuple[str, ...]:
    """The names of an object's attributes in order of definition, without those that belong to Python.

    What a class names in `CONTENT` is an artefact's: immutable, given anew by `setup`, and in no snapshot (contract 8).
    """
    kind = type(thing)
    slots = _slots_of.get(kind)
    if slots is None:
        every = (name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ()))
        _slots_of[kind] = slots = tuple(name for name in every if name != "__dict__" and _is_state(kind, name))
    own = getattr(thing, "__dict__", None)
    return (*slots, *(name for name in own if _is_state(kind, name))) if own else slots


def _is_state(kind: type, name: str) -> bool:
    """Whether an attribute is part of the state."""
    return not name.startswith("_edge") and name not in getattr(kind, "CONTENT", ())


def save(thing: object) -> bytes:
    """The whole graph under `thing` as bytes; raises Setup for what is no state, naming the attribute."""
    out = bytearray()
    _write_object(thing, out)
    return bytes(out)


def _write_object(thing: Any, out: bytearray) -> None:
    """An object: a letter a field, its ints and bools, its floats, then what it holds."""
    letters, ints, floats, held = bytearray(), array("q"), array("d"), []
    for name in fields(thing):
        value = getattr(thing, name)
        kind = type(value)
        if kind is float:
            letters += b"f"
            floats.append(value if value == value else nan)  # the sign of a NaN is the processor's whim
        elif kind is int or kind is bool:
            letters += b"i" if kind is int else b"b"
            ints.append(value)
        else:
            letters += b"x"
            held.append((name, value))
    out += len(letters).to_bytes(_WORD, "little") + letters + ints.tobytes() + floats.tobytes()
    for name, value in held:
        _write_held(value, out, f"{type(thing).__name__}.{name}")


def _write_held(value: Any, out: bytearray, place: str) -> None:
    """An array, a list of objects, or an object."""
    if type(value) is array:
        if value.typecode == "d" and any(map(isnan, value)):
            value = array("d", [number if number == number else nan for number in value])
        out += value.typecode.encode() + len(value).to_bytes(_WORD, "little") + _one_nan(value).tobytes()
    elif type(value) is list:
        out += b"l" + len(value).to_bytes(_WORD, "little")
        for item in value:
            _only_objects(item, place)
            _write_object(item, out)
    else:
        _only_objects(value, place)
        out += b"o"
        _write_object(value, out)


def _one_nan(values: Any) -> Any:
    """The array with every NaN the same: which sign one has depends on the processor and on how warm Python is."""
    if values.typecode != "d" or sum(values) == sum(values):
        return values
    return array("d", [value if value == value else nan for value in values])


def _only_objects(value: Any, place: str) -> None:
    """Raise Setup for what is neither number, array nor plain object."""
    module = type(value).__module__.partition(".")[0]
    if module == "builtins" or module in ("numpy", "pandas", "polars", "pyarrow", "collections"):
        what = f"a {type(value).__name__} is no state"
        raise Setup("SF110", what, place=place, why="state is numbers and arrays", fix='keep numbers, or array("d")')


def restore(thing: object, state: bytes) -> None:
    """Write `state` into the graph under `thing`, which must be of the same classes."""
    end = _read_object(thing, memoryview(state), 0)
    if end != len(state):
        raise Setup("SF111", "the state does not fit the strategy", why="it is longer than the object graph")


def _read_object(thing: Any, state: memoryview, at: int) -> int:
    """An object's fields; returns where the next value begins."""
    names = fields(thing)
    count = int.from_bytes(state[at : at + _WORD], "little")
    letters = bytes(state[at + _WORD : at + _WORD + count])
    if count != len(names):
        raise _misfit(type(thing).__name__)
    at += _WORD + count
    ints = array("q", bytes(state[at : (at := at + _WORD * (count - letters.count(b"f") - letters.count(b"x")))]))
    floats = array("d", bytes(state[at : (at := at + _WORD * letters.count(b"f"))]))
    numbers, doubles = iter(ints), iter(floats)
    for name, letter in zip(names, letters, strict=True):
        if letter == 102:
            setattr(thing, name, next(doubles))
        elif letter != 120:
            value = next(numbers)
            setattr(thing, name, bool(value) if letter == 98 else value)
    for name, letter in zip(names, letters, strict=True):
        if letter == 120:
            at = _read_held(thing, name, state, at)
    return at


def _read_held(thing: Any, name: str, state: memoryview, at: int) -> int:
    """What an object holds: an array is made anew, lists and objects are read in place."""
    tag = bytes(state[at : at + 1])
    old = getattr(thing, name)
    if tag == b"o":
        return _read_object(old, state, at + 1)
    length = int.from_bytes(state[at + 1 : at + 1 + _WORD], "little")
    at += 1 + _WORD
    if tag == b"l":
        return _read_list(old, length, state, at, f"{type(thing).__name__}.{name}")
    end = at + length * _WORD
    setattr(thing, name, array(tag.decode(), bytes(state[at:end])))
    return end


def _read_list(old: Any, length: int, state: memoryview, at: int, place: str) -> int:
    """A list of objects, lengthened with fresh ones of the same class or shortened as it was."""
    if not isinstance(old, list):
        raise _misfit(place)
    while len(old) < length:
        old.append(type(old[0])())
    del old[length:]
    for item in old:
        at = _read_object(item, state, at)
    return at


def _misfit(place: str) -> Setup:
    """The error for a state of other classes."""
    return Setup(
        "SF111", "the state does not fit the strategy", place=place, fix="restore it into the code that saved it"
    )
