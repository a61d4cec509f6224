"""The keys that sign, from where Amazon puts them: the environment, the user's file, the container, the machine.

What comes in: the environment's variables.  What goes out: keys that are good for some minutes more.
Why it is shaped so: a function finds its keys in its environment and reads nothing else, so the other places are looked at
only when it has none; keys that expire are fetched anew some minutes before, and while the server of keys does not answer,
those that are good still are used.

Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; EC2 User Guide, "Use IMDSv2".
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stratofold.adapters.aws.connection import Connections
from stratofold.adapters.aws.sigv4 import Keys
from stratofold.adapters.network.http import address_of, request_bytes
from stratofold.adapters.nouns import NoAnswer
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Mapping

REFRESH_SECONDS = 300.0
CONTAINER = "http://169.254.170.2"
MACHINE = "http://169.254.169.254"
SAFE_HOSTS = ("127.0.0.1", "localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23")
TIMEOUT_SECONDS = 1.0


class Credentials:
    """The keys of a process, kept as long as they are good."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Nothing is looked up before the first request."""
        self._environment = environment
        self._keys: Keys | None = None
        self._connections = Connections()

    def keys(self) -> Keys:
        """Keys that are good now; raises Setup SF760 when there are none."""
        kept = self._keys
        left = float("inf") if kept is None or not kept.expires else kept.expires - time.time()
        if kept is not None and left > REFRESH_SECONDS:
            return kept
        found = self._find()
        if found is None:
            if kept is not None and left > 0:
                return kept
            raise _none(self._environment)
        self._keys = found
        return found

    def _find(self) -> Keys | None:
        """Keys from the first place that has some."""
        environment = self._environment
        if environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
            token = environment.get("AWS_SESSION_TOKEN", "")
            return Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], token)
        try:
            return self._from_file() or self._from_container() or self._from_machine()
        except (NoAnswer, ValueError, KeyError, TypeError):
            return None

    def _from_file(self) -> Keys | None:
        """The keys of a profile in the user's file."""
        environment = self._environment
        named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
        path = Path(named) if named else Path(environment.get("HOME", "/")) / ".aws" / "credentials"
        if not path.is_file():
            return None
        from configparser import ConfigParser

        parser = ConfigParser(interpolation=None)
        parser.read(path)
        profile = environment.get("AWS_PROFILE", "default")
        if not parser.has_option(profile, "aws_access_key_id"):
            return None
        section = parser[profile]
        return Keys(
            section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token", "")
        )

    def _from_container(self) -> Keys | None:
        """The keys of a task or a pod, from the address that its environment names."""
        environment = self._environment
        relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = CONTAINER + relative if relative else environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in SAFE_HOSTS:
            raise ValueError("keys are not fetched in the clear from elsewhere")
        file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        token = Path(file).read_text(encoding="ascii").strip() if file else ""
        token = token or environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        return _decoded(self._fetch("GET", url, {"Authorization": token} if token else {}))

    def _from_machine(self) -> Keys | None:
        """The keys of an EC2 instance (IMDSv2)."""
        if self._environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        base = self._environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", MACHINE).rstrip("/") + "/latest/"
        age = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        token = self._fetch("PUT", base + "api/token", age).decode("ascii")
        headers = {"X-aws-ec2-metadata-token": token}
        place = base + "meta-data/iam/security-credentials/"
        role = self._fetch("GET", place, headers).decode("ascii").strip()
        return _decoded(self._fetch("GET", place + role, headers))

    def _fetch(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        """What a server of keys answers; raises NoAnswer."""
        address = address_of(url)
        request = request_bytes(method, address, headers)
        response = self._connections.ask(method, address, request, TIMEOUT_SECONDS)
        if response.status != 200:
            raise NoAnswer(f"the server of keys answered {response.status}")
        return response.body


def _decoded(body: bytes) -> Keys:
    """Keys as containers and machines are given them."""
    given = json.loads(body)
    return Keys(given["AccessKeyId"], given["SecretAccessKey"], given.get("Token", ""), _seconds(given["Expiration"]))


def _seconds(text: str) -> float:
    """A time such as 2026-11-21T15:04:05Z, in seconds since 1970."""
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def _none(environment: Mapping[str, str]) -> Setup:
    """No keys, and how to have some."""
    profile = environment.get("AWS_PROFILE", "default")
    return Setup(
        "SF760",
        "there are no AWS credentials",
        why="neither the environment nor the credentials file, a container or a machine gave any",
        fix=f"aws configure, or for single sign-on: eval $(aws configure export-credentials --profile {profile} --format env)",
    )
