"""Where events come from, as AWS documents it: FIFO queues, streams, asynchronous calls and schedules.

What comes in: what producers send.  What goes out: calls of functions, again and again until each is done, split when
they fail, or put aside.  Source: the Lambda developer guide (event source mappings, asynchronous invocation), the SQS
developer guide (FIFO queues), the Kinesis developer guide (duplicate records).
"""

import base64
import json
from dataclasses import dataclass, field

from .world import SECOND

DEDUPLICATION_SECONDS = 300


@dataclass
class Letter:
    """A message in a queue."""

    identity: str
    group: str
    body: str
    deduplication: str
    sent: int
    received: int = 0
    hidden_until: int = 0
    gone: bool = False


class Fifo:
    """An SQS FIFO queue: each group in order, one group's messages in one hand at a time, duplicates of five minutes gone."""

    def __init__(self, world, *, visibility_seconds=180.0, receives_max=5):
        self.world = world
        self.visibility_seconds, self.receives_max = visibility_seconds, receives_max
        self.letters = []
        self.dead = []
        self.seen = {}
        self.count = 0
        self.wake = lambda: None

    def SendMessage(self, request):  # noqa: N802  the service's own names
        identity = request["MessageDeduplicationId"]
        last = self.seen.get(identity)
        if last is not None and self.world.now - last < DEDUPLICATION_SECONDS * SECOND:
            return {"MessageId": f"again-{identity}"}
        self.seen[identity] = self.world.now
        self.count += 1
        letter = Letter(f"m{self.count}", request["MessageGroupId"], request["MessageBody"], identity, self.world.now)
        self.letters.append(letter)
        self.wake()
        return {"MessageId": letter.identity, "SequenceNumber": str(self.count)}

    def SendMessageBatch(self, request):  # noqa: N802
        sent = [{"Id": each["Id"], **self.SendMessage(each)} for each in request["Entries"]]
        return {"Successful": sent, "Failed": []}

    def receive(self, count):
        """Messages of groups of which none is in a hand; what was received too often is put aside."""
        now, taken = self.world.now, []
        self.letters = [each for each in self.letters if not each.gone]
        busy = {each.group for each in self.letters if each.hidden_until > now}
        for letter in list(self.letters):
            if len(taken) == count or letter.group in busy:
                continue
            if letter.received >= self.receives_max:
                self.dead.append(letter)
                self.letters.remove(letter)
                continue
            letter.received += 1
            letter.hidden_until = now + int(self.visibility_seconds * SECOND)
            taken.append(letter)
        return taken

    def delete(self, letters):
        for letter in letters:
            letter.gone = True

    def show(self, letters):
        """What was taken is visible again, and comes before what followed it."""
        for letter in letters:
            letter.hidden_until = self.world.now

    def ChangeMessageVisibility(self, request):  # noqa: N802
        """By the receipt of the last time that it was received; an older one does nothing."""
        for letter in self.letters:
            if request["ReceiptHandle"] == f"{letter.identity}-{letter.received}" and not letter.gone:
                letter.hidden_until = self.world.now + int(request["VisibilityTimeout"] * SECOND)
        self.wake()

    def ChangeMessageVisibilityBatch(self, request):  # noqa: N802
        for entry in request["Entries"]:
            self.ChangeMessageVisibility(entry)
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}


