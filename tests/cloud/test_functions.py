"""The verbs as functions, one trigger a test, on a table, a queue and a stream that are really there."""

import json
from datetime import UTC, datetime
from random import Random

import pytest
from msgspec import structs, to_builtins

import stratofold
from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.ports import CLAIMED, HALTED, REDUCING, UNKNOWN, Control, Entry
from stratofold.cloud import latency, outlets, seat
from stratofold.cloud.functions import archive, decide, deliver, halt, ingest, reconcile, warm, watch, webhook
from stratofold.cloud.market import line_of
from stratofold.errors import Setup, Stop
from stratofold.events import Bar
from stratofold.fold.strategy import Strategy
from stratofold.live.desk import restore_fold
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, sign
from stratofold.wire import terms_of
from tests.cloud.deployed import put, stream
from tests.cloud.stage import MINUTE_MS, Stage, ingested, kinesis, spec_of, wakes
from tests.live_tools import paper
from tests.unit.live.risk.scene import lifted

DAY_NS = 86_400_000_000_000
WEBHOOK_KEY = b"a key of at least thirty-two bytes, for the tests"


class Buys(Strategy):
    """Holds ten of the first symbol from its second bar on, and cannot hear a close of 13."""

    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        if bar.close == 13.0:
            raise ValueError("thirteen")
        if self.count == 2:
            book.target_quantity(0, 10.0)


@pytest.fixture(scope="module")
def days():
    return stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")


@pytest.fixture
def stage(ministack, days, tmp_path):
    run = paper(Buys, days, DAY_NS)
    return Stage(ministack, run, tmp_path, STRATOFOLD_STRATEGY="tests.cloud.test_functions:Buys").open()


class Way:
    """An outlet that says that it was used."""

    def __init__(self, name, sent):
        self.name, self.sent = name, sent

    def put(self, book, lines):
        assert (book, lines) in (("paper", ["line"]), ("nobody", ["line"]))
        self.sent.append(self.name)


def unanswered(*_):
    raise AwsError("ServiceException", "the service does not answer", 500)


def spy(time, close=300.0, **other):
    values = {"book": "paper", "event": "bar", "symbol": "SPY", "time": time, "span": DAY_NS}
    prices = {"open": close, "high": close, "low": close, "close": close, "volume": 1e6}
    return json.dumps({**values, **prices, **other})


def at(stage, day):
    """The `day`-th day after the book was opened, ns UTC."""
    return stage.run.clock.time + day * DAY_NS


def steps(stage):
    return stage.journal.head("paper").step


def events_of(stage, kind=Bar):
    from stratofold.live.steps import event_in

    records = [one for one in stage.journal.records("paper") if one.kind == "event"]
    return [event for event in (event_in(one.body) for one in records) if isinstance(event, kind)]


