"""What a step writes beyond a hundred items: written down as one item first, then put where it belongs.

What comes in: a transaction that is too large for DynamoDB.  What goes out: one that is not, and the rest as an item of its
own, named in the book's head.
Why it is shaped so: a portfolio of two hundred symbols may send two hundred orders in one step, and DynamoDB takes a hundred
items at once.  The head says that something is pending, and nobody writes to a book, or reads its messages, before that is
done: whoever reads the head does it.  Each part of it is written once, since it holds only while the head still says so,
and a message only where none is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import compress, decompress

from stratofold.adapters.aws.table import ITEMS_MAX, Key, Words, wrapped_key

if TYPE_CHECKING:
    from stratofold.adapters.aws.spill import Spill
    from stratofold.adapters.aws.table import Table, Transaction

BYTES_MAX = 350_000
PART = ITEMS_MAX - 1  # beside the head, which every part is held to


def pending_key(book: str, sequence: int) -> Key:
    """Where the rest of the append is that ended with a sequence."""
    return Key(f"book/{book}", f"pending/{sequence:016d}")


def defer(transaction: Transaction, spill: Spill, key: Key) -> None:
    """Move what may come later out of a transaction, into one item of it."""
    later = [place for place, write in transaction.writes.items() if write.later]
    rest = [transaction.writes.pop(place) for place in later]
    data = compress(json.dumps([{each.verb: each.request} for each in rest]).encode())
    # It is gone in a moment, so it may be as large as an item can be; and who sends needs no right to the bucket then.
    held = {"data": data} if len(data) <= BYTES_MAX else spill.keep(data)
    transaction.put(key, {"count": len(rest), **held})


def finish(table: Table, spill: Spill, head: Key, key: Key) -> None:
    """Put the rest of an append where it belongs, unless somebody has; then the head says nothing of it any more."""
    item = table.get(key)
    if item is None:
        return
    rest: list[dict[str, Any]] = json.loads(decompress(spill.read(item)))
    sequence = int(key.sk.partition("/")[2])
    for first in range(0, len(rest), PART):
        # A part that is refused was written by another, or nothing is pending any more.
        table.transact([_check(head, sequence), *rest[first : first + PART]])
    words = Words()
    condition = words.where({"pending": sequence})
    update = {
        "Key": wrapped_key(head),
        "UpdateExpression": f"REMOVE {words.name('pending')}",
        "ConditionExpression": condition,
        **words.parts(),
    }
    table.transact([{"Update": update}, {"Delete": {"Key": wrapped_key(key)}}])


def _check(head: Key, sequence: int) -> dict[str, Any]:
    """The condition that something is still pending."""
    words = Words()
    condition = words.where({"pending": sequence})
    return {"ConditionCheck": {"Key": wrapped_key(head), "ConditionExpression": condition, **words.parts()}}
