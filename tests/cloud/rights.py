"""What functions really ask of AWS, as the actions of a role: who, which action, on what, in which partitions."""

import json
from contextlib import contextmanager
from functools import wraps

import pytest

from stratofold.adapters.aws.client import Client
from stratofold.cloud.functions import archive, decide, deliver, halt, ingest, reconcile, warm, watch, webhook

VERBS = (archive, decide, deliver, halt, ingest, reconcile, warm, watch, webhook)
PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


class Recorder:
    """Rights used, as (verb, "service:Action", where); `where` is a partition's prefix, or the thing's own name."""

    def __init__(self):
        self.verb = ""
        self.used = set()

    def note(self, service, action, where):
        if self.verb:
            self.used.add((self.verb, f"{service}:{action}", where))

    def json(self, service, operation, payload):
        if not self.verb:
            return
        if service == "dynamodb":
            for action, where in table_actions(operation, payload):
                self.note(service, action, where)
        else:
            name = str(
                payload.get("QueueUrl")
                or payload.get("StreamName")
                or payload.get("Name")
                or payload.get("SecretId")
                or ""
            )
            self.note(service, operation.removesuffix("Batch"), name.rpartition("/")[2])


def table_actions(operation, payload):
    """Each action of an operation on the table, with the partition it is in."""
    if operation == "TransactWriteItems":
        for item in payload["TransactItems"]:
            ((kind, terms),) = item.items()
            yield PARTS[kind], partition((terms.get("Item") or terms["Key"])["pk"]["S"])
    elif operation == "BatchGetItem":
        for asked in payload["RequestItems"].values():
            yield from (("BatchGetItem", partition(key["pk"]["S"])) for key in asked["Keys"])
    elif operation == "Query":
        index = "open " if "IndexName" in payload else ""
        values = payload["ExpressionAttributeValues"]
        name = payload["KeyConditionExpression"].split(" = ")[1].split()[0]
        yield "Query", index + partition(values[name]["S"])
    else:
        yield operation, partition((payload.get("Item") or payload["Key"])["pk"]["S"])


def partition(pk):
    """The pattern under which a role names a partition."""
    head, slash, _ = pk.partition("/")
    return f"{head}/*" if slash else head


@contextmanager
def recorded():
    """Note what every verb asks for while this is open."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        for verb in VERBS:
            patch.setattr(verb, "respond", _known(recorder, verb))
        for name in ("json", "query", "rest", "s3"):
            patch.setattr(Client, name, _heard(recorder, name, getattr(Client, name)))
        yield recorder


def _known(recorder, verb):
    respond = verb.respond

    @wraps(respond)
    def known(*given, **named):
        before, recorder.verb = recorder.verb, verb.__name__.rpartition(".")[2]
        try:
            return respond(*given, **named)
        finally:
            recorder.verb = before

    return known


def _heard(recorder, name, method):
    @wraps(method)
    def heard(client, *given, **named):
        if name == "json":
            recorder.json(*given[:3])
        elif name == "query":
            recorder.note(given[0], given[1], given[2].get("TopicArn", "").rpartition(":")[2])
        elif name == "rest":
            recorder.note("lambda", "InvokeFunction", given[2].split("/")[3])
        elif len(given) < 3 or not given[2]:
            recorder.note(
                "s3", "ListBucketVersions" if "versions" in (named.get("query") or {}) else "ListBucket", given[1]
            )
        else:
            recorder.note("s3", OBJECTS[given[0]], given[1])
        return method(client, *given, **named)

    return heard


def shown(used):
    """The same as text, for who reads a failure."""
    return json.dumps(sorted(" ".join(one) for one in used), indent=1)
