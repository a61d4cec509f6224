"""The real template on the cloud of this machine: a book trades through it as on a laptop, and every trigger reaches its function."""

import base64
import http.client
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

import stratofold
from stratofold.adapters.aws.sigv4 import Keys, Request, signed
from stratofold.cli.cloud import ringing
from stratofold.cloud.clock import ZONE, sessions
from stratofold.cloud.local.cloud import LocalCloud
from stratofold.cloud.local.emulator import REGION
from stratofold.cloud.stack import Stack
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, sign
from stratofold.market.zones import at_wall
from stratofold.strategies import Crossover, Momentum
from tests import tick_strategies
from tests.cloud.canaries import WITNESSES, Listener, alerted, forms, texts
from tests.cloud.deployed import Standing, pass_by
from tests.cloud.local_stage import staged
from tests.cloud.test_receipt import DAY_NS, SLIPPAGE, messages, receipt
from tests.live_tools import paper
from tests.patience import until
from tests.stories.test_live_ticks import KINDS as TICK_KINDS
from tests.stories.test_live_ticks import MINUTE_NS, OnTicks, on_ticks
from tests.tick_market import made

pytestmark = pytest.mark.cloud
KEY = "a key of at least thirty-two bytes, for the tests"
QUICK = {"fast": 2, "slow": 3}


@pytest.fixture(scope="module")
def lines():
    """What the functions have printed, as (function, line)."""
    return []


@pytest.fixture(scope="module")
def clock():
    """The stack's clock, which stands until a test moves it."""
    return Standing(datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, lines, clock, listener):
    log = tmp_path_factory.mktemp("stack") / "log"
    told = {"variables": listener.variables, "show": lambda *one: lines.append(one)}
    with LocalCloud(log=log, now=clock, **told) as running:
        listener.hear(running)
        yield running


@pytest.fixture(scope="module")
def listener():
    """Hears what goes into functions and comes out of them."""
    heard = Listener()
    yield heard
    heard.close()


@pytest.fixture(scope="module")
def march():
    return stratofold.sample("us14").subset(["SPY"], start="2020-03-02", end="2020-03-13")


@pytest.fixture(scope="module")
def stage(cloud, march):
    secrets, more = {"webhook": KEY}, {"Schedule": "sessions", "PushByQueue": "on", **SLIPPAGE}
    with staged(cloud, Crossover, march, DAY_NS, numbers=QUICK, secrets=secrets, **more) as standing:
        standing.alerts = alerted(standing)
        yield standing


def test_a_stretch_through_real_processes_is_that_of_the_laptop(stage, march, lines):
    laptop = paper(Crossover, march, DAY_NS, parameters=QUICK, **SLIPPAGE)
    laptop.run()
    assert stage.replay() >= 9
    assert receipt(stage.journal) == receipt(laptop.journal)
    assert messages(stage.journal) == messages(laptop.journal)
    assert len(laptop.witness.fills) > 3
    assert stage.dead_letters() == []
    assert [text for _, text in lines if '"_aws"' in text and '"orders_sent"' in text]
    looked = [text for name, text in lines if name.endswith("-watch") and '"closes"' in text]
    assert len(looked) >= len(stage.journal.views("paper", "trade/")) > 3  # `decide` told it of each trade


@pytest.mark.nightly
def test_momentum_over_a_year_through_real_processes(cloud):
    year = stratofold.sample("us14").subset(["SPY", "AAPL"], start="2020-01-01", end="2020-12-31")
    laptop = paper(Momentum, year, DAY_NS, **SLIPPAGE)
    laptop.run()
    with staged(cloud, Momentum, year, DAY_NS, name="year", **SLIPPAGE) as standing:
        assert standing.replay() > 500
        assert receipt(standing.journal) == receipt(laptop.journal)
        assert messages(standing.journal) == messages(laptop.journal)


