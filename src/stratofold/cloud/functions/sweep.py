"""`sweep`: one order of a sweep becomes an answer in the workers' bucket; called by the distributed map, as often as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.cloud.latency import BATCH
from stratofold.cloud.place import here
from stratofold.research.sweep.executors.bucket import Bucket
from stratofold.research.sweep.executors.stepfunctions import SHELF
from stratofold.research.sweep.executors.worker import perform

if TYPE_CHECKING:
    from stratofold.cloud.place import Context, Place

LATENCY = BATCH


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """What AWS calls."""
    return respond(here(), event)


def respond(place: Place, event: dict[str, Any]) -> dict[str, Any]:
    """Do the order; what it came to is in the bucket, so next to nothing is said."""
    return {"seconds": perform(Bucket(place.client, place.name(SHELF)), event)["seconds"]}
