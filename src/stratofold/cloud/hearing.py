"""Hearing a batch: what a lost race, another holder, and a strategy that raises mean for who sent it.

What comes in: parts of a batch, each with the name under which it comes again.  What goes out: appends, and those names.
Why it is shaped so: a part is done when it is written down, and hearing it again is nothing; so after whatever goes wrong
the seat is thrown away and everything is heard again on a fresh one.  The time that is left is looked at before each append:
a function that AWS ends in its midst loses nothing, but its batch would come again only when its queue thinks it dead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from stratofold.adapters.clock import StandingClock
from stratofold.cloud.market import line_told
from stratofold.cloud.place import say
from stratofold.cloud.seat import SNAPSHOT_STEPS, LateError, Seat, take_seat
from stratofold.cloud.unread import bury_event, bury_line
from stratofold.errors import Error, Retry, Setup, Stop
from stratofold.live.decide import PoisonedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.cloud.market import Told
    from stratofold.cloud.place import Place

RACES_MAX = 12
PAUSE_SECONDS_MAX = 0.2
PART_MS = 3_000  # with less time than this no further part is begun
APPEND_MS = 2_000  # and with less than this nothing is appended any more


class Part(NamedTuple):
    """A part of a batch: its name there, and what it tells; nothing where a book's inbox has something."""

    name: str
    told: list[Told]


def hear(place: Place, book: str, parts: Sequence[Part], remaining_ms: Callable[[], int]) -> list[str]:
    """Hear the parts of one book; returns the names of those that must come again.

    What comes for a book that a laptop holds is done: it has its own feed, and the inbox waits for it.
    """
    barred: set[str] = set()
    for attempt in range(RACES_MAX):
        try:
            return _heard(place, seat_of(place, book), parts, barred, remaining_ms)
        except Retry as lost:  # somebody else has written this book meanwhile
            say(verb="decide", book=book, lost=lost.code, attempt=attempt)
            pause(attempt)
        except PoisonedError as poisoned:
            barred.add(bury_event(place, seat_of(place, book), poisoned))
        except Setup as missing:
            if missing.code != "SF805":
                raise
            for one in (told for part in parts for told in part.told):
                bury_line(place, line_told(one), missing)
            return []  # there is no such book, and there will be none by trying again
        except Stop as stop:
            say(verb="decide", book=book, stopped=stop.code)
            if stop.code == "SF881":
                return []
            if stop.code != "SF801":  # somebody took the book: who has it now is read from its head
                raise
    return [part.name for part in parts]


def pause(attempt: int) -> None:
    """Wait a little, by chance, so that those who collided part."""
    from random import random  # it loads more than a batch that nobody disturbs needs

    time.sleep(PAUSE_SECONDS_MAX * random() * attempt / RACES_MAX)  # noqa: S311


def _heard(
    place: Place, seat: Seat, parts: Sequence[Part], barred: set[str], remaining_ms: Callable[[], int]
) -> list[str]:
    """Hear one part after another while there is time; the names of those for which there was none, or not enough.

    Whatever is raised, the seat has taken in what is not written down, and would pass it over when it comes again: it is left.
    """
    seat.barred, seat.in_time = barred, lambda: remaining_ms() > APPEND_MS
    ends: list[int] = []  # how often everything had been written down when a part was at its end
    try:
        while len(ends) < len(parts) and remaining_ms() > PART_MS:
            seat.take(parts[len(ends)].told)
            ends.append(seat.pumped)
        seat.pump()
        written = len(ends)
    except LateError:
        written = sum(end < seat.pumped for end in ends)
        leave(place, seat.desk.manifest.book)
        say(verb="decide", book=seat.desk.manifest.book, late=len(parts) - written)
    except BaseException:
        leave(place, seat.desk.manifest.book)
        raise
    finally:
        _count_refused(place, seat)
    return [one.name for one in parts[written:]]


def _count_refused(place: Place, seat: Seat) -> None:
    """What graphs, alarms and the log are told of orders that limits refused."""
    if seat.refused:
        place.metrics.add("orders_refused", len(seat.refused))
        say(verb="decide", book=seat.desk.manifest.book, refused=seat.refused)
        seat.refused = []


def seat_of(place: Place, book: str) -> Seat:
    """The seat of a book in this environment, taken when there is none."""
    seat = place.seats.get(book)
    if seat is None:
        clock = StandingClock() if place.replays else place.clock
        # A state in the cache costs next to nothing, so one is left there with every append.
        every = SNAPSHOT_STEPS if place.hot is None else 1
        seat = take_seat(place.journal, book, place.strategy, place.holder, clock, place.region, every)
        place.seats[book] = seat
    return seat


def leave(place: Place, book: str) -> None:
    """Forget a seat: it knows what is not written down, or not what is."""
    place.seats.pop(book, None)


def warm(place: Place) -> bool:
    """Take the seat of the stack's book before it is needed, writing nothing; whether there was one to take."""
    try:
        seat_of(place, place.book)
    except Error as error:
        say(verb="decide", warm=error.code)
        return False
    return True
