"""`gather`: when the map is through, its answers are put together, so that whoever comes later reads one thing, not thousands."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from stratofold.cloud.latency import BATCH
from stratofold.cloud.place import here
from stratofold.research.sweep.executors.bucket import Bucket
from stratofold.research.sweep.executors.left import GATHERED
from stratofold.research.sweep.executors.stepfunctions import SHELF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.cloud.place import Context, Place
    from stratofold.research.sweep.executors.shelf import Shelf

LATENCY = BATCH
READERS = 16
BYTES_MAX = 256 * 1024 * 1024  # of answers together: what one driver reads at once, and a function holds twice
_FEW = 3  # answers are read as quickly one by one


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """What AWS calls."""
    return respond(here(), event)


def respond(place: Place, event: dict[str, Any]) -> dict[str, Any]:
    """The answers to a list of orders, as far as they are there; how many."""
    shelf = Bucket(place.client, place.name(SHELF))
    goals = [order["goal"] for order in json.loads(shelf.get(event["orders"]))]
    return {"gathered": gather(shelf, goals)}


def gather(shelf: Shelf, goals: Sequence[str]) -> int:
    """Put the answers of these names together, where they are many; how many were there."""
    folder = goals[0].rpartition("/")[0] if goals else ""
    there = sorted(set(goals) & set(shelf.names(f"{folder}/")))
    if len(there) <= _FEW:
        return len(there)
    with ThreadPoolExecutor(READERS) as readers:
        bodies = list(readers.map(shelf.get, there))
    if sum(map(len, bodies)) <= BYTES_MAX:
        name = sha256("\n".join(there).encode()).hexdigest()[:32]
        shelf.put(f"{folder}/{GATHERED}{name}", b"".join(bodies))
    return len(there)
