"""A sweep's folder, for processes of this machine: what all places share, the places, and what they are asked for.

What comes in: places and `Work`.  What goes out: files of them, an order that names those, and in another process its cells.
Why so: one strategy stands in a hundred places; written once it is one class in a worker, and is read, bound and remembered
once.  A place is written when the first piece of it is asked for, which the others are computed beside.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.executors import mapped
from stratofold.research.sweep.executors.foreman import PILOT
from stratofold.research.sweep.executors.work import Bench, Work
from stratofold.research.sweep.executors.worker import timed
from stratofold.research.sweep.sets import Sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.place import Place

Order = dict[str, Any]

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
        self._lists: dict[tuple[int, ...], tuple[str, Work]] = {}

    def order(self, work: Work, execution: str) -> Order:
        """A piece as an order, its place and sets written where they are not yet; what cells are called is nothing to a worker."""
        leg = work.leg
        return {
            "folder": str(self._folder), "place": self._place(self._places[work.place]), "sets": self._sets(work),
            "keep": leg.keep, "ends": leg.ends, "execution": execution,
        }  # fmt: skip

    def _sets(self, work: Work) -> str:
        """The name of sets of parameters, and of states to go on from; places that are asked for the same share them."""
        key = _key(work.sets) if not work.leg.begun else (id(work),)
        if key not in self._lists:
            name = f"{len(self._lists)}.sets"
            mapped.write((work.sets, work.leg.begun), self._folder / name)
            self._lists[key] = name, work  # which keeps what it is known by from being another's
        return self._lists[key][0]

    def _place(self, place: Place) -> str:
        """The name of a place that is written."""
        if place.hash not in self._written:
            row = self._strategies.index(place.strategy), [*self._options].index(id(place.options)), place.market
            mapped.write(row, self._folder / f"{place.hash}.place")
            self._written.add(place.hash)
        return place.hash


def _key(sets: Sequence[Any]) -> tuple[int, ...]:
    """What tells sets from others, for as long as they are held."""
    return sets.key if isinstance(sets, Sets) else tuple(map(id, sets))


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
        self._name, self._last = "", None

    def compute(self, order: Order) -> tuple[Cells, float]:
        """The cells of a piece, and how many seconds they take."""
        sets, begun = self._sets(order["sets"])
        work = Work(0, sets, Leg(begun, order["keep"], order["ends"]))
        run = timed if len(sets) <= PILOT else _timed_whole
        return run(self._bench, self._place(order["place"]), work, order["execution"])

    def _sets(self, name: str) -> Any:
        """Sets of parameters and states: the last are kept, because the next place is asked for the same."""
        if name != self._name:
            self._name, self._last = name, mapped.read(self.folder / name)
        return self._last

    def _place(self, name: str) -> Place:
        """A place, read once."""
        from stratofold.research.sweep.place import Place

        if name not in self.places:
            strategy, options, market = mapped.read(self.folder / f"{name}.place")
            place = Place(self._strategies[strategy], market, self._options[options], "", "", "")
            place.__dict__["hash"] = name  # it would take the code of all that is imported here to reckon it
            self.places[name] = place
        return self.places[name]


def _timed_whole(bench: Bench, place: Place, work: Work, execution: str) -> tuple[Cells, float]:
    """Cells, and how many seconds they take; of many it is no matter how long the first of them has waited."""
    begun = time.perf_counter()
    return bench.run(place, work, execution), time.perf_counter() - begun


_opened: list[Opened] = []


def compute(order: Order) -> tuple[Cells, float]:
    """A piece in a worker, which keeps what it has laid out for the next one of the same sweep."""
    folder = Path(order["folder"])
    if not _opened or _opened[0].folder != folder:
        _opened[:] = [Opened(folder)]  # what another sweep has left is of use to nobody
    return _opened[0].compute(order)
