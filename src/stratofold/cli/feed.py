"""`stratofold feed`: holds the sockets of a book that runs in the cloud, and passes on what they say."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.output import Debug, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.cloud.place import Place


@verb
def feed(
    *,
    book: Annotated[str | None, typer.Option(help="Which book. Default: the stack's, STRATOFOLD_BOOK.")] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Feed a book in the cloud from open sockets, until another feeder takes over or it is interrupted.

    Where it is and what it may read is in the environment, as in a function: the names STRATOFOLD_STACK, _BOOK, _TABLE,
    _BUCKET, _QUEUE (or _STREAM), _SECRETS, _BROKER, _BROKER_URL and _DATA_URL.
    """
    from stratofold.cloud.place import Place

    place = Place(os.environ)
    number = asyncio.run(_feed(place, book or place.book))
    if json:
        show_json({"book": book or place.book, "feeder": number, "ended": True})


async def _feed(place: "Place", book: str) -> int:
    """Feed; returns the feeder's number."""
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.cloud.feeder import Feeder
    from stratofold.live.desk import manifest_of

    span_ns = manifest_of(place.journal, book).span_ns
    async with Tasks() as tasks:
        venue = place.venue
        feeder = Feeder(place.journal, place.market, venue.feed(span_ns), venue.broker, venue.clock, tasks, book)
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, feeder.stop)
        await feeder.run()
        return feeder.number
