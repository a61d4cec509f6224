"""`check`: does a strategy look ahead, survive a restart at every event, and decide alike in machine code?

What comes in: a strategy and data.  What goes out: a `CheckReport`, one finding a gate, with symbol and bar time.
Each gate compares whole states (book, strategy, what was written down) byte for byte, so nothing can differ unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypedDict

from stratofold.errors import Setup
from stratofold.fold.drive import driver_of
from stratofold.fold.run import CROWDED
from stratofold.fold.state import restore, save
from stratofold.instance import build_strategy
from stratofold.research.backtest import check_cash, check_strategy
from stratofold.research.execute import told
from stratofold.research.outside import Change, OtherFuture, OtherOrder, Outside
from stratofold.research.plain import plain
from stratofold.research.prepare import Options, Run, build_engine, is_ticks, prepare
from stratofold.research.reading import watched
from stratofold.routing import is_plain

if TYPE_CHECKING:
    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData, Observations

_CUTS = 8
_MULTIPLIER, _MODULUS = 48271, 2147483647


class Place(TypedDict):
    """An event: its symbol, and its time as text."""

    symbol: str
    time: str


@dataclass(frozen=True)
class Finding:
    """What one gate found; `symbol` and `time` name the first event that differs.

    A gate that had nothing to look at is `skipped`: that is not a failure, and no proof either.
    """

    gate: str
    ok: bool
    what: str
    symbol: str = ""
    time: str = ""
    skipped: bool = False

    def __str__(self) -> str:
        """One line for a terminal."""
        place = f" ({self.symbol} at {self.time})" if self.symbol else ""
        verdict = "skip" if self.skipped else "pass" if self.ok else "FAIL"
        return f"{verdict}  {self.gate}: {self.what}{place}"


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
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        """The last line: what all gates say together."""
        if not self.ok:
            return "not safe to trust: mend what failed"
        skipped = [finding.gate for finding in self.findings if finding.skipped]
        return f"passed, without {' and '.join(skipped)}" if skipped else "all gates passed"


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
    bytes; a strategy that cannot be compiled skips this gate, and the report says so.
    Raises Setup for what the user can mend before anything runs.
    """
    from stratofold.market.frames import read

    check_strategy(strategy)
    market = read(data, symbols=symbols, start=start, end=end, series=strategy.series)
    options = Options(
        cash=check_cash(cash, "USD"),
        fees=fees,
        slippage=slippage,
        limits=limits,
        artifacts=artifacts or {},
        log_rows=64,
        capacity=4,
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

    def fresh(self, market: MarketData | None = None, options: Options | None = None) -> Run:
        """A run before its first event, with plain columns."""
        run = prepare(self.strategy, market or self.market, options or self.options, self.parameters)
        run.feed = plain(run.feed)
        run.events = min(run.events, self.events)
        return run

    def place(self, run: Run) -> Place:
        """The symbol and time of the last event heard."""
        symbol = self.market.symbols[run.engine.bar.symbol]
        return {
            "symbol": symbol,
            "time": f"{datetime.fromtimestamp(run.engine.book.time / 1e9, UTC):%Y-%m-%d %H:%M} UTC",
        }


def advance(run: Run, stop: int) -> None:
    """Hear events up to number `stop`."""
    hear = driver_of(run.feed)
    while hear(run.engine, run.strategy, run.feed, stop) == CROWDED:
        run.engine.logs.make_room()


def state_of(run: Run) -> bytes:
    """Everything the run holds, as bytes."""
    return save(run.strategy) + save(run.engine)


# Gate one: the future must not matter.


@dataclass(frozen=True)
class Mark:
    """What a run had decided after one event: a few numbers that move with every order, and the strategy's state."""

    decided: tuple[Any, ...]
    state: bytes


def look_ahead(case: Case) -> Finding:
    """Change what comes after each of several bars, wherever the strategy could have it from; nothing before may move.

    The future is changed in the feed and in every container that the strategy's code can reach.  A container as long
    as there are bars is also put in another order: a signal made beforehand holds no price, and looks ahead all the same.
    What a hook opens to read cannot be changed here, and fails at once.
    """
    outside = Outside(case.strategy)
    bars = min(len(case.market.time), case.events)
    cuts = sorted({_boundary(case.market, max(1, bars * k // (_CUTS + 1))) for k in range(1, _CUTS + 1)})
    true, found = _true_run(case, outside)
    if found is not None:
        return found
    for stop in [cut for cut in cuts if cut < len(case.market.time)]:
        found = _parts_at(case, outside, true, stop)
        if found is not None:
            return found
    found = _made_beforehand(case, outside, true)
    if found is not None:
        return found
    return Finding(
        "look-ahead", True, f"the future was changed after {len(cuts)} bars, and no decision before it moved"
    )


def _boundary(market: MarketData, cut: int) -> int:
    """The first bar after `cut` of a later time: bars of one time belong together."""
    while cut < len(market.time) and market.time[cut] == market.time[cut - 1]:
        cut += 1
    return cut


def _true_run(case: Case, outside: Outside) -> tuple[list[tuple[int, Mark]], Finding | None]:
    """The time before which each event was heard and what was decided then, up to the first file that a hook reads.

    Raises what the strategy raises.
    """
    marks: list[tuple[int, Mark]] = []
    with outside.as_at_start():
        run = case.fresh()
        for done in range(1, run.events + 1):
            before = _next_time(run)
            try:
                with watched() as opened:
                    advance(run, done)
            except Exception as raised:
                raise told(raised, run, case.market) from raised
            if opened:
                return marks, _read_outside(opened[0], case.place(run))
            marks.append((before, _mark(run)))
    return marks, None


def _read_outside(what: str, place: Place) -> Finding:
    """The finding for a hook that opens something to read."""
    why = "and nothing shows that what stands there was known in time"
    mend = "read it before the run and give it as data, as observations or as an artefact"
    return Finding("look-ahead", False, f"a hook opens {what}, {why}: {mend}", **place)


def _parts_at(case: Case, outside: Outside, true: list[tuple[int, Mark]], stop: int) -> Finding | None:
    """What a run does whose future is another from bar `stop` on, if it is not the same."""
    market = changed_after(case.market, stop)
    change = OtherFuture(case.market, market, stop)
    until = int(case.market.time[stop - 1])
    wanted = list(takewhile(lambda row: row[0] <= until, true))
    instead = outside.changed(change)
    options = _with_other_artifacts(case.options, change)
    place = _first_difference(case, outside, wanted, market=market, instead=instead, options=options, change=change)
    if place is None:
        return None
    for number in instead:
        if _first_difference(case, outside, wanted, market=case.market, instead={number: instead[number]}) is not None:
            what = f"decisions follow {outside.places[number].name}, which holds prices that are not known yet"
            return Finding("look-ahead", False, what, **place)
    what = "a decision changes when only the future is changed: something reads ahead"
    return Finding("look-ahead", False, what, **place)


def _made_beforehand(case: Case, outside: Outside, true: list[tuple[int, Mark]]) -> Finding | None:
    """Whether decisions depend on a table as long as the bars, of which nothing shows that it was known in time."""
    change = OtherOrder(len({time for time, _ in true}))
    for number, value in outside.changed(change).items():
        place = _first_difference(case, outside, true, market=case.market, instead={number: value})
        if place is not None:
            return Finding("look-ahead", False, _beforehand(outside.places[number].name), **place)
    place = _first_difference(case, outside, true, market=case.market, change=change)
    return None if place is None else Finding("look-ahead", False, _beforehand("a table made in setup"), **place)


def _beforehand(name: str) -> str:
    """The sentence on a table made before the first bar."""
    return (
        f"decisions depend on {name}, which has a value for every bar before the first is heard, and nothing shows that "
        "each was known in time: compute it in a hook, from the bars heard so far"
    )


def _first_difference(
    case: Case,
    outside: Outside,
    wanted: list[tuple[int, Mark]],
    *,
    market: MarketData,
    instead: dict[int, Any] | None = None,
    options: Options | None = None,
    change: Change | None = None,
) -> Place | None:
    """Symbol and time of the first event after which a run among changed things decides otherwise."""
    with outside.as_at_start(instead):
        run = case.fresh(market, options)
        is_own_changed = change is not None and _change_own(run.strategy, change)
        for done, (_, mark) in enumerate(wanted, 1):
            try:
                advance(run, done)
            except Exception:  # noqa: BLE001  the true run did not raise here, so this is a difference
                return case.place(run)
            found = _mark(run)
            if found.decided != mark.decided or (found.state != mark.state and not is_own_changed):
                return case.place(run)
    return None


def _change_own(strategy: Strategy, change: Change) -> bool:
    """Change what `setup` has put into the strategy itself; whether there was anything."""
    changed = False
    for name, value in list(vars(strategy).items()):
        is_deep = is_plain(type(value)) or (isinstance(value, list) and value and is_plain(type(value[0])))
        if name.startswith("_edge") or (is_deep and isinstance(change, OtherOrder)):
            continue  # an indicator's own tables stay in order
        new = change.whole(value)
        if new is not None:
            setattr(strategy, name, new)
            changed = True
    return changed


def _with_other_artifacts(options: Options, change: Change) -> Options:
    """The options with each artefact that holds prices of the future changed."""
    changed = {name: change.whole(value) for name, value in options.artifacts.items()}
    kept = {name: value if changed[name] is None else changed[name] for name, value in options.artifacts.items()}
    return replace(options, artifacts=kept)


def _next_time(run: Run) -> int:
    """When the next bar is due."""
    index = run.engine.bar_index
    return int(run.feed.time[index]) if index < len(run.feed.time) else 2**63 - 1


def _mark(run: Run) -> Mark:
    """What has been decided so far; a strategy whose state cannot be saved is told of by the gate of restarts."""
    book, logs = run.engine.book, run.engine.logs
    decided = (
        book.next_number,
        book.orders.count,
        book.timer_spent,
        logs.refusals.count,
        sum(book.working_buy),
        sum(book.working_sell),
        logs.fills.count,
    )
    try:
        return Mark(decided, save(run.strategy))
    except Setup:
        return Mark(decided, b"")


def changed_after(market: MarketData, stop: int) -> MarketData:
    """The same market with every price and volume from bar `stop` on made another, wildly but validly.

    Rows before `stop` are untouched; changed prices are on their instrument's grid, and one factor a row keeps the
    high the highest and the low the lowest.
    """
    import numpy as np

    factor = np.empty(len(market.time) - stop)
    seed = 20_011
    for k in range(len(factor)):
        seed = seed * _MULTIPLIER % _MODULUS
        factor[k] = 0.4 + 1.4 * seed / _MODULUS
    market = replace(market, observations=_seen_after(market, int(market.time[stop - 1])))
    if is_ticks(market):
        from stratofold.market.tick_data import with_other_future

        other: MarketData = with_other_future(market, factor, stop)  # type: ignore[assignment, arg-type]
        return other
    scales = np.array([instrument.price_scale for instrument in market.instruments])
    grid = scales[market.symbol[stop:]] if len(market.symbol) > 1 else scales[market.symbol[0]]
    columns = {name: getattr(market, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name in ("open", "high", "low", "close"):
        columns[name][stop:] = np.maximum(np.rint(columns[name][stop:] * factor * grid), 1.0) / grid
    columns["volume"][stop:] = np.rint(columns["volume"][stop:] * factor)
    return replace(market, **columns)


def _seen_after(market: MarketData, time: int) -> Observations:
    """The observations, those that became known after a time with other values."""
    import numpy as np

    seen = market.observations
    number = np.arange(len(seen.time), dtype=np.float64)
    return seen._replace(value=np.where(seen.time > time, seen.value * (0.4 + number % 7.0 / 5.0) + 1.0, seen.value))


# Gate two: a restart must not matter.


def restarts(case: Case) -> Finding:
    """Save and restore at every event, forgetting everything that is not state."""
    outside = Outside(case.strategy)
    whole = case.fresh()
    broken = case.fresh()
    for done in range(1, whole.events + 1):
        advance(whole, done)
        try:
            with outside.as_at_start():
                broken = reborn(case, broken)
                advance(broken, done)
        except Setup as no:
            what = f"the state cannot be saved and restored: {no.what} {no.place}".rstrip()
            what += f": {no.why}" if no.code == "SF111" else ""
            return Finding("restart", False, what, **case.place(whole))
        except Exception as raised:  # noqa: BLE001  it did not raise in the run that was not restarted
            what = f"after a restart it raises {type(raised).__name__}: {raised}; state is kept outside"
            return Finding("restart", False, what, **case.place(whole))
        if _mark(whole) != _mark(broken) or (done == whole.events and state_of(whole) != state_of(broken)):
            what = "a run that was saved and restored at every event parts from one that was not: state is kept outside"
            return Finding("restart", False, what, **case.place(whole))
    what = f"saved and restored at each of {whole.events:,} events, and every byte is the same"
    held = outside.containers()
    if held:
        what += f"; {', '.join(held)} can be written to from a hook, and no restart would keep it: a tuple can not"
    return Finding("restart", True, what)


def reborn(case: Case, run: Run) -> Run:
    """Fresh objects with the state of `run`; the feed is the world's, not the run's."""
    strategy = build_strategy(case.strategy, case.market.symbols, case.parameters, case.options.artifacts)
    engine = build_engine(strategy, case.market, case.options)
    restore(strategy, save(run.strategy))
    restore(engine, save(run.engine))
    return Run(engine, strategy, run.feed, run.events)


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
        return Finding("machine code", True, f"not compiled, so there is nothing to differ: {no}", skipped=True)
    advance(whole, whole.events)
    if state_of(whole) == state_of(compiled):
        return Finding(
            "machine code", True, f"compiled and interpreted agree to the last bit after {whole.events:,} events"
        )
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
