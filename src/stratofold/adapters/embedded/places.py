"""Where each book stands, and its chain of records.

What comes in: records to append under a condition, inside a transaction of the journal.  What goes out: the book's new
head, or the refusal of a writer that is fenced or late.
Why it is shaped so: the head of a book is remembered between appends, and the row is changed only if it still is what
was remembered; when another process has written in between, the row is read again and the condition checked anew.  So
one statement is the check and the change.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from msgspec import structs

from stratofold.adapters.embedded.schema import BITS
from stratofold.adapters.ports import Entry, Head, Record
from stratofold.adapters.rules import check_names, is_kept, is_missing, refuse, was_there
from stratofold.chain import GENESIS, link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratofold.adapters.embedded.store import Store

# Rows read at a time: long enough to be quick, short enough to stay in the processor's cache and to hold nobody up.
PAGE = 256


class Place:
    """The remembered row of a book."""

    __slots__ = ("head", "number")

    def __init__(self, number: int, head: Head) -> None:
        """Book `number` of the store, at `head`."""
        self.number = number
        self.head = head


class Places:
    """The tables `books`, `records` and `snapshots`."""

    def __init__(self, store: Store) -> None:
        """Of one store."""
        self._store = store
        self._places: dict[str, Place] = {}
        store.forgets.append(self._places.clear)

    def add(self, book: str, account: str, generation: str) -> None:
        """A new book before its first record; raises Setup SF804 where it, or its generation, was there before."""
        check_names(book, generation)
        try:
            self._store.execute(
                "INSERT INTO books (name, account, generation, epoch, sequence, step, chain, holder, taken)"
                " VALUES (?, ?, ?, 0, 0, 0, ?, '', 0)",
                (book, account, generation, GENESIS),
            )
        except sqlite3.IntegrityError as error:
            raise was_there(book, account, generation) from error
        self._store.execute("INSERT OR IGNORE INTO accounts (name) VALUES (?)", (account,))

    def place(self, book: str) -> Place:
        """A book as remembered, or as read now; raises Setup SF805 for one that is not there."""
        return self._places.get(book) or self.reload(book)

    def reload(self, book: str) -> Place:
        """A book as the file has it; raises Setup SF805 for one that is not there."""
        rows = self._store.read(
            "SELECT id, name, account, generation, epoch, sequence, step, chain, holder FROM books WHERE name = ?",
            (book,),
        )
        if not rows:
            raise is_missing(book, self._store.path)
        number, *head = rows[0]
        place = self._places[book] = Place(number, Head(*head))
        return place

    def heads(self) -> list[Head]:
        """Every book, in the order created."""
        rows = self._store.read(
            "SELECT name, account, generation, epoch, sequence, step, chain, holder FROM books ORDER BY id"
        )
        return [Head(*row) for row in rows]

    def take(self, book: str, holder: str, time: int) -> Head:
        """Raise the epoch."""
        self._store.execute(
            "UPDATE books SET epoch = epoch + 1, holder = ?, taken = ? WHERE name = ?", (holder, time, book)
        )
        return self.reload(book).head

    def held(self, book: str, epoch: int, step: int | None = None) -> Place:
        """A book of which `epoch` is the writer (and which is at `step`); raises Stop SF801 or Retry SF802."""
        place = self.place(book)
        if place.head.epoch != epoch or (step is not None and place.head.step != step):
            place = self.reload(book)
            refuse(place.head, epoch, step)
        return place

    def extend(
        self, book: str, entries: Sequence[Entry], epoch: int | None = None, step: int | None = None, steps: int = 0
    ) -> Place:
        """Append records; under `epoch` and at `step` when they are given, and `steps` further then."""
        place = self.place(book)
        rows = self._move(place, entries, epoch, step, steps)
        if rows is None:
            # What was remembered is old: another process has appended or taken the book.
            place = self.reload(book)
            if epoch is not None:
                refuse(place.head, epoch, step)
            rows = self._move(place, entries, epoch, step, steps)
        self._store.connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows or ())
        return place

    def _move(
        self, place: Place, entries: Sequence[Entry], epoch: int | None, step: int | None, steps: int
    ) -> list[tuple[int, str, bytes, bytes, bytes]] | None:
        """The rows of new records, the book's own row being moved on to them; None if it is not as remembered."""
        head = place.head
        if (epoch is not None and epoch != head.epoch) or (step is not None and step != head.step):
            return None
        sequence, chain, base = head.sequence, head.chain, place.number << BITS
        rows = []
        for entry in entries:
            sequence += 1
            chain = link(chain, sequence, entry.kind, entry.body, entry.envelope)
            rows.append((base | sequence, entry.kind, entry.body, entry.envelope, chain))
        moved = self._store.execute(
            "UPDATE books SET sequence = ?, step = ?, chain = ? WHERE id = ? AND sequence = ? AND epoch = ? AND step = ?",
            (sequence, head.step + steps, chain, place.number, head.sequence, head.epoch, head.step),
        )
        if not moved.rowcount:
            return None
        place.head = structs.replace(head, sequence=sequence, step=head.step + steps, chain=chain)
        return rows

    def keep(self, place: Place, state: bytes) -> None:
        """A snapshot of the state at the book's head; older ones that are too close together go."""
        low, step = place.number << BITS, place.head.step
        self._store.execute(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (low | step, place.head.sequence, state)
        )
        rows = self._store.execute("SELECT id FROM snapshots WHERE id BETWEEN ? AND ?", (low, low | step)).fetchall()
        for (number,) in rows:
            if not is_kept(number - low, step):
                self._store.execute("DELETE FROM snapshots WHERE id = ?", (number,))

    def kept(self, book: str, until: int | None) -> tuple[int, int, bytes] | None:
        """The last snapshot not after step `until`."""
        low = self.place(book).number << BITS
        high = low | ((1 << BITS) - 1 if until is None else until)
        rows = self._store.read(
            "SELECT id, sequence, state FROM snapshots WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", (low, high)
        )
        if not rows:
            return None
        number, sequence, state = rows[0]
        return number - low, sequence, state

    def records(self, book: str, after: int, limit: int) -> Iterator[Record]:
        """Records after a sequence, a page at a time; without `limit`, to the end as it is when the page is read."""
        low = self.place(book).number << BITS
        left = limit or -1
        while left:
            rows = self._store.read(
                "SELECT id, kind, body, envelope, chain FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
                (low | after, low + (1 << BITS), min(left, PAGE) if left > 0 else PAGE),
            )
            for number, kind, body, envelope, chain in rows:
                after = number - low
                yield Record(book, after, kind, body, envelope, chain)
            if len(rows) < PAGE:
                return
            left -= len(rows) if left > 0 else 0
