"""`stratofold reconcile`: ask the venue what is so, and compare it with a book."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli.home import BookName, Home, HomePath, head_of, strategy_as_run
from stratofold.cli.output import Debug, Exit, Json, show_json, verb
from stratofold.errors import Setup


@verb
def reconcile(
    book: BookName = None,
    *,
    exchange: Annotated[
        Path | None, typer.Option(help="A file with the ready line of `stratofold exchange --json`.")
    ] = None,
    keys: Annotated[str | None, typer.Option(help="Alpaca: the name its keys are kept under.")] = None,
    live: Annotated[bool, typer.Option("--live", help="The account with real money.")] = False,
    home: HomePath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Fills, orders and positions, to the last unit; writes what it learns, and never an order. Exit 3 when they differ."""
    place = Home(home)
    found = asyncio.run(_ask(place, book, exchange, keys, live=live))
    said = {
        "clean": found.clean, "offered": found.offered, "resolved": found.resolved, "unknown": found.unknown,
        "foreign": found.foreign, "breaks": found.breaks,
    }  # fmt: skip
    if json:
        show_json(said)
    else:
        typer.echo("book and venue agree" if found.clean else "book and venue differ, or something is under way:")
        for line in (
            *found.breaks,
            *(f"unknown: {key}" for key in found.unknown),
            *(f"foreign: {key}" for key in found.foreign),
        ):
            typer.echo(f"  {line}")
        if found.offered:
            typer.echo(f"  {found.offered} facts were new; a running book hears them, or the next run")
        elif not found.compared:
            typer.echo(
                "  facts wait to be heard, so positions were not compared; a running book hears them, or the next run"
            )
    return Exit.DONE if found.clean else Exit.CHECK_FAILED


async def _ask(place: Home, book: str | None, exchange: Path | None, keys: str | None, *, live: bool) -> Any:
    """One reconciliation."""
    from stratofold.cli.venue import alpaca_venue, answering, exchange_venue, read_ready, refuse_other_account
    from stratofold.live.desk import read_desk
    from stratofold.live.reconcile import reconcile as ask

    journal = place.journal()
    name = head_of(journal, book).book
    desk = read_desk(journal, name, strategy_as_run(journal, name))
    if exchange is not None:
        with answering(str(exchange)):
            venue = await exchange_venue(read_ready(exchange), "1d")
    elif keys is not None:
        venue = alpaca_venue(place, keys, "1d", live=live)
    else:
        raise Setup("SF952", "no venue was named", place="the command line", fix="--exchange FILE, or --keys NAME")
    try:
        refuse_other_account(name, desk.manifest.account, venue)
        with answering("the venue"):
            return await ask(desk, venue.broker, venue.clock.now())
    finally:
        await venue.network.close()
