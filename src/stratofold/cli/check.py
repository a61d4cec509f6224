"""`stratofold check`: whether a strategy looks ahead, loses state in a restart, or differs between executions."""

import typer

from stratofold.cli import job as jobs
from stratofold.cli.output import Debug, Exit, Json, show_json, verb, working


@verb
def check(
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
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Change the future, restart at every event, compare executions: decisions must stay the same."""
    import stratofold

    task = jobs.job(locals(), context.args)
    task.keywords.pop("execution", None)  # every execution is compared
    with working(f"checking {task.strategy.__name__}"):
        outcome = stratofold.check(task.strategy, task.data, **task.keywords)
    if json:
        show_json(outcome.as_dict())
    else:
        typer.echo(str(outcome))
    return Exit.DONE if outcome.ok else Exit.CHECK_FAILED
