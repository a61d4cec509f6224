"""One function while it is being written: its lines, blocks, variables and ways to fail.

What comes in: requests to read, write, branch and fail.  What goes out: the LLVM text of the function's body.
Why so: local variables live in stack slots, one for each name and kind, which LLVM turns into registers; kinds follow
the flow of control, so `x = 0` followed by `x = 0.5` is an int and then a float, as in Python.  Where two ways meet, an
int becomes a float if the other way holds one, and a name that only one way set carries a flag.
"""

import ast
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.kernel.kinds import (
    BOOL,
    FLOAT,
    INT,
    KNOWN,
    NOTHING,
    AnyKind,
    ArrayKind,
    TupleKind,
    Value,
    join,
    number_value,
    plain,
)
from stratofold.kernel.refused import Refused

if TYPE_CHECKING:
    from stratofold.kernel.unit import Unit

# What a status says: 0 all is well; then a `raise` of the code's own, an index out of range, a number that machine
# arithmetic cannot hold or divide, a call that only Python can make, and a name read before it was set.
RAISED, INDEX, ARITHMETIC, LEFT, UNSET = 1, 2, 3, 4, 5

EXACT = 1 << 53  # every int up to here is a double


class Unreachable(Exception):
    """The statement being written always fails, so nothing after it is written."""


class Again(Exception):
    """Something was learnt (a return kind, a flag) that changes lines already written."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What is known of a local name here: its kind (None: two ways disagree), and whether it is certainly set."""

    kind: AnyKind | None
    sure: bool = True
    clash: str = ""


Environment = dict[str, Variable]


@dataclass(slots=True)
class Way:
    """One way to a meeting point: what it knows, and the place in the text where its last lines go."""

    environment: Environment
    tail: list[Any]


