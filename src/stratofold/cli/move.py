"""`stratofold move`: a running book from this folder to a stack on AWS, or back."""

import time
from functools import partial
from typing import Annotated, Any

import typer

from stratofold.cli.cloud_settings import Region, StackName, artifacts_of, journal_of, stack_of
from stratofold.cli.home import Home, HomePath, head_of, strategy_as_run, whoami
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.errors import Setup


@verb
def move(
    book: Annotated[str | None, typer.Argument(help="Which book; default: the only one there is.")] = None,
    *,
    to: Annotated[str, typer.Option(help="cloud or laptop.")],
    stack: StackName = None,
    region: Region = None,
    table: Annotated[
        str, typer.Option(help="With --to laptop: from this table, which was restored beside the stack's own.")
    ] = "",
    home: HomePath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Hand a book over: its writer here is fenced off first, every record is carried, and the other side goes on."""
    from stratofold.adapters.aws import carry as in_cloud
    from stratofold.adapters.embedded import carry as at_home
    from stratofold.cloud.limits import limits_of
    from stratofold.cloud.move import Side, copy_segments
    from stratofold.cloud.move import move as hand_over

    if to not in {"cloud", "laptop"}:
        raise Setup("SFA31", f"there is no {to!r} to move to", place="--to", fix="cloud, or laptop")
    place = stack_of(stack, region)
    if table and to != "laptop":
        raise Setup("SFA31", f"a book goes to {to} into the stack's own table", place="--table", fix="leave it out")
    cloud, laptop = Side(journal_of(place, table), in_cloud), Side(Home(home).journal(make=to == "laptop"), at_home)
    source, target = (laptop, cloud) if to == "cloud" else (cloud, laptop)
    holder = f"cloud:{place.name}" if to == "cloud" else f"laptop:{whoami()}"
    name = head_of(source.journal, book).book
    here, there = Home(home).artifacts(), artifacts_of(place)
    kept, wanted = (here, there) if to == "cloud" else (there, here)
    show = partial(_show, cloud.journal, strategy_as_run(source.journal, name)) if to == "cloud" else None
    with working(f"moving {name}"):
        copy_segments(kept, wanted, name)
        most = limits_of(place.state().parameters) if to == "cloud" else None
        moved = hand_over(source, target, name, holder, time.time_ns(), most, show)
    if json:
        show_json(
            {
                "book": name,
                "to": to,
                "holder": holder,
                "step": moved.head.step,
                "records": moved.records,
                "messages": moved.messages,
            }
        )
        return
    after = (
        f"stratofold cloud status --stack {place.name}" if to == "cloud" else f"stratofold run --book {name}, as before"
    )
    if to == "cloud":
        typer.echo(_fetched_otherwise(cloud.journal, name, place.state().parameters.get("Symbols", "*")), nl=False)
    typer.echo(
        f"{name} is in the {to} now: {moved.records:,} records carried, {moved.head.step:,} steps; next: {after}"
    )


def _fetched_otherwise(journal: Any, book: str, named: str) -> str:
    """A line where the stack's schedule leaves out what a book trades, or its estimate is of one symbol; else empty."""
    from stratofold.live.desk import manifest_of

    symbols = manifest_of(journal, book).symbols
    if named == "*" and len(symbols) > 1:
        what = "the cost was estimated for one symbol"
    elif named != "*" and set(symbols) - set(named.split(",")):
        what = f"the schedule fetches {named}"
    else:
        return ""
    meant = ",".join(symbols)
    return f"{book} trades {meant}, and {what}: stratofold deploy --set Symbols={meant}\n"


def _show(journal: Any, strategy: type[Any], book: str) -> None:
    """Write what people read of a book in a stack's table, as it stands."""
    from stratofold.cloud.shown import show_standing
    from stratofold.live.desk import read_desk

    show_standing(journal, read_desk(journal, book, strategy))
