"""`warm`: before the open, an environment of each critical function is made; nothing is written anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stratofold.cloud.latency import BATCH
from stratofold.cloud.place import invoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place

LATENCY = BATCH
WARMED = ("decide", "deliver")
BODY = json.dumps({"trigger": "warm"}).encode()


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("warm", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Call each with an event that does nothing."""
    return {verb: call(place, verb) for verb in WARMED}


def call(place: Place, verb: str) -> Any:
    """Invoke the live version of a function."""
    path = f"/2015-03-31/functions/{place.stack}-{verb}:live/invocations"
    return place.client.rest("lambda", "POST", path, body=BODY)
