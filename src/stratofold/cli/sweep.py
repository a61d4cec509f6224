"""`stratofold sweep`: a strategy over many parameters, markets and costs, and the best of them."""

import functools
from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.errors import Setup

Objective = Annotated[
    str, typer.Option(help='A statistic, "-" and a statistic of which less is better, or several with commas.')
]
Where = Annotated[list[str] | None, typer.Option(help='A condition: --where "fast < slow". May be given again.')]
Windows = Annotated[
    list[str] | None, typer.Option("--window", help="First and last day: 2015-01-01..2017-12-31. May be given again.")
]


@verb
def sweep(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    objective: Objective = "sharpe",
    sampler: Annotated[str, typer.Option(help="grid, random, sobol; with Optuna: tpe, cmaes, nsga2.")] = "grid",
    trials: Annotated[int | None, typer.Option(help="How many sets of parameters; all but the grid need it.")] = None,
    where: Where = None,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    executor: Annotated[str, typer.Option(help="inline or processes.")] = "inline",
    workers: Annotated[int | None, typer.Option(help="How many processes. Default: one a core.")] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Where cells are kept: a name under studies/, or a path. Default: the strategy's."),
    ] = None,
    each_symbol: Annotated[bool, typer.Option("--each-symbol", help="Every symbol alone is a cell.")] = False,
    windows: Windows = None,
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    start: jobs.Start = None,
    end: jobs.End = None,
    cash: jobs.Cash = None,
    fees: jobs.Charges = None,
    slippage: jobs.Slips = None,
    limits: jobs.Allowances = None,
    execution: jobs.Execution = None,
    queue: jobs.Queue = None,
    report: Annotated[str | None, typer.Option(help="Also write the HTML page of the study to this path.")] = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run a strategy with many parameters and rank what they came to.

    Parameters are options: --fast 5:60:5 (both ends included), --slow 20,50,100, --stop 0.01..0.2 (bounds).
    Finished cells are kept: the same command again, or one that asks for more, computes only what is new.
    """
    options = {
        "strategy": strategy, "data": data, "symbols": symbols, "start": start, "end": end, "cash": cash,
        "fees": fees, "slippage": slippage, "limits": limits, "execution": execution, "queue": queue,
    }  # fmt: skip
    task = jobs.job(options, config, context.args)
    keywords = task.keywords | {
        "objective": objective.split(","), "sampler": sampler, "trials": trials, "where": where or (), "seed": seed,
        "executor": executor, "workers": workers, "each_symbol": each_symbol,
        "study": study or task.strategy.__name__.lower(), "windows": [_days(text) for text in windows or ()] or None,
    }  # fmt: skip
    found = _swept(task, keywords)
    written = found.report(report) if report else None
    if json:
        show_json({**found.as_dict(), "report": None if written is None else str(written)})
        return
    typer.echo(str(found))
    typer.echo(f"\nkept in {found.store.folder}: stratofold study best {found.name}")
    if written is not None:
        typer.echo(f"report: {written}")


def _swept(task: jobs.Job, keywords: dict[str, Any]) -> Any:
    """The study."""
    import stratofold
    from stratofold.research.sweep.space import parse

    space = {name: keywords.pop(name) for name in task.strategy.parameters() if name in keywords}
    space = {name: parse(value) if isinstance(value, str) else value for name, value in space.items()}
    with working(f"sweeping {task.strategy.__name__}") as progress:
        run = functools.partial(stratofold.sweep, task.strategy, task.data, progress=progress)
        try:
            return run(**keywords, **space)
        except KeyboardInterrupt:
            typer.echo("finished cells are kept: the same command goes on from there", err=True)
            raise


def _days(text: str) -> tuple[str, str]:
    """First and last day."""
    first, dots, last = text.partition("..")
    if not dots:
        raise Setup("SFS31", f"{text!r} is no window", place="--window", fix="--window 2015-01-01..2017-12-31")
    return first, last
