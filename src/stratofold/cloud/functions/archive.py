"""`archive`: after the close, what each book of the stack has written is sealed into segments that nobody writes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.cloud.latency import BATCH
from stratofold.cloud.place import invoke
from stratofold.live.archive import seal
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place

LATENCY = BATCH


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("archive", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Seal a book, with what is left over after whole segments; doing it twice writes the same."""
    book = str(event.get("book") or place.book)
    now = place.clock.now()
    envelope = pack({"wall": now, "by": "archive", "region": place.region})
    seals = seal(place.journal, place.artifacts, book, envelope, rest=True)
    return {"book": book, "segments": len(seals)}
