"""Functions on the local cloud: Amazon's runtime client, woken by queues, streams and tables as Amazon wakes them."""

import base64
import json
import os
import threading
import time
from pathlib import Path

import pytest

from stratofold.adapters.aws.answers import AwsError, fields
from stratofold.cloud.local.cloud import LocalCloud
from tests.cloud.deployed import Deployed, put, queue, received, send, stream, table, zipped
from tests.patience import until

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with LocalCloud(log=tmp_path_factory.mktemp("cloud") / "log") as running:
        yield running


@pytest.fixture
def deployed(cloud, tmp_path):
    def make(**given):
        return Deployed(cloud, tmp_path, **given)

    return make


def invoke(function, event):
    return function.aws.rest(
        "lambda", "POST", f"/2015-03-31/functions/{function.name}/invocations", body=json.dumps(event).encode()
    )


class TestInvoking:
    def test_an_answer(self, deployed):
        function = deployed()
        assert invoke(function, {"answer": {"a": [1, "ä"]}}) == {"a": [1, "ä"]}
        (one,) = function.heard()
        assert 0 < one["left"] <= 3000

    def test_an_environment_serves_one_event_after_another(self, cloud, deployed):
        function = deployed()
        outcomes = [cloud.functions.run(function.name, b"{}") for _ in range(5)]
        assert [outcome.cold for outcome in outcomes] == [True, False, False, False, False]
        assert len({outcome.request_id for outcome in outcomes}) == 5

    @pytest.mark.parametrize(
        ("body", "error"),
        [("raise", "ValueError"), ("exit", "Runtime.ExitError"), ("sleep", "Sandbox.Timedout")],
    )
    def test_errors_are_as_on_aws_and_the_next_event_finds_a_function(self, cloud, deployed, body, error):
        function = deployed(Timeout=1)
        event = json.dumps({"Records": [{"body": body}]}).encode()
        outcome = cloud.functions.run(function.name, event)
        assert json.loads(outcome.body)["errorType"] == error
        assert cloud.functions.run(function.name, b"{}").ok

    def test_a_module_that_cannot_be_imported(self, cloud, deployed):
        function = deployed(code="import nothing_of_that_name")
        outcome = cloud.functions.run(function.name, b"{}")
        assert outcome.error == "Runtime.ImportModuleError"

    def test_memory_is_what_it_was_given(self, cloud, deployed):
        function = deployed(code="held = bytearray(200 << 20)\ndef handler(event, context): return 1", MemorySize=128)
        outcome = cloud.functions.run(function.name, b"{}")
        assert outcome.error == "Runtime.OutOfMemory"

    def test_reserved_concurrency_throttles(self, cloud, deployed):
        code = """
import os, time
def handler(event, context):
    open(os.environ["HEARD"], "a").write("{}\\n")
    while not os.path.exists(os.environ["HEARD"] + ".go"):
        time.sleep(0.01)
    return 1
"""
        function = deployed(code=code, reserved=1, Timeout=200)
        slow = threading.Thread(target=cloud.functions.run, args=(function.name, b"{}"))
        slow.start()
        until(function.heard)
        with pytest.raises(AwsError) as caught:
            invoke(function, {})
        assert (caught.value.status, caught.value.undone) == (429, True)
        function.file.with_name(f"{function.file.name}.go").touch()
        slow.join()
        assert invoke(function, {}) == 1

    def test_nothing_runs_between_events(self, cloud, deployed, tmp_path):
        code = "import os, threading, time\ndef beat():\n  while True:\n    open(os.environ['HEARD'], 'a').write('x')\n    time.sleep(0.01)\nthreading.Thread(target=beat, daemon=True).start()\nopen(os.environ['HEARD'], 'a')\ndef handler(event, context):\n  size = os.path.getsize(os.environ['HEARD'])\n  while os.path.getsize(os.environ['HEARD']) == size: time.sleep(0.01)"
        function = deployed(code=code, Timeout=200)
        cloud.functions.run(function.name, b"{}")
        time.sleep(0.1)
        beats = function.file.stat().st_size
        time.sleep(0.3)
        assert function.file.stat().st_size == beats
        cloud.functions.run(function.name, b"{}")
        assert function.file.stat().st_size > beats

    def test_new_code_is_taken_up(self, cloud, deployed):
        function = deployed(code="def handler(event, context): return 1")
        assert invoke(function, {}) == 1
        code = base64.b64encode(zipped(app="def handler(event, context): return 2")).decode()
        path = f"/2015-03-31/functions/{function.name}/code"
        function.aws.rest("lambda", "PUT", path, body=json.dumps({"ZipFile": code}).encode())
        until(lambda: invoke(function, {}) == 2)

    def test_lines_and_metrics_arrive(self, cloud, deployed):
        function, lines = deployed(), []
        kind = {"Namespace": "test", "Dimensions": [["stack"]], "Metrics": [{"Name": "orders", "Unit": "Count"}]}
        metric = {
            "stack": function.name,
            "orders": [2, 3],
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [kind]},
        }
        invoke(function, {"metric": metric})
        asked = {"logGroupName": f"/aws/lambda/{function.name}"}

        def told():
            try:
                lines[:] = [one["message"] for one in function.aws.json("logs", "FilterLogEvents", asked)["events"]]
            except AwsError:
                return False
            return any(line.startswith("REPORT") for line in lines)

        until(told)
        assert any('"orders"' in line for line in lines)
        now = time.time()
        asked = {"Namespace": "test", "MetricName": "orders", "Period": "60", "Statistics.member.1": "Sum",
                 "StartTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 600)),
                 "EndTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 600)),
                 "Dimensions.member.1.Name": "stack", "Dimensions.member.1.Value": function.name}  # fmt: skip
        sums = until(
            lambda: fields(cloud.client().query("monitoring", "GetMetricStatistics", asked, "2010-08-01"), "Sum")
        )
        assert [float(one) for one in sums] == [5.0]