class TestDecide:
    def test_orders_that_limits_refuse_are_said_and_counted(self, ministack, days, tmp_path, capsys):
        run = paper(Buys, days, DAY_NS)
        run.limits["order_quantity_max"] = 9.0
        small = Stage(ministack, run, tmp_path, STRATOFOLD_STRATEGY="tests.cloud.test_functions:Buys").open()
        small.put(*[spy(at(small, day)) for day in (1, 2, 3)])
        small.settle()
        small.place.metrics.flush(verb="decide")
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [one["refused"] for one in told if "refused" in one] == [["order_quantity"]]
        assert [one["orders_refused"] for one in told if "orders_refused" in one] == [1]

    def test_lines_of_the_queue_are_folded_in_their_order_and_once(self, stage):
        stage.put(spy(at(stage, 1)), spy(at(stage, 2)))
        stage.put(spy(at(stage, 2)), spy(at(stage, 1)), spy(at(stage, 3)))
        stage.settle()
        assert [bar.time for bar in events_of(stage)] == [at(stage, day) for day in (1, 2, 3)]

    def test_lines_of_the_stream_are_the_same_lines(self, stage):
        event = kinesis(spy(at(stage, 1)), spy(at(stage, 2)), spy(at(stage, 1)))
        assert stage.call(decide, event) == set()
        assert stage.call(decide, event) == set()
        assert steps(stage) == 2

    def test_what_there_was_no_time_for_comes_again(self, stage):
        left = iter([60_000, 60_000, 2_500, 2_500])
        event = kinesis(*[spy(at(stage, day)) for day in (1, 2, 3)])
        answer = decide.respond(stage.place, event, lambda: next(left))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}]}
        assert steps(stage) == 2

    def test_a_part_that_there_is_no_time_for_to_its_end_is_begun_again_where_it_was(self, stage, monkeypatch):
        """Appends stop while there is time to answer; what was appended is not heard twice, and nothing is left out."""
        monkeypatch.setattr(seat, "EVENTS_MAX", 2)
        stage.put(*[spy(at(stage, day)) for day in range(1, 4)])
        stage.put(*[spy(at(stage, day)) for day in range(4, 8)])
        records, receipts = stage.lines()
        hurried = lambda: 500 if steps(stage) >= 4 else MINUTE_MS  # noqa: E731
        answer = decide.respond(stage.place, {"Records": records}, hurried)
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]}
        assert steps(stage) == 4
        stage.aws.json(
            "sqs", "DeleteMessage", {"QueueUrl": stage.queue, "ReceiptHandle": receipts[records[0]["messageId"]]}
        )
        again, _ = stage.lines()  # nobody has waited for its visibility to be over
        assert [one["body"] for one in again] == [records[1]["body"]]
        assert stage.call(decide, {"Records": again}) == set()
        assert [bar.time for bar in events_of(stage)] == [at(stage, day) for day in range(1, 8)]

    def test_what_cannot_be_read_goes_to_the_dead_letters_as_it_came(self, stage):
        lines = [
            "{",
            spy(at(stage, 1)),
            json.dumps({"event": "report", "time": 1}),
            spy("never"),
            spy(at(stage, 2), close="x"),
        ]
        assert stage.call(decide, kinesis(*lines)) == set()
        assert [one["line"] for one in stage.dead_letters()] == [lines[0], *lines[2:]]
        assert steps(stage) == 1

    def test_what_the_strategy_raises_on_is_set_aside_and_the_book_only_reduces(self, stage):
        lines = [spy(at(stage, 1)), spy(at(stage, 2), close=13.0), spy(at(stage, 3))]
        assert stage.call(decide, kinesis(*lines)) == set()
        assert [bar.time for bar in events_of(stage)] == [at(stage, 1), at(stage, 3)]
        (letter,) = stage.dead_letters()
        assert json.loads(letter["line"])["close"] == 13.0
        assert "thirteen" in letter["why"]
        assert [one.state for one in stage.journal.controls("account")] == [REDUCING]
        assert [one.kind for one in stage.journal.records("paper")].count("dead") == 1
        stage.call(decide, kinesis(*lines))
        assert [one.kind for one in stage.journal.records("paper")].count("dead") == 1

    def test_a_book_that_a_laptop_took_is_left_to_it(self, stage):
        stage.call(decide, kinesis(spy(at(stage, 1))))
        stage.journal.take("paper", "laptop", 0)
        assert stage.call(decide, kinesis(spy(at(stage, 2)))) == set()
        assert steps(stage) == 1

    def test_another_code_than_the_book_runs_is_refused(self, stage):
        stage.place.strategy = type("Other", (Buys,), {"__module__": "stratofold.strategies.momentum"})
        with pytest.raises(Stop, match="SF882"):
            decide.respond(stage.place, kinesis(spy(at(stage, 1))), lambda: MINUTE_MS)

    def test_what_is_not_for_the_book_is_passed_over(self, stage):
        lines = [
            spy(at(stage, 0)),
            spy(at(stage, 1), span=60),
            spy(at(stage, 1), symbol="QQQ"),
            spy(at(stage, 1), book="no"),
        ]
        assert stage.call(decide, kinesis(*lines)) == set()
        assert steps(stage) == 0
        assert [json.loads(one["line"])["book"] for one in stage.dead_letters()] == ["no"]

    def test_a_fact_that_its_reader_gave_up_is_heard_when_reconcile_has_seen_it(self, stage):
        stage.call(decide, kinesis(spy(at(stage, 1))))
        assert TestWebhook().post(stage, TestWebhook().fill()) == 202
        stage.changes()  # nobody is woken
        stage.reconcile()
        assert stage.told == [("decide", {"trigger": "wake", "book": "paper"})]
        stage.settle()
        assert stage.journal.inbox("paper") == []
        assert stage.journal.views("paper")["position/SPY"]["quantity"] == "10"
        stage.reconcile()
        assert stage.told == []

    def test_a_trade_comes_again_until_watch_is_told_of_it(self, stage, monkeypatch):
        stage.call(decide, kinesis(spy(at(stage, 1))))
        TestWebhook().post(stage, TestWebhook().fill())
        facts = [one for one in stage.changes() if wakes(one, ("inbox/",))]
        stage.call(decide, {"Records": facts})
        trades = [one for one in stage.changes() if wakes(one, ("book/",))]
        with monkeypatch.context() as patch:
            patch.setattr(stage.place.calls, "tell", unanswered)
            names = {one["dynamodb"]["SequenceNumber"] for one in trades}
            assert stage.call(decide, {"Records": [*facts, *trades]}) == names != set()
        assert stage.call(decide, {"Records": [*facts, *trades]}) == set()
        assert stage.told == [("watch", {"trigger": "fills", "books": {"paper": 1}})]

    def test_environments_that_take_turns_write_one_book(self, stage):
        others = [stage.place, stage.fresh_place(), stage.fresh_place()]
        for day in range(1, 10):
            decide.respond(others[day % 3], kinesis(spy(at(stage, day))), lambda: MINUTE_MS)
        assert [bar.time for bar in events_of(stage)] == [at(stage, day) for day in range(1, 10)]
        assert stage.journal.head("paper").epoch == 1


