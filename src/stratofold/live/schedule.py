"""A strategy's schedule carried into other code: which of its entries is which.

What comes in: the entries as they were and as they are, how far each was heard.  What goes out: how far each is heard now.
Why it is shaped so: timers name their entry by its place, and other code may have more entries, or others in their places.
An entry that is new was never heard: as if it had been, it begins where the book is, since all that it would have had since
the book was opened would come at once, each with its orders.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.strategy import Schedule


def places_of(was: Sequence[Schedule], now: Sequence[Schedule]) -> list[int]:
    """Of each entry of `now` its place in `was`; -1 for one that was not there.  Of equal ones each is taken once."""
    left: list[Schedule | None] = list(was)
    places = []
    for entry in now:
        places.append(left.index(entry) if entry in left else -1)
        if places[-1] >= 0:
            left[places[-1]] = None
    return places


def heard_until(heard: array[int], places: Sequence[int], time: int) -> array[int]:
    """How far (ns UTC) the entries at `places` were heard; those that were not there, up to `time`."""
    return array("q", [heard[place] if place >= 0 else time for place in places])


def numbers_of(was: Sequence[Schedule], now: Sequence[Schedule]) -> dict[int, int]:
    """The place in `now` of each place in `was` whose entry is still there."""
    return {place: number for number, place in enumerate(places_of(was, now)) if place >= 0}
