"""A stack on AWS as the commands see it: what it is, what is in it, what would change, and what went wrong, in our words.

What comes in: a stack's name and a region.  What goes out: facts about it, change sets, and errors with their fix.
Why it is shaped so: only a command that deploys loads the SDK, which knows profiles, single sign-on and paging; the
functions never do.  Every error of AWS that a user can cause comes out of `told`, as one of ours.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stratofold.errors import Retry, Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FUNCTIONS = ("ingest", "decide", "deliver", "webhook", "reconcile", "watch", "archive", "halt", "warm")
ALIAS = "live"
SCHEMA = 1  # of the journal's table, as this program writes it
ANSWER_SECONDS = 330  # `archive`, the longest of them, has 300
POLL_SECONDS, POLL_SECONDS_FIRST = 1.0, 0.1
_HERE = {"127.0.0.1", "localhost", "::1"}
_NAME = re.compile(r"[a-z][a-z0-9-]{1,19}")
_NO_KEYS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
}
_BAD_KEYS = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure",
}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

# What a stack that was left half deployed needs, by its state.
_HALF = {
    "ROLLBACK_COMPLETE": "its first deploy failed and left nothing that runs: stratofold destroy, then deploy again",
    "ROLLBACK_FAILED": "its first deploy failed: stratofold destroy, then deploy again",
    "CREATE_FAILED": "its first deploy failed: stratofold destroy, then deploy again",
    "DELETE_FAILED": "it could not be destroyed: stratofold destroy again, it says what is in the way",
    "UPDATE_ROLLBACK_FAILED": "the way back failed too: mend what its events say (stratofold cloud status), then aws cloudformation continue-update-rollback",
    "REVIEW_IN_PROGRESS": "",  # a change set was made and never carried out: deploy goes on
}


def looks(timeout_seconds: float = inf) -> Iterator[None]:
    """Times to look whether something has come to its end: soon at first, then once a second."""
    pause, until = POLL_SECONDS_FIRST, time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        yield
        time.sleep(pause)
        pause = min(2.0 * pause, POLL_SECONDS)


def _patient() -> Any:
    """Waits for a function as long as it may take: whoever gives up after a minute, as the SDK does, has it called again."""
    from botocore.config import Config

    return Config(read_timeout=ANSWER_SECONDS)


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set would do to one thing; `replaces` when it would make another of it."""

    action: str
    name: str
    kind: str
    replaces: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A stack as it stands; `status` is empty where there is none."""

    status: str = ""
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """One stack in one region."""

    def __init__(self, name: str, region: str = "", session: Any = None) -> None:
        """Nothing is asked yet; raises Setup SFA05 without the SDK, SFA07 without a region, SFA09 for a name that cannot be."""
        if not _NAME.fullmatch(name):
            raise Setup(
                "SFA09", f"a stack cannot be called {name!r}", why="buckets, queues and roles are named after it",
                fix="2 to 20 of a-z, 0-9 and -, a letter first: --stack momentum",
            )  # fmt: skip
        self.name = name
        self.session = session or _session(region)
        self.region: str = region or self.session.region_name or ""
        if not self.region:
            raise Setup("SFA07", "no AWS region is known", fix="give one (--region eu-central-1), or set AWS_REGION")
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The SDK's client of a service."""
        if service not in self._clients:
            with told(self.region):
                more = {"config": _patient()} if service == "lambda" else {}
                self._clients[service] = self.session.client(service, region_name=self.region, **more)
        return self._clients[service]

    def call(self, service: str, operation: str, **terms: Any) -> Any:
        """One operation; what goes wrong is told in our words."""
        client = self.client(service)
        with told(self.region):
            return getattr(client, operation)(**terms)

    def account(self) -> str:
        """The number of the AWS account; the first thing that is asked, because it needs keys and no rights."""
        return str(self.call("sts", "get_caller_identity")["Account"])

    def state(self) -> State:
        """How the stack stands."""
        try:
            found = self.call("cloudformation", "describe_stacks", StackName=self.name)["Stacks"][0]
        except _Absent:
            return State()
        if found["StackStatus"] == "DELETE_COMPLETE":
            return State()
        return State(
            found["StackStatus"], found.get("StackStatusReason", ""),
            {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        )  # fmt: skip

    def standing(self) -> State:
        """How a stack stands that must be there; raises Setup SFA10 where there is none."""
        state = self.state()
        if not state.status:
            what = f"there is no stack {self.name} in {self.region}"
            raise Setup("SFA10", what, fix="stratofold deploy; or name another: --stack NAME --region REGION")
        return state

    def outputs(self) -> Mapping[str, str]:
        """What the stack says of itself."""
        return self.standing().outputs

    def resources(self) -> list[dict[str, Any]]:
        """Everything in it."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        with told(self.region):
            return [one for page in pages for one in page["StackResourceSummaries"]]

    def refuse_half(self, state: State) -> None:
        """Raise Stop SFA11 for a stack that something else works on, or that was left half deployed."""
        status = state.status
        if status in _HALF and not _HALF[status]:
            return
        if status.endswith("_IN_PROGRESS"):
            raise Retry(
                "SFA11",
                f"stack {self.name} is being changed ({status})",
                fix="wait until it is done: stratofold cloud status",
            )
        if status in _HALF:
            raise Stop("SFA11", f"stack {self.name} is half deployed ({status})", why=state.reason, fix=_HALF[status])

    def drifted(self, timeout_seconds: float = 180.0) -> list[str]:
        """What in the stack is not as its template says, but for the versions that a quick deploy moves; empty where nobody can tell."""
        try:
            asked = self.call("cloudformation", "detect_stack_drift", StackName=self.name)["StackDriftDetectionId"]
            for _ in looks(timeout_seconds):
                seen = self.call("cloudformation", "describe_stack_drift_detection_status", StackDriftDetectionId=asked)
                if seen["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                    break
            found = self.call(
                "cloudformation", "describe_stack_resource_drifts", StackName=self.name,
                StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
            )  # fmt: skip
        except _Unknown:
            return []
        return [line for one in found.get("StackResourceDrifts", []) for line in drift_lines(one)]

    def failure(self, since: float) -> str:
        """The first thing that failed since a moment (seconds since 1970), in AWS's words."""
        events = self.call("cloudformation", "describe_stack_events", StackName=self.name)["StackEvents"]
        failed = [
            one for one in events
            if one["ResourceStatus"].endswith("_FAILED") and one["Timestamp"].timestamp() >= since - 1.0
        ]  # fmt: skip
        first = failed[-1] if failed else {}
        return (
            f"{first.get('LogicalResourceId', self.name)}: {first.get('ResourceStatusReason', 'no reason was given')}"
        )

    def wait(self, *, timeout_seconds: float = 1_800.0) -> State:
        """The stack when it is no longer being changed; raises Retry SFA11 when that takes too long."""
        for _ in looks(timeout_seconds):
            state = self.state()
            if not state.status.endswith("_IN_PROGRESS"):
                return state
        raise Retry("SFA11", f"stack {self.name} is still being changed", fix="look again: stratofold cloud status")

    def function(self, verb: str) -> str:
        """The name of a verb's function; raises Setup SFA16 for a verb there is none of."""
        if verb not in FUNCTIONS:
            raise Setup("SFA16", f"there is no function {verb!r}", fix=f"one of {', '.join(FUNCTIONS)}")
        return f"{self.name}-{verb}"


def endpoint_here() -> str:
    """The address of the emulator on this machine that commands speak to; empty where they speak to AWS."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    return url if urlsplit(url).hostname in _HERE else ""


def address_here(address: str) -> str:
    """Where a route of a stack is for who asks from here: an emulator on this machine serves every API below its own address."""
    return local_address(endpoint_here(), address)


def addresses_here(outputs: Mapping[str, str]) -> dict[str, str]:
    """What a stack says of itself, with its routes as they can be asked from here."""
    return {name: address_here(value) for name, value in outputs.items()}


def local_address(url: str, address: str) -> str:
    """Where a route is below the address of an emulator; without one, where it is."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not url or ".execute-api." not in host:
        return address
    stage, _, path = parts.path.lstrip("/").partition("/")
    return f"{url}/restapis/{host.partition('.')[0]}/{stage}/_user_request_/{path}"


# What moves by itself, by kind of resource: the version behind an alias by a quick deploy, and by the clock how many
# environments are kept warm, which is none outside of sessions.
_MOVES = {
    "AWS::Lambda::Alias": ("/FunctionVersion", "/ProvisionedConcurrencyConfig"),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("/MinCapacity", "/MaxCapacity"),
}


def drift_lines(drift: Mapping[str, Any]) -> list[str]:
    """What is other about one thing, a line each; what moves by itself is as it should be."""
    name = drift["LogicalResourceId"]
    if drift["StackResourceDriftStatus"] == "DELETED":
        return [f"{name} was deleted"]
    differences: Sequence[Mapping[str, str]] = drift.get("PropertyDifferences", [])
    moves = _MOVES.get(drift["ResourceType"], ())
    return [
        f"{name}{one['PropertyPath']} is {one['ActualValue']}, the template says {one['ExpectedValue']}"
        for one in differences
        if not one["PropertyPath"].startswith(moves)
    ]


class _Absent(Exception):
    """There is no such stack."""


class _Unknown(Exception):
    """An operation that this end does not have."""


@contextmanager
def told(region: str) -> Iterator[None]:
    """Say in our words what AWS or its SDK raises."""
    try:
        yield
    except (Setup, Stop, Retry):
        raise
    except Exception as error:
        raise _ours(error, region) from error


def _ours(error: Exception, region: str) -> Exception:
    """One of our errors, or the same where it is nobody's to mend."""
    kind = type(error).__name__
    detail = getattr(error, "response", {}).get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", error))
    if kind in _NO_KEYS or kind == "ProfileNotFound":
        fix = "aws configure, aws sso login, or AWS_PROFILE=NAME; see https://docs.aws.amazon.com/cli"
        return Setup("SFA06", "no AWS credentials were found", why=message, fix=fix)
    if code in _BAD_KEYS:
        return Setup(
            "SFA06",
            "AWS does not accept these credentials",
            why=message,
            fix="sign in again: aws sso login, or new keys with aws configure",
        )
    if kind in {"EndpointConnectionError", "InvalidRegionError", "NoRegionError"}:
        return Setup(
            "SFA07",
            f"no answer from AWS in {region or 'no region'}",
            why=message,
            fix="see that the region is spelt right (--region eu-central-1) and there is a network",
        )
    if code in _DENIED:
        return Setup(
            "SFA08",
            "these credentials may not do that",
            why=message,
            fix="ask who owns the account for that right; docs/cloud.md has the deployer's policy",
        )
    if code == "ValidationError" and "does not exist" in message:
        return _Absent(message)
    if code == "ValidationError":
        return Setup(
            "SFA17",
            "AWS cannot make this stack",
            why=message,
            fix="change what it says (--set NAME=VALUE); nothing was changed",
        )
    if code in {"InvalidAction", "UnknownOperationException", "NotImplemented", "501", "InternalFailure"}:
        return _Unknown(message)
    if code in {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}:
        return Retry("SFA12", "AWS asks to be asked less often", why=message, fix="run it again")
    return error


def _session(region: str) -> Any:
    """The SDK's session; raises Setup SFA05 when it is not installed."""
    try:
        import boto3
    except ImportError as error:
        raise Setup(
            "SFA05",
            "the AWS SDK is not installed",
            why="only commands that deploy need it",
            fix="pip install 'stratofold[aws]'",
        ) from error
    with told(region):
        # The SDK for Python alone looks at AWS_DEFAULT_REGION only; everything else of AWS takes AWS_REGION, and takes it first.
        return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
