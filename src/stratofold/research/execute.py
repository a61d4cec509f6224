"""One run, interpreted or in machine code, to its end; whatever fails is shown as the user's own error.

Machine code returns a status and how far it came.  Then the state of the last entry is brought back, the kernel runs
up to the event that failed, and that one event runs interpreted: it raises the genuine exception, or it does what
machine code must leave to Python (a table grows, an integer passes 63 bits) and the run goes on.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Error, Setup
from stratofold.fold import grid
from stratofold.fold.book import Book
from stratofold.fold.drive import driver_of
from stratofold.fold.engine import Feed
from stratofold.fold.order import OrderError
from stratofold.fold.run import CROWDED, finish_run
from stratofold.research import seats
from stratofold.research.flat.loops import loop_of
from stratofold.research.flat.program import flat, is_heard_often
from stratofold.research.flat.seat import PlainSeat
from stratofold.research.plain import KEPT_MAX, plain, plain_feed, plain_sessions, plain_state, stay_plain
from stratofold.research.seats import Seat

if TYPE_CHECKING:
    from collections.abc import Hashable

    from stratofold.fold.engine import Engine
    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Kernel, Program
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Run

_ASKED = frozenset({"book", "book.ledger.holdings", "logs", "sessions", "tally"})  # by a result
_WORKING = frozenset({"book.orders.slots"})  # besides, where orders still work
_WORTH_COMPILING = 200_000
_SLOWER = 200

EXECUTIONS = ("auto", "interpreted", "compiled", "frozen")


@dataclass
class Executed:
    """How a run was executed, and what to say about it."""

    execution: str
    notices: list[str] = field(default_factory=list)
    kernel_hash: str = ""


def execute(run: Run, data: MarketData, execution: str, path: Any = None, progress: Any = None) -> Executed:
    """Carry the run to its end by the execution asked for; `auto` chooses."""
    if execution not in EXECUTIONS:
        what = f"execution={execution!r} is none"
        raise Setup("SF109", what, fix='use "auto", "interpreted", "compiled" or "frozen"')
    if execution == "frozen":
        executed = run_frozen(run, data, path)
    elif execution == "compiled" or (execution == "auto" and is_for_machine_code(run)):
        executed = run_compiled(run, data, progress)
    else:
        interpret(run, data)
        executed = Executed("interpreted")
    finish_run(run.engine)
    return executed


def is_for_machine_code(run: Run) -> bool:
    """Whether `auto` takes machine code: the run sits in it, or it pays."""
    return isinstance(run.seat, Seat) or (run.seat is None and worth_compiling(run))


def worth_compiling(run: Run) -> bool:
    """Whether machine code pays: a kernel is at hand, or the run is long enough to wait for one."""
    from stratofold import kernel

    return run.events >= _WORTH_COMPILING or kernel.is_at_hand(run.engine, run.strategy, run.feed)


def run_compiled(run: Run, data: MarketData, progress: Any = None) -> Executed:
    """In machine code for this machine; what cannot be compiled runs interpreted, with one notice."""
    from stratofold.kernel import Refused

    try:
        seat = run.seat = run.seat if isinstance(run.seat, Seat) else seated(run, compile_run(run, progress))
        in_machine_code(run, data, seat.program)
    except Refused as no:
        interpret(run, data)
        return Executed("interpreted", [f"interpreted, some {_SLOWER} times slower: {no}"])
    return Executed("compiled", kernel_hash=seat.kernel.hash)


def run_frozen(run: Run, data: MarketData, path: Any) -> Executed:
    """By a frozen kernel; raises Setup when it does not fit."""
    if path is None:
        fix = (
            'freeze it first: stratofold.freeze(Strategy, data, "strategy.kernel"), then pass kernel="strategy.kernel"'
        )
        raise Setup("SF112", 'execution="frozen" needs a kernel', why="a frozen kernel is a file", fix=fix)
    seat = run.seat = run.seat if isinstance(run.seat, Seat) else seated(run, _loaded(Path(path)))
    in_machine_code(run, data, seat.program)
    return Executed("frozen", kernel_hash=seat.kernel.hash)


def seated(run: Run, kernel: Kernel) -> Seat:
    """The run laid out for a kernel; raises Setup where the kernel was made for other objects."""
    return Seat(kernel, kernel.bind(run.engine, run.strategy, run.feed), run.engine, run.feed)


_kernels: dict[Hashable, Kernel] = {}


def _loaded(path: Path) -> Kernel:
    """The kernel of a file, mapped once a process as long as the file stays what it is."""
    from stratofold import kernel

    facts = _facts(path)
    if facts is None:
        return kernel.load(path)  # which says what is wrong
    if facts not in _kernels:
        _kernels[facts] = kernel.load(path)
    return _kernels[facts]


def _facts(path: Path) -> Hashable:
    """What tells a file from what it was before; None where it cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def seats_wanted(execution: str, strategy: type[Strategy], path: Any) -> seats.Wanted:
    """Which seats this execution takes: by the kernel, this process's own or that of a file, or in lists."""
    if execution == "frozen":
        return (_facts(Path(path)),) if path is not None else ()
    if execution == "interpreted":
        return (seats.LISTS,)
    return ("native",) if execution == "compiled" or _is_built(strategy) else ("native", seats.LISTS)


