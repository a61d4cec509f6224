"""How many messages wait in each queue, as CloudWatch is told it, so that the alarms of dead letters ring here too.

What comes in: the queues that there are.  What goes out: SQS's own metric, now and then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from stratofold.cloud.local.telemetry import number, put_numbers

if TYPE_CHECKING:
    from stratofold.adapters.aws.client import Client

DEPTHS_SECONDS = 5.0  # SQS tells it once a minute
_WAITING = "ApproximateNumberOfMessages"


def tell_depths(aws: Client) -> None:
    """Tell how many messages of each queue could be received now; raises AwsError."""
    found: dict[str, Any] = aws.json("sqs", "ListQueues", {})
    told = []
    for url in found.get("QueueUrls", []):
        held = aws.json("sqs", "GetQueueAttributes", {"QueueUrl": url, "AttributeNames": [_WAITING]})
        waiting = float(held["Attributes"][_WAITING])
        queue = {"QueueName": url.rpartition("/")[2]}
        told.append(number("AWS/SQS", "ApproximateNumberOfMessagesVisible", waiting, queue, time.time()))
    if told:
        put_numbers(aws, told)
