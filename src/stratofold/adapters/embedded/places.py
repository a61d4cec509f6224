"""Where each book stands, and its chain of records.

What comes in: records to append under a condition, inside a transaction of the journal.  What goes out: the book's new
head, or the refusal of a writer that is fenced or late.
Why it is shaped so: the row of a book is remembered between appends, with its messages that are not settled, and dropped
as soon as another process has committed; a transaction asks for that when it holds the lock (`Store.write`).  So what is
remembered inside of one is what the file says, and the condition is checked without reading it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

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
    """The remembered row of a book.

    `open_from` is a number that no message is below which is claimed or may be, `sent` how many messages left in `second` (UTC).
    """

    __slots__ = ("head", "number", "open_from", "second", "sent")

    def __init__(self, number: int, open_from: int, second: int, sent: int, *head: Any) -> None:
        """Book `number` of the store; `head` are the fields of its `Head`."""
        self.number = number
        self.open_from = open_from
        self.second = second
        self.sent = sent
        self.head = Head(*head)

    def count(self, second: int, sent: int) -> None:
        """So many messages more have left, in `second` as the account counts it."""
        self.sent = self.sent + sent if second == self.second else sent
        self.second = second


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
            "SELECT id, open_from, second, sent, name, account, generation, epoch, sequence, step, chain, holder"
            " FROM books WHERE name = ?",
            (book,),
        )
        if not rows:
            raise is_missing(book, self._store.path)
        place = self._places[book] = Place(*rows[0])
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
        """A book of which `epoch` is the writer (and which is at `step`); raises Stop SF801 or Retry SF802.

        To be called inside a transaction, where what is remembered is so.
        """
        place = self.place(book)
        refuse(place.head, epoch, step)
        return place

    def extend(self, place: Place, entries: Sequence[Entry], steps: int = 0) -> Place:
        """Append records and move the book on to them, so many steps further, with what its place says besides."""
        head = place.head
        sequence, chain, base = head.sequence, head.chain, place.number << BITS
        rows = []
        for entry in entries:
            sequence += 1
            chain = link(chain, sequence, entry.kind, entry.body, entry.envelope)
            rows.append((base | sequence, entry.kind, entry.body, entry.envelope, chain))
        step = head.step + steps
        self._store.execute(
            "UPDATE books SET sequence = ?, step = ?, chain = ?, open_from = ?, second = ?, sent = ? WHERE id = ?",
            (sequence, step, chain, place.open_from, place.second, place.sent, place.number),
        )
        self._store.connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        place.head = structs.replace(head, sequence=sequence, step=step, chain=chain)
        return place

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
