"""Many sets of parameters over one market: the engine is laid out once, and every set is a guest in it.

What comes in: a strategy, market data and assumptions, then sets of parameters.  What goes out: the statistics of each as
columns, and what each that failed has failed of.
Why so: of a run only the sums are wanted.  Machine code carries a run to its end, sums included, and the state of the
entry comes back by one copy, so a cell costs little more than its bars; no row of a log is kept and no `Result` is made.
A cell whose run leaves machine code is done again as any backtest is, which finds the genuine error.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold import kernel
from stratofold.fold.run import CROWDED
from stratofold.instance import build_strategy
from stratofold.research.execute import execute
from stratofold.research.prepare import is_ticks, prepare
from stratofold.research.sweep.columns import STATISTICS, SUMS, statistics_of, sums_of
from stratofold.research.sweep.plainly import run_plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Program
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Options
    from stratofold.research.sweep.columns import Row

_SESSIONS, _FIRST = SUMS.index("tally.session_count"), SUMS.index("tally.first_steps")
_REFUSED = struct.Struct("=d")  # before a state: refusals that its log has no row of any more
_COUNTS = tuple(f"logs.{name}.count" for name in ("orders", "fills", "trades", "refusals"))  # equity is never crowded


class Leg(NamedTuple):
    """Which part of its events a cell hears: from a state to the end, or to an event at which it is only kept.

    `begun` are the states to go on from, one a cell (empty ones, or none at all: from the beginning); `keep` is the
    number of events after which a cell's state is kept (0: never); one that does not `end` has no statistics.
    Events are those of the feed: bars, and what stands between them.
    """

    begun: tuple[bytes, ...] = ()
    keep: int = 0
    ends: bool = True

    def cut(self, first: int, last: int) -> Leg:
        """The leg of some of its cells."""
        return self._replace(begun=self.begun[first:last])


WHOLE = Leg()


@dataclass
class Cells:
    """What some cells came to: a column for each statistic, and beside it why a cell has failed (empty: it has not).

    `states` say where each cell stood when it was asked for (`Leg.keep`); an empty one is none, and is of a cell that
    neither machine code nor the interpreter has carried to there: it begins anew.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    notice: str = ""
    states: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """How many cells."""
        return len(self.errors)


