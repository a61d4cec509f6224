"""`stratofold data`: a catalogue of market data, filled, looked at, queried and given away.

What comes in: files and symbols, a catalogue's folder.
What goes out: what was done, as text or JSON.  Each verb with work of its own has a file of its own.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Exit, Json, show_json, verb, working
from stratofold.errors import Setup

if TYPE_CHECKING:
    from stratofold.market.catalogue.append import Receipt
    from stratofold.market.catalogue.catalogue import Catalogue, Holding

app = typer.Typer(help="A catalogue of market data: import it, look at it, query it.", no_args_is_help=True)
Folder = Annotated[
    str | None,
    typer.Option(
        "--catalogue",
        help="The catalogue: a folder, or s3://BUCKET/PREFIX. Default: STRATOFOLD_CATALOGUE, or catalogue here.",
    ),
]
Source = Annotated[str | None, typer.Option(help="Which source. Default: the only one there is.")]
Span = Annotated[str | None, typer.Option(help="Which bars: 1min, 1h, 1d. Default: the only ones there are.")]
KindName = Annotated[
    str | None, typer.Option("--kind", help="bars, trades, quotes, depth, observations, actions or names.")
]


@app.command("import")
@verb
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="CSV, Parquet or Arrow files, or folders of them; observations as JSON, RSS or Atom too."),
    ],
    *,
    source: Annotated[str, typer.Option(help="What to call where they are from.")] = "files",
    kind: KindName = None,
    symbol: Annotated[
        str | None, typer.Option(help="The symbol, where no column says it. Default: the file's name.")
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(help="What observations are called, where no column says it. Default: the file's name."),
    ] = None,
    span: Annotated[
        str | None, typer.Option(help="How long a bar lasts: 1min, 1d. Default: the most frequent gap.")
    ] = None,
    calendar: Annotated[str, typer.Option(help="XNYS, 24/7, ... or auto.")] = "auto",
    stamped: Annotated[str, typer.Option(help="Whether a bar carries its start or its close; or auto.")] = "auto",
    timezone: Annotated[str | None, typer.Option(help="The zone of times that have none: America/New_York.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Exchange rows that are there with other values.")] = False,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Put files into the catalogue, all rows or none; rows that are there already are left out.

    What the rows are (bars, trades, quotes, depth, actions, ...) is seen by their columns. Nothing is corrected.
    """
    from stratofold.market.catalogue.append import Receipt
    from stratofold.market.catalogue.intake import Stated

    stated = Stated(source, kind, symbol, span, calendar, stamped, timezone, series)
    place = opened(catalogue, make=True)
    whole = Receipt(manifest=place.hash)
    for path in files:
        with working(f"importing {path}"):
            _add(whole, place.take(path, stated, replace=replace))
    show_receipt(whole, place, json=json)


def _add(whole: "Receipt", part: "Receipt") -> None:
    """One receipt for all files."""
    whole.added += part.added
    whole.known += part.known
    whole.replaced += part.replaced
    whole.files += part.files
    whole.manifest = part.manifest
    whole.notes += [note for note in part.notes if note not in whole.notes]


def show_receipt(receipt: "Receipt", place: "Catalogue", *, json: bool) -> None:
    """Say what was put into a catalogue."""
    if json:
        show_json({"catalogue": place.shelf.place, **vars(receipt)})
        return
    said = [f"{receipt.added:,} rows added to {place.shelf.place}"]
    said += [f"{receipt.known:,} were there already"] if receipt.known else []
    said += [f"{receipt.replaced:,} exchanged"] if receipt.replaced else []
    typer.echo(", ".join(said))
    for note in receipt.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"state: {receipt.manifest[:16] or 'empty'}")


@app.command("ls")
@verb
def ls(
    *,
    kind: KindName = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, with commas.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also read every file and compare its hash. Exit code 3 where one differs.")
    ] = False,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """List what the catalogue has: kind, source, symbol, rows, range, size."""
    place = opened(catalogue)
    wanted = split(symbols)
    found = [one for one in place.holdings(kind) if not wanted or one.series.symbol in wanted]
    damaged = place.damaged() if verify else []
    if json:
        rows = [{**one.series._asdict(), **_facts(one)} for one in found]
        show_json({"catalogue": place.shelf.place, "state": place.hash, "holdings": rows, "damaged": damaged})
    else:
        _table(found)
        typer.echo(f"state: {place.hash[:16] or 'empty'}")
        for path in damaged:
            typer.secho(f"damaged: {path}", fg=typer.colors.RED)
    return Exit.CHECK_FAILED if damaged else Exit.DONE


def _facts(one: "Holding") -> dict[str, Any]:
    return {
        "files": one.files, "rows": one.rows, "bytes": one.bytes, "first": moment(one.first), "last": moment(one.last),
        "calendar": one.calendar,
    }  # fmt: skip


def moment(time_ns: int) -> datetime:
    """Nanoseconds UTC as a datetime, to the microsecond."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(microsecond=time_ns // 1000 % 1_000_000)


def _table(found: list["Holding"]) -> None:
    """Holdings as lines of columns."""
    rows = [("kind", "source", "span", "symbol", "rows", "from", "to", "MB")]
    rows += [
        (*one.series[:3], one.series.symbol, f"{one.rows:,}", f"{moment(one.first):%Y-%m-%d}", f"{moment(one.last):%Y-%m-%d}",
         f"{one.bytes / 1e6:.2f}")
        for one in found
    ]  # fmt: skip
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if k in (4, 7) else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())


def refuse_unknown(name: str, known: tuple[str, ...], what: str) -> None:
    """Raise Setup SFC16 for a name that is none of those known."""
    if name not in known:
        raise Setup(
            "SFC16", f"there is no {what} {name!r}", place="the command line", fix=f"use one of {', '.join(known)}"
        )
