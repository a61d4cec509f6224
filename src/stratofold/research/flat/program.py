"""What hears the events of a run, flat: the loop for such an engine, and the strategy's own hook.

What comes in: an engine, a strategy and a feed of plain numbers.  What goes out: a function that hears events up to a
number, as `fold/run.py:run` does and from its source, or None where plain interpretation is as good.
The hook's lines keep the user's file and numbers, and are written again when a function that went into them is
exchanged.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.fold.engine import Feed
from stratofold.fold.strategy import Strategy
from stratofold.research.flat import calls
from stratofold.research.flat.habits import Habits, habits_of
from stratofold.research.flat.kinds import Graph, Thing, value_at
from stratofold.research.flat.loops import loop_of
from stratofold.research.flat.tuned import HOOK, Hook, Tuned, renamed, tuned, with_origins
from stratofold.research.flat.writing import Constants, written

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from stratofold.fold.engine import Engine
    from stratofold.research.flat.loops import Loop
    from stratofold.research.flat.tuned import Scopes
    from stratofold.research.flat.writer import Writer

# Events: what comes before them costs about what it saves on so many.
_FEW, _WORTH_A_HOOK, _WORTH_A_TUNING, _WORTH_A_LOOP = 250, 15_000, 100_000, 150_000
_OFTEN = ("on_bar", "on_bars")  # the hooks that are worth a text of their own
_HOOKS_MAX = 64

_heard: Counter[type] = Counter()


def flat(engine: Engine, strategy: Strategy, feed: Feed, events: int) -> Callable[[int], int] | None:
    """What hears the events of `feed` up to the number it is given; None where that is not worth its while, or cannot be.

    `events` is how many there are.
    """
    if events < _FEW or type(feed) is not Feed:
        return None
    heard = _heard[type(strategy)] = _heard[type(strategy)] + events
    if heard < _WORTH_A_HOOK:
        return None
    may_write, may_tune = _heard.total() >= _WORTH_A_LOOP, heard >= _WORTH_A_TUNING
    return flat_run(engine, strategy, feed, may_write=may_write, may_tune=may_tune)


def flat_run(
    engine: Engine, strategy: Strategy, feed: Feed, *, may_write: bool = True, may_tune: bool = True
) -> Callable[[int], int] | None:
    """As `flat`, however few events there are; unless it `may_write`, only with a loop that is at hand.

    Where it `may_tune`, the hook that hears bars is written into the loop.
    """
    loop = loop_of(engine, feed, may_write=may_write)
    return None if loop is None else Place(loop, engine, feed).begin(strategy, may_tune=may_tune)


def is_heard_often(strategy: Strategy) -> bool:
    """Whether so many events were heard by its class that a loop of its own has paid."""
    return _heard[type(strategy)] >= _WORTH_A_TUNING


class Place:
    """A loop made for one engine and feed: it may be begun with one strategy after another."""

    def __init__(self, loop: Loop, engine: Engine, feed: Feed) -> None:
        """The loop's functions, made once."""
        self._loop = loop
        self._roots = {"engine": engine, "feed": feed}
        self._begin = loop.factory(engine, feed)
        self._scopes: Scopes = {}

    def begin(self, strategy: Strategy, *, may_tune: bool = True) -> Callable[[int], int]:
        """What hears the events of the feed up to the number it is given, with this strategy; as `flat_run`."""
        roots = {**self._roots, "strategy": strategy}
        graph = Graph({"strategy": strategy})
        tune = _tuned(self._loop, roots, graph) if may_tune else None
        hooks = [
            None
            if tune is not None and name == HOOK
            else _hook(name, [value_at(roots, path) for path in paths], strategy, graph)
            for name, paths in self._loop.hooks.items()
        ]
        return self._begin(strategy, *hooks, partial(tune.made, self._scopes) if tune is not None else _untuned)


def _untuned(_: dict[str, Any], __: dict[str, Any], function: Callable[[int], int]) -> Callable[[int], int]:
    """The loop's function as it is."""
    return function


def _tuned(loop: Loop, roots: dict[str, Any], graph: Graph) -> Tuned | None:
    """What makes the loop's function anew, with the strategy's `on_bar` in it and numbers in names; None: it cannot be."""
    strategy = roots["strategy"]
    function = getattr(strategy.on_bar, "__func__", None)
    if not isinstance(function, FunctionType):
        return None
    key = (loop.name, function, type(strategy), strategy.symbol_count == 1, frozenset(graph.found.items()))
    known = _tunings.get(key)
    if key not in _tunings or (known is not None and not known.holds):
        _make_room()
        habits = habits_of(graph.classes | {type(strategy)})
        _tunings[key] = known = tuned(loop, roots, function, habits) if habits.is_open else None
    return known if known is not None and known.fits(roots) else None


def _make_room() -> None:
    """Too many hooks are all forgotten."""
    if len(_hooks) + len(_tunings) >= _HOOKS_MAX:
        _hooks.clear()
        _tunings.clear()


_hooks: dict[Hashable, Hook | None] = {}
_tunings: dict[Hashable, Tuned | None] = {}


def _hook(name: str, given: list[Any], strategy: Strategy, graph: Graph) -> Callable[[], Any]:
    """A hook of the strategy with its arguments, flat where that can be."""
    plain = getattr(strategy, name)
    function = getattr(plain, "__func__", None)
    if name in _OFTEN and isinstance(function, FunctionType) and function is not getattr(Strategy, name):
        is_alone = strategy.symbol_count == 1
        key = (function, type(strategy), is_alone, frozenset(graph.found.items()))
        known = _hooks.get(key)
        if key not in _hooks or (known is not None and not known.holds):
            _make_room()
            habits = habits_of(graph.classes | {type(strategy)})
            _hooks[key] = known = _written_hook(function, habits, [strategy, *given], is_alone=is_alone)
        if known is not None:
            return known.factory(strategy, *given)  # type: ignore[no-any-return]
    return partial(plain, *given)


def _written_hook(function: FunctionType, habits: Habits, things: list[Any], *, is_alone: bool) -> Hook | None:
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
    return None if found is None else Hook(_factory(*found, function), found[0])


def _factory(w: Writer, answer: str, function: FunctionType) -> Any:
    """The factory that the text makes; its lines are those of the user's file."""
    tree = with_origins(*w.text(answer))
    code = compile(tree, function.__code__.co_filename, "exec", dont_inherit=True)
    exec(renamed(code, answer, function.__code__), w.names)  # noqa: S102  the text that we wrote from the user's own
    return w.names["factory"]
