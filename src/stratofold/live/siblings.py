"""Other books of one account: whose an order is, and what they hold.

What comes in: a desk, what the venue tells of the account.  What goes out: which of it is another book's, and how much the
others hold of each symbol.
Why it is shaped so: a venue knows accounts, not books, and tells each of them every fill.  A book hears its own and what
nobody here has sent; what the others hold it reads from what each of them has last found to be so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from stratofold.live.words import FOREIGN, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.ports import Head, VenueReport
    from stratofold.live.desk import Desk

HOLDINGS = "holdings"  # the mark of what a book held when it was last compared with the venue, and when (ns UTC)
_AT = "at"


def siblings(desk: Desk) -> list[Head]:
    """The other books of this account."""
    own = desk.manifest
    return [head for head in desk.journal.books() if head.account == own.account and head.book != own.book]


def is_siblings(desk: Desk, client_id: str) -> bool:
    """Whether an order is another book's of this account."""
    if number_of(desk.manifest.book, desk.manifest.generation, client_id) != FOREIGN:
        return False
    return any(_sent(head, client_id) for head in siblings(desk))


def say_holdings(desk: Desk, now: int) -> None:
    """Write down what this book holds, for the others: when it has changed, and always while there are others."""
    ledger = desk.fold.engine.book.ledger
    held = {name: ledger.holdings[handle].quantity for handle, name in enumerate(desk.fold.names)}
    known = _said(desk, desk.manifest.book)
    known.pop(_AT, None)
    if known != held or siblings(desk):
        desk.journal.mark(desk.manifest.book, HOLDINGS, json.dumps({**held, _AT: now}))


class Said(NamedTuple):
    """What another book said that it holds of a symbol, and when (ns UTC)."""

    quantity: float
    at: int


def said_by_siblings(desk: Desk, reports: Iterable[VenueReport] = ()) -> dict[str, list[Said]] | None:
    """What the others hold, by symbol; None while one of them has not heard of its own fill among `reports` yet."""
    held: dict[str, list[Said]] = {}
    for head in siblings(desk):
        said = _said(desk, head.book)
        at = int(said.pop(_AT, 0))
        if any(report.time > at and _sent(head, report.client_id) for report in reports):
            return None
        for name, quantity in said.items():
            held.setdefault(name, []).append(Said(quantity, at))
    return held


def _said(desk: Desk, book: str) -> dict[str, float]:
    """What a book has last said that it holds, and when."""
    said: dict[str, float] = json.loads(desk.journal.mark(book, HOLDINGS) or "{}")
    return said


def _sent(head: Head, client_id: str) -> bool:
    """Whether an order's name is of a book."""
    return number_of(head.book, head.generation, client_id) != FOREIGN