class TestDeliver:
    @pytest.fixture
    def ordered(self, stage):
        """A stage on which an order was written down, and the change that says so."""
        stage.replay(limit=1)
        stage.changes()
        stage.put(spy(at(stage, 1)))
        records, _ = stage.lines()
        stage.call(decide, {"Records": records})
        changes = [one for one in stage.changes() if one["dynamodb"]["Keys"]["pk"]["S"].startswith("outbox/")]
        assert [one["eventName"] for one in changes] == ["INSERT"]
        return stage, changes

    def test_a_message_is_sent_once_however_often_it_comes(self, ordered):
        stage, changes = ordered
        for _ in range(3):
            assert stage.call(deliver, {"Records": changes}) == set()
        assert [one.state for one in stage.journal.outbox("paper")] == ["accepted"]
        assert len(stage.ask(stage.run.broker.orders(only_open=False))) == 1

    def test_with_too_little_time_nothing_is_claimed(self, ordered):
        stage, changes = ordered
        answer = deliver.respond(stage.place, {"Records": changes}, lambda: deliver.BUDGET_MS)
        assert answer["batchItemFailures"] == [{"itemIdentifier": changes[0]["dynamodb"]["SequenceNumber"]}]
        assert [one.state for one in stage.journal.outbox("paper")] == ["ready"]

    def test_a_halt_stops_what_was_decided_before_it(self, ordered):
        stage, changes = ordered
        halt.respond(stage.place, {"scope": "account", "reason": "a test", "by": "me"}, lambda: MINUTE_MS)
        stage.call(deliver, {"Records": changes})
        assert [one.state for one in stage.journal.outbox("paper")] == ["rejected"]
        assert stage.ask(stage.run.broker.orders(only_open=False)) == []

    def test_a_key_that_was_revoked_refuses_the_order_and_is_said_until_there_is_another(self, ordered):
        """Nothing is sent again by itself, what is held stays as it was, and whoever asks is told what to do."""
        stage, changes = ordered
        known, run = stage.place.venue.broker, stage.run
        gone = Access("revoked", "revoked", run.access.trading_url)
        stage.place.venue.broker = AlpacaBroker(gone, run.http, None, run.clock, Random(1), requests_per_minute=0)
        assert stage.call(deliver, {"Records": changes}) == set()
        (message,) = stage.journal.outbox("paper")
        assert message.state == "rejected"
        assert "not authorized" in message.answer
        with pytest.raises(Stop, match="SF870") as caught:
            stage.reconcile()
        assert "store the key" in caught.value.fix
        stage.place.venue.broker = known
        assert stage.call(deliver, {"Records": changes}) == set()
        assert stage.ask(stage.run.broker.orders(only_open=False)) == []
        assert stage.reconcile()["breaks"] == []

    def test_what_its_reader_gave_up_is_sent_when_reconcile_has_seen_it(self, ordered):
        stage, _ = ordered
        (message,) = stage.journal.outbox("paper")
        stage.reconcile()
        assert stage.told == []  # somebody may be at it
        decided = terms_of(message.body).decided
        while stage.ask(stage.place.venue.now()) < decided:
            stage.ask(stage.run.stepper.step())
        stage.ask(stage.run.stepper.wait(decided + reconcile.IDLE_NS))
        for _ in range(2):
            stage.reconcile()
        assert stage.told == [("deliver", {"trigger": "wake", "book": "paper", "keys": [message.key]})] * 2
        stage.settle()
        assert [one.state for one in stage.journal.outbox("paper")] == ["accepted"]
        assert len(stage.ask(stage.run.broker.orders(only_open=False))) == 1

    def test_woken_without_time_it_claims_nothing(self, ordered):
        stage, _ = ordered
        (message,) = stage.journal.outbox("paper")
        event = {"trigger": "wake", "book": "paper", "keys": [message.key]}
        assert deliver.respond(stage.place, event, lambda: deliver.BUDGET_MS) == {"sent": 0}
        assert [one.state for one in stage.journal.outbox("paper")] == ["ready"]

    def test_a_claim_whose_function_died_is_unknown_after_a_while_and_then_resolved(self, ordered):
        stage, changes = ordered
        (message,) = stage.journal.outbox("paper")
        stage.journal.claim("paper", 1, [message.key], stage.run.clock.time)
        stage.call(deliver, {"Records": changes})
        assert [one.key for one in stage.journal.outbox("paper", CLAIMED)] == [message.key]
        stage.reconcile()
        assert stage.journal.outbox("paper", UNKNOWN) == []
        stage.ask(stage.run.stepper.wait(stage.run.clock.time + reconcile.GONE_NS))
        assert stage.reconcile()["unknown"] == [message.key]
        assert [alert.key for alert in stage.notifier.alerts] == ["unknown"]

    def test_what_nobody_delivered_in_time_is_refused(self, ordered):
        stage, _ = ordered
        (message,) = stage.journal.outbox("paper")
        while stage.ask(stage.place.venue.now()) < message.expires_at:
            stage.ask(stage.run.stepper.step())
        stage.reconcile()
        assert [one.state for one in stage.journal.outbox("paper")] == ["rejected"]

    def test_the_book_hears_of_a_cancel_that_nobody_delivered_in_time(self, ordered):
        stage, changes = ordered
        stage.call(deliver, {"Records": changes})
        (order,) = stage.journal.outbox("paper")
        cancel = structs.replace(order, key=f"{order.key}-c1", action="cancel", state="ready", answer="")
        head = stage.journal.head("paper")
        stage.journal.append("paper", head.epoch, head.step, [Entry("decided", b"x", b"")], messages=[cancel])
        while stage.ask(stage.place.venue.now()) < cancel.expires_at:
            stage.ask(stage.run.stepper.step())
        stage.reconcile()
        assert stage.journal.message("paper", cancel.key).state == "rejected"
        assert f"cancel_rejected:{cancel.key}" in {one.identity for one in stage.journal.inbox("paper")}


