"""The fold's loop for one kind of run, as one function: written, compiled by Python, kept for the next run.

What comes in: an engine, a strategy and a feed of plain numbers.  What goes out: a function that hears events up to a
number, as `fold/run.py:run` does and from its source, or None where plain interpretation is as good.
Two programs make it: the loop, for every strategy on such an engine, and the strategy's own hook, whose lines keep the
user's file and numbers.  A program is used again as long as every function that went into it is what it was.
"""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.fold.run import run
from stratofold.fold.strategy import Strategy
from stratofold.research.flat import calls
from stratofold.research.flat.habits import Habits, habits_of
from stratofold.research.flat.kinds import Graph, Thing, module_of, names_of, value_at
from stratofold.research.flat.sources import Unfit
from stratofold.research.flat.writer import Value, Writer
from stratofold.routing import is_users as is_of_user

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from stratofold.fold.engine import Engine, Feed

# Events: what writing costs is about what it saves on so many.
_FEW, _WORTH_WRITING, _WORTH_WRITING_WHOLE = 250, 20_000, 200_000
_OFTEN = ("on_bar", "on_bars")  # the hooks that are worth a text of their own
_PROGRAMS_MAX = 64

# Numbers that nobody stores to after an engine was made.
_CONSTANTS = (
    ("engine", "hears"), ("engine", "thorough"), ("engine.book.ledger", "currency_count"),
    ("engine.book.ledger", "lends"), ("engine.tally", "is_dated"), ("engine.venue", "watches_margin"),
)  # fmt: skip
_OF_THE_ONLY_SYMBOL = ("currency", "multiplier", "money_scale")

Constants = dict[tuple[str, str], Any]


class Program:
    """A factory, and what must hold for it to mean the same as the source."""

    def __init__(self, factory: Callable[..., Any], w: Writer) -> None:
        """Keep what went into the text."""
        self.factory = factory
        self.hooks = w.hooks
        self._names = [(scope.get, name) for scope, name, _ in w.facts.values()]
        self._meanings = [meaning for _, _, meaning in w.facts.values()]
        self._functions, self._codes = [*w.codes], [*w.codes.values()]

    @property
    def holds(self) -> bool:
        """Whether every function and number that went into it is what it was."""
        return [get(name) for get, name in self._names] == self._meanings and [
            function.__code__ for function in self._functions
        ] == self._codes


_programs: dict[Hashable, Program | None] = {}
_heard: Counter[type] = Counter()


def flat(engine: Engine, strategy: Strategy, feed: Feed, events: int) -> Callable[[int], int] | None:
    """What hears the events of `feed` up to the number it is given; None where that is not worth its while, or cannot be.

    `events` is how many there are.
    """
    if events < _FEW:
        return None
    _heard[type(strategy)] += events
    if _heard[type(strategy)] < _WORTH_WRITING:
        return None
    return written(engine, strategy, feed, is_whole=_heard[type(strategy)] >= _WORTH_WRITING_WHOLE)


def written(engine: Engine, strategy: Strategy, feed: Feed, *, is_whole: bool) -> Callable[[int], int] | None:
    """As `flat`, however few events there are; unless it `is_whole`, what few events need is called as it is."""
    roots = {"engine": engine, "feed": feed}
    constants = _constants(roots)
    key = (is_whole, _shape(engine), *constants.items())
    loop = _kept(key, lambda: _loop(Graph(roots), constants, is_whole=is_whole))
    if loop is None:
        return None
    hooks = [_hook(name, [value_at(roots, path) for path in paths], strategy) for name, paths in loop.hooks.items()]
    return loop.factory(engine, feed, strategy, *hooks)  # type: ignore[no-any-return]


def _shape(engine: Engine) -> tuple[type, ...]:
    """The classes of what an engine was made of."""
    parts = (engine, engine.venue, engine.venue.costs, engine.risk, engine.book)
    return tuple(type(getattr(part, name)) for part in parts for name in names_of(type(part)))


def _constants(roots: dict[str, Any]) -> Constants:
    """Numbers that stay what they are; where there is one symbol, that too."""
    constants = {(path, name): getattr(value_at(roots, path), name) for path, name in _CONSTANTS}
    symbols = roots["feed"].symbol
    constants["feed.symbol", "len"] = len(symbols)
    if len(symbols) == 1 and roots["engine"].book.symbol_count == 1:
        constants["engine.bar", "symbol"] = symbols[0]
        for path in ("engine.book.ledger.holdings.0", "engine.venue.ledger.holdings.0"):
            constants |= {(path, name): getattr(value_at(roots, path), name) for name in _OF_THE_ONLY_SYMBOL}
    return constants


