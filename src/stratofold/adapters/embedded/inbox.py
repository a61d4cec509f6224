"""What waits to be folded: each thing once, by its identity, for ever.

What comes in: offers from streams, polls, webhooks and other processes, inside a transaction of the journal.  What goes
out: those that nobody has handled, in the order they came.
Why it is shaped so: identities stay in `seen` for ever, and its row number is the offer's; bodies go when they are handled,
since the record of that step has them.  What waits is asked for before every step, so it is remembered until another
process has committed (`data_version`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from stratofold.adapters.nouns import Offer
from stratofold.adapters.rules import was_handled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.adapters.embedded.store import Store


class Inbox:
    """The tables `seen` and `inbox`."""

    def __init__(self, store: Store) -> None:
        """Of one store."""
        self._store = store
        self._waiting: dict[int, dict[int, Offer]] = {}  # by book, then by number, in order
        store.forgets.append(self._waiting.clear)

    def add(self, book: int, offers: Iterable[Offer]) -> int:
        """Keep what is new; how many were."""
        new = 0
        for offer in offers:
            row = (book, offer.source, offer.identity)
            seen = self._store.execute("INSERT OR IGNORE INTO seen (book, source, identity) VALUES (?, ?, ?)", row)
            if seen.rowcount:
                number = int(seen.lastrowid or 0)
                self._store.execute("INSERT INTO inbox VALUES (?, ?, ?)", (book, number, offer.body))
                if book in self._waiting:
                    self._waiting[book][number] = Offer(number, offer.source, offer.identity, offer.body)
                new += 1
        return new

    def handle(self, book: int, numbers: Sequence[int]) -> None:
        """Take out what a step has folded; raises Retry SF802 when somebody has done so before."""
        for number in numbers:
            gone = self._store.execute("DELETE FROM inbox WHERE book = ? AND number = ?", (book, number))
            if not gone.rowcount:
                raise was_handled(number)
            self._waiting.get(book, {}).pop(number, None)

    def hear(self, book: int, offers: Iterable[Offer]) -> None:
        """Know what a step has folded that did not wait here; raises Retry SF802 when somebody has folded it before."""
        for offer in offers:
            row = (book, offer.source, offer.identity)
            seen = self._store.execute("INSERT OR IGNORE INTO seen (book, source, identity) VALUES (?, ?, ?)", row)
            if not seen.rowcount:
                self.handle(book, [self._number(row)])

    def _number(self, row: tuple[int, str, str]) -> int:
        """The number under which an identity is known; 0 when it is not."""
        found = self._store.read("SELECT number FROM seen WHERE book = ? AND source = ? AND identity = ?", row)
        return int(found[0][0]) if found else 0

    def fresh(self, book: int, offers: Iterable[Offer]) -> list[Offer]:
        """Those that nobody knows."""
        return [offer for offer in offers if not self._number((book, offer.source, offer.identity))]

    def waiting(self, book: int, limit: int) -> list[Offer]:
        """What nobody has handled."""
        self._store.look()
        if book not in self._waiting:
            self._waiting[book] = self._load(book)
        return list(islice(self._waiting[book].values(), limit))

    def _load(self, book: int) -> dict[int, Offer]:
        rows = self._store.read(
            "SELECT number, source, identity, body FROM inbox JOIN seen USING (number) WHERE inbox.book = ? ORDER BY number",
            (book,),
        )
        return {row[0]: Offer(*row) for row in rows}
