"""Small functions, deployed by hand to the local cloud, and what they have heard."""

import base64
import io
import json
import time
import zipfile
from datetime import timedelta
from uuid import uuid4

# Writes what it is given into a file named by STRATOFOLD_TEST_FILE, a line an invocation; does as its records say.
CODE = """
import base64, json, os, time

def handler(event, context):
    with open(os.environ["HEARD"], "a") as file:
        file.write(json.dumps({"event": event, "at": time.time(), "id": context.aws_request_id,
                               "left": context.get_remaining_time_in_millis()}) + "\\n")
    failed = []
    for record in event.get("Records", []):
        body = text(record)
        if "raise" in body:
            raise ValueError(body)
        if "exit" in body:
            os._exit(3)
        if "sleep" in body:
            time.sleep(30)
        if "item" in body:
            failed.append({"itemIdentifier": name(record)})
    if event.get("metric"):
        print(json.dumps(event["metric"]))
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "answer" in event:
        return event["answer"]
    return {"batchItemFailures": failed}

def text(record):
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    if "dynamodb" in record:
        return json.dumps(record["dynamodb"].get("NewImage", {}))
    return record.get("body", "")

def name(record):
    if "kinesis" in record:
        return record["kinesis"]["sequenceNumber"]
    if "dynamodb" in record:
        return record["dynamodb"]["SequenceNumber"]
    return record["messageId"]
"""


def zipped(**files):
    """A package of modules."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as package:
        for name, text in files.items():
            package.writestr(f"{name}.py", text)
    return held.getvalue()


class Deployed:
    """One function, with its file of what it heard."""

    def __init__(self, cloud, folder, *, code=CODE, reserved=None, **settings):
        self.cloud, self.aws = cloud, cloud.client()
        self.name = f"f-{uuid4().hex[:8]}"
        self.file = folder / f"{self.name}.heard"
        given = {
            "FunctionName": self.name,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Timeout": 3,
            "MemorySize": 256,
            "Code": {"ZipFile": base64.b64encode(zipped(app=code)).decode()},
            "Environment": {"Variables": {"HEARD": str(self.file)}},
            **settings,
        }
        self.aws.rest("lambda", "POST", "/2015-03-31/functions", body=json.dumps(given).encode())
        if reserved is not None:
            path = f"/2017-10-31/functions/{self.name}/concurrency"
            body = json.dumps({"ReservedConcurrentExecutions": reserved}).encode()
            self.aws.rest("lambda", "PUT", path, body=body)

    def heard(self):
        """The invocations so far."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def records(self):
        """The records of all invocations, in the order heard."""
        return [record for one in self.heard() for record in one["event"].get("Records", [])]

    def wakes(self, source, **settings):
        """Has a source wake it, at once."""
        given = {"FunctionName": self.name, "EventSourceArn": source, **settings}
        made = self.aws.rest("lambda", "POST", "/2015-03-31/event-source-mappings", body=json.dumps(given).encode())
        self.cloud.look()
        return made["UUID"]


def queue(aws, *, fifo=True, **attributes):
    """A fresh queue: its address and its ARN."""
    name = f"q{uuid4().hex[:8]}" + (".fifo" if fifo else "")
    given = {"FifoQueue": "true"} if fifo else {}
    url = aws.json("sqs", "CreateQueue", {"QueueName": name, "Attributes": {**given, **attributes}})["QueueUrl"]
    asked = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
    return url, aws.json("sqs", "GetQueueAttributes", asked)["Attributes"]["QueueArn"]


def send(aws, url, body, group="book"):
    """A message."""
    given = {"QueueUrl": url, "MessageBody": body}
    if url.endswith(".fifo"):
        given |= {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex}
    aws.json("sqs", "SendMessage", given)


def received(aws, url):
    """What is in a queue."""
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10}
    return [message["Body"] for message in aws.json("sqs", "ReceiveMessage", asked).get("Messages", [])]


def stream(aws, shards=1):
    """A fresh stream: its name and its ARN."""
    name = f"s{uuid4().hex[:8]}"
    aws.json("kinesis", "CreateStream", {"StreamName": name, "ShardCount": shards})
    while True:
        told = aws.json("kinesis", "DescribeStreamSummary", {"StreamName": name})["StreamDescriptionSummary"]
        if told["StreamStatus"] == "ACTIVE":
            return name, told["StreamARN"]
        time.sleep(0.02)


def put(aws, name, data, key="book"):
    """A record."""
    given = {"StreamName": name, "PartitionKey": key, "Data": base64.b64encode(data.encode()).decode()}
    aws.json("kinesis", "PutRecord", given)


def table(aws):
    """A fresh table with a stream: its name and the stream's ARN."""
    name = f"t{uuid4().hex[:8]}"
    given = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    return name, aws.json("dynamodb", "CreateTable", given)["TableDescription"]["LatestStreamArn"]


class Standing:
    """A clock that a test moves."""

    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment.timestamp()


def pass_by(schedules, clock, **time):
    """Let time go by, a minute at a time; how many calls were made."""
    end, made = clock.moment + timedelta(**time), 0
    while clock.moment < end:
        clock.moment += timedelta(minutes=1)
        made += schedules.beat()
    return made
