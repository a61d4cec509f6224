"""What indicators say, computed once and read by every cell whose indicator would say the same.

What comes in: the factory and arguments with which a strategy's `setup` asks for an object a symbol.  What goes out: in
the object's place a *tape*, which has its method and what is read of it.  The first run with these arguments writes the
tape: what the method was given at each call, what it returned, and what the object showed after it.  Later runs read it.
Why so: nothing about the strategy is guessed.  A call reads the tape only if it is given what was given then, down to
the sign of a zero, from the first call on; an object of plain Python then answers and shows the same.  A run that gives
something else leaves machine code and is done without tapes.  What a tape does not have (another method, an attribute
that is set from outside, an int that changes) the compiler does not find, and the block does without tapes.
An indicator of a handful of operations (SMA, EMA) is quicker made anew than read, and writing a tape costs as much as
some ten readings save: only those are taped whose method loops or asks objects of its own.
"""

from __future__ import annotations

import dis
import hashlib
import inspect
import linecache
from array import array
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from stratofold.kernel.layout import state_names
from stratofold.routing import Reached, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.fold.strategy import Strategy

BYTES_MAX = 1 << 26  # of all tapes that are kept in this process
_PATIENCE = 64  # tapes that are made before we ask whether they are read
_SCALARS = {bool, int, float}
_FILE = "<stratofold tape {}>"
_MODULE = "stratofold.fold.taped"  # the compiler is to treat it as the fold's own

_TEXT = """\
from math import copysign

from stratofold.fold.marks import leaves_kernel, often, seldom


class {name}:
    IS_KEPT_ELSEWHERE = True
    __slots__ = ({slots})

    @often
    def {step}(self, {parameters}):
        at = self.tape_at
        if at >= self.tape_known or {differs}:
            return self._tape_odd({arguments})
        self.tape_at = at + 1
        return self.tape_result[at]

    @seldom
    def _tape_odd(self, {arguments}):
        at = self.tape_at
        if self.tape_known == 0:
            return self._tape_made({arguments})
        if at >= self.tape_known or {is_other}:
            self.tape_is_other = True
            self._tape_lost()
        self.tape_at = at + 1
        return self.tape_result[at]

    @seldom
    def _tape_made(self, {arguments}):
        at = self.tape_at
        if at >= len(self.tape_result):
            self.tape_is_other = True
            self._tape_lost()
        result = self.tape_source.{step}({arguments})
{kept}
        self.tape_result[at] = result
        self.tape_at = at + 1
        return result

    @leaves_kernel
    def _tape_lost(self):
        raise Lost
"""
_SHOWN = """
    @property
    def {name}(self):
        return self.tape_{name}[self.tape_at]{test}
"""


class Lost(Exception):
    """A tape was asked for something else than it was made from."""


@dataclass(frozen=True)
class Plan:
    """How objects of one class are taped: their method, its arguments, what is read of them, what never changes."""

    tape: type
    arguments: tuple[str, ...]
    shown: tuple[str, ...]
    constant: tuple[str, ...]


@dataclass(eq=False)
class Tape:
    """What `per_symbol` gives: a tape for each symbol; whether they are complete, and packed as they were before."""

    key: Any
    kinds: tuple[type, ...]
    things: list[Any]
    size: int
    is_made: bool = False
    is_learnt: bool = False


