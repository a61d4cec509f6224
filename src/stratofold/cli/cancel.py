"""`stratofold cancel`: every open order at the venue, with nothing but the broker's keys."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from stratofold.cli.home import Home, HomePath, stamp, whoami
from stratofold.cli.output import Debug, Exit, Json, show_json, verb
from stratofold.errors import Setup


@verb
def cancel(
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
    """Break the glass: ask the venue to cancel every open order of the account; no journal is needed. Halt first.

    Exit code 3 while some are still open, by the venue's own word.
    """
    place = Home(home)
    account, asked, left = asyncio.run(_cancel(place, exchange, keys, live=live))
    note(place, account, asked, left)
    if json:
        show_json({"asked": asked, "open": left})
    else:
        typer.echo(f"asked to cancel {len(asked)}; {len(left)} still open" + "".join(f"\n  {one}" for one in left))
    return Exit.CHECK_FAILED if left else Exit.DONE


def note(place: Home, account: str, asked: list[str], left: list[str]) -> None:
    """Write down in every book of the account that it was said; without a journal, or with a broken one, it counts too."""
    from stratofold.errors import Error
    from stratofold.live.halt import note_cancel

    now = time.time_ns()
    try:
        note_cancel(place.journal(), account, asked, left, whoami(), now, stamp("cancel", now))
    except Error as error:
        if error.code != "SF941":
            typer.echo(f"the cancel was asked for, and could not be written down: {error}", err=True)


async def _cancel(
    place: Home, exchange: Path | None, keys: str | None, *, live: bool
) -> tuple[str, list[str], list[str]]:
    """Ask, and ask again what is open."""
    from stratofold.cli.venue import alpaca_venue, answering, exchange_venue, read_ready
    from stratofold.live.halt import cancel_everything

    if exchange is not None:
        with answering(str(exchange)):
            venue = await exchange_venue(read_ready(exchange), "1d")
    elif keys is not None:
        venue = alpaca_venue(place, keys, "1d", live=live)
    else:
        raise Setup("SF952", "no venue was named", place="the command line", fix="--exchange FILE, or --keys NAME")
    try:
        with answering("the venue"):
            return venue.account, *await cancel_everything(venue.broker, venue.account)
    finally:
        await venue.network.close()
