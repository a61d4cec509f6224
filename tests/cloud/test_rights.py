"""The rights of the roles are those that the functions use, both ways: none is missing, and none is left over."""

import json
import re
from contextlib import suppress
from dataclasses import asdict

import pytest

import stratofold
from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.aws.artifacts import Artifacts
from stratofold.adapters.aws.notifier import Notifier
from stratofold.adapters.aws.secrets import Secrets
from stratofold.cloud import permissions
from stratofold.cloud import venue as venues
from stratofold.cloud.calling import Calls as RealCalls
from stratofold.cloud.functions import archive, decide, reconcile, warm
from tests.cloud import test_functions as stories
from tests.cloud.rights import recorded, shown
from tests.cloud.stage import MINUTE_MS, Calls, Stage
from tests.live_tools import paper
from tests.unit.live.risk.scene import lifted

POLLED = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}


class KeyedVenue:
    """The paper exchange, reached as a venue is: its keys are asked for by name first."""

    def __init__(self, inner, secrets):
        self._inner, self._secrets = inner, secrets
        self.clock = inner.clock

    @property
    def broker(self):
        self._secrets.get(venues.KEY)
        self._secrets.get(venues.SECRET)
        return self._inner.broker

    async def now(self):
        assert self.broker is not None
        return await self._inner.now()

    def feed(self, span_ns):
        return self._inner.feed(span_ns)


class AskingCalls(Calls):
    """What is told is asked of the service too, which has no functions here, and then done."""

    def __init__(self, stage, client):
        super().__init__(stage)
        self._asked = RealCalls(client, "stack")

    def tell(self, verb, event):
        with suppress(AwsError):
            self._asked.tell(verb, event)
        super().tell(verb, event)

    def ask(self, verb, event):
        return self._asked.ask(verb, event)


class WholeStage(Stage):
    """A stage where every adapter is the one of AWS."""

    def fresh_place(self):
        place = super().fresh_place()
        topic = self.aws.query("sns", "CreateTopic", {"Name": self.names["STRATOFOLD_TABLE"]})
        where = f"ssm:/{self.names['STRATOFOLD_TABLE']}/"
        kept = Secrets(self.aws, where)
        for name, value in ((venues.KEY, "k"), (venues.SECRET, "s"), ("webhook", stories.WEBHOOK_KEY.decode())):
            kept.put(name, value)
        place.artifacts = Artifacts(place.client, self.names["STRATOFOLD_BUCKET"])
        place.secrets = Secrets(place.client, where)
        place.notifier = Notifier(place.client, topic.partition("<TopicArn>")[2].partition("<")[0])
        place.venue = KeyedVenue(place.venue, place.secrets)
        place.calls = AskingCalls(self, place.client)
        return place


@pytest.fixture(scope="module")
def days():
    return stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")


@pytest.fixture(scope="module")
def used(ministack, days, tmp_path_factory):
    """What every function asked for in a life of the book: decided, sent, filled, stopped, looked at, sealed, flattened."""

    def stage(**names):
        run = paper(stories.Buys, days, stories.DAY_NS, **names)
        made = WholeStage(
            ministack, run, tmp_path_factory.mktemp("stage"), STRATOFOLD_STRATEGY="tests.cloud.test_functions:Buys"
        )
        return made.open()

    with recorded() as recorder:
        whole = stage()
        whole.replay(limit=4)
        stories.TestOthers().test_halt_says_what_holds_and_lifts_nothing(whole)
        archive.respond(whole.place, {"trigger": "archive"}, lambda: MINUTE_MS)
        stories.TestOthers().test_flatten_closes_through_decide_and_deliver(stage())
        for trigger in (
            stories.TestIngest.test_http, stories.TestIngest.test_queue,
            stories.TestIngest.test_the_schedule_fetches_the_latest_price_by_rest_and_says_what_time_it_is,
        ):  # fmt: skip
            trigger(stories.TestIngest(), stage())
        stories.TestIngest().test_s3_file_drop(stage(), "day.csv")
        stories.TestDecide().test_what_the_strategy_raises_on_is_set_aside_and_the_book_only_reduces(stage())
        webhooked = stage()
        stories.TestWebhook().test_a_signed_fill_wakes_decide_and_then_watch_and_is_a_position_in_the_table(webhooked)
        stops_out(stage(bounds=asdict(lifted(stops={"stop_loss": 0.05}))))
        dies(stage())
        with suppress(AwsError):  # there are no functions here to be warmed
            warm.respond(whole.place, {"trigger": "warm"}, lambda: MINUTE_MS)
    return recorder.used


