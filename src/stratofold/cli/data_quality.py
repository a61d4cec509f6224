"""`stratofold data check` and `data clean`: what is wrong with files of market data, and a clean copy beside each.

What comes in: files of bars, trades or quotes; a folder into which they are dropped.
What goes out: findings by rule, a page with pictures, clean tables and their changes; an exit code over a stated tolerance.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Exit, Json, show_error, show_json, verb, working
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from stratofold.cli.cleaning_places import Place
    from stratofold.market.cleaning import Report
    from stratofold.market.cleaning.job import Done

Files = Annotated[
    list[str], typer.Argument(help="CSV, Parquet or Arrow files, of this machine or of a bucket: s3://BUCKET/KEY.")
]
FilesOrNone = Annotated[
    list[Path] | None, typer.Argument(help="CSV, Parquet or Arrow files. Default: what is in the catalogue.")
]
Kind = Annotated[str | None, typer.Option(help="bars, trades or quotes. Default: told by the columns.")]
CalendarName = Annotated[str, typer.Option("--calendar", help="XNYS, XLON, 24/7, ... or auto.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="The zone of times that have none: America/New_York.")]
Names = Annotated[
    Path | None, typer.Option(help="A table of company, symbol and the last day (until) on which it was the company's.")
]
Splits = Annotated[Path | None, typer.Option(help="A table of symbol and date of the splits that are known.")]


@verb
def check(
    files: FilesOrNone = None,
    *,
    symbols: Annotated[str | None, typer.Option(help="Of the catalogue only these, with commas.")] = None,
    catalogue: Folder = None,
    kind: Kind = None,
    calendar: CalendarName = "auto",
    timezone: Zone = None,
    names: Names = None,
    splits: Splits = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="The part of rows that may be in error; beyond it the exit code is 3."),
    ] = 0.0,
    page: Annotated[Path | None, typer.Option(help="Write a page with pictures here.")] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Look for repetitions, gaps, spikes, crossed quotes, splits, reused tickers and more; nothing is changed.

    Exit code 3 when more rows are in error than the tolerance allows.
    """
    options = _options(kind, calendar, timezone, names, splits)
    reports = [_checked(path, options) for path in files] if files else _stored(catalogue, symbols, options)
    if page is not None:
        _write_page(page, reports)
    if json:
        show_json({"files": [report.as_dict() for report in reports], "tolerance": tolerance})
    else:
        for report in reports:
            _say(report, tolerance)
    return Exit.DONE if all(report.share_bad() <= tolerance for report in reports) else Exit.CHECK_FAILED


