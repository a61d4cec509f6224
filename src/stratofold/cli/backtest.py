"""`stratofold backtest`: a strategy over data, and its numbers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.output import Debug, Json, show_json, verb, working


@verb
def backtest(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
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
    queue: jobs.Queue = None,
    report: Annotated[str | None, typer.Option(help="Also write the HTML report to this path.")] = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a strategy over data and print its numbers.

    A strategy's parameters are options too: --fast 10 --slow 30.
    """
    task = jobs.job(locals(), context.args)
    with working(f"running {task.strategy.__name__}") as progress:
        result = task.run(progress)
    written = result.report(Path(task.report)) if task.report else None
    show(result, written, json=json)


def show(result: Any, written: Path | None, *, json: bool) -> None:
    """Print a result, and where its report is."""
    if json:
        show_json({**result.as_dict(), "report": None if written is None else str(written)})
        return
    typer.echo(str(result))
    if written is not None:
        typer.echo(f"\nreport: {written}")
