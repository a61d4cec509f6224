"""`stratofold sweep`: a strategy over many parameters, markets and costs, and the best of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

import stratofold
from stratofold.cli import job as jobs
from stratofold.cli.load import load_strategy
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.errors import Setup

Objective = Annotated[
    list[str] | None,
    typer.Option(
        help='A statistic (of drawdown, fees and the like the least is best, and of any with "-" before it), or several with commas. May be given again. Default: sharpe.'
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(help="Another strategy, ranked together with the first: other.py:Class. May be given again."),
]
Where = Annotated[list[str] | None, typer.Option(help='A condition: --where "fast < slow". May be given again.')]
_SECTIONS = ("fees", "slippage", "limits")
Windows = Annotated[
    list[str] | None,
    typer.Option(
        "--window", help="First and last day: 2015-01-01..2017-12-31, or one of them: 2018-01-01.. May be given again."
    ),
]
Costs = Annotated[
    list[str] | None,
    typer.Option(
        "--cost",
        help="Costs by a name, instead of what is stated: dear:fees.per_share=0.01,slippage.proportional=0.001,volume_cap=0.1, or stated: as they are. May be given again.",
    ),
]


@verb
def sweep(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    also: Also = None,
    objective: Objective = None,
    sampler: Annotated[str, typer.Option(help="grid, random, sobol; with Optuna: tpe, cmaes, nsga2.")] = "grid",
    trials: Annotated[int | None, typer.Option(help="How many sets of parameters; all but the grid need it.")] = None,
    where: Where = None,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    executor: Annotated[str, typer.Option(help="inline, processes, lithops or stepfunctions.")] = "inline",
    workers: Annotated[int | None, typer.Option(help="How many processes. Default: one a core.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Dollars that a study may cost where workers have a price.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Where cells are kept: a name under studies/, or a path. Default: the strategy's."),
    ] = None,
    each_symbol: Annotated[bool, typer.Option("--each-symbol", help="Every symbol alone is a cell.")] = False,
    windows: Windows = None,
    costs: Costs = None,
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
    report: Annotated[str | None, typer.Option(help="Also write the HTML page of the study to this path.")] = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a strategy with many parameters and rank what they came to.

    Parameters are options: --fast 5:60:5 (both ends included), --slow 20,50,100, --stop 0.01..0.2 (bounds).
    Finished cells are kept: the same command again, or one that asks for more, computes only what is new.
    """
    others = [load_strategy(name) for name in also or ()]
    task = jobs.job(locals(), context.args)
    keywords = task.keywords | {
        "objective": goals(objective), "sampler": sampler, "trials": trials, "where": where or (), "seed": seed,
        "executor": executor, "workers": workers, "budget": budget, "each_symbol": each_symbol,
        "study": study or task.strategy.__name__.lower(), "windows": [_days(text) for text in windows or ()] or None,
        "costs": costs_of(costs or ()) or None,
    }  # fmt: skip
    from stratofold.research.sweep.store import place_of

    found = swept(task, keywords, stratofold.sweep, others)
    if json:
        show_json({**found.as_dict(), "report": str(found.report(report)) if report else None})
        return
    typer.echo(str(found))
    name = found.name if found.store.folder == place_of(found.name) else found.store.folder
    typer.echo(f"\nkept in {found.store.folder}: stratofold study best {name}")
    if report:  # last, so that nothing else is lost where it cannot be written
        typer.echo(f"report: {found.report(report)}")


def goals(objective: Sequence[str] | None) -> list[str]:
    """The objectives of `--objective`, given once with commas or again and again."""
    return [name for text in objective or ["sharpe"] for name in text.split(",")]


def swept(task: jobs.Job, keywords: dict[str, Any], run: Callable[..., Any], others: Sequence[type[Any]] = ()) -> Any:
    """What `run` (a sweep, or a walk of them) comes to; the strategies' parameters among the keywords are their space."""
    from stratofold.research.sweep.space import parse

    declared = [name for each in (task.strategy, *others) for name in each.parameters()]
    space = {name: keywords.pop(name) for name in declared if name in keywords}
    space = {
        name: parse(value, f"the values of {name}") if isinstance(value, str) else value
        for name, value in space.items()
    }
    with working(f"sweeping {task.strategy.__name__}") as progress:
        try:
            return run(
                [task.strategy, *others] if others else task.strategy, task.data, progress=progress, **keywords, **space
            )
        except KeyboardInterrupt:
            typer.echo("finished cells are kept: the same command goes on from there", err=True)
            raise


def _days(text: str) -> tuple[str | None, str | None]:
    """First and last day; one of them may be left open."""
    first, dots, last = text.partition("..")
    if not dots or not (first or last):
        fix = "--window 2015-01-01..2017-12-31, or --window 2018-01-01.."
        raise Setup("SFS31", f"{text!r} is no window", place="--window", fix=fix)
    return first or None, last or None


def costs_of(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`dear:fees.per_share=0.01,volume_cap=0.1` as changes of the stated costs, by their names; raises Setup SFS34."""
    return {text.partition(":")[0].strip(): _changes(text) for text in texts}


def _changes(text: str) -> dict[str, Any]:
    """What one text changes of the stated costs."""
    changes: dict[str, Any] = {}
    tables: dict[str, list[str]] = {}
    for part in filter(None, text.partition(":")[2].split(",")):
        name, equals, value = (each.strip() for each in part.partition("="))
        section, dot, key = name.partition(".")
        if not equals or (dot and section not in _SECTIONS):
            fix = "--cost dear:fees.per_share=0.01,slippage.proportional=0.001,volume_cap=0.1"
            raise Setup("SFS34", f"{part!r} is no cost", place="--cost", why=f"of {', '.join(_SECTIONS)}", fix=fix)
        if dot:
            tables.setdefault(section, []).append(f"{key}={value}")
        else:
            changes[name] = jobs.value_of(value)
    place = "--cost {section}.{key}"
    return changes | {section: jobs.cost(section, ",".join(rows), place) for section, rows in tables.items()}
