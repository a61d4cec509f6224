"""What Amazon's services answer when they do not do what was asked, and what may be asked again.

What comes in: a status and a body, JSON or XML.  What goes out: `AwsError`, which knows whether it was certainly not done.
Why it is shaped so: a throttled request was not done, so it may be sent again whatever it was; a time-out or a 5xx may stand
for something that was done, so only what is the same when done twice is sent again, and the rest is for who asked.
"""

from __future__ import annotations

import json
import re
from typing import Any

from stratofold.errors import Error, Retry, Setup, Stop

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
# Another request was at the same thing; nothing was done.
COLLIDED = frozenset(
    {
        "ConditionalRequestConflict",
        "OperationAborted",
        "PriorRequestNotComplete",
        "ReplicatedWriteConflictException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
# Reasons for which a transaction is cancelled that say nothing of its conditions.
PASSING_REASONS = frozenset({"None", "ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
UNSIGNED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDeniedException"})
MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "TableNotFoundException",
    }
)
NO_ANSWER = "NoAnswer"


class AwsError(Exception):
    """A request that was answered with an error, or not at all (`status` 0).

    `code` is Amazon's word for it, `message` a person's; `body` is what a JSON answer held, else empty.  `sent` is False when the
    request certainly did not leave.
    """

    def __init__(
        self, code: str, message: str, status: int = 0, body: dict[str, Any] | None = None, *, sent: bool = True
    ) -> None:
        """Keep the parts."""
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.status = status
        self.body = body or {}
        self.sent = sent

    @property
    def reasons(self) -> list[str]:
        """Why a transaction was cancelled, a code for each of its items ("None" for those without fault)."""
        return [reason.get("Code", "None") for reason in self.body.get("CancellationReasons", ())]

    @property
    def items(self) -> list[dict[str, Any]]:
        """What stood in a cancelled transaction's items, where it asked for that (else empty), in DynamoDB's types."""
        return [reason.get("Item", {}) for reason in self.body.get("CancellationReasons", ())]

    @property
    def undone(self) -> bool:
        """Whether the request was certainly not done, and may be done a moment later."""
        if self.code in THROTTLED or self.code in COLLIDED or self.status == 429 or not self.sent:
            return True
        reasons = self.reasons
        return self.code == "TransactionCanceledException" and bool(reasons) and PASSING_REASONS.issuperset(reasons)

    @property
    def unknown(self) -> bool:
        """Whether it may have been done all the same."""
        return not self.undone and (self.status == 0 or self.status >= 500)

    @property
    def retryable(self) -> bool:
        """Whether asking again, unchanged, may go better; what is `unknown` must be the same when done twice."""
        return self.undone or self.unknown


def error_of(status: int, headers: dict[str, str], body: bytes) -> AwsError:
    """The error that an answer tells of."""
    text = body.decode("utf-8", "replace")
    given = headers.get("x-amzn-errortype", "").partition(":")[0]
    if text.lstrip().startswith("<"):
        return AwsError(field(text, "Code") or given or str(status), field(text, "Message"), status)
    try:
        held = json.loads(text or "{}")
    except ValueError:
        held = {}
    held = held if isinstance(held, dict) else {}
    code = str(held.get("__type") or held.get("code") or given or held.get("Code") or status)
    # SQS has names of its own for the codes of its older protocol.
    named = headers.get("x-amzn-query-error", "").partition(";")[0]
    message = str(held.get("message") or held.get("Message") or held.get("errorMessage") or "")
    return AwsError(code.rpartition("#")[2] or named, message, status, held)


def field(text: str, name: str) -> str:
    """What stands in the first element of a name in an XML answer; empty when there is none."""
    found = fields(text, name)
    return found[0] if found else ""


def fields(text: str, name: str) -> list[str]:
    """What stands in every element of a name that holds text alone."""
    import html  # a table of all its entities: for who reads XML

    return [html.unescape(held) for held in re.findall(rf"<{name}>([^<]*)</{name}>", text)]


def explained(error: AwsError, what: str) -> Error:
    """The same for a person: who must act, and on what; `what` says what could not be done."""
    why = str(error)
    if error.retryable:
        return Retry("SF761", f"{what}: the service is busy or did not answer", why=why, fix="run it again in a moment")
    if error.code in UNSIGNED:
        return Setup(
            "SF762",
            f"{what}: AWS does not take these credentials",
            why=why,
            fix="log in again (aws sso login, aws configure), or set the machine's clock: a signature is good for five minutes",
        )
    if error.code in FORBIDDEN:
        return Setup(
            "SF763",
            f"{what}: this is not allowed",
            why=why,
            fix="use the role that stratofold deploy made, or deploy again if the role was changed by hand",
        )
    if error.code in MISSING:
        return Setup(
            "SF764",
            f"{what}: what it needs is not there",
            why=why,
            fix="look at the region and the stack's name (stratofold cloud status), and finish it: stratofold deploy",
        )
    return Stop("SF765", f"{what}: AWS refused", why=why, fix="read why; if it is no setting of yours, report it")


def parts(text: str, name: str) -> list[str]:
    """The inside of every element of a name, where it holds no other of that name."""
    return re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
