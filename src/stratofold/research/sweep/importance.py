"""How much each parameter matters: the share of the objective's variance that goes with it, alone and in pairs.

What comes in: the parameters of cells as columns, and what each cell came to.
What goes out: shares of the variance, the largest first.
Why it is shaped so: a sweep's cells are a grid, a random sample or whatever a sampler liked, so shares are those of an
analysis of variance over values (or, where these are many, over sixteen classes of them), which takes any sample.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Classes = NDArray[np.int64]

_CLASSES = 16
_CELLS_A_CLASS = 4  # fewer in a class of pairs say nothing


class Share(NamedTuple):
    """One parameter, or two together beyond what each does alone, and their share of the variance (0 to 1)."""

    names: tuple[str, ...]
    share: float

    @property
    def text(self) -> str:
        """Whose share it is."""
        return " with ".join(self.names) or "everything else together"


def importance(parameters: Mapping[str, Any], objective: Any) -> list[Share]:
    """The shares of `objective`'s variance, one number a cell, by parameter and by pair; the rest has no names.

    A share is epsilon squared (Kelley, "An unbiased correlation ratio measure", Proceedings of the National Academy of
    Sciences 21, 1935), which estimates the first-order index of Sobol ("Sensitivity estimates for nonlinear
    mathematical models", 1993) where parameters were drawn independently.  Checked against `scipy.stats.f_oneway` and the
    indices of the function of Ishigami and Homma ("An importance quantification technique", 1990).  With `where` conditions they were not, and
    what two parameters explain together may be counted for both.  Pairs are told from the rest where there are three
    parameters or more, and enough cells.  Empty where no cell differs from another.
    """
    values = np.asarray(objective, np.float64)
    columns = {name: np.asarray(column, np.float64) for name, column in parameters.items()}
    known = np.isfinite(values)
    for column in columns.values():
        known &= np.isfinite(column)
    values = values[known]
    if len(values) < 2 or not np.ptp(values):
        return []
    classes = {name: _classes(column[known]) for name, column in columns.items()}
    alone = {name: _explained(each, values) for name, each in classes.items()}
    found = [Share((name,), share) for name, share in alone.items()]
    found += _pairs(classes, alone, values) if len(columns) > 2 else []
    rest = 1.0 - sum(each.share for each in found)
    return [*sorted(found, key=lambda each: -each.share), Share((), max(rest, 0.0))]


def _pairs(classes: Mapping[str, Classes], alone: Mapping[str, float], values: Doubles) -> list[Share]:
    """What two parameters explain together and neither does alone."""
    found = []
    for one, other in combinations(classes, 2):
        joined = np.unique(classes[one] * (classes[other].max() + 1) + classes[other], return_inverse=True)[1]
        if len(values) >= _CELLS_A_CLASS * (joined.max() + 1):
            share = _explained(joined, values) - alone[one] - alone[other]
            found.append(Share((one, other), max(share, 0.0)))
    return found


def _classes(column: Doubles) -> Classes:
    """The number of each cell's class: its value, or its sixteenth of the sample where the values are many."""
    different = np.unique(column, return_inverse=True)
    if len(different[0]) <= _CLASSES:
        return different[1].astype(np.int64)
    edges = np.quantile(column, np.linspace(0.0, 1.0, _CLASSES + 1)[1:-1])
    return np.searchsorted(edges, column, side="right").astype(np.int64)


def _explained(classes: Classes, values: Doubles) -> float:
    """Epsilon squared: the share of the sum of squares between classes, less what chance puts there."""
    counts = np.bincount(classes)
    means = np.bincount(classes, weights=values) / np.maximum(counts, 1)
    total = float(((values - values.mean()) ** 2).sum())
    within = float(((values - means[classes]) ** 2).sum())
    between_classes, free = int((counts > 0).sum()) - 1, len(values) - int((counts > 0).sum())
    if free <= 0:
        return 1.0
    return max(0.0, (total - within - between_classes * within / free) / total)
