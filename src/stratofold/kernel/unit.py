"""One compilation unit: every function reached from an entry, in every kinds of arguments it is called with.

What comes in: a survey of layouts and the entry.  What goes out: LLVM text that needs nothing from outside, and what
was learnt on the way: which int fields must hold floats, which fields machine code writes, which files were read.
"""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

from stratofold.kernel import statements
from stratofold.kernel.body import Again, Body, Learnt
from stratofold.kernel.idle import idle_parameters, without
from stratofold.kernel.kinds import (
    ADDRESS,
    BOOL,
    FLOAT,
    INT,
    NOTHING,
    AnyKind,
    ArrayKind,
    ObjectKind,
    Value,
    float_text,
    number_value,
    plain,
)
from stratofold.kernel.layout import Layout, Survey
from stratofold.kernel.refused import Refused
from stratofold.kernel.source import stored_names, tree_of
from stratofold.kernel.support import FUNCTIONS, INTRINSICS, WIDE
from stratofold.routing import is_ours_or_users

_ANNOTATIONS = {
    "int": INT,
    "float": FLOAT,
    "bool": BOOL,
    "None": NOTHING,
    int: INT,
    float: FLOAT,
    bool: BOOL,
    None: NOTHING,
}
_STORED = re.compile(r"^  store [^\n]*!tbaa (!\d+)", re.MULTILINE)
_CALLED = re.compile(r"call [^@\n]*(@[-\w.$]+)\(")
_ATTEMPTS_MAX = 50
_RESTS = "Book._submit"  # whoever has an order rest asks for it here
_IF_RESTING = frozenset({"reach"})  # what such a strategy does with most bars
_INLINED_HELPER_LINES_MAX = 150  # a `_helper` is what its class seldom needs, or short
_INLINED_LINES_MAX = (
    300  # a longer function is called: inlining it makes the code large and the short ones around it slow
)


@dataclass(slots=True)
class Instance:
    """One function for some kinds of arguments."""

    name: str
    function: FunctionType
    kinds: tuple[AnyKind, ...]
    learnt: Learnt
    text: str = ""
    is_done: bool = False
    fails: bool = True


