"""In this process, one piece after another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stratofold.research.sweep.executors.work import CELLS_MAX, Bench, Choice, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.place import Place

_SECONDS = 1.0  # a piece, so that little is lost where the process is killed
_SHORT = 0.25  # seconds: a piece of less is given with the next
_PILOT = 4  # cells: they have the kernel made, and say how long a cell takes
_GROWTH = 256.0  # of the cells of a piece over those of the one before, while little is known of how long they take


class Inline:
    """In this process, one piece after another."""

    def __init__(self, execution: str, progress: Callable[[str], None] | None = None) -> None:
        """`execution` as in `backtest`."""
        self._choice = Choice(execution)
        self._bench = Bench(progress)

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """Pieces of about a second; shorter ones are given with the next, because each is a file."""
        execution = self._choice.of(places, work)
        bars = 0.0  # a piece's; the first pieces are small, because nobody knows how long a bar takes
        for whole in work:
            place = places[whole.place]
            at, length = 0, max(len(place.market), 1)
            parts: list[Cells] = []
            begun, given = time.perf_counter(), 0
            while at < len(whole.sets):
                count = max(int(bars / length), 1) if bars else _PILOT
                piece = whole.part(at, at + min(count, CELLS_MAX))
                since = time.perf_counter()
                parts.append(self._bench.run(place, piece, execution))
                now = time.perf_counter()
                at += len(piece.sets)
                heard = len(piece.sets) * length
                bars = min(heard * _SECONDS / max(now - since, 1e-6), _GROWTH * max(bars, heard))
                if now - begun > _SHORT or at == len(whole.sets):
                    yield whole.part(given, at), joined(parts)
                    parts, begun, given = [], time.perf_counter(), at
