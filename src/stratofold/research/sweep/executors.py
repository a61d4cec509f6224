"""Who computes cells: this process, or some of this machine's.

What comes in: places and `Work`, which is data (a place, sets of parameters).  What goes out: the work that is finished
with its `Cells`, in any order.  Why so: a piece of work gives the same cells whoever does it and however often, so a
worker that dies costs time alone.  Prices are written once and mapped by every worker.  A piece that kills its worker
twice is cut in halves until the one cell that does so is alone; that cell has failed, and the others are finished.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stratofold.errors import Setup
from stratofold.research.sweep.block import WHOLE, Block, Cells, Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.research.sweep.place import Place
    from stratofold.research.sweep.space import Parameters

_EXECUTIONS = ("auto", "interpreted", "compiled")
_SECONDS = 1.0  # a piece of work in this process, so that little is lost where it is killed
_SECONDS_A_WORKER = 5.0
_PIECES_A_WORKER = 4  # at least, so that none waits long for the last
_CELLS_MAX = 50_000
_PILOT = 4  # cells: they have the kernel made, and say how long a cell takes
_BLOCKS_MAX = 16  # laid out at a time
_WORTH_COMPILING = 1_000_000  # bars of all cells so far: interpreted they take as long as a compilation


@dataclass(frozen=True)
class Work:
    """Sets of parameters for one place, by its number; `leg` is which part of its events is heard."""

    place: int
    sets: tuple[Parameters, ...] = field(default=())
    leg: Leg = WHOLE

    def part(self, first: int, last: int) -> Work:
        """Some of the sets."""
        return Work(self.place, self.sets[first:last], self.leg.cut(first, last))

    def cut(self, count: int) -> list[Work]:
        """Pieces of `count` sets."""
        return [self.part(at, at + count) for at in range(0, len(self.sets), count)]


class Executor(Protocol):
    """Computes the cells of pieces of work and gives each back once."""

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """Every set of parameters of `work`, in pieces of the executor's choice."""


class _Choice:
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


class Inline:
    """In this process, one piece after another."""

    def __init__(self, execution: str, progress: Callable[[str], None] | None = None) -> None:
        """`execution` as in `backtest`."""
        self._choice = _Choice(execution)
        self._bench = Bench(progress)

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """Pieces of about a second."""
        execution = self._choice.of(places, work)
        bars = 0.0  # a piece's; the first pieces are small, because nobody knows how long a bar takes
        for whole in work:
            place = places[whole.place]
            at, length = 0, max(len(place.market), 1)
            while at < len(whole.sets):
                count = max(int(bars / length), 1) if bars else _PILOT
                piece = whole.part(at, at + min(count, _CELLS_MAX))
                begun = time.perf_counter()
                cells = self._bench.run(place, piece, execution)
                taken = max(time.perf_counter() - begun, 1e-6)
                at += len(piece.sets)
                heard = len(piece.sets) * length
                bars = min(heard * _SECONDS / taken, 16.0 * max(bars, heard))
                yield piece, cells


class Bench:
    """Blocks that are laid out, by place: the last few."""

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        """None yet."""
        self._progress = progress
        self._blocks: dict[str, Block] = {}

    def run(self, place: Place, work: Work, execution: str) -> Cells:
        """The cells of a piece of work."""
        block = self._blocks.get(place.hash)
        if block is None:
            while len(self._blocks) >= _BLOCKS_MAX:
                del self._blocks[next(iter(self._blocks))]
            block = Block(place.strategy, place.market, place.options, progress=self._progress)
            self._blocks[place.hash] = block
        block.execution = execution
        return block.run(work.sets, work.leg)


