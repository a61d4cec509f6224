"""`ingest`: what comes from outside becomes lines of a book's queue or stream.

It comes as a POST, a message, a file in S3, an event of the bus or a WebSocket's frame; and on schedule the venue is asked
for the latest prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.cloud import sources
from stratofold.cloud.fetch import ALL, fetch
from stratofold.cloud.latency import PROMPT
from stratofold.cloud.lines import lines_in
from stratofold.cloud.market import Told, line_told, read, told_of
from stratofold.cloud.place import invoke, say
from stratofold.cloud.unread import bury_line
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stratofold.cloud.place import Context, Place

LATENCY = PROMPT


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("ingest", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Pass on what an invocation brought, by where it came from."""
    came = sources.origin(event)
    if came == "direct":
        asked = (event.get(name) or usual for name, usual in (("book", place.book), ("time", ""), ("symbols", ALL)))
        return {"sent": place.run(fetch(place, *map(str, asked)))}
    if came in ("http", "socket"):
        return pushed(place, event)
    if came == "s3":
        return {"sent": sum(put(place, dropped(place, *file)) for file in sources.files(event))}
    if came == "bus":
        return {"sent": put(place, [told_of(event["detail"], place.book)])}
    put(place, queued(place, event))
    return sources.failed([])


def pushed(place: Place, event: dict[str, Any]) -> dict[str, Any]:
    """A request with lines: all of them are taken, or none and why; a socket's coming and going needs no answer."""
    if event.get("requestContext", {}).get("eventType") in ("CONNECT", "DISCONNECT"):
        return sources.answer(200, "{}")
    try:
        told = [read(line, place.book) for line in lines_in(sources.request(event).body)]
    except Setup as error:
        return sources.answer(422, msgspec.json.encode({"code": error.code, "why": error.why}).decode())
    return sources.answer(202, msgspec.json.encode({"taken": put(place, told)}).decode())


def queued(place: Place, event: dict[str, Any]) -> list[Told]:
    """The lines of a queue's batch; one that says nothing goes to the dead letters."""
    return list(_read(place, (line for item in sources.items(event) for line in lines_in(item.body.encode()))))


def dropped(place: Place, bucket: str, key: str) -> list[Told]:
    """The lines of a file in S3: JSON lines, a JSON list, or CSV whose first line names the fields."""
    return list(_read(place, lines_in(place.client.s3("GET", bucket, key).body, csv=key.lower().endswith(".csv"))))


def _read(place: Place, lines: Iterable[str]) -> Iterable[Told]:
    """What lines say, without those that say nothing."""
    for line in lines:
        try:
            yield read(line, place.book)
        except Setup as error:
            bury_line(place, line, error)


def put(place: Place, told: Iterable[Told]) -> int:
    """Send lines on, each book's together and in order; how many there were."""
    books: dict[str, list[str]] = {}
    for one in told:
        books.setdefault(one.book, []).append(line_told(one))
    for book, lines in books.items():
        place.market.put(book, lines)
        say(verb="ingest", book=book, lines=len(lines))
    return sum(map(len, books.values()))
