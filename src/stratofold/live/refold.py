"""One step folded once more, with everything about it looked at.

What comes in: a journal, a book, a step, and which order of it is asked about.  What goes out: what the step changed in
the state, name by name, and every limit with what was observed against it.
Why it is shaped so: the checks are not written down for orders that pass, since a record that held them would be longer
than what it records; folding the step again under a risk that is asked for each limit alone gives them to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.fold.account import ACTIVE
from stratofold.fold.risk import APPROVED, Limits, Risk
from stratofold.fold.state import fields
from stratofold.live.begin import BEGINNINGS, begin_fold
from stratofold.live.desk import fold_kept
from stratofold.live.manifest import code_hash, read_beginning
from stratofold.live.steps import event_in, fold_record, is_as_written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.ports import Journal, Record
    from stratofold.fold.book import Book
    from stratofold.fold.order import Intent
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold
    from stratofold.live.manifest import Beginning

_NANOSECONDS_A_MINUTE = 60_000_000_000
_EVERY = Limits.__slots__
# Slots that are filled anew in each step, and orders, of which the story tells.
_SCRATCH = ("book.intents", "book.outbox", "book.orders")


class Change(NamedTuple):
    """A number of the state before and after a step; NaN where it was not there."""

    name: str
    before: float
    after: float


class Check(NamedTuple):
    """One limit, what was observed against it (NaN: nothing to observe), and whether it holds."""

    name: str
    limit: float
    observed: float
    holds: bool

    def __str__(self) -> str:
        """In a line."""
        word = "holds" if self.holds else "BROKEN"
        if isnan(self.limit):
            return f"{self.name}: {word}"
        seen = "nothing to observe" if isnan(self.observed) else f"{self.observed:.10g}"
        return f"{self.name}: {seen} against {self.limit:.10g}, {word}"


@dataclass(slots=True)
class Refolded:
    """What came of it; `same` is whether the step's decision part is byte for byte the one written down."""

    changes: list[Change] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    same: bool = False
    note: str = ""


def refold(
    journal: Journal, book: str, step: int, number: int, body: bytes, strategy: type[Strategy],
    artifacts: Mapping[str, object] | None = None,
) -> Refolded:  # fmt: skip
    """Fold step `step` (from 1) again, asking about order `number`; `body` is the decision part as written."""
    manifest, fold = _before(journal, book, step, strategy, artifacts)
    note = ""
    if code_hash(strategy) != manifest.manifest.code:
        note = "the strategy's code is not the code that decided, so this is what the code of today makes of it"
    probe = _watched(fold, number)
    before = flatten(fold)
    event = event_in(body)
    after_step = fold.hear(event)
    same = is_as_written(event, after_step, body)
    if not same and not note:
        note = "folding the step again gives another decision: stratofold verify says where they part"
    return Refolded(differences(before, flatten(fold)), probe.checks, same, note)


def _before(
    journal: Journal, book: str, step: int, strategy: type[Strategy], artifacts: Mapping[str, object] | None
) -> tuple[Beginning, Fold]:
    """The fold as it was before a step, and what the book was then: the nearest snapshot that fits, or its beginning."""
    beginning, start = _beginning(journal, book, step)
    kept = journal.snapshot(book, step - 1)
    fold = None
    if kept is not None and kept[1] >= start and kept[0] >= beginning.step:
        fold = fold_kept(beginning.manifest, strategy, artifacts, kept)
    if fold is not None and kept is not None:
        start = kept[1]
    else:
        fold = begin_fold(journal, (start, beginning), strategy, artifacts)
    for record in journal.records(book, start):
        if fold.steps >= step - 1 and record.kind == "event":
            break
        if record.kind not in BEGINNINGS:
            fold_record(fold, record)
    return beginning, fold


def _beginning(journal: Journal, book: str, step: int) -> tuple[Beginning, int]:
    """What the book was opened with, or changed to, before a step; with the sequence of its record."""
    found: Record | None = None
    steps = 0
    for record in journal.records(book):
        if record.kind in BEGINNINGS:
            found = record
        steps += record.kind == "event"
        if steps == step:
            break
    assert found is not None  # noqa: S101  the first record of a book opens it
    return read_beginning(found.body), found.sequence


