"""Messages for the venue: written once by key, claimed once, answered.

What comes in: messages, claims and answers, inside a transaction of the journal.  What goes out: rows, and the messages
as they stand.
Why it is shaped so: a key is unique for ever, so a message cannot be written or claimed twice by anybody; and the states
a message may come to from each are a table, so that a late answer cannot undo an earlier one.  What is not settled is few
and asked for often, so it is remembered until another process has committed.  In the file, what is claimed is found from
the number on that the book's row says (`Place.open_from`), since each message would have to change an index twice; an index
has only what may stay as it is for long.
"""

from __future__ import annotations

import sqlite3
from math import nan
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple, replace

from stratofold.adapters.embedded.schema import IS_LEFT
from stratofold.adapters.nouns import ACCEPTED, CLAIMED, READY, REJECTED, Message
from stratofold.adapters.rules import BEFORE, was_written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.embedded.places import Place
    from stratofold.adapters.embedded.store import Store

_COLUMNS = (  # the fields of a message, in their order
    "key, action, client_id, symbol, side, quantity, price, exposure, reduces, expires_at, body, state, epoch, answer,"
    " strategy"
)
_INSERT = f"INSERT INTO outbox (number, book, {_COLUMNS}) VALUES ({', '.join('?' * 17)})"  # noqa: S608
_SETTLED = frozenset((ACCEPTED, REJECTED))
_CLAIMABLE = frozenset((READY, CLAIMED))


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
        self._open: dict[int, dict[str, tuple[int, Message]]] = {}  # by book, then by key, in order, with their numbers
        self._last = -1  # the highest number there is; below 0 it is not known
        store.forgets.append(self._forget)

    def _forget(self) -> None:
        self._open.clear()
        self._last = -1

    def add(self, place: Place, messages: Iterable[Message]) -> None:
        """Write messages in the state they have; raises Bug SF810 for a key that was written before."""
        open_, number, rows = self._opened(place), self._newest(), []
        for number, each in enumerate(messages, number + 1):  # noqa: B020  it goes on from there
            rows.append((number, place.number, *astuple(each)))
            if each.state not in _SETTLED:  # a book that moves here brings those that are
                open_[each.key] = number, each
        try:
            self._store.connection.executemany(_INSERT, rows)
        except sqlite3.IntegrityError as error:
            raise was_written(" or ".join(row[2] for row in rows)) from error
        self._last = number
        self._note(place, open_)

    def change(self, place: Place, message: Message) -> None:
        """Bring a message that is not settled to another state."""
        self._change(place, self._opened(place)[message.key][0], message)

    def _change(self, place: Place, number: int, message: Message) -> None:
        open_ = self._opened(place)
        self._store.execute(
            "UPDATE outbox SET state = ?, epoch = ?, answer = ? WHERE number = ?",
            (message.state, message.epoch, message.answer, number),
        )
        if message.state in _SETTLED:
            open_.pop(message.key, None)
        elif message.key in open_:
            open_[message.key] = number, message
        else:
            del self._open[place.number]  # they are in order: it is read again where it belongs
        self._note(place, open_)

    def settle(self, place: Place, key: str, state: str, answer: str) -> Message | None:
        """Write an answer where the table of states allows it; the message as it stands then, None where it does not.

        The row has the last word: an answer is not lost because a message is not among those that are looked for.
        """
        number, message = self._opened(place).get(key) or self._found(place, key)
        if message is None or message.state not in BEFORE[state]:
            return None
        message = replace(message, state=state, answer=answer)
        self._change(place, number, message)
        return message

    def ready(self, place: Place, keys: Iterable[str]) -> list[Message]:
        """Those of some messages that nobody has claimed or dropped."""
        open_ = self._opened(place)
        found = [open_[key][1] for key in keys if key in open_]
        return [each for each in found if each.state == READY]

    def message(self, place: Place, key: str) -> Message | None:
        """One message of a book."""
        return self._found(place, key)[1]

    def _found(self, place: Place, key: str) -> tuple[int, Message | None]:
        """A message of a book with its number, wherever it stands."""
        rows = self._store.read(
            f"SELECT number, {_COLUMNS} FROM outbox WHERE key = ? AND book = ?",  # noqa: S608
            (key, place.number),
        )
        return (rows[0][0], _message(rows[0][1:])) if rows else (0, None)

    def messages(self, place: Place, states: tuple[str, ...]) -> list[Message]:
        """The messages of a book in some states (all of them if none is named), in the order written.

        The place must have been looked up since another process committed: it says where to look for what is claimed.
        """
        if states and _SETTLED.isdisjoint(states):
            return [each for _, each in self._opened(place).values() if each.state in states]
        rows = self._rows("book = ?", (place.number,))
        return [each for _, each in rows if not states or each.state in states]

    def _opened(self, place: Place) -> dict[str, tuple[int, Message]]:
        """What is not settled, by key, with its number."""
        found = self._open.get(place.number)
        if found is None:
            rows = self._rows(f"book = ? AND {IS_LEFT}", (place.number,))
            rows += self._rows("book = ? AND number >= ? AND state = 'claimed'", (place.number, place.open_from))
            rows.sort(key=itemgetter(0))
            found = self._open[place.number] = {each.key: (number, each) for number, each in rows}
        return found

    def _note(self, place: Place, open_: dict[str, tuple[int, Message]]) -> None:
        """Have the book's row say from which number on something is claimed, or may be by who does not say so here.

        A process of an older release may run on beside this one: it knows no such number, and claims what is ready.
        """
        for number, message in open_.values():
            if message.state in _CLAIMABLE:
                place.open_from = number
                return
        place.open_from = self._newest() + 1

    def _newest(self) -> int:
        """The highest number there is, 0 for none."""
        if self._last < 0:
            ((self._last,),) = self._store.read("SELECT coalesce(max(number), 0) FROM outbox")
        return self._last

    def _rows(self, condition: str, values: tuple[int, ...]) -> list[tuple[int, Message]]:
        """Messages with their numbers, in the order written."""
        rows = self._store.read(
            f"SELECT number, {_COLUMNS} FROM outbox WHERE {condition} ORDER BY number",  # noqa: S608
            values,
        )
        return [(row[0], _message(row[1:])) for row in rows]
