"""Messages for the venue as items: written once by key, claimed once, answered.

What comes in: messages, claims and answers, for a transaction of the journal.  What goes out: writes, and the messages as
they stand.
Why it is shaped so: a key is an item that is never taken away, so a message cannot be written twice by anybody; and each
change of state holds only from the state that was seen, so it cannot be claimed twice either.  What is still open carries
the attribute that the local index sorts by, so listing it reads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.aws.places import digits
from stratofold.adapters.aws.table import NEW, OPEN, Key, amount
from stratofold.adapters.nouns import CLAIMED, DROPPED, READY, UNKNOWN, Message
from stratofold.adapters.rules import BEFORE, settled, was_never_written, was_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stratofold.adapters.aws.table import Item, Table, Transaction

# States that somebody still has to do something about.
WAITING = frozenset({READY, CLAIMED, UNKNOWN, DROPPED})
# What is remembered is dropped when there are so many; it only spares reading a message between its claim and its answer.
REMEMBERED_MAX = 1_000


def message_key(book: str, key: str) -> Key:
    """Where a message is."""
    return Key(f"outbox/{book}", key)


def item_of(message: Message, number: str) -> Item:
    """A message as attributes; amounts are text, and so is one that is not stated."""
    return {
        "number": number, "action": message.action, "client_id": message.client_id, "symbol": message.symbol,
        "side": message.side, "quantity": repr(message.quantity), "price": repr(message.price),
        "exposure": repr(message.exposure), "reduces": bool(message.reduces), "expires_at": message.expires_at,
        "body": message.body, "strategy": message.strategy, **_standing(message, number),
    }  # fmt: skip


def _standing(message: Message, number: str) -> Item:
    """The attributes that change with a message's state."""
    opened = {OPEN: f"{message.state}#{number}"} if message.state in WAITING else {}
    return {"state": message.state, "epoch": message.epoch, "answer": message.answer, **opened}


def message_of(item: Item) -> Message:
    """An item's message; `item` may come from the table or from its stream."""
    return Message(
        item["sk"], item["action"], item["client_id"], item["symbol"], item["side"], amount(item["quantity"]),
        amount(item["price"]), amount(item["exposure"]), item["reduces"], item["expires_at"], item["body"], item["state"],
        item["epoch"], item["answer"], item["strategy"],
    )  # fmt: skip


class Outbox:
    """The messages of a table's books."""

    def __init__(self, table: Table) -> None:
        """Nothing is remembered yet."""
        self._table = table
        self._items: dict[Key, Item] = {}

    def forget(self) -> None:
        """Only the table knows now."""
        self._items.clear()

    def add(self, transaction: Transaction, book: str, messages: Iterable[Message], sequence: int) -> None:
        """Write messages in the state they have; raises Bug SF810 for a key that was written before."""
        written = list(messages)
        # What comes later can no longer refuse the step, so one that is there already stays with what comes now.
        known = self._table.get_many(message_key(book, each.key) for each in written) if transaction.defers else {}
        refusing = next(iter(known), None)
        for place, each in enumerate(written):
            key = message_key(book, each.key)
            if key in transaction.writes:
                raise was_written(each.key)
            item = item_of(each, f"{digits(sequence)}.{place:03d}")
            transaction.put(key, item, NEW, self._known(each.key), later=key != refusing)
            transaction.done.append(self._rememberer(key, item))

    def _known(self, key: str) -> Callable[[Item | None], None]:
        def known(_: Item | None) -> None:
            raise was_written(key)

        return known

    def _rememberer(self, key: Key, item: Item) -> Callable[[], None]:
        def remember() -> None:
            if len(self._items) >= REMEMBERED_MAX:
                self._items.clear()
            self._items[key] = {**item, **key._asdict()}

        return remember

    def _learner(self, key: Key) -> Callable[[Item | None], None]:
        def learn(item: Item | None) -> None:
            self._items.pop(key, None)
            if item is not None:
                self._rememberer(key, item)()

        return learn

    def change(self, transaction: Transaction, book: str, message: Message) -> None:
        """Bring a message to the state it has here, if it still has the state that is remembered of it."""
        key = message_key(book, message.key)
        held = self._items[key]
        values = _standing(message, held["number"])
        closed = () if OPEN in values else (OPEN,)
        transaction.change(key, values, {"state": held["state"]}, self._learner(key), without=closed)
        after = {name: value for name, value in held.items() if name != OPEN}
        transaction.staged[key] = {**after, **values}
        transaction.done.append(self._rememberer(key, {**after, **values}))

    def settle(self, transaction: Transaction, book: str, key: str, state: str, answer: str) -> Message | None:
        """Write an answer where the table of states allows it: the message as it is then, or None; raises Bug SF815."""
        held = self._held(transaction, book, key, state)
        if held.state not in BEFORE[state]:
            return None
        after = settled(held, state, held.epoch, answer)
        self.change(transaction, book, after)
        return after

    def _held(self, transaction: Transaction, book: str, key: str, state: str) -> Message:
        """A message to be answered; read, unless what is remembered allows the answer."""
        place = message_key(book, key)
        if place in transaction.staged:
            return message_of(transaction.staged[place])
        held = self._items.get(place)
        if held is None or held["state"] not in BEFORE[state]:
            held = self._table.get(place)
            if held is None:
                raise was_never_written(book, key)
            self._rememberer(place, held)()
        return message_of(held)

    def ready(self, book: str, keys: Sequence[str]) -> list[Message]:
        """Those of some messages that nobody has claimed or dropped, as remembered."""
        held = [self._items.get(message_key(book, key)) for key in dict.fromkeys(keys)]
        return [message_of(item) for item in held if item is not None and item["state"] == READY]

    def learn(self, items: Iterable[Item]) -> None:
        """Messages as they are now."""
        for item in items:
            self._rememberer(Key(item["pk"], item["sk"]), item)()

    def messages(self, book: str, states: tuple[str, ...]) -> list[Message]:
        """The messages of a book in some states (all of them if none is named), in the order written."""
        among = set(states)
        waiting = bool(among) and among <= WAITING
        start = f"{states[0]}#" if waiting and len(among) == 1 else ""
        items = self._table.begins(f"outbox/{book}", start, index=waiting)
        found = [item for item in items if not among or item["state"] in among]
        return [message_of(item) for item in sorted(found, key=lambda item: str(item["number"]))]