class Unit:
    """The functions, constants and notes of one module of LLVM text."""

    def __init__(
        self,
        survey: Survey,
        known_stored: set[str] | None = None,
        often: frozenset[str] = frozenset(),
        without: frozenset[str] = frozenset(),
        *,
        leaps: str = "",
        rests: bool = True,
    ) -> None:
        """An empty unit over some layouts; `known_stored` is what an earlier writing of it stores to.

        `often` are functions of the fold, by their qualified names, that this entry calls more often than they say,
        and `without` are those that it does without; with `leaps` runs leap over quiet bars of that form, and
        unless an order `rests` the venue has nothing to do with those.
        """
        self.leaps = leaps
        self.rests = rests
        self._often = often
        self._without = without
        self.survey = survey
        self.known_stored = known_stored
        self.widened: set[str] = set()
        self.stored: set[str] = set()
        self.loaded: set[str] = set()
        self.files: set[str] = set()
        self.entry: Instance | None = None
        self._instances: dict[tuple[Any, ...], Instance] = {}
        self._aliases: dict[str, tuple[int, str]] = {}
        self._constants: dict[tuple[str, tuple[float, ...]], str] = {}
        self._support: set[str] = set()

    # Functions

    def does_without(self, function: FunctionType) -> bool:
        """Whether a call of this function, which is the fold's, is left out."""
        return function.__qualname__ in self._without and _is_folds(function)

    def named(self, function: Callable[..., Any]) -> str:
        """What the text calls a function that is written once in it; nothing where it is not."""
        found = [each.name[1:] for (known, _), each in self._instances.items() if known is function]
        return found[0] if len(found) == 1 else ""

    def stores_of(self, names: Iterable[str], *, alone: bool = False) -> set[str]:
        """By alias what these functions store to, and all that they call, unless they are meant `alone`."""
        texts = {each.name: each.text for each in self._instances.values()}
        aliases = {f"!{_FIRST_ALIAS + 2 * place + 1}": alias for alias, (place, _) in self._aliases.items()}
        found: set[str] = set()
        waiting, seen = [f"@{name}" for name in names], set()
        while waiting:
            name = waiting.pop()
            if name not in seen and name in texts:
                seen.add(name)
                found |= {aliases[tag] for tag in _STORED.findall(texts[name])}
                waiting += [] if alone else _CALLED.findall(texts[name])
        return found

    def has(self, name: str) -> bool:
        """Whether a function of this qualified name is written in it."""
        return any(function.__qualname__ == name for function, _ in self._instances)

    def instance(self, function: FunctionType, kinds: tuple[AnyKind, ...]) -> Instance:
        """The function for these kinds of arguments, written now if it is new; raises Refused where it cannot be."""
        key = (function, kinds)
        known = self._instances.get(key)
        if known is None:
            if not is_ours_or_users(function.__module__):
                raise Refused(
                    f"{function.__qualname__} is of the installed module {function.__module__}, whose source is in no kernel's name",
                    function.__code__.co_filename, function.__code__.co_firstlineno,
                    "write it beside the strategy, or call it in setup",
                )  # fmt: skip
            name = f"@f{len(self._instances)}.{plain(function.__name__)}"
            known = self._instances[key] = Instance(name, function, kinds, Learnt(None, set()))
            self.files.add(function.__code__.co_filename)
            self._write(known)
        elif not known.is_done and known.learnt.returns is None:
            known.learnt.returns = _annotated_return(function)
        return known

    def _write(self, instance: Instance) -> None:
        """Write an instance, again and again while something is learnt."""
        node = tree_of(instance.function)
        for _ in range(_ATTEMPTS_MAX):
            body = Body(self, instance.function, instance.learnt)
            try:
                self._write_once(instance, body, node)
            except Again:
                continue
            instance.is_done = True
            instance.fails = bool(body.codes) or body.calls_something
            return
        raise Refused(
            f"the kinds of values in {instance.function.__qualname__} do not settle", body.file, node.lineno,
            "give each name one kind of value",
        )  # fmt: skip

    def _write_once(self, instance: Instance, body: Body, node: Any) -> None:
        """One attempt."""
        names = instance.function.__code__.co_varnames
        changed = stored_names(node)
        taken = [body.take(name, kind, name in changed) for name, kind in zip(names, instance.kinds, strict=False)]
        if statements.block(body, node.body):
            statements.leave(body, Value(NOTHING), node)
        text = body.text()
        promise = _promise(instance.function, text.count("\n"), self._often)
        parameters = [
            f"{kind.llvm}{self._promised(instance, kind)} {name}"
            for kind, name in zip(instance.kinds, taken, strict=False)
        ]
        instance.text = f"define internal {instance.learnt.struct} {instance.name}({', '.join(parameters)}) {promise} {{\n{text}\n}}\n"

    def _promised(self, instance: Instance, kind: AnyKind) -> str:
        """What LLVM may rely on of a parameter: machine code keeps no address, but may return one."""
        if not isinstance(kind, ObjectKind):
            return ""
        kept = "none" if instance.learnt.returns in (INT, FLOAT, BOOL, NOTHING) else "ret: address, provenance"
        return f" nonnull align 8 dereferenceable({kind.layout.size}) captures({kept})"

    def _entry_text(self, entry: Instance, name: str) -> str:
        """The one exported function: status out, the value through its first argument.

        The roots are reached through its parameters alone, unless some object is held a second time, by address.
        """
        alone = "" if any(layout.is_met_again for layout in self.survey.layouts) else " noalias writable"
        given = [f"{kind.llvm} %a{index}" for index, kind in enumerate(entry.kinds)]
        taken = [
            f"{kind.llvm}{self._promised(entry, kind)}{alone if isinstance(kind, ObjectKind) else ''} %a{index}"
            for index, kind in enumerate(entry.kinds)
        ]
        returned = entry.learnt.struct
        rows = [f"define i32 @{name}({', '.join(['ptr %result', *taken])}) nounwind {{"]
        rows.append(f"  %all = call {returned} {entry.name}({', '.join(given)})")
        if returned == "i32":
            return "\n".join([*rows, "  ret i32 %all", "}"])
        rows.append(f"  %value = extractvalue {returned} %all, 1")
        rows.append(f"  store {entry.learnt.returns.llvm} %value, ptr %result")  # type: ignore[union-attr]
        rows.append(f"  %status = extractvalue {returned} %all, 0")
        return "\n".join([*rows, "  ret i32 %status", "}"])

    # Memory

    def widen(self, layout: Layout, name: str) -> None:
        """Ask for a layout in which this int field holds floats."""
        self.widened.add(f"{layout.cls.__module__}.{layout.cls.__qualname__}.{name}")

    def note_store(self, name: str) -> None:
        """Remember that machine code writes a field ("<layout>.<name>") or the arrays of a group."""
        self.stored.add(name)

    def note_load(self, kind: ArrayKind) -> None:
        """Remember that machine code reads the arrays of a group."""
        self.loaded.add(kind.group or f"any {kind.code}")

    def is_constant(self, name: str) -> bool:
        """Whether an earlier writing of the same unit showed that nothing is ever stored there."""
        return self.known_stored is not None and name not in self.known_stored

    def facts(self, layout: Layout, name: str) -> str:
        """What LLVM may rely on when it loads a field."""
        if self.is_constant(f"{layout.number}.{name}"):
            return f"!invariant.load !0, !tbaa {self.alias(layout, name)}"
        return f"!tbaa {self.alias(layout, name)}"

    @property
    def held(self) -> str:
        """What LLVM may rely on when it loads an address or a length, neither of which machine code ever changes."""
        return f"!invariant.load !0, !tbaa {self._alias('held', 'stratofold')}"

    def alias(self, layout: Layout, name: str) -> str:
        """The metadata that says which field an access is to."""
        return self._alias(f"{layout.number}.{layout.cls.__name__}.{name}", "stratofold")

    def element_alias(self, kind: ArrayKind) -> str:
        """The metadata that says which arrays an access is to."""
        every = f"any {kind.code}"
        self._alias(every, "stratofold")
        return self._alias(f"[{kind.group}]", every) if kind.group else self._alias(every, "stratofold")

    def _alias(self, name: str, parent: str) -> str:
        """The number of an alias name's metadata."""
        place, _ = self._aliases.setdefault(name, (len(self._aliases), parent))
        return f"!{_FIRST_ALIAS + 2 * place + 1}"

    def constant_array(self, code: str, numbers: Any) -> Value:
        """An array of numbers that never change, as the value that code sees."""
        key = (code, tuple(numbers))
        name = self._constants.setdefault(key, f"@c{len(self._constants)}")
        return Value(ArrayKind(code, frozen=True), "", None, [Value(ADDRESS, name), number_value(len(key[1]))])

    def support(self, name: str) -> str:
        """The name of one of our functions in LLVM's own words."""
        self._support.update((name, *FUNCTIONS[name][1]))
        return f"@sf.{name}"

    @property
    def own(self) -> set[str]:
        """The names of functions that are not the fold's, or are given an object that is not and that somebody reads."""
        return {
            instance.name[1:]
            for instance in self._instances.values()
            if not _is_folds(instance.function) or _strangers(instance) - self._idle.get(instance.name, set())
        }

    @cached_property
    def _idle(self) -> dict[str, set[int]]:
        """By function of the fold, the places of those objects not the fold's that it is given and nobody reads."""
        instances = self._instances.values()
        asked = {
            each.name: _strangers(each) for each in instances if each is not self.entry and _is_folds(each.function)
        }
        return idle_parameters({each.name: each.text for each in instances}, asked)

    # Text

    def text(self, name: str) -> str:
        """The whole module, its entry exported as `name(result*, arguments…) -> status`."""
        if self.entry is None:
            raise AssertionError("a unit without an entry")
        parts = [INTRINSICS, self._entry_text(self.entry, name)]
        parts += [FUNCTIONS[each][0] for each in sorted(self._support)]
        parts += [_constant_text(each, code, numbers) for (code, numbers), each in self._constants.items()]
        parts += [without(instance.text, self._idle) for instance in self._instances.values()]
        return "\n".join([*parts, *self._metadata(), ""])

    def _metadata(self) -> list[str]:
        """Facts that accesses refer to."""
        rows = [
            "!0 = !{}",
            '!1 = !{!"branch_weights", i32 1, i32 1048575}',
            "!2 = !{i64 0, i64 1152921504606846976}",
            "!3 = !{i8 0, i8 2}",
            '!4 = !{!"stratofold"}',
            "!5 = distinct !{!5, !6}",
            '!6 = !{!"llvm.licm.disable"}',
            *WIDE,
        ]
        for name, (place, parent) in self._aliases.items():
            leaf = _FIRST_ALIAS + 2 * place
            above = _FIRST_ALIAS + 2 * self._aliases[parent][0] if parent in self._aliases else _ROOT_ALIAS
            rows += [f'!{leaf} = !{{!"{name}", !{above}, i64 0}}', f"!{leaf + 1} = !{{!{leaf}, !{leaf}, i64 0}}"]
        return rows


