"""How objects of a class are taped, if they can be, and the class of their tapes.

What comes in: an object that `setup` asks for, and the user's functions that may read it.  What goes out: a `Plan`, whose
class has source that the compiler can read.
Why so: what a tape shows is asked for after every call, and a strategy asks as often as it likes; so only what reading
does not change is shown, and whoever asks what class an object is gets the object.
"""

from __future__ import annotations

import dis
import hashlib
import inspect
import linecache
import sys
from array import array
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.kernel.layout import state_names
from stratofold.routing import Reached, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratofold.fold.strategy import Strategy

SCALARS = {bool, int, float}
# What would see a tape for what it is.
_ASKING = {"isinstance", "issubclass", "type", "__class__", "hasattr", "getattr", "vars"}
_WRITING = {"STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF", "STORE_SLICE"}
_WORKING = ("BINARY_", "COMPARE_", "UNARY_", "LOAD_ATTR", "STORE_ATTR", "POP_JUMP")  # to a processor, too
_FILE = "<stratofold tape {}>"
_MODULE = "stratofold.fold.taped"  # the compiler is to treat it as the fold's own

_TEXT = """\
from math import copysign, nan

from stratofold.fold.marks import inside, is_float, is_other, leaves_kernel, often, seldom


class {name}:
    IS_KEPT_ELSEWHERE = True
    __slots__ = ({slots})

    @often
    @inside("at", {columns})
    def {step}(self, {parameters}):
        at = self.tape_at
{taken}
        if {differs}:
            return self._tape_odd({arguments})
        self.tape_at = at + {stride}
        return tape_result[at]

    @seldom
    def _tape_odd(self, {arguments}):
        at = self.tape_at
        if at >= self.tape_far:
            at = self.tape_first
            self.tape_at = at
        if self.tape_known[0] == self.tape_first:
            if not self.tape_is_foretold:
                return self._tape_made({arguments})
            if {are_floats}:
                self._tape_foretold()
        if not ({are_floats}) or at >= self.tape_known[0] or {is_other}:
            self.tape_is_other = True
            self._tape_lost()
        self.tape_at = at + {stride}
        return self.tape_result[at]

    @seldom
    def _tape_made(self, {arguments}):
        at = self.tape_at
        if not ({are_floats}) or at >= self.tape_far - {stride}:
            self.tape_is_other = True
            self._tape_lost()
        result = self.tape_source.{step}({arguments})
{given}
{shown}
        self.tape_result[at] = result
        self.tape_at = at + {stride}
        return result

    @seldom
    def _tape_foretold(self):
        self.tape_known[0] = -1
        at = self.tape_first
        while at < self.tape_ahead[0]:
            self.tape_result[at] = self.tape_source.{step}({ahead})
{shown_ahead}
            at += {stride}
        self.tape_known[0] = self.tape_ahead[0]

    @leaves_kernel
    def _tape_lost(self):
        raise Lost
"""
_SHOWN = """
    @property
    @inside("at", "tape_{name}")
    def {name}(self):
        at = self.tape_at
        tape_{name} = self.tape_{name}
        return tape_{name}[at]{test}
"""


class Lost(Exception):
    """A tape was asked for something else than it was made from."""


@dataclass(frozen=True)
class Plan:
    """How objects of one class are taped: their method, its arguments, what is read of them, what never changes.

    `cost` is about how many operations a call takes; None where it takes long.
    """

    tape: type
    arguments: tuple[str, ...]
    shown: tuple[str, ...]
    constant: tuple[str, ...]
    cost: int | None


# What is read of an object


