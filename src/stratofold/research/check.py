"""`check`: does a strategy look ahead, survive a restart at every event, and decide alike in machine code?

What comes in: a strategy and data.  What goes out: a `CheckReport`, one finding a gate, with symbol and bar time.
Each gate compares whole states (book, strategy, what was written down) byte for byte, so nothing can differ unseen.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.fold.run import CROWDED
from stratofold.fold.run import run as fold_run
from stratofold.fold.state import restore, save
from stratofold.fold.strategy import Param, Strategy
from stratofold.research.backtest import check_cash, check_strategy
from stratofold.research.execute import plain
from stratofold.research.prepare import Options, Run, build_engine, build_strategy, prepare

if TYPE_CHECKING:
    from stratofold.market.data import MarketData

_CUTS = 8
_MULTIPLIER, _MODULUS = 48271, 2147483647


@dataclass(frozen=True)
class Finding:
    """What one gate found; `symbol` and `time` name the first event that differs."""

    gate: str
    ok: bool
    what: str
    symbol: str = ""
    time: str = ""

    def __str__(self) -> str:
        """One line for a terminal."""
        place = f" ({self.symbol} at {self.time})" if self.symbol else ""
        return f"{'pass' if self.ok else 'FAIL'}  {self.gate}: {self.what}{place}"


@dataclass(frozen=True)
class CheckReport:
    """All findings; `ok` when every gate passed."""

    strategy: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every gate passed."""
        return all(finding.ok for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`."""
        return {"strategy": self.strategy, "ok": self.ok, "findings": [vars(finding) for finding in self.findings]}

    def __str__(self) -> str:
        """One line a gate, and the verdict."""
        lines = [f"check of {self.strategy}", *(f"  {finding}" for finding in self.findings)]
        return "\n".join([*lines, "all gates passed" if self.ok else "not safe to trust: mend what failed"])


def check(
    strategy: type[Strategy],
    data: Any,
    *,
    symbols: Any = None,
    start: Any = None,
    end: Any = None,
    cash: float = 100_000.0,
    fees: Any = None,
    slippage: Any = None,
    limits: Any = None,
    artifacts: Any = None,
    events: int = 1_000,
    **parameters: Any,
) -> CheckReport:
    """Put `strategy` through three gates on the first `events` bars and events of `data`.

    *Look-ahead*: after each of several bars the future is changed; the state at that bar must not be.
    *Restart*: the state is saved and restored into fresh objects, with module globals as they were at the start, after
    every event; the run must end in the same bytes.  *Machine code*: compiled and interpreted must end in the same
    bytes; a strategy that cannot be compiled passes with a note.
    Raises Setup for what the user can mend before anything runs.
    """
    from stratofold.market.frames import read

    check_strategy(strategy)
    market = read(data, symbols=symbols, start=start, end=end)
    options = Options(
        cash=check_cash(cash), fees=fees, slippage=slippage, limits=limits, artifacts=artifacts or {}, log_rows=64, capacity=4
    )
    case = Case(strategy, market, options, parameters, events)
    return CheckReport(strategy.__name__, [look_ahead(case), restarts(case), machine_code(case)])


@dataclass(frozen=True)
class Case:
    """One strategy on one market, as often as the gates need it."""

    strategy: type[Strategy]
    market: MarketData
    options: Options
    parameters: dict[str, Any]
    events: int

    def fresh(self, market: MarketData | None = None) -> Run:
        """A run before its first event, with plain columns."""
        run = prepare(self.strategy, market or self.market, self.options, self.parameters)
        run.feed = plain(run.feed)
        run.events = min(run.events, self.events)
        return run

    def place(self, run: Run) -> dict[str, str]:
        """The symbol and time of the last event heard."""
        symbol = self.market.symbols[run.engine.bar.symbol]
        return {"symbol": symbol, "time": f"{datetime.fromtimestamp(run.engine.book.time / 1e9, UTC):%Y-%m-%d %H:%M} UTC"}


def advance(run: Run, stop: int) -> None:
    """Hear events up to number `stop`."""
    while fold_run(run.engine, run.strategy, run.feed, stop) == CROWDED:
        run.engine.logs.make_room()


def state_of(run: Run) -> bytes:
    """Everything the run holds, as bytes."""
    return save(run.strategy) + save(run.engine)


# Gate one: the future must not matter.


def look_ahead(case: Case) -> Finding:
    """Change what comes after each of several bars; the state at that bar must stay what it was."""
    bars = min(len(case.market.time), case.events)
    cuts = sorted({max(1, bars * k // (_CUTS + 1)) for k in range(1, _CUTS + 1)})
    for cut in cuts:
        stop = _boundary(case.market, cut)
        if stop >= len(case.market.time):
            continue
        true, false = case.fresh(), case.fresh(changed_after(case.market, stop))
        until = int(case.market.time[stop - 1])
        first = _first_difference(true, false, until)
        if first:
            what = "a decision changes when only the future is changed: something reads ahead"
            return Finding("look-ahead", False, what, **case.place(true))
    return Finding("look-ahead", True, f"the future was changed after {len(cuts)} bars, and no decision before it moved")


def _boundary(market: MarketData, cut: int) -> int:
    """The first bar after `cut` of a later time: bars of one time belong together."""
    while cut < len(market.time) and market.time[cut] == market.time[cut - 1]:
        cut += 1
    return cut


def _first_difference(true: Run, false: Run, until: int) -> bool:
    """Walk both runs event by event up to time `until`; whether they part (both then stand at the event)."""
    done = 0
    while done < min(true.events, false.events) and _next_time(true) <= until:
        done += 1
        advance(true, done)
        advance(false, done)
        if _decided(true) != _decided(false):
            return True
    return state_of(true) != state_of(false)


def _next_time(run: Run) -> int:
    """When the next bar is due."""
    index = run.engine.bar_index
    return run.feed.time[index] if index < len(run.feed.time) else 2**63 - 1


def _decided(run: Run) -> tuple[Any, ...]:
    """What has been decided so far, in a few numbers that change with every order."""
    book, logs = run.engine.book, run.engine.logs
    return (
        book.next_number,
        book.orders.count,
        book.timer_spent,
        logs.refusals.count,
        sum(book.working_buy),
        sum(book.working_sell),
        save(run.strategy),
    )


def changed_after(market: MarketData, stop: int) -> MarketData:
    """The same market with every price and volume after bar `stop` made another, wildly but validly."""
    import numpy as np

    scale = np.ones(len(market.time))
    seed = 20_011
    for k in range(stop, len(scale)):
        seed = seed * _MULTIPLIER % _MODULUS
        scale[k] = 0.4 + 1.4 * seed / _MODULUS
    columns = {name: np.round(getattr(market, name) * scale, 2) for name in ("open", "high", "low", "close")}
    return replace(market, volume=market.volume * scale, **columns)


# Gate two: a restart must not matter.


def restarts(case: Case) -> Finding:
    """Save and restore at every event, forgetting everything that is not state."""
    whole = case.fresh()
    memory = Amnesia(case.strategy)
    broken = case.fresh()
    for done in range(1, whole.events + 1):
        advance(whole, done)
        kept = memory.snapshot()
        memory.forget()
        try:
            broken = reborn(case, broken)
            advance(broken, done)
        except Setup as no:
            what = f"the state cannot be saved: {no.what} {no.place}".rstrip()
            return Finding("restart", False, what, **case.place(whole))
        finally:
            memory.recall(kept)
        if _decided(whole) != _decided(broken) or (done == whole.events and state_of(whole) != state_of(broken)):
            what = "a run that was saved and restored at every event parts from one that was not: state is kept outside"
            return Finding("restart", False, what, **case.place(whole))
    return Finding("restart", True, f"saved and restored at each of {whole.events:,} events, and every byte is the same")


def reborn(case: Case, run: Run) -> Run:
    """Fresh objects with the state of `run`; the feed is the world's, not the run's."""
    strategy = build_strategy(case.strategy, case.market.symbols, case.parameters, case.options.artifacts)
    engine = build_engine(strategy, case.market, case.options)
    restore(strategy, save(run.strategy))
    restore(engine, save(run.engine))
    return Run(engine, strategy, run.feed, run.events)


class Amnesia:
    """What a strategy's code could remember outside its state: globals, closures, class attributes."""

    def __init__(self, strategy: type[Strategy]) -> None:
        """Take down everything as it is before the first event."""
        self.places = list(_places(strategy))
        self.kept = self.snapshot()

    def snapshot(self) -> list[Any]:
        """A copy of what stands at each place now."""
        return [_copied(get()) for get, _ in self.places]

    def forget(self) -> None:
        """Put everything back as it was at the start."""
        self.recall(self.kept)

    def recall(self, values: list[Any]) -> None:
        """Put copies of `values` at their places."""
        for (_, put), value in zip(self.places, values, strict=True):
            put(_copied(value))


def _copied(value: Any) -> Any:
    """A deep copy where there can be one."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  what cannot be copied (a socket, a generator) stays what it is
        return value


def _places(strategy: type[Strategy]) -> Any:
    """Getter and setter of each global, closure cell and class attribute that the strategy's methods can reach."""
    for base in strategy.__mro__:
        if base in (Strategy, object):
            continue
        for name, member in list(vars(base).items()):
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, FunctionType):
                yield from _of_function(function)
            elif not name.startswith("__") and not isinstance(member, (Param, type, property, classmethod, staticmethod)):
                yield (lambda base=base, name=name: getattr(base, name)), _setter(base, name)


def _of_function(function: FunctionType) -> Any:
    """The globals and closure cells of one function."""
    space = function.__globals__
    for name in function.__code__.co_names:
        if name in space and not isinstance(space[name], (ModuleType, type, FunctionType)) and not callable(space[name]):
            yield (lambda space=space, name=name: space[name]), (lambda value, space=space, name=name: space.update({name: value}))
    for cell in function.__closure__ or ():
        if not isinstance(cell.cell_contents, type):
            yield (lambda cell=cell: cell.cell_contents), (lambda value, cell=cell: setattr(cell, "cell_contents", value))


def _setter(owner: type, name: str) -> Any:
    """A function that sets a class attribute."""
    return lambda value: setattr(owner, name, value)


# Gate three: machine code must not matter.


def machine_code(case: Case) -> Finding:
    """Compiled and interpreted end in the same bytes."""
    from stratofold.kernel import Refused
    from stratofold.research.execute import drive

    whole, compiled = case.fresh(), prepare(case.strategy, case.market, case.options, case.parameters)
    compiled.events = whole.events
    try:
        drive(compiled.engine, compiled.strategy, compiled.feed, compiled.events)
    except Refused as no:
        return Finding("machine code", True, f"not compiled, so there is nothing to differ: {no}")
    advance(whole, whole.events)
    if state_of(whole) == state_of(compiled):
        return Finding("machine code", True, f"compiled and interpreted agree to the last bit after {whole.events:,} events")
    whole = _parting(case)
    return Finding("machine code", False, "compiled and interpreted part", **case.place(whole))


def _parting(case: Case) -> Run:
    """The interpreted run at the first event after which machine code differs, found by halving."""
    from stratofold.research.execute import drive

    low, high = 0, min(case.fresh().events, case.events)
    while low + 1 < high:
        middle = (low + high) // 2
        whole, compiled = case.fresh(), prepare(case.strategy, case.market, case.options, case.parameters)
        drive(compiled.engine, compiled.strategy, compiled.feed, middle)
        advance(whole, middle)
        low, high = (middle, high) if state_of(whole) == state_of(compiled) else (low, middle)
    whole = case.fresh()
    advance(whole, high)
    return whole


