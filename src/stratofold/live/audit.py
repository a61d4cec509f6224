"""Proof that nothing written was changed since: every record, every segment, and the two against each other.

What comes in: a journal, artifacts, and, where there is one, an anchor: what somebody outside wrote down of a book.
What goes out: an `Audit` with a finding for each thing that is not as it was written.
Why it is shaped so: the chain proves records against the last of them, the segments prove that the last of them is not
older than it was, and both say *where*: after a finding the check goes on from the values as stored, so that one
changed byte is one finding, not all that follow.  It only reads, and needs no lock and no broker.

A change, removal, insertion or reorder is found from the rows alone.  Rows cut off at the end are found from a segment,
a head or an anchor that knows them; whoever rewrites the journal, its head and every segment is found by an anchor
kept elsewhere (each alert and `stratofold status` carry one).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from stratofold.chain import GENESIS, link
from stratofold.errors import Error
from stratofold.live.archive import SEALED, Seal, holds, outline, prefix_of, rows_of, seal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stratofold.adapters.ports import Artifacts, Head, Journal, Record
    from stratofold.live.archive import Outline, Row

FINDINGS_MAX = 100
_END = 1 << 62


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written: `place` is a record, a segment or the head; `what` says in what way."""

    book: str
    place: str
    what: str


@dataclass(slots=True)
class BookAudit:
    """What was looked at of one book, and found; `sequence` and `chain` are an anchor if nothing was."""

    book: str
    records: int = 0
    segments: int = 0
    sealed: int = 0
    sequence: int = 0
    chain: bytes = GENESIS
    findings: list[Finding] = field(default_factory=list)

    def find(self, place: str, what: str) -> None:
        """Write a finding down; past a hundred only that there are more."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(self.book, place, what))
        elif len(self.findings) == FINDINGS_MAX:
            self.findings.append(Finding(self.book, place, "and more from here on"))


@dataclass(frozen=True, slots=True)
class Audit:
    """What `audit_verify` has found of every book it looked at."""

    books: tuple[BookAudit, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not any(one.findings for one in self.books)

    @property
    def findings(self) -> list[Finding]:
        """All findings, book by book."""
        return [finding for one in self.books for finding in one.findings]

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON; the chain in hexadecimal."""
        return {
            "ok": self.ok,
            "books": [
                {
                    "book": one.book, "records": one.records, "segments": one.segments, "sealed": one.sealed,
                    "sequence": one.sequence, "chain": one.chain.hex(),
                    "findings": [{"place": finding.place, "what": finding.what} for finding in one.findings],
                }
                for one in self.books
            ],
        }  # fmt: skip


def audit_verify(
    journal: Journal,
    artifacts: Artifacts | None = None,
    books: Sequence[str] | None = None,
    anchors: Mapping[str, tuple[int, bytes]] | None = None,
) -> Audit:
    """Check the records of some books (all if None), their segments if `artifacts` are given, and `anchors`.

    An anchor is the sequence and the chain of a record, kept elsewhere.  Raises Setup SF805 for a book that is not there.
    """
    heads = [journal.head(book) for book in books] if books is not None else journal.books()
    return Audit(tuple(_verify_book(journal, artifacts, head, (anchors or {}).get(head.book)) for head in heads))


def _verify_book(
    journal: Journal, artifacts: Artifacts | None, head: Head, anchor: tuple[int, bytes] | None
) -> BookAudit:
    """One book: the rows with the segments beside them, then the head and the anchor."""
    audit = BookAudit(head.book)
    archive = _Archive(artifacts, head, audit) if artifacts is not None else None
    seals = _walk(journal.records(head.book), audit, archive, anchor)
    if archive is not None:
        archive.finish(seals)
    if head.sequence > audit.sequence:
        audit.find("head", f"it knows {head.sequence} records, and the last one there is {audit.sequence}")
    elif head.sequence == audit.sequence and head.chain != audit.chain:
        audit.find("head", "its chain is not the last record's")
    if anchor is not None and anchor[0] > audit.sequence:
        audit.find("anchor", f"it knows {anchor[0]} records, and the last one there is {audit.sequence}")
    return audit


def _walk(
    records: Iterable[Record], audit: BookAudit, archive: _Archive | None, anchor: tuple[int, bytes] | None
) -> list[tuple[int, bytes]]:
    """Check each row against the one before, and the archive's copy of it; returns the seals seen, with their places."""
    seals = []
    sequence, chain, count = 0, GENESIS, 0
    anchored = anchor[0] if anchor is not None else 0
    held: list[Row] = []  # rows up to `compared` that follow one another and await the end of their segment
    first, last, compared = 1, 0, 0
    for record in records:
        before, count = chain, count + 1
        _, at, kind, body, envelope, chain = record
        if at != sequence + 1:
            _misplaced(audit, sequence, at)
        sequence = at
        if link(before, at, kind, body, envelope) != chain:
            audit.find(f"record {at}", "it is not what was written, or not what was written here")
        if archive is not None and at > compared:
            if at > compared + 1:
                archive.compare(held, compared)
                held = []
                archive.only(compared + 1, at, "the archive has it, and the journal does not")
            if at > last:
                first, last = archive.reach(at)
            if at >= first:
                held.append(record[2:])
            compared = at
            if at == last:
                archive.compare(held, at)
                held = []
        if kind == SEALED:
            seals.append((at, body))
        if at == anchored and anchor is not None and chain != anchor[1]:
            audit.find(f"record {at}", "its chain is not the anchor's")
    if archive is not None:
        archive.compare(held, compared)
        archive.only(compared + 1, _END, "the archive has it, and the journal ends before it")
    audit.records, audit.sequence, audit.chain = count, sequence, chain
    return seals


