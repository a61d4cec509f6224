"""Processes of this machine, called by ourselves (`hands`).

What comes in: places, packed once and mapped by every worker.  What goes out: pieces as they are finished.
Why so: a pool of the library's kind imports for a worker what no cell needs, sends answers through a pipe that its worker
waits for, and breaks as a whole when one of it dies.  Here a worker has NumPy and this package, is called while the sweep is
still planned, and has its next piece before it has answered; what a dead one was at is sent again (see `foreman`).
"""

from __future__ import annotations

import os
import selectors
from collections import deque
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.sweep.executors.foreman import Foreman, Heard
from stratofold.research.sweep.executors.hands import Hand, call, give_back, not_started, taken
from stratofold.research.sweep.executors.packed import Packed
from stratofold.research.sweep.executors.scratch import Scratch, scratch
from stratofold.research.sweep.executors.work import Choice, Plan, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.place import Place

_SECONDS, _SECONDS_MIN = 5.0, 0.02  # a piece, at most and at least
_PIECES_A_WORKER = 16  # at least: one costs next to nothing here, and whoever is done first waits for less
_FALLS_MAX = (
    5  # processes that die while they start: somebody kills them, or there is no room; more, and none can start
)
_AHEAD = 2  # pieces that a worker is given, so that it has one while its answer is heard
_LAST = 2  # pieces a worker: of so few that are left nobody is given one ahead, whom another may have waited for


class Processes:
    """In `workers` processes of this machine (default: one a core)."""

    def __init__(self, execution: str, workers: Any = None) -> None:
        """Raises Setup SFS20 without cloudpickle, SFS21 for a number of workers that cannot be."""
        if find_spec("cloudpickle") is None:
            fix = "pip install 'stratofold[sweep]', or executor=\"inline\""
            raise Setup("SFS20", 'executor="processes" needs cloudpickle, which is not installed', fix=fix)
        self.workers = count_of(workers, os.cpu_count() or 1)
        self._choice = Choice(execution)

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """A few cells of each strategy first, which has its kernel made; the rest in pieces of some seconds."""
        if not work:
            return iter(())
        crew = _Crew(self.workers, self._choice.of(places, work))
        return Foreman(crew, places).run(work)


def call_ahead(workers: Any) -> None:
    """Have workers on their way for a sweep that is still to be planned; what is wrong is for `Processes` to say."""
    if workers is None or (isinstance(workers, int) and workers >= 1):
        call(workers or os.cpu_count() or 1)


def count_of(workers: Any, usual: int) -> int:
    """How many workers; raises Setup SFS21 for a number that cannot be."""
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise Setup("SFS21", f"workers={workers!r}", fix="a whole number from 1")
    return workers or usual


class _Crew:
    """See `foreman.Crew`."""

    shares_fate = True  # of a machine that has no memory left; and who dies here is known to have died

    def __init__(self, workers: int, execution: str) -> None:
        """Nobody is taken yet."""
        self.plan = Plan(workers, _SECONDS_MIN, _SECONDS, inf, _PIECES_A_WORKER)
        self._execution = execution
        self._pieces: dict[int, Work] = {}
        self._waiting: deque[int] = deque()
        self._hands: list[Hand] = []
        self._fell = 0  # how many could not even come since somebody was heard
        self._selector = selectors.DefaultSelector()
        self._scratch: Scratch | None = None
        self._packed: Packed | None = None

    def begin(self, places: Sequence[Place], work: Sequence[Work]) -> None:  # noqa: ARG002
        """Call whoever is to work; write what all places share.  What was begun is ended where that cannot be."""
        try:
            for hand in taken(self.plan.workers):
                self._engage(hand)
            self._scratch = scratch()
            self._packed = Packed(self._scratch.path, places)
        except BaseException:
            self.end()
            raise

    def found(self, work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:  # noqa: ARG002
        """Nothing: what processes here have finished is in the study."""
        return iter(())

    def under_way(self, work: Sequence[Work]) -> list[Work]:  # noqa: ARG002
        """Nothing: whom a killed driver has asked cannot be heard any more."""
        return []

    def await_(self, pieces: Mapping[int, Work]) -> None:
        """None is asked for, since nothing is under way."""

    def afford(self, pieces: int, seconds: float) -> None:
        """This machine's time has no price."""

    def send(self, pieces: Mapping[int, Work]) -> None:
        """Have pieces done by all workers; one alone, with nobody beside it, by one."""
        self._pieces.update(pieces)
        self._waiting.extend(pieces)
        self._feed()

    def _feed(self) -> None:
        """Give what waits to whoever has least, the first piece first."""
        for depth in range(_AHEAD):
            for hand in self._hands:
                few = len(self._waiting) <= _LAST * len(self._hands)
                if self._waiting and len(hand.given) <= depth and not (depth and few):
                    self._ask(hand, self._waiting.popleft())

    def _ask(self, hand: Hand, number: int) -> None:
        """Have one do a piece."""
        if self._packed is None:
            raise AssertionError("a piece before the beginning")
        hand.ask(number, self._packed.order(self._pieces[number], self._execution))

    def heard(self, seconds: float) -> Iterator[Heard]:
        """What is finished, and what a worker's death took along; whoever has answered has its next piece before it is told."""
        found = [each for key, _ in self._selector.select(seconds) for each in self._hear(key.data)]
        self._feed()
        yield from found

    def _hear(self, hand: Hand) -> Iterator[Heard]:
        """What one says; raises what was raised in it, and what `_replace` raises."""
        try:
            answer = hand.answer()
        except EOFError:
            yield from self._replace(hand)
            return
        if isinstance(answer, Exception):
            raise answer
        self._fell = 0
        if answer is not None:
            number = hand.given.popleft()
            del self._pieces[number]
            yield Heard(number, *answer)

    def _replace(self, hand: Hand) -> Iterator[Heard]:
        """One who has died was at the first of its pieces; the others are given to whoever is next.

        No cell is to blame where it could not even come; raises Stop SFS35 where nobody can.
        """
        self._dismiss(hand)
        numbers = list(hand.given)
        begun = numbers[: hand.is_there]
        self._waiting.extendleft(reversed(numbers[len(begun) :]))
        self._fell += not hand.is_there
        if self._fell > _FALLS_MAX:
            raise not_started(f"{self._fell} processes ended, one after another, before they had read what they need")
        self._engage(Hand())
        for number in begun:
            yield Heard(number, None)

    def _engage(self, hand: Hand) -> None:
        """Listen to one."""
        self._hands.append(hand)
        self._selector.register(hand.heard, selectors.EVENT_READ, hand)

    def _dismiss(self, hand: Hand) -> None:
        """One is no more."""
        self._selector.unregister(hand.heard)
        self._hands.remove(hand)
        hand.end()

    def end(self) -> None:
        """Whoever is still at something is stopped; what was packed is taken away."""
        self._selector.close()
        give_back(self._hands)
        if self._scratch is not None:
            self._scratch.end()