def _kept(key: Hashable, make: Callable[[], Program | None]) -> Program | None:
    """The program of that key, made when there is none or it holds no longer."""
    known = _programs.get(key)
    if key not in _programs or (known is not None and not known.holds):
        if len(_programs) >= _PROGRAMS_MAX:
            _programs.clear()
        _programs[key] = known = make()
    return known


def _loop(graph: Graph, constants: Constants, *, is_whole: bool) -> Program | None:
    """The program of the loop."""
    roots = {name: Thing(type(graph.roots[name]), name) for name in ("engine", "feed")}
    function: Any = run
    return _written(graph, constants, function, {**roots, "strategy": Thing(object, "strategy")}, is_whole=is_whole)


def _hook(name: str, given: list[Any], strategy: Strategy) -> Callable[[], Any]:
    """A hook of the strategy with its arguments, flat where that can be."""
    plain = getattr(strategy, name)
    function = getattr(plain, "__func__", None)
    if name in _OFTEN and isinstance(function, FunctionType) and function is not getattr(Strategy, name):
        graph = Graph({"strategy": strategy})
        habits = habits_of(graph.classes | {type(strategy)})
        is_alone = strategy.symbol_count == 1
        key = (function, type(strategy), is_alone, frozenset(graph.found.items()))
        program = _kept(key, lambda: _own(function, habits, [strategy, *given], is_alone=is_alone))
        if program is not None:
            return program.factory(strategy, *given)  # type: ignore[no-any-return]
    return partial(plain, *given)


def _own(function: FunctionType, habits: Habits, things: list[Any], *, is_alone: bool) -> Program | None:
    """The program of a strategy's hook; `is_alone` where every bar is of the same symbol."""
    source = calls.source_of(function)
    if source is None or len(source.parameters) != len(things) or not habits.is_open:
        return None
    roots = dict(zip(("strategy", "event", "book"), things, strict=True))
    whole = Graph(roots)
    whole.respect(habits)
    given = {
        parameter: Thing(type(thing), name)
        for parameter, (name, thing) in zip(source.parameters, roots.items(), strict=True)
    }
    return _written(whole, {("event", "symbol"): 0} if is_alone else {}, function, given)


def _written(
    graph: Graph, constants: Constants, function: FunctionType, given: dict[str, Thing], *, is_whole: bool = True
) -> Program | None:
    """The program of a function whose parameters are these things; None where it cannot be written."""
    while True:
        w = Writer(graph, constants, [thing.path for thing in given.values()], function, is_whole=is_whole)
        source = calls.source_of(function)
        if source is None:
            return None
        arguments = {
            name: w.at(given[name]) if name in given else Value(name, is_stable=True) for name in source.parameters
        }
        try:
            answer = calls.alone(w, function, source, arguments).text.partition("(")[0]
        except Unfit as no:
            if not no.is_blamed:
                return None
        else:
            return Program(_factory(w, answer, function), w)


def _factory(w: Writer, answer: str, function: FunctionType) -> Any:
    """The factory that some text makes; a user's function keeps its file and lines, ours can be read in a traceback."""
    text, origins = w.text(answer)
    is_users = is_of_user(module_of(function))
    file = function.__code__.co_filename if is_users else f"{function.__code__.co_filename}, flat"
    tree = ast.parse(text)
    if is_users:
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                node.lineno = node.end_lineno = origins[node.lineno - 1] or 1  # type: ignore[attr-defined]
    else:
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    code = _renamed(compile(tree, file, "exec", dont_inherit=True), answer, function.__code__)
    exec(code, w.names)  # noqa: S102  the text that we wrote from the function's own
    return w.names["factory"]


def _renamed(code: CodeType, answer: str, original: CodeType) -> CodeType:
    """The code, with the function called `answer` in it named as the user named it."""
    if code.co_name == answer:
        return code.replace(co_name=original.co_name, co_qualname=original.co_qualname)
    inner = tuple(_renamed(each, answer, original) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=inner)
