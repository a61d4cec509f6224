"""The archive: a book's records in sealed segments, written once, readable without the journal.

What comes in: a journal, artifacts, and which book.
What goes out: one artifact a segment, and a `sealed` record that names it with its SHA-256; or, from the segments alone,
the records again.
Why it is shaped so: a segment is a whole number of records with the chain before and after them, and the digest of the
segment before it, so that a segment proves itself, its place, and that nothing between two of them is gone.  Its bytes
depend on the records alone: sealing twice, after a crash or by two processes, writes the same thing or finds it there.

A segment is a MessagePack array: "stratofold segment", 1, book, account, generation, number, sequence of the first and
of the last record, chain before the first, SHA-256 of the segment before (empty for the first), and the records, each
an array of kind, body, envelope and chain.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from stratofold.adapters.ports import Entry, Record
from stratofold.chain import GENESIS
from stratofold.errors import Setup, Stop
from stratofold.live.away import is_away

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.adapters.ports import Artifacts, Head, Journal

FORM = "stratofold segment"
VERSION = 1
RECORDS_MAX = 4096
SEALED = "sealed"
_MARK = "archive"


# One record in a segment: kind, body, envelope, chain; its sequence is the segment's first plus its place.
Row = tuple[str, bytes, bytes, bytes]


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    """What stands before the records `first` to `last`: `before` is the chain up to them, `previous` the segment before."""

    form: str
    version: int
    book: str
    account: str
    generation: str
    number: int
    first: int
    last: int
    before: bytes
    previous: bytes


class Segment(_Frame, frozen=True, array_like=True):
    """A segment with its records."""

    rows: list[Row]


class Outline(_Frame, frozen=True, array_like=True):
    """A segment whose records are still the bytes that they were."""

    rows: msgspec.Raw


class Seal(msgspec.Struct, frozen=True, array_like=True):
    """The body of a `sealed` record."""

    number: int
    first: int
    last: int
    digest: bytes


_encode = msgspec.msgpack.Encoder().encode
_outlines = msgspec.msgpack.Decoder(Outline)
_rows = msgspec.msgpack.Decoder(list[Row])
_seals = msgspec.msgpack.Decoder(Seal)


def row_of(record: Record) -> Row:
    """A record as a segment holds it."""
    return record[2:]


def name_of(book: str, number: int) -> str:
    """The artifact's name of a segment."""
    return f"{prefix_of(book)}{number:08d}"


def prefix_of(book: str) -> str:
    """What the names of all segments of a book begin with."""
    return f"archive/{book}/"


def seal(
    journal: Journal,
    artifacts: Artifacts,
    book: str,
    envelope: bytes = b"",
    *,
    records_max: int = RECORDS_MAX,
    rest: bool = False,
) -> list[Seal]:
    """Seal what is not yet: whole segments of `records_max` records, and with `rest` also what is left over.

    Returns the new seals; of a book that was moved away none, since a seal is a record too.  Raises Stop SF910 when a segment that
    is there already is not what the journal holds.
    """
    head = journal.head(book)
    seals: list[Seal] = []
    while not is_away(journal, head):
        last = _last_seal(journal, book)
        if not rest and head.sequence - last.last < records_max:
            return seals
        rows = list(islice(journal.records(book, last.last, records_max), records_max))
        if not _worth_sealing(rows, records_max, rest=rest):
            return seals
        seals.append(_seal_one(journal, artifacts, head, last, rows, envelope))
    return seals


def _worth_sealing(rows: list[Record], records_max: int, *, rest: bool) -> bool:
    """A full segment, or any rest beyond the notes of sealing itself."""
    return len(rows) == records_max or (rest and any(row.kind != SEALED for row in rows))


def _last_seal(journal: Journal, book: str) -> Seal:
    """The last seal, or one of nothing."""
    text = journal.mark(book, _MARK)
    return _seals.decode(bytes.fromhex(text)) if text else Seal(0, 0, 0, b"")


def _seal_one(
    journal: Journal, artifacts: Artifacts, head: Head, last: Seal, rows: list[Record], envelope: bytes
) -> Seal:
    """Write one segment (or find it written), then say so in the journal."""
    before = _chain_at(journal, head.book, last.last)
    number = last.number + 1
    data = segment_bytes(head, number, before, last.digest, rows)
    try:
        artifacts.put(name_of(head.book, number), data)
    except Stop as error:
        if error.code != "SF811":
            raise
        data = _found(artifacts, journal, head.book, number, last)
    whole = read(data, head.book, number)
    made = Seal(number, whole.first, whole.last, sha256(data).digest())
    body = _encode(made)
    journal.note(head.book, [Entry(SEALED, body, envelope)])
    journal.mark(head.book, _MARK, body.hex())
    return made


