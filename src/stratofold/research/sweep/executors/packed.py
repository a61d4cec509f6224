"""A sweep's folder, for processes of this machine: what all places share, the places, and pieces of work.

What comes in: places and `Work`.  What goes out: files of them, and in another process the cells of a piece.
Why so: one strategy stands in a hundred places; written once it is one class in a worker, and is read, bound and remembered
once.  A place is written when the first piece of it is asked for, which the others are computed beside.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from stratofold.research.sweep.executors import mapped
from stratofold.research.sweep.executors.work import Bench, Work
from stratofold.research.sweep.executors.worker import timed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stratofold.research.sweep.block import Cells
    from stratofold.research.sweep.place import Place

_SHARED = "shared"


class Packed:
    """Writes places and pieces to a folder."""

    def __init__(self, folder: Path, places: Sequence[Place]) -> None:
        """The strategies and assumptions of all places; code that cannot be imported there travels by value."""
        import cloudpickle

        self._folder = folder
        self._places = places
        self._strategies = list(dict.fromkeys(place.strategy for place in places))
        self._options = {id(place.options): place.options for place in places}
        for strategy in self._strategies:
            _by_value(strategy)
        shared = self._strategies, list(self._options.values())
        mapped.write(shared, folder / _SHARED, cloudpickle.dumps)
        self._written: set[str] = set()

    def piece(self, number: int, work: Work, execution: str) -> Path:
        """A piece as a file, and its place where that is not there yet; what cells are called is nothing to a worker."""
        name = self._place(self._places[work.place])
        path = self._folder / f"{number}.piece"
        mapped.write((name, replace(work, names=()), execution), path)
        return path

    def _place(self, place: Place) -> str:
        """The name of a place that is written."""
        if place.hash not in self._written:
            row = self._strategies.index(place.strategy), [*self._options].index(id(place.options)), place.market
            mapped.write(row, self._folder / f"{place.hash}.place")
            self._written.add(place.hash)
        return place.hash


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


class Opened:
    """A sweep's folder as a worker has it: what was read of it, and what is laid out."""

    def __init__(self, folder: Path) -> None:
        """No place is read yet."""
        self.folder = folder
        self.places: dict[str, Place] = {}
        self._bench = Bench()
        self._strategies, self._options = mapped.read(folder / _SHARED)

    def compute(self, piece: Path) -> tuple[Cells, float]:
        """The cells of a piece, and how many seconds they take."""
        name, work, execution = mapped.read(piece)
        return timed(self._bench, self._place(name), work, execution)

    def _place(self, name: str) -> Place:
        """A place, read once."""
        from stratofold.research.sweep.place import Place

        if name not in self.places:
            strategy, options, market = mapped.read(self.folder / f"{name}.place")
            place = Place(self._strategies[strategy], market, self._options[options], "", "", "")
            place.__dict__["hash"] = name  # it would take the code of all that is imported here to reckon it
            self.places[name] = place
        return self.places[name]


_opened: list[Opened] = []


def compute(piece: Path) -> tuple[Cells, float]:
    """A piece in a worker, which keeps what it has laid out for the next one of the same sweep."""
    if not _opened or _opened[0].folder != piece.parent:
        _opened[:] = [Opened(piece.parent)]  # what another sweep has left is of use to nobody
    return _opened[0].compute(piece)