class Block:
    """One strategy on one market with its assumptions.

    `execution` is "interpreted", "compiled" (where that can be), or "auto", which takes a kernel that is at hand.
    """

    def __init__(
        self,
        strategy: type[Strategy],
        market: MarketData,
        options: Options,
        *,
        execution: str = "auto",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is laid out before the first cell."""
        self.strategy = strategy
        self.market = market
        self.options = options
        self.execution = execution
        self.notice = ""
        self._progress = progress
        self._program: Program | None = None
        self._engine: Any = None  # of the last run
        self._events = 0
        self._sums: Callable[[], tuple[float, ...]] | None = None
        self._scale = 100.0
        self._begun, self._keep, self._ends, self._kept = b"", 0, True, b""  # of the cell that runs
        self._refused = 0.0  # and refusals that its log has no row of any more

    def run(self, sets: Sequence[Mapping[str, Any]], leg: Leg = WHOLE) -> Cells:
        """The statistics of every set of parameters, in their order; `leg` says which part of the events is heard."""
        rows: list[Row | None] = []
        errors: list[str] = []
        states: list[bytes] = []
        is_compiled = self._is_compiled()
        for number, parameters in enumerate(sets):
            self._begun = leg.begun[number] if leg.begun else b""
            self._keep, self._ends, self._kept = leg.keep, leg.ends, b""
            try:
                row = self._quickly(parameters) if is_compiled else None
                rows.append(row if row is not None or (self._kept and not leg.ends) else self._wholly(parameters))
                errors.append("")
            except Exception as raised:  # noqa: BLE001  a strategy may raise anything, and the others go on
                rows.append(None)
                errors.append(f"{getattr(raised, 'code', type(raised).__name__)}: {getattr(raised, 'what', raised)}")
            states.append(self._kept)
        self._begun, self._keep, self._ends = b"", 0, True
        return Cells(self._columns(rows), errors, self.notice, states if leg.keep else [])

    def returns(self, sets: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """The return of every session (a row) with every set of parameters (a column); raises what a strategy raises."""
        return np.column_stack([self._returns(parameters) for parameters in sets])

    def _returns(self, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
        """The returns of one run, out of the equity that its log has at each session's close."""
        row = self._quickly(parameters) if self._is_compiled() else None
        row = row or self._wholly(parameters)
        if row is None:
            raise AssertionError("a run without an end")
        log = self._engine.logs.equity
        steps = np.asarray(log.reals).reshape(-1, len(log.REALS))[: int(row[_SESSIONS]), log.REALS.index("equity")]
        before = np.concatenate(([row[_FIRST]], steps[:-1]))
        ratios: NDArray[np.float64] = np.divide(steps, before, out=np.ones_like(steps), where=before > 0.0)
        return ratios - 1.0

    def _columns(self, rows: list[Row | None]) -> dict[str, Any]:
        """The statistics of the rows there are; NaN for the others."""
        places = [k for k, row in enumerate(rows) if row is not None]
        found = statistics_of(
            [row for row in rows if row is not None], self._scale, self.market.calendar.sessions_per_year
        )
        if len(places) == len(rows):
            return found
        columns = {name: np.full(len(rows), np.nan) for name in STATISTICS}
        for name in STATISTICS:
            columns[name][places] = found[name]
        return columns

    def _is_compiled(self) -> bool:
        """Whether cells may run in machine code."""
        if self.execution == "interpreted" or is_ticks(self.market):
            return False
        return self._program is not None or not self.notice

    def _quickly(self, parameters: Mapping[str, Any]) -> Row | None:
        """One run in machine code to its sums; None where machine code leaves it to Python."""
        if self._program is None:
            return self._first(parameters)
        fold = build_strategy(self.strategy, self.market.symbols, parameters, self.options.artifacts)
        self._program.vacate()
        try:
            self._program.enter(fold)
        except kernel.Changed:
            self._program = None
            return self._first(parameters)
        return self._carried()

    def _first(self, parameters: Mapping[str, Any]) -> Row | None:
        """The first run lays the engine out and has the kernel made."""
        run = prepare(self.strategy, self.market, self.options, parameters)
        objects = (run.engine, run.strategy, run.feed)
        if self.execution != "compiled" and not kernel.is_at_hand(*objects, out=True):
            return None
        try:
            made = kernel.build(*objects, progress=self._progress, out=True)
            program = made.bind(*objects)
        except kernel.Refused as no:
            self.notice = f"{self.strategy.__name__} runs interpreted, some 200 times slower: {no}"
            return None
        self._program, self._events, self._engine = program, run.events, run.engine
        self._sums = program.reader(SUMS)
        self._scale = run.engine.book.ledger.scale[0]
        return self._carried()

    def _carried(self) -> Row | None:
        """The program run to its end; on the way its state is kept, where that is asked for."""
        self._refused = 0.0
        if self._begun:
            self._go_on(self._begun)
        if self._keep:
            if self._run_to(self._keep) is None:
                return None
            self._kept = _REFUSED.pack(self._refused) + self._at_hand.changes()
        return self._run_to(self._events) if self._ends else None

    def _go_on(self, state: bytes) -> None:
        """Stand where a state was kept; one of another layout counts as none."""
        try:
            self._at_hand.take(state[_REFUSED.size :])
        except kernel.Changed:
            return
        (self._refused,) = _REFUSED.unpack_from(state)

    def _run_to(self, stop: int) -> Row | None:
        """The sums after `stop` events; a crowded log is written from its begin again, because nobody reads it."""
        program, sums = self._at_hand, self._sums
        if sums is None:
            raise AssertionError("no sums")
        while True:
            status, answer = program.run(stop)
            if status != 0:
                self._kept = b""
                return None
            row = sums()
            if answer != CROWDED:
                return (row[0], row[1] + self._refused, *row[2:])
            self._refused += row[1]
            program.zero(_COUNTS)

    @property
    def _at_hand(self) -> Program:
        """The program that has been laid out."""
        if self._program is None:
            raise AssertionError("no program")
        return self._program

    def _wholly(self, parameters: Mapping[str, Any]) -> Row | None:
        """One run as a backtest does it, whatever it needs; raises what the strategy raises."""
        run = prepare(self.strategy, self.market, self.options, parameters)
        self._scale, self._engine = run.engine.book.ledger.scale[0], run.engine
        is_interpreted = self.execution == "interpreted" or bool(self.notice)
        if is_interpreted and (self._begun or self._keep):
            self._kept, refused = run_plainly(run, self.market, self._begun, self._keep, ends=self._ends)
            row = sums_of(run.engine)
            return (row[0], row[1] + refused, *row[2:]) if self._ends else None
        if not self._ends:
            return None
        execute(run, self.market, "interpreted" if is_interpreted else "auto")
        return sums_of(run.engine)
