"""One stack's functions in this process, on services that are really there, at a paper exchange that waits.

The table's stream and the queue are read as AWS's pollers read them, and what they hold is handed to the handlers in the
shapes that AWS gives it.
"""

import base64
import json
from uuid import uuid4

from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.aws.table import definition
from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.cloud.functions import decide, deliver, ingest, reconcile, watch
from stratofold.cloud.market import line_of, rank_of, tick_of
from stratofold.cloud.outlets import QueueOutlet
from stratofold.cloud.place import Place
from stratofold.events import Bar, Quote, Trade
from stratofold.live.open import open_book
from tests.live_tools import EVERYTHING

MINUTE_MS = 60_000
VERBS = {"decide": decide, "deliver": deliver, "watch": watch}


class Told:
    """A notifier that keeps what people are told."""

    def __init__(self):
        self.alerts = []

    async def notify(self, alert, only=()):
        self.alerts.append(alert)
        return []


class Kept:
    """Secrets by name."""

    def __init__(self, **held):
        self.held = held

    def get(self, name):
        from stratofold.errors import Setup

        if name not in self.held:
            raise Setup("SF821", f"there is no secret {name}", fix="put it there")
        return self.held[name]


class Calls:
    """The other functions of a stage, as `cloud.calling.Calls` reaches them: what is told is done when the stage settles."""

    def __init__(self, stage):
        self.stage = stage

    def tell(self, verb, event):
        self.stage.told.append((verb, json.loads(json.dumps(event))))


class ExchangeVenue:
    """The paper exchange of a `live_tools.Paper`, as `cloud.venue.Venue` gives a venue."""

    def __init__(self, run):
        self.run = run
        self.clock = run.clock
        self.broker = run.broker

    async def now(self):
        self.clock.time = (await self.run.stepper.now()).time
        return self.clock.time

    def feed(self, span_ns, ticks=()):
        assert span_ns in (0, self.run.span_ns)
        return self.run.feed


def spec_of(strategy):
    return f"{strategy.__module__}:{strategy.__name__}"