class Tapes:
    """The tapes of one block; `given` and `made` count what was asked for, and what had to be made.

    A tape is found by its place among all that `setup` asks for, besides factory and arguments: two of the same in one
    strategy advance apart.
    """

    def __init__(self, strategy: type[Strategy], length: int, *, takes_all: bool = False) -> None:
        """`length` is how many calls a tape has room for; `takes_all` has what is quickly computed taped too."""
        self._functions = _functions_of(strategy)
        self._length = length
        self._bytes_max = BYTES_MAX
        self.takes_all = takes_all
        self._plans: dict[Any, Plan | None] = {}
        self._kept: dict[Any, Tape] = {}
        self._size = 0
        self._place = 0
        self._now: list[Tape] = []
        self._barred: set[int] = set()
        self.is_dismissed = False  # whether what was learnt of tapes has to be forgotten before the next cell
        self.is_writing = False  # whether the cell at hand writes a tape
        self.given = 0
        self.made = 0
        _living.add(self)

    def dismiss(self) -> None:
        """Let go of all tapes: another block writes its own and wants the room."""
        self._kept.clear()
        self._size = 0
        self.is_dismissed = True

    def begin(self) -> None:
        """A new cell."""
        self._place = 0
        self.is_dismissed = False
        self._now.clear()
        self.is_writing = False

    def ask(self, factory: Any, arguments: tuple[Any, ...], options: dict[str, Any], count: int) -> list[Any] | None:
        """A list of tapes for `per_symbol`, or None where such objects have none."""
        self._place = place = self._place + 1
        if place in self._barred or options:
            return None
        key = (place, factory, arguments, count)
        try:
            kept = self._kept.get(key)
        except TypeError:  # what has no hash is no number either
            return None
        kinds = tuple(map(type, arguments))
        if kept is None or kept.kinds != kinds:  # 1 and 1.0 and True are equal, and three arguments
            kept = self._blanks(key, kinds)
            if kept is None:
                return None
        if not kept.is_made:
            self.is_writing = True
        self._now.append(kept)
        self.given += 1
        return kept.things

    def _blanks(self, key: Any, kinds: tuple[type, ...]) -> Tape | None:
        """Tapes on which nothing is written; None where such objects can have none."""
        _, factory, arguments, count = key
        if not isinstance(factory, type) or not set(kinds) <= _SCALARS:
            return None
        if factory not in self._plans:
            self._plans[factory] = plan_for(factory(*arguments), self._functions, takes_all=self.takes_all)
        plan = self._plans[factory]
        if plan is None:
            return None
        size = 8 * count * self._length * (1 + len(plan.arguments) + len(plan.shown))
        things = [self._blank(plan, factory(*arguments)) for _ in range(count)]
        kept = self._kept[key] = Tape(key, kinds, things, size)
        self._size += size
        self.made += 1
        return kept

    def is_of_use(self) -> bool:
        """Whether tapes are asked for, untouched by `setup`, and more often read than written."""
        if not self._now or (self.made > _PATIENCE and 2 * self.made > self.given):
            return False
        for kept in self._now:
            for thing in kept.things:
                if thing.tape_at:
                    return False
        return True

    def unlearnt(self) -> Iterator[list[Any]]:
        """The complete tapes of the cell at hand that are now packed for the first time."""
        for kept in self._now:
            if kept.is_made and not kept.is_learnt:
                kept.is_learnt = True
                yield kept.things

    def written(self) -> None:
        """The run is over, and the tapes hold how far they came: they are complete."""
        for kept in self._now:
            for thing in kept.things:
                if not kept.is_made:
                    thing.tape_known = thing.tape_at
                thing.tape_at = 0
            if not kept.is_made:
                kept.is_made = True
                self._share_given(kept)

    def broken(self) -> bool:
        """The run did not end: whether that is because a tape was asked for something else, as its place will be no more."""
        found = False
        for kept in self._now:
            for thing in kept.things:
                thing.tape_at = 0
                if thing.tape_is_other:
                    self._barred.add(kept.key[0])
                    found = True
        return found

    def drop(self) -> list[list[Any]]:
        """Forget what is not complete, is no use any more, or has no room; returns what was forgotten."""
        if sum(other._size for other in _living) > self._bytes_max:  # noqa: SLF001  they are all of this class
            for other in _living - {self}:
                other.dismiss()
        gone = [kept for kept in self._now if not kept.is_made or kept.key[0] in self._barred]
        size = self._size
        for kept in self._kept.values():
            if size <= self._bytes_max:
                break
            gone.append(kept)
            size -= kept.size
        for kept in set(gone):
            if self._kept.get(kept.key) is kept:
                del self._kept[kept.key]
            self._size -= kept.size
        return [kept.things for kept in gone]

    def forget_places(self) -> None:
        """What was learnt of how tapes lie in memory is of use no more."""
        for kept in self._kept.values():
            kept.is_learnt = False

    def _blank(self, plan: Plan, thing: Any) -> Any:
        """A tape of `thing`, of which nothing is known but what it shows before the first call."""
        tape = plan.tape()
        tape.tape_at = 0
        tape.tape_known = 0
        tape.tape_is_other = False
        tape.tape_source = thing
        tape.tape_result = _zeros(self._length)
        for name in plan.arguments:
            setattr(tape, f"tape_given_{name}", _zeros(self._length))
        for name in plan.shown:
            column = _zeros(self._length + 1)
            column[0] = float(getattr(thing, name))
            setattr(tape, f"tape_{name}", column)
        for name in plan.constant:
            setattr(tape, name, getattr(thing, name))
        return tape

    def _share_given(self, kept: Tape) -> None:
        """Most tapes are given the same closes: one array of them will do, and stays in the processor's cache."""
        for number, thing in enumerate(kept.things):
            for name in (each for each in type(thing).__slots__ if each.startswith("tape_given_")):
                mine = getattr(thing, name)
                for other in self._kept.values():
                    theirs = getattr(other.things[number], name, mine) if other.is_made else mine
                    if theirs is not mine and np.array_equal(
                        np.frombuffer(theirs, np.int64), np.frombuffer(mine, np.int64)
                    ):
                        setattr(thing, name, theirs)
                        kept.size -= 8 * self._length
                        self._size -= 8 * self._length
                        break


