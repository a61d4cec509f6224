"""What cannot be heard: a line that says nothing, and an event on which the strategy raises.

What comes in: the line, or the event and its error.  What goes out: the payload in the dead letters, a `dead` record, and
a book that only reduces until a person has looked.
Why it is shaped so: a poisoned event raises every time, so trying again only keeps the rest waiting; it is set aside at
once, with everything needed to send it again.  The book goes on being told what the world does, because positions must
stay true, but a strategy that has missed something opens nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stratofold.cloud.market import KINDS, Told, identity_of, line_of
from stratofold.cloud.place import say
from stratofold.events import Timer
from stratofold.live.hold import hold_poisoned
from stratofold.live.poison import bury, set_aside

if TYPE_CHECKING:
    from stratofold.cloud.place import Place
    from stratofold.cloud.seat import Seat
    from stratofold.errors import Setup
    from stratofold.events import Event
    from stratofold.live.decide import PoisonedError


def bury_line(place: Place, line: str, error: Setup) -> None:
    """A line that is none goes to the dead letters, as it came."""
    place.dead.put(place.book, [json.dumps({"line": line, "why": str(error)})])
    say(dead="line", why=error.code)


def bury_event(place: Place, seat: Seat, poisoned: PoisonedError) -> str:
    """Set aside what a strategy raised on, on a fresh seat; returns the name by which the seat passes it over.

    The dead letter comes first: if we die in between it is there twice, and never not at all.
    """
    desk, event = seat.desk, poisoned.heard.event
    book, now = desk.manifest.book, seat.clock.now()
    name = name_of(seat, event)
    place.dead.put(book, [json.dumps({"line": _payload(seat, event), "why": str(poisoned), "book": book})])
    if poisoned.heard.inbox:  # a fact stays: the fold hears it without the strategy
        bury(desk, poisoned, now, at_once=True)
    elif desk.journal.mark(book, f"dead:{name}") is None:
        set_aside(desk, poisoned, now)
        desk.journal.mark(book, f"dead:{name}", str(now))
    hold_poisoned(desk, str(poisoned), now)
    say(dead="event", book=book, why=type(poisoned.error).__name__)
    return name


def name_of(seat: Seat, event: Event) -> str:
    """What an event is known by when it is passed over."""
    if isinstance(event, Timer):
        return f"timer {event.schedule} {event.time}"
    if type(event) in KINDS.values():
        return identity_of(_told(seat, event))
    return f"{type(event).__name__} {event.time}"


def _told(seat: Seat, event: Event) -> Told:
    """An event of the market as a line tells it."""
    handle = getattr(event, "symbol", -1)
    symbol = seat.desk.fold.names[handle] if handle >= 0 else ""
    return Told(seat.desk.manifest.book, symbol, event.time, event)


def _payload(seat: Seat, event: Event) -> str:
    """The line of an event, or what it is where no line can say it."""
    if type(event) in KINDS.values():
        told = _told(seat, event)
        return line_of(told.book, told.symbol, event)
    return name_of(seat, event)
