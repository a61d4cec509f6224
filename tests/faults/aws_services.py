"""The services behind a client of the product's own: its requests are answered here, its retries run as they are.

What comes in: signed requests.  What goes out: answers, refusals, and what a network does to both.
Why it is shaped so: only what crosses the wire is replaced, so whatever the product makes of a throttle or of silence
is its own code.
"""

import hashlib
import json
from xml.sax.saxutils import escape

import msgspec

from stratofold.adapters.aws.answers import NO_ANSWER, AwsError, error_of
from stratofold.adapters.aws.client import Client
from stratofold.adapters.nouns import Response

from .aws_table import Refused

ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "simulated",
}


class Objects:
    """S3, under a policy that allows put-if-absent alone."""

    def __init__(self):
        self.held = {}

    def ask(self, method, key, headers, body, query):
        if method == "PUT":
            if headers.get("If-None-Match") != "*":
                raise Refused("AccessDenied", "the bucket's policy lets nobody write over anything", 403)
            if key in self.held:
                raise Refused("PreconditionFailed", "At least one of the pre-conditions did not hold", 412)
            self.held[key] = body
            return Response(200, {"etag": _etag(body)}, b"")
        if method == "DELETE":
            self.held.pop(key, None)
            return Response(204, {}, b"")
        if "list-type" in query:
            prefix = query.get("prefix", "")
            found = "".join(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size></Contents>"
                for name, data in sorted(self.held.items())
                if name.startswith(prefix)
            )
            return Response(
                200, {}, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
            )
        if key not in self.held:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404)
        data = self.held[key]
        return Response(200, {"etag": _etag(data)}, b"" if method == "HEAD" else data)


def _etag(data):
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class Services:
    """What one account has: a table, objects, and by name whatever answers JSON operations (queue, stream, secrets)."""

    def __init__(self, table, **others):
        self.table = table
        self.objects = Objects()
        self.others = others
        self.published = []

    def json(self, service, operation, payload):
        """One JSON operation; raises Refused."""
        target = self.table if service == "dynamodb" else self.others.get(service)
        work = getattr(target, operation, None)
        if work is None:
            raise Refused("UnknownOperationException", f"{service} {operation}")
        if service == "dynamodb":
            return work(payload)
        return json.loads(json.dumps(work(payload)))


class Simulated(Client):
    """A client whose network is `services`; `faults(service, operation)` says what befalls a request.

    It names one of: "" (nothing), "throttled", "unsent", "lost request", "lost answer", "conflict".  `pause(seconds)` lets
    time go by, at each request and at each wait before another attempt.
    """

    def __init__(self, services, *, faults=lambda service, operation: "", pause=lambda seconds: None):
        super().__init__(environment=ENVIRONMENT, sleep=pause)
        self.services, self.faults, self.pause = services, faults, pause

    def _once(self, service, request, address, timeout_seconds):
        operation = request.headers.get("X-Amz-Target", request.method).rpartition(".")[2]
        fault = self.faults(service, operation)
        self.pause(0.002)
        if fault == "unsent":
            raise AwsError(NO_ANSWER, "connection refused", sent=False)
        if fault == "lost request":
            self.pause(1.0)
            raise AwsError(NO_ANSWER, "timed out", sent=True)
        try:
            response = self._answered(service, operation, request, address, fault)
        except Refused as refused:
            body = json.dumps({"__type": refused.code, "message": refused.message, **refused.more}).encode()
            if service == "s3":
                body = f"<Error><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>".encode()
            self._silence(fault)
            raise error_of(refused.status, {}, body) from refused
        self._silence(fault)
        self.pause(0.002)
        return response

    def _silence(self, fault):
        if fault == "lost answer":
            self.pause(1.0)
            raise AwsError(NO_ANSWER, "connection reset", sent=True)

    def _answered(self, service, operation, request, address, fault):
        if fault == "throttled":
            raise Refused("ProvisionedThroughputExceededException", "slow down", 400)
        if fault == "conflict" and operation == "TransactWriteItems":
            count = len(json.loads(request.body)["TransactItems"])
            reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * (count - 1)]
            raise Refused("TransactionCanceledException", "conflict", CancellationReasons=reasons)
        if service == "s3":
            key = request.path.lstrip("/")
            return self.services.objects.ask(request.method, key, request.headers, request.body, dict(request.query))
        if service == "sns":
            self.services.published.append(request.body.decode())
            return Response(200, {}, b"<PublishResponse><MessageId>1</MessageId></PublishResponse>")
        if service == "lambda":
            assert request.headers["X-Amz-Invocation-Type"] == "Event"
            self.services.others["lambda"](request.path.split("/")[3], json.loads(request.body))
            return Response(202, {}, b"")
        answer = self.services.json(service, operation, msgspec.json.decode(request.body))
        return Response(200, {}, msgspec.json.encode(answer))
