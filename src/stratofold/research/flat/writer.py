"""Python text being written: one function after another, with what is known of every name in it.

What comes in: statements and temporaries from `statements`, `expressions` and `calls`.  What goes out: the lines of a
factory, which is given the roots of a run and returns the function that was asked for.
"""

from __future__ import annotations

import builtins
from contextlib import contextmanager
from math import isfinite
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.research.flat.kinds import Graph, Kind, Many, Thing, path_text
from stratofold.research.flat.sources import Source, Unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

NOTHING = object()
Line = tuple[int, str, "list[Line] | None"]  # the line it came from, its text, and the block below it


class Value(NamedTuple):
    """An expression as text; `is_stable` where reading it later gives the same, `constant` where it is a number."""

    text: str
    kind: Kind = None
    is_stable: bool = False
    constant: Any = NOTHING


class Frame:
    """One function that is being written, alone or into another, and what its names stand for."""

    def __init__(self, source: Source, suffix: str, bound: dict[str, Value]) -> None:
        """`bound` are the names that stand for something written elsewhere; the others end in `suffix`."""
        self.source = source
        self.suffix = suffix
        self.bound = bound
        self.kinds: dict[str, Kind] = {}
        self.scope = source.function.__globals__
        self.result: str = ""  # the name that takes what is returned
        self.result_kinds: set[Kind] = set()  # of what it takes
        self.is_inner = False  # written into another: a return is no return there
        self.leaves_loop = False  # each return leaves a loop that was put around

    @property
    def result_kind(self) -> Kind:
        """What is returned, where that is always of one kind."""
        return next(iter(self.result_kinds)) if len(self.result_kinds) == 1 else None


class Writer:
    """The text so far."""

    def __init__(
        self,
        graph: Graph,
        constants: dict[tuple[str, str], Any],
        roots: list[str],
        function: FunctionType,
        mark: str = "",
    ) -> None:
        """For `function`, of things at the paths `roots`.

        `constants` are attributes, by path and name, whose value is the same through the whole run.  New names bear
        `mark`.
        """
        self.graph = graph
        self.constants = constants
        self.roots = roots
        self.paths: dict[str, str] = {path: _path_name(path) for path in roots}
        self.file = function.__code__.co_filename
        self.names: dict[str, Any] = {"__builtins__": builtins}
        self.facts: dict[
            int, tuple[Any, dict[str, None]]
        ] = {}  # classes and namespaces, and names that were read there
        self.codes: dict[FunctionType, CodeType] = {}
        self.unclear: set[str] = set()  # attributes that were left as they stand and may be properties
        self.hooks: dict[str, list[str]] = {}  # and what each is given
        self.functions: list[Line] = []
        self.written: dict[Any, str] = {}
        self.answers: dict[str, Kind] = {}  # what the functions written return, by name
        self.stack: list[FunctionType] = []
        self.out: list[Line] = []
        self.line = 0
        self.held = 0  # greater than 0: nothing may be put before the expression being read
        self._mark = mark
        self._count = 0
        self._aliases: dict[int, str] = {}

    def rely(self, scope: Any, name: str) -> None:
        """Note that the text stands on what a name of a class or a namespace means now."""
        self.facts.setdefault(id(scope), (scope, {}))[1][name] = None

    # Names.

    def fresh(self, name: str) -> str:
        """A name that is not in use."""
        self._count += 1
        return f"{name}_{self._mark}{self._count}"

    def at(self, thing: Thing | Many) -> Value:
        """What lies at the end of a path, as the name that is given to it before the run."""
        name = self.paths.setdefault(thing.path, _path_name(thing.path))
        return Value(name, thing, is_stable=True)

    def alias(self, value: Any, name: str) -> str:
        """A name for a function, a class or a namespace."""
        if getattr(builtins, name, None) is value and isinstance(value, (type, BuiltinFunctionType)):
            return name
        if id(value) not in self._aliases:
            self._aliases[id(value)] = alias = f"{name}__{self._mark}{len(self._aliases)}"
            self.names[alias] = value
        return self._aliases[id(value)]

    def number(self, value: Any) -> Value:
        """A number as it is written."""
        if not isfinite(value):
            return Value(self.alias(value, "number"), is_stable=True, constant=value)
        text = repr(value)
        return Value(f"({text})" if text.startswith("-") else text, is_stable=True, constant=value)

    # Lines.

    def emit(self, text: str, block: list[Line] | None = None) -> None:
        """One line, with the block below it."""
        self.out.append((self.line, text, block))

    def keep(self, value: Value, place: int = -1) -> Value:
        """A value in a name of its own, so that nothing that comes changes it; `place` is where the line goes."""
        name = self.fresh("kept")
        self.out.insert(place if place >= 0 else len(self.out), (self.line, f"{name} = {value.text}", None))
        return Value(name, value.kind, is_stable=True)

    def block(self, work: Callable[[], Any]) -> tuple[list[Line], Any]:
        """The lines that some work writes, apart, and what it returns."""
        outer, self.out = self.out, []
        try:
            answer = work()
            return self.out, answer
        finally:
            self.out = outer

    @contextmanager
    def apart(self, function: FunctionType, line: int) -> Iterator[list[Line]]:
        """A function of its own, whose lines come together in the list given."""
        outer = self.out, self.line, self.held
        self.out, self.line, self.held = [], line, 0
        self.stack.append(function)
        try:
            yield self.out
        finally:
            self.stack.pop()
            self.out, self.line, self.held = outer

    # The factory.

    def text(self, answer: str, later: Sequence[str] = ()) -> tuple[str, list[int]]:
        """The factory that returns `answer`, and of each line the one it came from.

        It is given the roots, but not the names that come `later`.
        """
        names = (self.paths[path] for path in self.roots)
        roots = ", ".join([*(name for name in names if name not in later), *(f"{name}=None" for name in later)])
        return joined(
            [(0, f"def factory({roots}):", [*self.ways(self.roots), *self.functions, (0, f"return {answer}", None)])]
        )

    def ways(self, known: Container[str]) -> list[Line]:
        """What gives every path its name; those `known` have theirs."""
        return [(0, f"{name} = {self._way(path)}", None) for path, name in self.paths.items() if path not in known]

    def _way(self, path: str) -> str:
        """The attributes from a root to the end of a path."""
        root = max((each for each in self.roots if path.startswith(f"{each}.")), key=len)
        return path_text(self.paths[root] + path[len(root) :])


def _path_name(path: str) -> str:
    """The name of what lies at the end of a path."""
    return path.replace(".", "_") + "_"


def joined(rows: list[Line]) -> tuple[str, list[int]]:
    """Lines as one text, and of each the line it came from."""
    pairs = [*_flat(rows, "")]
    return "\n".join(text for _, text in pairs) + "\n", [line for line, _ in pairs]


def without_origins(rows: list[Line]) -> list[Line]:
    """The same lines, come from nowhere."""
    return [(0, text, block and without_origins(block)) for _, text, block in rows]


def _flat(rows: list[Line], indent: str) -> Iterator[tuple[int, str]]:
    """Every line with its indentation."""
    for line, text, block in rows:
        yield line, indent + text
        if block is not None:
            yield from _flat(block or [(line, "    pass", None)], indent + "    ")


__all__ = ["NOTHING", "Frame", "Line", "Source", "Unfit", "Value", "Writer", "joined", "without_origins"]
