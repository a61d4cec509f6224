"""`reconcile`: asks the venue what is so, as the guarantee behind webhooks: fills, ends of orders, what became of the unknown.

It writes records and offers and sends no order.  What was claimed a while ago by a function that is gone is unknown from
then on, and what nobody delivered in time is refused, so that the book knows.  What a stream's reader gave up after its
tries is still to be sent, or to be heard: who should have is woken again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.ports import CLAIMED, DROPPED, READY, UNKNOWN, Answer
from stratofold.cloud.latency import PROMPT
from stratofold.cloud.place import invoke, say
from stratofold.cloud.telling import tell
from stratofold.live.alerts import CRITICAL, WARNING, Condition
from stratofold.live.deliver import deliver, settle
from stratofold.live.look import look_at
from stratofold.live.reconcile import compare_only, reconcile
from stratofold.wire import terms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place
    from stratofold.live.desk import Desk
    from stratofold.live.reconcile import Findings

LATENCY = PROMPT
CLAIMED_SINCE = "claimed_since"  # the mark of when each claimed message was first seen to be one, ns UTC
GONE_NS = 60_000_000_000  # twice the time-out of `deliver`: whoever claimed it is not at work any more
IDLE_NS = 30_000_000_000  # the time-out of `deliver`: what was decided before that and is ready was left by somebody


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("reconcile", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Compare one book with the venue; nothing where another has the book, who does it himself."""
    book = str(event.get("book") or place.book)
    if place.journal.head(book).holder != place.holder:
        return {"book": book, "passed": "another has the book"}
    found = place.run(compare(place, book))
    place.metrics.add("orders_unknown", len(found.unknown))
    say(verb="reconcile", book=book, offered=found.offered, unknown=len(found.unknown), breaks=len(found.breaks))
    counted = {"offered": found.offered, "unknown": found.unknown, "breaks": found.breaks}
    return {"book": book, "clean": found.clean, **counted}


async def compare(place: Place, book: str) -> Findings:
    """Ask, and tell people what is not as it should be; raises NoAnswer, Retry or Stop where the venue cannot be asked."""
    now = await place.venue.now()
    look = look_at(place.journal, book, place.strategy)
    desk = look.desk
    if look.otherwise is not None:  # what is read of it is as it is written; nothing may be written by it
        found = await compare_only(look, place.venue.broker)
        await tell(place, book, now, "reconcile", conditions(found))
        return found
    give_up(desk, now)
    await refuse_late(place, desk, now)
    wake_again(place, desk, now)
    found = await reconcile(desk, place.venue.broker, now)
    await tell(place, book, now, "reconcile", conditions(found))
    return found


def give_up(desk: Desk, now: int) -> None:
    """A message claimed for longer than any function lives is unknown: it may have been sent, and is not sent again."""
    journal, book = desk.journal, desk.manifest.book
    before = journal.mark(book, CLAIMED_SINCE) or "{}"
    known = json.loads(before)
    claimed = {message.key: message for message in journal.outbox(book, CLAIMED)}
    since = {key: known.get(key, now) for key in claimed}
    for key in [key for key, first in since.items() if now - first >= GONE_NS]:
        answer = Answer(UNKNOWN, reason="the function that sent it is gone")
        settle(journal, now, book, claimed[key], answer, _stamp(desk))
        del since[key]
    if json.dumps(since) != before:
        journal.mark(book, CLAIMED_SINCE, json.dumps(since))


async def refuse_late(place: Place, desk: Desk, now: int) -> None:
    """What nobody delivered before it was too old is claimed, which drops it, and the book hears that it was refused."""
    journal, book = desk.journal, desk.manifest.book
    late = [one.key for one in journal.outbox(book, READY) if now >= one.expires_at]
    dropped = journal.claim(book, desk.head.epoch, late, now) if late else []
    for message in [*dropped, *journal.outbox(book, DROPPED)]:
        await deliver(journal, place.venue.broker, place.venue.clock, book, message, _stamp(desk))


def wake_again(place: Place, desk: Desk, now: int) -> None:
    """Wake `deliver` for what is ready and nobody takes up, and `decide` for what waits in the inbox; twice is once."""
    journal, book = desk.journal, desk.manifest.book
    left = [one.key for one in journal.outbox(book, READY) if now - terms_of(one.body).decided >= IDLE_NS]
    waits = len(journal.inbox(book))
    try:
        if left:
            place.calls.tell("deliver", {"trigger": "wake", "book": book, "keys": left})
        if waits:
            place.calls.tell("decide", {"trigger": "wake", "book": book})
    except AwsError as error:  # the next run sees it again, and the venue is to be asked now
        say(verb="reconcile", book=book, untold=error.code)
    if left or waits:
        say(verb="reconcile", book=book, ready=len(left), inbox=waits)


def conditions(found: Findings) -> list[Condition]:
    """What a person must hear of it."""
    told = []
    if found.breaks:
        told.append(Condition("differences", CRITICAL, "Book and venue disagree", "; ".join(found.breaks[:5])))
    if found.unknown:
        text = f"{', '.join(found.unknown[:5])}: what they may do stays reserved"
        told.append(Condition("unknown", CRITICAL, "Orders of unknown state", text))
    told += [
        Condition(f"foreign:{name}", WARNING, "An order that is not ours", f"{name} is open; it is left alone")
        for name in found.foreign
    ]
    return told


def _stamp(desk: Desk) -> Callable[[str, int, str], bytes]:
    """Envelopes of this desk, with the id that the venue gave a request."""
    return lambda _, wall, request: desk.envelope("reconcile", wall, **({"request": request} if request else {}))
