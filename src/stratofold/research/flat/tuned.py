"""The function that hears most bars, with a strategy's `on_bar` written into it and its numbers kept in names.

What comes in: the loop's lines for such an engine, and a hook.  What goes out: what makes the function from the names
of one run.  It bears the file and the name of the hook; lines that are not the user's are line 1 of it.
"""

from __future__ import annotations

import ast
import builtins
import math
import operator
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.research.flat import calls
from stratofold.research.flat.copies import without_copies
from stratofold.research.flat.effects import Known, effects_by_name, effects_of, methods_of
from stratofold.research.flat.kinds import NUMBERS, Graph, Thing, value_at
from stratofold.research.flat.registers import keep_in_names, numbers_in
from stratofold.research.flat.writer import Line, joined
from stratofold.research.flat.writing import written_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stratofold.research.flat.effects import Slot
    from stratofold.research.flat.habits import Habits
    from stratofold.research.flat.loops import Loop
    from stratofold.research.flat.writer import Writer
    from stratofold.research.flat.writing import Constants

_NUMBERS_ONLY = (
    "stratofold.fold.grid",
    "stratofold.fold.maths",
)  # modules whose functions take numbers and keep nothing
_COST_MAX = 13  # slots: beyond, what is saved with every bar is spent again
HOOK = "on_bar"


class Reading:
    """What must hold for a text to mean the same as the source that it was written from."""

    def __init__(self, w: Writer) -> None:
        """Keep what every name that went into the text meant."""
        self._functions, self._codes = [*w.codes], [*w.codes.values()]
        self._reads: list[tuple[Any, Callable[[Any], Any], Any]] = []
        for scope, names in w.facts.values():
            read = operator.attrgetter(*names) if isinstance(scope, type) else operator.itemgetter(*names)
            self._reads.append((scope, read, read(scope)))

    @property
    def holds(self) -> bool:
        """Whether every function that went into it is what it was."""
        try:
            return (
                all(read(scope) == meant for scope, read, meant in self._reads)
                and [function.__code__ for function in self._functions] == self._codes
            )
        except (AttributeError, KeyError):
            return False


class Hook(Reading):
    """A factory of a hook."""

    def __init__(self, factory: Callable[..., Any], w: Writer) -> None:
        """`factory` is given the strategy and what the hook is given."""
        super().__init__(w)
        self.factory = factory


class Tuned(Reading):
    """The loop's function with a hook in it; `fits` says whether a run has all that it keeps in names."""

    def __init__(self, code: CodeType, slots: Iterable[Slot], w: Writer, places: dict[str, str]) -> None:
        """`slots` are those of the strategy, `places` the paths by name."""
        super().__init__(w)
        self._code = code
        self._names = w.names
        names: dict[str, list[str]] = {}
        for base, name in slots:
            names.setdefault(places[base], []).append(name)
        self._numbers = [(path, operator.attrgetter(*each, each[0])) for path, each in names.items()]

    def fits(self, roots: dict[str, Any]) -> bool:
        """Whether each of the strategy's attributes that it takes for a number is one."""
        try:
            values = [value for path, read in self._numbers for value in read(value_at(roots, path))]
        except AttributeError:
            return False
        return all(type(value) in NUMBERS for value in values)

    def made(
        self, scopes: Scopes, names: dict[str, Any], own: dict[str, Any], function: FunctionType
    ) -> Callable[[int], int]:
        """The function for one run: `names` are those of its loop, `own` those that are this run's.

        `function` is the loop's own.  The loop's other runs find their names in `scopes`, all there but their own.
        """
        scope = scopes.get(self)
        if scope is None:
            scope = scopes[self] = {**function.__globals__, **self._names, **names}
        scope.update(own)
        exec(self._code, scope)  # noqa: S102  the text that we wrote from the fold's own and the user's
        return scope[HOOK]  # type: ignore[no-any-return]


Scopes = dict[Tuned, dict[str, Any]]


