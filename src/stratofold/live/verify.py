"""The parity receipt: a run's own inputs, folded again, against what the run decided.

What comes in: a journal, a book, the strategy as it is now; perhaps other parameters or limits, perhaps a backtest of the
same days.  What goes out: a `Receipt`: identical, or the first decision that differs and its cause.
Why it is shaped so: the receipt compares decision parts byte for byte (contract 9), so there is nothing to tolerate; the
cause is looked for among what can differ, in the order in which one would explain the next.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stratofold.events import Bar, Event
from stratofold.live.begin import begin_fold
from stratofold.live.desk import beginning_of, manifest_of
from stratofold.live.manifest import Beginning, code_hash
from stratofold.live.open import difference
from stratofold.live.risk.verdict import reason_name
from stratofold.live.steps import event_in, is_as_written, step_body
from stratofold.live.words import describe
from stratofold.wire import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.adapters.ports import Journal, Record
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold
    from stratofold.live.manifest import Manifest

_PARTS = ("event", "messages", "refusals", "fills", "finished orders", "trades", "sessions", "breaches", "next number")


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that differs: where it is, what was decided, what would be now, and why."""

    sequence: int
    step: int
    time: int
    part: str
    was: str
    now: str
    cause: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many steps were folded again, the SHA-256 over their decision parts, and the first difference, if any."""

    book: str
    steps: int
    decisions: str
    difference: Difference | None = None

    @property
    def identical(self) -> bool:
        """Whether every decision was the same to the last bit."""
        return self.difference is None


def verify(
    journal: Journal, book: str, strategy: type[Strategy], *, instead: Manifest | None = None,
    artifacts: Mapping[str, object] | None = None, until: int | None = None,
) -> Receipt:  # fmt: skip
    """Fold a book's records again (up to step `until`), with the strategy as it is now, or as `instead` says."""
    after, beginning = beginning_of(journal, book)
    manifest = beginning.manifest
    if instead is not None:
        beginning = Beginning(manifest=instead)
        after = 0
    fold = begin_fold(journal, (after, beginning), strategy, artifacts)
    decisions = hashlib.sha256()
    for record in journal.records(book, after):
        if record.kind == "warmed":
            fold.warm(warming=unpack(record.body)["warming"])
        if record.kind != "event":
            continue
        if until is not None and fold.steps >= until:
            break
        found = _compare(fold, record)
        decisions.update(record.body)
        if found is not None:
            cause = _cause(manifest, instead, strategy, record)
            return Receipt(book, fold.steps, decisions.hexdigest(), _shown(fold, record, *found, cause))
    return Receipt(book, fold.steps, decisions.hexdigest())


def _compare(fold: Fold, record: Record) -> tuple[int, Any, Any] | None:
    """Fold one step again; where its decision part differs, which part, what it was and what it is now."""
    event = event_in(record.body)
    step = fold.hear(event)
    if is_as_written(event, step, record.body):
        return None
    body = step_body(event, step)
    was = unpack(record.body)
    now = unpack(pack(body))
    for place in range(1, len(_PARTS)):
        if pack(was[place]) != pack(now[place]):
            return place, was[place], now[place]
    return 0, was[0], now[0]


def _cause(manifest: Manifest, instead: Manifest | None, strategy: type[Strategy], record: Record) -> str:
    """Why a decision differs, as far as it can be told from what is written down."""
    if instead is not None:
        changed = difference(manifest, instead)
        if "parameters" in changed:
            return f"parameters changed: {_pairs(manifest.parameters, instead.parameters)}"
        if changed:
            return f"configuration changed: {', '.join(sorted(changed))}"
    if code_hash(strategy) != manifest.code:
        return f"code changed: the strategy's source was {manifest.code}, and is {code_hash(strategy)}"
    version = unpack(record.envelope).get("version") if record.envelope else None
    return f"the fold itself decides otherwise: the record was written by version {version}"


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is different between two tables of parameters."""
    names = sorted({*old, *new})
    return ", ".join(
        f"{name} {old.get(name)!r} -> {new.get(name)!r}" for name in names if old.get(name) != new.get(name)
    )


def _shown(fold: Fold, record: Record, place: int, was: Any, now: Any, cause: str) -> Difference:
    """A difference in words."""
    time = event_in(record.body).time
    return Difference(
        record.sequence, fold.steps, time, _PARTS[place], _text(fold, place, was), _text(fold, place, now), cause
    )


def _text(fold: Fold, place: int, rows: Any) -> str:
    """The rows of one part as a person reads them."""
    if not isinstance(rows, list):
        return str(rows)
    if not rows:
        return "none"
    if place == 1:
        return "; ".join(describe(tuple(row), fold.names) for row in rows)
    if place == 2:
        return "; ".join(f"#{row[1]} refused: {reason_name(row[4])}" for row in rows)
    return "; ".join(str(row) for row in rows)


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill as both sides can say it."""

    number: int
    symbol: str
    side: int
    quantity: float
    price: float
    time: int


def fills_of(journal: Journal, book: str) -> list[Fill]:
    """The fills of a book's records, in order."""
    names = manifest_of(journal, book).symbols
    return [
        Fill(row[1], names[row[2]], row[3], row[5], row[6], row[0])
        for record in journal.records(book)
        if record.kind == "event"
        for row in unpack(record.body)[3]
    ]


def bars_of(journal: Journal, book: str) -> list[Bar]:
    """The bars of a book's records, in order."""
    events: Iterable[Event] = (event_in(record.body) for record in journal.records(book) if record.kind == "event")
    return [event for event in events if isinstance(event, Bar)]


def compare_runs(
    journal: Journal, book: str, bars: Iterable[tuple[int, str, float, float, float, float, float]], fills: list[Fill]
) -> str | None:
    """A run against another of the same days, a backtest say: None when the same, else the first difference and its cause.

    `bars` are (time, symbol, open, high, low, close, volume).
    """
    names = manifest_of(journal, book).symbols
    for mine, theirs in zip(bars_of(journal, book), bars, strict=False):
        ours = (mine.time, names[mine.symbol], mine.open, mine.high, mine.low, mine.close, mine.volume)
        if ours != tuple(theirs):
            return f"data revised: the run heard {ours}, and now it is {tuple(theirs)}"
    own = fills_of(journal, book)
    for place, (mine_fill, their_fill) in enumerate(zip(own, fills, strict=False)):
        if mine_fill != their_fill:
            return f"fill {place + 1} differed: the run has {mine_fill}, the other {their_fill}"
    if len(own) != len(fills):
        return f"fills differed: the run has {len(own)}, the other {len(fills)}"
    return None
