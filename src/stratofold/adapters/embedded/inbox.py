"""What waits to be folded: each thing once, by its identity, for ever.

What comes in: offers from streams, polls, webhooks and other processes, inside a transaction of the journal.  What goes
out: those that nobody has handled, in the order they came.
Why it is shaped so: identities stay in `seen` for ever, and its row number is the offer's; bodies go when they are handled,
since the record of that step has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.ports import Offer
from stratofold.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.adapters.embedded.store import Store


class Inbox:
    """The tables `seen` and `inbox`."""

    def __init__(self, store: Store) -> None:
        """Of one store."""
        self._store = store

    def add(self, book: int, offers: Iterable[Offer]) -> int:
        """Keep what is new; how many were."""
        new = 0
        for offer in offers:
            row = (book, offer.source, offer.identity)
            seen = self._store.execute("INSERT OR IGNORE INTO seen (book, source, identity) VALUES (?, ?, ?)", row)
            if seen.rowcount:
                self._store.execute("INSERT INTO inbox VALUES (?, ?, ?)", (book, seen.lastrowid, offer.body))
                new += 1
        return new

    def handle(self, book: int, numbers: Sequence[int]) -> None:
        """Take out what a step has folded; raises Retry SF802 when somebody has done so before."""
        for number in numbers:
            gone = self._store.execute("DELETE FROM inbox WHERE book = ? AND number = ?", (book, number))
            if not gone.rowcount:
                raise Retry(
                    "SF802",
                    f"number {number} of the inbox was handled before",
                    why="another writer has folded it",
                    fix="load the book again",
                )

    def waiting(self, book: int, limit: int) -> list[Offer]:
        """What nobody has handled."""
        rows = self._store.read(
            "SELECT number, source, identity, body FROM inbox JOIN seen USING (number)"
            " WHERE inbox.book = ? ORDER BY number LIMIT ?",
            (book, limit),
        )
        return [Offer(*row) for row in rows]
