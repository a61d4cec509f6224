"""The rights of the roles are those that the functions use, both ways: none is missing, and none is left over."""

import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from msgspec import to_builtins

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
from tests.faults.aws_stack import Stack
from tests.faults.aws_weak import WEAKNESSES
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

    def feed(self, span_ns, ticks=()):
        return self._inner.feed(span_ns, ticks)


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
        with suppress(AwsError):
            self._asked.ask(verb, event)


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
    """What every function asked for in a life of the book, and on two days on which much goes wrong."""
    folder = tmp_path_factory.mktemp("stage")

    def stage(**names):
        run = paper(stories.Buys, days, stories.DAY_NS, **names)
        return WholeStage(ministack, run, folder, STRATOFOLD_STRATEGY="tests.cloud.test_functions:Buys").open()

    with recorded() as recorder:
        life(stage)
        for weakness in WEAKNESSES:
            if weakness.name in BAD_DAYS:
                Stack(1, weakness.weather).run()
    return recorder.used


def life(stage):
    """A book decides, sends, is filled, stopped, looked at, sealed, flattened."""
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
    stories.TestWebhook().test_a_signed_fill_wakes_decide_and_then_watch_and_is_a_position_in_the_table(stage())
    stops_out(stage(bounds=to_builtins(lifted(stops={"stop_loss": 0.05}))))
    dies(stage())
    warm.respond(whole.place, {"trigger": "warm"}, lambda: MINUTE_MS)


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


def granted(verb):
    """The rights of a function, as (verb, action, where); what AWS's own pollers use, and what is behind a switch, is apart."""
    for right in permissions.RIGHTS[verb]:
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
    found = re.findall(WHERE[right.service], right.on)
    rest = "in" if "-drop-" in right.on else "anything"  # a file is dropped anywhere; in this run into `in`
    return [one or rest for one in found] or ["the archive"]


WHERE = {
    "ssm": r"/([a-z-]+)\"", "sqs": r"GetAtt (\w+)\.Arn", "sns": r"Ref (\w+)", "lambda": r"Ref (\w+)\.Alias",
    "s3": r"/(\w*)/?\*",
}  # fmt: skip


# What AWS itself does for a function under its role: an asynchronous call that failed is put into the dead letters, and
# what the reader of a stream gave up is told to a topic.
BY_AWS = {(verb, "sqs:SendMessage", "DeadLetters") for verb in permissions.RIGHTS}
BY_AWS |= {(verb, "sns:Publish", "GivenUp") for verb in ("decide", "deliver")}


# What none of this shows, because it is for what happens seldom; each has tests of its own.  It stands here once more, word
# for word, so that whoever widens it has to say so twice.
SELDOM_BY_REASON = {
    "an answer that never came, or a race: what guards a write is read back (test_journal_faults.py)": """
        archive GetItem records/* . decide GetItem inbox/* outbox/* records/* . deliver GetItem account/* inbox/* outbox/* seen/*
        halt GetItem inbox/* records/* seen/* . reconcile GetItem account/* inbox/* records/* seen/*
        watch GetItem account/* inbox/* records/* seen/* . webhook GetItem inbox/* once/* seen/*""",
    "a step that one transaction does not hold is finished by who finds it (test_journal_pending.py)": """
        decide ConditionCheckItem book/* . deliver ConditionCheckItem book/* . deliver DeleteItem book/*
        deliver PutItem book/* outbox/* . reconcile ConditionCheckItem book/* . reconcile DeleteItem book/*
        reconcile PutItem outbox/*""",
    "answers that came before the step, and orders that ended before a fill of theirs is heard (tests/contracts/test_journal.py)": """
        decide BatchGetItem inbox/* outbox/* seen/* . decide PutItem inbox/* seen/* . decide UpdateItem outbox/*
        decide ConditionCheckItem account/* . reconcile PutItem account/*""",
    "a limit that is broken at a fill holds the account (test_functions.py)": """
        watch GetItem stack . watch PutItem account/* . watch UpdateItem account/*""",
    "a body of more than 64 kilobytes (tests/contracts/test_journal.py)": """
        archive s3:GetObject journal . decide s3:GetObject journal . decide s3:PutObject journal . ingest s3:GetObject journal
        reconcile s3:GetObject journal . watch s3:GetObject journal""",
    "a segment that is there already: which version was put first (tests/contracts/test_artifacts.py)": """
        archive s3:GetObject archive . archive s3:GetObjectVersion archive . archive s3:ListBucketVersions the_archive""",
    "a batch that there was no time for (test_functions.py)": """
        decide sqs:ChangeMessageVisibility MarketQueue""",
}


def rights_in(text):
    """Rights as text: verb, action (of the table unless it says another service), places; until a full stop or the line's end."""
    for words in re.split(r" \. |\n", text):
        if words.strip():
            verb, action, *where = words.split()
            full = action if ":" in action else f"dynamodb:{action}"
            yield from ((verb, full, one.replace("_", " ")) for one in where)


SELDOM = {right for text in SELDOM_BY_REASON.values() for right in rights_in(text)}
BAD_DAYS = ("a request is lost, and the write was not done", "deliver dies between the venue and its answer")


def all_granted():
    return {one for verb in permissions.RIGHTS for one in granted(verb)}


def unused(used):
    """Rights that nothing has used, but those that are known to be for what seldom happens."""
    return all_granted() - used - BY_AWS - SELDOM