# symbols of the stack | who asks | what is sent | whether the next one begins there
ASKED = [
    ("*", {"time": "2030-01-01T00:00:00Z"}, 1, True),
    ("SPY,QQQ", {"time": "2030-01-01T00:00:00Z"}, 1, True),
    ("QQQ", {"time": "2030-01-01T00:00:00Z"}, 0, True),
    ("*", {}, 1, True),
    ("QQQ", {}, 0, False),
]


class TestIngest:
    def sent(self, stage):
        return [line for one in stage.lines()[0] for line in one["body"].splitlines()]

    def test_http(self, stage):
        body = json.dumps([json.loads(spy(at(stage, 1))), json.loads(spy(at(stage, 2)))])
        answer = ingested(stage, {"httpMethod": "POST", "path": "/events", "headers": {}, "body": body})
        assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"taken": 2})
        assert len(self.sent(stage)) == 2

    def test_what_went_the_other_way_is_heard_before_the_first_line_of_this_one(self, stage):
        waits, sent = [], []
        queue, stream = (
            outlets.Route(Way(way, sent), way, stage.fresh_place().journal, waits.append)
            for way in (outlets.QUEUE, outlets.STREAM)
        )
        for one in (queue, stream, stream):
            one.put("paper", ["line"])
        assert waits == [outlets.HAND_OVER_SECONDS]
        back = outlets.Route(Way(outlets.QUEUE, sent), outlets.QUEUE, stage.fresh_place().journal, waits.append)
        for _ in range(2):
            back.put("paper", ["line"])
        assert waits == [outlets.HAND_OVER_SECONDS] * 2
        stream.put("nobody", ["line"])
        assert (len(waits), stage.journal.mark("nobody", outlets.ROUTE)) == (2, None)
        assert sent == ["queue", "stream", "stream", "queue", "queue", "stream"]

    def test_http_takes_all_or_nothing(self, stage):
        answer = ingested(stage, {"httpMethod": "POST", "body": spy(at(stage, 1)) + "\n{}"})
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (422, "SF880")
        assert self.sent(stage) == []

    def test_websocket_route(self, stage):
        context = {"requestContext": {"connectionId": "one", "routeKey": "$connect", "eventType": "CONNECT"}}
        assert ingested(stage, context)["statusCode"] == 200
        context["requestContext"] |= {"routeKey": "$default", "eventType": "MESSAGE"}
        assert ingested(stage, {**context, "body": spy(at(stage, 1))})["statusCode"] == 202
        assert len(self.sent(stage)) == 1

    def test_queue(self, stage):
        records = [{"messageId": "1", "eventSource": "aws:sqs", "body": spy(at(stage, 1)) + "\nnonsense"}]
        assert ingested(stage, {"Records": records}) == {"batchItemFailures": []}
        assert len(self.sent(stage)) == 1
        assert [one["line"] for one in stage.dead_letters()] == ["nonsense"]

    @pytest.mark.parametrize("name", ["day.jsonl", "day.csv"])
    def test_s3_file_drop(self, stage, name):
        row = json.loads(spy(at(stage, 1)))
        table = ",".join(row) + "\n" + ",".join(map(str, row.values()))
        bucket = stage.names["STRATOFOLD_BUCKET"]
        stage.aws.s3("PUT", bucket, f"in/{name}", (table if name.endswith("csv") else json.dumps(row)).encode())
        record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": {"key": f"in/{name}"}}}
        assert ingested(stage, {"Records": [record]}) == {"sent": 1}
        stage.call(decide, {"Records": stage.lines()[0]})
        assert [bar.close for bar in events_of(stage)] == [300.0]

    def test_event_of_the_bus(self, stage):
        event = {"source": "stratofold.market", "detail-type": "bar", "detail": json.loads(spy(at(stage, 1)))}
        assert ingested(stage, event) == {"sent": 1}
        assert len(self.sent(stage)) == 1

    def test_the_schedule_fetches_the_latest_price_by_rest_and_says_what_time_it_is(self, stage):
        stage.ask(stage.run.stepper.step())
        stage.ask(stage.run.stepper.step())
        assert ingested(stage, {"trigger": "fetch"})["sent"] == 2
        lines = [json.loads(line) for line in self.sent(stage)]
        assert [one["event"] for one in lines] == ["bar", "bar", "tick"]
        assert int(stage.journal.mark("paper", "fetched")) == stage.run.clock.time

    @pytest.mark.parametrize(("symbols", "asker", "sent", "marked"), ASKED)
    def test_of_the_symbols_of_the_stack_and_of_the_book(self, stage, symbols, asker, sent, marked):
        stage.ask(stage.run.stepper.step())
        assert ingested(stage, {"trigger": "fetch", "symbols": symbols, **asker})["sent"] == sent
        assert (stage.journal.mark("paper", "fetched") is not None) is marked

    def test_a_schedule_that_fires_twice_is_heard_once(self, stage):
        stage.ask(stage.run.stepper.step())
        for _ in range(2):
            ingested(stage, {"trigger": "fetch"})
            stage.settle()
        assert len(events_of(stage)) == 1