def _misplaced(audit: BookAudit, before: int, sequence: int) -> None:
    """A row whose number does not follow."""
    if sequence <= before:
        audit.find(f"record {sequence}", f"it stands after record {before}")
    elif sequence == before + 2:
        audit.find(f"record {before + 1}", "it is not there")
    else:
        audit.find(f"records {before + 1} to {sequence - 1}", "they are not there")


class _Archive:
    """The segments of one book, opened in order, each checked against the one before as it is opened."""

    def __init__(self, artifacts: Artifacts, head: Head, audit: BookAudit) -> None:
        """Know the names; read nothing yet."""
        self.artifacts = artifacts
        self.head = head
        self.audit = audit
        self.digests: dict[int, bytes] = {}
        self._names = iter(artifacts.names(prefix_of(head.book)))
        self._number = 0
        self._last = 0
        self._digest = b""
        self._segment: Outline | None = None
        self._rows: list[Row] | None = None
        self._end = b""

    def reach(self, sequence: int) -> tuple[int, int]:
        """The first and last sequence of the segment that holds a record, or of the first one after it."""
        while self._segment is None or self._segment.last < sequence:
            name = next(self._names, None)
            if name is None:
                return _END, _END
            self._advance(name)
        return self._segment.first, self._segment.last

    def compare(self, held: list[Row], last: int) -> None:
        """Rows of the journal, the last of them number `last`, against the open segment: at once if they are all of it."""
        whole, start = self._segment, last - len(held) + 1
        if whole is None or not held:
            return
        if (start, last) == (whole.first, whole.last) and holds(whole, held):
            self._end = held[-1][3]
            return
        copies = self._copies(whole)
        for sequence, row in enumerate(held, start):
            if copies and copies[sequence - whole.first] != row:
                what = "the journal and the archive have different records of this number"
                self.only(sequence, sequence + 1, what)

    def only(self, start: int, end: int, what: str) -> None:
        """Say `what` of each copy from `start` to before `end`, and whether the copy is good in itself."""
        while start < end:
            first, last = self.reach(start)
            whole = self._segment
            if whole is None or first == _END:
                return
            rows = self._copies(whole)
            for sequence in range(max(start, first), min(end, last + 1) if rows else 0):
                self.audit.find(f"record {sequence}", what)
                place = sequence - first
                before = rows[place - 1][3] if place else whole.before
                if link(before, sequence, *rows[place][:3]) != rows[place][3]:
                    self.audit.find(f"segment {self._number}, record {sequence}", "it is not what was written")
            start = max(start, last) + 1

    def _copies(self, whole: Outline) -> list[Row]:
        """The rows of the open segment, read once; none where they cannot be read, which is a finding."""
        if self._rows is None:
            try:
                self._rows = rows_of(whole)
            except Error as error:
                self.audit.find(f"segment {whole.number}", f"{error.what}: {error.why}")
                self._rows = []
        return self._rows

    def _advance(self, name: str) -> None:
        """Open the next segment and check its place."""
        expected, self._number = self._number + 1, _number_of(name)
        number = self._number
        if number != expected:
            self.audit.find(f"segment {expected}", "it is not there")
        opened = self._open(name, number)
        if opened is None:
            self._digest = b""
            return
        whole, digest = opened
        if number == expected and self._digest == whole.previous:
            self._follows(whole)
        elif number == expected and (self._digest or number == 1):
            self.audit.find(f"segment {number}", "it does not follow the segment before it")
        self._segment, self._rows, self._last, self._digest, self._end = whole, None, whole.last, digest, b""
        self.audit.sealed = whole.last

    def _open(self, name: str, number: int) -> tuple[Outline, bytes] | None:
        """Read a segment and its digest; what cannot be read is a finding."""
        try:
            data = self.artifacts.get(name)
            whole = outline(data, self.head.book, number)
        except Error as error:
            self.audit.find(f"segment {number}", f"{error.what}{': ' if error.why else ''}{error.why}")
            return None
        if (whole.account, whole.generation) != (self.head.account, self.head.generation):
            self.audit.find(f"segment {number}", f"it is of {whole.account}, generation {whole.generation}")
        digest = sha256(data).digest()
        self.digests[number] = digest
        self.audit.segments += 1
        return whole, digest

    def _chain(self) -> bytes:
        """The chain after the open segment; what the journal has there if it was found to be the same."""
        if self._segment is None:
            return GENESIS
        if self._end:
            return self._end
        rows = self._copies(self._segment)
        return rows[-1][3] if rows else b""

    def _follows(self, whole: Outline) -> None:
        """A segment begins where the one before ended."""
        if whole.first != self._last + 1:
            self.audit.find(f"segment {whole.number}", f"it begins at record {whole.first}, after {self._last}")
        elif whole.before != self._chain():
            self.audit.find(f"segment {whole.number}", "its first record does not follow the last one before it")

    def finish(self, seals: list[tuple[int, bytes]]) -> None:
        """Every seal in the journal names a segment that is there, as it was."""
        for sequence, body in seals:
            try:
                seal = seal_of(body)
            except Error as error:
                self.audit.find(f"record {sequence}", error.what)
                continue
            self._sealed(sequence, seal)

    def _sealed(self, sequence: int, seal: Seal) -> None:
        """One seal against the segment it names."""
        digest = self.digests.get(seal.number)
        if digest is None:
            self.audit.find(f"segment {seal.number}", f"record {sequence} sealed it, and it is not there")
        elif digest != seal.digest:
            self.audit.find(f"segment {seal.number}", f"it is not the one that record {sequence} sealed")


def _number_of(name: str) -> int:
    """The number in a segment's name; 0 for a name of something else."""
    text = name.rpartition("/")[2]
    return int(text) if text.isdigit() else 0
