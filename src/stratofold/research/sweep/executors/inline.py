"""In this process, one piece after another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stratofold.research.sweep.executors.work import CELLS_MAX, Bench, Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.research.sweep.block import Cells
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.place import Place

_SECONDS = 1.0  # a piece, so that little is lost where the process is killed
_PILOT = 4  # cells: they have the kernel made, and say how long a cell takes


class Inline:
    """In this process, one piece after another."""

    def __init__(self, execution: str, progress: Callable[[str], None] | None = None) -> None:
        """`execution` as in `backtest`."""
        self._choice = Choice(execution)
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
                piece = whole.part(at, at + min(count, CELLS_MAX))
                begun = time.perf_counter()
                cells = self._bench.run(place, piece, execution)
                taken = max(time.perf_counter() - begun, 1e-6)
                at += len(piece.sets)
                heard = len(piece.sets) * length
                bars = min(heard * _SECONDS / taken, 16.0 * max(bars, heard))
                yield piece, cells
