"""Signed requests against a server that answers as it is told: what is sent, what is asked again, what is never."""

import json
from zlib import crc32

import pytest

from stratofold.adapters.aws.answers import AwsError, explained, fields
from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.connection import Connections
from stratofold.adapters.network.http import address_of
from stratofold.adapters.nouns import NoAnswer
from stratofold.errors import Retry, Setup, Stop
from tests.patience import PATIENCE_SECONDS
from tests.unit.aws.scripted import CLOSE, CUT, answer, scripted

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary", "AWS_REGION": "eu-central-1"}
THROTTLED = answer(400, {"__type": "com.amazonaws.dynamodb#ThrottlingException", "message": "slower"})
BROKEN = answer(500, {"__type": "InternalServerError"})
CONDITION = answer(400, {"__type": "x#ConditionalCheckFailedException", "Message": "no", "Item": {"a": {"S": "b"}}})
PUT = {"TableName": "T", "Item": {"pk": {"S": "a"}}}


def client(server, **given):
    pauses = []
    made = Client(environment={**ENVIRONMENT, "AWS_ENDPOINT_URL": server.url}, sleep=pauses.append, **given)
    made.pauses = pauses
    return made


def test_json_is_sent_signed_and_decoded():
    with scripted(answer(body={"Count": 3})) as server, client(server) as aws:
        assert aws.json("dynamodb", "Query", {"TableName": "T"}) == {"Count": 3}
        assert aws.calls == {("dynamodb", "Query", "T"): 1}
    method, path, headers, body = server.requests[0]
    assert (method, path, json.loads(body)) == ("POST", "/", {"TableName": "T"})
    assert headers["x-amz-target"] == "DynamoDB_20120810.Query"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/2")
    assert "/eu-central-1/dynamodb/aws4_request" in headers["authorization"]


def test_a_connection_serves_many_requests():
    with scripted(*[answer()] * 5) as server, client(server) as aws:
        for _ in range(5):
            aws.json("sqs", "ListQueues", {})
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used():
    with scripted(answer()) as server, client(server) as aws:
        aws.json("sqs", "ListQueues", {})
        assert server.hung_up.wait(PATIENCE_SECONDS)
        server.answers.append(answer())
        aws.json("dynamodb", "PutItem", PUT)
    assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize("refusal", [THROTTLED, answer(400, {"__type": "TransactionConflictException"})])
def test_what_was_certainly_not_done_is_asked_again_and_signed_anew(refusal):
    with scripted(refusal, refusal, answer()) as server, client(server) as aws:
        aws.json("dynamodb", "PutItem", PUT)
    assert len(server.requests) == 3
    assert len(aws.pauses) == 2
    assert all(0 <= pause <= 0.06 for pause in aws.pauses)


def test_it_gives_up_within_bounds():
    with scripted(*[THROTTLED] * 9) as server, client(server) as aws:
        with pytest.raises(AwsError, match="ThrottlingException: slower") as caught:
            aws.json("dynamodb", "PutItem", PUT)
        assert len(server.requests) == 4
    assert caught.value.undone
    assert not caught.value.unknown
    assert caught.value.retryable


@pytest.mark.parametrize("ending", [BROKEN, CLOSE, CUT], ids=["500", "closed", "cut"])
def test_what_may_have_been_done_is_not_done_again(ending):
    with scripted(ending, answer()) as server, client(server) as aws:
        with pytest.raises(AwsError) as caught:
            aws.json("dynamodb", "PutItem", PUT)
        assert len(server.requests) == 1
    assert caught.value.unknown
    assert not caught.value.undone


@pytest.mark.parametrize("ending", [BROKEN, CLOSE, CUT], ids=["500", "closed", "cut"])
def test_what_is_the_same_when_done_twice_is(ending):
    with scripted(ending, answer(), ending, answer(), ending, answer()) as server, client(server) as aws:
        aws.json("dynamodb", "GetItem", {"TableName": "T"})
        aws.json("dynamodb", "TransactWriteItems", {"TransactItems": []})
        aws.s3("PUT", "bucket", "key", b"body")
    assert len(server.requests) == 6
    tokens = [json.loads(request[3])["ClientRequestToken"] for request in server.requests[2:4]]
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 32


def test_a_request_that_did_not_leave_is_sent_again_whatever_it_is():
    with scripted() as server:
        pass
    with client(server) as aws, pytest.raises(AwsError) as caught:
        aws.json("dynamodb", "PutItem", PUT)
    assert len(aws.pauses) == 3
    assert caught.value.undone


def test_a_failed_condition_is_final_and_holds_the_item():
    with scripted(CONDITION) as server, client(server) as aws, pytest.raises(AwsError) as caught:
        aws.json("dynamodb", "PutItem", PUT)
    assert (caught.value.code, caught.value.message, caught.value.status) == (
        "ConditionalCheckFailedException",
        "no",
        400,
    )
    assert caught.value.body["Item"] == {"a": {"S": "b"}}
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("reasons", "undone"),
    [
        (["None", "TransactionConflict"], True),
        (["ThrottlingError", "ProvisionedThroughputExceeded"], True),
        (["ConditionalCheckFailed", "TransactionConflict"], False),
        (["ValidationError"], False),
        ([], False),
    ],
)
def test_a_cancelled_transaction_tells_why(reasons, undone):
    body = {"__type": "TransactionCanceledException", "CancellationReasons": [{"Code": reason} for reason in reasons]}
    with scripted(answer(400, body), answer()) as server, client(server, attempts=1) as aws:
        with pytest.raises(AwsError) as caught:
            aws.json("dynamodb", "TransactWriteItems", {"TransactItems": []})
        assert caught.value.reasons == reasons
    assert caught.value.undone is undone


