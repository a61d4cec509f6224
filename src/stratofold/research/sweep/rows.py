"""Finished cells as rows of a study's table.

What comes in: pieces of work with their cells.  What goes out: one frame.
Why so: short pieces come by the hundred, and a frame costs much the same whether it has ten rows or ten thousand.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.research.sweep.columns import STATISTICS, joined_figures
from stratofold.research.sweep.naming import text_of
from stratofold.research.sweep.sets import are_same, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors import Work
    from stratofold.research.sweep.naming import Words
    from stratofold.research.sweep.place import Place
    from stratofold.research.sweep.space import Parameters

OF_PLACE = ("strategy", "symbols", "window", "costs")
_OWN = ("cell", "place", *OF_PLACE, "error")


class Finished(NamedTuple):
    """A piece of work that is done: where it stands, what was asked for, what came of it."""

    place: Place
    work: Work
    cells: Cells

    @property
    def names(self) -> list[str]:
        """What the cells are called."""
        return self.place.named(self._words)

    @property
    def digests(self) -> bytes:
        """The same as bytes (`Place.digests`)."""
        return self.place.digests(self._words)

    @property
    def _words(self) -> Words:
        """What of the names is the parameters'; what an earlier driver had asked for comes back without its words."""
        words = self.work.words
        return self.place.words(self.work.sets) if words is None else words


def column_of(parameter: str) -> str:
    """The column of a parameter: its name, unless a figure is called so."""
    return f"parameter_{parameter}" if parameter in STATISTICS or parameter in _OWN else parameter


def parameter_of(column: str) -> str:
    """The parameter of a column: `column_of` turned round."""
    return column.removeprefix("parameter_")


def frame_of(found: Sequence[Finished]) -> pl.DataFrame:
    """Pieces of one strategy as rows: what cells are called, where they stand, parameters, statistics, why they failed."""
    import polars as pl

    columns: dict[str, Any] = {"cell": text_of(b"".join([part.digests for part in found]))}
    columns |= _parameters(found)
    figures = joined_figures([part.cells.columns for part in found])
    columns |= {name: pl.Series(np.asarray(figures[name], np.float64)) for name in STATISTICS}
    columns["error"] = _errors(found)
    places = pl.DataFrame({name: [value(part.place) for part in found] for name, value in _OF_PLACES.items()})
    rows = np.repeat(np.arange(len(found)), [len(part.cells) for part in found])
    return pl.DataFrame(columns).hstack(places[rows])


def _parameters(found: Sequence[Finished]) -> dict[str, pl.Series]:
    """The columns of parameters; those of pieces that have the very same sets, as places of a grid do, are made once."""
    import polars as pl

    first: Sequence[Parameters] = found[0].work.sets
    alike = all(are_same(part.work.sets, first) for part in found)
    columns = {}
    for name, declared in found[0].place.strategy.parameters().items():
        kind = {int: pl.Int64, float: pl.Float64, bool: pl.Boolean}[type(declared.default)]
        parts = [values_of(part.work.sets, name) for part in (found[:1] if alike else found)]
        parts *= len(found) // len(parts)
        kinds = {part.dtype if isinstance(part, np.ndarray) else None for part in parts}
        if len(kinds) == 1 and None not in kinds:
            parts = [np.concatenate(parts)]
        columns[column_of(name)] = pl.concat([pl.Series(part, dtype=kind) for part in parts], rechunk=True)
    return columns


def _errors(found: Sequence[Finished]) -> pl.Series:
    """Why cells have failed; most have not."""
    import polars as pl

    parts = [part.cells.errors for part in found]
    count = sum(map(len, parts))
    if sum(errors.count("") for errors in parts) == count:
        return pl.Series([None], dtype=pl.String).new_from_index(0, count)
    return pl.Series([error or None for errors in parts for error in errors], dtype=pl.String)


_OF_PLACES = {
    "place": attrgetter("hash"),
    "strategy": attrgetter("strategy.__name__"),
    **{name: attrgetter(name) for name in OF_PLACE[1:]},
}
