"""What functions really ask of AWS, as the actions of a role: who, which action, on what, in which partitions."""

import json
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import pytest

from stratofold.adapters.aws.client import Client
from stratofold.cloud.functions import archive, decide, deliver, halt, ingest, reconcile, warm, watch, webhook

VERBS = (archive, decide, deliver, halt, ingest, reconcile, warm, watch, webhook)
PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


_verb = ContextVar("verb", default="")


class Recorder:
    """Rights used, as (verb, "service:Action", where); `where` is a partition's prefix, or the thing as the template names it."""

    def __init__(self):
        self.used = set()

    @property
    def verb(self):
        """The function at work, which each thread and what it waits for knows; a simulated environment is a thread."""
        return _verb.get()

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
            names = (payload.get(one) for one in ("QueueUrl", "StreamName", "Name", "SecretId"))
            name = str(next(filter(None, names), "")).rpartition("/")[2]
            if service == "sqs":
                name = "DeadLetters" if name.endswith("dead") else "MarketQueue"
            self.note(service, operation.removesuffix("Batch"), name)


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
            patch.setattr(verb, "respond", _known(verb))
        for name in ("json", "query", "rest", "s3"):
            patch.setattr(Client, name, _heard(recorder, name, getattr(Client, name)))
        yield recorder


def _known(verb):
    respond = verb.respond

    @wraps(respond)
    def known(*given, **named):
        before = _verb.set(verb.__name__.rpartition(".")[2])
        try:
            return respond(*given, **named)
        finally:
            _verb.reset(before)

    return known


def _heard(recorder, name, method):
    @wraps(method)
    def heard(client, *given, **named):
        if name == "json":
            recorder.json(*given[:3])
        elif name == "query":
            recorder.note(given[0], given[1], "Alerts")
        elif name == "rest":
            recorder.note(
                "lambda", "InvokeFunction", given[2].split("/")[3].partition(":")[0].rpartition("-")[2].capitalize()
            )
        elif len(given) < 3 or not given[2]:
            listed = "ListBucketVersions" if "versions" in (named.get("query") or {}) else "ListBucket"
            recorder.note("s3", listed, "the archive")
        else:
            version = "Version" * ("versionId" in (named.get("query") or {}))
            recorder.note("s3", OBJECTS[given[0]] + version, given[2].partition("/")[0])
        return method(client, *given, **named)

    return heard


def shown(used):
    """The same as text, for who reads a failure."""
    return json.dumps(sorted(" ".join(one) for one in used), indent=1)