def plan_for(thing: object, functions: list[FunctionType], *, is_alone: bool) -> Plan | None:
    """How to tape `thing`, of which `functions` may read what they name; None where that cannot be.

    One that `is_alone` is no other symbol's neighbour on its columns.
    """
    cls = type(thing)
    if not is_plain(cls):
        return None
    own = set(_own_functions(cls))
    codes = [each for function in functions if function not in own for each in _codes(function.__code__)]
    named = {name for code in codes for name in code.co_names}
    changed = {name for code in codes for name in _stored(code)}
    attributes = set(state_names(thing))
    if named & changed & attributes or named & _ASKING:
        return None
    steps = sorted(name for name in named if isinstance(inspect.getattr_static(cls, name, None), FunctionType))
    if len(steps) != 1:
        return None
    arguments = _arguments_of(getattr(cls, steps[0]))
    if not arguments:
        return None
    settled = attributes - {
        name for function in own if function.__name__ != "__init__" for name in _stored(function.__code__)
    }
    shown, constant = [], []
    for name in sorted(named):
        if name in attributes and name in settled and type(getattr(thing, name)) in SCALARS:
            constant.append(name)
        elif _is_shown(thing, name, attributes):
            shown.append(name)
    if not _only_read(thing, shown):
        return None
    bools = {name for name in shown if isinstance(getattr(thing, name), bool)}
    return Plan(
        _tape_of(cls, steps[0], arguments, shown, constant, bools, is_alone),
        tuple(arguments),
        tuple(shown),
        tuple(constant),
        operations(thing, steps[0]),
    )


def operations(thing: object, step: str) -> int | None:
    """About how many operations a call of `step` takes; None where it loops, or asks other objects.

    What is marked as seldom does not count, and of what it may do or leave everything does.
    """
    cls, count = type(thing), 0
    seen, waiting = {step}, [step]
    while waiting:
        name = waiting.pop()
        member = inspect.getattr_static(cls, name, vars(sys.modules[cls.__module__]).get(name))
        function = member.fget if isinstance(member, property) else member
        if not isinstance(function, FunctionType) or getattr(function, "seldom", False):
            continue
        lines = [line.opname for line in dis.get_instructions(function)]
        if any("JUMP_BACKWARD" in line for line in lines):
            return None
        count += sum(line.startswith(_WORKING) for line in lines)
        named = set(function.__code__.co_names) - seen
        if any(is_plain(type(getattr(thing, name, None))) for name in named):
            return None
        seen |= named
        waiting += named
    return count


def arrays_of(thing: object) -> list[array[Any]] | None:
    """All arrays of an object and of what it holds; None where it has more state than those and numbers."""
    found: list[array[Any]] = []
    waiting, seen = [thing], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, array):
            found.append(each)
        elif isinstance(each, list):
            waiting += each
        elif is_plain(type(each)):
            if id(each) not in seen:
                seen.add(id(each))
                waiting += [getattr(each, name) for name in state_names(each)]
        elif type(each) not in SCALARS:
            return None
    return found


def _is_shown(thing: object, name: str, attributes: set[str]) -> bool:
    """Whether a name is a number's that an object shows and may change."""
    is_property = isinstance(inspect.getattr_static(type(thing), name, None), property)
    return (name in attributes or is_property) and type(getattr(thing, name, None)) in (bool, float)


def _only_read(thing: object, shown: list[str]) -> bool:
    """Whether the properties among `shown` change nothing: a tape asks them once a call, a strategy as often as it likes.

    What they call is followed by its name, into whatever the object holds.
    """
    classes = _classes_in(thing)
    waiting = [name for name in shown if isinstance(inspect.getattr_static(type(thing), name, None), property)]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        for function in (found for cls in classes for found in _functions_called(cls, name)):
            codes = list(_codes(function.__code__))
            if any(line.opname in _WRITING for code in codes for line in dis.get_instructions(code)):
                return False
            more = {each for code in codes for each in code.co_names} - seen
            seen |= more
            waiting += more
    return True


def _classes_in(thing: object) -> list[type]:
    """The classes of an object and of what it holds."""
    found: dict[type, None] = {}
    waiting, seen = [thing], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif is_plain(type(each)) and id(each) not in seen:
            seen.add(id(each))
            found[type(each)] = None
            waiting += [getattr(each, name) for name in state_names(each)]
    return list(found)


def _functions_called(cls: type, name: str) -> Iterator[FunctionType]:
    """The functions that a name may mean where a method of a class says it: the class's own, or the user's in its module."""
    member = inspect.getattr_static(cls, name, None)
    member = getattr(member, "fget", getattr(member, "__func__", member))
    beside = vars(sys.modules[cls.__module__]).get(name) if not cls.__module__.startswith("stratofold.") else None
    yield from (each for each in (member, beside) if isinstance(each, FunctionType))


def functions_of(strategy: type[Strategy]) -> list[FunctionType]:
    """The user's functions that a strategy may call."""
    reached = Reached()
    reached.add(strategy)
    return reached.functions


