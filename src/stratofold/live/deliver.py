"""`deliver`: a claimed message becomes one request, and its answer is written down.

What comes in: messages that were claimed.  What goes out: answers, and reports offered to the inbox.
Why it is shaped so: a request is made once.  What is not certainly an answer is `unknown`, keeps its reservation, and is
`reconcile`'s to resolve; a process that dies after the claim leaves the same behind as a time-out.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from msgspec import structs

from stratofold.adapters.account import controlled
from stratofold.adapters.ports import (
    ACCEPTED,
    DROPPED,
    REJECTED,
    UNKNOWN,
    Answer,
    Entry,
    NoAnswer,
    Settlement,
    VenueReport,
)
from stratofold.errors import Retry
from stratofold.live.words import offer_of
from stratofold.wire import pack, terms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.ports import Broker, Clock, Journal, Message

    Stamp = Callable[[str, int, str], bytes]


async def deliver(journal: Journal, broker: Broker, clock: Clock, book: str, message: Message, stamp: Stamp) -> Answer:
    """Send one claimed message, once; returns and settles what came of it.  A dropped one is only reported."""
    answer = await asked(journal, broker, clock, book, message)
    settle(journal, clock.now(), book, message, answer, stamp)
    return answer


async def asked(journal: Journal, broker: Broker, clock: Clock, book: str, message: Message) -> Answer:
    """Send one claimed message, once; returns what came of it, which must be settled.  A dropped one is only reported."""
    if message.state == DROPPED:
        return not_sent(message)
    if message.action != "cancel" and clock.now() >= message.expires_at:
        return Answer(REJECTED, reason="not sent: it expired while it waited")
    return await _ask(journal, broker, book, message)


def judged_again(journal: Journal, account: str, book: str, message: Message) -> Message:
    """A claimed message that had to wait behind another: dropped where it could not be claimed any more.

    Its book may have another writer by now, or a control may forbid it; a limit that it was within it is within.
    """
    if message.state == DROPPED or message.action == "cancel":
        return message
    if journal.head(book).epoch != message.epoch:
        return withdrawn(message, "not sent: another process writes the book")
    held = controlled(message, account, journal.controls(account), book)
    return withdrawn(message, held) if held else message


def not_sent(message: Message) -> Answer:
    """What a dropped message is told."""
    return Answer(REJECTED, reason=message.answer)


def withdrawn(message: Message, reason: str) -> Message:
    """A claimed message that is not sent after all, and why; a cancel and what was dropped before stay as they are."""
    if message.state == DROPPED or message.action == "cancel":
        return message
    return structs.replace(message, state=DROPPED, answer=reason)


async def _ask(journal: Journal, broker: Broker, book: str, message: Message) -> Answer:
    """The one request."""
    if message.action == "submit":
        return await broker.submit(message)
    venue_id = venue_id_of(journal, book, message.client_id) or await _looked_up(broker, message.client_id)
    if not venue_id:
        return Answer(REJECTED, reason="the order is not known to be at the venue")
    if message.action == "cancel":
        return await broker.cancel(message, venue_id)
    return await broker.replace(message, venue_id)


async def _looked_up(broker: Broker, client_id: str) -> str:
    """What the venue calls an order that was never sent by itself: a leg of a bracket that it holds."""
    try:
        shown = await broker.order(client_id)
    except (NoAnswer, Retry):
        return ""
    return shown.venue_id if shown is not None else ""


def venue_id_of(journal: Journal, book: str, client_id: str) -> str:
    """What the venue calls an order of ours now: the last accepted replace's, else the submit's; empty when unknown."""
    replaced = journal.mark(book, f"venue:{client_id}")
    if replaced:
        return replaced
    submitted = journal.message(book, client_id)
    return submitted.answer if submitted is not None and submitted.state == ACCEPTED else ""


def settle(journal: Journal, now: int, book: str, message: Message, answer: Answer, stamp: Stamp) -> None:
    """Write an answer down and offer what it says to the book."""
    one = settlement(message, answer, now)
    entry = answer_entry(message, answer, stamp("deliver", now, answer.request_id))
    journal.settle(book, one.key, one.state, one.answer, [entry], one.offers, one.marks)


def settlement(message: Message, answer: Answer, now: int) -> Settlement:
    """An answer as the journal takes it: the state it brings, what it says to the book, what the order is called now."""
    renamed = answer.state == ACCEPTED and answer.venue_id and message.action == "replace"
    marks = {f"venue:{message.client_id}": answer.venue_id} if renamed else {}
    offers = [offer_of(report) for report in (*answer.reports, *_said(message, answer, now))]
    return Settlement(message.key, answer.state, answer.venue_id or answer.reason, offers, marks)


def answer_entry(message: Message, answer: Answer, envelope: bytes) -> Entry:
    """The record of an answer."""
    body = {"key": message.key, "state": answer.state, "venue_id": answer.venue_id, "reason": answer.reason}
    return Entry("answer", pack(body), envelope)


def _said(message: Message, answer: Answer, now: int) -> list[VenueReport]:
    """What the answer itself says of the order, where the venue's own reports do not."""
    if answer.state == UNKNOWN:
        return (
            [_report(message, "unknown", f"unknown:{message.key}", now, answer)] if message.action == "submit" else []
        )
    if answer.state == REJECTED:
        kind = "rejected" if message.action == "submit" else "cancel_rejected"
        name = message.client_id if message.action == "submit" else message.key
        return [_report(message, kind, f"{kind}:{name}", now, answer)]
    if message.action == "submit" and not answer.reports:
        return [_report(message, "accepted", f"accepted:{message.client_id}", now, answer)]
    return []


def _report(message: Message, kind: str, identity: str, now: int, answer: Answer) -> VenueReport:
    """A fact about a message."""
    terms = terms_of(message.body)
    return VenueReport(
        identity, kind, message.client_id, answer.venue_id, message.symbol, message.side, now, terms.quantity, nan, 0.0,
        reason=answer.reason,
    )  # fmt: skip


def orphans(journal: Journal, now: int, book: str, stamp: Stamp) -> list[Message]:
    """Messages claimed by a process that is gone: nobody knows whether they were sent, so they are unknown."""
    left: list[Message] = journal.outbox(book, "claimed")
    for message in left:
        settle(journal, now, book, message, Answer(UNKNOWN, reason="the process that sent it is gone"), stamp)
    return left
