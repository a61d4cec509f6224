"""A book's one writer in this process: its fold, its place in the journal, its epoch.

What comes in: a journal and a book's name.  What goes out: a `Desk` whose fold is the fold of every record of the book,
restored from the last snapshot and the steps after it, under an epoch that fences every earlier writer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stratofold.adapters.ports import Entry, Head, Journal
from stratofold.errors import Stop
from stratofold.live.manifest import Manifest, build_fold, configuration_hash, read_manifest
from stratofold.wire import event_of, event_row, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.adapters.ports import Record
    from stratofold.events import Event
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold, Step

SNAPSHOT_STEPS = 1_000
MANIFEST_MARK = "manifest"  # the sequence of the record that holds what the book was opened with, or changed to


@dataclass
class Desk:
    """The writer of one book: what it knows is what is written down, or it must be thrown away."""

    journal: Journal
    manifest: Manifest
    strategy: type[Strategy]
    fold: Fold
    head: Head
    by: str = "run"
    region: str = "local"
    artifacts: Mapping[str, object] = field(default_factory=dict)
    snapshot_step: int = 0
    ordinal: int = 0

    def envelope(self, verb: str, wall: int, **more: Any) -> bytes:
        """Who writes, when, and with what code: what every record carries beside its decision part."""
        from stratofold import __version__

        return pack({
            "wall": wall, "by": verb, "process": os.getpid(), "version": __version__, "epoch": self.head.epoch,
            "region": self.region, "code": self.manifest.code, "configuration": configuration_hash(self.manifest), **more,
        })  # fmt: skip

    def entry(self, kind: str, body: Any, verb: str, wall: int, **more: Any) -> Entry:
        """A record of anything that packs."""
        return Entry(kind, pack(body), self.envelope(verb, wall, **more))


def step_body(event: Event, step: Step) -> list[Any]:
    """The decision part of one step: the event, what it led to, and the next order number."""
    return [
        event_row(event),
        step.messages,
        step.refusals,
        step.fills,
        step.orders,
        step.trades,
        step.sessions,
        step.breaches,
        step.next_number,
    ]


def event_in(body: bytes) -> Event:
    """The event in the body of an `event` record."""
    return event_of(unpack(body)[0])


def open_desk(
    journal: Journal,
    book: str,
    strategy: type[Strategy],
    holder: str,
    now: int,
    artifacts: Mapping[str, object] | None = None,
) -> Desk:
    """Become the writer of a book and restore its fold; raises Setup SF805 for no such book, Stop SF845 for a misfit."""
    head = journal.take(book, holder, now)
    manifest = manifest_of(journal, book)
    fold = restore_fold(journal, manifest, strategy, artifacts)
    if fold.steps != head.step:
        raise Stop(
            "SF845", f"book {book} has {head.step} steps, and folding its records gives {fold.steps}",
            why="the journal is damaged, or another process writes to it", fix=f"stratofold audit verify {book}",
        )  # fmt: skip
    return Desk(journal, manifest, strategy, fold, head, artifacts=artifacts or {}, snapshot_step=fold.steps)


def manifest_of(journal: Journal, book: str, until: int | None = None) -> Manifest:
    """What holds of a book (at a sequence): its last `opened` or `changed` record; raises Stop SF846 when there is none."""
    found: Manifest | None = None
    latest = int(journal.mark(book, MANIFEST_MARK) or 0) if until is None else 0
    for record in journal.records(book, max(latest - 1, 0), 1 if latest else 0):
        if until is not None and record.sequence > until:
            break
        if record.kind in ("opened", "changed"):
            found = read_manifest(record.body)
    if found is None:
        raise Stop("SF846", f"book {book} has no opening record", fix=f"stratofold audit verify {book}")
    return found


def restore_fold(
    journal: Journal, manifest: Manifest, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None,
    *, until: int | None = None, use_snapshot: bool = True,
) -> Fold:  # fmt: skip
    """The fold of a book's records up to step `until` (all): the last snapshot, and the steps after it folded again."""
    fold = build_fold(manifest, strategy, artifacts)
    after = 0
    kept = journal.snapshot(manifest.book, until) if use_snapshot else None
    if kept is not None:
        step, after, state = kept
        fold.restore(state, step)
    for record in journal.records(manifest.book, after):
        if until is not None and fold.steps >= until:
            break
        fold_record(fold, record)
    return fold


def fold_record(fold: Fold, record: Record) -> Step | None:
    """Fold one record again; None for a kind that folds nothing."""
    if record.kind == "event":
        return fold.hear(event_in(record.body))
    if record.kind == "warmed":
        fold.warm(warming=unpack(record.body)["warming"])
    return None
