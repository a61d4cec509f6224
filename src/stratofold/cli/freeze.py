"""`stratofold freeze`: a strategy as a file of machine code, for machines without a compiler."""

from pathlib import Path
from typing import Annotated

import typer

from stratofold.cli import job as jobs
from stratofold.cli.output import Debug, Json, show_json, verb, working


@verb
def freeze(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Where to write. Default: the class's name and .kernel.")] = None,
    target: Annotated[str, typer.Option(help="x86-64-v2, x86-64-v3, aarch64, or native: this machine.")] = "x86-64-v2",
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a strategy's machine code to a file; run it with backtest --execution frozen --kernel FILE."""
    import stratofold

    task = jobs.job(locals(), context.args)
    parameters = {name: value for name, value in task.keywords.items() if name in task.strategy.parameters()}
    place = out or Path(f"{task.strategy.__name__.lower()}.kernel")
    with working(f"freezing {task.strategy.__name__} for {target}"):
        written = stratofold.freeze(task.strategy, task.data, place, target=target, **parameters)
    size = written.stat().st_size
    if json:
        show_json({"kernel": str(written), "bytes": size, "target": target})
    else:
        typer.echo(f"{written}: {size / 1000:.0f} kB for {target}")