class Processes:
    """In `workers` processes of this machine (default: one a core), by joblib's loky."""

    def __init__(self, execution: str, workers: Any = None) -> None:
        """Raises Setup SFS20 without joblib, SFS21 for a number of workers that cannot be."""
        try:
            from joblib.externals import loky  # noqa: F401  asked for before anything is computed
        except ImportError:
            fix = "pip install 'stratofold[sweep]', or executor=\"inline\""
            raise Setup("SFS20", 'executor="processes" needs joblib, which is not installed', fix=fix) from None
        if workers is not None and (not isinstance(workers, int) or workers < 1):
            raise Setup("SFS21", f"workers={workers!r}", fix="a whole number from 1")
        self.workers = workers or os.cpu_count() or 1
        self._choice = _Choice(execution)
        self._execution = execution

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """A few cells of each strategy first, which has its kernel made; the rest in pieces of some seconds."""
        self._execution = self._choice.of(places, work)
        folder = Path(tempfile.mkdtemp(prefix="stratofold-sweep-"))
        try:
            for number in {whole.place for whole in work}:
                pack(places[number], folder)
            pieces: list[Work] = []
            for group in _by_strategy(places, work):
                piloted, seconds = 1, 0.0
                for count in (1, _PILOT):
                    first = group[0].part(piloted - 1, piloted - 1 + count)
                    begun = time.perf_counter()
                    left = {0: first} if first.sets else {}
                    yield from self._some(places, left, folder)
                    pieces += left.values()
                    piloted += len(first.sets)
                    seconds = (time.perf_counter() - begun) / max(len(first.sets), 1)
                rest = [group[0].part(piloted - 1, len(group[0].sets)), *group[1:]]
                pieces += self._cut(places, rest, seconds / max(len(places[group[0].place].market), 1))
            yield from self._all(places, pieces, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _cut(self, places: Sequence[Place], work: Sequence[Work], seconds_a_bar: float) -> list[Work]:
        """Pieces of some seconds, and enough of them for all workers."""
        pieces = []
        cells = sum(len(whole.sets) for whole in work)
        share = -(-cells // (_PIECES_A_WORKER * self.workers))
        for whole in work:
            seconds = max(seconds_a_bar * len(places[whole.place].market), 1e-6)
            pieces += whole.cut(max(1, min(int(_SECONDS_A_WORKER / seconds), share, _CELLS_MAX)))
        return pieces

    def _all(self, places: Sequence[Place], pieces: list[Work], folder: Path) -> Iterator[tuple[Work, Cells]]:
        """The pieces by workers; what two crowds of workers did not survive goes to one worker at a time."""
        for _ in range(2):
            left = dict(enumerate(pieces))
            yield from self._some(places, left, folder)
            pieces = list(left.values())
        yield from self._alone(places, pieces, folder)

    def _some(self, places: Sequence[Place], left: dict[int, Work], folder: Path) -> Iterator[tuple[Work, Cells]]:
        """Pieces by all workers; what is finished leaves `left`."""
        for number, cells in self._together(places, dict(left), folder):
            yield left.pop(number), cells

    def _together(self, places: Sequence[Place], pieces: dict[int, Work], folder: Path) -> Iterator[tuple[int, Cells]]:
        """Pieces by all workers, as they are finished; those that a worker's death took along are missing."""
        from concurrent.futures import as_completed

        if not pieces:
            return
        pool = _pool(self.workers)
        waiting = {
            pool.submit(compute, str(folder), places[piece.place].hash, piece, self._execution): number
            for number, piece in pieces.items()
        }
        is_done = False
        try:
            for future in as_completed(waiting):
                cells = _answer(future)
                if cells is not None:
                    yield waiting[future], cells
            is_done = True
        finally:
            if not is_done:
                pool.shutdown(wait=False, kill_workers=True)

    def _alone(self, places: Sequence[Place], pieces: list[Work], folder: Path) -> Iterator[tuple[Work, Cells]]:
        """Piece by piece in one worker; a piece that kills it is cut in halves, a single cell that does so has failed."""
        from stratofold.research.sweep.columns import STATISTICS

        waiting = list(reversed(pieces))
        while waiting:
            piece = waiting.pop()
            cells = _answer(_pool(1).submit(compute, str(folder), places[piece.place].hash, piece, self._execution))
            if cells is not None:
                yield piece, cells
            elif len(piece.sets) > 1:
                waiting += reversed(piece.cut(-(-len(piece.sets) // 2)))
            else:
                yield piece, Cells({name: [nan] for name in STATISTICS}, ["the worker died of it"], states=[b""])


def _by_strategy(places: Sequence[Place], work: Sequence[Work]) -> list[list[Work]]:
    """The work of each strategy."""
    groups: dict[type, list[Work]] = {}
    for whole in work:
        groups.setdefault(places[whole.place].strategy, []).append(whole)
    return list(groups.values())


def _pool(workers: int) -> Any:
    """Loky's pool of so many workers; one that is broken is replaced."""
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(max_workers=workers, timeout=60)


def _answer(future: Any) -> Cells | None:
    """What a worker answered; None where it died."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        cells: Cells = future.result()
    except BrokenProcessPool:
        return None
    return cells


def pack(place: Place, folder: Path) -> None:
    """Write a place for workers: its columns so that they can be mapped, its code by value where it cannot be imported."""
    import cloudpickle
    import joblib

    _by_value(place.strategy)
    joblib.dump(place.market, folder / f"{place.hash}.market")
    rest = cloudpickle.dumps((place.strategy, place.options, place.hash))
    (folder / f"{place.hash}.place").write_bytes(rest)


def _by_value(strategy: type) -> None:
    """Have the strategy's module travel with it where a worker could not import it."""
    import importlib.util
    import sys

    import cloudpickle

    module = sys.modules.get(strategy.__module__)
    try:
        found = importlib.util.find_spec(strategy.__module__)
    except (ImportError, ValueError):
        found = None
    elsewhere = found is None or found.origin != getattr(module, "__file__", None)
    if module is not None and module.__name__ != "__main__" and elsewhere:
        cloudpickle.register_pickle_by_value(module)


_benches: dict[str, Bench] = {}
_places: dict[tuple[str, str], Place] = {}


def compute(folder: str, name: str, work: Work, execution: str) -> Cells:
    """A piece of work in a worker, which keeps what it has laid out."""
    import cloudpickle

    place = _places.get((folder, name))
    if place is None:
        import joblib

        from stratofold.research.sweep.place import Place

        strategy, options, _ = cloudpickle.loads((Path(folder) / f"{name}.place").read_bytes())
        market = joblib.load(Path(folder) / f"{name}.market", mmap_mode="r")
        place = _places[folder, name] = Place(strategy, market, options, "", "", "")
        place.__dict__["hash"] = name
    return _benches.setdefault(folder, Bench()).run(place, work, execution)


def executor_of(
    name: str, execution: str, workers: int | None = None, progress: Callable[[str], None] | None = None
) -> Inline | Processes:
    """The executor called `name`; raises Setup SFS22 for a name that is none."""
    if name == "inline":
        return Inline(execution, progress)
    if name == "processes":
        return Processes(execution, workers)
    raise Setup("SFS22", f"there is no executor {name!r}", fix='use "inline" or "processes"')
