"""Who computes cells: this process, others of this machine, or functions in a cloud; one flag chooses.

    places, work ──► Inline ──────────────────────────────────────────────► cells
                 └─► Foreman ──► crew: Processes ──► hands        (this machine)
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
from stratofold.research.sweep.executors.work import DIED, Executor, Work

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DIED", "EXECUTORS", "Executor", "Work", "call_ahead", "executor_of"]

EXECUTORS = ("inline", "processes", "lithops", "stepfunctions")


def executor_of(
    name: str,
    execution: str,
    workers: Any = None,
    progress: Callable[[str], None] | None = None,
    budget: Any = None,
    spent_usd: float = 0.0,
) -> Executor:
    """The executor called `name`; `spent_usd` of its `budget` are spent.

    Raises Setup SFS22 for a name that is none, SFS67 for a budget where nothing is paid, and what an executor raises.
    """
    if name not in EXECUTORS:
        raise Setup("SFS22", f"there is no executor {name!r}", fix=f"one of {', '.join(EXECUTORS)}")
    if name == "lithops":
        from stratofold.research.sweep.executors.lithops import Lithops

        return Lithops(execution, workers, progress, budget, spent_usd)
    if name == "stepfunctions":
        from stratofold.research.sweep.executors.stepfunctions import StepFunctions

        return StepFunctions(execution, workers, progress, budget, spent_usd)
    if budget is not None:
        raise Setup("SFS67", f"executor={name!r} costs nothing", fix="leave budget= out")
    if name == "inline":
        return Inline(execution, progress)
    from stratofold.research.sweep.executors.processes import Processes

    return Processes(execution, workers)


def call_ahead(name: str, workers: Any = None) -> None:
    """Have on their way whoever takes a while to come, for a sweep that is still to be planned."""
    if name == "processes":
        from stratofold.research.sweep.executors.processes import call_ahead

        call_ahead(workers)