def test_what_was_taken_in_and_not_written_down_is_heard_when_it_comes_again(stage, monkeypatch):
    """An environment that goes on after an error of any kind must not think that it has heard what it has only read."""
    event = {"Records": [{"messageId": "1", "body": spy(at(stage, 1)), "eventSource": "aws:sqs"}]}
    with monkeypatch.context() as broken:
        broken.setattr(stage.journal, "append", lambda *given, **named: unanswered())
        with pytest.raises(AwsError):
            decide.respond(stage.place, event, lambda: MINUTE_MS)
    assert events_of(stage) == []
    assert decide.respond(stage.place, event, lambda: MINUTE_MS) == {"batchItemFailures": []}
    assert len(events_of(stage)) == 1


def test_an_order_calls_functions_six_times(stage):
    """With its bar, its answer and its fill, and to tell `watch` of the trade: as the page on the cloud reckons it."""
    for wanted in (["decide"], ["decide", "deliver", "decide"]):
        stage.calls.clear()
        stage.ask(stage.run.stepper.step())
        ingested(stage, {"trigger": "fetch"})
        stage.settle()
        assert stage.calls == wanted
    stage.calls.clear()
    stage.ask(stage.run.stepper.step())
    stage.reconcile()
    stage.settle()
    assert stage.calls == ["decide", "decide", "watch"]


