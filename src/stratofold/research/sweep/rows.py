"""Finished cells as rows of a study's table.

What comes in: pieces of work with their cells.  What goes out: one frame.
Why so: short pieces come by the hundred, and a frame costs much the same whether it has ten rows or ten thousand.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.research.sweep.columns import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from stratofold.research.sweep.block import Cells
    from stratofold.research.sweep.executors import Work
    from stratofold.research.sweep.place import Place

OF_PLACE = ("strategy", "symbols", "window", "costs")
_OWN = ("cell", "place", *OF_PLACE, "error")


class Finished(NamedTuple):
    """A piece of work that is done: where it stands, what was asked for, what came of it."""

    place: Place
    work: Work
    cells: Cells

    @property
    def names(self) -> Sequence[str]:
        """What the cells are called; what an earlier driver had asked for comes back without its names."""
        return self.work.names or self.place.named(self.place.words(self.work.sets))


def column_of(parameter: str) -> str:
    """The column of a parameter: its name, unless a figure is called so."""
    return f"parameter_{parameter}" if parameter in STATISTICS or parameter in _OWN else parameter


def parameter_of(column: str) -> str:
    """The parameter of a column: `column_of` turned round."""
    return column.removeprefix("parameter_")


def frame_of(found: Sequence[Finished]) -> pl.DataFrame:
    """Pieces of one strategy as rows: what cells are called, where they stand, parameters, statistics, why they failed."""
    import polars as pl

    sets = [each for part in found for each in part.work.sets]
    columns: dict[str, Any] = {"cell": list(chain.from_iterable(part.names for part in found))}
    for name, declared in found[0].place.strategy.parameters().items():
        kind = {int: pl.Int64, float: pl.Float64, bool: pl.Boolean}[type(declared.default)]
        columns[column_of(name)] = pl.Series(list(map(itemgetter(name), sets)), dtype=kind)
    for name in STATISTICS:
        parts = [np.asarray(part.cells.columns[name], np.float64) for part in found]
        columns[name] = pl.Series(np.concatenate(parts))
    errors = [error or None for part in found for error in part.cells.errors]
    columns["error"] = pl.Series(errors, dtype=pl.String)
    places = pl.DataFrame({name: [value(part.place) for part in found] for name, value in _OF_PLACES.items()})
    rows = np.repeat(np.arange(len(found)), [len(part.cells) for part in found])
    return pl.DataFrame(columns).hstack(places[rows])


_OF_PLACES = {
    "place": attrgetter("hash"),
    "strategy": attrgetter("strategy.__name__"),
    **{name: attrgetter(name) for name in OF_PLACE[1:]},
}