@pytest.mark.nightly
def test_a_strategy_on_quotes_and_trades_through_real_processes(cloud):
    """Tick by tick: orders that take, rest and are cancelled, as on the laptop."""
    ticks = made(21, 48, kinds=TICK_KINDS)
    laptop = on_ticks(ticks)
    laptop.run()
    spec = f"{Path(tick_strategies.__file__)}:Follows"
    with staged(cloud, tick_strategies.Follows, ticks, MINUTE_NS, name="ticks", spec=spec, kind=OnTicks) as standing:
        assert standing.replay() > 40
        assert receipt(standing.journal) == receipt(laptop.journal)
        assert messages(standing.journal) == messages(laptop.journal)
        assert standing.dead_letters() == []
    assert len(laptop.witness.fills) > 2


def line(day):
    """A complete bar of SPY that nobody has told of, as anybody may write it."""
    when = f"2020-04-{day:02}T20:00:00Z"
    told = {"book": "paper", "event": "bar", "symbol": "SPY", "time": when, "span": DAY_NS}
    return json.dumps(told | {"open": 250.0, "high": 251.0, "low": 249.0, "close": 250.5, "volume": 1000.0})


def posted(url, body, **headers):
    """The status that a POST is answered with."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("POST", parts.path, body.encode(), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def as_iam(url, body):
    """The headers of who signs with the keys of a role."""
    parts = urlsplit(url)
    asked = Request("POST", parts.netloc, parts.path, (), {}, body.encode())
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return signed(asked, Keys("local", "local"), "execute-api", REGION, moment)


def by_queue(stage):
    stage.aws.json("sqs", "SendMessage", {"QueueUrl": stage.outputs["PushQueueUrl"], "MessageBody": line(1)})


def by_file(stage):
    stage.aws.s3("PUT", stage.outputs["DropBucket"], "april.jsonl", line(2).encode())


def by_bus(stage):
    entry = {"Source": "stratofold.market", "DetailType": "bar", "Detail": line(3)}
    stage.aws.json("events", "PutEvents", {"Entries": [entry]})


def by_http(stage):
    url = stage.outputs["EventsUrl"]
    assert posted(url, line(6)) == 403
    assert posted(url, line(6), **as_iam(url, line(6))) == 202


@pytest.mark.parametrize("trigger", [by_queue, by_file, by_bus, by_http], ids=lambda trigger: trigger.__name__)
def test_a_bar_is_folded_whichever_door_it_comes_by(stage, trigger):
    """After the stretch before: the door's function passes it on, the queue wakes `decide`, the book goes on a step."""
    before = stage.journal.head("paper").step
    trigger(stage)
    until(lambda: stage.journal.head("paper").step > before)
    assert stage.cloud.settle()
    assert stage.dead_letters() == []


def test_the_webhook_hears_who_has_the_key_and_nobody_else(stage):
    fill = {"book": "paper", "identity": "f1", "source": "desk", "text": "hello"}
    body, stamp = json.dumps(fill), str(int(time.time()))
    url = stage.outputs["WebhookUrl"]
    assert posted(url, body) == 401
    wrong = {TIMESTAMP: stamp, SIGNATURE: sign(b"x" * 40, stamp, body.encode())}
    assert posted(url, body, **wrong) == 401
    right = {TIMESTAMP: stamp, SIGNATURE: sign(KEY.encode(), stamp, body.encode())}
    assert posted(url, body, **right) not in {401, 403, 500, 502}


def test_what_a_function_dies_on_is_kept_whole_in_the_dead_letters(stage):
    """A row that no release of ours writes: `deliver` raises on it each time, and AWS says only where it stood."""
    row = {"pk": {"S": "outbox/paper"}, "sk": {"S": "nonsense"}, "state": {"S": "ready"}}
    stage.aws.json("dynamodb", "PutItem", {"TableName": stage.outputs["Table"], "Item": row})
    (letter,) = until(stage.dead_letters)
    assert letter == {"row": row, "why": "deliver: RetryAttemptsExhausted"}
    stage.aws.json(
        "dynamodb", "DeleteItem", {"TableName": stage.outputs["Table"], "Key": {"pk": row["pk"], "sk": row["sk"]}}
    )


