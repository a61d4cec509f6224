"""Reads a queue and has its messages handled: what was handled is deleted, what failed comes again.

What comes in: a mapping.  What goes out: batches, given to the function.
Why it is shaped so: the queue itself keeps the order of a group, and holds the group back while one of its messages is out;
so several may read at once.  What failed is left alone: it comes again when its time of invisibility is over, and goes to
the dead letters when it has come too often, which is the queue's to say.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", event shapes and partial answers included.
"""

from __future__ import annotations

import contextlib
import json
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

from stratofold.adapters.aws.answers import AwsError
from stratofold.cloud.local.batches import failures
from stratofold.cloud.local.filters import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.cloud.local.mapping import Mapping
    from stratofold.cloud.local.sandbox import Outcome
    from stratofold.cloud.local.wake import Wake

LOOK_SECONDS = 1.0
RECEIVE_MAX = 10
THROTTLED_SECONDS = 0.5
_Message = dict[str, Any]


class QueueSource:
    """One mapping of a queue, until its wake ends."""

    def __init__(self, aws: Client, mapping: Mapping, run: Callable[[str, bytes], Outcome], wake: Wake) -> None:
        """`run` runs a function with an event."""
        self._aws = aws
        self._mapping = mapping
        self._run = run
        self._wake = wake
        self._patterns = mapping.patterns
        name = mapping.source.rpartition(":")[2]
        self._url = aws.json("sqs", "GetQueueUrl", {"QueueName": name})["QueueUrl"]
        asked = {"QueueUrl": self._url, "AttributeNames": ["VisibilityTimeout"]}
        attributes = aws.json("sqs", "GetQueueAttributes", asked)["Attributes"]
        self._hidden_seconds = float(attributes.get("VisibilityTimeout", 30))

    def poll(self) -> None:
        """Read with as many readers as the mapping may have, until it is time to end."""
        readers = [Thread(target=self._read, daemon=True) for _ in range(self._mapping.parallel)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    def _read(self) -> None:
        """One reader."""
        self._wake.reads()
        while not self._wake.ended:
            seen = self._wake.count
            try:
                messages = self._receive()
                if messages:
                    self._handle(messages)
                else:
                    self._wake.found_nothing(seen)
                    self._wake.wait(seen, LOOK_SECONDS)
            except AwsError:
                self._wake.sleep(LOOK_SECONDS)

    def _receive(self) -> list[_Message]:
        """A batch, as full as the mapping's window lets it become."""
        end = time.monotonic() + self._mapping.window_seconds
        found: list[_Message] = []
        while len(found) < self._mapping.batch:
            seen = self._wake.count
            asked = {
                "QueueUrl": self._url,
                "MaxNumberOfMessages": min(RECEIVE_MAX, self._mapping.batch - len(found)),
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            }
            more = self._aws.json("sqs", "ReceiveMessage", asked).get("Messages", [])
            found += more
            left = end - time.monotonic()
            if left <= 0 and (not more or len(more) < RECEIVE_MAX):
                break
            if not more and not self._wake.wait(seen, left):
                break
        return found

    def _handle(self, messages: list[_Message]) -> None:
        """Have a batch handled, and delete what was."""
        records = [self._record(message) for message in messages]
        chosen = [record for record in records if self._wants(record)]
        kept = self._failed(chosen) if chosen else set()
        done = [record for record in records if record["messageId"] not in kept]
        for begin in range(0, len(done), RECEIVE_MAX):
            entries = [
                {"Id": str(place), "ReceiptHandle": record["receiptHandle"]}
                for place, record in enumerate(done[begin : begin + RECEIVE_MAX])
            ]
            self._aws.json("sqs", "DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries})

    def _failed(self, records: Sequence[_Message]) -> set[str]:
        """Run the function; the messages that were not handled.  A throttled one is run again while they are ours."""
        names = [record["messageId"] for record in records]
        payload = json.dumps({"Records": records}).encode()
        end = time.monotonic() + self._hidden_seconds
        outcome = self._run(self._mapping.function, payload)
        while outcome.throttled and time.monotonic() < end and self._wake.sleep(THROTTLED_SECONDS):
            outcome = self._run(self._mapping.function, payload)
        if not outcome.ok:
            return set(names)
        failed = failures(outcome, names, self._mapping)
        return set(names) if failed is None else failed

    def _record(self, message: _Message) -> _Message:
        """A message as a function sees it."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {key[:1].lower() + key[1:]: value for key, value in given.items()}
                for name, given in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.source,
            "awsRegion": self._mapping.source.split(":")[3],
        }

    def _wants(self, record: _Message) -> bool:
        """Whether the function wants a message; one that it does not is deleted, as AWS does."""
        if not self._patterns:
            return True
        seen = record
        with contextlib.suppress(ValueError):
            seen = {**record, "body": json.loads(record["body"])}
        return any(wanted(pattern, seen) for pattern in self._patterns)
