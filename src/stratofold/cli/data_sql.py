"""`stratofold data sql` and `stratofold data ddl`: a catalogue as tables, here and in the cloud."""

import time
from pathlib import Path
from typing import Annotated

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder
from stratofold.cli.output import Debug, Json, show_json, verb

ROWS_SHOWN = 200


@verb
def sql(
    query: Annotated[str, typer.Argument(help='"select symbol, max(time) from bars group by symbol"')],
    *,
    output: Annotated[
        Path | None, typer.Option(help="Write all rows to this .csv or .parquet file instead of printing them.")
    ] = None,
    rows: Annotated[int, typer.Option(help="How many rows to print.")] = ROWS_SHOWN,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run SQL over the catalogue with DuckDB. The tables are its kinds: bars, trades, quotes, depth, actions, ...

    Filters on source, span, symbol, year and time leave out the files that they rule out. Times are UTC.
    """
    from stratofold.market.catalogue.sql import export
    from stratofold.market.catalogue.sql import query as ask

    place = opened(catalogue)
    if output is not None:
        count = export(place, query, output)
        show_json({"rows": count, "file": str(output)}) if json else typer.echo(f"{count:,} rows written to {output}")
        return
    started = time.perf_counter()
    answer = ask(place, query)
    if json:
        show_json({"columns": answer.columns, "rows": answer.rows, "state": place.hash})
        return
    table(answer.columns, [tuple(_text(value) for value in row) for row in answer.rows[:rows]])
    more = f", {len(answer.rows) - rows:,} not shown (--rows, --output)" if len(answer.rows) > rows else ""
    said = "1 row" if len(answer.rows) == 1 else f"{len(answer.rows):,} rows"
    typer.echo(f"{said}{more}, {time.perf_counter() - started:.2f} s", err=True)


def _text(value: object) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Rows under the names of their columns."""
    widths = [max(len(name), *(len(row[k]) for row in rows), 0) for k, name in enumerate(columns)]
    for row in (columns, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@verb
def ddl(
    engine: Annotated[str, typer.Argument(help="athena or redshift")],
    *,
    location: Annotated[str, typer.Option(help="Where the catalogue's files are: s3://bucket/prefix")],
    schema: Annotated[str, typer.Option(help="The database (Athena) or external schema (Redshift).")] = "stratofold",
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Print the statements that make external tables of the catalogue in Athena or Redshift Spectrum."""
    from stratofold.market.catalogue.ddl import statements

    found = statements(engine, opened(catalogue).manifest.files, location, schema)
    if json:
        show_json({"statements": found})
    else:
        typer.echo("\n\n".join(found))
