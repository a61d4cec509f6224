"""A step as it is written down, and folded again.

What comes in: an event and what it led to; or a record.  What goes out: the decision part of a record; or the step again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.errors import Error, Stop
from stratofold.wire import event_of, event_row, pack, unpack

if TYPE_CHECKING:
    from stratofold.adapters.ports import Record
    from stratofold.events import Event
    from stratofold.live.fold import Fold, Step


class OtherwiseError(Stop):
    """A step is decided otherwise than it is written down: which, and the sequence of its record."""

    def __init__(self, code: str, what: str, *, place: str, why: str, fix: str, step: int, sequence: int) -> None:
        """Keep where it is beside the sentence: up to there the book can be looked at."""
        super().__init__(code, what, place=place, why=why, fix=fix)
        self.step = step
        self.sequence = sequence


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


def is_as_written(event: Event, step: Step, body: bytes) -> bool:
    """Whether a step is the one written down, to the last bit; a NaN is a NaN.

    Which sign a NaN has depends on the processor and on how warm Python is (`fold.state`), so where the bytes differ the
    values are compared as they are shown: every other number is shown as no other is.
    """
    again = pack(step_body(event, step))
    return again == body or repr(unpack(again)) == repr(unpack(body))


def fold_as_written(fold: Fold, record: Record, book: str) -> None:
    """Fold one record again that others may have written; raises Stop SF849 where it is decided otherwise than it says, or not at all.

    Its orders are at the venue under numbers that this fold would give to others: nobody must go on from here.
    """
    if record.kind != "event":
        fold_record(fold, record)
        return
    event, number = event_in(record.body), fold.steps + 1
    try:
        step = fold.hear(event)
    except Error:
        raise
    except Exception as error:  # whatever a strategy raises: it did not when this was written
        raise _otherwise(record, book, number, f"it raises {type(error).__name__}: {error}; ") from error
    if not is_as_written(event, step, record.body):
        raise _otherwise(record, book, number)


def _otherwise(record: Record, book: str, number: int, what: str = "") -> OtherwiseError:
    """The error for a step that is not decided as its record says; `what` it does instead."""
    version = unpack(record.envelope).get("version", "of before") if record.envelope else "of before"
    return OtherwiseError(
        "SF849", f"book {book} can not go on: step {number:,} is decided otherwise than it is written down",
        place=f"record {record.sequence:,}, written by version {version}",
        why=f"{what}its orders were sent as they are written; another release, other code that the strategy imports, or a strategy that "
        "decides by more than what it hears (stratofold check) gives others",
        fix="run it with the release and the code that wrote it, until it rests (from the snapshot of that others go on that lay states "
        "out alike) or ends flat; or open another: --book NAME",
        step=number, sequence=record.sequence,
    )  # fmt: skip
