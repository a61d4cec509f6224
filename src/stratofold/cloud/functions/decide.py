"""`decide`: lines of the market's queue or stream, and facts in a book's inbox, become one append each time.

It can reach no venue and read no key: what it wants sent it writes down, and the table's stream wakes `deliver`.
A trade that it wrote down comes by the same stream, and is told to `watch`: AWS advises two readers of a table's stream at
most, and these are `decide` and `deliver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.adapters.aws.answers import AwsError
from stratofold.cloud import sources
from stratofold.cloud.hearing import Part, hear, warm
from stratofold.cloud.latency import CRITICAL
from stratofold.cloud.market import is_kept, read
from stratofold.cloud.place import invoke, say
from stratofold.cloud.unread import bury_line
from stratofold.errors import Setup
from stratofold.live.manifest import code_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.market import Told
    from stratofold.cloud.place import Context, Place

LATENCY = CRITICAL
TRADE = "view/trade/"


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("decide", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:
    """Hear a batch; returns what of it must come again."""
    if event.get("trigger") == "warm":
        return {"warmed": warm(place)}
    if event.get("trigger") == "code":
        return {"code": code_hash(place.strategy)}
    if event.get("trigger") == "wake":
        hear(place, str(event["book"]), [], remaining_ms)
        return {"woken": event["book"]}
    left: list[str] = []
    for book, parts in parts_of(place, event).items():
        left += hear(place, book, parts, remaining_ms)
        bars = [one.time for part in parts for one in part.told if one.event is not None]
        if bars and not place.replays:
            place.metrics.add("data_age_seconds", (place.clock.now() - max(bars)) / 1e9)
    ask_again(place, event, left)
    return sources.failed([*left, *pass_on(place, event)])


def ask_again(place: Place, event: dict[str, Any], left: list[str]) -> None:
    """Have what a queue's batch had no time for come again now: by itself it comes when its visibility is over."""
    receipts = sources.receipts(event, left)
    if receipts:
        try:
            place.queue.show(receipts)
        except AwsError as error:
            say(verb="decide", hidden=len(receipts), why=error.code)


def pass_on(place: Place, event: dict[str, Any]) -> list[str]:
    """Tell `watch` of the trades in a batch of the table's stream; those that must come again because it was not told."""
    if sources.origin(event) != "dynamodb":
        return []
    trades = [row for row in sources.rows(event) if row.sk.startswith(TRADE)]
    if not trades:
        return []
    books: dict[str, int] = {}
    for row in trades:
        book = row.pk.partition("/")[2]
        books[book] = books.get(book, 0) + 1
    try:
        place.calls.tell("watch", {"trigger": "fills", "books": books})
    except AwsError as error:
        say(verb="decide", untold=len(trades), why=error.code)
        return [row.name for row in trades]
    return []


def told_in(place: Place, line: str) -> list[Told]:
    """What a line says: one thing, or the levels of an order book that is in the cache; raises Setup SF880."""
    if not is_kept(line):
        return [read(line, place.book)]
    from stratofold.cloud.ticks import told_of

    return told_of(place.hot, line)


def parts_of(place: Place, event: dict[str, Any]) -> dict[str, list[Part]]:
    """The parts of a batch by book, in their order; a line that says nothing goes to the dead letters."""
    books: dict[str, list[Part]] = {}
    if sources.origin(event) == "dynamodb":
        for row in (one for one in sources.rows(event) if not one.sk.startswith(TRADE)):
            books.setdefault(row.pk.partition("/")[2], []).append(Part(row.name, []))
        return books
    for item in sources.items(event):
        part = Part(item.name, [])
        for line in item.body.splitlines():
            try:
                part.told.extend(told_in(place, line))
            except Setup as error:
                bury_line(place, line, error)
        for book in dict.fromkeys(one.book for one in part.told):
            books.setdefault(book, []).append(Part(item.name, [one for one in part.told if one.book == book]))
    return books
