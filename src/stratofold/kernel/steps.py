"""A function's text as steps, of which each says what it makes known.

What comes in: a function as LLVM text, of the few forms that our front end writes.  What goes out: its blocks as lines and as
steps.  What has no step makes known nothing: a number that is worked out may be any, and so may what lies in memory that
several may write to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.kernel.values import NOTHING, Known, compared, constant, joined, picked

if TYPE_CHECKING:
    from stratofold.kernel.known import Context, Walk

FUNCTION = re.compile(
    r"^define (?:internal )?[^\n]*?@([-\w.$]+)\(([^\n]*)\)[^\n]*\{\n(.*?)^\}\n", re.MULTILINE | re.DOTALL
)
_VALUE = r"(?:%[\w.]+|[-\w.@]+)"
_LABEL = re.compile(r"([\w.]+):$")
_LOCAL = re.compile(r"%[\w.]+")
_TAKEN = re.compile(r"(?:^|, )(\w+|\{[^}]*\})(?: [^%]*?)? (%[\w.]+)")
_GIVEN = re.compile(rf"(?:^|, )(\w+|\{{[^}}]*\}}) ({_VALUE}|\{{[^}}]*\}})(?=, |$)")
_DEFINED = re.compile(r"  (%[\w.]+) = (\w+)")
LOAD = re.compile(r"  (%[\w.]+) = load (\S.*?), ptr (%[\w.]+)(?:,.*?!tbaa (!\d+))?")
_STORE = re.compile(rf"  store (\S.*?) ({_VALUE}), ptr (%[\w.]+)(?:,.*?!tbaa (!\d+))?")
_COMPARE = re.compile(rf"  (%[\w.]+) = [if]cmp (\w+) (\w+) ({_VALUE}), ({_VALUE})$")
_SELECT = re.compile(rf"  (%[\w.]+) = select i1 ({_VALUE}), (\w+) ({_VALUE}), \w+ ({_VALUE})$")
_TRUTH = re.compile(rf"  (%[\w.]+) = (?:zext (i1)|trunc (i8)) ({_VALUE}) to i\d+$")
PART = re.compile(r"  (%[\w.]+) = extractvalue (.*) (%[\w.]+), (\d)$")
_PAIR = re.compile(rf"  (%[\w.]+) = insertvalue {{.*}} ({_VALUE}), (\S.*?) ({_VALUE}), (\d)$")
_CALL = re.compile(r"  (?:(%[\w.]+) = )?call [^@]*@(f\d+[-\w.$]*)\((.*)\)")
FORK = re.compile(rf"  br i1 ({_VALUE}), label %([\w.]+), label %([\w.]+)")
_JUMP = re.compile(r"  br label %([\w.]+)")
_RETURN = re.compile(rf"  ret (\S.*) ({_VALUE})$")

Operand = str | Known  # a name, or what is known of a constant


class Step:
    """What one line of a function makes known."""

    def take(self, here: "Context", walk: "Walk") -> None:
        """Learn it, of one function for some constants."""


@dataclass(slots=True)
class Copy(Step):
    """A value is another, or what lies in a cell (memory of the function's own that nobody else is given)."""

    name: str
    of: Operand

    def take(self, here: "Context", _walk: "Walk") -> None:
        """It is what that is."""
        here.learn(self.name, here.of(self.of))


@dataclass(slots=True)
class Keep(Step):
    """A value is put into a cell, which holds whatever is put there anywhere."""

    cell: str
    of: Operand

    def take(self, here: "Context", _walk: "Walk") -> None:
        """The cell may hold it."""
        here.learn(self.cell, joined(here.of(self.cell), here.of(self.of)))


@dataclass(slots=True)
class Read(Step):
    """A field is read."""

    name: str
    field: str

    def take(self, here: "Context", walk: "Walk") -> None:
        """It is what anybody wrote there."""
        here.learn(self.name, walk.read(self.field, here))


@dataclass(slots=True)
class Write(Step):
    """A field is written."""

    field: str
    of: Operand

    def take(self, here: "Context", walk: "Walk") -> None:
        """The field of any record may hold it."""
        walk.write(self.field, here.of(self.of))


@dataclass(slots=True)
class Compare(Step):
    """Two values are compared."""

    name: str
    word: str
    one: Operand
    other: Operand

    def take(self, here: "Context", _walk: "Walk") -> None:
        """True, false or either."""
        here.learn(self.name, compared(self.word, here.of(self.one), here.of(self.other)))


@dataclass(slots=True)
class Pick(Step):
    """One of two values."""

    name: str
    asked: Operand
    one: Operand
    other: Operand

    def take(self, here: "Context", _walk: "Walk") -> None:
        """The one that is asked for."""
        here.learn(self.name, picked(here.of(self.asked), here.of(self.one), here.of(self.other)))


@dataclass(slots=True)
class Part(Step):
    """One of the values that came back together."""

    name: str
    of: str
    place: int

    def take(self, here: "Context", _walk: "Walk") -> None:
        """As much as is known of that one."""
        whole = here.of(self.of)
        here.learn(self.name, whole[self.place] if isinstance(whole, tuple) else whole)


@dataclass(slots=True)
class Pair(Step):
    """Two values go back together: one is put beside the other."""

    name: str
    whole: Operand
    of: Operand
    place: int

    def take(self, here: "Context", _walk: "Walk") -> None:
        """What is known of both."""
        whole = here.of(self.whole)
        both: list[Known] = [*whole] if isinstance(whole, tuple) else [whole, whole]
        both[self.place] = here.of(self.of)
        here.learn(self.name, tuple(both))


@dataclass(slots=True)
class Call(Step):
    """Another function is called."""

    name: str
    function: str
    given: list[Operand]

    def take(self, here: "Context", walk: "Walk") -> None:
        """What it returns for these arguments, if anybody has come here with all of them."""
        given = tuple(here.of(each) for each in self.given)
        if NOTHING not in given:
            here.learn(self.name, joined(here.of(self.name), walk.called(self.function, given, here)))


@dataclass(slots=True)
class Fork(Step):
    """Two ways."""

    asked: Operand
    yes: str
    no: str

    def take(self, here: "Context", _walk: "Walk") -> None:
        """Those that are open."""
        asked = here.of(self.asked)
        if not isinstance(asked, frozenset) or 1 in asked:
            here.reach(self.yes)
        if not isinstance(asked, frozenset) or 0 in asked:
            here.reach(self.no)


@dataclass(slots=True)
class Jump(Step):
    """One way."""

    label: str

    def take(self, here: "Context", _walk: "Walk") -> None:
        """It is open."""
        here.reach(self.label)


@dataclass(slots=True)
class Return(Step):
    """The end."""

    of: Operand

    def take(self, here: "Context", walk: "Walk") -> None:
        """Whoever called knows as much."""
        walk.returned(here, here.of(self.of))


@dataclass(slots=True)
class Function:
    """A function's parameters with their kinds, its blocks as lines and as steps, and the names of which nothing is known.

    `is_shut` says that its values meet otherwise than in cells (phi), and so all of it is taken as it is.
    """

    parameters: dict[str, str]
    lines: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    is_shut: bool = False


def function_of(taken: str, text: str) -> Function:
    """A function's blocks, from what it takes and the text between its braces."""
    function = Function({name: kind for kind, name in _TAKEN.findall(taken)})
    label = ""
    for line in text.split("\n"):
        begins = _LABEL.match(line)
        if begins is not None:
            label = begins[1]
        if begins is not None or line:
            function.lines.setdefault(label, []).extend([] if begins else [line])
    every = [line for lines in function.lines.values() for line in lines]
    function.is_shut = any(" = phi " in line or line.startswith("  switch ") for line in every)
    cells = _cells(every)
    for label, lines in function.lines.items():
        function.steps[label] = [step for line in lines for step in _step(line, cells)]
    known = {getattr(step, "name", "") for steps in function.steps.values() for step in steps}
    function.unknown = {found[1] for line in every if (found := _DEFINED.match(line))} - known - cells
    return function


def _cells(lines: list[str]) -> set[str]:
    """The memory of a function's own, of which nobody is given the address."""
    cells = {found[1] for line in lines if (found := _DEFINED.match(line)) and found[2] == "alloca"}
    for line in lines:
        if " = alloca " in line:
            continue
        used = LOAD.match(line) or _STORE.match(line)
        cells.difference_update(name for name in _LOCAL.findall(line) if used is None or name != used[3])
    return cells


def _step(line: str, cells: set[str]) -> Iterator[Step]:
    """What a line makes known, if anything."""
    if line.startswith(("  store ", "  br ", "  ret ")):
        yield from _deed(line, cells)
    elif (found := _CALL.match(line)) is not None:
        given = [operand(kind, text) for kind, text in _GIVEN.findall(found[3])]
        yield Call(found[1] or "", found[2], given)
    elif (found := LOAD.match(line)) is not None:
        if found[3] in cells:
            yield Copy(found[1], found[3])
        elif found[4]:
            yield Read(found[1], found[4])
    else:
        yield from _value(line)


def _deed(line: str, cells: set[str]) -> Iterator[Step]:
    """The step of a line that makes no value."""
    if (found := FORK.match(line)) is not None:
        yield Fork(operand("i1", found[1]), found[2], found[3])
    elif (found := _JUMP.match(line)) is not None:
        yield Jump(found[1])
    elif (found := _RETURN.match(line)) is not None:
        yield Return(operand(found[1], found[2]))
    elif (found := _STORE.match(line)) is None:
        if "!tbaa" in line:
            raise AssertionError(f"a store that we did not write: {line}")
    elif found[3] in cells:
        yield Keep(found[3], operand(found[1], found[2]))
    elif found[4]:
        yield Write(found[4], operand(found[1], found[2]))


def _value(line: str) -> Iterator[Step]:
    """The step of a line that makes a value of others."""
    if (found := _COMPARE.match(line)) is not None:
        if found[3] != "ptr":
            yield Compare(found[1], found[2], operand(found[3], found[4]), operand(found[3], found[5]))
    elif (found := _SELECT.match(line)) is not None:
        yield Pick(found[1], operand("i1", found[2]), operand(found[3], found[4]), operand(found[3], found[5]))
    elif (found := _TRUTH.match(line)) is not None:
        yield Copy(found[1], operand(found[2] or found[3], found[4]))
    elif (found := PART.match(line)) is not None:
        yield Part(found[1], found[3], int(found[4]))
    elif (found := _PAIR.match(line)) is not None and found[5] in "01":
        yield Pair(found[1], operand("", found[2]), operand(found[3], found[4]), int(found[5]))


def operand(kind: str, text: str) -> Operand:
    """A name, or what is known of a constant."""
    return text if text[0] == "%" else constant(kind, text)
