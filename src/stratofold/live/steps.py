"""A step as it is written down, and folded again.

What comes in: an event and what it led to; or a record.  What goes out: the decision part of a record; or the step again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.errors import Stop
from stratofold.wire import event_of, event_row, pack, unpack

if TYPE_CHECKING:
    from stratofold.adapters.ports import Record
    from stratofold.events import Event
    from stratofold.live.fold import Fold, Step


def step_body(event: Event, step: Step) -> list[Any]:
    """The decision part of one step: the event, what it led to, and the next order number."""
    return [
        event_row(event),
        step.messages,
        step.refusals,
        step.fills,
        step.orders,
        step.trades,
        step.sessions,
        step.breaches,
        step.next_number,
    ]


def event_in(body: bytes) -> Event:
    """The event in the body of an `event` record."""
    return event_of(unpack(body)[0])


def fold_record(fold: Fold, record: Record) -> Step | None:
    """Fold one record again; None for a kind that folds nothing."""
    if record.kind == "event":
        return fold.hear(event_in(record.body))
    if record.kind == "warmed":
        fold.warm(warming=unpack(record.body)["warming"])
    return None


def fold_as_written(fold: Fold, record: Record, book: str) -> None:
    """Fold one record of another release again; raises Stop SF849 where this one decides otherwise than was written.

    Its orders are at the venue under numbers that this release would give to others: it must not go on from here.
    """
    if record.kind != "event":
        fold_record(fold, record)
        return
    event = event_in(record.body)
    if pack(step_body(event, fold.hear(event))) == record.body:
        return
    version = unpack(record.envelope).get("version", "of before") if record.envelope else "of before"
    raise Stop(
        "SF849", f"book {book} can not be carried over: step {fold.steps:,} is decided otherwise by this release",
        place=f"record {record.sequence:,}, written by version {version}",
        why="no state is left that this release reads, and to fold the records again gives other orders than were sent (of a strategy "
        "that decides by more than what it hears, any release's: stratofold check)",
        fix="run it with the release that wrote it; to change releases, let it end flat there and open another: --book NAME",
    )  # fmt: skip
