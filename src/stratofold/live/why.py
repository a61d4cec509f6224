"""Why there is an order, or is none: one order's story from the records alone.

What comes in: a journal, a book, an order's number or client id, and the strategy that decided it.
What goes out: a `Why`: the data it saw, what the decision changed in the state, the risk checks with their numbers,
everything that was sent and answered, and the fill that was expected beside the one that came.
Why it is shaped so: nothing is explained from memory.  The step that decided is folded once more from the state before
it; if what comes out is not byte for byte what was written down, the story says so before anything else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.events import Action, Bar, Command, Event, Report, Timer
from stratofold.fold.lifecycle import REPORT_NAMES, STATE_NAMES
from stratofold.fold.log import FillLog, OrderLog, RefusalLog
from stratofold.fold.order import AT_CLOSE, KIND_NAMES, LIMIT, MARKET, STOP, SUBMIT, TIF_NAMES
from stratofold.live.desk import read_desk
from stratofold.live.manifest import read_beginning
from stratofold.live.refold import Change, Check, refold
from stratofold.live.risk.verdict import reason_name
from stratofold.live.words import FOREIGN, client_id, describe, number_of, requests_in
from stratofold.wire import FIELDS, KINDS, NUMBERS, decimal, event_of, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.ports import Journal, Record
    from stratofold.fold.strategy import Strategy
    from stratofold.live.manifest import Beginning

_SAW = 5
_MOMENTS_FROM, _MOMENTS_TO = 3e17, 7e18  # 1979 to 2191 in ns
_DATA = {NUMBERS[kind] for kind in KINDS if kind is not Timer and kind is not Report}
_SYMBOL_AT = {NUMBERS[kind]: 1 + names.index("symbol") for kind, names in FIELDS.items() if "symbol" in names}
_FILL = (*FillLog.WHOLES, *FillLog.REALS)
_ORDER = (*OrderLog.WHOLES, *OrderLog.REALS)
_REFUSAL = (*RefusalLog.WHOLES, *RefusalLog.REALS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story: the record, when (ns UTC; by the event, or by the clock of who wrote it), and what."""

    sequence: int
    time: int
    what: str


@dataclass(frozen=True, slots=True)
class Execution:
    """The fill that was expected, by which rule, and the one that came; `slippage` is against us where above 0.

    Prices are a unit; `slippage` is money over all units, `slippage_bps` of what was expected.
    """

    rule: str
    expected: float
    average: float
    quantity: float
    fees: float
    slippage: float
    slippage_bps: float


@dataclass(slots=True)
class Why:
    """One order's story; `refolded` is False where folding the step again gives something else (`note` says why)."""

    book: str
    number: int
    client_id: str
    asked: str = ""
    outcome: str = ""
    sequence: int = 0
    step: int = 0
    time: int = 0
    saw: list[Entry] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    refusal: str = ""
    story: list[Entry] = field(default_factory=list)
    execution: Execution | None = None
    refolded: bool = False
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Trail:
    """What the records hold of one order while they are read."""

    why: Why
    names: tuple[str, ...] = ()
    beginning: tuple[int, Beginning] | None = None
    last: dict[int, deque[tuple[int, list[Any]]]] = field(default_factory=dict)
    body: bytes = b""
    sent: tuple[Any, ...] = ()
    symbol: int = -1
    side: int = 0
    fills: list[dict[str, Any]] = field(default_factory=list)
    after: Bar | None = None