class Body:
    """The text of one function, growing."""

    def __init__(self, unit: "Unit", function: FunctionType, learnt: "Learnt") -> None:
        """An empty text for `function`, knowing what earlier attempts learnt."""
        self.unit = unit
        self.function = function
        self.file = function.__code__.co_filename
        self.locals = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
        self.learnt = learnt
        self.lines: list[Any] = []
        self.slots: dict[str, str] = {}
        self.environment: Environment = {}
        self.loops: list[tuple[list[Way], list[Way]]] = []
        self.codes: set[int] = set()
        self.missed: set[str] = set()
        self.fixed: dict[str, str] = {}
        self.calls_something = False
        # Our engine counts its indices from 0 on, and to know it lets LLVM drop most checks; should one be negative
        # after all, the event is the interpreter's.
        room = function.__module__.partition("stratofold.fold.")[2]
        self.counts_up = bool(room) and not room.startswith(("indicators", "models", "maths"))
        self.is_wide = bool(room) and getattr(function, "wide", False)
        few = ", !llvm.loop !5" if getattr(function, "few_turns", False) else ""
        self.facts_of_loops = ", !llvm.loop !7" if self.is_wide else few
        self.inside: frozenset[tuple[str, str]] = getattr(function, "inside", frozenset()) if room else frozenset()
        self._count = 0

    # Text

    def emit(self, line: str) -> None:
        """Write one line."""
        self.lines.append("  " + line)

    def value(self, operation: str) -> str:
        """Write `%tN = operation`; its name."""
        self._count += 1
        name = f"%t{self._count}"
        self.lines.append(f"  {name} = {operation}")
        return name

    def label(self) -> str:
        """A new label."""
        self._count += 1
        return f"L{self._count}"

    def start(self, label: str) -> None:
        """Begin the block `label`."""
        self.lines.append(f"{label}:")

    def text(self) -> str:
        """The whole body: slots, lines, the ways out."""
        self.slots["%status"] = "i32"
        if self.learnt.struct != "i32" and self.learnt.returns is not None:
            self.slots["%result"] = self.learnt.returns.llvm
        rows = ["entry:"]
        rows += [f"  {name} = alloca {llvm}" for name, llvm in self.slots.items()]
        rows += [f"  store i1 false, ptr {name}" for name in self.slots if name.startswith("%set.")]
        _flatten(self.lines, rows)
        for code in sorted(self.codes):
            rows += [f"fail.{code}:", f"  store i32 {code}, ptr %status", "  br label %exit"]
        return "\n".join([*rows, *self._exit_text()])

    def _exit_text(self) -> list[str]:
        """The one way out: status and value meet here as two numbers, which LLVM follows into the caller."""
        rows = ["exit:", "  %status.out = load i32, ptr %status"]
        if "%result" not in self.slots:
            return [*rows, "  ret i32 %status.out"]
        struct, kind = self.learnt.struct, self.slots["%result"]
        return [
            *rows,
            f"  %result.out = load {kind}, ptr %result",
            f"  %half.out = insertvalue {struct} undef, i32 %status.out, 0",
            f"  %both.out = insertvalue {struct} %half.out, {kind} %result.out, 1",
            f"  ret {struct} %both.out",
        ]

    def attribute_name(self, name: str) -> str:
        """An attribute's name as the class keeps it: `__name` is private to it."""
        owners = self.function.__qualname__.split(".")
        if not name.startswith("__") or name.endswith("__") or len(owners) == 1:
            return name
        return f"_{owners[-2].lstrip('_')}{name}"

    # Failing

    def refuse(self, node: ast.AST, reason: str, fix: str = "") -> Refused:
        """A refusal at a place in the user's source, to be raised."""
        return Refused(reason, self.file, getattr(node, "lineno", 0), fix)

    def fail_when(self, condition: str, code: int) -> None:
        """Leave with `code` where the i1 `condition` holds."""
        if condition == "false":
            return
        self.codes.add(code)
        going_on = self.label()
        self.emit(f"br i1 {condition}, label %fail.{code}, label %{going_on}, !prof !1")
        self.start(going_on)

    def fail(self, code: int) -> Unreachable:
        """Leave with `code`, to be raised."""
        self.codes.add(code)
        self.emit(f"br label %fail.{code}")
        return Unreachable()

    def pass_on(self, status: str) -> None:
        """Leave with a callee's status where it is not 0."""
        self.calls_something = True
        bad, going_on = self.label(), self.label()
        condition = self.value(f"icmp ne i32 {status}, 0")
        self.emit(f"br i1 {condition}, label %{bad}, label %{going_on}, !prof !1")
        self.start(bad)
        self.emit(f"store i32 {status}, ptr %status")
        self.emit("br label %exit")
        self.start(going_on)

    # Variables

    def read(self, name: str, node: ast.AST) -> Value:
        """The value of a local variable."""
        variable = self.environment.get(name)
        if variable is None:
            self.missed.add(name)
            raise self.fail(UNSET)
        if variable.kind is None:
            raise self.refuse(node, f"{name} is {variable.clash} here", "use two names")
        if not variable.sure:
            self._check_set(name)
        if name in self.fixed:
            return Value(variable.kind, self.fixed[name])
        return Value(variable.kind, self.value(f"load {variable.kind.llvm}, ptr {self._slot(name, variable.kind)}"))

    def take(self, name: str, kind: AnyKind, is_changed: bool) -> str:
        """Begin with a parameter; its operand.  One that the function never sets needs no slot."""
        text = f"%p.{plain(name)}"
        if is_changed:
            self.write(name, Value(kind, text), ast.Pass())
        else:
            self.environment[name] = Variable(kind)
            self.fixed[name] = text
        return text

    def write(self, name: str, value: Value, node: ast.AST) -> None:
        """Set a local variable."""
        if value.kind is KNOWN:
            raise self.refuse(node, f"{name} would hold a function, class or module", "call it where it is needed")
        if value.kind is NOTHING:
            raise self.refuse(node, f"{name} would be None", "use nan for a number that is not there yet")
        text = self.whole(value)
        self.environment[name] = Variable(value.kind)
        self.emit(f"store {value.kind.llvm} {text}, ptr {self._slot(name, value.kind)}")
        if name in self.learnt.flagged:
            self.emit(f"store i1 true, ptr {self._flag(name)}")

    def whole(self, value: Value) -> str:
        """A value's operand, a tuple's members put together."""
        if not value.parts:
            return value.text
        text = "undef"
        for index, part in enumerate(value.parts):
            text = self.value(f"insertvalue {value.kind.llvm} {text}, {part.kind.llvm} {self.whole(part)}, {index}")
        return text

    def members(self, value: Value) -> list[Value]:
        """The members of a tuple."""
        if value.parts:
            return value.parts
        return [
            Value(kind, self.value(f"extractvalue {value.kind.llvm} {value.text}, {index}"))
            for index, kind in enumerate(value.kind.parts)
        ]

    def hidden(self, llvm: str) -> str:
        """A stack slot of our own."""
        self._count += 1
        name = f"%h{self._count}"
        self.slots[name] = llvm
        return name

    def _slot(self, name: str, kind: AnyKind) -> str:
        """The stack slot of a name in one kind."""
        slot = f"%v.{plain(name)}.{kind.tag}"
        self.slots[slot] = kind.llvm
        return slot

    def _flag(self, name: str) -> str:
        """The stack slot that says whether a name was set."""
        slot = f"%set.{plain(name)}"
        self.slots[slot] = "i1"
        return slot

    def _check_set(self, name: str) -> None:
        """Leave where a name that only some ways set was not."""
        if name not in self.learnt.flagged:
            self.learnt.flagged.add(name)
            raise Again
        is_set = self.value(f"load i1, ptr {self._flag(name)}")
        self.fail_when(self.value(f"xor i1 {is_set}, true"), UNSET)

    # Kinds

    def convert(self, value: Value, kind: AnyKind) -> Value:
        """`value` as `kind`, which must hold it; an int that no double holds leaves the kernel."""
        if value.kind == kind:
            return value
        if isinstance(kind, ArrayKind):
            return Value(kind, value.text, None, value.parts)
        if isinstance(kind, TupleKind):
            return Value(
                kind, "", None, [self.convert(*pair) for pair in zip(self.members(value), kind.parts, strict=True)]
            )
        if value.kind is BOOL:
            whole = Value(INT, self.value(f"zext i1 {value.text} to i64"))
            return whole if kind is INT else self.convert(whole, kind)
        if isinstance(value.constant, int):
            if abs(value.constant) > EXACT:
                raise self.fail(ARITHMETIC)
            return number_value(float(value.constant))
        self._check_exact(value.text)
        return Value(FLOAT, self.value(f"sitofp i64 {value.text} to double"))

    def _check_exact(self, text: str) -> None:
        """Leave where an int is past 2**53."""
        moved = self.value(f"add i64 {text}, {EXACT}")
        self.fail_when(self.value(f"icmp ugt i64 {moved}, {2 * EXACT}"), ARITHMETIC)

    # Ways that meet

    def way(self) -> Way:
        """The end of a way here: its last lines are written when it is known what it meets."""
        tail: list[Any] = []
        self.lines.append(tail)
        return Way(dict(self.environment), tail)

    def meet(self, ways: list[Way], label: str) -> None:
        """Let `ways` go on together in a new block `label`; raises Unreachable where none arrives."""
        if not ways:
            raise Unreachable
        together = meeting(ways)
        for way in ways:
            self.lead(way, together, label)
        self.environment = dict(together)
        self.start(label)

    def lead(self, way: Way, together: Environment, label: str, facts: str = "") -> None:
        """Write a way's last lines: what must be widened, and the jump, of which LLVM may know `facts`."""
        lines, environment = self.lines, self.environment
        self.lines, self.environment = way.tail, dict(way.environment)
        for name, variable in together.items():
            mine = self.environment.get(name)
            if variable.kind is None or mine is None or mine.kind == variable.kind or mine.kind is None:
                continue
            held = Value(mine.kind, self.value(f"load {mine.kind.llvm}, ptr {self._slot(name, mine.kind)}"))
            wide = self.convert(held, variable.kind)
            self.emit(f"store {wide.kind.llvm} {self.whole(wide)}, ptr {self._slot(name, wide.kind)}")
        self.emit(f"br label %{label}{facts}")
        self.lines, self.environment = lines, environment


