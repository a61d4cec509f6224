"""How far a book has heard: what comes again, or too late, is not heard.

What comes in: events that were heard, and one that may be.  What goes out: whether it is news.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from stratofold.events import SPLIT, Action, Bar, Timer

if TYPE_CHECKING:
    from stratofold.events import Event

ACTION_KINDS = 9


class Progress:
    """How far each source has been heard, ns UTC: bars by symbol, actions by kind and symbol, timers by schedule entry."""

    __slots__ = ("action_until", "bar_until", "timer_until")

    def __init__(self, symbol_count: int, schedule_count: int) -> None:
        """Nothing was heard."""
        self.bar_until: array[int] = array("q", [0]) * symbol_count
        self.action_until: array[int] = array("q", [0]) * (symbol_count * ACTION_KINDS)
        self.timer_until: array[int] = array("q", [0]) * schedule_count

    def is_new(self, event: Event) -> bool:
        """Whether a market event or a timer was not heard before: a source is heard forward only."""
        if isinstance(event, Bar):  # one from before a split that was heard counts in units that are no more
            split = self.action_until[event.symbol * ACTION_KINDS + SPLIT]
            return event.time > self.bar_until[event.symbol] and event.time >= split
        if isinstance(event, Action) and event.symbol >= 0:
            return event.time > self.action_until[event.symbol * ACTION_KINDS + event.kind]
        if isinstance(event, Timer) and event.schedule >= 0:
            return event.time > self.timer_until[event.schedule]
        return True

    def note(self, event: Event) -> None:
        """An event was heard."""
        if isinstance(event, Bar):
            self.bar_until[event.symbol] = event.time
        elif isinstance(event, Action) and event.symbol >= 0:
            self.action_until[event.symbol * ACTION_KINDS + event.kind] = event.time
        elif isinstance(event, Timer) and event.schedule >= 0:
            self.timer_until[event.schedule] = event.time