_ROOT_ALIAS, _FIRST_ALIAS = 4, 12


def _is_folds(thing: FunctionType | type) -> bool:
    """Whether a function or class is ours, and so the same for every strategy."""
    return thing.__module__.startswith(("stratofold.fold.", "stratofold.events", "stratofold.kernel."))


def _strangers(instance: Instance) -> set[int]:
    """The places of the objects that a function is given and that are not of the fold's classes."""
    kinds = enumerate(instance.kinds)
    return {place for place, kind in kinds if isinstance(kind, ObjectKind) and not _is_folds(kind.layout.cls)}


def _annotated_return(function: FunctionType) -> AnyKind:
    """What a function that calls itself says it returns; raises Refused where it says nothing."""
    said = function.__annotations__.get("return", "nothing")
    kind = _ANNOTATIONS.get(said)
    if kind is None:
        code = function.__code__
        raise Refused(
            f"{function.__qualname__} calls itself and does not say what it returns", code.co_filename,
            code.co_firstlineno, "write -> float (or int, bool) on it",
        )  # fmt: skip
    return kind


def _constant_text(name: str, code: str, numbers: tuple[float, ...]) -> str:
    """A constant array as a private global."""
    each = "double" if code == "d" else "i64"
    texts = [float_text(number) if code == "d" else str(int(number)) for number in numbers]
    rows = ", ".join(f"{each} {text}" for text in texts)
    return f"{name} = private unnamed_addr constant [{len(numbers)} x {each}] [{rows}], align 8"


