"""`stratofold feed`: holds the sockets of a book that runs in the cloud, and passes on what they say."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.feeds import FeedName, FeedPlace, feed_place
from stratofold.cli.output import Debug, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.adapters.ports import Feed, Tasks
    from stratofold.cloud.place import Place
    from stratofold.live.manifest import Manifest


@verb
def feed(
    *,
    book: Annotated[str | None, typer.Option(help="Which book. Default: the stack's, STRATOFOLD_BOOK.")] = None,
    source: FeedName = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Feed a book in the cloud from open sockets, until another feeder takes over or it is interrupted.

    Where it is and what it may read is in the environment, as in a function: the names STRATOFOLD_STACK, _BOOK, _TABLE,
    _BUCKET, _QUEUE (or _STREAM), _SECRETS, _BROKER, _BROKER_URL and _DATA_URL; and _CACHE, by which order books go.
    """
    from stratofold.cloud.place import Place

    place = Place(os.environ)
    number = asyncio.run(_feed(place, book or place.book, feed_place(source)))
    if json:
        show_json({"book": book or place.book, "feeder": number, "ended": True})


async def _feed(place: "Place", book: str, source: FeedPlace | None) -> int:
    """Feed; returns the feeder's number."""
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.cloud.feeder import Feeder
    from stratofold.live.desk import manifest_of

    manifest, venue = manifest_of(place.journal, book), place.venue
    async with Tasks() as tasks:
        heard = _heard(place, manifest, source, tasks)
        feeder = Feeder(place.journal, place.market, heard, venue.broker, venue.clock, tasks, book, place.hot)
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, feeder.stop)
        await feeder.run()
        return feeder.number


def _heard(place: "Place", manifest: "Manifest", source: FeedPlace | None, tasks: "Tasks") -> "Feed":
    """Where the book's market is heard: at its broker, or where `--feed` says."""
    if source is None:
        return place.venue.feed(manifest.span_ns, manifest.ticks)
    from stratofold.cli.feeds import make_feed, words_of
    from stratofold.cloud.venue import MINUTE_NS

    words = words_of(manifest.ticks)
    return make_feed(source, manifest.span_ns or MINUTE_NS, place.clock, place.venue.network, tasks, words)
