"""What drivers have left on a shelf: answers that nobody has taken, and notes of what is still under way.

What comes in: a shelf, and what is wanted now.  What goes out: cells that need not be computed, and pieces that need not be
sent, because workers of a driver that was killed are at them.
Why so: an answer is read once, however many rounds a sampler asks for, and what it has beyond the wanted is remembered.  A
driver that ends says so beside its notes; of one that did not, what was sent no longer ago than a worker lives may yet come.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Error
from stratofold.research.sweep.cells import Cells
from stratofold.research.sweep.executors.worker import program_hash, read, work_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from stratofold.research.sweep.executors.shelf import Shelf
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.executors.worker import Answer
    from stratofold.research.sweep.place import Place

GATHERED = "gathered-"  # how a name begins under which many answers lie together
ANSWERS = "answers"
_NOTES, _OVER = "sent", "over"


class _Cell(NamedTuple):
    """A row of an answer."""

    answer: Answer
    row: int


class Left:
    """What was found on a shelf so far, by crowd (all places that are swept together)."""

    def __init__(self, shelf: Shelf, readers: Executor) -> None:
        """Nothing was looked at."""
        self._shelf = shelf
        self._readers = readers
        self._read: set[str] = set()  # names of answers, and of what holds many
        self._cells: dict[tuple[str, int, str], _Cell] = {}  # by place, what was kept, and the sets' JSON
        self._unpaid: set[str] = set()  # names of what drivers have sent that were killed
        self._orders: list[tuple[int, dict[str, Any]]] = []  # of others, with when they were sent
        self._open: dict[str, set[str]] = {}  # the names of other drivers' orders, by the folders of their notes
        self._crowd, self._since_ns = "", 0
        self._notes = 0

    def look(self, crowd: str, since_ns: int) -> None:
        """Read what is new; what was sent before `since_ns` is under way no longer."""
        self._crowd, self._since_ns = crowd, since_ns
        for name in self._open_notes():
            self._hear(name)
        names = self._shelf.names(f"{ANSWERS}/{crowd}/")
        self._take([name for name in names if GATHERED in name])
        self._take([name for name in names if GATHERED not in name])

    def _take(self, names: Sequence[str]) -> None:
        """Read the answers of these names, but for those that are known."""
        new = [name for name in names if name.rpartition("/")[2] not in self._read]
        for name, body in zip(new, self._readers.map(self._shelf.get, new), strict=True):
            self._read.add(name.rpartition("/")[2])
            for answer in read(body):
                self._read.add(answer.name)
                if answer.ends:
                    rows = range(len(answer.sets))
                    self._cells |= {
                        _key(answer.place, answer.keep, answer.sets[row]): _Cell(answer, row) for row in rows
                    }

    def know(self, name: str) -> None:
        """An answer of this name was heard already."""
        self._read.add(name)

    def of(self, place: Place, whole: Work) -> Iterator[tuple[Work, Cells, float | None]]:
        """What is there of some work; the seconds of an answer that a killed driver was to pay, once."""
        found: dict[str, list[tuple[int, _Cell]]] = {}
        for row, each in enumerate(whole.sets):
            cell = self._cells.pop(_key(place.hash, whole.leg.keep, each), None)
            if cell is not None:
                found.setdefault(cell.answer.name, []).append((row, cell))
        for name, rows in found.items():
            answer = rows[0][1].answer
            seconds = answer.seconds if name in self._unpaid else None
            self._unpaid.discard(name)
            yield whole.some([row for row, _ in rows]), _some(answer.cells, [cell.row for _, cell in rows]), seconds

    def under_way(self, place: Place, whole: Work) -> Iterator[Work]:
        """Pieces of some work that a killed driver has sent; none of their cells twice."""
        rows = {_key(place.hash, whole.leg.keep, each): row for row, each in enumerate(whole.sets)}
        for sent_ns, order in self._orders:
            is_over = sent_ns < self._since_ns or order["name"] in self._read
            if is_over or order["place"] != place.hash or order["keep"] != whole.leg.keep or not order["ends"]:
                continue
            sent = work_of(self._shelf, order)
            keys = [_key(place.hash, whole.leg.keep, each) for each in sent.sets]
            if all(key in rows for key in keys):
                yield replace(whole.some([rows.pop(key) for key in keys]), leg=sent.leg)

    def note(self, run: str, orders: Sequence[Mapping[str, Any]]) -> None:
        """Leave word that these orders are under way."""
        self._notes += 1
        name = f"{_NOTES}/{self._crowd}/{run}/{time.time_ns():016x}-{self._notes}"
        self._shelf.put(name, json.dumps(orders).encode())

    def close(self, run: str) -> None:
        """Leave word that nothing of this run is under way any more, nor of a killed one whose answers are all there.

        Where that fails, somebody waits in vain for a while.
        """
        ended = [folder for folder, names in self._open.items() if names <= self._read]
        self._open = {folder: names for folder, names in self._open.items() if folder not in ended}
        if self._notes:
            ended.append(f"{_NOTES}/{self._crowd}/{run}/")
        self._notes = 0
        with suppress(Error):
            for folder in ended:
                self._shelf.put(folder + _OVER, b"")

    def _open_notes(self) -> list[str]:
        """The notes, not heard of yet, of drivers that have not said that they ended."""
        names = self._shelf.names(f"{_NOTES}/{self._crowd}/")
        ended = {_folder(name) for name in names if name.endswith(f"/{_OVER}")}
        return [name for name in names if _folder(name) not in ended and name not in self._read]

    def _hear(self, name: str) -> None:
        """What a note says of orders that this program would have given."""
        self._read.add(name)
        sent_ns = int(name.rpartition("/")[2].partition("-")[0], 16)
        orders = [order for order in json.loads(self._shelf.get(name)) if order["program"] == program_hash()]
        self._orders += [(sent_ns, order) for order in orders]
        self._unpaid |= {order["name"] for order in orders}
        self._open.setdefault(_folder(name), set()).update(order["name"] for order in orders)


def _folder(name: str) -> str:
    """Where the notes of one run are."""
    return name.rpartition("/")[0] + "/"


def _key(place: str, keep: int, parameters: Mapping[str, Any]) -> tuple[str, int, str]:
    """What a cell is known by: its place, the event after which its state is kept, its parameters."""
    return place, keep, json.dumps(parameters, sort_keys=True)


def _some(cells: Cells, rows: list[int]) -> Cells:
    """Some rows of cells."""
    columns = {name: np.asarray(column)[rows] for name, column in cells.columns.items()}
    states = [cells.states[row] for row in rows] if cells.states else []
    return Cells(columns, [cells.errors[row] for row in rows], cells.notice, states)