def compile_text(
    function: FunctionType,
    survey: Survey,
    kinds: tuple[AnyKind, ...],
    name: str = "stratofold_run",
    often: frozenset[str] = frozenset(),
    without: frozenset[str] = frozenset(),
    leaps: str = "",
) -> tuple[str, Unit]:
    """LLVM text of `function` for these kinds of arguments; the unit says what else was learnt.  `often`, `without` and `leaps` as in `Unit`.

    It is written twice: the second time it is known which fields and arrays nothing stores to, so that LLVM may read
    those once, and whether orders may rest.
    """
    first = _written(function, Unit(survey, None, often, without, leaps=leaps), kinds)
    rests = first.has(_RESTS)
    more = often | _IF_RESTING if rests else often
    is_unknown = bool(first.widened) or "any d" in first.stored or "any q" in first.stored
    if is_unknown and not rests and not leaps:
        return first.text(name), first
    known = None if is_unknown else first.stored
    second = _written(function, Unit(survey, known, more, without, leaps=leaps, rests=rests), kinds)
    return second.text(name), second


def _written(function: FunctionType, unit: Unit, kinds: tuple[AnyKind, ...]) -> Unit:
    """A unit with everything that `function` reaches; calls nest deeper than Python's usual limit."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20_000))
    try:
        unit.entry = unit.instance(function, kinds)
    finally:
        sys.setrecursionlimit(limit)
    return unit


def _promise(function: FunctionType, lines: int, often: frozenset[str]) -> str:
    """What LLVM is told of a function: whether it is rare, long, or on the path of every bar (as a strategy's own are)."""
    if function.__qualname__ in often and _is_folds(function):
        return "nounwind alwaysinline"
    if getattr(function, "seldom", False):
        return "nounwind noinline cold"
    if getattr(function, "often", False):
        return "nounwind alwaysinline"
    if lines > (_INLINED_LINES_MAX if function.__name__[0] != "_" else _INLINED_HELPER_LINES_MAX):
        return "nounwind noinline"
    room = function.__module__.partition("stratofold.fold.")[2]
    return "nounwind inlinehint" if room and not room.startswith("indicators") else "nounwind alwaysinline"
