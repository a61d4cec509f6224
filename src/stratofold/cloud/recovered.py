"""What a stream's mapping gave up: AWS tells where the records stand, and here they are read while the stream has them.

What comes in: AWS's words on a batch that was given up.  What goes out: the records themselves, as dead letters.
Why it is shaped so: a stream forgets after a day, and then a letter that says only where something stood is worth nothing.
AWS could put the payload into S3 instead, but a dead letter is to be read, mended and sent again from one place.

Source: AWS Lambda Developer Guide, "Retain discarded batch records" of Kinesis and of DynamoDB event sources.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.aws.client import Client

PAGES_MAX = 100
# What of the table's stream a function hears, as the template's filters say: partitions that begin so.
HEARD = {"decide": ("inbox/", "book/"), "deliver": ("outbox/",)}


def letters(client: Client, told: Mapping[str, Any]) -> Iterator[str]:
    """A dead letter for each record of a batch that was given up; raises AwsError when the stream cannot be read."""
    context = told["requestContext"]
    verb = context["functionArn"].split(":")[6].rpartition("-")[2]
    why = f"{verb}: {context['condition']}"
    if "KinesisBatchInfo" in told:
        for record in _records(client, "kinesis", told["KinesisBatchInfo"]):
            yield json.dumps({"line": base64.b64decode(record["Data"]).decode("utf-8", "replace"), "why": why})
        return
    for record in _records(client, "dynamodbstreams", told["DDBStreamBatchInfo"]):
        held = record["dynamodb"]
        if record["eventName"] == "INSERT" and held["Keys"]["pk"]["S"].startswith(HEARD[verb]):
            yield json.dumps({"row": held["NewImage"], "why": why})


def _records(client: Client, service: str, batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records of a batch, read again."""
    first, last = batch["startSequenceNumber"], int(batch["endSequenceNumber"])
    asked = {"ShardId": batch["shardId"], "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    if service == "kinesis":
        asked |= {"StreamName": batch["streamArn"].rpartition("/")[2], "StartingSequenceNumber": first}
    else:
        asked |= {"StreamArn": batch["streamArn"], "SequenceNumber": first}
    place = client.json(service, "GetShardIterator", asked)["ShardIterator"]
    for _ in range(PAGES_MAX):
        given = client.json(service, "GetRecords", {"ShardIterator": place, "Limit": 100})
        for record in given["Records"]:
            at = int(record["SequenceNumber"] if service == "kinesis" else record["dynamodb"]["SequenceNumber"])
            if at > last:
                return
            yield record
            if at == last:
                return
        place = given.get("NextShardIterator")
        if place is None:
            return
