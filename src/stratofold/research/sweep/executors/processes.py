"""Processes of this machine, by joblib's loky.

What comes in: places, packed once and mapped by every worker.  What goes out: pieces as they are finished.
Why so: a dead worker breaks the whole pool, so a piece that was lost with it is sent again, and what is lost twice is tried
alone (see `foreman`).
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import FIRST_COMPLETED, wait
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.sweep.executors.foreman import Foreman, Heard
from stratofold.research.sweep.executors.scratch import Scratch, scratch
from stratofold.research.sweep.executors.work import Bench, Choice, Plan, Work
from stratofold.research.sweep.executors.worker import timed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.research.sweep.block import Cells
    from stratofold.research.sweep.place import Place

_SECONDS = 5.0  # a piece, at most


class Processes:
    """In `workers` processes of this machine (default: one a core), by joblib's loky."""

    def __init__(self, execution: str, workers: Any = None) -> None:
        """Raises Setup SFS20 without joblib, SFS21 for a number of workers that cannot be."""
        try:
            from joblib.externals import loky  # noqa: F401  asked for before anything is computed
        except ImportError:
            fix = "pip install 'stratofold[sweep]', or executor=\"inline\""
            raise Setup("SFS20", 'executor="processes" needs joblib, which is not installed', fix=fix) from None
        self.workers = count_of(workers, os.cpu_count() or 1)
        self._choice = Choice(execution)

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """A few cells of each strategy first, which has its kernel made; the rest in pieces of some seconds."""
        crew = _Crew(self.workers, self._choice.of(places, work))
        return Foreman(crew, places).run(work)


def count_of(workers: Any, usual: int) -> int:
    """How many workers; raises Setup SFS21 for a number that cannot be."""
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise Setup("SFS21", f"workers={workers!r}", fix="a whole number from 1")
    return workers or usual


class _Crew:
    """Loky's processes; see `foreman.Crew`."""

    shares_fate = True

    def __init__(self, workers: int, execution: str) -> None:
        """Nobody was called yet."""
        self.plan = Plan(workers, 0.0, _SECONDS, inf)
        self._execution = execution
        self._futures: dict[Any, int] = {}
        self._scratch: Scratch | None = None
        self._folder = Path()
        self._places: Sequence[Place] = ()
        self._pool: Any = None

    def begin(self, places: Sequence[Place], work: Sequence[Work]) -> None:
        """Write every place for workers to map."""
        self._scratch = scratch()
        self._folder = self._scratch.path
        self._places = places
        for number in {whole.place for whole in work}:
            pack(places[number], self._folder)

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
        self._pool = _pool(self.plan.workers)
        for number, piece in pieces.items():
            name = self._places[piece.place].hash
            self._futures[self._pool.submit(compute, str(self._folder), name, piece, self._execution)] = number

    def heard(self, seconds: float) -> Iterator[Heard]:
        """What is finished, and what a worker's death took along."""
        done, _ = wait(self._futures, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            cells, taken = _answer(future)
            yield Heard(self._futures.pop(future), cells, taken)

    def end(self) -> None:
        """Whoever is still at something is stopped; what was packed is taken away."""
        if self._futures and self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
        if self._scratch is not None:
            self._scratch.end()


def _pool(workers: int) -> Any:
    """Loky's pool of so many workers; one that is broken is replaced."""
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(max_workers=workers, timeout=60)


def _answer(future: Any) -> tuple[Cells | None, float]:
    """What a worker answered; None where it died."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        answer: tuple[Cells, float] = future.result()
    except BrokenProcessPool:
        return None, 0.0
    return answer


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


def compute(folder: str, name: str, work: Work, execution: str) -> tuple[Cells, float]:
    """A piece of work in a worker, which keeps what it has laid out; its cells, and how many seconds they take."""
    import cloudpickle

    if folder not in _benches:  # another sweep's: what the one before has left is of use to nobody
        _benches.clear()
        _places.clear()
    place = _places.get((folder, name))
    if place is None:
        import joblib

        from stratofold.research.sweep.place import Place

        strategy, options, _ = cloudpickle.loads((Path(folder) / f"{name}.place").read_bytes())
        market = joblib.load(Path(folder) / f"{name}.market", mmap_mode="r")
        place = _places[folder, name] = Place(strategy, market, options, "", "", "")
        place.__dict__["hash"] = name
    return timed(_benches.setdefault(folder, Bench()), place, work, execution)
