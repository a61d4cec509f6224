"""Messages for the venue: written once by key, claimed once, answered.

What comes in: messages, claims and answers, inside a transaction of the journal.  What goes out: rows, and the messages
as they stand.
Why it is shaped so: a key is unique for ever, so a message cannot be written or claimed twice by anybody; and the states
a message may come to from each are a table, so that a late answer cannot undo an earlier one.
"""

from __future__ import annotations

import sqlite3
from math import nan
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from stratofold.adapters.nouns import READY, Message
from stratofold.adapters.rules import BEFORE, was_written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.embedded.store import Store

_COLUMNS = (  # the fields of a message, in their order
    "key, action, client_id, symbol, side, quantity, price, exposure, reduces, expires_at, body, state, epoch, answer,"
    " strategy"
)
_SETTLE = {
    state: f"UPDATE outbox SET state = '{state}', answer = ? WHERE key = ? AND book = ?"  # noqa: S608
    f" AND state IN ({', '.join(map(repr, before))})"
    for state, before in BEFORE.items()
}
_INSERT = f"INSERT INTO outbox (book, {_COLUMNS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608


def _message(row: tuple[Any, ...]) -> Message:
    """A message of a row; SQLite keeps a NaN as NULL."""
    values = list(row)
    values[5:8] = [nan if value is None else value for value in row[5:8]]
    values[8] = bool(row[8])
    return Message(*values)


class Outbox:
    """The outbox table."""

    def __init__(self, store: Store) -> None:
        """Of one store."""
        self._store = store

    def add(self, book: int, messages: Iterable[Message]) -> None:
        """Write messages in the state they have; raises Bug SF810 for a key that was written before."""
        rows = [(book, *astuple(each)) for each in messages]
        try:
            self._store.connection.executemany(_INSERT, rows)
        except sqlite3.IntegrityError as error:
            raise was_written(" or ".join(row[1] for row in rows)) from error

    def change(self, key: str, state: str, epoch: int, answer: str) -> None:
        """Bring a message to a state."""
        self._store.execute(
            "UPDATE outbox SET state = ?, epoch = ?, answer = ? WHERE key = ?", (state, epoch, answer, key)
        )

    def settle(self, book: int, key: str, state: str, answer: str) -> bool:
        """Write an answer where the table of states allows it; whether it did."""
        return self._store.execute(_SETTLE[state], (answer, key, book)).rowcount > 0

    def ready(self, book: int, keys: Iterable[str]) -> list[Message]:
        """Those of some messages that nobody has claimed or dropped."""
        found = [self.message(book, key) for key in keys]
        return [each for each in found if each is not None and each.state == READY]

    def message(self, book: int, key: str) -> Message | None:
        """One message of a book."""
        rows = self._store.read(f"SELECT {_COLUMNS} FROM outbox WHERE key = ? AND book = ?", (key, book))  # noqa: S608
        return _message(rows[0]) if rows else None

    def messages(self, book: int, states: tuple[str, ...]) -> list[Message]:
        """The messages of a book in some states (all of them if none is named), in the order written."""
        places = ", ".join("?" * len(states))
        among = f" AND state IN ({places})" if states else ""
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM outbox WHERE book = ?{among} ORDER BY number",  # noqa: S608
            (book, *states),
        )
        return [_message(row) for row in rows]