@dataclass(slots=True)
class Learnt:
    """What writing a function taught: kept when it is written again."""

    returns: AnyKind | None
    flagged: set[str]

    @property
    def struct(self) -> str:
        """The LLVM type the function returns: a status, and the value where there is one."""
        return "i32" if self.returns is None or self.returns is NOTHING else f"{{i32, {self.returns.llvm}}}"


def meeting(ways: list[Way]) -> Environment:
    """What holds where all these ways meet."""
    together = dict(ways[0].environment)
    for way in ways[1:]:
        for name in together.keys() | way.environment.keys():
            together[name] = _both(together.get(name), way.environment.get(name))
    return together


def _both(one: Variable | None, other: Variable | None) -> Variable:
    """What is known of a name that two ways bring."""
    if one is None or other is None:
        only = one or other
        return Variable(only.kind, False, only.clash) if only else Variable(None)
    sure = one.sure and other.sure
    if one.kind is None or other.kind is None:
        return Variable(None, sure, one.clash or other.clash)
    kind = join(one.kind, other.kind)
    clash = "" if kind else f"sometimes {one.kind.name} and sometimes {other.kind.name}"
    return Variable(kind, sure, clash)


def _flatten(lines: list[Any], rows: list[str]) -> None:
    """Lines in order, however deeply nested."""
    for line in lines:
        if isinstance(line, str):
            rows.append(line)
        else:
            _flatten(line, rows)