class TestWebhook:
    def post(self, stage, body, key=WEBHOOK_KEY, now=None):
        moment = str((now or stage.place.clock.now()) // 1_000_000_000)
        headers = {TIMESTAMP.title(): moment, SIGNATURE.title(): sign(key, moment, body)}
        event = {"httpMethod": "POST", "headers": headers, "body": body.decode(), "requestContext": {}}
        return webhook.respond(stage.place, event, lambda: MINUTE_MS)["statusCode"]

    def fill(self, quantity="10"):
        said = {"kind": "fill", "book": "paper", "venue_id": "v1", "symbol": "SPY", "side": "buy", "quantity": quantity}
        said |= {"price": "300", "cumulative": quantity, "time": datetime.now(UTC).isoformat(), "client_id": ""}
        return json.dumps(said).encode()

    def test_a_signed_fill_wakes_decide_and_then_watch_and_is_a_position_in_the_table(self, stage):
        stage.put(spy(at(stage, 1)))
        stage.settle()
        body = self.fill()
        assert [self.post(stage, body), self.post(stage, body)] == [202, 200]
        stage.settle()
        assert stage.calls[-2:] == ["decide", "watch"]
        views = stage.journal.views("paper")
        assert views["position/SPY"]["quantity"] == "10"
        assert [row["price"] for name, row in views.items() if name.startswith("trade/")] == ["300"]

    def test_what_is_not_signed_is_not_heard(self, stage):
        assert self.post(stage, self.fill(), key=b"another key that is long enough, too") == 401
        assert stage.changes() == []


class TestWatch:
    def test_a_fill_beyond_its_stop_is_closed_by_deliver(self, ministack, days, tmp_path):
        run = paper(Buys, days, DAY_NS, bounds=to_builtins(lifted(stops={"stop_loss": 0.05})))
        stage = Stage(ministack, run, tmp_path, STRATOFOLD_STRATEGY="tests.cloud.test_functions:Buys").open()
        stage.replay(limit=1)
        price = events_of(stage)[-1].close
        fact = {"venue_id": "v1", "quantity": "7", "price": str(round(price * 2.0, 2)), "cumulative": "7"}
        said = {"kind": "fill", "book": "paper", "symbol": "SPY", "side": "buy", "client_id": "", **fact}
        body = json.dumps({**said, "time": "2020-06-02T10:00:00Z"}).encode()
        assert TestWebhook().post(stage, body) == 202
        stage.settle()
        (message,) = stage.journal.outbox("paper")
        assert (message.side, message.quantity, message.state) == (-1, 7.0, "accepted")
        assert "stop_loss:SPY" in [alert.key for alert in stage.notifier.alerts]


class TestGivenUp:
    """AWS says where the records of a batch stood; the dead letters are to hold what they were."""

    def told(self, verb, kind, **batch):
        context = {
            "functionArn": f"arn:aws:lambda:r:1:function:my-stack-{verb}:live",
            "condition": "RetryAttemptsExhausted",
        }
        message = json.dumps({"requestContext": context, kind: batch})
        return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}

    def test_lines_of_the_stream_are_kept_as_they_came(self, stage):
        name, arn = stream(stage.aws)
        for text in ("one", "two", "three", "four"):
            put(stage.aws, name, text)
        (shard,) = stage.aws.json("kinesis", "ListShards", {"StreamName": name})["Shards"]
        asked = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        place = stage.aws.json("kinesis", "GetShardIterator", asked)["ShardIterator"]
        numbers = [
            one["SequenceNumber"]
            for one in stage.aws.json("kinesis", "GetRecords", {"ShardIterator": place})["Records"]
        ]
        batch = {"shardId": shard["ShardId"], "startSequenceNumber": numbers[1], "endSequenceNumber": numbers[2]}
        event = self.told("decide", "KinesisBatchInfo", streamArn=arn, **batch)
        assert watch.respond(stage.place, event, lambda: MINUTE_MS) == {"kept": 2}
        why = "decide: RetryAttemptsExhausted"
        assert stage.dead_letters() == [{"line": text, "why": why} for text in ("two", "three")]

    def test_of_the_table_what_the_function_was_to_hear_is_kept(self, stage):
        stage.replay(limit=1)
        stage.changes()
        stage.put(spy(at(stage, 1)))
        stage.call(decide, {"Records": stage.lines()[0]})
        changes = stage.changes()
        shards = stage.aws.json("dynamodbstreams", "DescribeStream", {"StreamArn": stage.stream})
        (shard,) = shards["StreamDescription"]["Shards"]
        first, last = (changes[place]["dynamodb"]["SequenceNumber"] for place in (0, -1))
        batch = {"shardId": shard["ShardId"], "startSequenceNumber": first, "endSequenceNumber": last}
        event = self.told("deliver", "DDBStreamBatchInfo", streamArn=stage.stream, **batch)
        assert watch.respond(stage.place, event, lambda: MINUTE_MS) == {"kept": 1}
        (letter,) = stage.dead_letters()
        (message,) = stage.journal.outbox("paper")
        assert (letter["row"]["pk"]["S"], letter["row"]["sk"]["S"]) == ("outbox/paper", message.key)