def test_an_alarm_rings_for_what_it_names_and_for_nothing_else(stage, monkeypatch):
    for name, value in stage.cloud.environment().items():
        monkeypatch.setenv(name, value)
    stack = Stack(stage.stack, REGION)
    assert not stage.cloud.functions.run(f"{stage.stack}-watch:live", b"{}").ok
    assert not stage.cloud.functions.run(f"{stage.stack}-deliver:live", b'{"Records": 1}').ok
    stage.aws.json("sqs", "SendMessage", {"QueueUrl": stage.dead, "MessageBody": "{}"})
    rings = lambda: {one.split("-")[1] for one in ringing(stack)}  # noqa: E731
    until(lambda: rings() >= {"DeliverFails", "DeadLetterArrived"})
    assert rings() == {"DeliverFails", "DeadLetterArrived"}
    stage.aws.json("sqs", "PurgeQueue", {"QueueUrl": stage.dead})


def test_an_alarm_ends_when_its_time_brings_nothing_more(stage, monkeypatch):
    for name, value in stage.cloud.environment().items():
        monkeypatch.setenv(name, value)
    stack = Stack(stage.stack, REGION)
    terms = {"Namespace": "ours", "MetricName": "calls", "Statistic": "Sum", "TreatMissingData": "notBreaching"}
    over = {"Period": 10, "EvaluationPeriods": 1, "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold"}
    stack.call("cloudwatch", "put_metric_alarm", AlarmName=f"{stage.stack}-Quick", **terms, **over)
    rings = lambda: any("-Quick" in one for one in ringing(stack))  # noqa: E731
    told = {"MetricName": "calls", "Value": 1.0, "Timestamp": time.time() - 5.0}
    stack.call("cloudwatch", "put_metric_data", Namespace="ours", MetricData=[told])
    assert rings()
    until(lambda: not rings())


def everything(stage):
    """All that a stack keeps: the items of its table, and the versions in its archive."""
    items = stage.aws.json("dynamodb", "Scan", {"TableName": stage.outputs["Table"]})["Items"]
    archive = stage.aws.s3("GET", stage.outputs["ArchiveBucket"], query={"versions": ""}).body
    return sorted(json.dumps(item, sort_keys=True) for item in items), archive


def test_warming_leaves_no_trace_in_what_trades(stage, lines):
    """Journal and archive are as they were, and no line is a metric."""
    before, said = everything(stage), len(lines)
    outcome = stage.function("warm", {})
    assert outcome["decide"] == {"warmed": True}
    assert stage.cloud.settle()
    assert everything(stage) == before
    assert not [text for _, text in lines[said:] if '"_aws"' in text]


def wall(day, minutes):
    """A moment by New York's clock."""
    return datetime.fromtimestamp(at_wall(day, minutes, ZONE) / 1e9, UTC)


def stretches(today):
    """The longest time without a session in the months to come, and the evening of a half day: (session, the one after)."""
    hours = sessions(today + timedelta(days=1), today + timedelta(days=360))
    pairs = list(pairwise(hours))
    half = next(pair for pair in pairs if pair[0].closes < 16 * 60)
    longest = max(pairs, key=lambda pair: pair[1].day - pair[0].day)
    return sorted({longest, half})


def test_while_the_market_is_closed_nobody_is_called(stage, clock, cloud, monkeypatch):
    """The stack's own schedules, on its own clock: what they call around a close, and nothing until before the next opening."""
    called, run = [], cloud.functions.run

    def counting(reference, payload):
        called.append((reference.rpartition("-")[2], json.loads(payload)))
        return run(reference, payload)

    monkeypatch.setattr(cloud.functions, "run", counting)

    def triggers():
        assert cloud.settle()
        found = sorted((told["trigger"], told["time"]) for _, told in called if "time" in told and "trigger" in told)
        called.clear()
        return [(name, datetime.fromisoformat(moment)) for name, moment in found]

    for session, following in stretches(clock.moment.date()):
        closes, opens = wall(session.day, session.closes), wall(following.day, following.opens)
        clock.moment = closes - timedelta(minutes=4)
        cloud.schedules.beat()
        triggers()  # what an hour before it would have been called is too old; whatever was not is none of ours
        pass_by(cloud.schedules, clock, minutes=15)
        assert triggers() == [
            ("archive", closes + timedelta(minutes=10)), ("close", closes - timedelta(minutes=2)), ("fetch", closes),
            ("reconcile", closes),
        ]  # fmt: skip
        begun = cloud.pool.begun
        pass_by(cloud.schedules, clock, seconds=(opens - timedelta(minutes=6) - clock.moment).total_seconds())
        assert (triggers(), called, cloud.pool.begun) == ([], [], begun)
        pass_by(cloud.schedules, clock, minutes=12)
        assert triggers() == [
            ("fetch", opens + timedelta(minutes=5)), ("reconcile", opens + timedelta(minutes=5)),
            ("warm", opens - timedelta(minutes=5)),
        ]  # fmt: skip
    assert stage.dead_letters() == []


