"""Where lines go: an SQS queue or a Kinesis stream, several lines a message, in order within a book.

What comes in: lines of one book.  What goes out: messages whose order the service keeps: the queue's group, the stream's
partition, is the book.
Why it is shaped so: lines of one fetch travel in one message, so they arrive together, in their order, for the price of
one; a batch call could fail for the third entry and not for the fourth, which is another order.  And a stack may go over
from one to the other while its book trades: what still waits there is heard before anything goes here.
"""

from __future__ import annotations

import base64
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.ports import Journal
    from stratofold.cloud.place import Outlet

BATCH_MAX = 10  # that one request speaks of
MESSAGE_BYTES_MAX = 200_000  # SQS takes 256 KiB, Kinesis a mebibyte
ROUTE, QUEUE, STREAM = (
    "route",
    "queue",
    "stream",
)  # the mark of a book's way, and the two there are; never written is the queue
HAND_OVER_SECONDS = 3.0  # until what went the other way is heard: AWS looks at a shard once a second


class QueueOutlet:
    """A queue by its address; a FIFO queue's group is the book, and what was sent in the last five minutes is left out."""

    def __init__(self, client: Client, url: str) -> None:
        """Nothing is sent yet."""
        self._client = client
        self._url = url

    def put(self, book: str, lines: Sequence[str]) -> None:
        """See `place.Outlet`; raises AwsError."""
        for body in bodies(lines):
            payload = {"QueueUrl": self._url, "MessageBody": body}
            if self._url.endswith(".fifo"):
                identity = sha256(body.encode()).hexdigest()
                payload |= {"MessageGroupId": book, "MessageDeduplicationId": identity}
            self._client.json("sqs", "SendMessage", payload)

    def show(self, receipts: Sequence[str]) -> None:
        """Have messages that were received be there again now, in their order; raises AwsError."""
        for begin in range(0, len(receipts), BATCH_MAX):
            entries = [
                {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for place, receipt in enumerate(receipts[begin : begin + BATCH_MAX])
            ]
            self._client.json("sqs", "ChangeMessageVisibilityBatch", {"QueueUrl": self._url, "Entries": entries})


class StreamOutlet:
    """A stream by its name; the partition is the book."""

    def __init__(self, client: Client, name: str) -> None:
        """Nothing is sent yet."""
        self._client = client
        self._name = name

    def put(self, book: str, lines: Sequence[str]) -> None:
        """See `place.Outlet`; raises AwsError."""
        for body in bodies(lines):
            data = base64.b64encode(body.encode()).decode()
            self._client.json("kinesis", "PutRecord", {"StreamName": self._name, "PartitionKey": book, "Data": data})


class Route:
    """One of the two ways, which takes a book over from the other when that has been heard to its end."""

    def __init__(self, outlet: Outlet, way: str, journal: Journal, sleep: Callable[[float], None] = time.sleep) -> None:
        """Nobody has been asked yet which way the book's lines go."""
        self._outlet = outlet
        self._way = way
        self._journal = journal
        self._sleep = sleep
        self._ours: set[str] = set()

    def put(self, book: str, lines: Sequence[str]) -> None:
        """See `place.Outlet`; waits before the first line that goes another way than the one before it.  Raises AwsError."""
        if book not in self._ours and self._takes_over(book):
            self._ours.add(book)
        self._outlet.put(book, lines)

    def _takes_over(self, book: str) -> bool:
        """Whether the book is there, and its lines go this way from now on."""
        if (self._journal.mark(book, ROUTE) or QUEUE) == self._way:
            return True
        try:
            self._journal.head(book)
        except Setup:
            return False  # a line for a book that is not there: `decide` says so
        self._sleep(HAND_OVER_SECONDS)
        self._journal.mark(book, ROUTE, self._way)
        return True


def bodies(lines: Sequence[str]) -> Iterator[str]:
    """Lines as few messages, in their order."""
    held: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if held and size + length > MESSAGE_BYTES_MAX:
            yield "\n".join(held)
            held, size = [], 0
        held.append(line)
        size += length
    if held:
        yield "\n".join(held)