def tuned(loop: Loop, roots: dict[str, Any], function: FunctionType, habits: Habits) -> Tuned | None:
    """The loop's function for strategies with such a hook; None where the hook cannot stand in it."""
    source = calls.source_of(function)
    given = ["strategy", *loop.hooks.get(HOOK, ())]
    if source is None or habits.has_operators or len(given) not in (1, len(source.parameters)):
        return None
    graph = Graph(roots)
    graph.respect(habits)
    constants: Constants = {("engine.bar", "symbol"): 0} if roots["strategy"].symbol_count == 1 else {}
    things = {
        parameter: Thing(type(value_at(roots, path)), path)
        for parameter, path in zip(source.parameters, given, strict=False)
    }
    found = written_inside(graph, constants, function, things, is_empty=len(given) == 1)
    if found is None:
        return None
    w, lines = found
    paths = {**loop.hot.paths, **w.paths}
    tree, slots, cost = _program(loop, w, lines, paths, roots)
    if cost > _COST_MAX:
        return None
    code = compile(tree, function.__code__.co_filename, "exec", dont_inherit=True)
    places = {name: path for path, name in paths.items()}
    own = [slot for slot in slots if places[slot[0]].startswith("strategy")]
    return Tuned(renamed(code, HOOK, function.__code__), own, w, places)


def _program(
    loop: Loop, w: Writer, lines: list[Line], paths: dict[str, str], roots: dict[str, Any]
) -> tuple[ast.Module, Iterable[Slot], int]:
    """The text as a tree: ways to what only the hook needs, functions of its own, and the one that is wanted.

    Besides, the slots that are kept in it, and how many the hook has written and read again with each bar.
    """
    whole = (0, f"def {HOOK}(stop):", _with_hook(loop.hot.lines, lines))
    tree = with_origins(*joined([*w.ways(loop.hot.paths), *w.functions, whole]))
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    hot = functions.pop(HOOK)
    names = frozenset(paths.values())
    known = Known(
        names, loop.hot.unclear | w.unclear, loop.hot.effects, methods_of(frozenset(w.graph.met)), _harmless(w)
    )
    slots = numbers_in(hot, known, paths, roots)
    known = known._replace(numbers=slots)
    known = known._replace(functions={**loop.hot.effects, **effects_by_name(functions, known)})
    cost = _cost(lines, slots, known)
    keep_in_names(hot, slots, known)
    _bind(hot)
    without_copies(hot)
    return tree, slots, cost


def _cost(lines: list[Line], slots: frozenset[Slot], known: Known) -> int:
    """How often a slot is looked at by calls that a hook makes with most bars: those that hang on no test, or on `else`."""
    cost = 0
    for _, text, block in lines:
        if block is not None and text in ("else:", "while True:"):
            cost += _cost(block, slots, known)
        else:
            effects = effects_of([ast.parse(text if block is None else f"{text} pass")], known, slots)
            cost += sum(effects.touches(slot) for slot in slots)
    return cost


def _with_hook(rows: list[Line], hook: list[Line]) -> list[Line]:
    """The loop's lines with the hook's where it was called."""
    done: list[Line] = []
    for line, text, block in rows:
        done += hook if text == f"{HOOK}_()" else [(line, text, block and _with_hook(block, hook))]
    return done


def _harmless(w: Writer) -> frozenset[str]:
    """The names of functions that do nothing but return a number, and of their module."""
    return frozenset(
        name
        for name, value in w.names.items()
        if value is math
        or (isinstance(value, BuiltinFunctionType) and value.__module__ == "math")
        or (isinstance(value, FunctionType) and value.__module__ in _NUMBERS_ONLY)
    )


def _bind(function: ast.FunctionDef) -> None:
    """Every name from outside becomes a parameter with that default: CPython finds a local name at once."""
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {each.arg for each in function.args.args}
    outer = sorted({node.id for node in names} - own - {*dir(builtins)})
    function.args.args += [ast.arg(name) for name in outer]
    function.args.defaults = [ast.Name(name, ast.Load()) for name in outer]
    ast.fix_missing_locations(function)


def with_origins(text: str, origins: list[int]) -> ast.Module:
    """A text as a tree whose lines are those that it came from; 0 is none of the file."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = origins[node.lineno - 1]  # type: ignore[attr-defined]
    return tree


def renamed(code: CodeType, answer: str, original: CodeType) -> CodeType:
    """The code, with the function called `answer` in it named as the user named it."""
    if code.co_name == answer:
        return code.replace(co_name=original.co_name, co_qualname=original.co_qualname)
    inner = tuple(renamed(each, answer, original) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=inner)