def test_an_answer_with_another_checksum_is_none():
    body = b'{"a":1}'
    good = answer(body=body, headers=[f"x-amz-crc32: {crc32(body)}"])
    with scripted(answer(body=b'{"a":2}', headers=["x-amz-crc32: 1"]), good) as server, client(server) as aws:
        assert aws.json("dynamodb", "GetItem", {"TableName": "T"}) == {"a": 1}


def test_forms_and_xml():
    xml = b"<PublishResponse><PublishResult><MessageId>a&amp;b</MessageId></PublishResult></PublishResponse>"
    refused = b"<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>"
    with scripted(answer(body=xml), answer(404, refused)) as server, client(server) as aws:
        assert fields(aws.query("sns", "Publish", {"TopicArn": "arn", "Message": "a b&c"}), "MessageId") == ["a&b"]
        with pytest.raises(AwsError, match="NotFound: no topic"):
            aws.query("sns", "Publish", {"TopicArn": "arn"})
    assert server.requests[0][3] == b"Action=Publish&Message=a%20b%26c&TopicArn=arn&Version=2010-03-31"


def test_paths_of_s3():
    missing = answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
    with scripted(answer(body=b"data", headers=["ETag: x"]), missing) as server, client(server) as aws:
        found = aws.s3("GET", "bucket", "a/b c+~", query={"versionId": "1/2"}, headers={"Range": "bytes=0-3"})
        assert (found.body, found.headers["etag"]) == (b"data", "x")
        with pytest.raises(AwsError) as caught:
            aws.s3("GET", "bucket", "none")
    assert server.requests[0][:2] == ("GET", "/bucket/a/b%20c%2B~?versionId=1%2F2")
    assert (caught.value.code, caught.value.status) == ("NoSuchKey", 404)


def test_at_amazon_a_bucket_is_in_the_hosts_name(monkeypatch):
    asked = []

    def ask(_, method, address, request, timeout_seconds):
        asked.append((address.host, address.secure, request.split(b"\r\n")[0], timeout_seconds))
        raise NoAnswer("not here")

    monkeypatch.setattr(Connections, "ask", ask)
    with Client(environment=ENVIRONMENT, attempts=1) as aws:
        for bucket in ("prices", "prices.example"):
            with pytest.raises(AwsError):
                aws.s3("GET", bucket, "a")
        with pytest.raises(AwsError):
            aws.json("dynamodbstreams", "DescribeStream", {}, timeout_seconds=2.0)
    assert asked == [
        ("prices.s3.eu-central-1.amazonaws.com", True, b"GET /a HTTP/1.1", 10.0),
        ("s3.eu-central-1.amazonaws.com", True, b"GET /prices.example/a HTTP/1.1", 10.0),
        ("streams.dynamodb.eu-central-1.amazonaws.com", True, b"POST / HTTP/1.1", 2.0),
    ]


def test_a_service_may_be_elsewhere_than_the_others():
    with scripted(answer(body={"here": 1})) as one, scripted(answer(body={"there": 1})) as other:
        named = {**ENVIRONMENT, "AWS_ENDPOINT_URL": one.url, "AWS_ENDPOINT_URL_SQS": other.url}
        with Client(environment=named) as aws:
            assert aws.json("dynamodb", "ListTables", {}) == {"here": 1}
            assert aws.json("sqs", "ListQueues", {}) == {"there": 1}


def test_no_region_is_said():
    with pytest.raises(Setup, match="SF766"):
        Client(environment={})


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (AwsError("ThrottlingException", "", 400), Retry, "SF761"),
        (AwsError("NoAnswer", "time is over"), Retry, "SF761"),
        (AwsError("ExpiredTokenException", "", 400), Setup, "SF762"),
        (AwsError("AccessDeniedException", "no", 400), Setup, "SF763"),
        (AwsError("ResourceNotFoundException", "", 400), Setup, "SF764"),
        (AwsError("ValidationException", "", 400), Stop, "SF765"),
    ],
)
def test_an_error_says_who_must_act(error, kind, code):
    made = explained(error, "the alert was not sent")
    assert isinstance(made, kind)
    assert made.code == code
    assert "the alert was not sent" in str(made)


def test_no_secret_is_in_an_error():
    with scripted(*[BROKEN] * 4) as server, client(server) as aws, pytest.raises(AwsError) as caught:
        aws.json("dynamodb", "GetItem", {"TableName": "T"})
    assert "canary" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
    assert b"canary" not in repr(server.requests).encode()


def test_a_server_that_is_silent_is_left(monkeypatch):
    with scripted() as server:
        address = address_of(server.url)
        with pytest.raises(NoAnswer) as caught:
            Connections().ask("GET", address, b"GET / HTTP/1.1\r\n\r\n", 0.2)
    assert caught.value.sent
