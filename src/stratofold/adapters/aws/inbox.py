"""What waits to be folded, as items: each thing once, by its identity, for ever.

What comes in: offers from streams, polls, webhooks and other processes, for a transaction of the journal.  What goes out:
writes, and those that nobody has handled, in the order they came.
Why it is shaped so: an identity is an item that is never taken away and has the number under which its thing waited; the
thing itself is an item that goes when it is handled, since the record of that step has it.  Numbers come from one counter,
which lies beside them, so that whoever may only offer needs no access to the book.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from stratofold.adapters.aws.places import digits
from stratofold.adapters.aws.table import NEW, THERE, Key
from stratofold.adapters.nouns import Offer
from stratofold.adapters.rules import was_handled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stratofold.adapters.aws.table import Item, Table, Transaction

# As many as one transaction can handle beside the rest of an append, or take in at once.
TOGETHER_MAX = 40
REMEMBERED_MAX = 10_000
KEY_BYTES_MAX = 1_000


def counter_key(book: str) -> Key:
    """Where the last number given is; it sorts after the numbers."""
    return Key(f"inbox/{book}", "last")


def waiting_key(book: str, number: int) -> Key:
    """Where a thing waits."""
    return Key(f"inbox/{book}", digits(number))


def seen_key(book: str, source: str, identity: str) -> Key:
    """Where an identity is known; one that is too long for a key is known by its hash."""
    if len(identity.encode()) > KEY_BYTES_MAX:
        identity = f"sha256={sha256(identity.encode()).hexdigest()}"
    return Key(f"seen/{book}/{source}", f"={identity}")


def everything_waiting(table: Table, book: str) -> list[Offer]:
    """All that nobody has handled, in the order it came: more than one append can handle, for a book that moves."""
    return [_offer(item) for item in table.between(f"inbox/{book}", digits(0), digits(10**16 - 1))]


def _offer(item: Item) -> Offer:
    """A thing that waits."""
    return Offer(int(item["sk"]), item["source"], item["identity"], item["body"])


class Inbox:
    """The inboxes of a table's books."""

    def __init__(self, table: Table) -> None:
        """Nothing is remembered yet."""
        self._table = table
        self._last: dict[str, int] = {}
        self._seen: dict[Key, int] = {}  # the number under which an identity waited; 0 when it never did

    def forget(self) -> None:
        """Only the table knows now; what was seen stays seen."""
        self._last.clear()

    def add(self, transaction: Transaction, book: str, offers: Iterable[Offer]) -> int:
        """Keep what is new, as far as is remembered; how many are."""
        new = {seen_key(book, each.source, each.identity): each for each in reversed(list(offers))}
        fresh = [(key, each) for key, each in reversed(new.items()) if key not in self._seen]
        if not fresh:
            return 0
        last = self._counted(book)
        self._count(transaction, book, last, last + len(fresh))
        for number, (key, each) in enumerate(fresh, last + 1):
            transaction.put(key, {"number": number}, NEW, self._learner(key))
            body = {"source": each.source, "identity": each.identity, "body": each.body}
            transaction.put(waiting_key(book, number), body)
            transaction.done.append(self._rememberer(key, number))
        return len(fresh)

    def learn(self, book: str, counter: Item | None) -> None:
        """The last number given, as it is now."""
        self._last[book] = counter["last"] if counter else 0

    def _counted(self, book: str) -> int:
        """The last number given, as remembered or as read now."""
        if book not in self._last:
            self.learn(book, self._table.get(counter_key(book)))
        return self._last[book]

    def _count(self, transaction: Transaction, book: str, last: int, after: int) -> None:
        def learn(item: Item | None) -> None:
            self.learn(book, item)

        values = {"last": after, "by": transaction.by}
        transaction.put(counter_key(book), values, {"last": last or None}, learn)
        transaction.done.append(lambda: self._last.update({book: after}))
        transaction.moves[counter_key(book)] = after - last

    def _rememberer(self, key: Key, number: int) -> Callable[[], None]:
        def remember() -> None:
            if len(self._seen) >= REMEMBERED_MAX:
                self._seen.clear()
            self._seen[key] = number

        return remember

    def _learner(self, key: Key) -> Callable[[Item | None], None]:
        def learn(item: Item | None) -> None:
            if item is not None:
                self._rememberer(key, item["number"])()

        return learn

    def handle(self, transaction: Transaction, book: str, numbers: Sequence[int]) -> None:
        """Take out what a step has folded; raises Retry SF802 when somebody has done so before."""
        for number in numbers:
            transaction.delete(waiting_key(book, number), THERE, self._gone(number))

    def _gone(self, number: int) -> Callable[[Item | None], None]:
        def gone(_: Item | None) -> None:
            raise was_handled(number)

        return gone

    def hear(self, transaction: Transaction, book: str, offers: Iterable[Offer]) -> None:
        """Know what a step has folded that did not wait here; raises Retry SF802 when somebody has folded it before."""
        for each in offers:
            key = seen_key(book, each.source, each.identity)
            number = self._seen.get(key, 0)
            if key in transaction.writes:
                # This very append has offered it.
                number = int(transaction.writes[key].request["Item"]["number"]["N"])
                if transaction.writes.pop(waiting_key(book, number), None) is None:
                    raise was_handled(number)
            elif number:
                self.handle(transaction, book, [number])
            elif key in self._seen:
                raise was_handled(number)
            else:
                transaction.put(key, {"number": 0}, NEW, self._learner(key))
                transaction.done.append(self._rememberer(key, 0))

    def look(self, book: str, offers: Iterable[Offer]) -> None:
        """Remember which of some offers are known, and the last number given, in one request."""
        keys = [seen_key(book, each.source, each.identity) for each in offers]
        unknown = [key for key in keys if key not in self._seen]
        if not unknown:
            return
        found = self._table.get_many([counter_key(book), *unknown])
        self.learn(book, found.pop(counter_key(book), None))
        for key, item in found.items():
            self._rememberer(key, item["number"])()

    def fresh(self, book: str, offers: Sequence[Offer]) -> list[Offer]:
        """Those that nobody knows."""
        self.look(book, offers)
        return [each for each in offers if seen_key(book, each.source, each.identity) not in self._seen]

    def waiting(self, book: str, limit: int) -> list[Offer]:
        """What nobody has handled: never more at once than one append can handle."""
        items = self._table.between(f"inbox/{book}", digits(0), digits(10**16 - 1), min(limit, TOGETHER_MAX))
        return [_offer(item) for item in items]
