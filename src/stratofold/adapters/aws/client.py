"""Amazon's services, as few as we use, by signed HTTP: no SDK, so a function that starts cold has nothing to load.

What comes in: a service, an operation and what it takes.  What goes out: its answer, or `AwsError`.
Why it is shaped so: the services speak three dialects: JSON with the operation in a header, forms answered in XML, and S3
with its paths; each is one method.  What was certainly not done is asked again, within bounds and at moments that chance
picks; what may have been done is asked again only if doing it twice is doing it once.
Loading an SDK and making one client of it costs a function more than twice what all of `decide` does (docs/cloud.md, 11).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote
from zlib import crc32

import msgspec

from stratofold.adapters.aws.answers import NO_ANSWER, AwsError, error_of
from stratofold.adapters.aws.connection import Connections
from stratofold.adapters.aws.credentials import Credentials
from stratofold.adapters.aws.sigv4 import Request, query_text, signed
from stratofold.adapters.network.http import Address, address_of, request_bytes
from stratofold.adapters.nouns import NoAnswer, Response
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

__all__ = ["AwsError", "Client"]

ATTEMPTS = 4
TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = 0.03  # before the second attempt at most; each later one may wait twice as long
PAUSE_SECONDS_MAX = 1.0


class Dialect(NamedTuple):
    """How a service is spoken to: the name its signature is made for, its host's first part, and its JSON's header."""

    signs: str
    host: str
    target: str = ""
    version: str = "1.0"


SERVICES = {
    "dynamodb": Dialect("dynamodb", "dynamodb", "DynamoDB_20120810"),
    "dynamodbstreams": Dialect("dynamodb", "streams.dynamodb", "DynamoDBStreams_20120810"),
    "events": Dialect("events", "events", "AWSEvents", "1.1"),
    "kinesis": Dialect("kinesis", "kinesis", "Kinesis_20131202", "1.1"),
    "lambda": Dialect("lambda", "lambda"),
    "logs": Dialect("logs", "logs", "Logs_20140328", "1.1"),
    "monitoring": Dialect("monitoring", "monitoring"),
    "s3": Dialect("s3", "s3"),
    "scheduler": Dialect("scheduler", "scheduler"),
    "secretsmanager": Dialect("secretsmanager", "secretsmanager", "secretsmanager", "1.1"),
    "sns": Dialect("sns", "sns"),
    "sqs": Dialect("sqs", "sqs", "AmazonSQS"),
    "ssm": Dialect("ssm", "ssm", "AmazonSSM", "1.1"),
    "states": Dialect("states", "states", "AWSStepFunctions"),
}
# Operations that change nothing, or the same when done twice.
READING = ("BatchGet", "Describe", "Get", "List", "Query", "Receive", "Scan", "TransactGet")
REPEATABLE = frozenset(
    {"DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"}
)


class Client:
    """Requests of one process to one region; any number of threads may ask at once.

    `calls` counts what was asked, as (service, operation, resource), for who compares it with what a role allows.
    """

    def __init__(
        self,
        region: str = "",
        endpoint: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        attempts: int = ATTEMPTS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """What is not given is in the environment (the process's own by default).

        `endpoint` is where every service is, for an emulator.  Raises Setup SF766 when no region is known.
        """
        self._environment = os.environ if environment is None else environment
        self.region = region or self._environment.get("AWS_REGION") or self._environment.get("AWS_DEFAULT_REGION", "")
        if not self.region:
            raise Setup("SF766", "no AWS region is known", fix="give one (--region eu-central-1), or set AWS_REGION")
        self._endpoint = endpoint
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._credentials = Credentials(self._environment)
        self._connections = Connections()
        self._addresses: dict[str, Address] = {}
        self.calls: Counter[tuple[str, str, str]] = Counter()

    def json(
        self, service: str, operation: str, payload: Mapping[str, Any], *, timeout_seconds: float = 0.0
    ) -> dict[str, Any]:
        """One operation of a service that speaks JSON; raises AwsError.

        A `TransactWriteItems` gets a token of its own unless it brings one, so that it is done once however often it is sent.
        """
        dialect = SERVICES[service]
        if operation == "TransactWriteItems" and "ClientRequestToken" not in payload:
            payload = {**payload, "ClientRequestToken": os.urandom(16).hex()}
        headers = {
            "Content-Type": f"application/x-amz-json-{dialect.version}",
            "X-Amz-Target": f"{dialect.target}.{operation}",
        }
        self.calls[service, operation, _resource(payload)] += 1
        body = msgspec.json.encode(payload)
        request = Request("POST", self._address(service).authority, "/", (), headers, body)
        again = operation.startswith(READING) or operation in REPEATABLE or "ClientRequestToken" in payload
        return _decoded(self._ask(service, request, again=again, timeout_seconds=timeout_seconds).body)

    def query(self, service: str, operation: str, fields: Mapping[str, str], version: str = "2010-03-31") -> str:
        """One operation of a service that takes forms (SNS); the answer is XML (`answers.field`).  Raises AwsError."""
        pairs = [("Action", operation), ("Version", version), *fields.items()]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self.calls[service, operation, fields.get("TopicArn", "")] += 1
        request = Request("POST", self._address(service).authority, "/", (), headers, query_text(pairs).encode())
        return self._ask(service, request, again=operation.startswith(READING)).body.decode()

    def rest(
        self,
        service: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One operation of a service whose operations are paths (Lambda, Scheduler); raises AwsError."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        self.calls[service, method, path] += 1
        pairs = list((query or {}).items())
        request = Request(method, self._address(service).authority, path, pairs, headers, body)
        return _decoded(self._ask(service, request, again=method == "GET").body)

    def s3(
        self,
        method: str,
        bucket: str,
        key: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        """One request to S3; everything that it takes is the same when done twice.  Raises AwsError.

        An emulator has the bucket in the path; Amazon has it in the host's name, unless a dot in it would break TLS.
        """
        address = self._address("s3")
        path = "/" + quote(key, safe="/~")
        if self._is_elsewhere("s3") or "." in bucket:
            path = f"/{bucket}{path}"
        else:
            address = Address(f"{bucket}.{address.host}", address.port, address.secure, "/")
        self.calls["s3", method, f"{bucket}/{key}" if key else bucket] += 1
        pairs = list((query or {}).items())
        request = Request(method, address.authority, path, pairs, headers or {}, body)
        return self._ask("s3", request, again=True, address=address)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _ask(
        self,
        service: str,
        request: Request,
        *,
        again: bool,
        address: Address | None = None,
        timeout_seconds: float = 0.0,
    ) -> Response:
        """Ask until it is answered, or may not be asked again."""
        address = address or self._address(service)
        for attempt in range(1, self._attempts):
            try:
                return self._once(service, request, address, timeout_seconds)
            except AwsError as error:
                if not (error.undone or (again and error.unknown)):
                    raise
            self._sleep(_pause_seconds(attempt))
        return self._once(service, request, address, timeout_seconds)

    def _once(self, service: str, request: Request, address: Address, timeout_seconds: float) -> Response:
        """Sign, send, and look at what comes back; each attempt is signed anew, since a signature ages."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        keys = self._credentials.keys()
        headers = signed(request, keys, SERVICES[service].signs, self.region, moment)
        query = query_text(request.query)
        target = f"{request.path}?{query}" if query else request.path
        if target != address.target:
            address = Address(address.host, address.port, address.secure, target)
        data = request_bytes(request.method, address, headers, request.body)
        try:
            response = self._connections.ask(request.method, address, data, timeout_seconds or self._timeout_seconds)
        except NoAnswer as error:
            raise AwsError(NO_ANSWER, error.why, sent=error.sent) from error
        if response.status >= 300:
            raise error_of(response.status, dict(response.headers), response.body)
        _check(response)
        return response

    def _address(self, service: str) -> Address:
        """Where a service is."""
        found = self._addresses.get(service)
        if found is None:
            suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
            usual = f"https://{SERVICES[service].host}.{self.region}.{suffix}"
            found = self._addresses[service] = address_of(self._named(service) or usual)
        return found

    def _is_elsewhere(self, service: str) -> bool:
        """Whether a service is not at Amazon's own address."""
        return bool(self._named(service))

    def _named(self, service: str) -> str:
        """The address that somebody gave for a service."""
        name = (
            "AWS_ENDPOINT_URL_" + {"states": "SFN", "dynamodbstreams": "DYNAMODB_STREAMS"}.get(service, service).upper()
        )
        return self._endpoint or self._environment.get(name) or self._environment.get("AWS_ENDPOINT_URL", "")


def _resource(payload: Mapping[str, Any]) -> str:
    """What an operation is asked of, in the service's own words."""
    for name in ("TableName", "QueueUrl", "StreamARN", "StreamName", "StreamArn", "SecretId", "Name", "EventBusName"):
        if name in payload:
            return str(payload[name])
    return ""


def _check(response: Response) -> None:
    """What a service gives a checksum for is what came; else nobody knows what was answered."""
    given = response.headers.get("x-amz-crc32")
    if given is not None and given != str(crc32(response.body)):
        raise AwsError(NO_ANSWER, "the answer was changed on the way: its checksum is another")


def _decoded(body: bytes) -> dict[str, Any]:
    """What a JSON answer holds."""
    held: dict[str, Any] = msgspec.json.decode(body or b"{}")
    return held


def _pause_seconds(attempt: int) -> float:
    """How long to wait after an attempt: anything up to a bound that doubles, so that those who collided part."""
    bound = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * float(1 << (attempt - 1)))
    return bound * int.from_bytes(os.urandom(2)) / 0xFFFF