def _own_functions(cls: type) -> Iterator[FunctionType]:
    """The functions of a class and of its bases, properties' included."""
    for base in cls.__mro__:
        for member in vars(base).values():
            if isinstance(member, FunctionType):
                yield member
            elif isinstance(member, property) and isinstance(member.fget, FunctionType):
                yield member.fget


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and the code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _stored(code: CodeType) -> Iterator[str]:
    """The names of attributes that code sets or deletes."""
    for each in _codes(code):
        for line in dis.get_instructions(each):
            if line.opname in ("STORE_ATTR", "DELETE_ATTR"):
                yield line.argval


def _arguments_of(function: FunctionType) -> list[str]:
    """The names of a method's arguments; none where they are not plain and all required."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    is_simple = all(each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty for each in parameters)
    return [each.name for each in parameters] if is_simple else []


# The class of a tape


def columns_of(arguments: Sequence[str]) -> list[str]:
    """What a tape calls its columns of what was given."""
    return [f"given_{name}" for name in arguments]


def unknown(count: int) -> array[float]:
    """So many numbers that nothing a tape is given is, bit by bit: what is past the last call."""
    return array("d", _UNKNOWN * count)


def wipe(column: array[float]) -> None:
    """Nothing is known of what a column was given."""
    np.frombuffer(column, np.uint64)[:] = np.frombuffer(_UNKNOWN, np.uint64)


# A NaN that no arithmetic makes (IEEE 754 has it return quiet ones), in the bytes that lie in memory.
_UNKNOWN = array("Q", [0x7FF4_7461_7065_0000]).tobytes()
_classes: dict[str, type] = {}


def _tape_of(
    cls: type, step: str, arguments: list[str], shown: list[str], constant: list[str], bools: set[str], is_alone: bool
) -> type:
    """The class of tapes for objects of `cls`, with source that the compiler can read."""
    stride = "1" if is_alone else "self.tape_step"
    rows = [f"        self.tape_given_{name}[at] = {name}" for name in arguments]
    shown_rows = []
    for name in shown:
        value = f"self.tape_source.{name}"
        value = f"1.0 if {value} else 0.0" if name in bools else value
        shown_rows.append(f"        self.tape_{name}[at + {stride}] = {value}")
    columns = [*(f"tape_given_{name}" for name in arguments), "tape_result"]  # as long as what is known, or longer
    given = [f"self.tape_given_{name}[at]" for name in arguments]
    others = " or ".join(
        f"({where} != {name} and ({where} == {where} or {name} == {name}))"
        f" or ({name} == 0.0 and copysign(1.0, {name}) != copysign(1.0, {where}))"
        for where, name in zip(given, arguments, strict=True)
    )
    counts = [
        "at",
        "first",
        "far",
        "known",
        "ahead",
        "is_foretold",
        "is_other",
        *([] if is_alone else ["step"]),
    ]
    slots = [*counts, *columns_of(arguments), "result", *shown, "source"]
    text = _TEXT.format(
        name="NAME",
        slots=", ".join(f'"{each}"' for each in [*(f"tape_{name}" for name in slots), *constant]),
        step=step,
        stride=stride,
        parameters=", ".join(arguments),
        arguments=", ".join(arguments),
        differs=" or ".join(f"is_other({where}[at], {name})" for where, name in zip(columns, arguments, strict=False)),
        columns=", ".join(f'"{each}"' for each in columns),
        taken="\n".join(f"        {each} = self.{each}" for each in columns),
        is_other=others,
        are_floats=" and ".join(f"is_float({name})" for name in arguments),
        given="\n".join(rows),
        shown="\n".join(shown_rows),
        ahead=", ".join(given),
        shown_ahead="\n".join(f"    {row}" for row in shown_rows),
    ) + "".join(_SHOWN.format(name=name, test=" != 0.0" if name in bools else "") for name in shown)
    name = f"Tape_{cls.__name__}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    key = f"{cls.__module__}.{cls.__qualname__}.{name}"
    if key not in _classes:
        file = _FILE.format(name)
        text = text.replace("NAME", name, 1)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        scope: dict[str, Any] = {"__name__": _MODULE, "Lost": Lost}
        exec(compile(text, file, "exec"), scope)  # noqa: S102 - the text is ours: the names in it are identifiers
        _classes[key] = scope[name]
    return _classes[key]
