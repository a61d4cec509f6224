"""What a book takes along when it moves from one store to another, beside its records, messages and controls.

What comes in: nothing; this is a shape.  What goes out: the same shape from either store.
Why it is shaped so: the port has no question for these, because nobody but a move asks them; each store answers in its own file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stratofold.adapters.account import Reservation
    from stratofold.adapters.nouns import Offer

SOURCES = ("venue", "operator", "signal", "watch")  # of what an inbox takes in


class Luggage(NamedTuple):
    """Small facts by name, identities that were seen as (source, identity), reservations by client id, all that waits to be heard."""

    marks: dict[str, str]
    seen: list[tuple[str, str]]
    reserved: dict[str, Reservation]
    waiting: list[Offer]
