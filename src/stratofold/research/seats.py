"""Seats: an engine laid out for machine code, or put into lists, and kept for the next strategy on the same data.

What comes in: a run that has come to its end.  What goes out: its engine for a later run whose data, costs and limits
are the same, with another strategy.
Why so: before its first event an engine depends on the data and the assumptions alone, and to build one and lay it out
takes longer than to hear five years of daily bars.  Machine code writes to that memory, not to the objects, so one copy
brings the state of the entry back; of an interpreted run's engine every object is known by heart (`flat/seat.py`).
What a result shows of the logs is copied only if it still lives by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Union
from weakref import WeakKeyDictionary, ref

from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.risk import Limits

if TYPE_CHECKING:
    from collections.abc import Hashable

    from stratofold.fold.engine import Engine, Feed
    from stratofold.fold.log import Logs
    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Kernel, Program
    from stratofold.market.data import MarketData
    from stratofold.research.flat.seat import PlainSeat
    from stratofold.research.prepare import Options, Run

LISTS = "lists"  # instead of a kernel: for interpreted runs
Wanted = tuple["Hashable", ...]  # the seats that an execution takes
_USUAL = ((Fees, NoneType), (Slippage, NoneType), (Latency, NoneType))  # models that are told by their numbers
_SEATS_MAX = 8  # for one set of data; each keeps the room of a run's logs


@dataclass(eq=False)
class Seat:
    """A kernel, its program, and the engine and feed that it is laid out for."""

    kernel: Kernel
    program: Program
    engine: Engine
    feed: Feed
    reader: ref[Rows] | None = None  # of the run before

    def takes(self, strategy: Strategy) -> bool:
        """Whether `strategy` is now in the block."""
        return self.kernel.seats(self.program, strategy)

    def vacate(self) -> bool:
        """Let go of the strategy; whether the block still knows the state of the entry."""
        self.program.vacate()
        return self.program.is_reusable


class Rows:
    """The logs of a run that is over: its engine's own, until that engine runs again."""

    __slots__ = ("__weakref__", "logs")

    def __init__(self, logs: Logs) -> None:
        """`logs` as the run has left them."""
        self.logs = logs

    def keep(self) -> None:
        """The engine is to run again: take copies of the rows."""
        self.logs = self.logs.written()


AnySeat = Union[Seat, "PlainSeat"]
_free: WeakKeyDictionary[MarketData, dict[Hashable, AnySeat]] = WeakKeyDictionary()


_heard: WeakKeyDictionary[MarketData, set[Hashable]] = WeakKeyDictionary()  # what interpreted runs there were


def take(data: MarketData, wanted: Wanted, feed: Feed, strategy: Strategy, options: Options) -> AnySeat | None:
    """A seat with `strategy` in it, its engine before the first event; None where none is free.

    `wanted` are the kernels that may have left it, and `LISTS`.  The engine's objects hold what the run before left,
    until unpacked.
    """
    seats = _free.get(data)
    if not seats:
        return None
    return next((seat for each in wanted if (seat := _taken(seats, each, feed, strategy, options)) is not None), None)


def _taken(
    seats: dict[Hashable, AnySeat], wanted: Hashable, feed: Feed, strategy: Strategy, options: Options
) -> AnySeat | None:
    """As `take`, of one kind."""
    seat = seats.pop(_key(wanted, strategy, options), None)
    rows = seat.reader() if seat is not None and seat.reader is not None else None
    if rows is not None:
        rows.keep()
    if seat is None or seat.feed is not feed or not seat.takes(strategy):
        return None
    return seat


def leave(run: Run, data: MarketData, options: Options, wanted: Wanted) -> None:
    """A run is over and nobody will look at its engine again: its seat, if it has one, is free for the next."""
    if run.seat is None:
        return
    key = _key(wanted[0] if isinstance(run.seat, Seat) else LISTS, run.strategy, options)
    if key is None or not run.seat.vacate():
        return
    run.seat.reader = None if run.rows is None else ref(run.rows)
    seats = _free.setdefault(data, {})
    while len(seats) >= _SEATS_MAX:
        del seats[next(iter(seats))]
    seats[key] = run.seat


def is_again(data: MarketData, wanted: Wanted, strategy: Strategy, options: Options) -> bool:
    """Whether there was a run with such an engine before: then a seat in lists is worth its making."""
    key = _key(LISTS, strategy, options) if LISTS in wanted else None
    if key is None:
        return False
    heard = _heard.setdefault(data, set())
    if key in heard:
        return True
    if len(heard) >= _SEATS_MAX:
        heard.clear()
    heard.add(key)
    return False


def _key(wanted: Hashable, strategy: Strategy, options: Options) -> Hashable:
    """Everything an engine depends on beside the data; None where that cannot be compared, or is too large to keep."""
    if wanted is None or options.equity_curve or not isinstance(options.risk_free, int | float):
        return None
    models = (type(options.fees), type(options.slippage), type(options.latency))
    if any(model not in usual for model, usual in zip(models, _USUAL, strict=True)):  # a user's may keep what it hears
        return None
    costs = (
        _numbers(options.fees, Fees),
        _numbers(options.slippage, Slippage),
        _numbers(options.limits, Limits),
        _numbers(options.latency, Latency),
    )
    assumed = (
        options.cash, options.volume_cap, options.borrow_rate, options.risk_free, options.grace_seconds, options.base, options.queue,
        options.capacity, options.log_rows,
    )  # fmt: skip
    return (wanted, type(strategy), costs, assumed)


def _numbers(model: object, kind: Any) -> Hashable:
    """A cost model or limits by value, with its class: a subclass may do other things with the same numbers."""
    if model is None:
        return None
    values = (getattr(model, name) for name in kind.__slots__)
    return (type(model), *(tuple(value) if hasattr(value, "typecode") else value for value in values))
