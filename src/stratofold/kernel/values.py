"""What is known of a value: that nobody has made it yet, that it is one of a few numbers, or that it may be any.

What comes in: constants, and what is known of the values that another is made of.  What goes out: what is known of that one.
Whole numbers and truths are ints; a double is the text that LLVM has for its bits, so that no NaN or zero is another.
What a function returns is a tuple of these.
"""

import struct
from math import isnan
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Known = frozenset[int | str] | tuple["Known", ...] | None

NOTHING: Known = frozenset()
ANY: Known = None
NAN = "0x7FF8000000000000"  # the double that stands for what is not stated
_FEW = 8  # numbers: more are any
_WORD = 1 << 64
_INTS: "dict[str, Callable[[int, int], bool]]" = {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge}
_DOUBLES: "dict[str, Callable[[float, float], bool]]" = {**_INTS, "ord": lambda _one, _other: True}  # type: ignore[dict-item]


def constant(kind: str, text: str) -> Known:
    """What is known of a constant of LLVM's `kind`; `ANY` of one that is no number."""
    if text == "undef":
        return NOTHING
    if kind == "double":
        return frozenset({text}) if text.startswith("0x") else of_number("float", float(text))
    if kind not in ("i1", "i8", "i32", "i64"):
        return ANY
    return frozenset({int(text == "true") if text in ("true", "false") else int(text)})


def of_number(kind: str, value: float) -> Known:
    """What is known of a field of this kind (of `layout.Field`) that holds `value`."""
    if kind == "float":
        return frozenset({f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"})
    return frozenset({int(value)})


def written(kind: str, known: Known) -> str:
    """The constant of LLVM's `kind` that a value always is, empty where it is none."""
    if kind not in ("i1", "i8", "i32", "i64", "double") or not isinstance(known, frozenset) or len(known) != 1:
        return ""
    (value,) = known
    return ("true" if value else "false") if kind == "i1" else str(value)


def joined(one: Known, other: Known) -> Known:
    """What is known of a value that is one or the other."""
    if one is None or other is None:
        return ANY
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        both = one | other
        return both if len(both) <= _FEW else ANY
    if isinstance(one, tuple) and isinstance(other, tuple):
        return tuple(joined(mine, its) for mine, its in zip(one, other, strict=True))
    return ANY if one and other else one or other


def picked(asked: Known, one: Known, other: Known) -> Known:
    """What is known of `one` where `asked` is true, and else `other`."""
    if not isinstance(asked, frozenset):
        return joined(one, other)
    found = one if 1 in asked else NOTHING
    return joined(found, other) if 0 in asked else found


def compared(word: str, one: Known, other: Known) -> Known:
    """What is known of a comparison, `word` being LLVM's for it."""
    if NOTHING in (one, other):
        return NOTHING
    if not isinstance(one, frozenset) or not isinstance(other, frozenset):
        return ANY
    return frozenset(int(_holds(word, mine, its)) for mine in one for its in other)


def _holds(word: str, one: int | str, other: int | str) -> bool:
    """A comparison of two ints, or of two doubles (as texts)."""
    if isinstance(one, int) and isinstance(other, int):
        if word[0] == "u":
            one, other = one % _WORD, other % _WORD
        return _INTS[word[-2:]](one, other)
    mine, its = _double(one), _double(other)
    if isnan(mine) or isnan(its):
        return word[0] == "u"  # LLVM's words are of ordered and of unordered comparisons
    return _DOUBLES["ord" if word == "ord" else word[1:]](mine, its)


def _double(text: int | str) -> float:
    """The double of these bits."""
    found: float = struct.unpack("<d", struct.pack("<Q", int(str(text), 16)))[0]
    return found