class QueuePoller:
    """An event source mapping of a FIFO queue, with ReportBatchItemFailures."""

    def __init__(self, world, queue, function, *, batch=10):
        self.world, self.queue, self.function, self.batch = world, queue, function, batch
        self.due = 0
        queue.wake = lambda: self.soon(0.05)

    def soon(self, seconds):
        """Look again so much later, or when it was to look before that."""
        due = self.world.now + int(seconds * SECOND)
        if not self.due or due < self.due:
            self.due = due
            self.world.at(due, self._look, due)

    def _look(self, due):
        if due == self.due:
            self.due = 0
            self.poll()

    def poll(self):
        letters = self.queue.receive(self.batch)
        if not letters:
            if any(not each.gone for each in self.queue.letters):
                self.soon(1.0)
            return
        event = {"Records": [self._record(each) for each in letters]}
        if not self.function.invoke(event, lambda answer, error: self._done(letters, answer, error)):
            self.queue.show(letters)
            for each in letters:
                each.received -= 1
            self.soon(1.0)
            return
        self.soon(0.2)

    def _record(self, letter):
        return {
            "messageId": letter.identity, "receiptHandle": f"{letter.identity}-{letter.received}", "body": letter.body,
            "attributes": {
                "ApproximateReceiveCount": str(letter.received), "MessageGroupId": letter.group,
                "MessageDeduplicationId": letter.deduplication, "SentTimestamp": str(letter.sent // 10**6),
            },
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:book.fifo",
        }  # fmt: skip

    def _done(self, letters, answer, error):
        # What failed stays hidden: it comes back when its visibility is over, unless somebody asks for it sooner.
        failed = failed_of(answer, [each.identity for each in letters], error)
        self.queue.delete([each for each in letters if each.identity not in failed])
        back = [each.hidden_until for each in letters if each.identity in failed]
        self.soon(max(0.1, (min(back) - self.world.now) / SECOND + 0.1) if back else 0.1)


def failed_of(answer, identities, error):
    """The identities to be tried again; an answer that cannot be read fails the whole batch, as the service holds it."""
    if error is not None:
        return set(identities)
    if not answer or not answer.get("batchItemFailures"):
        return set()
    named = {each.get("itemIdentifier") for each in answer["batchItemFailures"]}
    return min(named, set(identities))


@dataclass
class Shard:
    """Records in order, and how far they are done; a `horizon` is how many were trimmed."""

    records: list = field(default_factory=list)
    done: int = 0
    busy: bool = False


class StreamPoller:
    """An event source mapping of a stream: bisects, gives up by count or by age, and puts what failed aside.

    Each partition is a shard of its own here; within one, order holds, and a failing record holds the others up.
    """

    def __init__(
        self, world, function, *, batch=100, bisect=True, retries_max=5, age_max_seconds=None, accepts=lambda _: True,
        identity=lambda record: record["dynamodb"]["SequenceNumber"], twice=lambda: False,
    ):  # fmt: skip
        self.world, self.function = world, function
        self.batch, self.bisect, self.retries_max, self.age_max_seconds = batch, bisect, retries_max, age_max_seconds
        self.accepts, self.identity, self.twice = accepts, identity, twice
        self.shards = {}
        self.dead = []

    def put(self, partition, record):
        """A record was written; the service may hand it out twice."""
        if not self.accepts(record):
            return
        shard = self.shards.setdefault(partition, Shard())
        shard.records.append((self.world.now, record))
        if self.twice():
            shard.records.append((self.world.now, record))
        if not shard.busy:
            shard.busy = True
            self.world.after(0.05 + self.world.random.random() * 0.3, self._poll, shard, self.batch, 0)

    def _poll(self, shard, count, tries):
        window = [record for _, record in shard.records[shard.done : shard.done + count]]
        if not window:
            shard.busy = False
            return
        first = shard.records[shard.done][0]
        old = self.age_max_seconds is not None and self.world.now - first > self.age_max_seconds * SECOND
        if tries > self.retries_max or old:
            if len(window) > 1 and self.bisect and not old:
                self._poll(shard, len(window) // 2, 1)
                return
            self.dead += window
            shard.done += len(window)
            self._poll(shard, self.batch, 0)
            return
        event = {"Records": [json.loads(json.dumps(record)) for record in window]}
        if not self.function.invoke(event, lambda answer, error: self._done(shard, window, tries, answer, error)):
            self.world.after(1.0, self._poll, shard, count, tries)

    def _done(self, shard, window, tries, answer, error):
        names = [self.identity(record) for record in window]
        failed = failed_of(answer, names, error)
        first = next((at for at, name in enumerate(names) if name in failed), len(window))
        shard.done += first
        if first == len(window):
            self.world.after(0.05, self._poll, shard, self.batch, 0)
            return
        left = len(window) - first
        smaller = max(1, left // 2) if self.bisect and error is not None else left
        self.world.after(min(60.0, 0.5 * 2**tries), self._poll, shard, smaller, tries + 1 if first == 0 else 1)


class Stream:
    """A Kinesis stream: what a producer sends again has another sequence number."""

    def __init__(self, world, poller, *, again=lambda: False):
        self.world, self.poller, self.again = world, poller, again
        self.count = 0

    def PutRecord(self, request):  # noqa: N802
        self._put(request)
        if self.again():
            self._put(request)  # the producer's library saw no answer, and sent it again
        return {"ShardId": "shardId-000000000000", "SequenceNumber": str(self.count)}

    def PutRecords(self, request):  # noqa: N802
        return {"FailedRecordCount": 0, "Records": [self.PutRecord(each) for each in request["Records"]]}

    def _put(self, request):
        self.count += 1
        data = request["Data"]
        self.poller.put(request["PartitionKey"], {
            "kinesis": {
                "partitionKey": request["PartitionKey"], "sequenceNumber": f"{10**20 + self.count}",
                "data": data if isinstance(data, str) else base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": self.world.now / SECOND, "kinesisSchemaVersion": "1.0",
            },
            "eventSource": "aws:kinesis", "eventID": f"shardId-000000000000:{10**20 + self.count}",
        })  # fmt: skip


def call_later(world, function, event, *, again=lambda: False, attempts=3):
    """An asynchronous call: two retries, after one and two minutes, and sometimes twice without any error."""

    def attempt(left):
        def done(_, error):
            if error is not None and left > 1:
                world.after(60.0 * (attempts - left + 1), attempt, left - 1)

        if not function.invoke(event, done):
            world.after(1.0, attempt, left)

    attempt(attempts)
    if again():
        world.after(world.random.random() * 30, attempt, 1)


class Schedule:
    """EventBridge Scheduler: at least once, unordered, late."""

    def __init__(self, world, function, times, *, again=lambda: False, late=lambda: 0.0):
        for time in times:
            event = {"source": "schedule", "time": time}
            world.at(time + int(late() * SECOND), call_later, world, function, event)
            if again():
                world.at(time + int((late() + 1.0) * SECOND), call_later, world, function, event)
