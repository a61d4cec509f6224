"""What every journal holds to, whatever it is kept in: names, states, which snapshots stay, and the words of a refusal.

What comes in: names, heads, messages.  What goes out: the answer, or the error that says so.
Why it is shaped so: the journals differ in how they keep things and in nothing else; a rule that stood in each of them
would in time be two rules.
"""

from __future__ import annotations

import re

from msgspec import structs

from stratofold.adapters.nouns import ACCEPTED, CLAIMED, DROPPED, REJECTED, UNKNOWN, Head, Message
from stratofold.errors import Bug, Error, Retry, Setup, Stop

# From which states an answer may bring a message to a state; a dropped one is settled when its refusal was reported.
BEFORE = {
    ACCEPTED: (CLAIMED, UNKNOWN),
    REJECTED: (CLAIMED, UNKNOWN, DROPPED),
    UNKNOWN: (CLAIMED,),
}

# Snapshots are a cache of the fold: the last eight thousand steps keep each, and older ones are thinned (`is_kept`).
SNAPSHOT_STEPS = 1_000

_NAME = re.compile(r"[A-Za-z0-9]{1,12}")
_GENERATION = re.compile(r"[A-Za-z0-9]{1,8}")


def check_names(book: str, generation: str) -> None:
    """Refuse a name that could not stand in a client id, with Setup SF809 (docs/live.md, identities)."""
    if _NAME.fullmatch(book) and _GENERATION.fullmatch(generation):
        return
    raise Setup(
        "SF809",
        f"book {book!r}, generation {generation!r}: not both can stand in an order's id",
        why="ids are <book>-<generation>-<number>, and venues take letters, digits and at most 36 characters",
        fix="use 1 to 12 letters and digits for the book, 1 to 8 for the generation",
    )


def is_kept(step: int, newest: int) -> bool:
    """Whether a snapshot of `step` stays: twice as old, half as many, so that a long book has some forty.

    Which ones stay depends on their own place alone, so that thinning again and again keeps the same.
    """
    place, age = step // SNAPSHOT_STEPS, newest // SNAPSHOT_STEPS - step // SNAPSHOT_STEPS
    return age < 8 or place % (1 << (age.bit_length() - 3)) == 0


def settled(message: Message, state: str, epoch: int, answer: str) -> Message:
    """The same message in another state."""
    return structs.replace(message, state=state, epoch=epoch, answer=answer)


def refuse(head: Head, epoch: int, step: int | None) -> None:
    """Refuse a writer that is fenced with Stop SF801, and one that is late with Retry SF802."""
    if head.epoch != epoch:
        raise Stop(
            "SF801",
            f"book {head.book} has another writer now (epoch {head.epoch}, ours was {epoch})",
            why="a book has one writer, and a newer process has taken it",
            fix="leave the newer process running, or stop it before you start this one again",
        )
    if step is not None and head.step != step:
        raise Retry(
            "SF802",
            f"book {head.book} is at step {head.step}, and this append was for step {step}",
            why="somebody else has appended",
            fix="load the book again",
        )


def was_there(book: str, account: str, generation: str) -> Error:
    """The error for a book, or a generation, that was used before."""
    return Setup(
        "SF804",
        f"there is a book {book}, or generation {generation} was used on account {account} before",
        why="its order ids are known to the venue, and would mean two things",
        fix="choose another name and a generation that was never used",
    )


def is_missing(book: str, place: str) -> Error:
    """The error for a book that is not there."""
    return Setup(
        "SF805",
        f"there is no book {book}",
        place=place,
        fix="give the name of a book that is there (`stratofold status` lists them), or create it",
    )


def was_handled(number: int) -> Error:
    """The error for a place of the inbox that holds nothing any more."""
    return Retry(
        "SF802",
        f"number {number} of the inbox was handled before",
        why="another writer has folded it",
        fix="load the book again",
    )


def was_written(key: str) -> Error:
    """The error for a message's key that is used a second time."""
    return Bug(
        "SF810",
        f"message {key} was written before",
        why="a key names one message for ever; two decisions have made the same",
        fix="keep the journal and report it",
    )


def was_never_written(book: str, key: str) -> Error:
    """The error for an answer to a message that is not there."""
    return Bug("SF815", f"there is no message {key} in book {book}", fix="keep the journal and report it")
