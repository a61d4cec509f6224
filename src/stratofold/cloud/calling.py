"""One function calling another: by its alias, and waiting for its answer or not.

What comes in: a verb and an event.  What goes out: its answer, or the service's word that it will be called.
Why it is shaped so: what wakes a function by itself (a queue, a stream) stands in the template.  This is for the three
that are woken by another's findings: a fill wakes `watch`, what nobody took up wakes who should have, `warm` warms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.adapters.aws.client import Client


class Calls:
    """The functions of one stack."""

    def __init__(self, client: Client, stack: str) -> None:
        """Nobody is called yet."""
        self._client = client
        self._stack = stack

    def ask(self, verb: str, event: Mapping[str, Any]) -> Any:
        """Call a function and wait for its answer; raises AwsError."""
        return self._client.rest("lambda", "POST", self._path(verb), body=json.dumps(event).encode())

    def tell(self, verb: str, event: Mapping[str, Any]) -> None:
        """Have a function called soon, once at least: AWS keeps the event and tries three times.  Raises AwsError."""
        later = {"X-Amz-Invocation-Type": "Event"}
        self._client.rest("lambda", "POST", self._path(verb), body=json.dumps(event).encode(), headers=later)

    def _path(self, verb: str) -> str:
        return f"/2015-03-31/functions/{self._stack}-{verb}:live/invocations"