def why(
    journal: Journal, book: str, order: str, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None
) -> Why:
    """The story of an order, given as its number (`12`, `#12`) or its client id.

    Raises Setup SF805 for a book that is not there, SF918 for an order that the book never decided on.
    """
    head = journal.head(book)
    number = _number(order, book, head.generation)
    trail = _Trail(Why(book, number, client_id(book, head.generation, number)))
    step = 0
    for record in journal.records(book):
        if record.kind in ("opened", "changed"):
            trail.beginning = record.sequence, read_beginning(record.body)
            trail.names = trail.beginning[1].manifest.symbols
        elif record.kind == "event":
            step += 1
            _event(trail, record, step)
        elif trail.why.sequence:
            _other(trail, record, head.generation)
    if not trail.why.sequence:
        what = f"{book} never decided on an order {order}"
        last = read_desk(journal, book, strategy, artifacts).fold.engine.book.next_number - 1
        reason = f"in {step} events it has numbered its orders 1 to {last}" if last else f"in {step} events it had none"
        raise Setup("SF918", what, why=reason, fix="give one of these; stratofold status shows those at work")
    _finish(trail, journal, strategy, artifacts)
    return trail.why


def _number(order: str, book: str, generation: str) -> int:
    """The number that is meant; raises Setup SF918 for text that is none, or another book's."""
    text = order.removeprefix("#")
    number = int(text) if text.isascii() and text.isdigit() else number_of(book, generation, text)
    if number == FOREIGN:
        raise Setup(
            "SF918", f"{order} is no order of {book}", why="its orders are numbered from 1",
            fix=f"give a number, or a client id like {client_id(book, generation, 1)}",
        )  # fmt: skip
    return number


def _event(trail: _Trail, record: Record, step: int) -> None:
    """One step of the fold: what it has to do with the order."""
    row, messages, refusals, fills, orders, *_, following = parts = unpack(record.body)
    found = trail.why
    if not found.sequence and following <= found.number:
        _remember(trail, record.sequence, row)
        return
    if not found.sequence:
        _decided(trail, record, step, parts)
    for sent in messages:
        if sent[1] == found.number:
            found.story.append(Entry(record.sequence, row[1], describe(tuple(sent), trail.names)))
    for refusal in refusals:
        if refusal[1] == found.number:
            _refused(trail, record.sequence, dict(zip(_REFUSAL, refusal, strict=True)))
    _heard(trail, record.sequence, row)
    for filled in fills:
        if filled[1] == found.number:
            fill = dict(zip(_FILL, filled, strict=True))
            trail.fills.append(fill)
            text = (
                f"filled {decimal(fill['quantity'])} at {decimal(fill['price'])}, position {decimal(fill['position'])}"
            )
            found.story.append(Entry(record.sequence, fill["time"], text))
    for done in orders:
        if done[0] == found.number:
            _ended(trail, record.sequence, dict(zip(_ORDER, done, strict=True)))


def _decided(trail: _Trail, record: Record, step: int, parts: list[Any]) -> None:
    """The step that spent the number."""
    found = trail.why
    event = event_of(parts[0])
    found.sequence, found.step, found.time = record.sequence, step, event.time
    trail.body = record.body
    mine = [sent for sent in parts[1] if sent[1] == found.number and sent[0] == SUBMIT]
    refused = [row for row in parts[2] if row[1] == found.number]
    if mine:
        trail.sent = tuple(mine[0])
        trail.symbol, trail.side = mine[0][2], mine[0][3]
        found.asked = describe(trail.sent, trail.names)
    elif refused:
        _, _, trail.symbol, trail.side, _, quantity, *_ = refused[0]
        found.asked = f"{'buy' if trail.side > 0 else 'sell'} {decimal(quantity)} {trail.names[trail.symbol]}"
    else:
        found.asked = "an order that waits for another, or was withdrawn"
    symbol = trail.symbol if trail.symbol >= 0 else getattr(event, "symbol", -1)
    earlier = sorted([*trail.last.get(symbol, ()), *trail.last.get(-1, ())])[-_SAW:]
    found.saw = [_seen(sequence, row, trail.names) for sequence, row in [*earlier, (record.sequence, parts[0])]]


def _seen(sequence: int, row: list[Any], names: tuple[str, ...]) -> Entry:
    """An event of the records as a line of the story."""
    return Entry(sequence, row[1], describe_event(event_of(row), names))


