"""Where each book stands, and its chain of records, as items.

What comes in: records to append under a condition.  What goes out: writes of a transaction, and the book's head as it will
be; or the refusal of a writer that is fenced or late.
Why it is shaped so: the head is remembered between appends, and the transaction holds only if it still is as remembered.
Where it is not, its refusal brings the head as it is, so an append alone costs one request, and a lost race two.
The records of one append are one item: an item costs by the kilobyte, and a record is a third of one.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import structs

from stratofold.adapters.aws.pending import finish, pending_key
from stratofold.adapters.aws.table import NEW, SCHEMA, Key
from stratofold.adapters.nouns import Head, Record
from stratofold.adapters.rules import check_names, is_kept, is_missing, refuse, was_there
from stratofold.chain import GENESIS, link
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.adapters.aws.hot import Hot
    from stratofold.adapters.aws.spill import Spill
    from stratofold.adapters.aws.table import Item, Table, Transaction
    from stratofold.adapters.nouns import Entry

# Numbers of records that share a partition; what one append writes lies where its last record does.
BLOCK = 65_536
RECORDS_MAX = 16_384  # of one append
# With a hot store, steps from one snapshot that is kept for good to the next: what a reload without it folds at most.
DURABLE_STEPS = 100
HOT_PREFIX = "stratofold/state/"
REGISTRY = Key("stack", "books")

Row = tuple[str, bytes, bytes, bytes]
_rows = msgspec.msgpack.Decoder(list[Row])


class Place(NamedTuple):
    """A book as remembered: its head, the steps of which there are snapshots, and what the hot store has of it.

    `hot` is a step, the sequence then, and the hash of the state.  `pending` is the sequence of an append of which a part
    is still to be put where it belongs (0: none).
    """

    head: Head
    snapshots: tuple[int, ...] = ()
    hot: tuple[int, int, str] | None = None
    pending: int = 0


def head_key(book: str) -> Key:
    """Where a book's head is."""
    return Key(f"book/{book}", "head")


def digits(number: int) -> str:
    """A number as text that sorts as it does."""
    return f"{number:016d}"


def records_key(book: str, last: int) -> Key:
    """Where the records of an append are, whose last has this number."""
    return Key(f"records/{book}/{last // BLOCK}", digits(last))


def _snapshot_key(book: str, step: int) -> Key:
    return Key(f"book/{book}", f"snapshot/{digits(step)}")


def place_of(item: Item) -> Place:
    """A head's item, read; raises Stop SF806 when newer code wrote it."""
    if item["version"] > SCHEMA:
        raise Stop(
            "SF806",
            f"the journal was written by a newer stratofold (schema {item['version']}, this one knows {SCHEMA})",
            place=item["pk"],
            why="older code would not see what newer code has promised",
            fix="upgrade stratofold to at least the version that wrote it",
        )
    head = Head(
        item["pk"].partition("/")[2], item["account"], item["generation"], item["epoch"], item["sequence"],
        item["step"], item["chain"], item["holder"],
    )  # fmt: skip
    return Place(head, tuple(item["snapshots"]), tuple(item["hot"]) if "hot" in item else None, item.get("pending", 0))


