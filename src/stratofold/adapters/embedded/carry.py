"""A book's luggage out of, and into, the journal on a laptop: see `adapters.carry`."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from stratofold.adapters.account import Reservation
from stratofold.adapters.carry import Luggage

if TYPE_CHECKING:
    from stratofold.adapters.embedded.journal import Journal

INBOX_MAX = 2**31  # all of it


def packed(journal: Journal, book: str) -> Luggage:
    """What a book has that its records do not say."""
    store, account = journal.store, journal.head(book).account
    marks = store.read("SELECT name, value FROM marks WHERE book = ?", (book,))
    seen = store.read(
        "SELECT source, identity FROM seen JOIN books ON books.id = seen.book WHERE books.name = ?", (book,)
    )
    reserved = store.read(
        "SELECT client_id, book, symbol, side, price, exposure FROM reservations WHERE account = ? AND book = ?",
        (account, book),
    )
    held = {row[0]: Reservation(row[1], row[2], row[3], nan if row[4] is None else row[4], row[5]) for row in reserved}
    return Luggage(dict(marks), list(seen), held, journal.inbox(book, INBOX_MAX))


def reserve(journal: Journal, account: str, reserved: dict[str, Reservation]) -> None:
    """Write what orders reserve, as it was where they were sent."""

    def work() -> None:
        for client_id, held in reserved.items():
            row = (account, client_id, held.book, held.symbol, held.side, held.price, held.exposure)
            journal.store.execute("INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    journal.store.write(None, "carry", work)
    for forget in journal.store.forgets:
        forget()
