"""`stratofold walk-forward`: choose parameters on one stretch of history, trade them on the next, and count the latter."""

from typing import Annotated, Any

import typer

import stratofold
from stratofold.cli import job as jobs
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.cli.sweep import Objective, Where, goals, swept


@verb
def walk_forward(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    train: Annotated[int, typer.Option(help="Sessions to choose on.")] = 504,
    test: Annotated[int, typer.Option(help="Sessions to trade the choice on.")] = 126,
    step: Annotated[
        int | None, typer.Option(help="Sessions from one stretch to the next. Default: as many as a test.")
    ] = None,
    anchored: Annotated[bool, typer.Option("--anchored", help="Stretches keep their beginning, and grow.")] = False,
    objective: Objective = None,
    sampler: Annotated[str, typer.Option(help="grid, random, sobol; with Optuna: tpe, cmaes, nsga2.")] = "grid",
    trials: Annotated[int | None, typer.Option(help="How many sets of parameters; all but the grid need it.")] = None,
    where: Where = None,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    executor: Annotated[str, typer.Option(help="inline or processes.")] = "inline",
    workers: Annotated[int | None, typer.Option(help="How many processes. Default: one a core.")] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="Where cells are kept: a name under studies/, or a path. Default: the strategy's, and -walk."
        ),
    ] = None,
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    start: jobs.Start = None,
    end: jobs.End = None,
    cash: jobs.Cash = None,
    fees: jobs.Charges = None,
    slippage: jobs.Slips = None,
    limits: jobs.Allowances = None,
    execution: jobs.ExecutionOfCells = None,
    queue: jobs.Queue = None,
    report: Annotated[str | None, typer.Option(help="Also write the HTML page of the walk to this path.")] = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Choose parameters on one stretch of history, trade them on the next, move on; only the latter counts.

    Parameters are options, as in sweep: --fast 5:60:5, --slow 20,50,100, --stop 0.01..0.2.
    Finished cells are kept: the same command again computes only what is new.
    """
    task = jobs.job(locals(), context.args)
    keywords = task.keywords | {
        "train": train, "test": test, "step": step, "anchored": anchored, "objective": goals(objective),
        "sampler": sampler, "trials": trials, "where": where or (), "seed": seed, "executor": executor, "workers": workers,
        "study": study or f"{task.strategy.__name__.lower()}-walk",
    }  # fmt: skip
    walk = swept(task, keywords, stratofold.walk_forward)
    if json:
        show_json({**_as_dict(walk), "report": str(walk.report(report)) if report else None})
        return
    typer.echo(str(walk))
    if report:  # last, so that nothing else is lost where it cannot be written
        typer.echo(f"report: {walk.report(report)}")


def _as_dict(walk: Any) -> dict[str, Any]:
    """For `--json`: every stretch, and what the tests came to together."""
    stretches = [
        {
            "train": [str(day) for day in stretch.train], "test": [str(day) for day in stretch.test],
            "parameters": dict(stretch.parameters), "inside": stretch.inside, "outside": stretch.outside,
        }
        for stretch in walk.stretches
    ]  # fmt: skip
    return {"study": walk.study.name, "stretches": stretches, "out_of_sample": walk.stats}
