"""Which driver hears a feed: bars or ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.fold.engine import Feed
from stratofold.fold.run import run

if TYPE_CHECKING:
    from collections.abc import Callable


def driver_of(feed: Feed) -> Callable[[Any, Any, Any, int], int]:
    """The function that hears such a feed: `run` for bars, `run_ticks` for ticks."""
    if type(feed) is Feed:
        return run
    from stratofold.fold.ticks.run import run_ticks  # noqa: PLC0415  only runs on ticks pay for it

    return run_ticks
