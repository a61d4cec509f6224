"""The simulated services are as strict as Amazon's guides say they are."""

import base64
import json

import pytest

from stratofold.adapters.aws.client import AwsError

from .aws_environment import Function
from .aws_services import Services, Simulated
from .aws_sources import Fifo, QueuePoller, Stream, StreamPoller
from .aws_table import Refused, Table
from .world import SECOND, World

START = 1_600_000_000 * SECOND


class Now:
    def __init__(self):
        self.time = START

    def __call__(self):
        return self.time


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def table(now):
    return Table(now, indices={"open": "open"}, ttl="until")


def key(sort, partition="book"):
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def put(sort, condition="", **values):
    request = {"TableName": "journal", "Item": {**key(sort), **values}}
    return {**request, "ConditionExpression": condition} if condition else request


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ("attribute_exists(pk)", True),
        ("attribute_not_exists(pk)", False),
        ("step = :five", True),
        ("step = :five AND epoch <> :five", True),
        ("step < :five OR attribute_exists(epoch)", True),
        ("NOT (step < :five)", True),
        ("step BETWEEN :one AND :five", True),
        ("step IN (:one, :five)", True),
        ("begins_with(holder, :cloud)", True),
        ("missing = :five", False),
        ("missing <> :five", True),
        ("holder = :five", False),
        ("size(holder) > :five", True),
    ],
)
def test_conditions(table, condition, allowed):
    table.PutItem(put("head", step={"N": "5"}, epoch={"N": "2"}, holder={"S": "cloud:x"}))
    values = {":five": {"N": "5"}, ":one": {"N": "1"}, ":cloud": {"S": "cloud"}}
    used = {name: value for name, value in values.items() if name in condition}
    request = {**put("head", condition, step={"N": "6"}), **({"ExpressionAttributeValues": used} if used else {})}
    if allowed:
        table.PutItem(request)
        assert table.GetItem({"Key": key("head")})["Item"]["step"] == {"N": "6"}
    else:
        with pytest.raises(Refused, match="ConditionalCheckFailed"):
            table.PutItem(request)


