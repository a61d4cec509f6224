"""`stratofold study ls|best|sql|compare|report`: what sweeps have kept."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli.data_sql import table
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup

app = typer.Typer(help="What sweeps have kept: list, rank, query and compare studies.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A study: its name under studies/, or its path.")]
By = Annotated[str | None, typer.Option(help="Another objective than the study's: sharpe, max_drawdown ...")]
_ROWS_SHOWN = 50


def _opened(name: str, by: str | None = None) -> Any:
    """The study, ranked by what is asked."""
    from stratofold.research.sweep.objective import objectives_of
    from stratofold.research.sweep.study import open_study

    study = open_study(name)
    if by is not None:
        study.objectives = list(objectives_of(by.split(",")))
    return study


@app.command()
@verb
def ls(
    folder: Annotated[Path, typer.Argument(help="Where studies are.")] = Path("studies"),
    *,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """List the studies here, with how many cells each has."""
    from stratofold.research.sweep.store import PAGE

    rows, broken = [], []
    for page in sorted(folder.glob(f"*/{PAGE}")):
        try:
            rows.append(_opened(str(page.parent)))
        except Setup as wrong:  # the others are listed all the same
            broken.append(wrong)
    if json:
        show_json({"studies": [study.as_dict(1) for study in rows], "unreadable": [each.as_dict() for each in broken]})
        return
    for each in broken:
        typer.echo(f"{each.code}: {each.what}: {each.why}", err=True)
    lines: list[tuple[str, ...]] = [
        (study.name, f"{len(study):,}", ", ".join(goal.text for goal in study.objectives)) for study in rows
    ]
    table(("study", "cells", "objective"), lines) if rows else typer.echo(f"no study in {folder}")


@app.command()
@verb
def best(
    study: Name,
    *,
    by: By = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many cells.")] = 10,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """The best cells of a study."""
    found = _opened(study, by)
    if json:
        show_json(found.as_dict(rows))
    else:
        typer.echo(found.text(rows))


@app.command()
@verb
def sql(
    study: Name,
    query: Annotated[str, typer.Argument(help='"select fast, avg(sharpe) from cells group by fast"')],
    *,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Ask DuckDB; the tables are `cells` and `everything` (older code's and other data's cells too)."""
    answer = _opened(study).sql(query)
    if json:
        show_json({"columns": answer.columns, "rows": [list(row) for row in answer.rows()]})
        return
    shown = [tuple("" if value is None else str(value) for value in row) for row in answer.head(_ROWS_SHOWN).rows()]
    table(tuple(answer.columns), shown)
    if len(answer) > _ROWS_SHOWN:
        typer.echo(f"{len(answer) - _ROWS_SHOWN:,} rows not shown", err=True)


@app.command()
@verb
def compare(
    studies: Annotated[list[str], typer.Argument(help="Two studies or more.")],
    *,
    by: By = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Studies side by side: cells, best, median and worst of the objective, and the best cell's parameters."""
    rows = [_opened(name, by).compared() for name in studies]
    if json:
        show_json({"studies": rows})
        return
    names = tuple(rows[0])
    table(
        names,
        [
            tuple(f"{row[name]:.4g}" if isinstance(row[name], float) else str(row[name]) for name in names)
            for row in rows
        ],
    )


@app.command()
@verb
def report(
    study: Name,
    *,
    by: By = None,
    output: Annotated[Path | None, typer.Option(help="Default: STUDY.html")] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Write one offline HTML page: the best cells, luck, heat maps, what matters, the efficient frontier; print its tables."""
    found = _opened(study, by)
    written = found.report(output or Path(f"{found.name}.html"))
    shares = found.importance()
    if json:
        matters = [{"parameters": each.names, "share": each.share} for each in shares]
        show_json({"report": str(written), **found.as_dict(), "importance": matters})
        return
    typer.echo(found.text())
    if shares:
        typer.echo("")
        table(("share of the variance", ""), [(each.text, f"{each.share:.1%}") for each in shares])
    typer.echo(f"\nreport: {written}")
