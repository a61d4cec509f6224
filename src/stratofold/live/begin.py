"""The fold that a book begins with, goes on with after a change, or is carried into another release with.

What comes in: an `opened` or `changed` record, the strategy.  What goes out: the fold as it was at that record.
Why it is shaped so: a `changed` record holds the state that was chosen, so that the chain covers it; but a state can be
read only by a release that lays it out alike.  To another it is a result: what it was made from is in the journal too, the
record before it, the events between, the code of both and what was chosen.  So it is made again, and only where every
decision between comes out as it was written.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from stratofold.errors import Setup, Stop
from stratofold.events import Command, Report, Timer
from stratofold.live.as_it_was import strategy_from_source
from stratofold.live.manifest import Beginning, build_fold, code_hash, is_code_of, read_beginning
from stratofold.live.migrate import migrate
from stratofold.live.schedule import heard_until, numbers_of, places_of
from stratofold.live.steps import event_in, fold_as_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stratofold.adapters.ports import Journal, Record
    from stratofold.events import Event
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold
    from stratofold.live.manifest import Manifest

BEGINNINGS = ("opened", "changed")
CHOICES = KEEP, MIGRATE, REBUILD = "keep", "migrate", "rebuild"


def begin_fold(
    journal: Journal, found: tuple[int, Beginning], strategy: type[Strategy],
    artifacts: Mapping[str, object] | None = None,
) -> Fold:  # fmt: skip
    """The fold as it was at a beginning, `found` with the sequence of its record; made again if another release wrote it.

    Raises Setup SF111 when the state does not fit the strategy, Stop SF849 where this release would have decided otherwise.
    """
    fold = _as_kept(found[1], strategy, artifacts)
    return fold if fold is not None else _made_again(journal, found, strategy, artifacts)


def _as_kept(beginning: Beginning, strategy: type[Strategy], artifacts: Mapping[str, object] | None) -> Fold | None:
    """The fold of a beginning as its record has it; None where another release wrote that."""
    fold = build_fold(beginning.manifest, strategy, artifacts)
    if not beginning.state:
        return fold
    try:
        fold.restore(beginning.state, beginning.step)
    except Setup as error:
        if not is_of_another_release(error, strategy, beginning.manifest):
            raise
        return None
    return fold


def is_of_another_release(error: Setup, strategy: type[Strategy], manifest: Manifest) -> bool:
    """Whether a state did not fit because another release wrote it, and not because the strategy is another."""
    return error.code == "SF116" or (error.code == "SF111" and code_hash(strategy) == manifest.code)


def _made_again(
    journal: Journal, found: tuple[int, Beginning], strategy: type[Strategy], artifacts: Mapping[str, object] | None
) -> Fold:
    """The fold that a change led to, from the last beginning before it that this release reads: through all changes since."""
    sequence, book = found[0], found[1].manifest.book
    changes = [(*found, strategy)]  # the last first
    for after, beginning in reversed(beginnings_before(journal, book, sequence)):
        kind = _strategy_of(beginning, changes[-1][2])
        fold = _as_kept(beginning, kind, artifacts)
        if fold is not None:
            break
        changes.append((after, beginning, kind))
    else:
        raise no_opening(book)
    for record in _until(journal, book, after, sequence):
        if record.sequence == changes[-1][0]:
            fold = _through(journal, fold, changes.pop(), artifacts)
        else:
            fold_as_written(fold, record, book)
    return _through(journal, fold, changes.pop(), artifacts)


def _through(
    journal: Journal,
    before: Fold,
    change: tuple[int, Beginning, type[Strategy]],
    artifacts: Mapping[str, object] | None,
) -> Fold:
    """The fold that goes on after a change; what was heard before is read again where that was chosen, and only there."""
    sequence, beginning, strategy = change
    events = market_events(_until(journal, beginning.manifest.book, 0, sequence), strategy, type(before.strategy))
    return changed_fold(before, beginning.manifest, strategy, beginning.chosen, events, artifacts)


def beginnings_before(journal: Journal, book: str, sequence: int) -> list[tuple[int, Beginning]]:
    """What the book was opened with and changed to before a record, each with the sequence of its own."""
    kept = [record for record in _until(journal, book, 0, sequence) if record.kind in BEGINNINGS]
    return [(record.sequence, read_beginning(record.body)) for record in kept]


def no_opening(book: str) -> Stop:
    """The error for a book of which nobody knows what it was opened with."""
    return Stop("SF846", f"book {book} has no opening record", fix=f"stratofold audit verify {book}")


def _until(journal: Journal, book: str, after: int, until: int) -> Iterator[Record]:
    """The records between two."""
    return takewhile(lambda record: record.sequence < until, journal.records(book, after))


def _strategy_of(beginning: Beginning, *at_hand: type[Strategy]) -> type[Strategy]:
    """The strategy that a book had then: one at hand where its code is the same, else as the journal kept it."""
    for strategy in at_hand:
        if is_code_of(strategy, beginning.manifest):
            return strategy
    return strategy_from_source(beginning.manifest.strategy, beginning.source)


def changed_fold(
    before: Fold, manifest: Manifest, strategy: type[Strategy], chosen: str, events: Iterable[Event],
    artifacts: Mapping[str, object] | None = None,
) -> Fold:  # fmt: skip
    """The fold that goes on after `before`; of the market `events` it is rebuilt, where that was chosen."""
    fold = build_fold(manifest, strategy, artifacts)
    places = places_of(before.strategy.schedule, fold.strategy.schedule)
    _carry(before, fold, chosen, events, manifest)
    heard = before.progress.timer_until
    fold.progress.timer_until = heard_until(heard, places, before.engine.book.time)
    return fold


def _carry(before: Fold, fold: Fold, chosen: str, events: Iterable[Event], manifest: Manifest) -> None:
    """Give a fold that was just built the state that was chosen."""
    if chosen == KEEP:
        fold.restore(before.save(), before.steps)
        for name, parameter in type(fold.strategy).parameters().items():
            setattr(fold.strategy, name, parameter.accept(manifest.parameters.get(name, parameter.default)))
        return
    if chosen == REBUILD:
        fold.warm(warming=True)
        for event in events:
            fold.hear(event)
        fold.warm(warming=False)
    else:
        migrate(before.strategy, fold.strategy)
    fold.take_account(before)


def market_events(records: Iterable[Record], strategy: type[Strategy], *others: type[Strategy]) -> Iterator[Event]:
    """Every event of these records of the world outside the book's own orders, in order, its timers as `strategy` numbers them.

    Each code that the book ran with has numbered them by its own schedule: what a change began is read where one comes, of
    `others` at hand or of what the journal kept (raises Setup SF957 where that does not run any more).
    """
    began, numbers = b"", None
    for record in records:
        if record.kind in BEGINNINGS:
            began, numbers = record.body, None
        if record.kind != "event" or isinstance(event := event_in(record.body), (Report, Command)):
            continue
        if isinstance(event, Timer) and event.schedule >= 0:
            if numbers is None:
                numbers = numbers_of(_strategy_of(read_beginning(began), strategy, *others).schedule, strategy.schedule)
            if event.schedule not in numbers:
                continue
            event.schedule = numbers[event.schedule]
        yield event
