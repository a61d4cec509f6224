"""The functions as they were deployed, read from the services, and run.

What comes in: a function's name or ARN, with a version or an alias.  What goes out: what came of an event there.
Why it is shaped so: whatever was deployed is what runs: handler, variables, memory, time-out and reserved concurrency are read
from the service that the template was deployed to, again every second, so a new version behind an alias is taken up.
"""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from stratofold.cloud.local.emulator import open_here
from stratofold.cloud.local.sandbox import Function, Outcome
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stratofold.adapters.aws.client import Client
    from stratofold.cloud.local.pool import Pool

LOOK_SECONDS = 1.0
_API = "/2015-03-31/functions"


class Functions:
    """What is deployed, by ARN."""

    def __init__(
        self,
        aws: Client,
        pool: Pool,
        folder: Path,
        variables: Callable[[str], Mapping[str, str]],
        ended: Callable[[Function, Outcome], None] = lambda _, __: None,
    ) -> None:
        """Unpack code below `folder`; `variables` are what every function finds beside its own, by its name.

        `ended` hears of each event that was handled.
        """
        self._aws = aws
        self._pool = pool
        self._folder = folder
        self._variables = variables
        self._ended = ended
        self._known: dict[str, tuple[float, Function]] = {}
        self._lock = threading.Lock()

    def run(self, reference: str, payload: bytes) -> Outcome:
        """Run a function by name or ARN with one event; raises AwsError when it is not there."""
        function = self.find(reference)
        outcome = self._pool.run(function, payload)
        self._ended(function, outcome)
        return outcome

    def find(self, reference: str) -> Function:
        """A function as it is deployed now, or was a second ago."""
        asked, function = self._known.get(reference, (0.0, None))
        if function is None or time.monotonic() - asked > LOOK_SECONDS:
            with self._lock:
                function = self._read(reference)
                self._known[reference] = time.monotonic(), function
        return function

    def _read(self, reference: str) -> Function:
        """Ask the service."""
        name, qualifier = parted(reference)
        given = self._aws.rest(
            "lambda", "GET", f"{_API}/{quote(name)}", {"Qualifier": qualifier} if qualifier else None
        )
        settings: dict[str, Any] = given["Configuration"]
        reserved = given.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        return Function(
            name=settings["FunctionName"],
            version=settings["Version"],
            arn=settings["FunctionArn"],
            handler=settings["Handler"],
            folder=self._unpacked(settings, given["Code"]["Location"]),
            variables={
                **settings.get("Environment", {}).get("Variables", {}),
                **self._variables(settings["FunctionName"]),
                **_logging(settings.get("LoggingConfig", {})),
            },
            timeout_seconds=float(settings["Timeout"]),
            memory_mb=int(settings["MemorySize"]),
            revision=_revision(settings),
            runtime=settings.get("Runtime", ""),
            reserved=None if reserved is None else int(reserved),
        )

    def _unpacked(self, settings: Mapping[str, Any], location: str) -> Path:
        """The folder with a version's code, known by its hash; functions of one package share it."""
        place = self._folder / sha256(settings["CodeSha256"].encode()).hexdigest()[:24]
        if place.exists():
            return place
        parts = urlsplit(location)
        if parts.hostname != "127.0.0.1":
            raise Setup(
                "SF772",
                f"the code of {settings['FunctionName']} is not on this machine",
                place=f"{parts.scheme}://{parts.hostname}",
                why="the local cloud runs what was deployed to it, and nothing from elsewhere",
                fix="deploy to the local cloud",
            )
        with open_here(location, timeout=30.0) as answer, zipfile.ZipFile(io.BytesIO(answer.read())) as packed:
            packed.extractall(place)
        return place


def parted(reference: str) -> tuple[str, str]:
    """Name and qualifier (empty: the newest) of a name or an ARN."""
    parts = reference.split(":")
    if parts[0] == "arn":
        parts = parts[6:]
    return parts[0], parts[1] if len(parts) > 1 else ""


def _revision(settings: Mapping[str, Any]) -> str:
    """What makes two deployments of a function different environments."""
    marks = [
        settings.get(name) for name in ("CodeSha256", "Environment", "Handler", "MemorySize", "Timeout", "Version")
    ]
    return sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest()[:24]


def _logging(settings: Mapping[str, str]) -> dict[str, str]:
    """How the runtime client words its lines."""
    if settings.get("LogFormat") != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": settings.get("ApplicationLogLevel", "INFO")}