def test_a_transaction_is_all_or_nothing_and_says_why(table):
    table.PutItem(put("head", step={"N": "5"}))
    writes = [
        {"Put": put("new")},
        {
            "Update": {
                "Key": key("head"),
                "UpdateExpression": "SET step = step + :one",
                "ConditionExpression": "step = :four",
                "ExpressionAttributeValues": {":one": {"N": "1"}, ":four": {"N": "4"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]
    with pytest.raises(Refused) as caught:
        table.TransactWriteItems({"TransactItems": writes})
    none, failed = caught.value.more["CancellationReasons"]
    assert none == {"Code": "None"}
    assert failed["Code"] == "ConditionalCheckFailed"
    assert failed["Item"]["step"] == {"N": "5"}
    assert not table.GetItem({"Key": key("new")})
    writes[1]["Update"]["ExpressionAttributeValues"][":four"] = {"N": "5"}
    table.TransactWriteItems({"TransactItems": writes})
    assert table.GetItem({"Key": key("head")})["Item"]["step"] == {"N": "6"}


def test_a_token_makes_a_transaction_once_for_ten_minutes(table, now):
    update = {
        "Update": {
            "Key": key("count"),
            "UpdateExpression": "ADD many :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    request = {"TransactItems": [update], "ClientRequestToken": "token"}
    table.TransactWriteItems(request)
    table.TransactWriteItems(request)
    assert table.GetItem({"Key": key("count")})["Item"]["many"] == {"N": "1"}
    now.time += 601 * SECOND
    table.TransactWriteItems(request)
    assert table.GetItem({"Key": key("count")})["Item"]["many"] == {"N": "2"}
    with pytest.raises(Refused, match="Mismatch"):
        table.TransactWriteItems({"TransactItems": [{"Put": put("other")}], "ClientRequestToken": "token"})


@pytest.mark.parametrize(
    "request_",
    [
        {"TransactItems": [{"Put": put(str(number))} for number in range(101)]},
        {"TransactItems": [{"Put": put("same")}, {"Delete": {"Key": key("same")}}]},
        {"TransactItems": [{"Put": put("large", body={"B": "A" * 600_000})}]},
        {"TransactItems": [{"Put": {**put("spare"), "ExpressionAttributeValues": {":x": {"N": "1"}}}}]},
    ],
)
def test_what_the_service_refuses(table, request_):
    with pytest.raises(Refused, match="ValidationException"):
        table.TransactWriteItems(request_)


def test_a_query_reads_a_partition_in_order_by_key_or_by_index(table):
    for number in (3, 1, 2):
        extra = {"open": {"S": f"ready#{number}"}} if number != 2 else {}
        table.PutItem(put(f"{number:04d}", **extra))
    table.PutItem(put("0009", other={"S": "x"}) | {"Item": {**key("0009", "elsewhere")}})
    query = {"KeyConditionExpression": "pk = :book", "ExpressionAttributeValues": {":book": {"S": "book"}}}
    assert [row["sk"]["S"] for row in table.Query(query)["Items"]] == ["0001", "0002", "0003"]
    page = table.Query({**query, "Limit": 2})
    assert [row["sk"]["S"] for row in page["Items"]] == ["0001", "0002"]
    rest = table.Query({**query, "ExclusiveStartKey": page["LastEvaluatedKey"]})
    assert [row["sk"]["S"] for row in rest["Items"]] == ["0003"]
    opened = {
        "IndexName": "open",
        "KeyConditionExpression": "pk = :book AND begins_with(#open, :ready)",
        "ExpressionAttributeNames": {"#open": "open"},
        "ExpressionAttributeValues": {":book": {"S": "book"}, ":ready": {"S": "ready#"}},
    }
    assert [row["sk"]["S"] for row in table.Query(opened)["Items"]] == ["0001", "0003"]


def test_a_read_that_need_not_be_consistent_may_be_old(now):
    table = Table(now, stale=lambda: True)
    table.PutItem(put("head", step={"N": "1"}))
    table.PutItem(put("head", step={"N": "2"}))
    assert table.GetItem({"Key": key("head")})["Item"]["step"] == {"N": "1"}
    assert table.GetItem({"Key": key("head"), "ConsistentRead": True})["Item"]["step"] == {"N": "2"}


def test_what_has_expired_is_there_until_the_service_gets_to_it(table, now):
    table.PutItem(put("once", until={"N": str(START // SECOND + 1)}))
    now.time += 3_600 * SECOND
    assert table.GetItem({"Key": key("once")})["Item"]
    table.expire()
    assert not table.GetItem({"Key": key("once")})


def test_a_client_tries_again_what_was_not_done_and_never_what_may_have_been(table):
    faults = iter(["throttled", "unsent", ""])
    client = Simulated(Services(table), faults=lambda service, operation: next(faults, ""))
    client.json("dynamodb", "PutItem", put("a"))
    assert table.GetItem({"Key": key("a")})
    faults = iter(["lost answer", "lost answer"])
    with pytest.raises(AwsError):
        client.json("dynamodb", "PutItem", put("b"))
    assert next(faults) == "lost answer"


def world_of(handler, *, timeout_seconds=10.0, concurrency=10):
    world = World(7, START)
    function = Function(
        world, "work", lambda environment: handler, timeout_seconds=timeout_seconds, concurrency=concurrency
    )
    return world, function


def run(world, function, seconds=3_600):
    world.run(world.now + seconds * SECOND, lambda: None, 100_000)
    function.close()


def test_a_queue_hands_a_group_to_one_at_a_time_and_in_order():
    heard = []

    def handler(event, context):
        heard.extend(record["body"] for record in event["Records"])

    world, function = world_of(handler)
    queue = Fifo(world)
    QueuePoller(world, queue, function)
    for number in range(25):
        queue.SendMessage({"MessageGroupId": "b", "MessageDeduplicationId": str(number), "MessageBody": str(number)})
    queue.SendMessage({"MessageGroupId": "b", "MessageDeduplicationId": "3", "MessageBody": "again"})
    run(world, function)
    assert heard == [str(number) for number in range(25)]
    queue.SendMessage({"MessageGroupId": "b", "MessageDeduplicationId": "3", "MessageBody": "later"})
    run(world, function)
    assert heard[-1] == "later"


def test_what_fails_too_often_is_put_aside_and_the_rest_goes_on():
    heard = []

    def handler(event, context):
        for record in event["Records"]:
            if record["body"] == "bad":
                return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
            heard.append(record["body"])
        return {"batchItemFailures": []}

    world, function = world_of(handler)
    queue = Fifo(world, receives_max=3)
    QueuePoller(world, queue, function, batch=1)
    for body in ("one", "bad", "two"):
        queue.SendMessage({"MessageGroupId": "b", "MessageDeduplicationId": body, "MessageBody": body})
    run(world, function)
    assert heard == ["one", "two"]
    assert [letter.body for letter in queue.dead] == ["bad"]


@pytest.mark.parametrize(("asks", "seconds"), [(False, 180), (True, 0)], ids=["left alone", "asked for"])
def test_what_failed_comes_again_when_its_visibility_is_over_or_somebody_asks(asks, seconds):
    heard = []

    def handler(event, context):
        (record,) = event["Records"]
        heard.append(world.now)
        if len(heard) > 1:
            return {"batchItemFailures": []}
        if asks:
            queue.ChangeMessageVisibility({"ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": 0})
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    world, function = world_of(handler)
    queue = Fifo(world)
    QueuePoller(world, queue, function)
    queue.SendMessage({"MessageGroupId": "b", "MessageDeduplicationId": "1", "MessageBody": "one"})
    run(world, function)
    first, second = heard
    assert seconds <= (second - first) / SECOND < seconds + 2


def test_a_stream_bisects_to_the_record_that_fails():
    heard = []

    def handler(event, context):
        bodies = [base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]]
        if b"bad" in bodies:
            raise ValueError("bad")
        heard.extend(bodies)

    world, function = world_of(handler)
    poller = StreamPoller(world, function, identity=lambda record: record["kinesis"]["sequenceNumber"], retries_max=2)
    stream = Stream(world, poller)
    for body in (b"a", b"b", b"bad", b"c", b"d"):
        stream.PutRecord({"PartitionKey": "book", "Data": base64.b64encode(body).decode()})
    run(world, function)
    assert heard == [b"a", b"b", b"c", b"d"]
    assert [base64.b64decode(record["kinesis"]["data"]) for record in poller.dead] == [b"bad"]


def test_a_call_that_takes_too_long_is_killed_where_it_stands():
    reached = []
    environments = []

    def make(environment):
        environments.append(environment)

        def handler(event, context):
            reached.append(context.get_remaining_time_in_millis())
            environment.pause(60.0)
            reached.append("after")

        return handler

    world = World(7, START)
    function = Function(world, "slow", make, timeout_seconds=10.0)
    results = []
    function.invoke({}, lambda answer, error: results.append(type(error).__name__))
    run(world, function)
    assert results == ["TimeoutError"]
    assert reached == [10_000]


def test_two_environments_act_between_each_others_requests(table):
    def make(environment):
        client = Simulated(Services(table), pause=environment.pause)

        def handler(event, context):
            held = client.json("dynamodb", "GetItem", {"TableName": "journal", "Key": key("count")}).get("Item")
            many = int(held["many"]["N"]) if held else 0
            client.json("dynamodb", "PutItem", put("count", many={"N": str(many + 1)}))

        return handler

    world = World(3, START)
    function = Function(world, "naive", make)
    for _ in range(10):
        function.invoke({}, lambda answer, error: None)
    run(world, function)
    assert (
        json.loads(table.GetItem({"Key": key("count")})["Item"]["many"]["N"]) < 10
    )  # updates were lost, as they would be
