"""`decide`: events in, one append out.

What comes in: a desk, events in order (with the inbox numbers they came under), the time.  What goes out: the messages
that were written down, claimed in the same transaction when this process also delivers.
Why it is shaped so: the fold runs in memory and the append is the point where it becomes true; when the append is
refused the desk is thrown away, because it knows what is not written down.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from stratofold.adapters.ports import Entry
from stratofold.errors import Error, Stop
from stratofold.events import REPLACE_REJECTED, Report
from stratofold.live.desk import SNAPSHOT_STEPS, Desk
from stratofold.live.poison import spare, spared
from stratofold.live.protection import entry_of, is_protected
from stratofold.live.steps import is_as_written, step_body
from stratofold.live.views import views_of
from stratofold.live.words import client_id, outgoing, request_entry
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.ports import Message, Offer, Settlement
    from stratofold.events import Event
    from stratofold.live.fold import Fold, Step
    from stratofold.live.foresight import Foreseen
    from stratofold.live.outside import Sent


class Heard(Struct, frozen=True):
    """An event, and where it comes from: the number under which the inbox holds it (0: it is not there), or an answer.

    `offer` is what an answer says that is written down with the step that hears it, so that it never waits in the inbox.
    """

    event: Event
    inbox: int = 0
    offer: Offer | None = None


class Answered(Struct, frozen=True):
    """A venue's answer, to be written down with the next step: its record, and what the journal makes of it."""

    entry: Entry
    settlement: Settlement


class Decided(Struct, frozen=True):
    """What came of some events: how many were heard, the messages (claimed or dropped), and each one's step."""

    count: int
    messages: list[Message]
    steps: list[Step]


class PoisonedError(Exception):
    """The fold raised on an event: which one, and what; the desk's fold must be thrown away."""

    def __init__(self, heard: Heard, error: Exception) -> None:
        """Keep the event and the error."""
        super().__init__(f"{type(error).__name__}: {error}")
        self.heard = heard
        self.error = error
        self.tries = 1


def decide(
    desk: Desk, batch: Sequence[Heard], now: int, *, claim: bool = True, at_rest: bool = False,
    answers: Sequence[Answered] = (),
) -> Decided:  # fmt: skip
    """Hear events up to the first that wants something sent, and write it all down at once, with answers that came.

    What an answer says and these steps do not hear (`Heard.offer`) is in the inbox then.  Raises Stop SF801 when another writer has taken the book, Retry SF802 on a lost race, PoisonedError when the fold raises.
    """
    entries: list[Entry] = [answer.entry for answer in answers]
    messages: list[Message] = []
    handled: list[int] = []
    steps: list[Step] = []
    envelope = desk.envelope("decide", now)
    for heard in batch:
        if desk.foreseen is not None and (foreseen := _foreseen(desk, heard)) is not None:
            entries.append(Entry("event", foreseen.body, envelope))
            steps.append(foreseen.step)
            messages = foreseen.messages
            if claim:
                entries.append(Entry("request", foreseen.request, envelope))
            break
        step = _hear(desk, heard)
        entries.append(Entry("event", pack(step_body(heard.event, step)), envelope))
        steps.append(step)
        if heard.inbox:
            handled.append(heard.inbox)
        if step.messages:
            messages = messages_of(desk, desk.fold, step)
            if claim and messages:
                entries.append(request_entry(messages, envelope))
            break
    said = [one.offer for one in batch[: len(steps)] if one.offer is not None]
    due = is_snapshot_due(desk, desk.snapshot_every) or (at_rest and is_snapshot_due(desk, 1))
    head, claimed = desk.journal.append(
        desk.manifest.book, desk.head.epoch, desk.head.step, entries, steps=len(steps), messages=messages, handled=handled,
        snapshot=desk.fold.save() if due else None, claim_at=now if claim and messages else None,
        released=_done(desk, batch[: len(steps)], steps), settled=_settled(answers, said) if answers else (), heard=said,
        views=_views(desk, batch, steps), marks=spared(desk, batch[: len(steps)]) if desk.poison is not None else None,
    )  # fmt: skip
    desk.head = head
    if due:
        desk.snapshot_step = desk.fold.steps
    return Decided(len(steps), claimed if claim else messages, steps)


def is_snapshot_due(desk: Desk, steps: int = SNAPSHOT_STEPS) -> bool:
    """Whether the last snapshot is so many steps old: time for one, should there be a quiet moment."""
    return desk.fold.steps - desk.snapshot_step >= steps