_living: WeakSet[Tapes] = WeakSet()


def _zeros(count: int) -> array[float]:
    """`count` doubles."""
    return array("d", [0.0]) * count


# What is read of an object


def plan_for(thing: object, functions: list[FunctionType], *, takes_all: bool = False) -> Plan | None:
    """How to tape `thing`, of which `functions` may read what they name; None where that cannot be, or is not worth it."""
    cls = type(thing)
    if not is_plain(cls):
        return None
    own = set(_own_functions(cls))
    codes = [each for function in functions if function not in own for each in _codes(function.__code__)]
    named = {name for code in codes for name in code.co_names}
    changed = {name for code in codes for name in _stored(code)}
    attributes = set(state_names(thing))
    if named & changed & attributes:
        return None
    steps = sorted(name for name in named if isinstance(inspect.getattr_static(cls, name, None), FunctionType))
    if len(steps) != 1:
        return None
    arguments = _arguments_of(getattr(cls, steps[0]))
    if not arguments or not (takes_all or is_long(thing, steps[0])):
        return None
    settled = attributes - {
        name for function in own if function.__name__ != "__init__" for name in _stored(function.__code__)
    }
    shown, constant = [], []
    for name in sorted(named):
        if name in attributes and name in settled and type(getattr(thing, name)) in _SCALARS:
            constant.append(name)
        elif (name in attributes or isinstance(inspect.getattr_static(cls, name, None), property)) and type(
            getattr(thing, name, None)
        ) in (bool, float):
            shown.append(name)
    bools = {name for name in shown if isinstance(getattr(thing, name), bool)}
    return Plan(
        _tape_of(cls, steps[0], arguments, shown, constant, bools), tuple(arguments), tuple(shown), tuple(constant)
    )


def is_long(thing: object, step: str) -> bool:
    """Whether a call of `step` loops, or asks other objects: a handful of operations costs no more than reading a tape.

    What is marked as seldom does not count.
    """
    seen, waiting = {step}, [step]
    while waiting:
        member = inspect.getattr_static(type(thing), waiting.pop(), None)
        function = member.fget if isinstance(member, property) else member
        if not isinstance(function, FunctionType) or getattr(function, "seldom", False):
            continue
        if any("JUMP_BACKWARD" in line.opname for line in dis.get_instructions(function)):
            return True
        named = set(function.__code__.co_names) - seen
        if any(is_plain(type(getattr(thing, name, None))) for name in named):
            return True
        seen |= named
        waiting += named
    return False


def _functions_of(strategy: type[Strategy]) -> list[FunctionType]:
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

_classes: dict[str, type] = {}


def _tape_of(
    cls: type, step: str, arguments: list[str], shown: list[str], constant: list[str], bools: set[str]
) -> type:
    """The class of tapes for objects of `cls`, with source that the compiler can read."""
    rows = [f"        self.tape_given_{name}[at] = {name}" for name in arguments]
    for name in shown:
        value = f"self.tape_source.{name}"
        rows.append(f"        self.tape_{name}[at + 1] = {f'1.0 if {value} else 0.0' if name in bools else value}")
    given = [f"self.tape_given_{name}[at]" for name in arguments]
    others = " or ".join(
        f"({where} != {name} and ({where} == {where} or {name} == {name}))"
        f" or ({name} == 0.0 and copysign(1.0, {name}) != copysign(1.0, {where}))"
        for where, name in zip(given, arguments, strict=True)
    )
    slots = ["at", "known", "is_other", *(f"given_{name}" for name in arguments), "result", *shown, "source"]
    text = _TEXT.format(
        name="NAME",
        slots=", ".join(f'"{each}"' for each in [*(f"tape_{name}" for name in slots), *constant]),
        step=step,
        parameters=", ".join(arguments),
        arguments=", ".join(arguments),
        differs=" or ".join(
            f"{where} != {name} or {name} == 0.0" for where, name in zip(given, arguments, strict=True)
        ),
        is_other=others,
        kept="\n".join(rows),
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