class Places:
    """The heads, records and snapshots of a table's books."""

    def __init__(self, table: Table, spill: Spill, hot: Hot | None) -> None:
        """Nothing is remembered yet."""
        self._table = table
        self._spill = spill
        self._hot = hot
        self._places: dict[str, Place] = {}

    def add(self, transaction: Transaction, book: str, account: str, generation: str, entries: Sequence[Entry]) -> Head:
        """A new book with its first records; raises Setup SF804 where it, or its generation, was there before."""
        check_names(book, generation)

        def known(_: Item | None) -> None:
            raise was_there(book, account, generation)

        place, rows = _linked(Place(Head(book, account, generation, 0, 0, 0, GENESIS)), entries)
        held = {
            "account": account, "generation": generation, "epoch": 0, "sequence": place.head.sequence, "step": 0,
            "chain": place.head.chain, "holder": "", "taken": 0, "snapshots": [], "version": SCHEMA, "by": transaction.by,
        }  # fmt: skip
        transaction.put(head_key(book), held, NEW, known)
        transaction.put(Key(f"account/{account}", f"generation/{generation}"), {"book": book}, NEW, known)
        names = self._names()
        values = {"names": [*names, book], "count": len(names) + 1}
        transaction.change(REGISTRY, values, {"count": len(names) or None}, lambda _: None)
        self._write(transaction, place.head, rows)
        transaction.done.append(lambda: self._remember(place))
        transaction.moves[REGISTRY] = 1
        return place.head

    def known(self) -> list[Head]:
        """The books that are remembered."""
        return [place.head for place in self._places.values()]

    def account(self, book: str) -> str:
        """The account of a book that is remembered; empty for another."""
        place = self._places.get(book)
        return place.head.account if place else ""

    def _names(self) -> list[str]:
        return list((self._table.get(REGISTRY) or {}).get("names", ()))

    def heads(self) -> list[Head]:
        """Every book, in the order created."""
        keys = [head_key(name) for name in self._names()]
        found = self._table.get_many(keys)
        return [place_of(found[key]).head for key in keys]

    def place(self, book: str) -> Place:
        """A book as remembered, or as read now; raises Setup SF805 for one that is not there."""
        return self._places.get(book) or self.reload(book)

    def reload(self, book: str) -> Place:
        """A book as the table has it; raises Setup SF805 for one that is not there."""
        return self.learn(book, self._table.get(head_key(book)))

    def learn(self, book: str, item: Item | None) -> Place:
        """A book as its head's item says, remembered."""
        if item is None:
            raise is_missing(book, self._table.name)
        return self._remember(place_of(item))

    def finished(self, book: str) -> bool:
        """Do what an append has left for later, if anything; whether there was.  Raises as `Table.commit` does."""
        place = self.place(book)
        if not place.pending:
            return False
        finish(self._table, self._spill, head_key(book), pending_key(book, place.pending))
        self._remember(place._replace(pending=0))
        return True

    def _remember(self, place: Place) -> Place:
        self._places[place.head.book] = place
        return place

    def forget(self, book: str | None = None) -> None:
        """Another will have written when this book is written next, so reading it first is cheaper than losing a race."""
        if book is None:
            self._places.clear()
        else:
            self._places.pop(book, None)

    def take(self, transaction: Transaction, book: str, holder: str, time: int) -> Head:
        """Raise the epoch."""
        place = self.reload(book)
        head = structs.replace(place.head, epoch=place.head.epoch + 1, holder=holder)
        values = {"epoch": head.epoch, "holder": holder, "taken": time, "by": transaction.by}
        # Records may come in between, but not another writer.
        where = {"epoch": place.head.epoch}
        transaction.change(head_key(book), values, where, self._learner(book))
        transaction.done.append(lambda: self._remember(place._replace(head=head)))
        transaction.moves[head_key(book)] = 1
        return head

    def _learner(self, book: str) -> Callable[[Item | None], None]:
        def learn(item: Item | None) -> None:
            self.learn(book, item)

        return learn

    def extend(
        self,
        transaction: Transaction,
        book: str,
        entries: Sequence[Entry],
        epoch: int | None = None,
        step: int | None = None,
        steps: int = 0,
        snapshot: bytes | None = None,
    ) -> Head:
        """Append records; under `epoch` and at `step` when they are given, and `steps` further then; the head after it."""
        before = self.place(book)
        if epoch is not None:
            if before.head.epoch != epoch or (step is not None and before.head.step != step):
                # What was remembered is old, or the writer is.
                refuse(self.reload(book).head, epoch, step)
            # A note may come in between; a step, or a claim, may not.
            self.finished(book)
            before = self.place(book)
        was = before.head
        after, rows = _linked(before, entries, steps)
        if snapshot is not None and self._hot is not None:
            after = self._warm(transaction, after, snapshot)
            snapshot = snapshot if _is_due(after) else None
        if snapshot is not None:
            after = self._thinned(after)
        values: dict[str, Any] = {
            "sequence": after.head.sequence,
            "step": after.head.step,
            "chain": after.head.chain,
            "by": transaction.by,
        }
        if snapshot is not None:
            values["snapshots"] = list(after.snapshots)
        if after.hot is not None and after.hot != before.hot:
            values["hot"] = list(after.hot)
        where = {"epoch": was.epoch, "step": was.step, "sequence": was.sequence, "pending": before.pending or None}
        if transaction.defers:
            after = after._replace(pending=after.head.sequence)
            values["pending"] = after.pending
            transaction.rest = pending_key(book, after.pending)
        transaction.change(head_key(book), values, where, self._learner(book))
        self._write(transaction, after.head, rows)
        if snapshot is not None:
            self._keep(transaction, after.head, snapshot, set(before.snapshots) - set(after.snapshots))
        transaction.done.append(lambda: self._remember(after))
        if transaction.defers:
            transaction.done.append(lambda: self.finished(book))
        transaction.moves[head_key(book)] = after.head.sequence - was.sequence + steps
        return after.head

    def _write(self, transaction: Transaction, head: Head, rows: Sequence[Row]) -> None:
        """The item of an append's records, the last of which is at the head; raises Setup SF860 for too many."""
        if not rows:
            return
        if len(rows) > RECORDS_MAX:
            raise Setup(
                "SF860", f"{len(rows):,} records are too many for one append", fix=f"append {RECORDS_MAX:,} at once"
            )
        kinds = " ".join(sorted({kind for kind, *_ in rows}))
        data = self._spill.keep(msgspec.msgpack.encode(rows))
        key = records_key(head.book, head.sequence)
        transaction.put(key, {"count": len(rows), "kinds": kinds, "chain": head.chain, **data})
        transaction.proof = (key, "chain", head.chain)

    def _thinned(self, place: Place) -> Place:
        """The place with a snapshot at its head, and without those that are too close together then."""
        step = place.head.step
        stay = tuple(each for each in place.snapshots if each < step and is_kept(each, step))
        return place._replace(snapshots=(*stay, step))

    def _warm(self, transaction: Transaction, place: Place, state: bytes) -> Place:
        """The place with its state in the hot store, which is told when the head has the hash."""
        digest = sha256(state).hexdigest()
        if self._hot is not None:
            transaction.done.append(partial(self._hot.put, HOT_PREFIX + digest, state))
        return place._replace(hot=(place.head.step, place.head.sequence, digest))

    def _keep(self, transaction: Transaction, head: Head, state: bytes, gone: set[int]) -> None:
        """A snapshot of the state at the book's head; older ones that are too close together go."""
        item = {"sequence": head.sequence, **self._spill.keep(state)}
        transaction.put(_snapshot_key(head.book, head.step), item)
        for step in gone - {head.step}:
            transaction.delete(_snapshot_key(head.book, step))

    def kept(self, book: str, until: int | None) -> tuple[int, int, bytes] | None:
        """The last snapshot not after step `until`."""
        place = self.reload(book)
        found = self._warmed(place, until)
        if found is not None:
            return found
        for step in reversed(place.snapshots):
            if until is None or step <= until:
                item = self._table.get(_snapshot_key(book, step))
                # One that is gone was thinned between the two reads; the one before it serves as well.
                if item is not None:
                    return step, item["sequence"], self._spill.read(item)
        return None

    def _warmed(self, place: Place, until: int | None) -> tuple[int, int, bytes] | None:
        """What the hot store has, if it is what the head says of it and nothing later is kept for good."""
        if self._hot is None or place.hot is None:
            return None
        step, sequence, digest = place.hot
        if (until is not None and step > until) or step < max(place.snapshots, default=0):
            return None
        state = self._hot.get(HOT_PREFIX + digest)
        return (step, sequence, state) if state is not None and sha256(state).hexdigest() == digest else None

    def records(self, book: str, after: int, limit: int) -> Iterator[Record]:
        """Records after a sequence, a page at a time; without `limit`, to the end as it is when the page is read."""
        self.place(book)
        left = limit or -1
        block = (after + 1) // BLOCK
        # What one append wrote may begin in one partition and lie in the next.
        while left and block <= (after + RECORDS_MAX) // BLOCK:
            began = after
            for record in islice(self._block(book, block, after), left if left > 0 else None):
                after = record.sequence
                left -= 1 if left > 0 else 0
                yield record
            # The same partition again only where this process has written to the book meanwhile.
            if after == began or self.place(book).head.sequence <= after:
                block += 1

    def _block(self, book: str, block: int, after: int) -> Iterator[Record]:
        """The records of a partition after a sequence."""
        for item in self._table.between(f"records/{book}/{block}", digits(after + 1), digits(10**16 - 1)):
            last = int(item["sk"])
            rows = _rows.decode(self._spill.read(item))
            for sequence, row in enumerate(rows, last - len(rows) + 1):
                if sequence > after:
                    yield Record(book, sequence, *row)


def _is_due(place: Place) -> bool:
    """Whether a snapshot is kept for good as well: the first, and then one in so many steps."""
    last = place.snapshots[-1] if place.snapshots else -1
    return place.head.step // DURABLE_STEPS != last // DURABLE_STEPS


def _linked(place: Place, entries: Sequence[Entry], steps: int = 0) -> tuple[Place, list[Row]]:
    """The place after some records and steps, and the records' rows."""
    was = place.head
    sequence, chain = was.sequence, was.chain
    rows = []
    for entry in entries:
        sequence += 1
        chain = link(chain, sequence, entry.kind, entry.body, entry.envelope)
        rows.append((entry.kind, entry.body, entry.envelope, chain))
    head = structs.replace(was, sequence=sequence, step=was.step + steps, chain=chain)
    return Place(head, place.snapshots, place.hot, place.pending), rows
