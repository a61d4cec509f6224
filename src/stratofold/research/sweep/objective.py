"""What makes one cell better than another: a statistic, its opposite, a function, or several of these.

What comes in: `"sharpe"`, `"max_drawdown"`, `"-turnover"`, a function of a cell's statistics, or a list.  What goes out:
numbers of which more is better, NaN where there is none.
Why so: nobody looks for the deepest fall or the most fees; of a statistic of which less is better the least is meant,
with a "-" before it or without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.research.stats import LESS_IS_BETTER
from stratofold.research.sweep.columns import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Objective:
    """One goal; `name` is what it is called, `sign` -1 where less is better."""

    name: str
    sign: float
    function: Callable[[Mapping[str, float]], float] | None = None

    def values(self, columns: Any) -> NDArray[np.float64]:
        """How good each row of a frame (or of columns by name) is, more is better; raises Setup SFS14 where the user's function raises."""
        if self.function is None:
            return self.sign * np.asarray(columns[self.name], np.float64)
        rows = zip(*(np.asarray(columns[name]).tolist() for name in STATISTICS), strict=True)
        return np.array([self._of(dict(zip(STATISTICS, row, strict=True))) for row in rows], np.float64)

    def _of(self, figures: Mapping[str, float]) -> float:
        """What the user's function makes of one cell."""
        try:
            return float(self.function(figures))  # type: ignore[misc]  # asked for where there is one
        except Exception as raised:
            what = f"the objective {self.name} raised {type(raised).__name__}: {raised}"
            why = "the cells themselves are finished and stored"
            raise Setup("SFS14", what, why=why, fix=f"it gets a mapping of {', '.join(STATISTICS[:6])} ...") from raised

    @property
    def text(self) -> str:
        """In words."""
        return f"least {self.name}" if self.sign < 0.0 else self.name


def objectives_of(asked: Any) -> tuple[Objective, ...]:
    """The goals, the first of which ranks; raises Setup SFS13 for a name that is no statistic."""
    rows = [asked] if isinstance(asked, str) or callable(asked) else list(asked)
    if not rows:
        raise Setup("SFS13", "there is no objective", fix='objective="sharpe"')
    return tuple(_objective(row) for row in rows)


def _objective(asked: Any) -> Objective:
    """One goal."""
    if callable(asked):
        return Objective(getattr(asked, "__name__", "objective"), 1.0, asked)
    name = str(asked).removeprefix("-")
    if name not in STATISTICS:
        from difflib import get_close_matches

        near: Sequence[str] = get_close_matches(name, STATISTICS, n=1, cutoff=0.5)
        fix = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(STATISTICS)}, or a function of them"
        raise Setup("SFS13", f"there is no statistic {name!r}", fix=fix)
    is_less = str(asked).startswith("-") or name in LESS_IS_BETTER
    return Objective(name, -1.0 if is_less else 1.0)