def _remember(trail: _Trail, sequence: int, row: list[Any]) -> None:
    """Keep the last few events of each symbol until the order is decided; the clock's are not data."""
    if row[0] in _DATA:
        place = _SYMBOL_AT.get(row[0])
        trail.last.setdefault(row[place] if place else -1, deque(maxlen=_SAW)).append((sequence, row))


def _heard(trail: _Trail, sequence: int, row: list[Any]) -> None:
    """What a venue said of the order; and the first bar of its symbol after the decision, which a backtest fills on."""
    found = trail.why
    if row[0] == NUMBERS[Report]:
        report = event_of(row)
        if isinstance(report, Report) and report.number == found.number:
            found.story.append(Entry(sequence, report.time, f"the venue: {REPORT_NAMES[report.kind]}"))
    elif row[0] == NUMBERS[Bar] and trail.after is None and row[1] > found.time:
        bar = event_of(row)
        if isinstance(bar, Bar) and bar.symbol == trail.symbol:
            trail.after = bar


def _refused(trail: _Trail, sequence: int, row: dict[str, Any]) -> None:
    """A refusal, with its numbers."""
    text = f"refused: {reason_name(row['reason'])}"
    if not isnan(row["limit"]):
        text += f", limit {row['limit']:.10g}, observed {row['observed']:.10g}"
    trail.why.refusal = text
    trail.why.outcome = "refused"
    trail.why.story.append(Entry(sequence, row["time"], text))


def _ended(trail: _Trail, sequence: int, row: dict[str, Any]) -> None:
    """The order is done."""
    state = STATE_NAMES[row["state"]]
    trail.why.outcome = state if trail.why.outcome != "refused" else trail.why.outcome
    if not trail.sent:
        trail.symbol, trail.side = row["symbol"], row["side"]
        trail.sent = (
            SUBMIT, row["number"], row["symbol"], row["side"], row["kind"], row["tif"], row["quantity"], row["limit"],
            row["stop"], row["decided"], 0,
        )  # fmt: skip
        trail.why.asked = describe(trail.sent, trail.names)
    trail.why.story.append(Entry(sequence, row["done"], f"done: {state}, filled {decimal(row['filled'])}"))


def _other(trail: _Trail, record: Record, generation: str) -> None:
    """A request, an answer, evidence: whatever names one of the order's messages."""
    if record.kind not in ("request", "answer", "evidence"):
        return
    for body in requests_in(record.body):
        if number_of(trail.why.book, generation, body.get("key", "")) == trail.why.number:
            _named(trail, record, body)


def _named(trail: _Trail, record: Record, body: dict[str, Any]) -> None:
    """What a record says of one message of the order."""
    said = [f"{name} {body[name]}" for name in ("state", "venue_id", "reason") if body.get(name)]
    trail.why.story.append(
        Entry(record.sequence, _wall(record), f"{record.kind} of {body['key']}: {', '.join(said) or 'made'}")
    )


def _wall(record: Record) -> int:
    """When a record was written, by the clock of who wrote it; 0 where it does not say."""
    envelope = unpack(record.envelope) if record.envelope else {}
    return int(envelope.get("wall", 0))


def _finish(trail: _Trail, journal: Journal, strategy: type[Strategy], artifacts: Mapping[str, object] | None) -> None:
    """Fold the step again, and set what was expected beside what came."""
    found = trail.why
    found.story.sort(key=lambda entry: entry.sequence)
    found.outcome = found.outcome or ("part filled, working" if trail.fills else "working" if trail.sent else "waiting")
    if trail.beginning is not None:
        again = refold(journal, found.book, found.step, found.number, trail.body, strategy, artifacts)
        found.changes, found.checks = again.changes, again.checks
        found.refolded, found.note = again.same, again.note
    if trail.fills and trail.sent:
        found.execution = _execution(trail)


def _execution(trail: _Trail) -> Execution:
    """What the contract of fills says, and what the venue did."""
    quantity = sum(fill["quantity"] for fill in trail.fills)
    average = sum(fill["quantity"] * fill["price"] for fill in trail.fills) / quantity
    rule, expected = _expected(trail)
    against = (average - expected) * trail.side
    return Execution(
        rule, expected, average, quantity, sum(fill["fee"] for fill in trail.fills), against * quantity,
        against / expected * 10_000.0 if expected else nan,
    )  # fmt: skip


