"""Who computes cells: this process, others of this machine, or functions in a cloud; one flag chooses.

    places, work ──► Inline ──────────────────────────────────────────────► cells
                 └─► Foreman ──► crew: Processes                  (loky)
                                 └──── Elsewhere ──► Lithops      (any cloud)     ┐ parcels, orders ──► shelf ──► worker
                                                └──► StepFunctions (AWS)          ┘ answers ◄────────── shelf ◄──┘

What comes in: places and `Work`, which is data (a place, sets of parameters).  What goes out: the work that is finished
with its `Cells`, in any order.  Why so: a piece of work gives the same cells whoever does it and however often, so a
worker that dies costs time alone, and neither the number of workers nor the order in which they answer matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.sweep.executors.inline import Inline
from stratofold.research.sweep.executors.work import Executor, Work

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXECUTORS", "Executor", "Work", "executor_of"]

EXECUTORS = ("inline", "processes")


def executor_of(
    name: str, execution: str, workers: Any = None, progress: Callable[[str], None] | None = None
) -> Executor:
    """The executor called `name`; raises Setup SFS22 for a name that is none."""
    if name == "inline":
        return Inline(execution, progress)
    if name == "processes":
        from stratofold.research.sweep.executors.processes import Processes

        return Processes(execution, workers)
    raise Setup("SFS22", f"there is no executor {name!r}", fix=f"one of {', '.join(EXECUTORS)}")
