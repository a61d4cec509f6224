"""`stratofold feed`: holds the sockets of a book that runs in the cloud, and passes on what they say."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.cloud_settings import Region, StackName, stack_of
from stratofold.cli.feeds import FeedName, FeedPlace, feed_place
from stratofold.cli.output import Debug, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.adapters.ports import Feed, Tasks
    from stratofold.cloud.place import Place
    from stratofold.cloud.stack import Stack
    from stratofold.live.manifest import Manifest


@verb
def feed(
    *,
    book: Annotated[str | None, typer.Option(help="Which book. Default: the stack's, STRATOFOLD_BOOK.")] = None,
    source: FeedName = None,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Feed a book in the cloud from open sockets, until another feeder takes over or it is interrupted.

    Its stack says where everything is; what is in the environment under a function's names (STRATOFOLD_STACK, _BOOK, _TABLE,
    _BUCKET, _QUEUE or _STREAM, _SECRETS, _BROKER, _BROKER_URL, _DATA_URL and _CACHE) wins, and with a table there no stack is asked.
    """
    from stratofold.cloud.place import Place

    known = {} if os.environ.get("STRATOFOLD_TABLE") else names_of(stack_of(stack, region))
    place = Place(known | os.environ)
    number = asyncio.run(_feed(place, book or place.book, feed_place(source)))
    if json:
        show_json({"book": book or place.book, "feeder": number, "ended": True})


def names_of(stack: "Stack") -> dict[str, str]:
    """What a function of a stack finds in its environment, from what the stack says of itself; raises Setup SFA10 where there is none."""
    state = stack.standing()
    said, given = state.outputs, state.parameters
    takes_stream = given["Stream"] != "off" and given["Drain"] == "off"
    names = {
        "STACK": stack.name, "BOOK": given["Book"], "TABLE": said["Table"], "BUCKET": said["ArchiveBucket"], "QUEUE": said["Queue"],
        "STREAM": f"{stack.name}-market" if takes_stream else "", "SECRETS": f"{given['SecretStore']}:/{stack.name}/",
        "BROKER": given["Broker"], "BROKER_URL": given["BrokerUrl"], "DATA_URL": given["DataUrl"], "CACHE": said.get("CacheUrl", ""),
    }  # fmt: skip
    return {"AWS_REGION": stack.region, **{f"STRATOFOLD_{name}": value for name, value in names.items()}}


async def _feed(place: "Place", book: str, source: FeedPlace | None) -> int:
    """Feed; returns the feeder's number."""
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.cloud.feeder import Feeder
    from stratofold.live.desk import manifest_of

    manifest, venue = manifest_of(place.journal, book), place.venue
    async with Tasks() as tasks:
        if venue.stay():
            await venue.now()
            tasks.spawn("time", venue.keep_time())
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
