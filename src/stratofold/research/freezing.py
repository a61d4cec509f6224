"""`freeze`: a strategy's machine code as one file, to run where there is no compiler.

What comes in: a strategy and a few bars of its kind of data, from which the layout of its state is learnt.
What goes out: a file for `backtest(..., execution="frozen", kernel=path)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.backtest import check_strategy
from stratofold.research.prepare import Options, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from pathlib import Path

    from stratofold.fold.strategy import Strategy


def freeze(
    strategy: type[Strategy],
    data: Any,
    path: str | PathLike[str],
    *,
    symbols: Any = None,
    target: str = "x86-64-v2",
    artifacts: Mapping[str, object] | None = None,
    **parameters: Any,
) -> Path:
    """Write the kernel of `strategy` to `path`, for any machine of `target`, and return the path.

    The file serves any data, costs and parameters that leave the classes of the strategy's state as they are.
    Raises Setup for what the user can mend, SF113 with file and line for what has no machine code.
    """
    from stratofold import kernel
    from stratofold.market.frames import read

    check_strategy(strategy)
    run = prepare(
        strategy, read(data, symbols=symbols, series=strategy.series), Options(artifacts=artifacts or {}), parameters
    )
    try:
        return kernel.freeze(run.engine, run.strategy, run.feed, path, target=target)
    except kernel.Refused as no:
        what = f"{strategy.__name__} has no machine code, so it can not be frozen"
        raise Setup("SF113", what, place=no.place, why=no.reason, fix=no.fix or "run it interpreted") from no
