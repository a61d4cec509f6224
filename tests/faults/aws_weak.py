"""What AWS does not promise: each weakness by name, where it is documented, and a day on which it shows.

What comes in: nothing.  What goes out: `WEAKNESSES`.  The product must hold every law on each of these days, and the
control, which is right on a calm day, must break one: else the day shows nothing.
"""

from dataclasses import dataclass

from .aws_stack import Weather


@dataclass(frozen=True)
class Weakness:
    """`source` is where the service says so; `bars` is how many of the day's bars the book must hear (None: all)."""

    name: str
    source: str
    weather: Weather
    bars: int | None = None


_LAMBDA = "Lambda developer guide, "
_SQS = "SQS developer guide, "
_DYNAMODB = "DynamoDB developer guide, "
_KINESIS = "Kinesis developer guide, handling duplicate records, "

WEAKNESSES = [
    Weakness("a producer sends again, with a new sequence number", _KINESIS + "producer retries",
             Weather(by_stream=True, producer_again=0.4)),
    Weakness("a stream's record comes twice", _KINESIS + "consumer retries", Weather(by_stream=True, record_twice=0.4)),
    Weakness("a table's record wakes deliver twice", _LAMBDA + "DynamoDB streams: at least once", Weather(record_twice=0.6)),
    Weakness("a bar of before comes late", "any feed that repairs itself", Weather(late_bar=True, by_stream=True)),
    Weakness("a bar of before comes late to the queue", _SQS + "order is that of sending", Weather(late_bar=True, sent_again_seconds=400)),
    Weakness("the queue forgets duplicates after five minutes", _SQS + "exactly-once processing: 5-minute window",
             Weather(sent_again_seconds=301)),
    Weakness("a stream never knew duplicates", _KINESIS + "sequence numbers are the service's", Weather(by_stream=True, sent_again_seconds=90)),
    Weakness("a request is throttled again and again", _DYNAMODB + "throttling", Weather(faults={"throttled": 0.5})),
    Weakness("an answer is lost, and the write was done", _DYNAMODB + "error handling: 5xx and time-outs",
             Weather(faults={"lost answer": 0.25}, by_stream=True)),
    Weakness("a request is lost, and the write was not done", _DYNAMODB + "error handling: 5xx and time-outs",
             Weather(faults={"lost request": 0.5}, refuses=True)),
    Weakness("a transaction meets another", _DYNAMODB + "TransactionConflict", Weather(faults={"conflict": 0.4, "throttled": 0.45})),
    Weakness("answers are lost for longer than a token is known", _DYNAMODB + "ClientRequestToken: ten minutes",
             Weather(faults={"lost answer": 0.45}, by_stream=True)),
    Weakness("a read is not the newest", _DYNAMODB + "read consistency", Weather(stale=True, concurrency=2, by_stream=True)),
    Weakness("a call dies at a request and comes again", _LAMBDA + "stream retries after errors", Weather(crash={"decide": 0.04}, refuses=True, by_stream=True)),
    Weakness("a queue's call dies at a request and comes again", _LAMBDA + "SQS: visibility time-out", Weather(crash={"decide": 0.04}, refuses=True)),
    Weakness("deliver dies between the venue and its answer", _LAMBDA + "retries run the whole handler again",
             Weather(crash={"deliver": 0.15}, refuses=True)),
    Weakness("deliver times out while it waits, and its batch comes again", _LAMBDA + "time-outs",
             Weather(net={"drop": 0.5}, timeouts={"deliver": 20.0})),
    Weakness("the venue does not answer, though it took the order", "every broker's API: time-outs are ambiguous", Weather(net={"drop": 0.4})),
    Weakness("the venue says 5xx, though it took the order", "every broker's API: 5xx are ambiguous", Weather(net={"error": 0.4})),
    Weakness("a function is frozen mid-flight and goes on after its time", _LAMBDA + "execution environment lifecycle",
             Weather(frozen=0.04, thaw=True, refuses=True, by_stream=True)),
    Weakness("a function is frozen and never thawed", _LAMBDA + "time-outs kill slightly late", Weather(frozen=0.05, by_stream=True, refuses=True)),
    Weakness("two environments have one book at once", _LAMBDA + "concurrency; a stream and a queue feed one function",
             Weather(together=True, refuses=True, slow=0.4, sent_again_seconds=1.0, by_stream=True, record_twice=0.5)),
    Weakness("a batch fails in its middle", _LAMBDA + "ReportBatchItemFailures", Weather(together=True, refuses=True, crash={"decide": 0.1}, by_stream=True)),
    Weakness("poison in a queue", _LAMBDA + "dead-letter queues", Weather(poison="{not json")),
    Weakness("poison in a stream", _LAMBDA + "bisect on error", Weather(poison='{"event": "bar"}', by_stream=True)),
    Weakness("a webhook comes twice", "every sender of webhooks retries", Weather(hooks_twice=0.5)),
    Weakness("webhooks come in any order", "every sender of webhooks retries", Weather(hooks_late=200.0, hooks_twice=0.3)),
    Weakness("webhooks are lost", "webhooks are hints", Weather(hooks_lost=0.5)),
    Weakness("a webhook is forged", "anybody can post", Weather(forged=True)),
    Weakness("a schedule fires twice, and late", "EventBridge Scheduler: at least once, unordered",
             Weather(call_twice=0.7, schedule_late=50.0, hooks_lost=0.6, net={"drop": 0.3})),
    Weakness("a laptop takes the book while functions run", "fencing: nothing in Lambda ends a late call",
             Weather(moved_at=6, by_stream=True, slow=0.3), bars=6),
]  # fmt: skip