def _is_built(strategy: type[Strategy]) -> bool:
    """Whether there is a kernel for the class in memory."""
    from stratofold import kernel

    return kernel.is_built(strategy)


def compile_run(run: Run, progress: Any = None) -> Kernel:
    """The kernel for this run, compiled or from the cache; raises Refused."""
    from stratofold import kernel

    return kernel.build(run.engine, run.strategy, run.feed, progress=progress)


def in_machine_code(run: Run, data: MarketData, program: Program) -> None:
    """Hear every event in machine code; an exception is the user's own, with its place."""
    try:
        carry(run.engine, run.strategy, run.feed, run.events, program, _ASKED)
        if run.engine.book.orders.count > 0:
            program.unpack(_WORKING)
    except Exception as raised:
        raise told(raised, run, data) from raised


def drive(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> None:
    """Hear events up to number `stop` in machine code; raises Refused, or what the strategy raises."""
    from stratofold import kernel

    carry(engine, strategy, feed, stop, kernel.build(engine, strategy, feed).bind(engine, strategy, feed))


def carry(
    engine: Engine, strategy: Strategy, feed: Feed, stop: int, program: Program, parts: frozenset[str] | None = None
) -> None:
    """Run a program to `stop`, doing interpreted what machine code leaves to Python; then unpack (only `parts`)."""
    from stratofold.kernel import Changed

    while True:
        status, answer = program.run(stop)
        if status == 0 and answer != CROWDED:
            program.unpack(parts)
            return
        if status == 0:
            program.unpack()
            engine.logs.make_room()
        else:
            heard = int(program.number("bar_index") + program.number("event_index"))
            program.restore()
            program.run(heard)
            program.unpack()
            driver_of(feed)(engine, strategy, plain(feed, lists=False), heard + 1)
        try:
            program.restore()
        except Changed:  # a number that machine code cannot hold: the rest is Python's
            rest(engine, strategy, feed, stop)
            return


def rest(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> None:
    """Hear what is left interpreted: flat where that is worth its while."""
    columns = plain(feed)
    with plain_state(engine, strategy):
        hear = flat(engine, strategy, columns, stop - engine.done) or partial(
            driver_of(columns), engine, strategy, columns
        )
        while hear(stop) == CROWDED:
            engine.logs.make_room()


def interpret(run: Run, data: MarketData, stop: int = -1) -> None:
    """Hear every event (or up to `stop`) interpreted."""
    stop = run.events if stop < 0 else stop
    try:
        seat = run.seat if isinstance(run.seat, PlainSeat) else plain_seat(run, data)
        if seat is None:
            with plain_sessions(run.engine.sessions, data.calendar):
                rest(run.engine, run.strategy, plain_feed(run.feed, data), stop)
        else:
            run.seat = seat
            hear_seated(seat, run.strategy, stop)
    except Exception as raised:
        raise told(raised, run, data) from raised


def hear_seated(seat: PlainSeat, strategy: Strategy, stop: int) -> None:
    """Hear events up to `stop` interpreted, in an engine that stays in lists."""
    with plain_state(None, strategy):
        hear = seat.hears(strategy)
        while hear(stop) == CROWDED:
            seat.engine.logs.make_room()


def plain_seat(run: Run, data: MarketData) -> PlainSeat | None:
    """The run's engine in lists, for it and for later ones; None where that would not pay, or cannot be."""
    if not run.may_be_kept or run.events > KEPT_MAX or type(run.feed) is not Feed or not is_heard_often(run.strategy):
        return None
    columns = plain_feed(run.feed, data)
    stay_plain(run.engine, data.calendar)
    loop = loop_of(run.engine, columns, may_write=True)
    return None if loop is None else PlainSeat(run.engine, run.feed, columns, loop)


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
    if _is_symbol_by_text(raised):
        what = "the book was given a symbol as text, and a symbol is a number here"
        fix = 'in setup: self.spy = self.symbol("SPY"); then give self.spy, or bar.symbol'
        return Setup("SF130", what, place=place, why="numbers run alike in every execution", fix=fix)
    if _is_past_the_grid(raised):
        what = f"{type(run.strategy).__name__} came to an amount that is not a number, or past 2**53 steps of its decimal grid"
        why = "money and quantities are exact to the last decimal, and past that no double can hold every step"
        fix = "look at the quantity or price on that line: one divided by something near 0 grows without end"
        return StrategyError("SF133", what, place=place, why=why, fix=fix, cause=raised)
    name = type(run.strategy).__name__
    what = f"{name} raised {type(raised).__name__}: {raised}"
    fix = "mend that line; `cause` (--debug on the command line) has the whole traceback"
    return StrategyError("SF131", what, place=place, why=_words(raised), fix=fix, cause=raised)


def _is_symbol_by_text(raised: Exception) -> bool:
    """Whether a word of the book stumbled over text where a handle belongs."""
    frames = traceback.extract_tb(raised.__traceback__)
    return isinstance(raised, TypeError) and "'str'" in str(raised) and bool(frames) and _ours(frames[-1].filename)


def _is_past_the_grid(raised: Exception) -> bool:
    """Whether it was the decimal grid that could not hold an amount, not the strategy's own arithmetic."""
    frames = traceback.extract_tb(raised.__traceback__)
    if not isinstance(raised, OverflowError) or not frames:
        return False
    last = frames[-1]
    is_written = not last.lineno or _ours(last.filename)  # in a text of its own a function has a number behind its name
    return Path(last.filename) == Path(grid.__file__) or (is_written and last.name.startswith("_far_steps_"))


def _words(raised: Exception) -> str:
    """What the book can be asked, when it was asked for a word it does not have."""
    if not isinstance(raised, AttributeError) or not isinstance(raised.obj, Book):
        return ""
    orders = [word for word in vars(Book) if word.startswith(("buy", "sell", "close", "target_", "cancel", "replace"))]
    return f"the book's words are {', '.join(orders)}"


class StrategyError(Setup):
    """A strategy raised; `cause` is its own exception."""

    def __init__(self, code: str, what: str, *, place: str, why: str, fix: str, cause: Exception) -> None:
        """Keep the genuine exception beside the sentence."""
        super().__init__(code, what, place=place, why=why, fix=fix)
        self.cause = cause


def _line(raised: Exception) -> str:
    """The last line of the user's own code in the traceback; one of ours that was written among these has no number."""
    frames = [f for f in traceback.extract_tb(raised.__traceback__) if f.lineno and not _ours(f.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _ours(filename: str) -> bool:
    """Whether a file is the fold's or the research side's own, not a strategy's."""
    path = filename.replace("\\", "/")
    return any(f"/stratofold/{room}" in path for room in ("fold/", "research/", "kernel/", "market/", "routing.py"))


def _symbol(handle: int, data: MarketData) -> str:
    """A handle as a name."""
    return data.symbols[handle] if 0 <= handle < len(data.symbols) else ""


def _time(time: int) -> str:
    """Nanoseconds as a person reads them."""
    return f"{datetime.fromtimestamp(time / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC" if time > 0 else ""