class Stage:
    """A table, queues, and the verbs; `run` is a `live_tools.Paper` whose exchange the book trades at."""

    def __init__(self, server, run, folder, **names):
        self.run = run
        self.aws = server.client()
        name = f"t{uuid4().hex[:10]}"
        self.aws.json("dynamodb", "CreateTable", definition(name))
        self.stream = self.aws.json("dynamodb", "DescribeTable", {"TableName": name})["Table"]["LatestStreamArn"]
        self.queue, self.dead = self._queue(f"{name}.fifo"), self._queue(f"{name}-dead")
        self.names = {
            **server.environment, "STRATOFOLD_STACK": name, "STRATOFOLD_BOOK": run.book, "STRATOFOLD_TABLE": name,
            "STRATOFOLD_STRATEGY": spec_of(run.strategy), "STRATOFOLD_QUEUE": self.queue,
            "STRATOFOLD_DEAD": self.dead, "STRATOFOLD_BUCKET": server.bucket(), "STRATOFOLD_BROKER": "exchange",
            **names,
        }  # fmt: skip
        self.folder = folder
        self.notifier = Told()
        self.secrets = Kept(webhook="a key of at least thirty-two bytes, for the tests")
        self.calls = []
        self.told = []
        self.place = self.fresh_place()
        self.iterators = None

    def _queue(self, name):
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        return self.aws.json("sqs", "CreateQueue", {"QueueName": name, "Attributes": attributes})["QueueUrl"]

    def fresh_place(self):
        """Another environment of the same stack."""
        place = Place(self.names)
        place.journal = Journal(place.client, self.names["STRATOFOLD_TABLE"], self.names["STRATOFOLD_BUCKET"])
        place.artifacts = Artifacts(self.folder)
        place.secrets = self.secrets
        place.notifier = self.notifier
        place.venue = ExchangeVenue(self.run)
        place.calls = Calls(self)
        return place

    @property
    def journal(self):
        return self.place.journal

    def open(self):
        """The book, opened and held by the stack."""
        now = self.ask(self.run.stepper.now()).time
        self.run.clock.time = now
        self.journal.limit("account", EVERYTHING)
        open_book(self.journal, self.run.manifest(now), now)
        self.journal.take(self.run.book, self.place.holder, now)
        self.iterators = self._iterators()
        return self

    def ask(self, work):
        return self.place.run(work)

    # What AWS's pollers do.

    def _iterators(self):
        shards = self.aws.json("dynamodbstreams", "DescribeStream", {"StreamArn": self.stream})
        asked = {"StreamArn": self.stream, "ShardIteratorType": "LATEST"}
        return [
            self.aws.json("dynamodbstreams", "GetShardIterator", {**asked, "ShardId": shard["ShardId"]})[
                "ShardIterator"
            ]
            for shard in shards["StreamDescription"]["Shards"]
        ]

    def changes(self):
        """What the table's stream has since it was last read, as Lambda gives it."""
        found = []
        for place, iterator in enumerate(self.iterators):
            answer = self.aws.json("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            self.iterators[place] = answer["NextShardIterator"]
            found += [{**record, "eventSource": "aws:dynamodb"} for record in answer["Records"]]
        return found

    def lines(self):
        """What the queue has, as Lambda gives it; with what takes it off."""
        asked = {"QueueUrl": self.queue, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
        messages = self.aws.json("sqs", "ReceiveMessage", asked).get("Messages", [])
        records = [
            {"messageId": one["MessageId"], "body": one["Body"], "eventSource": "aws:sqs", "receiptHandle": one["ReceiptHandle"],
             "attributes": one.get("Attributes", {})}
            for one in messages
        ]  # fmt: skip
        return records, {one["MessageId"]: one["ReceiptHandle"] for one in messages}

    def settle(self):
        """Until nothing wakes anybody any more."""
        while True:
            records, receipts = self.lines()
            if records:
                failed = self.call(decide, {"Records": records})
                for name, receipt in receipts.items():
                    if name not in failed:
                        self.aws.json("sqs", "DeleteMessage", {"QueueUrl": self.queue, "ReceiptHandle": receipt})
            changes = self.changes()
            woken = bool(self.told)
            for verb, wanted in ((decide, ("inbox/", "book/")), (deliver, ("outbox/",))):
                batch = [one for one in changes if wakes(one, wanted)]
                if batch:
                    woken = True
                    assert self.call(verb, {"Records": batch}) == set()
            while self.told:
                verb, event = self.told.pop(0)
                self.call(VERBS[verb], event)
            if not records and not woken:
                return

    def call(self, verb, event):
        """One invocation; the names of what must come again."""
        self.calls.append(verb.__name__.rpartition(".")[2])
        answer = verb.respond(self.place, event, lambda: MINUTE_MS)
        return {one["itemIdentifier"] for one in answer.get("batchItemFailures", [])}

    def put(self, *lines):
        QueueOutlet(self.aws, self.queue).put(self.run.book, list(lines))

    def dead_letters(self):
        asked = {"QueueUrl": self.dead, "MaxNumberOfMessages": 10}
        return [json.loads(one["Body"]) for one in self.aws.json("sqs", "ReceiveMessage", asked).get("Messages", [])]

    def reconcile(self):
        return reconcile.respond(self.place, {"trigger": "reconcile"}, lambda: MINUTE_MS)

    # A replay in lock-step (contract 9), as `live/lockstep.py` steps a runner.

    def replay(self, limit=0):
        """Release every event, and each only when everything before it is done; returns how many there were."""
        released = self.ask(self.run.stepper.now())
        self.settle()
        count = 0
        while released.next is not None and (not limit or count < limit):
            released = self._timers(released)
            before, released = released.time, self.ask(self.run.stepper.step())
            self.run.clock.time = released.time
            self._hear(released, min(before, released.time - 1))
            count += 1
        self._timers(released)
        return count

    def _timers(self, released):
        while (timer := self._next_timer()) is not None:
            if timer.time >= released.next if released.next is not None else timer.time > released.time:
                break
            released = self.ask(self.run.stepper.wait(max(released.time, timer.time)))
            self.run.clock.time = max(released.time, timer.time)
            if released.updates:
                self._reports()
            self.put(tick_of(self.run.book, timer.time, rank_of(timer)))
            self.settle()
        return released

    def _next_timer(self):
        from stratofold.cloud.hearing import seat_of

        seat = seat_of(self.place, self.run.book)
        return seat.timers.next(seat.desk.fold)

    def _hear(self, released, after):
        names = (released.symbol,) if released.symbol else tuple(one.symbol for one in self.run.data.instruments)
        events = self.ask(self.run.feed.history(names, after, released.time))
        market = (Bar, Quote, Trade)
        bars = [line_of(self.run.book, name, event) for name, event in events if isinstance(event, market)]
        others = [line_of(self.run.book, name, event) for name, event in events if not isinstance(event, market)]
        if others:
            self.put(*others)
            self.settle()
        if released.updates:
            self._reports()
        if bars:
            self.put(*bars)
            self.settle()

    def _reports(self):
        while self.reconcile()["offered"]:
            self.settle()


def wakes(record, prefixes):
    """What the template's filters let through."""
    keys = record["dynamodb"]["Keys"]
    of_book = keys["pk"]["S"].startswith("book/")
    fits = keys["pk"]["S"].startswith(prefixes) and (not of_book or keys["sk"]["S"].startswith("view/trade/"))
    return record["eventName"] == "INSERT" and fits


def kinesis(*lines):
    """Lines as a stream's batch."""
    return {
        "Records": [
            {"eventSource": "aws:kinesis", "kinesis": {"data": base64.b64encode(line.encode()).decode(), "sequenceNumber": str(number), "partitionKey": "paper"}}
            for number, line in enumerate(lines, 1)
        ]
    }  # fmt: skip


def ingested(stage, event):
    return ingest.respond(stage.place, event, lambda: MINUTE_MS)


def standing(time):
    return StandingClock(time)
