"""A book's one writer in this process: its fold, its place in the journal, its epoch.

What comes in: a journal and a book's name.  What goes out: a `Desk` whose fold is the fold of every record of the book,
restored from the last snapshot and the steps after it, under an epoch that fences every earlier writer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import stratofold
from stratofold.adapters.ports import Entry, Head, Journal
from stratofold.errors import Setup, Stop
from stratofold.live.begin import BEGINNINGS, begin_fold, is_of_another_release, no_opening
from stratofold.live.manifest import Beginning, Manifest, build_fold, configuration_hash, read_beginning
from stratofold.live.poison import Poison, known_poison
from stratofold.live.steps import fold_as_written, fold_record
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.events import Event
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold
    from stratofold.live.foresight import Foreseen

SNAPSHOT_STEPS = 1_000
MANIFEST_MARK = "manifest"  # the first sequence that the last `changed` record can have; none where there is none


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
    snapshot_every: int = 2 * SNAPSHOT_STEPS  # as many steps a restart folds again at most: no quiet moment came before
    poison: Poison | None = None  # what the book could not hear when it ran last
    dead: list[str] = field(default_factory=list)  # what was written down as dead, for whoever watches to tell
    gaps: dict[str, tuple[float, int]] = field(default_factory=dict)  # what may be left of a split, and since when
    deaf: bool = False  # whether the venue's stream of reports was open, and is not
    foreseen: Foreseen | None = None  # what the next timer leads to, if it comes before anything else
    behind: tuple[Event, bytes] | None = None  # the event that is decided on and the fold has not heard, with its step
    configuration: str = field(init=False)
    process: int = field(init=False)

    def __post_init__(self) -> None:
        """What is the same for every record is worked out once."""
        self.configuration = configuration_hash(self.manifest)
        self.process = os.getpid()

    def envelope(self, verb: str, wall: int, **more: Any) -> bytes:
        """Who writes, when, and with what code: what every record carries beside its decision part."""
        return pack({
            "wall": wall, "by": verb, "process": self.process, "version": stratofold.__version__, "epoch": self.head.epoch,
            "region": self.region, "code": self.manifest.code, "configuration": self.configuration, **more,
        })  # fmt: skip

    def entry(self, kind: str, body: Any, verb: str, wall: int, **more: Any) -> Entry:
        """A record of anything that packs."""
        return Entry(kind, pack(body), self.envelope(verb, wall, **more))


def open_desk(
    journal: Journal,
    book: str,
    strategy: type[Strategy],
    holder: str,
    now: int,
    artifacts: Mapping[str, object] | None = None,
) -> Desk:
    """Become the writer of a book and restore its fold; raises Setup SF805 for no such book, Stop SF845 for a misfit, SF849.

    Its writer is fenced when the fold stands: whoever cannot go on with a book must not end the run that does.
    """
    before = journal.head(book)
    manifest, fold = manifest_of(journal, book), restore_fold(journal, book, strategy, artifacts)
    head = journal.take(book, holder, now)
    # It was written meanwhile, as from now on nobody else can.
    if (head.sequence, head.epoch) != (before.sequence, before.epoch + 1):
        manifest, fold = manifest_of(journal, book), restore_fold(journal, book, strategy, artifacts)
    if fold.steps != head.step:
        raise Stop(
            "SF845", f"book {book} has {head.step} steps, and folding its records gives {fold.steps}",
            why="the journal is damaged, or another process writes to it", fix=f"stratofold audit verify {book}",
        )  # fmt: skip
    return Desk(
        journal, manifest, strategy, fold, head, artifacts=artifacts or {}, snapshot_step=fold.restored_step,
        poison=known_poison(journal, book),
    )  # fmt: skip


def beginning_of(journal: Journal, book: str) -> tuple[int, Beginning]:
    """The last `opened` or `changed` record of a book, with its sequence; raises Stop SF846 when there is none."""
    after = max(int(journal.mark(book, MANIFEST_MARK) or 0) - 1, 0)
    # It is the first nearly always, and a page of records is not read for it.
    for record in chain(journal.records(book, after, 1), journal.records(book, after + 1)):
        if record.kind in BEGINNINGS:
            return record.sequence, read_beginning(record.body)
    raise no_opening(book)


def manifest_of(journal: Journal, book: str) -> Manifest:
    """What holds of a book; raises Stop SF846 when it has no opening record."""
    return beginning_of(journal, book)[1].manifest


def read_desk(
    journal: Journal, book: str, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None
) -> Desk:
    """A desk that reads beside the writer: it may ask the venue and offer what it learns, and appends no step."""
    head = journal.head(book)
    fold = restore_fold(journal, book, strategy, artifacts)
    return Desk(journal, manifest_of(journal, book), strategy, fold, head, artifacts=artifacts or {})


def restore_fold(
    journal: Journal, book: str, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None,
    *, until: int | None = None, use_snapshot: bool = True,
) -> Fold:  # fmt: skip
    """The fold of a book's records up to step `until` (all): the last snapshot, and the steps after it folded again.

    A snapshot of another release, whose state is laid out otherwise, is passed over: it is a cache of the records.  The
    records may be another release's or made by other code, however this fold begins: each must be decided as it was, or
    Stop SF849.  Without snapshots they are folded as they come: what that gives is for the caller to compare.
    Raises Setup SF111 when the state does not fit because the strategy is another.
    """
    found = beginning_of(journal, book)
    after, beginning = found
    kept = journal.snapshot(book, until) if use_snapshot else None
    fold = None
    if kept is not None and kept[0] >= beginning.step and kept[1] >= after:
        fold = fold_kept(beginning.manifest, strategy, artifacts, kept)
    if fold is not None and kept is not None:
        after = kept[1]
    else:
        fold = begin_fold(journal, found, strategy, artifacts)
    for record in journal.records(book, after):
        if until is not None and fold.steps >= until:
            break
        if use_snapshot:
            fold_as_written(fold, record, book)
        else:
            fold_record(fold, record)
    return fold


def fold_kept(
    manifest: Manifest, strategy: type[Strategy], artifacts: Mapping[str, object] | None, kept: tuple[int, int, bytes]
) -> Fold | None:
    """The fold of a snapshot; None where another release wrote it, or it does not fit the strategy that the book ran with."""
    fold = build_fold(manifest, strategy, artifacts)
    try:
        fold.restore(kept[2], kept[0])
    except Setup as error:
        if not is_of_another_release(error, strategy, manifest):
            raise
        return None
    return fold
