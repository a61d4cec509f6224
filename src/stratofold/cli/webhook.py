"""`stratofold webhook`: takes signed fills and signals from outside, whether the strategy runs or not."""

import asyncio
import json as json_module
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.home import Home, HomePath, strategy_as_run
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Json, verb
from stratofold.cli.until import interrupted
from stratofold.errors import Error

if TYPE_CHECKING:
    from stratofold.adapters.embedded.journal import Journal
    from stratofold.live.webhook import Key


@verb
def webhook(
    *,
    keys: Annotated[
        str, typer.Option(help="Names of the secrets that may sign, with commas; two while one replaces the other.")
    ] = "webhook",
    host: Annotated[
        str, typer.Option(help="The address to listen at; a proxy with TLS belongs in front.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8787,
    home: HomePath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Take fills and signals by webhook until interrupted. A book that nobody runs has its fills posted at once."""
    from stratofold.live.webhook import Key

    place = Home(home)
    secrets = place.secrets()
    good = [Key(secrets.get(name).encode()) for name in split(keys)]
    asyncio.run(_serve(place, place.journal(), good, host, port, json=json))


async def _serve(place: Home, journal: "Journal", keys: "list[Key]", host: str, port: int, *, json: bool) -> None:
    """Listen, say so, and go on until interrupted."""
    from stratofold.adapters.network.webhook_server import WebhookServer

    async def handle(headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        return take(place, journal, keys, headers, body)

    server = WebhookServer(handle)
    await server.start(host, port)
    address = f"http://{host}:{server.port}/webhook"
    typer.echo(json_module.dumps({"url": address}) if json else f"listening at {address}")
    await interrupted().wait()
    await server.stop()
    journal.close()


def take(
    place: Home, journal: "Journal", keys: "list[Key]", headers: Mapping[str, str], body: bytes
) -> tuple[int, str]:
    """Take one request, and post what is new if nobody runs the book; the status and the word for its sender."""
    from stratofold.live.webhook import receive

    verdict = receive(journal, keys, headers, body, time.time_ns())
    if verdict.fresh:
        try:
            _post(place, journal, verdict.book)
        except Error as error:  # it is in the inbox, which is what the sender was promised; the next run folds it
            typer.echo(str(error), err=True)
    return verdict.status, verdict.word


def _post(place: Home, journal: "Journal", book: str) -> None:
    """Fold what waits, unless somebody runs the book and does that anyway."""
    from stratofold.adapters.embedded.presence import Presence
    from stratofold.live.post import post

    presence = Presence(place.path, book)
    if not presence.hold():
        return
    try:
        post(journal, book, strategy_as_run(journal, book), "webhook", time.time_ns())
    finally:
        presence.release()
