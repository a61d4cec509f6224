"""`foresight`: what the next timer leads to, worked out while nothing happens.

What comes in: a desk whose book is quiet, and the timer that is due next.  What goes out: the timer's step with its
messages, ready to be written down, in `desk.foreseen`; it holds as long as nothing else is heard.
Why it is shaped so: a timer is the one event that is known before it comes, all of it, and it waits for late bars; so its
fold need not stand between it and the bytes of its orders.  It is folded on a copy, with the state that a restart would
find; the book's own fold hears it when the bytes have left, and must come to the same (`decide.catch_up`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stratofold.live.decide import messages_of
from stratofold.live.manifest import build_fold
from stratofold.live.risk.guard import Guard
from stratofold.live.steps import step_body
from stratofold.live.words import request_body
from stratofold.wire import event_of, event_row, pack

if TYPE_CHECKING:
    from typing import Any

    from stratofold.adapters.ports import Message
    from stratofold.events import Event, Timer
    from stratofold.live.desk import Desk
    from stratofold.live.fold import Fold, Step


class Foreseen(Struct, frozen=True):
    """What the event of `row` leads to in a fold of so many `steps`; `body` and `request` are its records' decision parts."""

    steps: int
    row: list[Any]
    step: Step
    messages: list[Message]
    body: bytes
    request: bytes

    def is_of(self, fold: Fold, event: Event) -> bool:
        """Whether it was this event that was foreseen, in the state that the fold is in."""
        return fold.steps == self.steps and event_row(event) == self.row


class Foresight:
    """Looks ahead for one desk, once for each state of its fold."""

    def __init__(self, desk: Desk) -> None:
        """Nothing was foreseen; the copy is made when there is something to see."""
        self.desk = desk
        self._copy: Fold | None = None
        self._seen: tuple[int, list[Any]] | None = None

    def look(self, timer: Timer | None, now: int) -> None:
        """Foresee `timer`, if it is due at `now` (ns UTC) and the bars of its time have come; only a step that sends counts.

        What cannot be folded is left to the fold itself, which says why.
        """
        fold = self.desk.fold
        if timer is None or timer.time > now or (isinstance(fold.guard, Guard) and fold.guard.moment.pending):
            return
        row = event_row(timer)
        if self._seen == (fold.steps, row) or self.desk.poison is not None:
            return
        self._seen = fold.steps, row
        self.desk.foreseen = self._fold(row)

    def _fold(self, row: list[Any]) -> Foreseen | None:
        """The step of an event on the copy; None where it sends nothing, or fails."""
        desk, event = self.desk, event_of(row)
        steps = desk.fold.steps
        copy = self._copy = self._copy or build_fold(desk.manifest, desk.strategy, desk.artifacts)
        try:
            copy.copy(desk.fold)
            step = copy.hear(event)
            messages = messages_of(desk, copy, step)
        except Exception:  # noqa: BLE001  whatever a strategy raises: it is raised again where it is heard
            self._copy = None
            return None
        if not messages:
            return None
        return Foreseen(steps, row, step, messages, pack(step_body(event, step)), request_body(messages))
