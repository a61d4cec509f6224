"""A book's luggage out of, and into, the journal in the cloud: see `adapters.carry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.aws.desk import reservation_key, reservation_of
from stratofold.adapters.aws.inbox import everything_waiting
from stratofold.adapters.aws.table import NEW, Key
from stratofold.adapters.carry import SOURCES, Luggage

if TYPE_CHECKING:
    from stratofold.adapters.account import Reservation
    from stratofold.adapters.aws.journal import Journal

HASHED = "=sha256="


def packed(journal: Journal, book: str) -> Luggage:
    """What a book has that its records do not say; raises nothing for identities that are known by their hash only: they are left out."""
    table, account = journal.table, journal.head(book).account
    marks = {item["sk"].partition("/")[2]: str(item["value"]) for item in table.begins(f"book/{book}", "mark/")}
    seen = [
        (source, item["sk"][1:])
        for source in SOURCES
        for item in table.begins(f"seen/{book}/{source}", "=")
        if not item["sk"].startswith(HASHED)
    ]
    items = table.begins(f"account/{account}", "reservation/")
    held = {item["sk"].partition("/")[2]: reservation_of(item) for item in items if item["book"] == book}
    return Luggage(marks, seen, held, everything_waiting(table, book))


def reserve(journal: Journal, account: str, reserved: dict[str, Reservation]) -> None:
    """Write what orders reserve, as it was where they were sent."""
    for client_id, held in reserved.items():
        key: Key = reservation_key(account, client_id)
        values = {
            "book": held.book,
            "symbol": held.symbol,
            "side": held.side,
            "price": repr(held.price),
            "exposure": repr(held.exposure),
        }
        if journal.table.put_alone(key, values, NEW) is not None:
            journal.release(account, client_id, held.exposure)