def _chain_at(journal: Journal, book: str, sequence: int) -> bytes:
    """The chain after a record."""
    if sequence == 0:
        return GENESIS
    return next(iter(journal.records(book, sequence - 1, 1))).chain


def _found(artifacts: Artifacts, journal: Journal, book: str, number: int, last: Seal) -> bytes:
    """A segment sealed before, of another length: it is good if its records are the journal's."""
    data = artifacts.get(name_of(book, number))
    there = read(data, book, number)
    wanted = journal.records(book, last.last, len(there.rows))
    same = there.previous == last.digest and there.first == last.last + 1
    if not same or [row_of(one) for one in wanted] != there.rows:
        raise Stop(
            "SF910",
            f"segment {number} of {book} is not what the journal holds",
            place=name_of(book, number),
            why="one of the two was changed after it was written, or the archive is another book's",
            fix="run: stratofold audit verify",
        )
    return data


def segment_bytes(head: Head, number: int, before: bytes, previous: bytes, rows: list[Record]) -> bytes:
    """The bytes of a segment of `rows`, which follow one another."""
    whole = Segment(
        FORM, VERSION, head.book, head.account, head.generation, number, rows[0].sequence, rows[-1].sequence, before,
        previous, [row_of(row) for row in rows],
    )  # fmt: skip
    return _encode(whole)


def read(data: bytes, book: str, number: int) -> Segment:
    """The segment in `data`; raises Stop SF911 for bytes that are none, or another's, SF912 for a newer form."""
    whole = outline(data, book, number)
    return Segment(
        whole.form, whole.version, whole.book, whole.account, whole.generation, whole.number, whole.first, whole.last,
        whole.before, whole.previous, rows_of(whole),
    )  # fmt: skip


def outline(data: bytes, book: str, number: int) -> Outline:
    """The segment in `data`, its records unread; raises as `read`."""
    try:
        whole = _outlines.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(book, number, str(error)) from error
    if (whole.form, whole.book, whole.number) != (FORM, book, number) or whole.first > whole.last:
        raise _unreadable(book, number, f"it calls itself {whole.form} {whole.number} of {whole.book}")
    if whole.version != VERSION:
        raise Stop(
            "SF912",
            f"segment {number} of {book} is of form {whole.version}, and this version reads {VERSION}",
            place=name_of(book, number),
            fix="read it with the version of stratofold that wrote it, or a newer one",
        )
    return whole


def rows_of(whole: Outline) -> list[Row]:
    """The records of a segment; raises Stop SF911 for bytes that are none, or not as many as it says."""
    try:
        rows = _rows.decode(whole.rows)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(whole.book, whole.number, str(error)) from error
    if whole.last - whole.first + 1 != len(rows):
        raise _unreadable(whole.book, whole.number, f"it holds {len(rows)} records for {whole.first} to {whole.last}")
    return rows


def holds(whole: Outline, rows: list[Row]) -> bool:
    """Whether a segment's records are exactly these, byte for byte."""
    return bytes(whole.rows) == _encode(rows)


def _unreadable(book: str, number: int, why: str) -> Stop:
    """The error for bytes that are no such segment."""
    return Stop(
        "SF911",
        f"segment {number} of {book} cannot be read",
        place=name_of(book, number),
        why=why,
        fix="put the segment back from a copy, then run: stratofold audit verify",
    )


def seal_of(body: bytes) -> Seal:
    """The seal in the body of a `sealed` record; raises Stop SF831 for bytes that are none."""
    try:
        return _seals.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Stop("SF831", "a seal cannot be read", why=str(error), fix="run: stratofold audit verify") from error


def records(artifacts: Artifacts, book: str) -> Iterator[Record]:
    """Every record of a book from its segments alone, in order; raises Setup SF913 when there is no segment."""
    names = artifacts.names(prefix_of(book))
    if not names:
        raise Setup(
            "SF913",
            f"there is no archive of {book}",
            why="no segment has been sealed",
            fix="look at the path of the archive; a run seals at its end",
        )
    for number, name in enumerate(names, 1):
        whole = read(artifacts.get(name), book, number)
        for place, row in enumerate(whole.rows):
            yield Record(book, whole.first + place, *row)
