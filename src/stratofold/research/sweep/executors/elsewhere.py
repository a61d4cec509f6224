"""A crew of workers elsewhere: parcels and orders go to a shelf, a sender has the orders done, answers are found on the shelf.

What comes in: pieces of work.  What goes out: what came of them.
Why so: engines differ in how a function is called and in nothing else.  Answers are looked for on the shelf, not in what
an engine returns, so a driver that was killed finds them when it comes again, and an engine that forgets one loses nothing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from stratofold.errors import Setup
from stratofold.research.sweep.block import Cells
from stratofold.research.sweep.executors.foreman import Heard
from stratofold.research.sweep.executors.parcel import packed
from stratofold.research.sweep.executors.shelf import ship
from stratofold.research.sweep.executors.worker import Answer, list_of, program_hash, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.research.sweep.executors.money import Purse
    from stratofold.research.sweep.executors.shelf import Shelf
    from stratofold.research.sweep.executors.work import Plan, Work
    from stratofold.research.sweep.place import Place

Order = dict[str, Any]

GATHERED = "gathered-"  # how a name begins under which many answers lie together
_ANSWERS, _ASIDE = "answers", "aside"
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
        self._wanted: dict[str, Work] = {}
        self._parcels: dict[int, str] = {}
        self._crowd = ""
        self._run = f"{time.time_ns():x}"
        self._goals: dict[str, int] = {}
        self.notices: set[str] = set()
        self._readers = ThreadPoolExecutor(_READERS)

    def begin(self, places: Sequence[Place], work: Sequence[Work]) -> None:
        """Know what is wanted; nothing is shipped before something has to be computed."""
        self._places = places
        for whole in work:
            self._wanted[places[whole.place].hash] = whole
        self._crowd = sha256("\n".join(sorted(self._wanted)).encode()).hexdigest()[:_DIGITS]

    def found(self) -> Iterator[tuple[Work, Cells]]:
        """What a driver that was killed had done; each cell once."""
        places, left = self._places, {}
        for whole in self._wanted.values():
            left[whole.place] = {places[whole.place].key(each): row for row, each in enumerate(whole.sets)}
        for answer in self._kept():
            found = self._wanted.get(answer.place)
            if found is None or not answer.ends or answer.keep != found.leg.keep:
                continue
            keys = list(map(places[found.place].key, answer.sets))
            rows = [(row, left[found.place].pop(key)) for row, key in enumerate(keys) if key in left[found.place]]
            if rows:
                yield found.some([of for _, of in rows]), _some(answer.cells, [row for row, _ in rows])

    def _kept(self) -> Iterator[Answer]:
        """Every answer that is there: first those that were put together, then what is in none of them."""
        names = self._shelf.names(f"{_ANSWERS}/{self._crowd}/")
        read_already = set()
        for answer in self._read([name for name in names if GATHERED in name]):
            read_already.add(answer.name)
            yield answer
        alone = [name for name in names if GATHERED not in name]
        yield from self._read([name for name in alone if name.rpartition("/")[2] not in read_already])

    def afford(self, pieces: int, seconds: float) -> None:
        """See `money.Purse`."""
        self._purse.afford(pieces, seconds)

    def send(self, pieces: Mapping[int, Work]) -> None:
        """Ship what is not there yet, then the orders."""
        lists = {number: list_of(piece) for number, piece in pieces.items()}
        sets = ship(self._shelf, b"".join(lists.values()))
        orders, at = [], 0
        for number, piece in pieces.items():
            orders.append(self._order(number, piece, sets, at, lists[number]))
            at += len(lists[number])
        self._sender.start(orders)

    def _order(self, number: int, piece: Work, sets: str, first: int, text: bytes) -> Order:
        """What a worker is told."""
        place = self._places[piece.place]
        if piece.place not in self._parcels:
            self._parcels[piece.place] = packed(self._shelf, place, self._kernel(place, piece))
        name = sha256(f"{place.hash} {piece.leg.keep} {piece.leg.ends}".encode() + text).hexdigest()[:_DIGITS]
        goal = f"{_ANSWERS}/{self._crowd}/{name}"
        self._goals[name] = number
        return {
            "name": name, "place": place.hash, "parcel": self._parcels[piece.place], "sets": f"things/{sets}", "first": first,
            "bytes": len(text), "digest": sha256(text).hexdigest(), "execution": self._execution, "program": program_hash(),
            "keep": piece.leg.keep, "ends": piece.leg.ends, "goal": goal, "aside": f"{_ASIDE}/{self._run}/{name}",
        }  # fmt: skip

    def _kernel(self, place: Place, piece: Work) -> bytes:
        """The frozen kernel of a place; nothing where it runs interpreted."""
        from stratofold import kernel
        from stratofold.research.prepare import is_ticks, prepare

        if self._execution == "interpreted" or is_ticks(place.market):
            return b""
        run = prepare(place.strategy, place.market, place.options, piece.sets[0])
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
        names = self._shelf.names(f"{_ANSWERS}/{self._crowd}/")
        for answer in self._read([name for name in names if name.rpartition("/")[2] in self._goals]):
            if answer.name in self._goals:
                self._purse.pay(1, answer.seconds)
                self.notices.update(filter(None, [answer.cells.notice]))
                yield Heard(self._goals.pop(answer.name), answer.cells, answer.seconds)
        self._refuse_refused()
        for name in ended & set(self._goals):
            yield Heard(self._goals[name], None)

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
        """Stop what still runs."""
        self._sender.stop()
        self._readers.shutdown(wait=False)


def _some(cells: Cells, rows: list[int]) -> Cells:
    """Some rows of cells."""
    columns = {name: np.asarray(column)[rows] for name, column in cells.columns.items()}
    states = [cells.states[row] for row in rows] if cells.states else []
    return Cells(columns, [cells.errors[row] for row in rows], cells.notice, states)
