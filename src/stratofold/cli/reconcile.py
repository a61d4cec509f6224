"""`stratofold reconcile`: ask the venue what is so, and compare it with a book."""

import asyncio
from pathlib import Path
from typing import Any

import typer

from stratofold.cli.home import BookName, Home, HomePath, KeysName, ReadyFile, RealMoney, head_of, strategy_as_run
from stratofold.cli.output import Debug, Exit, Json, show_json, verb


@verb
def reconcile(
    book: BookName = None,
    *,
    exchange: ReadyFile = None,
    keys: KeysName = None,
    live: RealMoney = False,
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
        "fractions": found.fractions,
    }  # fmt: skip
    if json:
        show_json(said)
    else:
        typer.echo("book and venue agree" if found.clean else "book and venue differ, or something is under way:")
        for line in (
            *found.breaks,
            *found.fractions,
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
    from stratofold.cli.venue import answering, named_venue, read_ready, refuse_other_account
    from stratofold.live.look import look_at
    from stratofold.live.reconcile import compare_only
    from stratofold.live.reconcile import reconcile as ask

    journal = place.journal()
    head = head_of(journal, book)
    place.refuse_elsewhere(head, "cloud invoke reconcile")
    name = head.book
    look = look_at(journal, name, strategy_as_run(journal, name))
    desk = look.desk
    ready = read_ready(exchange) if exchange is not None else None
    with answering(str(exchange)):
        venue = await named_venue(place, ready, keys, "1d", live=live)
    try:
        refuse_other_account(name, desk.manifest.account, venue)
        with answering("the venue"):
            if look.otherwise is not None:
                return await compare_only(look, venue.broker)
            return await ask(desk, venue.broker, venue.clock.now())
    finally:
        await venue.network.close()