def _settled(answers: Sequence[Answered], heard: Sequence[Offer]) -> list[Settlement]:
    """The answers for the journal; what they say and these steps have not heard goes into the inbox."""
    settled = [answer.settlement for answer in answers]
    if not heard:
        return settled
    return [structs.replace(one, offers=[offer for offer in one.offers if offer not in heard]) for one in settled]


def _views(desk: Desk, batch: Sequence[Heard], steps: Sequence[Step]) -> dict[str, dict[str, str] | None] | None:
    """What is to be seen of it, where the journal keeps that."""
    return views_of(desk, [one.event for one in batch[: len(steps)]], steps) if desk.journal.keeps_views else None


def _hear(desk: Desk, heard: Heard) -> Step:
    """One event through the fold."""
    spare(desk, heard.event)
    try:
        return desk.fold.hear(heard.event)
    except Error:
        raise
    except Exception as error:
        raise PoisonedError(heard, error) from error


def _foreseen(desk: Desk, heard: Heard) -> Foreseen | None:
    """What was foreseen of an event, if it is the one, and the fold as it was; the fold is behind then (`Desk.behind`).

    A snapshot that is due would be of the state before it, so then the fold hears it now.
    """
    foreseen, desk.foreseen = desk.foreseen, None
    if foreseen is None or not foreseen.is_of(desk.fold, heard.event) or is_snapshot_due(desk, desk.snapshot_every - 1):
        return None
    desk.behind = heard.event, foreseen.body
    return foreseen


def catch_up(desk: Desk) -> None:
    """Have the fold hear what was decided with foresight; raises Stop SF847 when it decides otherwise."""
    if desk.behind is None:
        return
    (event, body), desk.behind = desk.behind, None
    if is_as_written(event, desk.fold.hear(event), body):
        return
    raise Stop(
        "SF847", f"the strategy of book {desk.manifest.book} decides otherwise when it hears the same event again",
        why="its orders must follow from its state, the event and the book alone; a restart would decide otherwise too",
        fix="stratofold check names what a hook may not use; mend it, then run again",
    )  # fmt: skip


def _done(desk: Desk, batch: Sequence[Heard], steps: Sequence[Step]) -> dict[str, float]:
    """The orders that are done reserve nothing any more; said in the append itself, so that no crash comes between.

    A replace that was claimed when its order had ended reserves for it anew, until it is refused.
    """
    manifest, orders = desk.manifest, desk.fold.engine.book.orders
    done: list[int] = []
    for one, step in zip(batch, steps, strict=True):
        event = one.event
        if step.orders:
            done += [row[0] for row in step.orders]
        if isinstance(event, Report) and event.kind == REPLACE_REJECTED and event.number > 0:
            done += [event.number] if orders.index(event.number) < 0 else []
    return {client_id(manifest.book, manifest.generation, number): 0.0 for number in done} if done else {}


def messages_of(desk: Desk, fold: Fold, step: Step) -> list[Message]:
    """The messages of a step that `fold` has made, for the outbox; a cancel's or replace's ordinal is the step's."""
    manifest = desk.manifest
    ends = fold.expiries(step.messages, int(manifest.message_age_seconds * 1e9))
    first = fold.steps * 100
    return [
        outgoing(
            fold, manifest.book, manifest.generation, sent, first + place, ends[place],
            protects=manifest.native_brackets, strategy=manifest.strategy,
        )
        for place, sent in enumerate(step.messages)
        if not (sent[-1] and manifest.native_brackets and _is_the_venues(desk, fold, sent))
    ]  # fmt: skip


def _is_the_venues(desk: Desk, fold: Fold, sent: Sent) -> bool:
    """Whether the venue does by itself what the book's bracket rule asks for (`prompt`), because it holds the bracket."""
    manifest = desk.manifest
    entry = client_id(manifest.book, manifest.generation, entry_of(fold, sent[1]))
    return is_protected(desk.journal.message(manifest.book, entry))


def settle_apart(desk: Desk, answers: Sequence[Answered]) -> None:
    """Write down answers whose step could not be: what a venue has said is kept, whoever writes the book now."""
    for answer in answers:
        one = answer.settlement
        with suppress(Error):  # why nothing can be written is said by who failed first
            desk.journal.settle(
                desk.manifest.book, one.key, one.state, one.answer, [answer.entry], one.offers, one.marks
            )


def rest(desk: Desk, now: int) -> None:
    """Nothing is going on: keep a snapshot, so that the next start folds little."""
    if is_snapshot_due(desk, 1):
        decide(desk, (), now, claim=False, at_rest=True)
