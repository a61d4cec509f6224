"""Columns of plain Python numbers, for a run that is interpreted.

What comes in: a feed, a calendar and the fold's state, whose columns are arrays for machine code.  What goes out: the
same as lists.
Why so: Python reads a list five times as fast as an array and writes it ten times as fast, and NumPy's scalars are slow
and behave differently.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from stratofold.fold.indicators.window import WindowTotal
from stratofold.fold.state import fields
from stratofold.research.flat.kinds import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.fold.engine import Engine, Feed
    from stratofold.fold.sessions import Sessions
    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.market.sessions import Calendar

_COLUMNS = (
    "time",
    "symbol",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "kind",
    "side",
    "level",
    "flags",
    "price",
    "size",
    "ask",
    "ask_size",
)
_TABLE = ("opens", "closes", "days", "weekdays", "months")
_LIST_MAX = 2_000_000  # bars: beyond, lists would take more memory than they save time
KEPT_MAX = 10_000  # bars: so short a feed is kept as lists for the next run

_known: WeakKeyDictionary[MarketData, tuple[Feed, Feed]] = WeakKeyDictionary()
_tables: WeakKeyDictionary[Calendar, list[list[int]]] = WeakKeyDictionary()


def plain(feed: Feed, *, lists: bool = True) -> Feed:
    """The feed with columns of plain Python numbers; times in a list are shifted beforehand."""
    out = type(feed)()
    for name in fields(feed):
        column = getattr(feed, name)
        if name in _COLUMNS and hasattr(column, "tolist"):
            column = column.tolist() if lists and len(column) <= _LIST_MAX else memoryview(column)
        setattr(out, name, column)
    times: Any = out.time
    if feed.shift and type(times) is list:
        out.time = [time + feed.shift for time in times]  # type: ignore[assignment]
        out.shift = 0
    return out


def plain_feed(feed: Feed, data: MarketData) -> Feed:
    """As `plain`, for the feed of these data; a short one is turned into lists once."""
    source, columns = _known.get(data, (None, None))
    if columns is None or source is not feed:
        columns = plain(feed)
        if len(feed.time) <= KEPT_MAX:
            _known[data] = (feed, columns)
    return columns


def stay_plain(engine: Engine, calendar: Calendar) -> None:
    """Put lists for good where `plain_sessions` and `plain_state` put them meanwhile, and in the logs."""
    _walk_lists(engine.sessions, calendar)
    logs = engine.logs
    for thing in (*_books(engine), logs.fills, logs.orders, logs.trades, logs.refusals, logs.equity):
        for name, column in _arrays(thing):
            setattr(thing, name, column.tolist())


def _walk_lists(sessions: Sessions, calendar: Calendar) -> list[Any]:
    """Let the fold walk lists instead of the calendar's arrays; returns those."""
    arrays: list[Any] = [getattr(sessions, name) for name in _TABLE]
    if calendar not in _tables:
        _tables[calendar] = [column.tolist() for column in arrays]
    for name, column in zip(_TABLE, _tables[calendar], strict=True):
        setattr(sessions, name, column)
    return arrays


@contextmanager
def plain_sessions(sessions: Sessions, calendar: Calendar) -> Iterator[None]:
    """Let the fold walk lists instead of the calendar's arrays meanwhile."""
    arrays = _walk_lists(sessions, calendar)
    try:
        yield
    finally:
        for name, column in zip(_TABLE, arrays, strict=True):
            setattr(sessions, name, column)


@contextmanager
def plain_state(engine: Engine | None, strategy: Strategy) -> Iterator[None]:
    """Let the fold count in lists instead of arrays meanwhile, in what many bars write to; None for one that stays so."""
    counters = [*(() if engine is None else _books(engine)), *_windows(strategy)]
    arrays = [(thing, name, column) for thing in counters for name, column in _arrays(thing)]
    for thing, name, column in arrays:
        setattr(thing, name, column.tolist())
    try:
        yield
    finally:
        for thing, name, column in arrays:
            setattr(thing, name, array(column.typecode, getattr(thing, name)))


def _books(engine: Engine) -> tuple[Any, ...]:
    """The book and both ledgers."""
    return (engine.book, engine.book.ledger, engine.venue.ledger, *getattr(engine.book, "ladders", ()))


def _windows(strategy: Strategy) -> Iterator[WindowTotal]:
    """The strategy's own windows."""
    for name in names_of(type(strategy)):
        value = getattr(strategy, name, None)
        yield from (each for each in (value if type(value) is list else (value,)) if isinstance(each, WindowTotal))


def _arrays(thing: Any) -> list[tuple[str, Any]]:
    """The arrays of an object, by name."""
    named = [(name, getattr(thing, name, None)) for name in names_of(type(thing))]
    return [(name, value) for name, value in named if type(value) is array]