class TestOthers:
    def test_halt_says_what_holds_and_lifts_nothing(self, stage):
        said = halt.respond(stage.place, {"scope": "book", "name": "paper", "by": "me"}, lambda: MINUTE_MS)
        assert (said["scope"], said["state"]) == ("book", HALTED)
        with pytest.raises(Setup, match="SF886"):
            halt.respond(stage.place, {"scope": "book", "name": "paper", "state": "active"}, lambda: MINUTE_MS)

    def test_flatten_closes_through_decide_and_deliver(self, stage):
        stage.replay(limit=4)
        assert stage.journal.views("paper", "position/")
        halt.respond(stage.place, {"flatten": "paper", "by": "me"}, lambda: MINUTE_MS)
        stage.settle()
        assert [one.side for one in stage.journal.outbox("paper")] == [1, -1]

    def test_archive_seals_what_is_there_and_twice_is_once(self, stage):
        stage.replay(limit=3)
        assert archive.respond(stage.place, {"trigger": "archive"}, lambda: MINUTE_MS)["segments"] == 1
        assert archive.respond(stage.place, {"trigger": "archive"}, lambda: MINUTE_MS)["segments"] == 0

    def test_warm_writes_nothing_and_keeps_the_seat(self, stage, capsys):
        before, kept = stage.journal.head("paper"), list(stage.folder.rglob("*"))
        assert decide.respond(stage.place, {"trigger": "warm"}, lambda: MINUTE_MS) == {"warmed": True}
        assert deliver.respond(stage.place, {"trigger": "warm"}, lambda: MINUTE_MS) == {"warmed": True}
        assert (stage.journal.head("paper"), stage.changes()) == (before, [])
        assert "paper" in stage.place.seats
        assert list(stage.folder.rglob("*")) == kept
        capsys.readouterr()
        stage.place.metrics.flush(verb="decide")
        assert capsys.readouterr().out == ""

    def test_a_control_is_seen_by_the_next_claim(self, stage):
        stage.journal.control("account", Control("symbol", "SPY", HALTED, "a test", "me", 1))
        stage.replay(limit=4)
        assert [one.state for one in stage.journal.outbox("paper")] == ["rejected"]


