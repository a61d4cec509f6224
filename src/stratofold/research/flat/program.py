"""What hears the events of a run, flat: the loop for such an engine, and the strategy's own hook.

What comes in: an engine, a strategy and a feed of plain numbers.  What goes out: a function that hears events up to a
number, as `fold/run.py:run` does and from its source, or None where plain interpretation is as good.
The hook's lines keep the user's file and numbers, and are written again when a function that went into them is
exchanged.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import partial
from operator import attrgetter, itemgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.fold.engine import Feed
from stratofold.fold.strategy import Strategy
from stratofold.research.flat import calls
from stratofold.research.flat.habits import Habits, habits_of
from stratofold.research.flat.kinds import Graph, Thing, value_at
from stratofold.research.flat.loops import loop_of
from stratofold.research.flat.writing import Constants, written

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from stratofold.fold.engine import Engine
    from stratofold.research.flat.writer import Writer

# Events: what comes before them costs about what it saves on so many.
_FEW, _WORTH_A_HOOK, _WORTH_A_LOOP = 250, 15_000, 150_000
_OFTEN = ("on_bar", "on_bars")  # the hooks that are worth a text of their own
_HOOKS_MAX = 64

_heard: Counter[type] = Counter()


def flat(engine: Engine, strategy: Strategy, feed: Feed, events: int) -> Callable[[int], int] | None:
    """What hears the events of `feed` up to the number it is given; None where that is not worth its while, or cannot be.

    `events` is how many there are.
    """
    if events < _FEW or type(feed) is not Feed:
        return None
    _heard[type(strategy)] += events
    if _heard[type(strategy)] < _WORTH_A_HOOK:
        return None
    return flat_run(engine, strategy, feed, may_write=_heard.total() >= _WORTH_A_LOOP)


def flat_run(engine: Engine, strategy: Strategy, feed: Feed, *, may_write: bool = True) -> Callable[[int], int] | None:
    """As `flat`, however few events there are; unless it `may_write`, only with a loop that is at hand."""
    loop = loop_of(engine, feed, may_write=may_write)
    if loop is None:
        return None
    roots = {"engine": engine, "feed": feed}
    hooks = [_hook(name, [value_at(roots, path) for path in paths], strategy) for name, paths in loop.hooks.items()]
    return loop.factory(engine, feed, strategy, *hooks)


class _Hook:
    """A factory of a hook, and what must hold for it to mean the same as its source."""

    def __init__(self, factory: Callable[..., Any], w: Writer) -> None:
        """Keep what every name that went into the text meant."""
        self.factory = factory
        self._functions, self._codes = [*w.codes], [*w.codes.values()]
        self._reads: list[tuple[Any, Callable[[Any], Any], Any]] = []
        for scope, names in w.facts.values():
            read = attrgetter(*names) if isinstance(scope, type) else itemgetter(*names)
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


_hooks: dict[Hashable, _Hook | None] = {}


def _hook(name: str, given: list[Any], strategy: Strategy) -> Callable[[], Any]:
    """A hook of the strategy with its arguments, flat where that can be."""
    plain = getattr(strategy, name)
    function = getattr(plain, "__func__", None)
    if name in _OFTEN and isinstance(function, FunctionType) and function is not getattr(Strategy, name):
        graph = Graph({"strategy": strategy})
        is_alone = strategy.symbol_count == 1
        key = (function, type(strategy), is_alone, frozenset(graph.found.items()))
        known = _hooks.get(key)
        if key not in _hooks or (known is not None and not known.holds):
            if len(_hooks) >= _HOOKS_MAX:
                _hooks.clear()
            habits = habits_of(graph.classes | {type(strategy)})
            _hooks[key] = known = _written_hook(function, habits, [strategy, *given], is_alone=is_alone)
        if known is not None:
            return known.factory(strategy, *given)  # type: ignore[no-any-return]
    return partial(plain, *given)


def _written_hook(function: FunctionType, habits: Habits, things: list[Any], *, is_alone: bool) -> _Hook | None:
    """The hook as a text; `is_alone` where every bar is of the same symbol."""
    source = calls.source_of(function)
    if source is None or len(source.parameters) != len(things) or not habits.is_open:
        return None
    roots = dict(zip(("strategy", "event", "book"), things, strict=True))
    graph = Graph(roots)
    graph.respect(habits)
    given = {
        parameter: Thing(type(thing), name)
        for parameter, (name, thing) in zip(source.parameters, roots.items(), strict=True)
    }
    constants: Constants = {("event", "symbol"): 0} if is_alone else {}
    found = written(graph, constants, function, given)
    return None if found is None else _Hook(_factory(*found, function), found[0])


def _factory(w: Writer, answer: str, function: FunctionType) -> Any:
    """The factory that the text makes; its lines are those of the user's file."""
    text, origins = w.text(answer)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = origins[node.lineno - 1] or 1  # type: ignore[attr-defined]
    code = compile(tree, function.__code__.co_filename, "exec", dont_inherit=True)
    exec(_renamed(code, answer, function.__code__), w.names)  # noqa: S102  the text that we wrote from the user's own
    return w.names["factory"]


def _renamed(code: CodeType, answer: str, original: CodeType) -> CodeType:
    """The code, with the function called `answer` in it named as the user named it."""
    if code.co_name == answer:
        return code.replace(co_name=original.co_name, co_qualname=original.co_qualname)
    inner = tuple(_renamed(each, answer, original) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=inner)
