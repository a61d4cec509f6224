"""Queue models: how much stands before an order of ours at its price, where depth shows how much there is.

What comes in: what a level shows when an order joins it, what trades there, how what is shown changes.  What goes out:
the quantity that must trade before the order does.
Why so: depth by price does not say who cancels.  Each model is one guess; a run states its own, and two of them bound
the truth.  All are one class of numbers, so that one kernel serves every model.
"""

from math import inf
from typing import ClassVar

from stratofold.errors import Setup

_THROUGH, _BACK, _PROPORTIONAL, _SQUARED, _FRONT = range(5)


class Queue:
    """A queue model as a number; the named ones below say what each is.

    Ignores: hidden and iceberg quantity, orders that are pegged, a venue that does not trade in order of time.
    """

    __slots__ = ("kind",)

    KIND: ClassVar[int] = _BACK

    def __init__(self) -> None:
        """The model of this class."""
        self.kind: int = self.KIND

    def joined(self, shown: float, is_known: bool) -> float:
        """What stands before an order that joins a level showing `shown`; inf: no trade at its price ever reaches it."""
        if self.kind == _FRONT:
            return 0.0
        if self.kind == _THROUGH or not is_known:
            return inf
        return shown

    def moved(self, ahead: float, before: float, after: float, traded: float) -> float:
        """What stands before an order when its level goes from `before` to `after`, of which trades explain `traded`."""
        if ahead == inf or ahead == 0.0:
            return ahead
        gone = before - traded - after
        if gone > 0.0 and self.kind >= _PROPORTIONAL:
            ahead -= gone * self._share(ahead, max(before - traded - ahead, 0.0))
        return max(min(ahead, after), 0.0)

    def _share(self, ahead: float, behind: float) -> float:
        """Which part of what was cancelled stood ahead."""
        if not ahead > 0.0:
            return 0.0
        if self.kind == _SQUARED:
            return ahead * ahead / (ahead * ahead + behind * behind)
        return ahead / (ahead + behind)


class Through(Queue):
    """Filled only when the market trades, or is offered, beyond the price: trades at it never reach us.

    Ignores: every fill that a place in the queue would have brought.
    """

    __slots__ = ()
    KIND = _THROUGH


class Back(Queue):
    """Behind all that was shown; whoever cancels stood behind us, until no more than what is shown can be ahead.

    Ignores: cancellations ahead of us, so fills come late.
    """

    __slots__ = ()
    KIND = _BACK


class Proportional(Queue):
    """Behind all that was shown; what is cancelled stood ahead of us in proportion to what is ahead.

    Ignores: that those who came late, behind us, cancel more often than those in front.
    """

    __slots__ = ()
    KIND = _PROPORTIONAL


class Squared(Queue):
    """As `Proportional`, with the squares of what is ahead and behind: the longer part cancels more than its share.

    Ignores: who cancels when both parts are alike; nothing but the lengths of the two decides.
    """

    __slots__ = ()
    KIND = _SQUARED


class Front(Queue):
    """Nobody stands before us: each trade at the price is ours, up to its size.

    Ignores: everyone who was there first, so fills are the most that can be.
    """

    __slots__ = ()
    KIND = _FRONT


QUEUES: dict[str, type[Queue]] = {
    "through": Through, "back": Back, "proportional": Proportional, "squared": Squared, "front": Front,
}  # fmt: skip


def queue_of(name: str) -> Queue:
    """The model called `name` as plain numbers; raises Setup SF969 for a name that is none."""
    if name not in QUEUES:
        raise Setup("SF969", f"the queue model {name!r} is none", fix=f"use one of {', '.join(QUEUES)}")
    queue = Queue()
    queue.kind = QUEUES[name].KIND
    return queue


def ignores(name: str) -> str:
    """What a model says that it ignores."""
    return (QUEUES[name].__doc__ or "").partition("Ignores: ")[2].strip().rstrip(".")