def revoked(stage, listener):
    """What each function that asks the venue says of a key that is not good any more; and one webhook signed with another."""
    account = stage.served.account
    kept, account.secret_key = account.secret_key, "another"
    for verb, event in (("reconcile", {"trigger": "reconcile"}), ("ingest", {"trigger": "fetch"})):
        stage.cloud.pool.forget(f"{stage.stack}-{verb}")
        outcome = stage.cloud.functions.run(f"{stage.stack}-{verb}:live", json.dumps(event).encode())
        assert not outcome.ok
        listener.refusals.append(outcome.body)
    account.secret_key = kept
    stamp = str(int(time.time()))
    wrong = {TIMESTAMP: stamp, SIGNATURE: sign(b"x" * 40, stamp, b"{}")}
    listener.refusals.append(str(posted(stage.outputs["WebhookUrl"], "{}", **wrong)))


def test_no_secret_is_anywhere(stage, listener, lines):
    """After a life of the book, its errors included: keys, the webhook's secret and the account's number, in any form."""
    stage.replay(limit=1)
    by_file(stage)
    revoked(stage, listener)
    assert stage.function("archive", {"trigger": "archive"})["book"] == "paper"
    stage.aws.query("sns", "Publish", {"TopicArn": stage.outputs["Topic"], "Message": "canary of the alerts"})
    stage.aws.json("sqs", "SendMessage", {"QueueUrl": stage.dead, "MessageBody": "canary of the dead letters"})
    assert listener.traces == []  # functions send none of their own
    listener.trace(b"canary of the traces")
    assert stage.cloud.settle()
    found = where_all(texts(stage, listener, lines, stage.alerts))
    account = stage.served.account
    number = stage.served.ask("GET", "/v2/account").json()["account_number"]
    for secret in (account.key_id, account.secret_key, KEY, number, str(account.id)):
        assert len(secret) >= 12
        for form in forms(secret):
            assert [place for place, text in found.items() if form in text] == [], form


def where_all(found):
    """The texts, when each place has been read: it holds what is certainly there."""
    blind = [place for place, witness in WITNESSES.items() if witness not in found[place]]
    assert not blind, blind
    return found


@pytest.mark.parametrize("secret", ["PK0123456789ABCDEF", "a key of at least thirty-two bytes, for the tests"])
def test_a_secret_is_found_however_it_is_written(secret):
    """The control."""
    for before in ("", "a", "ab"):
        for hidden in (secret, json.dumps({"k": secret}), quote(secret, safe=""), secret.encode().hex()):
            assert any(form in f"{before}{hidden} ".encode() for form in forms(secret))
        assert any(form in base64.b64encode(f"{before}{secret} ".encode()) for form in forms(secret))


@pytest.mark.nightly
def test_every_event_in_a_process_of_its_own_is_the_same_run(cloud, march):
    laptop = paper(Crossover, march, DAY_NS, parameters=QUICK, **SLIPPAGE)
    laptop.run()
    with staged(cloud, Crossover, march, DAY_NS, name="fresh", numbers=QUICK, **SLIPPAGE) as standing:
        run, colds = cloud.functions.run, []

        def alone(reference, payload):
            outcome = run(reference, payload)
            colds.append(outcome.cold)
            cloud.pool.forget(reference.split(":")[6] if reference.startswith("arn") else reference.partition(":")[0])
            return outcome

        cloud.functions.run = alone
        try:
            assert standing.replay() >= 9
        finally:
            cloud.functions.run = run
        assert all(colds)
        assert len(colds) > 20
        assert receipt(standing.journal) == receipt(laptop.journal)
        assert messages(standing.journal) == messages(laptop.journal)
