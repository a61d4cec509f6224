"""How the state of a fold is laid out, written before it: a state of another layout is refused, never read as this one's.

What comes in: the parts of a fold.  What goes out: where in them an object is, and its fields in order.
Why it is shaped so: a state is values by their places (`fold.state`).  Who names the fields of a class otherwise, or changes
their order, may leave as many as there were, and each would be read for another; so what stands where is said.  So it is of
a user's classes too: two attributes may change places in a state that is to be kept, or in a file that the hash of the
strategy's code does not cover.  Of a list one object of each class is looked at, and of
one that is empty none: so two layouts differ where a place that is in both has other fields.  What a list holds, and in
which order, changes with what is heard: objects of several classes that have changed places in it are not read for one
another, so the strategy's part of a layout is taken when a state is written, or read.

    SFstate1 | how many places | of each, twice 32 bits: of the way there, of the fields' names
"""

from __future__ import annotations

import struct
from array import array
from typing import Any
from zlib import crc32

from stratofold.errors import Setup
from stratofold.fold.state import fields, is_plain

Layout = dict[str, tuple[str, ...]]

_MARK = b"SFstate1"
_HEAD = struct.Struct(f"<{len(_MARK)}sI")
_ROW = struct.Struct("<II")
STRATEGY = ".strategy"
_HELD = f"{STRATEGY}."
_PLAIN = (int, float, str, bytes, type(None), array)


def layout_of(parts: object, way: str = "") -> Layout:
    """The objects under an object, and itself, by the way there (its own is `way`), each with its fields in order.

    What a strategy holds is named too: a highest and a lowest have the same fields.

    What is no state is passed over: whoever saves it says so (SF110).
    """
    found: Layout = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(way, parts)]
    while waiting:
        way, thing = waiting.pop()
        if isinstance(thing, _PLAIN) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, list):
            waiting += ((f"{way}[{place}]", one) for place, one in enumerate(_first_of_each(thing)))
            continue
        if not is_plain(thing):
            continue
        names = fields(thing)
        found[way] = (type(thing).__qualname__, *names) if way.startswith(_HELD) else names
        waiting += ((f"{way}.{name}", getattr(thing, name, None)) for name in names)
    return found


def _first_of_each(things: list[Any]) -> list[Any]:
    """The first object of each class, in the order in which they come."""
    kinds: dict[type, Any] = {}
    for one in things:
        kinds.setdefault(type(one), one)
    return list(kinds.values())


def head_of(layout: Layout) -> bytes:
    """What is written before a state of this layout."""
    return _HEAD.pack(_MARK, len(layout)) + b"".join(_ROW.pack(*_row(*one)) for one in sorted(layout.items()))


def _row(way: str, names: tuple[str, ...]) -> tuple[int, int]:
    """A place and its fields, as numbers."""
    return crc32(way.encode()), crc32(" ".join(names).encode())


def values_in(state: bytes, layout: Layout) -> bytes:
    """What follows on the layout before a state, where that is `layout`.

    Raises Setup SF116 where another release laid it out, SF111 where only what is the strategy's is otherwise.
    """
    mark, count = _HEAD.unpack_from(state) if len(state) >= _HEAD.size else (b"", 0)
    if mark != _MARK:
        raise _other_release("it does not say how it is laid out")
    end = _HEAD.size + count * _ROW.size
    _refuse_others(dict(_ROW.iter_unpack(state[_HEAD.size : end])), layout)
    return state[end:]


def _refuse_others(theirs: dict[int, int], layout: Layout) -> None:
    """Raise as `values_in` for a place whose fields are others; what is not the strategy's comes first."""
    for way, names in sorted(layout.items(), key=lambda one: (one[0].startswith(STRATEGY), one[0])):
        place, here = _row(way, names)
        if theirs.get(place, here) == here:
            continue
        if way.startswith(STRATEGY):
            what, fix = "the state does not fit the strategy", "restore it into the code that saved it"
            raise Setup("SF111", what, place=way[1:], fix=fix)
        raise _other_release(f"{way[1:] or 'the whole'} had other fields")


def _other_release(why: str) -> Setup:
    """The error for a state that another release has written."""
    what = "the state is of a release that laid it out otherwise"
    return Setup("SF116", what, why=why, fix="read it with the release that wrote it")