@verb
def clean(
    files: Files,
    *,
    out: Annotated[
        str | None,
        typer.Option(help="The folder, or s3://BUCKET/PREFIX, for what is written. Default: that of each file."),
    ] = None,
    kind: Kind = None,
    calendar: CalendarName = "auto",
    timezone: Zone = None,
    names: Names = None,
    splits: Splits = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Take folders, or s3://BUCKET/PREFIX, and clean each file dropped there.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="With --watch: end when everything there is clean.")] = False,
    undo: Annotated[
        Path | None, typer.Option(help="Write the source again to this file, from a clean file and its changes.")
    ] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Write a clean copy beside each file, the list of all changes and the report; the file itself stays as it is.

    What is dropped, put in order or told apart is in the changes, and `--undo FILE CLEAN CHANGES` makes the source of both.
    """
    if undo is not None:
        _undo(files, undo, json=json)
        return
    options = _options(kind, calendar, timezone, names, splits)
    places = [_place(text, out, watch=watch) for text in files]
    refused: dict[str, Setup] = {}
    done = []
    endless = watch and not once
    for place, name in _arriving(places, refused, once=once) if watch else _named(places):
        try:
            one = place.clean(name, lambda path, folder: _cleaned(path, folder, options))
        except Setup as error:
            if not watch:
                raise
            refused[name] = error  # one file that is none must not keep the others
            if endless or not json:
                show_error(error, json=json)
            continue
        done.append(_facts(one))
        if not json:
            _say_done(one)
        elif endless:
            show_json(done.pop())
    if json:
        show_json({"files": done, "errors": [error.as_dict() for error in refused.values()]})


def _place(text: str, out: str | None, *, watch: bool) -> "Place":
    """Where files come: a folder or a prefix of a bucket, and with it the one file, unless all are to be watched for."""
    from stratofold.cli.cleaning_places import place_of

    return place_of(text, out, watch=watch)


def _named(places: list["Place"]) -> "Iterator[tuple[Place, str]]":
    """The files that were named."""
    return ((place, place.only) for place in places)


def _options(
    kind: str | None, calendar: str, timezone: str | None, names: Path | None, splits: Path | None
) -> dict[str, Any]:
    """What every file is examined with."""
    return {
        "kind": kind, "calendar": calendar, "timezone": timezone, "names": _table(names), "splits": _table(splits),
    }  # fmt: skip


def _table(path: Path | None) -> "pl.DataFrame | None":
    """A table of one file."""
    if path is None:
        return None
    from stratofold.market.files import frames

    ((_, _, frame),) = frames(path)
    return frame  # type: ignore[no-any-return]


def _checked(path: Path, options: Any) -> "Report":
    from stratofold.market import cleaning

    with working(f"checking {path}"):
        return cleaning.check(path, **options)


def _stored(folder: str | None, symbols: str | None, options: dict[str, Any]) -> list["Report"]:
    """Reports of what a catalogue holds."""
    from stratofold.market.cleaning.stored import check_catalogue

    given = {
        name: value
        for name, value in options.items()
        if value is not None and not (isinstance(value, str) and value == "auto")
    }
    kind = given.pop("kind", None)
    place = opened(folder)
    with working(f"checking {place.shelf.place}"):
        return check_catalogue(place, kind, split(symbols) or None, **given)


def _cleaned(path: Path, folder: Path, options: Any) -> "Done":
    from stratofold.market.cleaning.job import clean_file

    return clean_file(path, folder, _checked(path, options))


def _arriving(places: list["Place"], refused: "Mapping[str, Setup]", *, once: bool) -> "Iterator[tuple[Place, str]]":
    """Files as they come to rest in the places, but for those refused; without end, unless once."""
    looks = 0
    while True:
        found = [(place, name) for place in places for name in place.waiting() if name not in refused]
        yield from found
        looks += 1
        if once and looks > 1 and not found:
            return
        time.sleep(0.0 if once else max(place.look_seconds for place in places))


def _write_page(path: Path, reports: list["Report"]) -> None:
    """One page for one file; with several, each has its own name before the ending."""
    from stratofold.market.cleaning.page import page

    for number, report in enumerate(reports):
        place = path if len(reports) == 1 else path.with_name(f"{path.stem}-{number + 1}{path.suffix}")
        try:
            place.write_text(page(report), encoding="utf-8", newline="\n")
        except OSError as error:
            raise Setup(
                "SF648", "the page cannot be written", place=str(place), why=error.strerror or str(error),
                fix="name a file in a folder that you may write to",
            ) from error  # fmt: skip
        typer.echo(f"page: {place.resolve()}", err=True)


def _say(report: "Report", tolerance: float) -> None:
    """One file in words."""
    for line in (report.subject.source, *report.subject.notes, *report.lines()):
        typer.echo(line)
    share = report.share_bad()
    over = f", more than the tolerance of {tolerance:.4%}" if share > tolerance else ""
    typer.echo(f"{report.errors:,} rows in error, {share:.4%}{over}")


def _facts(done: "Done") -> dict[str, Any]:
    return {
        "source": str(done.source), "clean": str(done.clean), "changes": str(done.changes), "rows": done.report.rows,
        "changed": done.changed, "rules": dict(done.report.table().select("rule", "findings").iter_rows()),
    }  # fmt: skip


def _say_done(done: "Done") -> None:
    typer.echo(f"{done.source}: {done.changed:,} of {done.report.rows:,} rows changed")
    for line in done.report.lines()[1:]:
        typer.echo(f"  {line}")
    typer.echo(f"  clean: {done.clean}\n  changes: {done.changes}")


def _undo(files: list[str], target: Path, *, json: bool) -> None:
    """The source again, out of two files."""
    from stratofold.market.cleaning.job import undo_file

    if len(files) != 2:
        raise Setup(
            "SF645", "undoing needs a clean file and its changes", fix="give NAME.clean.parquet NAME.changes.parquet"
        )
    rows = undo_file(Path(files[0]), Path(files[1]), target)
    if json:
        show_json({"rows": rows, "file": str(target)})
    else:
        typer.echo(f"{rows:,} rows as they were: {target}")
