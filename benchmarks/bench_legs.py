"""Orders of several legs, by a workflow of Step Functions and by the fold: what each step between a fill and its legs costs.

A bracket that the venue cannot hold: an entry, and when it has filled a profit and a stop of which one filling ends the other.
The workflow has a state for each, with a token that the fill gives back; here its orders go into a queue.  The fold has the
legs in the append that hears the fill.  Both run on the emulator, so times rank and are not AWS's; what AWS bills is counted: states
entered, and write units of what the fold writes for the legs beyond what the orders themselves are.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench_cloud_journal import Metered, message, new_table
from figures import Figure
from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.ports import AccountLimits, Entry, Offer
from stratofold.cloud import cost
from stratofold.cloud.local.emulator import Emulator

BRACKETS = 40
DOLLARS_A_TRANSITION = 0.000025  # standard workflows, us-east-1, AWS's page of prices, read 2026-09


def order(queue, leg, **after):
    """A state that sends an order and waits until its fill gives the token back."""
    body = {"leg": leg, "token.$": "$$.Task.Token"}
    return {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": body}, **after,
    }  # fmt: skip


def machine(queue):
    """The bracket: a branch ends by an error, because nothing else of a branch stops the other one."""
    legs = [{"StartAt": leg, "States": {leg: order(queue, leg, End=True)}} for leg in ("profit", "loss")]
    cancel = {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True,
        "Parameters": {"QueueUrl": queue, "MessageBody": {"leg": "cancel"}},
    }  # fmt: skip
    both = {"Type": "Parallel", "Branches": legs, "Catch": [{"ErrorEquals": ["Filled"], "Next": "cancel"}], "End": True}
    return {"StartAt": "entry", "States": {"entry": order(queue, "entry", Next="legs"), "legs": both, "cancel": cancel}}


def states(within):
    """How many states a run enters: each of them once, those of both branches too."""
    each = within["States"].values()
    return len(each) + sum(states(branch) for one in each for branch in one.get("Branches", ()))


class Workflow:
    """A state machine and the queue that its orders go into."""

    def __init__(self, aws):
        self.aws = aws
        name = f"legs-{uuid4().hex[:8]}"
        self.queue = aws.json("sqs", "CreateQueue", {"QueueName": name})["QueueUrl"]
        given = {
            "name": name, "type": "STANDARD", "definition": json.dumps(machine(self.queue)),
            "roleArn": "arn:aws:iam::000000000000:role/r",
        }  # fmt: skip
        self.arn = aws.json("states", "CreateStateMachine", given)["stateMachineArn"]

    def orders(self, count):
        """So many orders as they come into the queue, by leg."""
        found = {}
        end = time.monotonic() + 30.0
        while len(found) < count:
            asked = {"QueueUrl": self.queue, "MaxNumberOfMessages": 10}
            for one in self.aws.json("sqs", "ReceiveMessage", asked).get("Messages", []):
                self.aws.json("sqs", "DeleteMessage", {"QueueUrl": self.queue, "ReceiptHandle": one["ReceiptHandle"]})
                told = json.loads(one["Body"])
                found[told["leg"]] = told.get("token", "")
            if time.monotonic() > end:
                sys.exit(f"the workflow sent {sorted(found)}")
        return found

    def bracket(self):
        """One bracket to its end: ms from the entry's fill to both legs, and from a leg's to the cancel."""
        self.aws.json("states", "StartExecution", {"stateMachineArn": self.arn})
        entry = self.orders(1)["entry"]
        began = time.perf_counter()
        self.aws.json("states", "SendTaskSuccess", {"taskToken": entry, "output": "{}"})
        legs = self.orders(2)
        placed = time.perf_counter()
        for token in legs.values():  # AWS stops the other branch by itself, the emulator waits for it
            self.aws.json("states", "SendTaskFailure", {"taskToken": token, "error": "Filled", "cause": "filled"})
        self.orders(1)
        ended = time.perf_counter()
        return (placed - began) * 1e3, (ended - placed) * 1e3


class Folded:
    """A journal whose appends hear a fill and have the legs in them, and the table's stream behind it."""

    def __init__(self, environment):
        self.aws = Client(environment=environment)
        table = new_table(self.aws)
        self.metered = Metered(Client(environment=environment))
        self.journal = Journal(self.metered, table)
        self.journal.create("B", "paper", "1", [])
        self.journal.limit("paper", AccountLimits(1e12, 1_000_000, 1e12, 1_000_000))
        self.journal.take("B", "cloud:bench", 1)
        stream = self.aws.json("dynamodb", "DescribeTable", {"TableName": table})["Table"]["LatestStreamArn"]
        (shard,) = self.aws.json("dynamodbstreams", "DescribeStream", {"StreamArn": stream})["StreamDescription"][
            "Shards"
        ]
        asked = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "LATEST"}
        self.place = self.aws.json("dynamodbstreams", "GetShardIterator", asked)["ShardIterator"]
        self.number = 0

    def read(self):
        """The keys of messages that the stream has since it was last read."""
        answer = self.aws.json("dynamodbstreams", "GetRecords", {"ShardIterator": self.place})
        self.place = answer["NextShardIterator"]
        keys = [one["dynamodb"]["Keys"] for one in answer["Records"]]
        return [key["sk"]["S"] for key in keys if key["pk"]["S"].startswith("outbox/")]

    def heard(self, legs):
        """Hear a fill, with so many orders in its append: ms until they are in the stream, and write units."""
        self.number += 1
        self.journal.offer("B", [Offer(0, "venue", f"fill:{self.number}", os.urandom(300))])
        (offer,) = self.journal.inbox("B")
        step = self.journal.head("B").step
        messages = [message(10 * self.number + leg) for leg in range(legs)]
        before, began = self.metered.units, time.perf_counter()
        self.journal.append(
            "B", 1, step, [Entry("event", os.urandom(300), b"{}")], steps=1, handled=[offer.number], messages=messages
        )
        while legs and not self.read():
            time.sleep(0)
        return (time.perf_counter() - began) * 1e3, self.metered.units - before


def main():
    """Run."""
    with tempfile.TemporaryDirectory() as folder, Emulator(log=Path(folder) / "log") as emulator:
        workflow = Workflow(Client(environment=emulator.environment()))
        placed, ended = zip(*[workflow.bracket() for _ in range(BRACKETS)], strict=True)
        folded = Folded(emulator.environment())
        plain = [folded.heard(0) for _ in range(BRACKETS)]
        with_legs = [folded.heard(2) for _ in range(BRACKETS)]
    entered = states(machine(""))
    Figure("workflow: the entry's fill to both legs sent: p50", median(placed), "ms", better="less").say()
    Figure("workflow: a leg's fill to the cancel of the other: p50", median(ended), "ms", better="less").say()
    Figure("workflow: states entered by a bracket", entered, "states", better="less").say()
    Figure("workflow: a million brackets, beside their orders", entered * DOLLARS_A_TRANSITION * 1e6, "dollars").say()
    Figure(
        "fold: the entry's fill to both legs in the stream: p50", median(ms for ms, _ in with_legs), "ms", better="less"
    ).say()
    Figure("fold: the same append without legs: p50", median(ms for ms, _ in plain), "ms", better="less").say()
    more = median(units for _, units in with_legs) - median(units for _, units in plain)
    Figure("fold: write units of two orders in that append", more, "units", better="less").say()
    usd = float(cost.PRICES["table writes"].usd)
    Figure(
        "fold: a million brackets, their two messages written down", more * usd * 1e6, "dollars", better="less"
    ).say()


if __name__ == "__main__":
    main()
