"""The fold's loop for one kind of engine, kept between processes: writing it takes longer than most runs.

What comes in: an engine and a feed.  What goes out: a `Loop`, from this process, from the cache folder, or written now
where that is worth its while.  It depends on the fold's source and on what the engine is made of, and on no strategy.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import linecache
import marshal
import sys
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.fold.run import hear_feed, run
from stratofold.kernel import cache
from stratofold.kernel.sources import engine_hash
from stratofold.research.flat.effects import Effects, Known, effects_by_name, methods_of
from stratofold.research.flat.kinds import MANY, Graph, Thing, names_of
from stratofold.research.flat.writer import Line, Writer, without_origins
from stratofold.research.flat.writing import Constants, written

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from stratofold.fold.engine import Engine, Feed

# Numbers that nobody stores to after an engine was made.
_CONSTANTS = (
    ("engine", "hears"), ("engine", "thorough"), ("engine.book.ledger", "currency_count"),
    ("engine.book.ledger", "is_plain"), ("engine.book.ledger", "lends"), ("engine.book.ledger", "takes_whole"),
    ("engine.logs.equity", "is_kept"), ("engine.tally", "is_dated"), ("engine.venue.ledger", "takes_whole"),
    ("engine.venue", "watches_margin"),
)  # fmt: skip
_BY_SYMBOL = (
    "engine.book.ledger.holdings",
    "engine.venue.ledger.holdings",
    "engine.venue.places",
    "engine.tally.trips",
)
_OF_THE_ONLY_SYMBOL = ("currency", "multiplier", "money_scale")
_numbers = attrgetter(*(f"{path}.{name}".removeprefix("engine.") for path, name in _CONSTANTS))
_numbers_of = attrgetter(*_OF_THE_ONLY_SYMBOL)
_parts = attrgetter("venue", "venue.costs", "risk", "book")


class Loop(NamedTuple):
    """A factory of the loop; by hook, what is handed to it.

    Given an engine and a feed, the factory returns what begins a run: a function to be given a strategy, its hooks and
    a tuner, which returns what hears events.  The tuner is given every name of the text, those that are this run's, and
    the function that hears most bars, and returns the function to use.
    """

    name: str
    factory: Callable[[Engine, Feed], Callable[..., Callable[[int], int]]]
    hooks: dict[str, list[str]]
    hot: Hot


class Hot(NamedTuple):
    """The function that hears most bars: its lines, the names of paths, what it calls, and what may be properties."""

    lines: list[Line]
    paths: dict[str, str]  # by path, the name in the text
    effects: dict[str, Effects]
    unclear: frozenset[str]


_loops: dict[Hashable, Loop | None] = {}


def loop_of(engine: Engine, feed: Feed, *, may_write: bool) -> Loop | None:
    """The loop for such an engine; None where there is none yet and it may not be written, or cannot be."""
    constants, shape = _constants(engine, feed), _shape(engine)
    key = (*constants.items(), shape)
    if key not in _loops:
        if not all(cls.__module__.startswith(("stratofold.", "builtins", "array")) for cls in shape):
            return None
        name = f"flat loop {_source_hash()} {sys.version} {key!r}"
        if not may_write and not cache.holds(name):
            return None
        _loops[key] = _read(name, cache.cached(name, lambda: _write({"engine": engine, "feed": feed}, constants)))
    return _loops[key]


def _constants(engine: Engine, feed: Feed) -> Constants:
    """Numbers that stay what they are; where there is one symbol, that too.

    Of a column of many symbols no more is known than that, or each number of bars would have a loop of its own.
    """
    constants: Constants = dict(zip(_CONSTANTS, _numbers(engine), strict=True))
    constants["feed.symbol", "len"] = 1 if len(feed.symbol) == 1 else MANY
    if len(feed.symbol) == 1 and engine.book.symbol_count == 1:
        constants["engine.bar", "symbol"] = feed.symbol[0]
        constants.update(dict.fromkeys(((path, "len") for path in _BY_SYMBOL), 1))
        for path, ledger in (("engine.book.ledger", engine.book.ledger), ("engine.venue.ledger", engine.venue.ledger)):
            for name, value in zip(_OF_THE_ONLY_SYMBOL, _numbers_of(ledger.holdings[0]), strict=True):
                constants[f"{path}.holdings.0", name] = value
    return constants


def _shape(engine: Engine) -> tuple[type, ...]:
    """The classes of what an engine was made of."""
    parts: list[Any] = [engine, *_parts(engine)]
    return tuple([type(value) for part in parts for value in _held(part.__class__)(part)])


@functools.cache
def _held(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What reads every attribute of an object of a class."""
    return attrgetter(*names_of(cls))


