"""`stratofold cancel`: every open order at the venue, with nothing but the broker's keys."""

import asyncio
import time
from pathlib import Path

import typer

from stratofold.cli.home import Home, HomePath, KeysName, ReadyFile, RealMoney, stamp, whoami
from stratofold.cli.output import Debug, Exit, Json, show_json, verb


@verb
def cancel(
    *,
    exchange: ReadyFile = None,
    keys: KeysName = None,
    live: RealMoney = False,
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
    from stratofold.cli.venue import answering, named_venue, read_ready
    from stratofold.live.halt import cancel_everything

    ready = read_ready(exchange) if exchange is not None else None
    with answering(str(exchange)):
        venue = await named_venue(place, ready, keys, "1d", live=live)
    try:
        with answering("the venue"):
            return venue.account, *await cancel_everything(venue.broker, venue.account)
    finally:
        await venue.network.close()