def test_each_function_states_its_latency_class():
    critical = [decide, deliver, halt]
    assert [one.LATENCY for one in critical] == [latency.CRITICAL] * 3
    assert {one.LATENCY for one in (ingest, webhook, reconcile, watch)} == {latency.PROMPT}
    assert {one.LATENCY for one in (archive, warm)} == {latency.BATCH}


def test_every_event_in_a_fresh_environment_gives_the_same_book(ministack, days, tmp_path):
    stage = Stage(ministack, paper(Buys, days, DAY_NS), tmp_path, STRATOFOLD_STRATEGY=spec_of(Buys)).open()
    once = stage.call

    def fresh(verb, event):
        stage.place = stage.fresh_place()
        return once(verb, event)

    stage.call = fresh
    stage.replay()
    whole = paper(Buys, days, DAY_NS)
    desk = whole.run()
    assert restore_fold(stage.journal, "paper", Buys).save() == desk.fold.save()


def test_a_line_says_everything_of_an_event():
    from stratofold.cloud.market import read

    bar = Bar()
    bar.time = bar.known = 1_600_000_000_000_000_001
    bar.close = 0.1 + 0.2
    told = read(line_of("b", "SPY", bar))
    assert (told.book, told.symbol, told.event.close, told.event.time) == ("b", "SPY", bar.close, bar.time)
    assert told.event.open != told.event.open