@functools.cache
def _source_hash() -> str:
    """The hash of the fold, and of what writes it."""
    total = hashlib.sha256(engine_hash().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()


def _write(roots: dict[str, Any], constants: Constants) -> bytes:
    """The loop's code, what its names mean, and what is known of them; empty where it cannot be written."""
    given = {**{name: Thing(type(root), name) for name, root in roots.items()}, "strategy": Thing(object, "strategy")}
    function: Any = run
    found = written(Graph(roots), constants, function, given)
    if found is None:
        return b""
    w, answer = found
    name = next(name for key, name in w.written.items() if key[0] is hear_feed)
    lines = next(block for _, text, block in w.functions if text.startswith(f"def {name}(")) or []
    own = [w.paths["strategy"], *(f"{hook}_" for hook in w.hooks)]
    w.functions += _beginning(own, name, answer)
    text, _ = w.text("begin_", own)
    meanings = {name: _home(value) for name, value in w.names.items() if name != "__builtins__"}
    hot = (without_origins(lines), w.paths, _effects(w, text, name), frozenset(w.unclear))
    return marshal.dumps((compile(text, _file(), "exec", dont_inherit=True), meanings, w.hooks, text, hot))


def _beginning(own: list[str], name: str, answer: str) -> list[Line]:
    """What makes the loop one run's: given what is its `own`, a strategy and hooks, it has function `name` tuned."""
    given = ", ".join(f"new_{each}" for each in own)
    body: list[Line] = [
        (0, f"nonlocal {', '.join([*own, name])}", None),
        *((0, f"{each} = new_{each}", None) for each in own),
        (0, f"{name} = tune_(names_, dict({', '.join(f'{each}={each}' for each in own)}), untuned_)", None),
        (0, f"return {answer}", None),
    ]
    return [
        (0, "names_ = locals()", None),
        (0, f"untuned_ = {name}", None),
        (0, f"def begin_({given}, tune_):", body),
    ]


def _effects(w: Writer, text: str, name: str) -> dict[str, tuple[Any, ...]]:
    """Of each function that the one called `name` calls, what that does."""
    factory: Any = ast.parse(text).body[0]
    functions = {each.name: each for each in factory.body if isinstance(each, ast.FunctionDef)}
    known = Known(
        frozenset(w.paths.values()), frozenset(w.unclear), {}, methods_of(frozenset(w.graph.met)), frozenset(w.names)
    )
    effects = effects_by_name(functions, known)
    mentioned = {node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)}
    return {each: tuple(effects[each]) for each in mentioned if each in effects}


def _file() -> str:
    """The name under which a traceback finds the text."""
    return f"{run.__code__.co_filename}, flat"


def _home(value: Any) -> Any:
    """Where a function or class is at home; a number is itself."""
    return value if isinstance(value, float) else (value.__module__, value.__qualname__)


def _read(name: str, kept: bytes) -> Loop | None:
    """The loop called `name`, ready to be given a run."""
    if not kept:
        return None
    code, meanings, hooks, text, hot = marshal.loads(kept)  # noqa: S302  an entry of our own cache, which holds code anyway
    names = {name: _at_home(home) for name, home in meanings.items()}
    exec(code, names)  # noqa: S102  the text that we wrote from the fold's own
    linecache.cache[_file()] = (len(text), None, text.splitlines(keepends=True), _file())
    lines, paths, effects, unclear = hot
    known = {function: Effects(*each) for function, each in effects.items()}
    return Loop(name, names["factory"], hooks, Hot(lines, paths, known, unclear))


def _at_home(home: Any) -> Any:
    """The function or class of that module and name."""
    if isinstance(home, float):
        return home
    module, name = home
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))
