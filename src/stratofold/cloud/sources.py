"""What woke a function: AWS's many envelopes, opened.

What comes in: the event of an invocation.  What goes out: its items, each with the name under which a part of a batch is
reported as failed.
Why it is shaped so: the verbs need to know what they were given and not by whom, so every envelope is opened here, in
one table of small functions, and each was written down from a real one.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Payload = dict[str, Any]


class Item(NamedTuple):
    """One thing of a batch: `name` reports it as failed, `body` is its text."""

    name: str
    body: str


class Row(NamedTuple):
    """A change of the table: what it is (`INSERT`, `MODIFY`, `REMOVE`), its keys, and its attributes afterwards."""

    name: str
    change: str
    pk: str
    sk: str
    image: Mapping[str, Any]


class Request(NamedTuple):
    """A request of HTTP, header names in lower case."""

    method: str
    headers: dict[str, str]
    body: bytes


def origin(event: Payload) -> str:
    """Who woke us: sqs, kinesis, dynamodb, s3, sns, http, socket, bus, or direct (a schedule, a person, another function)."""
    records = event.get("Records")
    if records:
        return str(records[0].get("eventSource") or records[0].get("EventSource", "")).removeprefix("aws:")
    context = event.get("requestContext") or {}
    if "connectionId" in context:
        return "socket"
    if "httpMethod" in event or "http" in context:
        return "http"
    return "bus" if "detail-type" in event else "direct"


def items(event: Payload) -> list[Item]:
    """The items of a queue's or a stream's batch."""
    return [
        Item(record["kinesis"]["sequenceNumber"], base64.b64decode(record["kinesis"]["data"]).decode("utf-8", "replace"))
        if "kinesis" in record else Item(record["messageId"], record["body"])
        for record in event["Records"]
    ]  # fmt: skip


def receipts(event: Payload, names: Iterable[str]) -> list[str]:
    """The receipts of some messages of a queue's batch; none of a stream's."""
    wanted = set(names)
    return [
        one["receiptHandle"] for one in event["Records"] if one.get("messageId") in wanted and "receiptHandle" in one
    ]


def rows(event: Payload) -> list[Row]:
    """The changes of a table's stream."""
    return [_row(record) for record in event["Records"]]


def _row(record: Payload) -> Row:
    """One change."""
    held = record["dynamodb"]
    keys = held["Keys"]
    return Row(
        held["SequenceNumber"], record["eventName"], keys["pk"]["S"], keys["sk"]["S"], held.get("NewImage") or {}
    )


def notices(event: Payload) -> list[str]:
    """What a topic tells."""
    return [record["Sns"]["Message"] for record in event["Records"]]


def files(event: Payload) -> Iterator[tuple[str, str]]:
    """The objects that a notification of S3 tells of, as (bucket, key)."""
    for record in event["Records"]:
        yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


def request(event: Payload) -> Request:
    """A request by API Gateway: REST, HTTP or a WebSocket's message."""
    body = event.get("body") or ""
    data = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    method = event.get("httpMethod") or (event.get("requestContext", {}).get("http") or {}).get("method", "POST")
    return Request(method, headers, data)


def answer(status: int, body: str, kind: str = "application/json") -> Payload:
    """An answer by API Gateway."""
    return {"statusCode": status, "headers": {"content-type": kind}, "body": body}


def failed(names: list[str]) -> Payload:
    """A partial answer to a batch: these are tried again, the others are done."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}