def missing(used):
    return used - all_granted()


def test_no_function_asks_for_what_it_may_not(used):
    assert missing(used) == set(), shown(used)


def test_no_function_may_what_it_does_not_ask_for(used):
    assert unused(used) == set(), shown(used)


def test_what_is_seldom_asked_for_is_granted():
    assert SELDOM - all_granted() == set()


def wider(right):
    """The right with an action more, and with a place more, as each service can be widened."""
    yield replace(right, actions=(*right.actions, "DescribeEverything"))
    if right.keys:
        yield replace(right, keys=(*right.keys, "everything/*"))
    elif right.service == "s3":
        yield replace(right, on='!Sub "${Archive.Arn}/*"')
    elif right.service == "ssm":
        yield replace(right, on=f'{right.on} !Sub "/another-key"')
    elif right.service == "lambda":
        yield replace(right, on=f"{right.on} !Ref Halt.Alias")
    elif right.service == "sns":
        yield replace(right, on=f"{right.on} !Ref Topic")
    elif right.service == "sqs":
        yield replace(right, on=f"{right.on} !GetAtt PushQueue.Arn")


WIDER = [
    pytest.param(verb, place, more, id=f"{verb} {place} {right.service} {more}")
    for verb, rights in permissions.RIGHTS.items()
    for place, right in enumerate(rights)
    for more in range(len(list(wider(right))))
    if right.service not in {"kinesis", "secretsmanager"} and f"{right.service}:{right.actions[0]}" not in POLLED
]


@pytest.mark.parametrize(("verb", "place", "more"), WIDER)
def test_widening_any_right_of_any_function_is_found(used, verb, place, more, monkeypatch):
    """The control, for each right: an action more, and a partition, queue, key, function or object more."""
    rights = list(permissions.RIGHTS[verb])
    rights[place] = list(wider(rights[place]))[more]
    monkeypatch.setitem(permissions.RIGHTS, verb, tuple(rights))
    assert {right[0] for right in unused(used)} == {verb}


@pytest.mark.parametrize("verb", permissions.RIGHTS)
def test_taking_a_right_away_is_found(used, verb, monkeypatch):
    first, *others = [right for right in permissions.RIGHTS[verb] if right.service not in {"sqs", "kinesis"}]
    monkeypatch.setitem(permissions.RIGHTS, verb, tuple(one for one in others if one.service != first.service))
    assert {one[0] for one in missing(used)} == {verb}


# What these runs have not turned on, and what AWS asks in a function's name: as it was read by a person.
POLLS_STREAM = "dynamodb DescribeStream GetRecords GetShardIterator ListStreams !GetAtt Journal.StreamArn"
POLLS_QUEUE = "sqs DeleteMessage GetQueueAttributes ReceiveMessage !GetAtt"
APART = {
    "ingest": {"kinesis PutRecord !GetAtt MarketStream.Arn", f"{POLLS_QUEUE} PushQueue.Arn"},
    "decide": {
        POLLS_STREAM, f"{POLLS_QUEUE} MarketQueue.Arn",
        "kinesis DescribeStream DescribeStreamSummary GetRecords GetShardIterator ListShards !GetAtt MarketStream.Arn",
    },
    "deliver": {POLLS_STREAM},
    "watch": {
        "dynamodb GetRecords GetShardIterator !GetAtt Journal.StreamArn", "kinesis GetRecords GetShardIterator !GetAtt MarketStream.Arn",
    },
}  # fmt: skip


@pytest.mark.parametrize("verb", permissions.RIGHTS)
def test_what_is_behind_a_switch_or_asked_by_aws_is_as_it_was_read(verb):
    found = {
        " ".join([right.service, *right.actions, right.on])
        for right in permissions.RIGHTS[verb]
        if right.service == "kinesis" or f"{right.service}:{right.actions[0]}" in POLLED
    }
    assert found == APART.get(verb, set())
    kept = [
        re.findall(r"/([a-z-]+)-\?{6}\"", one.on) for one in permissions.RIGHTS[verb] if one.service == "secretsmanager"
    ]
    assert kept == [
        places(one) for one in permissions.RIGHTS[verb] if one.service == "ssm"
    ]  # the same keys in both stores


def test_what_every_function_may_besides_is_as_it_was_read():
    for verb in permissions.RIGHTS:
        found = {
            (one.service, *one.actions, one.on, one.when) for one in permissions.common(verb) if one.service != "ec2"
        }
        assert found == {
            ("logs", "CreateLogStream", "PutLogEvents", f"!GetAtt {verb.capitalize()}Logs.Arn", ""),
            ("xray", "PutTraceSegments", "PutTelemetryRecords", '"*"', "UseTracing"),
            ("kms", "Decrypt", "GenerateDataKey", "!Ref KeyArn", "UseOwnKey"),
        }
        network = [one for one in permissions.common(verb) if one.service == "ec2"]
        assert {one.when for one in network} == ({"UseNetwork"} if verb == "decide" else set())


def test_only_who_decides_writes_messages_and_only_who_sends_may_answer_them(used):
    writes = {(verb, action) for verb, action, where in used if where == "outbox/*" and "Get" not in action}
    assert writes == {
        ("decide", "dynamodb:PutItem"),
        ("deliver", "dynamodb:UpdateItem"),
        ("reconcile", "dynamodb:UpdateItem"),
    }
