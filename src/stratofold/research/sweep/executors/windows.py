"""Cells that take longer than a worker has: heard window after window, each by any worker, from the state of the one before.

What comes in: a place, one cell, how many windows.  What goes out: pieces of work, one after another, and the same cell.
Why so: a fold's state is numbers, so a run that is broken off and gone on with elsewhere comes to the same bit
(`stages`, `block.Leg`); only where machine code leaves a run to Python is there no state, and the cell is tried whole.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.place import Place


class Chain:
    """The windows of one cell; `whole` is what was asked for."""

    def __init__(self, whole: Work, stops: Sequence[int]) -> None:
        """`stops` are the numbers of events at which a window ends, but for the last one's."""
        self.whole = whole
        self._stops = list(stops)
        self._at = 0

    def __len__(self) -> int:
        """How many windows."""
        return len(self._stops) + 1

    @property
    def left(self) -> float:
        """What part of the cell is not heard yet, from the window that is asked for on."""
        return 1.0 - self._at / len(self)

    @property
    def first(self) -> Work:
        """The first window."""
        return self._window(())

    def after(self, cells: Cells) -> Work | None:
        """The window after the one that gave these cells; the whole where it left no state; None after the last."""
        if self._at >= len(self._stops):
            return None
        self._at += 1
        if not all(cells.states) or any(cells.errors):
            self._at = len(self._stops)
            return self.whole
        return self._window(tuple(cells.states))

    def _window(self, begun: tuple[bytes, ...]) -> Work:
        """From a state to the next stop, or to the end."""
        leg = self.whole.leg
        if self._at < len(self._stops):
            leg = Leg(keep=self._stops[self._at], ends=False)
        return replace(self.whole, leg=leg._replace(begun=begun))


def chains_of(place: Place, whole: Work, cell_seconds: float, seconds: float) -> list[Chain]:
    """A chain for each cell, of windows of about so many seconds; none where a run cannot be broken off."""
    if any(whole.leg.begun):
        return []
    stops = [stage.events for stage in stages_of(place, ceil(cell_seconds / seconds))]
    cells = range(len(whole.sets))
    return [Chain(whole.part(row, row + 1), stops) for row in cells] if stops else []
