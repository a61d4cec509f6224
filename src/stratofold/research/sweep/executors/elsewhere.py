"""A crew of workers elsewhere: parcels and orders go to a shelf, a sender has the orders done, answers are found on the shelf.

What comes in: pieces of work.  What goes out: what came of them.
Why so: engines differ in how a function is called and in nothing else.  Answers are looked for on the shelf, not in what
an engine returns, so a driver that was killed finds them when it comes again, and an engine that forgets one loses nothing.
What was sent is noted on the shelf too: what a killed driver's workers are still at is waited for and not paid twice.
One crew serves all rounds of a sampler: a parcel is packed once, and an answer read once.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from stratofold.errors import Setup
from stratofold.research.sweep.executors.foreman import Heard
from stratofold.research.sweep.executors.left import ANSWERS, Left
from stratofold.research.sweep.executors.parcel import packed
from stratofold.research.sweep.executors.shelf import ship
from stratofold.research.sweep.executors.worker import list_of, program_hash, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors.money import Purse
    from stratofold.research.sweep.executors.shelf import Shelf
    from stratofold.research.sweep.executors.work import Plan, Work
    from stratofold.research.sweep.executors.worker import Answer
    from stratofold.research.sweep.place import Place

Order = dict[str, Any]

_ASIDE = "aside"
_READERS = 16
_LOOK_SECONDS, _LOOK_SECONDS_MAX = 0.1, 1.0
_DIGITS = 32


class Sender(Protocol):
    """Has orders done by an engine."""

    def start(self, orders: Sequence[Order]) -> None:
        """Begin; it is not waited for."""

    def ended(self) -> set[str]:
        """The goals of orders at which nobody works any more, whatever came of them, since the last call."""

    def stop(self) -> None:
        """Nothing more is wanted; what still runs may be stopped."""


class Elsewhere:
    """See `foreman.Crew`."""

    shares_fate = False

    def __init__(
        self,
        shelf: Shelf,
        sender: Sender,
        plan: Plan,
        execution: str,
        target: str,
        purse: Purse,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """`target` is the processor of the workers, as `freeze` names it."""
        self.plan = plan
        self._shelf = shelf
        self._sender = sender
        self._execution = execution
        self._target = target
        self._purse = purse
        self._progress = progress
        self._places: Sequence[Place] = ()
        self._parcels: dict[str, str] = {}  # by the places' hashes
        self._crowd = self._run = ""
        self._goals: dict[str, int] = {}
        self._sent: dict[str, list[float]] = {}  # when each order was sent that nothing was heard of, and its copies
        self.notices: set[str] = set()
        self._readers = ThreadPoolExecutor(_READERS)
        self._left = Left(shelf, self._readers)

    def begin(self, places: Sequence[Place], work: Sequence[Work]) -> None:
        """Know what is wanted; nothing is shipped before something has to be computed."""
        self._places = places
        self._crowd = sha256("\n".join(sorted(places[whole.place].hash for whole in work)).encode()).hexdigest()[
            :_DIGITS
        ]
        self._run = f"{time.time_ns():016x}"
        self._goals.clear()
        self._sent.clear()
        self._left.look(self._crowd, time.time_ns() - int(self.plan.limit_seconds * 1e9))

    def found(self, work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """What was done already, each cell once; what a killed driver was to pay is paid."""
        for whole in work:
            for piece, cells, seconds in self._left.of(self._places[whole.place], whole):
                if seconds is not None:
                    self._purse.pay(1, seconds)
                yield piece, cells

    def under_way(self, work: Sequence[Work]) -> list[Work]:
        """What a killed driver has sent, and its workers may be at."""
        return [piece for whole in work for piece in self._left.under_way(self._places[whole.place], whole)]

    def await_(self, pieces: Mapping[int, Work]) -> None:
        """Hear of pieces that somebody else has sent."""
        for number, piece in pieces.items():
            self._note(self._name(piece, list_of(piece)), number)

    def afford(self, pieces: int, seconds: float) -> None:
        """See `money.Purse`."""
        self._purse.afford(pieces, seconds)

    def send(self, pieces: Mapping[int, Work]) -> None:
        """Ship what is not there yet, then the orders; that they are under way is noted where the next driver finds it."""
        lists = {number: list_of(piece) for number, piece in pieces.items()}
        sets = ship(self._shelf, b"".join(lists.values()))
        orders, at = [], 0
        for number, piece in pieces.items():
            orders.append(self._order(number, piece, sets, at, lists[number]))
            at += len(lists[number])
        self._sender.start(orders)
        self._left.note(self._run, orders)

    def _order(self, number: int, piece: Work, sets: str, first: int, text: bytes) -> Order:
        """What a worker is told."""
        place = self._places[piece.place]
        if place.hash not in self._parcels:
            self._parcels[place.hash] = packed(self._shelf, place, self._kernel(place, piece))
        name = self._name(piece, text)
        self._note(name, number)
        return {
            "name": name, "place": place.hash, "parcel": self._parcels[place.hash], "sets": f"things/{sets}", "first": first,
            "bytes": len(text), "digest": sha256(text).hexdigest(), "execution": self._execution, "program": program_hash(),
            "keep": piece.leg.keep, "ends": piece.leg.ends, "goal": f"{ANSWERS}/{self._crowd}/{name}",
            "aside": f"{_ASIDE}/{self._run}/{name}",
        }  # fmt: skip

    def _name(self, piece: Work, text: bytes) -> str:
        """What the answer to a piece is called."""
        about = f"{self._places[piece.place].hash} {piece.leg.keep} {piece.leg.ends}"
        return sha256(about.encode() + text).hexdigest()[:_DIGITS]

    def _note(self, name: str, number: int) -> None:
        """One order more is under way."""
        self._goals[name] = number
        self._sent.setdefault(name, []).append(time.monotonic())

    def _kernel(self, place: Place, piece: Work) -> bytes:
        """The frozen kernel of a place; nothing where it runs interpreted."""
        from stratofold import kernel
        from stratofold.research.prepare import is_ticks
        from stratofold.research.sweep.laid import prepare_cell

        if self._execution == "interpreted" or is_ticks(place.market):
            return b""
        run = prepare_cell(place.strategy, place.market, place.options, piece.sets[0])
        objects = (run.engine, run.strategy, run.feed)
        try:
            return kernel.frozen(*objects, target=self._target, out=True, progress=self._progress)
        except kernel.Refused:
            return b""  # the worker says in its notice why it is slow

    def heard(self, seconds: float) -> Iterator[Heard]:
        """Look until something is there or the time is over."""
        until, pause = time.monotonic() + seconds, _LOOK_SECONDS
        while True:
            found = list(self._look())
            if found or time.monotonic() >= until:
                yield from found
                return
            time.sleep(pause)
            pause = min(2.0 * pause, _LOOK_SECONDS_MAX)

    def _look(self) -> Iterator[Heard]:
        """What is on the shelf; then, of what nobody works at any more, what is still not there."""
        ended = {goal.rpartition("/")[2] for goal in self._sender.ended()}
        self._purse.pay(looks=1)
        names = self._shelf.names(f"{ANSWERS}/{self._crowd}/")
        for answer in self._read([name for name in names if name.rpartition("/")[2] in self._goals]):
            if answer.name in self._goals:
                self._settle(answer.name, answer.seconds)
                self._left.know(answer.name)
                self.notices.update(filter(None, [answer.cells.notice]))
                yield Heard(self._goals.pop(answer.name), answer.cells, answer.seconds)
        self._refuse_refused()
        for name in ended & set(self._goals):
            self._settle(name)
            yield Heard(self._goals[name], None)

    def _settle(self, name: str, answered_seconds: float | None = None) -> None:
        """Pay an order and its copies: the one that answered as it says, any other as long as it may have run."""
        now = time.monotonic()
        sent = self._sent.pop(name, [])
        if answered_seconds is not None:
            self._purse.pay(1, answered_seconds)
            sent = sent[1:]
        for moment in sent:
            self._purse.pay(1, max(min(now - moment, self.plan.limit_seconds), answered_seconds or 0.0))

    def _read(self, names: Sequence[str]) -> Iterator[Answer]:
        """The answers of these names, read side by side."""
        for body in self._readers.map(self._shelf.get, names):
            yield from read(body)

    def _refuse_refused(self) -> None:
        """Raise what a worker refuses to do, in its own words: no other worker would do it."""
        for name in self._shelf.names(f"{_ASIDE}/{self._run}/")[:1]:
            told = next(read(self._shelf.get(name))).refused
            raise Setup(told["code"], told["what"], place=told["where"], why=told["why"], fix=told["fix"])

    def end(self) -> None:
        """Stop what still runs, and pay it: what was begun is billed."""
        self._sender.stop()
        for name in list(self._sent):
            self._settle(name)
        self._left.close(self._run)