def _expected(trail: _Trail) -> tuple[str, float]:
    """The rule that a backtest fills such an order by, and its price; NaN where the records cannot tell."""
    _, _, _, side, kind, tif, _, limit, stop, _, _ = trail.sent
    bar = trail.after
    if kind == LIMIT:
        better = (
            min(limit, bar.open) if bar is not None and side > 0 else max(limit, bar.open) if bar is not None else limit
        )
        return "a limit order fills at its limit, or at the next bar's open where that is better", better
    if kind == STOP:
        worse = (
            max(stop, bar.open) if bar is not None and side > 0 else min(stop, bar.open) if bar is not None else stop
        )
        return "a stop order fills at its stop, or at the next bar's open where that is worse", worse
    if kind == MARKET and tif != AT_CLOSE:
        return "a market order fills at the next bar's open", bar.open if bar is not None else nan
    if kind == MARKET:
        return "an order at the close fills at the next bar's close", bar.close if bar is not None else nan
    return f"a {KIND_NAMES[kind]} order ({TIF_NAMES[tif]}) fills where it is triggered", nan


def describe_event(event: Event, names: tuple[str, ...]) -> str:
    """An event in a line, for people."""
    if isinstance(event, Bar):
        prices = "/".join(decimal(price) for price in (event.open, event.high, event.low, event.close))
        return f"bar {names[event.symbol]} {prices} volume {decimal(event.volume)}"
    if isinstance(event, Report):
        who = f"order #{event.number}" if event.number else "an order that is not ours"
        return f"report {REPORT_NAMES[event.kind]} of {who}, {names[event.symbol]}"
    if isinstance(event, Timer):
        return f"timer {event.schedule}" if event.schedule >= 0 else f"timer of the book, {event.number}"
    if isinstance(event, Action):
        where = f" {names[event.symbol]}" if event.symbol >= 0 else ""
        return f"action {event.kind}{where} {event.value:.10g}"
    if isinstance(event, Command):
        return f"command {event.kind}"
    return type(event).__name__.lower()


def lines(found: Why) -> Iterator[str]:
    """The story as lines of text."""
    yield f"{found.client_id} (#{found.number}): {found.asked} → {found.outcome}"
    yield f"decided at {moment(found.time)} UTC, step {found.step}, record {found.sequence}"
    if found.note:
        yield f"note: {found.note}"
    yield "\nwhat it saw"
    yield from (f"  {moment(entry.time)}  {entry.what}" for entry in found.saw)
    yield "\nwhat the step changed"
    yield from (f"  {change.name}: {_figure(change.before)} → {_figure(change.after)}" for change in found.changes)
    yield "\nwhat was checked"
    yield from (f"  {check}" for check in found.checks)
    yield "\nwhat became of it"
    yield from (f"  {moment(entry.time)}  {entry.what}" for entry in found.story)
    if found.execution is not None:
        yield from _fill_lines(found.execution)


def _figure(value: float) -> str:
    """A number of the state: what can only be a moment, in ns, as one; whole ones whole, others to ten digits."""
    if _MOMENTS_FROM < value < _MOMENTS_TO:
        return moment(int(value))
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def _fill_lines(one: Execution) -> Iterator[str]:
    """Expected against real."""
    yield "\nexpected against real fill"
    yield f"  {one.rule}: {one.expected:.10g}"
    yield f"  filled {decimal(one.quantity)} at {one.average:.10g}, fees {one.fees:.10g}"
    yield f"  against us: {one.slippage:.2f} ({one.slippage_bps:.2f} bp)"


def moment(time: int) -> str:
    """A time in UTC, to the microsecond; a dash for none."""
    if not time:
        return "-"
    seconds, rest = divmod(time, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1000:06d}"