def told(function, body):
    """The records of one message."""
    return [record for record in function.records() if record["body"] == body]


class TestQueue:
    def test_a_group_is_heard_in_order(self, deployed):
        function = deployed()
        url, arn = queue(function.aws)
        function.wakes(arn, BatchSize=4)
        for number in range(20):
            send(function.aws, url, str(number))
        until(lambda: len(function.records()) >= 20)
        assert [record["body"] for record in function.records()] == [str(number) for number in range(20)]
        record = function.records()[0]
        assert record["attributes"]["MessageGroupId"] == "book"
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"] == arn

    def test_what_failed_comes_again_and_then_to_the_dead_letters(self, deployed):
        function = deployed()
        dead, dead_arn = queue(function.aws)
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
        url, arn = queue(function.aws, VisibilityTimeout="600", RedrivePolicy=redrive)
        function.wakes(arn, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])
        send(function.aws, url, "item", "A")
        send(function.aws, url, "fine", "B")
        for count in range(2):
            (record,) = until(lambda count=count: told(function, "item")[count:])
            again = {"QueueUrl": url, "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": 0}
            function.aws.json("sqs", "ChangeMessageVisibility", again)  # its time of invisibility is over
        assert until(lambda: received(function.aws, dead)) == ["item"]
        assert (len(told(function, "item")), len(told(function, "fine"))) == (2, 1)

    def test_what_the_filter_does_not_want_is_gone(self, deployed):
        function = deployed()
        url, arn = queue(function.aws, fifo=False)
        function.wakes(arn, FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["bar"]}})}]})
        send(function.aws, url, '{"kind": "quote"}')
        send(function.aws, url, '{"kind": "bar"}')
        until(function.records)
        asked = {"QueueUrl": url, "AttributeNames": ["All"]}
        left = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        until(
            lambda: (
                not any(int(function.aws.json("sqs", "GetQueueAttributes", asked)["Attributes"][name]) for name in left)
            )
        )
        assert [record["body"] for record in function.records()] == ['{"kind": "bar"}']

    def test_a_mapping_that_is_taken_away_wakes_no_more(self, cloud, deployed):
        function = deployed()
        url, arn = queue(function.aws)
        before = {*threading.enumerate()}
        identity = function.wakes(arn)
        readers = [each for each in threading.enumerate() if each not in before and "_poll" in each.name]
        assert readers
        send(function.aws, url, "one")
        until(function.records)
        function.aws.rest("lambda", "DELETE", f"/2015-03-31/event-source-mappings/{identity}")
        cloud.look()
        until(lambda: not any(reader.is_alive() for reader in readers))  # who has asked already has an answer yet
        send(function.aws, url, "two")
        time.sleep(1.5)
        assert len(function.records()) == 1


