"""Where lines go: an SQS queue or a Kinesis stream, several lines a message, in order within a book.

What comes in: lines of one book.  What goes out: messages whose order the service keeps: the queue's group, the stream's
partition, is the book.
Why it is shaped so: lines of one fetch travel in one message, so they arrive together, in their order, for the price of
one; a batch call could fail for the third entry and not for the fourth, which is another order.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stratofold.adapters.aws.client import Client

BATCH_MAX = 10  # that one request speaks of
MESSAGE_BYTES_MAX = 200_000  # SQS takes 256 KiB, Kinesis a mebibyte


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
