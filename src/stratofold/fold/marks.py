"""Marks for the compiler: what machine code must not do itself, what it seldom does, and what it will want soon.

`leaves_kernel` says that a function needs the interpreter (it lengthens a table, or writes a sentence).  In machine
code a call of it leaves the kernel; the event is then run again interpreted, where the function is ordinary Python.
`soon`, `leaps`, `turns`, `rests`, `is_float` and `is_other` are called, and only machine code makes anything of them that others could not say.
"""

from array import array
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound=Any)


def leaves_kernel(function: Function) -> Function:
    """Mark `function` as one that machine code leaves the kernel for."""
    function.leaves_kernel = True
    return function


def often(function: Function) -> Function:
    """Mark `function` as one that is worth a copy of its own wherever it is called, however long."""
    function.often = True
    return function


def seldom(function: Function) -> Function:
    """Mark `function` as one that few events need: its code stays out of the way of what every bar does."""
    function.seldom = True
    return function


def wide(function: Function) -> Function:
    """Mark `function` as one whose loops take many turns, each alike: machine code takes eight of them at a time."""
    function.wide = True
    return function


def few_turns(function: Function) -> Function:
    """Mark `function` as one whose loops take a turn or two: machine code prepares nothing before them."""
    function.few_turns = True
    return function


def inside(index: str, *columns: str) -> "Callable[[Function], Function]":
    """Mark a function whose local `index` is a place in each of its local `columns` wherever it reads one there.

    So is what it goes on to, with `index + 1`, or the end.

    Machine code of the fold takes its word; that of others asks all the same.
    """

    def mark(function: Function) -> Function:
        function.inside = getattr(function, "inside", frozenset()) | {(column, index) for column in columns}
        return function

    return mark


def is_float(value: object) -> bool:
    """Whether a number is a float; machine code knows that when it is made, and has nothing in it of what depends on the other."""
    return type(value) is float


def is_other(noted: float, value: float) -> bool:
    """Whether `value` is not the very float `noted`, bit by bit, as machine code compares them in one instruction; an int is none."""
    return type(value) is not float or array("d", (noted,)).tobytes() != array("d", (value,)).tobytes()


def leaps() -> bool:
    """Whether a run may leap over bars in which nothing happens (`fold.leap`); machine code for one knows how."""
    return False


def turns() -> bool:
    """Whether each bar of a run that leaps has a session of its own; machine code is made for such or for others."""
    return True


def rests() -> bool:
    """Whether an order may rest at the venue while bars pass; machine code knows of its strategy."""
    return True


def soon(numbers: "array[Any]", index: int) -> None:
    """Say that `numbers[index]`, which need not exist, is wanted soon: machine code has it fetched from memory."""