RULES = {
    "StartingPosition": "TRIM_HORIZON",
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


class TestStream:
    def test_a_shard_is_heard_in_order_and_poison_alone_is_given_up(self, deployed):
        function = deployed()
        name, arn = stream(function.aws)
        dead, dead_arn = queue(function.aws, fifo=False)
        for text in ("a", "raise", "b", "item", "c"):
            put(function.aws, name, text)
        function.wakes(arn, DestinationConfig={"OnFailure": {"Destination": dead_arn}}, **RULES)

        def last():
            return [base64.b64decode(record["kinesis"]["data"]).decode() for record in function.records()][-1:] == ["c"]

        until(last)
        told = []
        until(lambda: told.extend(json.loads(body) for body in received(function.aws, dead)) or len(told) == 2)
        assert {one["requestContext"]["condition"] for one in told} == {"RetryAttemptsExhausted"}
        assert [one["KinesisBatchInfo"]["batchSize"] for one in told] == [1, 1]

    def test_a_table_wakes_with_what_the_filter_wants(self, deployed):
        function = deployed()
        name, arn = table(function.aws)
        pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "inbox/"}]}}}}
        function.wakes(arn, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]}, **RULES)
        for key in ("book/B", "inbox/B", "inbox/C"):
            item = {"pk": {"S": key}, "sk": {"S": "1"}}
            function.aws.json("dynamodb", "PutItem", {"TableName": name, "Item": item})
        until(lambda: len(function.records()) >= 2)
        keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in function.records()]
        assert keys == ["inbox/B", "inbox/C"]
        assert {record["eventSourceARN"] for record in function.records()} == {arn}

    def test_a_throttled_function_hears_it_later(self, cloud, deployed):
        function = deployed(reserved=1)
        name, arn = stream(function.aws)
        slow = threading.Thread(target=cloud.functions.run, args=(function.name, b'{"sleep": 1}'))
        slow.start()
        until(function.heard)
        function.wakes(arn, **RULES)
        put(function.aws, name, "a")
        until(function.records)
        slow.join()
        assert len(function.records()) == 1

    def test_lanes_keep_a_keys_order(self, deployed):
        function = deployed()
        name, arn = stream(function.aws)
        for number in range(40):
            put(function.aws, name, str(number), key=f"k{number % 5}")
        function.wakes(arn, ParallelizationFactor=4, **RULES)
        until(lambda: len(function.records()) >= 40)
        heard = [
            (record["kinesis"]["partitionKey"], int(base64.b64decode(record["kinesis"]["data"])))
            for record in function.records()
        ]
        for key in {one for one, _ in heard}:
            numbers = [number for one, number in heard if one == key]
            assert numbers == sorted(numbers)


def test_it_listens_on_loopback_only_and_leaves_nothing(tmp_path):
    with LocalCloud(log=tmp_path / "log") as running:
        process = running.emulator._process.pid
        assert listeners(process) | listeners(os.getpid()) <= {"0100007F"}
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def listeners(process):
    """Addresses, as the kernel writes them, on which a process listens."""
    sockets = set()
    for handle in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(handle.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                found.add(words[1].partition(":")[0])
    return found
