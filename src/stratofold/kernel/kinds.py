"""The kinds of value that machine code knows, and a value of one of them.

A kind has the name of its LLVM type.  Numbers travel in registers, an object as its address, an array or a list as
(address, length), several numbers as an LLVM struct.  `KNOWN` values (functions, classes, modules) exist only while
compiling.
"""

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stratofold.kernel.layout import Layout


def plain(name: str) -> str:
    """A name in the letters that LLVM takes without quotes, one for one."""
    return "".join(letter if letter.isascii() and letter.isalnum() else f"_{ord(letter):x}_" for letter in name)


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of value: its name for people, and its LLVM type in registers."""

    name: str
    llvm: str

    @property
    def tag(self) -> str:
        """Letters that keep apart the slots of one variable by kind."""
        return self.name


INT = Kind("int", "i64")
FLOAT = Kind("float", "double")
BOOL = Kind("bool", "i1")
NOTHING = Kind("None", "")
ADDRESS = Kind("an address", "ptr")
KNOWN = Kind("a function, class or module", "")

NUMBERS = (INT, FLOAT, BOOL)


@dataclass(frozen=True)
class ObjectKind:
    """The address of an object of one layout."""

    layout: "Layout"
    llvm: str = "ptr"

    @property
    def name(self) -> str:
        """The class's name."""
        return self.layout.cls.__name__

    @property
    def tag(self) -> str:
        """Letters that keep apart the slots of one variable by kind."""
        return f"o{self.layout.number}"


@dataclass(frozen=True)
class ArrayKind:
    """(address, length) of doubles ("d") or 64-bit integers ("q").

    `frozen` elements never change while machine code runs; `group` names the attributes the array can belong to, empty
    where it can be any.  One that `is_one` has one element, which is known when the code is made.
    """

    code: str
    frozen: bool = False
    group: str = ""
    llvm: str = "{ptr, i64}"
    is_one: bool = False

    @property
    def name(self) -> str:
        """As Python says it."""
        return f"array('{self.code}')"

    @property
    def tag(self) -> str:
        """Letters that keep apart the slots of one variable by kind."""
        return f"a{self.code}{int(self.frozen)}.{plain(self.group)}"

    @property
    def element(self) -> Kind:
        """The kind of one element."""
        return FLOAT if self.code == "d" else INT


@dataclass(frozen=True)
class ListKind:
    """(address, length) of objects of one layout, side by side; `layout` None is a list that is empty, and `is_one` as of an array."""

    layout: "Layout | None"
    llvm: str = "{ptr, i64}"
    is_one: bool = False

    @property
    def name(self) -> str:
        """What it is a list of."""
        return f"list of {self.layout.cls.__name__}" if self.layout else "an empty list"

    @property
    def tag(self) -> str:
        """Letters that keep apart the slots of one variable by kind."""
        return f"l{self.layout.number if self.layout else 'none'}"


@dataclass(frozen=True)
class TupleKind:
    """Several values at once, as a function returns them."""

    parts: "tuple[AnyKind, ...]"

    @property
    def name(self) -> str:
        """As Python says it."""
        return f"tuple of {len(self.parts)}"

    @property
    def tag(self) -> str:
        """Letters that keep apart the slots of one variable by kind."""
        return "t" + "".join(part.tag for part in self.parts)

    @cached_property
    def llvm(self) -> str:
        """An LLVM struct of the parts."""
        return "{" + ", ".join(part.llvm for part in self.parts) + "}"


AnyKind = Kind | ObjectKind | ArrayKind | ListKind | TupleKind


@dataclass(slots=True)
class Value:
    """A value: its kind, the LLVM operand that holds it, and what is known of it while compiling.

    `constant` is the Python value where it is known; `parts` are a tuple's members, or an array's address and length,
    before they are put together.
    """

    kind: Any
    text: str = ""
    constant: Any = None
    parts: "list[Value]" = field(default_factory=list)


def float_text(number: float) -> str:
    """LLVM's spelling of exactly this double."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def number_value(number: float) -> Value:
    """A constant int, float or bool."""
    if isinstance(number, bool):
        return Value(BOOL, "true" if number else "false", number)
    if isinstance(number, int):
        return Value(INT, str(int(number)), int(number))
    return Value(FLOAT, float_text(number), float(number))


def join(one: AnyKind, other: AnyKind) -> AnyKind | None:
    """The kind that holds either: int and float are float, bool and int are int; None where there is none."""
    if one == other:
        return one
    if {one, other} == {INT, FLOAT}:
        return FLOAT
    if {one, other} == {BOOL, INT}:
        return INT
    if isinstance(one, ArrayKind) and isinstance(other, ArrayKind) and one.code == other.code:
        return ArrayKind(one.code) if one.frozen == other.frozen else None
    if isinstance(one, TupleKind) and isinstance(other, TupleKind) and len(one.parts) == len(other.parts):
        parts = [join(*pair) for pair in zip(one.parts, other.parts, strict=True)]
        return None if None in parts else TupleKind(tuple(part for part in parts if part is not None))
    return None