def stops_out(stage):
    """A fill far above the market: `watch` finds its stop broken and has it closed."""
    stage.replay(limit=1)
    price = stories.events_of(stage)[-1].close
    fact = {"venue_id": "v1", "quantity": "7", "price": str(round(price * 2.0, 2)), "cumulative": "7"}
    said = {"kind": "fill", "book": "paper", "symbol": "SPY", "side": "buy", "client_id": "", **fact}
    stories.TestWebhook().post(stage, json.dumps({**said, "time": "2020-06-02T10:00:00Z"}).encode())
    stage.settle()


def dies(stage):
    """A claim whose function died: `reconcile` finds it, says so, and resolves it; what was too late is refused."""
    stage.replay(limit=1)
    stage.changes()
    stage.put(stories.spy(stories.at(stage, 1)))
    stage.call(decide, {"Records": stage.lines()[0]})
    (message,) = stage.journal.outbox("paper")
    stage.journal.claim("paper", 1, [message.key], stage.run.clock.time)
    stage.reconcile()
    stage.ask(stage.run.stepper.wait(stage.run.clock.time + reconcile.GONE_NS))
    stage.reconcile()


def granted(verb, *, rarely):
    """The rights of a function, as (verb, action, where); what AWS's own pollers and senders use is apart."""
    for right in permissions.RIGHTS[verb]:
        if right.rarely and not rarely:
            continue
        for action in right.actions:
            full = f"{right.service}:{action}"
            if full in POLLED or right.service in {"kinesis", "secretsmanager"}:
                continue
            for where in places(right):
                yield verb, full, where


def places(right):
    """Where a right is, in the words of the recorder."""
    if right.service == "dynamodb":
        return [f"open {key}" if right.on == permissions.TABLE_INDEX else key for key in right.keys]
    if right.service == "ssm":
        return re.findall(r"/([a-z-]+)\"", right.on)
    return [right.on]


def plain(used):
    """What was used, with the names that this run gave to things left out."""
    return {(verb, action, where if action.startswith(("dynamodb", "ssm")) else "") for verb, action, where in used}


def of_right(rights):
    return {(verb, action, where if action.startswith(("dynamodb", "ssm")) else "") for verb, action, where in rights}


# What AWS itself does for a function under its role: an asynchronous call that failed is put into the dead letters, and
# what the reader of a stream gave up is told to a topic.
BY_AWS = {(verb, "sqs:SendMessage", "") for verb in permissions.RIGHTS}
BY_AWS |= {(verb, "sns:Publish", "") for verb in ("decide", "deliver")}


def unused(used):
    allowed = of_right(one for verb in permissions.RIGHTS for one in granted(verb, rarely=False))
    return allowed - plain(used) - BY_AWS


def missing(used):
    allowed = of_right(one for verb in permissions.RIGHTS for one in granted(verb, rarely=True))
    return plain(used) - allowed


def test_no_function_asks_for_what_it_may_not(used):
    assert missing(used) == set(), shown(used)


def test_no_function_may_what_it_does_not_ask_for(used):
    assert unused(used) == set(), shown(used)


@pytest.mark.parametrize("verb", permissions.RIGHTS)
def test_widening_a_right_is_found(used, verb, monkeypatch):
    """The control: one partition more, or one action more, and the comparison says so."""
    wider = permissions.table("wider", Scan="book") + permissions.table("wider", GetItem="everything")
    monkeypatch.setitem(permissions.RIGHTS, verb, (*permissions.RIGHTS[verb], *wider))
    assert unused(used) == {(verb, "dynamodb:Scan", "book/*"), (verb, "dynamodb:GetItem", "everything/*")}


@pytest.mark.parametrize("verb", permissions.RIGHTS)
def test_taking_a_right_away_is_found(used, verb, monkeypatch):
    first, *others = [right for right in permissions.RIGHTS[verb] if right.service not in {"sqs", "kinesis"}]
    monkeypatch.setitem(permissions.RIGHTS, verb, tuple(one for one in others if one.service != first.service))
    assert {one[0] for one in missing(used)} == {verb}


def test_only_who_decides_writes_messages_and_only_who_sends_may_answer_them(used):
    writes = {
        (verb, action) for verb, action, where in used if where == "outbox/*" and action != "dynamodb:BatchGetItem"
    }
    assert writes == {
        ("decide", "dynamodb:PutItem"),
        ("deliver", "dynamodb:UpdateItem"),
        ("reconcile", "dynamodb:UpdateItem"),
    }
