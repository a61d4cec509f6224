"""Pieces of work, how they are cut, and the bench that does them: what all executors have in common.

What comes in: places and sets of parameters.  What goes out: pieces of some seconds, and their cells.
Why so: a piece is data, and gives the same cells whoever does it and however often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from stratofold.errors import Setup
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import WHOLE, Cells, Leg
from stratofold.research.sweep.columns import joined_figures
from stratofold.research.sweep.sets import some_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.research.sweep.naming import Words
    from stratofold.research.sweep.place import Place
    from stratofold.research.sweep.space import Parameters

_EXECUTIONS = ("auto", "interpreted", "compiled")
CELLS_MAX = 50_000  # of a piece
DIED = "the worker died of it, or had no more time"  # why a cell has failed, here and today
_PIECES_A_WORKER = 4  # at least, so that none waits long for the last
_PART_OF_LIMIT = 0.8  # of the time that an executor gives a piece is planned with
_BLOCKS_MAX = 16  # laid out at a time
_WORTH_COMPILING = 400_000  # bars of all cells so far: interpreted, and again for luck, they take longer than compiling


@dataclass(frozen=True)
class Work:
    """Sets of parameters for one place, by its number; `leg` is which part of its events is heard.

    `words` are what of the cells' names is their parameters' (`Place.words`), where that is known already.
    """

    place: int
    sets: Sequence[Parameters] = field(default=())
    leg: Leg = WHOLE
    words: Words | None = field(default=None, compare=False)

    def part(self, first: int, last: int) -> Work:
        """Some of the sets, side by side; all of them are itself."""
        if first == 0 and last >= len(self.sets):
            return self
        words = None if self.words is None else self.words[first:last]
        return Work(self.place, self.sets[first:last], self.leg.cut(first, last), words)

    def some(self, rows: Sequence[int]) -> Work:
        """Some of the sets, wherever they stand."""
        begun = tuple(self.leg.begun[row] for row in rows) if self.leg.begun else ()
        words = None if self.words is None else self.words[np.asarray(rows, np.intp)]
        return Work(self.place, some_of(self.sets, rows), self.leg._replace(begun=begun), words)

    def cut(self, count: int) -> list[Work]:
        """Pieces of `count` sets."""
        return [self.part(at, at + count) for at in range(0, len(self.sets), count)]

    def halves(self) -> list[Work]:
        """Two pieces, where there is more than one cell."""
        return self.cut(-(-len(self.sets) // 2))


class Executor(Protocol):
    """Computes the cells of pieces of work and gives each back once."""

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """Every set of parameters of `work`, in pieces of the executor's choice."""


class Choice:
    """Whether machine code pays: with `auto` when enough bars are to be heard to wait for it."""

    def __init__(self, execution: str) -> None:
        """Nothing was asked for yet; raises Setup SFS32 for an execution that a sweep does not have."""
        if execution not in _EXECUTIONS:
            what = f"execution={execution!r} is none of a sweep's"
            raise Setup("SFS32", what, fix='use "auto", "interpreted" or "compiled"')
        self._execution = execution
        self._bars = 0

    def of(self, places: Sequence[Place], work: Sequence[Work]) -> str:
        """The execution of this work."""
        self._bars += sum(len(places[whole.place].market) * len(whole.sets) for whole in work)
        is_long = self._execution == "auto" and self._bars >= _WORTH_COMPILING
        return "compiled" if is_long else self._execution


class Bench:
    """Blocks that are laid out, by place: the last few."""

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        """None yet."""
        self._progress = progress
        self._blocks: dict[str, Block] = {}

    def knows(self, place: Place) -> bool:
        """Whether a place is laid out."""
        return place.hash in self._blocks

    def run(self, place: Place, work: Work, execution: str) -> Cells:
        """The cells of a piece of work."""
        block = self._blocks.get(place.hash)
        if block is None:
            while len(self._blocks) >= _BLOCKS_MAX:
                del self._blocks[next(iter(self._blocks))]
            others = (each for each in reversed(self._blocks.values()) if each.strategy is place.strategy)
            before = next(others, None)
            block = Block(place.strategy, place.market, place.options, progress=self._progress, before=before)
            self._blocks[place.hash] = block
        block.execution = execution
        return block.run(work.sets, work.leg)


def joined(parts: Sequence[Cells]) -> Cells:
    """Cells of several pieces as those of one."""
    if len(parts) == 1:
        return parts[0]
    columns = joined_figures([part.columns for part in parts])
    notice = next((part.notice for part in parts if part.notice), "")
    errors, states = ([each for part in parts for each in getattr(part, name)] for name in ("errors", "states"))
    return Cells(columns, errors, notice, states)


class Kind(NamedTuple):
    """Cells that take about as long a bar: of one strategy, and all from the beginning or all from states."""

    strategy: type
    goes_on: bool

    @classmethod
    def of(cls, places: Sequence[Place], piece: Work) -> Kind:
        """The kind of a piece, by its first cell."""
        return cls(places[piece.place].strategy, bool(piece.leg.begun) and bool(piece.leg.begun[0]))


def by_kind(places: Sequence[Place], work: Sequence[Work]) -> dict[Kind, list[Work]]:
    """The work of each kind; a cell that goes on from a state hears a day where another hears years."""
    groups: dict[Kind, list[Work]] = {}
    for whole in work:
        for piece in _apart(whole):
            groups.setdefault(Kind.of(places, piece), []).append(piece)
    return groups


def _apart(whole: Work) -> list[Work]:
    """The cells that go on from states, and the others."""
    begun = whole.leg.begun
    if not begun or all(begun):
        return [whole]
    parts = [[row for row, state in enumerate(begun) if bool(state) is goes_on] for goes_on in (True, False)]
    return [whole.some(rows) for rows in parts if rows]


@dataclass(frozen=True)
class Plan:
    """How work is cut for `workers`: pieces of `seconds` and not many more, none beyond most of the `limit_seconds` of one."""

    workers: int
    seconds: float
    seconds_max: float
    limit_seconds: float
    pieces_a_worker: int = _PIECES_A_WORKER

    def cut(self, places: Sequence[Place], work: Sequence[Work], seconds_a_bar: float) -> list[Work]:
        """Pieces long enough to be worth a journey, short enough for all workers to have some.

        Raises Setup SFS60 where a single cell would take longer than a piece may.
        """
        lengths = [max(seconds_a_bar * len(places[whole.place].market), 1e-6) for whole in work]
        total = sum(length * len(whole.sets) for length, whole in zip(lengths, work, strict=True))
        wanted = min(max(total / (self.pieces_a_worker * self.workers), self.seconds), self.seconds_max, self.limit)
        pieces = []
        for length, whole in zip(lengths, work, strict=True):
            self.refuse_long(length, places[whole.place])
            pieces += whole.cut(max(1, min(int(wanted / length), CELLS_MAX)))
        return pieces

    @property
    def limit(self) -> float:
        """The longest that a piece is planned for."""
        return _PART_OF_LIMIT * self.limit_seconds

    def refuse_long(self, seconds: float, place: Place) -> None:
        """Raise Setup SFS60 for a cell that takes longer than a worker has."""
        if seconds > self.limit:
            what = f"one cell takes some {seconds:,.0f} s, and a piece of work may be planned for {self.limit:,.0f} s"
            why = f"a worker has {self.limit_seconds:,.0f} s, of which {_PART_OF_LIMIT:.0%} are planned with"
            fix = 'execution="compiled", so that it can be cut in windows; fewer symbols; or executor="processes"'
            raise Setup("SFS60", what, place=f"{place.strategy.__name__} on {place.symbols}", why=why, fix=fix)
