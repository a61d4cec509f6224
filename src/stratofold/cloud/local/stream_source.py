"""Reads a stream, of Kinesis or of a table, and has its records handled in order: one reader a shard.

What comes in: a mapping.  What goes out: batches, given to the function; what was given up, told to the mapping's destination.
Why it is shaped so: a shard is read on only when what was read is handled, so nothing is ahead of what failed; records of one
partition key stay in order also where a shard is handled by several at once.

Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams", "Using AWS Lambda with
Amazon DynamoDB", event shapes included.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any
from zlib import crc32

from stratofold.adapters.aws.answers import AwsError
from stratofold.cloud.local.batches import Batches, Item
from stratofold.cloud.local.filters import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.cloud.local.mapping import Mapping
    from stratofold.cloud.local.sandbox import Outcome
    from stratofold.cloud.local.wake import Wake

LOOK_SECONDS = 1.0  # for what nobody told of
SHARDS_SECONDS = 5.0


class StreamSource:
    """One mapping of a stream, until its wake ends."""

    def __init__(
        self,
        aws: Client,
        mapping: Mapping,
        run: Callable[[str, bytes], Outcome],
        wake: Wake,
        age: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`run` runs a function with an event; `age` hears how old the last record of a batch was, in milliseconds."""
        self._aws = aws
        self._mapping = mapping
        self._run = run
        self._wake = wake
        self._age = age
        self._table = mapping.service == "dynamodb"
        self._service = "dynamodbstreams" if self._table else "kinesis"
        self._seen: set[str] = set()
        self._first = True
        self._lanes = ThreadPoolExecutor(mapping.parallel) if mapping.parallel > 1 else None
        self._batches = Batches(mapping, self._invoke, self._give_up, time.time, wake.sleep)

    def poll(self) -> None:
        """Read every shard that there is and that comes, until it is time to end."""
        while not self._wake.ended:
            with contextlib.suppress(AwsError):
                for shard in self._shards():
                    if shard not in self._seen:
                        self._seen.add(shard)
                        start = self._mapping.start if self._first else "TRIM_HORIZON"
                        Thread(target=self._follow, args=(shard, start), daemon=True).start()
                self._first = False
            self._wake.sleep(SHARDS_SECONDS)

    def _shards(self) -> list[str]:
        """The shards there are now."""
        if self._table:
            given = self._aws.json(self._service, "DescribeStream", {"StreamArn": self._mapping.source})
            return [shard["ShardId"] for shard in given["StreamDescription"]["Shards"]]
        return [shard["ShardId"] for shard in self._aws.json("kinesis", "ListShards", self._name())["Shards"]]

    def _name(self) -> dict[str, str]:
        if self._table:
            return {"StreamArn": self._mapping.source}
        return {"StreamName": self._mapping.source.rpartition("/")[2]}

    def _follow(self, shard: str, start: str) -> None:
        """Read one shard to its end."""
        self._wake.reads()
        self._read(shard, start)
        self._wake.reads_no_more()

    def _read(self, shard: str, start: str) -> None:
        """Read it."""
        asked = {**self._name(), "ShardId": shard, "ShardIteratorType": start}
        place: str | None = ""
        while not self._wake.ended:
            seen = self._wake.count
            try:
                place = place or self._aws.json(self._service, "GetShardIterator", asked)["ShardIterator"]
                given = self._aws.json(
                    self._service, "GetRecords", {"ShardIterator": place, "Limit": self._mapping.batch}
                )
            except AwsError:
                place = ""
                self._wake.sleep(LOOK_SECONDS)
                continue
            records = given["Records"]
            if records:
                records, following = self._fill(records, given.get("NextShardIterator"))
                if not self._handle(shard, records):
                    return
                last = self._sequence(records[-1])
                asked |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
                asked["SequenceNumber" if self._table else "StartingSequenceNumber"] = last
            else:
                following = given.get("NextShardIterator")
            if following is None:
                return
            place = following
            if not records:
                self._wake.found_nothing(seen)
                self._wake.wait(seen, LOOK_SECONDS)

    def _fill(self, records: list[dict[str, Any]], place: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Wait for more, where the mapping has a window and the batch is not full."""
        end = time.monotonic() + self._mapping.window_seconds
        while place and len(records) < self._mapping.batch and (left := end - time.monotonic()) > 0:
            seen = self._wake.count
            asked = {"ShardIterator": place, "Limit": self._mapping.batch - len(records)}
            given = self._aws.json(self._service, "GetRecords", asked)
            records, place = records + given["Records"], given.get("NextShardIterator")
            if not given["Records"]:
                self._wake.wait(seen, left)
        return records, place

    def _handle(self, shard: str, records: list[dict[str, Any]]) -> bool:
        """Have records handled; several keys at once where the mapping says so."""
        items = [item for item in (self._item(shard, record) for record in records) if self._wants(item)]
        if items:
            self._age((time.time() - items[-1].written) * 1e3)
        if self._lanes is None:
            return self._batches.handle(items)
        lanes: dict[int, list[Item]] = {}
        for item in items:
            lanes.setdefault(crc32(item.key.encode()) % self._mapping.parallel, []).append(item)
        return all(list(self._lanes.map(self._batches.handle, lanes.values())))

    def _sequence(self, record: dict[str, Any]) -> str:
        return str(record["dynamodb"]["SequenceNumber"] if self._table else record["SequenceNumber"])

    def _item(self, shard: str, record: dict[str, Any]) -> Item:
        """A record as a function sees it."""
        source, region = self._mapping.source, self._mapping.source.split(":")[3]
        sequence = self._sequence(record)
        if self._table:
            written = float(record["dynamodb"].get("ApproximateCreationDateTime", time.time()))
            key = json.dumps(
                record["dynamodb"].get("Keys", {}).get("pk", record["dynamodb"].get("Keys")), sort_keys=True
            )
            return Item(sequence, written, key, {**record, "awsRegion": region, "eventSourceARN": source}, shard)
        written = float(record.get("ApproximateArrivalTimestamp", time.time()))
        inside = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": sequence,
            "data": record["Data"],
            "approximateArrivalTimestamp": written,
        }
        whole = {
            "kinesis": inside,
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "awsRegion": region,
            "eventSourceARN": source,
        }
        return Item(sequence, written, record["PartitionKey"], whole, shard)

    def _wants(self, item: Item) -> bool:
        """Whether the function wants a record."""
        patterns = self._mapping.patterns
        if not patterns:
            return True
        seen = item.record
        if not self._table:
            with contextlib.suppress(ValueError):
                data = json.loads(base64.b64decode(seen["kinesis"]["data"]))
                seen = {**seen["kinesis"], "data": data}
        return any(wanted(pattern, seen) for pattern in patterns)

    def _invoke(self, items: Sequence[Item]) -> Outcome:
        return self._run(self._mapping.function, json.dumps({"Records": [item.record for item in items]}).encode())

    def _give_up(self, items: Sequence[Item], why: str, tries: int) -> None:
        """Tell the mapping's destination where the records are, as AWS does: without what is in them."""
        if not self._mapping.failed_to:
            return
        kind = "DDBStreamBatchInfo" if self._table else "KinesisBatchInfo"
        told = {
            "requestContext": {
                "functionArn": self._mapping.function,
                "condition": why,
                "approximateInvokeCount": tries,
            },
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            kind: {
                "shardId": items[0].shard,
                "startSequenceNumber": items[0].name,
                "endSequenceNumber": items[-1].name,
                "approximateArrivalOfFirstRecord": _moment(items[0].written),
                "approximateArrivalOfLastRecord": _moment(items[-1].written),
                "batchSize": len(items),
                "streamArn": self._mapping.source,
            },
        }
        with contextlib.suppress(AwsError):
            send_to(self._aws, self._mapping.failed_to, json.dumps(told))


def send_to(aws: Client, arn: str, body: str) -> None:
    """Send a text to a queue or a topic."""
    name = arn.rpartition(":")[2]
    if arn.split(":")[2] == "sns":
        aws.query("sns", "Publish", {"TopicArn": arn, "Message": body})
        return
    url = aws.json("sqs", "GetQueueUrl", {"QueueName": name})["QueueUrl"]
    aws.json("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": body})


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
