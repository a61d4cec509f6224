"""Python's collector of cycles, kept from interrupting a decision.

What comes in: a run about to begin, and moments in which nothing happens.  What goes out: collections at those moments.
Why it is shaped so: a full collection walks every object there is, modules and state included, which takes tens of
milliseconds, and it comes whenever enough was allocated, which is while an event is folded.  What is there when a run
begins lives as long as the run, so it is left out of every round; what a run makes is mostly freed without one.  Nothing is
collected before that: it takes 16 to 46 ms, for which a start would wait, and finds some seventy objects of 48,000.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stratofold.adapters.ports import Clock

SELDOM = (50_000, 20, 100)  # allocations, and rounds of the younger ones, before a round of each generation
QUIET_SECONDS = 5.0


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, collections are seldom and pass over everything that was there before."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def collect_when_quiet(clock: Clock, count: Callable[[], int], seconds: float = QUIET_SECONDS) -> None:
    """Collect whenever `count` of events has stood still for so long, once each time; never returns."""
    collected = seen = count()
    while True:
        await clock.sleep(seconds)
        before, seen = seen, count()
        if seen == before != collected:
            gc.collect()
            collected = seen
