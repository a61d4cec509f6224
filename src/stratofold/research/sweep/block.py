"""Many sets of parameters over one market: the engine is laid out once, and every set is a guest in it.

What comes in: a strategy, market data and assumptions, then sets of parameters.  What goes out: the statistics of each as
columns, and what each that failed has failed of.
Why so: of a run only the sums are wanted.  Machine code carries a run to its end, sums included, and the state of the
entry comes back by one copy, so a cell costs little more than its bars; no row of a log is kept and no `Result` is made.
Cells of which every part is known go through machine code hundreds at a time (`abreast`).
What indicators say is written once and read by the cells that ask for the same (`tapes`).
A cell whose run leaves machine code is done again as any backtest is, which finds the genuine error.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold import kernel
from stratofold.errors import Setup
from stratofold.research.execute import execute
from stratofold.research.prepare import build_feed, is_ticks, prepare
from stratofold.research.sweep.abreast import CELLS_MAX
from stratofold.research.sweep.cells import WHOLE, Cells, Leg
from stratofold.research.sweep.columns import STATISTICS, SUMS, Figures, columns_of, in_order, sums_of
from stratofold.research.sweep.engines import are_alike
from stratofold.research.sweep.guests import Guests
from stratofold.research.sweep.laid import Laid, prepare_cell
from stratofold.research.sweep.onward import Together, alike, go_on_together
from stratofold.research.sweep.plainly import run_plainly
from stratofold.research.sweep.reuse import is_read_often
from stratofold.research.sweep.tapes import Tapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Options
    from stratofold.research.sweep.abreast import Seats
    from stratofold.research.sweep.columns import Row
    from stratofold.research.sweep.guests import Seat

# What another market may raise of a strategy that one has heard: `setup` asks for nothing of it.  All else is a bug of ours.
_MISFITS = (kernel.Changed, Setup)
_SESSIONS, _FIRST = SUMS.index("tally.session_count"), SUMS.index("tally.first_steps")


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
        before: Block | None = None,
    ) -> None:
        """Nothing is laid out before the first cell; `before` is a block that may have parts of the same strategy."""
        self.strategy = strategy
        self.market = market
        self.options = options
        self.execution = execution
        self.notice = ""
        self._progress = progress
        self._is_ticks = is_ticks(market)
        self._laid: dict[bool, Laid] = {}  # by whether tapes are read
        self.asks_no_tapes: bool = before is not None and before.asks_no_tapes  # what one `setup` has said, all say
        self._takes_all: bool = before is not None and before._takes_all  # noqa: SLF001  of this class
        self._is_weighed: bool = before is not None and before._is_weighed  # noqa: SLF001
        self._tapes = None if self._is_ticks or self.asks_no_tapes else self._blank()
        self._before = before
        self._engine: Any = None  # of the last run
        self._scale = 100.0
        self._begun, self._keep, self._ends, self._kept = b"", 0, True, b""  # of the cell that runs
        self._reads_equity = False

    def run(self, sets: Sequence[Mapping[str, Any]], leg: Leg = WHOLE) -> Cells:
        """The statistics of every set of parameters, in their order; `leg` says which part of the events is heard."""
        rows: dict[int, Row | None] = {}  # of the cells that are done alone
        errors, states = [""] * len(sets), [b""] * len(sets)
        self._begun, self._keep, self._ends = b"", leg.keep, leg.ends
        self._share()
        if self._is_whole() and not (leg.begun and all(leg.begun)):
            self._retell()  # before the first cell that may read tapes: one of no state among others may, too
            self._weigh(sets)
        gone_on = self._gone_on(sets, leg)
        done = {number for part in gone_on for number in part.done}
        for part in gone_on:
            for number, state in part.states:
                states[number] = state

        def alone(number: int, is_left: bool = False) -> None:
            self._begun, self._kept = leg.begun[number] if leg.begun else b"", b""
            try:
                row = self._quickly(sets[number], is_left=is_left) if self._is_compiled() else None
                rows[number] = row if row is not None or (self._kept and not leg.ends) else self._wholly(sets[number])
            except Exception as raised:  # noqa: BLE001  a strategy may raise anything, and the others go on
                errors[number] = f"{getattr(raised, 'code', type(raised).__name__)}: {getattr(raised, 'what', raised)}"
            states[number] = self._kept

        if self._is_whole() and not any(leg.begun):
            gone_on += self._abreast(sets, alone)
        else:
            for number in range(len(sets)):
                if number not in done:
                    alone(number)
        self._begun, self._keep, self._ends = b"", 0, True
        columns = self._columns(rows, gone_on if leg.ends else (), len(sets))
        return Cells(columns, errors, self.notice, states if leg.keep else [])

    def _share(self) -> None:
        """Have an engine that the block before has laid out, or that others have used since, hear this block's market."""
        if self._before is not None and not self._laid and self._may_share():
            self._laid |= self._before._laid  # noqa: SLF001  of this class
        laid = self._laid.get(False)
        if laid is None or laid.market is self.market:
            return
        if not self._is_heard(laid):
            self._laid.clear()

    def _is_heard(self, laid: Laid) -> bool:
        """Whether an engine that has heard another market hears this one now; where not, one of its own says why."""
        with suppress(*_MISFITS):
            laid.hear(build_feed(self.market, self.strategy, self.options), self.market)
            return True
        return False

    def _may_share(self, *, is_taped: bool = False) -> bool:
        """Whether the block before has an engine that would be this one's; `setup` asks for no symbols, and for tapes or none."""
        before = self._before
        if before is None or self.asks_no_tapes is is_taped or self._reads_equity or before.options is not self.options:
            return False
        return before.lends(is_taped=is_taped) and are_alike(before.market, self.market, self.options)

    def _retell(self) -> None:
        """Have the tapes of the block before, or that others have used since, tell of this block's market, in their engine."""
        before = self._before
        if not self._is_compiled():
            return
        if before is not None and not self._laid and self._may_share(is_taped=True):
            self._laid[True], self._tapes, self._before = before._laid[True], before._tapes, None  # noqa: SLF001
        laid, tapes = self._laid.get(True), self._tapes
        if laid is None or tapes is None or laid.market is tapes.market is self.market or self._retold(laid, tapes):
            return
        tapes.dismiss()
        self._laid.pop(True, None)
        self._tapes = self._blank()

    def _blank(self) -> Tapes:
        """Tapes on which nothing is written."""
        return Tapes(self.strategy, self.market, takes_all=self._takes_all)

    def _weigh(self, sets: Sequence[Mapping[str, Any]]) -> None:
        """Have what is quickly computed taped too from now on, where these cells read it often."""
        is_open = self._tapes is not None or self.asks_no_tapes
        if self.execution != "compiled" or self._is_weighed or self._is_ticks or not is_open:
            return
        if is_read_often(self.strategy, sets, self.market):
            self._takes_all, self._is_weighed, self.asks_no_tapes = True, True, False
            self._laid.pop(True, None)
            self._tapes = self._blank()

    def _retold(self, laid: Laid, tapes: Tapes) -> bool:
        """Whether tapes that have told of another market tell of this one now; where not, some of its own say why."""
        seat = laid.guests.seat_of(tapes)
        writer = tapes.anew(self.market, laid.program.forget, is_seated=seat is not None)
        is_written = False
        if writer is not None and self._is_heard(laid):
            with suppress(*_MISFITS):
                row = self._quickly(writer, is_left=True) if seat is None else self._rewritten(laid, seat, writer)
                is_written = row is not None and self._tapes is tapes
            tapes.market = self.market if is_written and tapes.is_lasting else None
        return is_written and tapes.market is not None

    def _rewritten(self, laid: Laid, seat: Seat, writer: Mapping[str, Any]) -> Row | None:
        """As `_quickly`, of the cell that writes tapes of one market after another."""
        laid.guests.seat_writer(seat)
        return self._by_tapes(laid, seat.tapes, writer)

    def lends(self, *, is_taped: bool = False) -> bool:
        """Whether another block may use the engine that is laid out here, and its tapes."""
        laid = self._laid.get(is_taped)
        if is_taped and not (self._tapes is not None and self._tapes.is_lasting):
            return False
        return laid is not None and laid.guests.is_alike and not self._reads_equity

    def _abreast(self, sets: Sequence[Mapping[str, Any]], alone: Callable[..., None]) -> list[Together]:
        """What whole runs come to of which many are done in one call; every other is done `alone`."""
        found, at = [], 0
        while at < len(sets):
            laid = self._at_hand()
            few = sets[at : at + (CELLS_MAX if laid is not None and laid.guests.is_ready else 1)]
            seats = laid.guests.seats(few) if laid is not None and len(few) > 1 else None
            left, is_left = np.arange(len(few)), False
            if laid is not None and seats is not None:
                left = self._missing_done(seats, alone, few, at)
                sums = seats.run(laid, left, self._tapes) if seats.is_whole(self._at_hand()) else None
                if sums is not None:
                    self._engine, self._scale, is_left = laid.engine, laid.scale, True
                    found.append(Together(at + sums.done, sums.columns, []))
                    left = sums.left
            for row in left.tolist():
                alone(at + row, is_left)
            at += len(few)
        return found

    def _missing_done(
        self, seats: Seats, alone: Callable[..., None], few: Sequence[Mapping[str, Any]], first: int
    ) -> NDArray[np.intp]:
        """See `Seats.missing_done`; tapes are told of the readings that wait for it.

        A cell whose tapes need not be written by a run only brings its parts, and runs with the others.
        """
        tapes = self._tapes
        if tapes is None:
            return seats.missing_done(alone, first)
        brought: list[int] = []

        def brings(number: int) -> None:
            if self._brings_parts(few[number - first]):
                brought.append(number - first)
            else:
                alone(number)

        tapes.awaited = seats.readings
        left = seats.missing_done(brings, first)
        tapes.awaited = 0
        return np.union1d(left, np.array(brought, np.intp)) if brought else left

    def _brings_parts(self, parameters: Mapping[str, Any]) -> bool:
        """Whether all parts of a cell are known now, as they are without a run where none of its tapes is to be written."""
        tapes = self._tapes
        try:
            laid = None if tapes is None else self._seated_with(tapes, parameters)
        except Exception:  # noqa: BLE001  what a strategy raises is said by the cell itself
            return False
        if laid is None or tapes is None or tapes.is_writing:
            return False
        if tapes.is_growing and tapes.is_full:
            self._drop(laid, tapes)
            return False
        mould = laid.guests.mould if laid is self._at_hand() else None
        return mould is not None and mould.is_ready and mould.has(parameters)

    def _at_hand(self) -> Laid | None:
        """What the next whole run finds laid out; None where there is nothing, or machine code is not wanted."""
        return self._laid.get(self._tapes is not None) if self._is_compiled() else None

    def _gone_on(self, sets: Sequence[Mapping[str, Any]], leg: Leg) -> list[Together]:
        """What the cells come to that go on together; a piece of them whose states do not fit is not among it."""
        stretches = alike(leg.begun) if self._is_compiled() else ()
        parts = [self._together(sets[first], first, leg.cut(first, last)) for first, last in stretches]
        return [part for part in parts if part is not None]

    def _together(self, parameters: Mapping[str, Any], first: int, leg: Leg) -> Together | None:
        """What cells come to, the first of which has this number and these parameters; None where their states do not fit."""
        laid = self._laid.get(False)
        for _ in range(2):
            try:
                laid = laid or self._seated(parameters, None)
                if laid is None:
                    return None
                self._engine, self._scale = laid.engine, laid.scale
                return go_on_together(laid, first, leg)
            except kernel.Changed:
                laid = None  # another layout is the first cell's, perhaps
            except Exception:  # noqa: BLE001  what a strategy raises is said by each cell itself
                return None
        return None

    def returns(self, sets: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """The return of every session (a row) with every set of parameters (a column); raises what a strategy raises."""
        if not self._reads_equity:
            self._reads_equity = True
            self._laid.clear()  # their logs keep no equity
            self._tapes = self._tapes and self._blank()  # for they may be others', too
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

    def _columns(self, rows: Mapping[int, Row | None], gone_on: Sequence[Together], count: int) -> Mapping[str, Any]:
        """The statistics of the rows there are, and of the sums that are columns already; NaN for the others."""
        alone = sorted((number, row) for number, row in rows.items() if row is not None)
        parts: list[tuple[Any, Any]] = [(part.done, part.sums) for part in gone_on if len(part.done)]
        if alone:
            parts.append(([number for number, _ in alone], columns_of([row for _, row in alone])))
        if not parts:
            return {name: np.full(count, np.nan) for name in STATISTICS}
        done, sums = in_order(parts)
        those = None if len(done) == count else np.asarray(done, np.intp)
        return Figures(sums, those, count, self._scale, self.market.calendar.sessions_per_year)

    def _is_compiled(self) -> bool:
        """Whether cells may run in machine code."""
        return self.execution != "interpreted" and not self._is_ticks and (bool(self._laid) or not self.notice)

    def _quickly(self, parameters: Mapping[str, Any], *, is_left: bool = False) -> Row | None:
        """One run in machine code to its sums; None where machine code leaves it to Python.

        One that `is_left` was put together of its parts already, and did not come to its end.
        """
        row = self._again(parameters) if self._is_whole() and not is_left else None
        if row is not None:
            return row
        laid = None
        if self._tapes is not None and self._is_whole():
            laid = self._seated_with(self._tapes, parameters)
        if self._tapes is not None and laid is not None:
            return self._by_tapes(laid, self._tapes, parameters)
        laid = self._seated(parameters, None)
        return self._carried(laid) if laid is not None else None

    def _again(self, parameters: Mapping[str, Any]) -> Row | None:
        """As `_quickly`, of a strategy of which every part has run before; None where there is none, or more is to be done."""
        laid = self._at_hand()
        if laid is None or not laid.guests.seat_again(parameters, self._tapes):
            return None
        return self._carried(laid)

    def _is_whole(self) -> bool:
        """Whether a run is from the first event to the last.

        Tapes are for those: what a tape says is in no state, and is written from the first event on.
        """
        return self._ends and not self._keep and not self._begun

    def _seated_with(self, tapes: Tapes, parameters: Mapping[str, Any]) -> Laid | None:
        """As `_seated`, with tapes; where they are of no use the block does without from now on."""
        if tapes.is_dismissed and True in self._laid:
            self._laid[True].forget()
        tapes.begin()
        try:
            laid = self._seated(parameters, tapes)
        except Exception:  # noqa: BLE001  `setup` may have asked of a tape what it does not have
            self._tapes = None
        else:
            if laid is not None and not tapes.is_of_use():
                self._tapes = None
        if self._tapes is None:
            self._laid.pop(True, None)
            return None
        if laid is None:
            tapes.drop()
        return laid

    def _by_tapes(self, laid: Laid, tapes: Tapes, parameters: Mapping[str, Any]) -> Row | None:
        """As `_quickly`, with tapes, which it writes or reads."""
        for things in tapes.unlearnt():
            laid.program.learn(things)
        row = self._carried(laid)
        is_other = False
        if row is None:
            laid.reveal()
            is_other = tapes.broken()
        elif tapes.is_writing:
            laid.reveal()
            tapes.written(parameters)
            laid.guests.learn_written(tapes)
        if row is None or tapes.is_writing or tapes.is_growing:
            self._drop(laid, tapes)
        if is_other:
            return self._quickly(parameters)
        return self._untaped(parameters) if row is None and tapes.is_writing else row

    def _drop(self, laid: Laid, tapes: Tapes) -> None:
        """Let go of the tapes that are no use or have no room."""
        for things in tapes.drop():
            laid.program.forget(things)
        if tapes.is_crowded and tapes.takes_all and tapes is self._tapes:
            # What is quickly computed has no room after all.
            self._takes_all = False
            self._laid.pop(True, None)
            self._tapes = self._blank()

    def _untaped(self, parameters: Mapping[str, Any]) -> Row | None:
        """As `_quickly`, after a run that wrote tapes was left to Python: where it is not without them, the block does without.

        A tape asks for all that is shown after every call, and the strategy perhaps only once it is there.
        """
        laid = self._seated(parameters, None)
        row = self._carried(laid) if laid is not None else None
        if row is not None:
            self._tapes = None
            self._laid.pop(True, None)
        return row

    def _seated(self, parameters: Mapping[str, Any], tapes: Tapes | None) -> Laid | None:
        """The strategy in its place, ready to run; None where machine code cannot hold it, or has none at hand."""
        laid = self._laid.get(tapes is not None)
        if laid is None:
            return self._first(parameters, tapes)
        try:
            laid.guests.seat(parameters, tapes, is_sealed=bool(self._keep or self._begun))
        except kernel.Changed:
            return self._first(parameters, tapes)
        return laid

    def _first(self, parameters: Mapping[str, Any], tapes: Tapes | None) -> Laid | None:
        """The first run lays the engine out and has the kernel made."""
        self._laid.pop(tapes is not None, None)
        if tapes is not None:
            tapes.begin()
            tapes.forget_places()
        shelf = None if tapes is None else tapes.ask
        run = prepare_cell(self.strategy, self.market, self.options, parameters, shelf, reads_equity=self._reads_equity)
        if tapes is not None and not tapes.given:
            self._tapes, self.asks_no_tapes = None, True
            return None
        objects = (run.engine, run.strategy, run.feed)
        if self.execution != "compiled" and not kernel.is_at_hand(*objects, out=True):
            return None
        try:
            program = kernel.build(*objects, progress=self._progress, out=True).bind(*objects)
        except kernel.Refused as no:
            if tapes is not None:
                self._tapes = None
            else:
                self.notice = f"{self.strategy.__name__} runs interpreted, some 200 times slower: {no}"
            return None
        guests = Guests(program, self.strategy, self.market.symbols, self.options.artifacts)
        laid = self._laid[tapes is not None] = Laid(program, run, guests, self.market)
        self._inherit(laid, is_taped=tapes is not None)
        return laid

    def _inherit(self, laid: Laid, *, is_taped: bool) -> None:
        """Take over what the block before has of strategies, once; it is not needed any more then."""
        before, self._before = self._before, None
        known = before._laid.get(is_taped) if before is not None else None  # noqa: SLF001  of this class
        if known is not None:
            laid.guests.inherit(known.guests)

    def _carried(self, laid: Laid) -> Row | None:
        """The program run to its end; on the way its state is kept, where that is asked for."""
        self._engine, self._scale = laid.engine, laid.scale
        if self._begun:
            laid.go_on(self._begun)
        if self._keep:
            if laid.run_to(self._keep) is None:
                return None
            self._kept = laid.kept()
        row = laid.run_to(laid.events) if self._ends else None
        if row is None and self._ends:
            self._kept = b""
        return row

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
