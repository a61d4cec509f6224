"""`stratofold report`: a strategy over data, and the HTML file that shows what it did."""

from pathlib import Path
from typing import Annotated

import typer

from stratofold.cli import job as jobs
from stratofold.cli.backtest import show
from stratofold.cli.output import Debug, Json, verb, working


@verb
def report(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Where to write. Default: stratofold-report.html.")] = None,
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    start: jobs.Start = None,
    end: jobs.End = None,
    cash: jobs.Cash = None,
    fees: jobs.Charges = None,
    slippage: jobs.Slips = None,
    limits: jobs.Allowances = None,
    execution: jobs.Execution = None,
    kernel: jobs.Kernel = None,
    config: jobs.ConfigPath = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a strategy and write one offline HTML file: candles, trades, equity, drawdown, statistics."""
    task = jobs.job(locals(), context.args)
    with working(f"running {task.strategy.__name__}") as progress:
        result = task.run(progress)
        written = result.report(out or Path(task.report or "stratofold-report.html"), open=open_it)
    show(result, written, json=json)
