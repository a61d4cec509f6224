"""Every text that a stack leaves anywhere, and whether a secret is in it, in whatever form.

What comes in: a stage on the local cloud, and what a `Listener` heard from before the stack was made.  What goes out: texts by
the name of where they are.  Each place has a witness, a text that is certainly there: a search that cannot read is found out.
"""

import base64
import json
import socket
import threading
from urllib.parse import quote

import boto3

WITNESSES = {
    "template": b"AWS::Serverless::Function", "settings of the functions": b"STRATOFOLD_BOOK", "code": b"def respond",
    "events": b"SPY", "answers": b"batchItemFailures", "lines that functions print": b'"verb"', "logs": b"REPORT RequestId",
    "table": b"records/paper", "records": b"SPY", "archive": b"SPY", "drop": b"SPY", "alerts": b"canary of the alerts",
    "dead letters": b"canary of the dead letters", "traces": b"canary of the traces", "refusals": b"401",
}  # fmt: skip


class Listener:
    """What goes into functions and comes out of them, and what they would send to the daemon of X-Ray."""

    def __init__(self):
        self.events, self.answers, self.traces, self.refusals = [], [], [], []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.variables = {"AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{self._socket.getsockname()[1]}"}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                self.traces.append(self._socket.recv(65_536))
            except OSError:
                return

    def close(self):
        self._socket.close()

    def trace(self, text):
        """As a function would send it."""
        host, _, port = self.variables["AWS_XRAY_DAEMON_ADDRESS"].partition(":")
        self._socket.sendto(text, (host, int(port)))

    def hear(self, cloud):
        """From now on."""
        run = cloud.functions.run

        def heard(reference, payload):
            outcome = run(reference, payload)
            self.events.append(payload)
            self.answers.append(outcome.body + outcome.error.encode())
            return outcome

        cloud.functions.run = heard


def forms(secret):
    """A secret as it is, and as it would be hidden from the eye: in base64 at each of its three places, in hex, in an address."""
    raw = secret.encode()
    inside = [base64.b64encode(b"." * place + raw)[4 * (place > 0) : -4] for place in range(3)]
    return {
        raw,
        quote(secret, safe="").encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        json.dumps(secret)[1:-1].encode(),
        *inside,
    }


def alerted(stage):
    """A queue that hears what people are told, and whom streams' readers tell of what they gave up."""
    url = stage.aws.json("sqs", "CreateQueue", {"QueueName": "alerts-heard"})["QueueUrl"]
    asked = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
    arn = stage.aws.json("sqs", "GetQueueAttributes", asked)["Attributes"]["QueueArn"]
    for topic in (stage.outputs["Topic"], stage.outputs["Topic"].replace("-alerts", "-given-up")):
        stage.aws.query("sns", "Subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn})
    return url


def texts(stage, listener, lines, alerts):
    """What is where, as bytes."""
    environment = stage.cloud.environment()
    session = boto3.session.Session(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name=environment["AWS_REGION"]
    )

    def service(name):
        return session.client(name, endpoint_url=environment["AWS_ENDPOINT_URL"])

    stacks, functions, logs = service("cloudformation"), service("lambda"), service("logs")
    templates = [
        stacks.get_template(StackName=stage.stack, TemplateStage=one)["TemplateBody"]
        for one in ("Original", "Processed")
    ]
    named = [one["FunctionName"] for one in functions.list_functions()["Functions"]]
    versions = [functions.list_versions_by_function(FunctionName=name)["Versions"] for name in named]
    groups = [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]
    said = [logs.filter_log_events(logGroupName=one)["events"] for one in groups]
    items = stage.aws.json("dynamodb", "Scan", {"TableName": stage.outputs["Table"]})["Items"]
    records = [(one.kind, one.body, one.envelope) for one in stage.journal.records(stage.run.book)]
    return {
        "template": everything([templates, stacks.describe_stacks(), stacks.describe_stack_events(StackName=stage.stack)["StackEvents"]]),
        "settings of the functions": everything(versions),
        "code": b"\n".join(one.read_bytes() for one in stage.cloud.functions._folder.rglob("*") if one.is_file()),
        "events": b"\n".join(listener.events),
        "answers": b"\n".join(listener.answers),
        "lines that functions print": everything(list(lines)),
        "logs": everything(said),
        "table": everything([plain(item) for item in items]),
        "records": everything(records),
        "archive": objects(stage, stage.outputs["ArchiveBucket"]),
        "drop": objects(stage, stage.outputs["DropBucket"]),
        "alerts": everything(received(stage, alerts)),
        "dead letters": everything(received(stage, stage.dead)),
        "traces": b"\n".join(listener.traces),
        "refusals": everything(listener.refusals),
    }  # fmt: skip


def everything(what):
    """Anything as bytes, bytes in it unchanged."""
    if isinstance(what, bytes):
        return what
    if isinstance(what, dict):
        return b"\n".join(everything(key) + b": " + everything(value) for key, value in what.items())
    if isinstance(what, list | tuple):
        return b"\n".join(map(everything, what))
    return str(what).encode()


def plain(value):
    """An item without its wire form: what is in base64 there is read."""
    if isinstance(value, dict) and set(value) == {"B"}:
        return base64.b64decode(value["B"])
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    return value


def objects(stage, bucket):
    """The bytes of every object of a bucket."""
    found = keys_in(stage.aws.s3("GET", bucket, query={"list-type": "2"}).body.decode())
    return b"\n".join(key.encode() + b"\n" + stage.aws.s3("GET", bucket, key).body for key in found)


def keys_in(listing):
    return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]


def received(stage, url):
    """All that waits in a queue."""
    found = []
    while batch := stage.aws.json("sqs", "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}).get(
        "Messages"
    ):
        found += [one["Body"] for one in batch]
        for one in batch:
            stage.aws.json("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": one["ReceiptHandle"]})
    return found
