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
from typing import TYPE_CHECKING, NamedTuple

from stratofold.chain import GENESIS, link
from stratofold.errors import Error
from stratofold.live.archive import SEALED, Seal, prefix_of, read, seal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stratofold.adapters.ports import Artifacts, Head, Journal, Record
    from stratofold.live.archive import Row, Segment

FINDINGS_MAX = 100


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
    rows: Iterable[Record], audit: BookAudit, archive: _Archive | None, anchor: tuple[int, bytes] | None
) -> list[tuple[int, bytes]]:
    """Check each row against the one before, and the archive's copy of it; returns the seals seen, with their places."""
    seals = []
    sequence, chain, count = 0, GENESIS, 0
    copies = archive.copies() if archive is not None else iter(())
    copy = next(copies, None)
    for row in rows:
        count += 1
        if row.sequence != sequence + 1:
            _misplaced(audit, sequence, row.sequence)
        sequence = row.sequence
        if link(chain, sequence, row.kind, row.body, row.envelope) != row.chain:
            audit.find(f"record {sequence}", "it is not what was written, or not what was written here")
        chain = row.chain
        while copy is not None and copy.sequence < sequence:
            _only_archived(copy, audit, "the archive has it, and the journal does not")
            copy = next(copies, None)
        if copy is not None and copy.sequence == sequence:
            _compare(row, copy, audit)
            copy = next(copies, None)
        if row.kind == SEALED:
            seals.append((sequence, row.body))
        if anchor is not None and sequence == anchor[0] and chain != anchor[1]:
            audit.find(f"record {sequence}", "its chain is not the anchor's")
    while copy is not None:
        _only_archived(copy, audit, "the archive has it, and the journal ends before it")
        copy = next(copies, None)
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


class _Copy(NamedTuple):
    """The archive's copy of a record: its sequence, the chain before it, and the segment it is in."""

    sequence: int
    row: Row
    before: bytes
    segment: int


def _compare(record: Record, copy: _Copy, audit: BookAudit) -> None:
    """A row and the archive's copy of it are the same bytes; what is the same needs no second check of its chain."""
    row = copy.row
    same = record.chain == row.chain and record.body == row.body and record.envelope == row.envelope
    if not same or record.kind != row.kind:
        _only_archived(copy, audit, "the journal and the archive have different records of this number")


def _only_archived(copy: _Copy, audit: BookAudit, what: str) -> None:
    """A copy without its twin in the journal: say so, and whether the copy is good in itself."""
    audit.find(f"record {copy.sequence}", what)
    row = copy.row
    if link(copy.before, copy.sequence, row.kind, row.body, row.envelope) != row.chain:
        audit.find(f"segment {copy.segment}, record {copy.sequence}", "it is not what was written")


class _Archive:
    """The segments of one book as one stream of rows, each segment checked against the one before as it is opened."""

    def __init__(self, artifacts: Artifacts, head: Head, audit: BookAudit) -> None:
        """Know the names; read nothing yet."""
        self.artifacts = artifacts
        self.head = head
        self.audit = audit
        self.digests: dict[int, bytes] = {}

    def copies(self) -> Iterator[_Copy]:
        """Every row with its place, segment after segment."""
        last, chain, digest, number = 0, GENESIS, b"", 0
        for name in self.artifacts.names(prefix_of(self.head.book)):
            expected, number = number + 1, _number_of(name)
            if number != expected:
                self.audit.find(f"segment {expected}", "it is not there")
            opened = self._open(name, number)
            if opened is None:
                digest = b""
                continue
            whole, found = opened
            if number == expected and digest == whole.previous:
                self._follows(whole, last, chain)
            elif number == expected and (digest or number == 1):
                self.audit.find(f"segment {number}", "it does not follow the segment before it")
            yield from self._own(whole)
            last, chain, digest = whole.last, whole.rows[-1].chain, found

    def _open(self, name: str, number: int) -> tuple[Segment, bytes] | None:
        """Read a segment and its digest; what cannot be read is a finding."""
        try:
            data = self.artifacts.get(name)
            whole = read(data, self.head.book, number)
        except Error as error:
            self.audit.find(f"segment {number}", f"{error.what}{': ' if error.why else ''}{error.why}")
            return None
        if (whole.account, whole.generation) != (self.head.account, self.head.generation):
            self.audit.find(f"segment {number}", f"it is of {whole.account}, generation {whole.generation}")
        digest = sha256(data).digest()
        self.digests[number] = digest
        self.audit.segments += 1
        return whole, digest

    def _follows(self, whole: Segment, last: int, chain: bytes) -> None:
        """A segment begins where the one before ended."""
        if whole.first != last + 1:
            self.audit.find(f"segment {whole.number}", f"it begins at record {whole.first}, after {last}")
        elif whole.before != chain:
            self.audit.find(f"segment {whole.number}", "its first record does not follow the last one before it")

    def _own(self, whole: Segment) -> Iterator[_Copy]:
        """The rows of one segment."""
        before = whole.before
        for sequence, row in enumerate(whole.rows, whole.first):
            yield _Copy(sequence, row, before, whole.number)
            before = row.chain
        self.audit.sealed = whole.last

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
