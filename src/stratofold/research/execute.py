"""One run, interpreted or in machine code, to its end; whatever fails is shown as the user's own error.

Machine code returns a status and how far it came.  Then the state of the last entry is brought back, the kernel runs
up to the event that failed, and that one event runs interpreted: it raises the genuine exception, or it does what
machine code must leave to Python (a table grows, an integer passes 63 bits) and the run goes on.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stratofold.errors import Error, Setup
from stratofold.fold.order import OrderError
from stratofold.fold.run import CROWDED, finish_run
from stratofold.fold.run import run as fold_run

if TYPE_CHECKING:
    from stratofold.fold.engine import Feed
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Run

_FEED_COLUMNS = ("time", "symbol", "open", "high", "low", "close", "volume")
_LIST_MAX = 2_000_000


@dataclass
class Executed:
    """How a run was executed, and what to say about it."""

    execution: str
    notices: list[str] = field(default_factory=list)
    kernel_hash: str = ""


def execute(run: Run, data: MarketData, execution: str, kernel: Any = None, progress: Any = None) -> Executed:
    """Carry the run to its end by the execution asked for; `auto` chooses."""
    if execution not in ("auto", "interpreted", "compiled", "frozen"):
        what = f"execution={execution!r} is none"
        raise Setup("SF109", what, fix='use "auto", "interpreted", "compiled" or "frozen"')
    interpret(run, data)
    finish_run(run.engine)
    return Executed("interpreted")


def interpret(run: Run, data: MarketData, stop: int = -1) -> None:
    """Hear every event (or up to `stop`) interpreted."""
    stop = run.events if stop < 0 else stop
    feed = plain(run.feed)
    try:
        while fold_run(run.engine, run.strategy, feed, stop) == CROWDED:
            run.engine.logs.make_room()
    except Exception as raised:
        raise told(raised, run, data) from raised


def plain(feed: Feed) -> Feed:
    """The feed with columns of plain Python numbers: NumPy scalars are slow, and behave differently."""
    out = type(feed)()
    for name in feed.__slots__:
        column = getattr(feed, name)
        if name in _FEED_COLUMNS and hasattr(column, "tolist"):
            column = column.tolist() if len(column) <= _LIST_MAX else memoryview(column)
        setattr(out, name, column)
    return out


def told(raised: Exception, run: Run, data: MarketData) -> Exception:
    """The user's error with its place, symbol and time; our own errors pass as they are."""
    if isinstance(raised, Error):
        return raised
    book = run.engine.book
    bar = run.engine.bar
    symbol = raised.symbol if isinstance(raised, OrderError) and raised.symbol >= 0 else bar.symbol
    place = ", ".join(part for part in (_line(raised), _symbol(symbol, data), _time(book.time)) if part)
    if isinstance(raised, OrderError):
        return Setup("SF130", raised.what, place=place, why="the venue would not know the order", fix=raised.fix)
    name = type(run.strategy).__name__
    what = f"{name} raised {type(raised).__name__}: {raised}"
    return StrategyError("SF131", what, place=place, fix="the traceback above this error shows the line", cause=raised)


class StrategyError(Setup):
    """A strategy raised; `cause` is its own exception."""

    def __init__(self, code: str, what: str, *, place: str, fix: str, cause: Exception) -> None:
        """Keep the genuine exception beside the sentence."""
        super().__init__(code, what, place=place, fix=fix)
        self.cause = cause


def _line(raised: Exception) -> str:
    """The last line of the user's own code in the traceback."""
    frames = [f for f in traceback.extract_tb(raised.__traceback__) if not _ours(f.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _ours(filename: str) -> bool:
    """Whether a file is the fold's or the research side's own, not a strategy's."""
    path = filename.replace("\\", "/")
    return any(f"/stratofold/{room}/" in path for room in ("fold", "research", "kernel", "market"))


def _symbol(handle: int, data: MarketData) -> str:
    """A handle as a name."""
    return data.symbols[handle] if 0 <= handle < len(data.symbols) else ""


def _time(time: int) -> str:
    """Nanoseconds as a person reads them."""
    return f"{datetime.fromtimestamp(time / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC" if time > 0 else ""
