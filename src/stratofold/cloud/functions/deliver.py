"""`deliver`: a message that `decide` wrote down becomes one request at the venue, once.

It claims (every control, limit and date is checked in that transaction), asks, and writes the answer down; the answer is a
fact in the book's inbox, which wakes `decide`.  What was claimed before is not sent again, whoever claimed it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stratofold import __version__
from stratofold.adapters.ports import READY, REJECTED, UNKNOWN
from stratofold.cloud import sources
from stratofold.cloud.latency import CRITICAL
from stratofold.cloud.place import invoke, say
from stratofold.errors import Retry
from stratofold.live.deliver import deliver
from stratofold.live.words import request_entry
from stratofold.wire import pack, terms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.ports import Answer, Message
    from stratofold.cloud.place import Context, Place

LATENCY = CRITICAL
BUDGET_MS = 14_000  # the longest that a request and its answer's transaction take; with less nothing is claimed


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("deliver", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:
    """Send what a batch of the table's changes has brought; returns the first that must come again, and with it the rest."""
    if event.get("trigger") == "warm":
        return {"warmed": place.venue.broker is not None}
    if event.get("trigger") == "wake":
        return {"sent": sent_late(place, str(event["book"]), event["keys"], remaining_ms)}
    for row in sources.rows(event):
        if row.change != "INSERT":
            continue
        if remaining_ms() <= BUDGET_MS:
            return sources.failed([row.name])
        try:
            place.run(send(place, row.pk.partition("/")[2], row.sk))
        except Retry as later:
            say(verb="deliver", key=row.sk, later=later.code)
            return sources.failed([row.name])
    return sources.failed([])


def sent_late(place: Place, book: str, keys: list[str], remaining_ms: Callable[[], int]) -> int:
    """Send what nobody took up, in its order, as far as the time goes: what is left is found again.  How many were looked at."""
    for count, key in enumerate(keys):
        if remaining_ms() <= BUDGET_MS:
            return count
        try:
            place.run(send(place, book, key))
        except Retry as later:
            say(verb="deliver", key=key, later=later.code)
            return count
    return len(keys)


async def send(place: Place, book: str, key: str) -> None:
    """Claim one message and send it; nothing where another has the book, or the message is not ready any more."""
    journal, venue = place.journal, place.venue
    head = journal.head(book)
    message = journal.message(book, key)
    if head.holder != place.holder or message is None or message.state != READY:
        say(verb="deliver", key=key, passed=message.state if message is not None else "not there")
        return
    now = await venue.now()
    request = request_entry([message], stamp(place, head.epoch)("deliver", now, ""))
    for claimed in journal.claim(book, head.epoch, [key], now, [request]):
        answer = await deliver(journal, venue.broker, venue.clock, book, claimed, stamp(place, head.epoch))
        say(verb="deliver", key=key, state=answer.state, **({"why": answer.reason} if answer.reason else {}))
        count(place, claimed, answer)


def count(place: Place, message: Message, answer: Answer) -> None:
    """What graphs and alarms know of an order; how long it took from its decision is told of real time only."""
    if message.action == "submit":
        place.metrics.add("orders_sent")
    if answer.state == REJECTED and message.action != "cancel":
        place.metrics.add("orders_refused")
    if answer.state == UNKNOWN:
        place.metrics.add("orders_unknown")
    decided = terms_of(message.body).decided
    if decided and not place.replays:
        place.metrics.add("order_ms", (place.clock.now() - decided) / 1e6)


def stamp(place: Place, epoch: int) -> Callable[[str, int, str], bytes]:
    """The envelope of what a function without a desk writes."""

    def made(verb: str, wall: int, request: str) -> bytes:
        what = {"wall": wall, "by": verb, "process": os.getpid(), "version": __version__, "epoch": epoch}
        return pack(what | {"region": place.region} | ({"request": request} if request else {}))

    return made
