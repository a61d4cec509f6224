"""What is asked of some cells of a sweep, and what they came to.

What comes in: which part of its events a cell hears.  What goes out: columns of statistics, errors, states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Leg(NamedTuple):
    """Which part of its events a cell hears: from a state to the end, or to an event at which it is only kept.

    `begun` are the states to go on from, one a cell (empty ones, or none at all: from the beginning); `keep` is the
    number of events after which a cell's state is kept (0: never); one that does not `end` has no statistics.
    Events are those of the feed: bars, and what stands between them.
    """

    begun: tuple[bytes, ...] = ()
    keep: int = 0
    ends: bool = True

    def cut(self, first: int, last: int) -> Leg:
        """The leg of some of its cells."""
        return self._replace(begun=self.begun[first:last])


WHOLE = Leg()


@dataclass
class Cells:
    """What some cells came to: a column for each statistic, and beside it why a cell has failed (empty: it has not).

    `states` say where each cell stood when it was asked for (`Leg.keep`); an empty one is none, and is of a cell that
    neither machine code nor the interpreter has carried to there: it begins anew.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    notice: str = ""
    states: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """How many cells."""
        return len(self.errors)