def _watched(fold: Fold, number: int) -> _Probe:
    """Put a risk in the fold's place that is the same and asks more."""
    probe = _Probe.__new__(_Probe)
    for name in Risk.__slots__:
        setattr(probe, name, getattr(fold.engine.risk, name))
    probe.number = number
    probe.checks = []
    fold.engine.risk = probe
    return probe


class _Probe(Risk):
    """A risk that says the same, and keeps every check of one order."""

    __slots__ = ("checks", "number")

    checks: list[Check]
    number: int

    def verdict(self, book: Book, intent: Intent, quantity: float) -> int:
        """As `Risk.verdict`, after asking each limit alone."""
        if intent.number == self.number:
            self.checks = list(_checks(self, book, intent, quantity))
        return super().verdict(book, intent, quantity)


def _checks(risk: _Probe, book: Book, intent: Intent, quantity: float) -> Iterator[Check]:
    """Every limit with what is observed against it."""
    yield Check("the book trades", nan, nan, book.state == ACTIVE)
    if risk.reduces(book, intent, quantity):
        yield Check("it reduces what is held, so the limits do not speak of it", nan, nan, True)
        return
    yield _rate(risk, book)
    for name in _EVERY:
        if name == "orders_per_minute_max":
            continue
        limit = getattr(risk.limits, name)
        observed = _observed(risk, name, book, intent, quantity)
        within = observed >= limit if name == "duplicate_seconds" else observed <= limit
        yield Check(name, limit, observed, isnan(observed) or within)


def _observed(risk: _Probe, name: str, book: Book, intent: Intent, quantity: float) -> float:
    """What one limit looks at: a risk with that limit impossible and every other lifted is asked, and says what it saw."""
    alone = Risk.__new__(Risk)
    for slot in Risk.__slots__:
        setattr(alone, slot, getattr(risk, slot))
    alone.limits = Limits(**{**dict.fromkeys(_EVERY, inf), "duplicate_seconds": 0.0, name: -inf})
    if name == "duplicate_seconds":
        alone.limits.duplicate_seconds = inf
    state = book.state
    book.state = ACTIVE
    reason = Risk.verdict(alone, book, intent, quantity)
    book.state = state
    return nan if reason == APPROVED else alone.observed


def _rate(risk: _Probe, book: Book) -> Check:
    """Orders within the last minute, this one included."""
    limit = risk.limits.orders_per_minute_max
    lately = sum(book.time - time < _NANOSECONDS_A_MINUTE for time in risk.order_times)
    return Check("orders_per_minute_max", limit, lately + 1.0, lately + 1.0 <= limit)


def flatten(fold: Fold) -> dict[str, float]:
    """Every number of the strategy's and the book's state by its name."""
    found: dict[str, float] = {}
    for name, part in (("strategy", fold.strategy), ("book", fold.engine.book)):
        _flatten(part, name, found)
    return {name: value for name, value in found.items() if not name.startswith(_SCRATCH)}


def _flatten(thing: Any, name: str, found: dict[str, float]) -> None:
    """The numbers under one thing."""
    if isinstance(thing, (int, float)):
        found[name] = thing
    elif isinstance(thing, (list, tuple)) or hasattr(thing, "typecode"):
        for place, item in enumerate(thing):
            _flatten(item, f"{name}[{place}]", found)
    elif not isinstance(thing, (str, bytes, type(None))):
        for part in fields(thing):
            _flatten(getattr(thing, part), f"{name}.{part}", found)


def differences(before: dict[str, float], after: dict[str, float]) -> list[Change]:
    """What is not the same, in the order of the state; a NaN is equal to a NaN."""
    names = [*before, *(name for name in after if name not in before)]
    changes = (Change(name, before.get(name, nan), after.get(name, nan)) for name in names)
    return [one for one in changes if one.before != one.after and not (isnan(one.before) and isnan(one.after))]
