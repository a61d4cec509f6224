"""A run that is interpreted in legs: from a state to the end, kept on the way.

What comes in: a run that was prepared, a state that an earlier one left, where to keep the next.
What goes out: the same run at its end, and the state.
Why so: what machine code cannot hold is the slowest to run again, so a new day matters most there.  A state is the fold's
own (`fold.state`), without the rows of the logs, which nobody reads in a sweep, and without what the market brings anew.
"""

from __future__ import annotations

import struct
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.fold.log import Logs
from stratofold.fold.run import finish_run
from stratofold.fold.state import fields, restore, save
from stratofold.research.execute import interpret
from stratofold.routing import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.fold.engine import Engine
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Run

_HEAD = struct.Struct("=8sqq")  # what it is, refusals so far, bytes of the engine
_MARK = b"plainly1"
_NUMBERS = {bool, int, float, array}
_EMPTY = {"abc", "typing"}  # their classes hold nothing themselves


def run_plainly(run: Run, market: MarketData, begun: bytes, keep: int, *, ends: bool) -> tuple[bytes, int]:
    """Hear a leg of the events; returns the state at `keep` and the refusals before the log's begin.

    The state is empty where none was asked for, or where the strategy holds what is no state: a backtest needs none.
    Raises what the strategy raises.
    """
    refused = _go_on(run, begun) if begun[: len(_MARK)] == _MARK else 0
    state = b""
    if keep:
        interpret(run, market, keep)
        state = _kept(run, refused + run.engine.logs.refusals.count)
    if ends:
        interpret(run, market)
        finish_run(run.engine)
    return state, refused


def _kept(run: Run, refused: int) -> bytes:
    """Where a run stands; empty where that cannot be written down."""
    if not _is_state(run.strategy):
        return b""
    try:
        with _without_rows(run.engine):
            engine, strategy = save(run.engine), save(run.strategy)
    except (Setup, OverflowError):  # a text, None, a dictionary; an int beyond 64 bits
        return b""
    return _HEAD.pack(_MARK, refused, len(engine)) + engine + strategy


def _is_state(root: object) -> bool:
    """Whether every object in a graph is of plain Python: of a date, or a generator of random numbers, `save` sees nothing."""
    waiting, seen = [root], set()
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, list):
            waiting += thing
        elif type(thing) not in _NUMBERS and id(thing) not in seen:
            if not all(is_plain(cls) or cls.__module__ in _EMPTY for cls in type(thing).__mro__[:-1]):
                return False
            seen.add(id(thing))
            waiting += [getattr(thing, name) for name in fields(thing)]
    return True


def _go_on(run: Run, state: bytes) -> int:
    """Stand where another run of the same code and costs was kept; returns the refusals up to there."""
    _, refused, size = _HEAD.unpack_from(state)
    free = run.engine.tally.risk_free  # by session, and the market has more of these now
    with _without_rows(run.engine):
        restore(run.engine, state[_HEAD.size : _HEAD.size + size])
        restore(run.strategy, state[_HEAD.size + size :])
    run.engine.tally.risk_free = free
    return int(refused)


@contextmanager
def _without_rows(engine: Engine) -> Iterator[None]:
    """The engine with empty logs."""
    logs = engine.logs
    engine.logs = Logs(1, 1)
    try:
        yield
    finally:
        engine.logs = logs
