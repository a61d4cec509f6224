"""An event that a book cannot hear, and how the book goes on without it.

What comes in: an event on which the fold raised, most often because the strategy did.  What goes out: a `dead` record with
the event and the error, and from the third try on an event that the strategy is spared.
Why it is shaped so: the event comes again at each start, for its source is asked again and a fact stays in the inbox, so
that mended code hears it.  Code that is not mended must not keep a position from being looked after for ever: then the
fold hears it, and what comes after, without the strategy (prices, fills, money and protective orders are right), the book
reduces only until a person releases it, and says so.  What the fold itself cannot hear is left out; `reconcile` shows what
that has cost.  That an event was spared stands in the event, so a replay spares it too.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from stratofold.events import COMMAND_RESUME, LEFT_OUT, UNHEARD, Command
from stratofold.wire import event_row, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.ports import Journal
    from stratofold.events import Event
    from stratofold.live.decide import Heard, PoisonedError
    from stratofold.live.desk import Desk

POISON_MARK = "poison"  # the event that was not heard, the code that did not hear it, and how often
TRIES_MAX = 3
_HEARD_ALONE = "was heard without the strategy, which hears nothing until the book is released or its code is mended"
_KNOWN, _SOURCE = 2, 3  # where an event's row has when it was known and where it came from: others at each try


class Poison(NamedTuple):
    """An event, as its hash, the code that raised on it, and how often it was tried."""

    event: str
    code: str
    tries: int


def known_poison(journal: Journal, book: str) -> Poison | None:
    """The event that a book could not hear when it ran last."""
    text = journal.mark(book, POISON_MARK)
    if not text:
        return None
    event, code, tries = text.split(" ")
    return Poison(event, code, int(tries))


def bury(desk: Desk, poisoned: PoisonedError, now: int, *, at_once: bool = False) -> int:
    """Write down what was not heard, and why; returns how often it was tried now (`at_once`: as often as it ever is)."""
    event, code = hash_of(poisoned.heard.event), desk.manifest.code
    tries = _tries(desk.poison, event, code)
    if at_once:
        tries = max(tries, TRIES_MAX)
    _write(desk, poisoned, now, tries, {POISON_MARK: f"{event} {code} {tries}"})
    return tries


def set_aside(desk: Desk, poisoned: PoisonedError, now: int) -> None:
    """Write down what was not heard, where somebody else sees to it that it is passed over."""
    _write(desk, poisoned, now, 1, {})


def _write(desk: Desk, poisoned: PoisonedError, now: int, tries: int, marks: dict[str, str]) -> None:
    """The record of an event that was not heard."""
    body = {
        "event": event_row(poisoned.heard.event), "error": str(poisoned), "kind": type(poisoned.error).__name__,
        "tries": tries,
    }  # fmt: skip
    desk.head, _ = desk.journal.append(
        desk.manifest.book, desk.head.epoch, desk.head.step, [desk.entry("dead", body, "decide", now)], marks=marks
    )


def _tries(before: Poison | None, event: str, code: str) -> int:
    """How often an event was tried; one that failed while the strategy heard nothing needs no more tries."""
    if before is None or before.code != code:
        return 1
    if before.event == event:
        return before.tries + 1
    return TRIES_MAX + 1 if before.tries >= TRIES_MAX else 1


def spare(desk: Desk, event: Event) -> None:
    """Once an event was tried often enough the strategy hears none, until the book is released or the code is another.

    An event that the fold cannot hear even so is left out.
    """
    poison = desk.poison
    if poison is None or poison.tries < TRIES_MAX or poison.code != desk.manifest.code or _is_release(event):
        return
    event.source = LEFT_OUT if poison.tries > TRIES_MAX and poison.event == hash_of(event) else UNHEARD


def _is_release(event: Event) -> bool:
    """Whether a person has let the book go on."""
    return isinstance(event, Command) and event.kind == COMMAND_RESUME and event.symbol < 0


def spared(desk: Desk, heard: Sequence[Heard]) -> dict[str, str]:
    """What the append marks in which the poison is over with, because a person has let the book go on; else nothing."""
    return {POISON_MARK: ""} if desk.poison is not None and any(_is_release(one.event) for one in heard) else {}


def told_spared(desk: Desk, heard: Sequence[Heard]) -> list[str]:
    """After that append: a sentence for the event that was tried so often."""
    poison, events = desk.poison, [one.event for one in heard]
    if poison is None:
        return []
    if any(_is_release(event) for event in events):
        desk.poison = None
    return [
        f"a {type(event).__name__.lower()} was tried {TRIES_MAX} times and "
        + (_HEARD_ALONE if event.source == UNHEARD else "could not be heard at all: it is left out")
        for event in events
        if is_spared(event) and hash_of(event) == poison.event
    ]


def is_spared(event: Event) -> bool:
    """Whether the strategy did not hear an event that its book has."""
    return event.source in (UNHEARD, LEFT_OUT)


def hash_of(event: Event) -> str:
    """What is the same each time an event comes."""
    row = list(event_row(event))
    row[_KNOWN] = row[_SOURCE] = 0
    return sha256(pack(row)).hexdigest()
