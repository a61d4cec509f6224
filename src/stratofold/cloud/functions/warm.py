"""`warm`: before the open, an environment of each critical function is made; nothing is written anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.cloud.latency import BATCH
from stratofold.cloud.place import invoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place

LATENCY = BATCH
WARMED = ("decide", "deliver")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("warm", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Call each with an event that does nothing."""
    return {verb: place.calls.ask(verb, {"trigger": "warm"}) for verb in WARMED}
