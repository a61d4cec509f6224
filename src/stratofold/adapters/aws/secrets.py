"""Keys and tokens by name, in Parameter Store or in Secrets Manager.

What comes in: names, and once each a value.  What goes out: the value, to the one who asks for it.
Why it is shaped so: a value is in no setting, log, error or `repr`.  It is asked for when it is used and kept for five minutes,
so that a key that was replaced is heard of, and a busy function does not pay for each use.  Parameter Store keeps a
SecureString for nothing; Secrets Manager has a price a secret and can replace it by itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stratofold.adapters.aws.answers import AwsError, explained
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.aws.client import Client

KEEP_SECONDS = 300.0
ABSENT_SECONDS = (
    30.0  # that there is no key is believed for less long; Parameter Store answers forty times a second, and no more
)
_NONE = frozenset({"ParameterNotFound", "ResourceNotFoundException"})


class Secrets:
    """See `ports.Secrets`."""

    def __init__(
        self,
        aws: Client,
        place: str,
        *,
        keep_seconds: float = KEEP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Under `place`: `ssm:/stack/` or `secretsmanager:/stack/`; raises Setup SF767 for another kind of place."""
        self._kind, _, self._prefix = place.partition(":")
        if self._kind not in {"ssm", "secretsmanager"}:
            fix = "give ssm:/<stack>/ or secretsmanager:/<stack>/"
            raise Setup("SF767", f"{place!r} is no place of secrets", fix=fix)
        self._aws = aws
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, str]] = {}
        self._absent: dict[str, float] = {}

    def __repr__(self) -> str:
        """Where they are, and none of them."""
        return f"Secrets({self._kind}:{self._prefix})"

    def get(self, name: str) -> str:
        """See `ports.Secrets`."""
        now = self._monotonic()
        asked, value = self._kept.get(name, (-self._keep_seconds, ""))
        if now - asked < self._keep_seconds:
            return value
        if now - self._absent.get(name, -ABSENT_SECONDS) < ABSENT_SECONDS:
            raise self._missing(name)
        try:
            value = self._parameter(name) if self._kind == "ssm" else self._secret(name)
        except AwsError as error:
            if error.code not in _NONE:
                raise explained(error, f"the secret {name} could not be read") from None
            self._absent[name] = now
            raise self._missing(name) from None
        self._kept[name] = now, value
        return value

    def _missing(self, name: str) -> Setup:
        """There is none of that name."""
        why, fix = f"it is not at {self._kind}:{self._prefix}", f"put it there: stratofold cloud secret {name}"
        return Setup("SF821", f"there is no secret {name}", why=why, fix=fix)

    def forget(self) -> None:
        """Ask anew for each: a venue has refused what was known."""
        self._kept.clear()
        self._absent.clear()

    def put(self, name: str, value: str) -> None:
        """See `ports.Secrets`; the last value counts."""
        self._kept.pop(name, None)
        self._absent.pop(name, None)
        try:
            self._write(self._prefix + name, value)
        except AwsError as error:
            raise explained(error, f"the secret {name} could not be kept") from None

    def _parameter(self, name: str) -> str:
        asked = {"Name": self._prefix + name, "WithDecryption": True}
        return str(self._aws.json("ssm", "GetParameter", asked)["Parameter"]["Value"])

    def _secret(self, name: str) -> str:
        return str(
            self._aws.json("secretsmanager", "GetSecretValue", {"SecretId": self._prefix + name})["SecretString"]
        )

    def _write(self, name: str, value: str) -> None:
        """Change it, or make it when there is none."""
        if self._kind == "ssm":
            given = {"Name": name, "Value": value, "Type": "SecureString", "Overwrite": True}
            self._aws.json("ssm", "PutParameter", given)
            return
        try:
            self._aws.json("secretsmanager", "PutSecretValue", {"SecretId": name, "SecretString": value, **_token()})
        except AwsError as error:
            if error.code not in _NONE:
                raise
            self._aws.json("secretsmanager", "CreateSecret", {"Name": name, "SecretString": value, **_token()})


def _token() -> dict[str, str]:
    """What makes a request that is sent twice one version of the secret."""
    import os

    return {"ClientRequestToken": os.urandom(16).hex()}
