"""A run that is interpreted in legs: from a state to the end, kept on the way.

What comes in: a run that was prepared, a state that an earlier one left, where to keep the next.
What goes out: the same run at its end, and the state.
Why so: what machine code cannot hold is the slowest to run again, so a new day matters most there.  A state is the fold's
own (`fold.state`), without the rows of the logs, which nobody reads in a sweep, and without what the market brings anew.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.fold.log import Logs
from stratofold.fold.run import finish_run
from stratofold.fold.state import restore, save
from stratofold.research.execute import interpret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.fold.engine import Engine
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Run

_HEAD = struct.Struct("=8sqq")  # what it is, refusals so far, bytes of the engine
_MARK = b"plainly1"


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
    try:
        with _without_rows(run.engine):
            engine, strategy = save(run.engine), save(run.strategy)
    except Setup:  # a text, None, a dictionary, a date: no state
        return b""
    return _HEAD.pack(_MARK, refused, len(engine)) + engine + strategy


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
