"""`stratofold watch`: looks after the books of a folder from a process of its own."""

import asyncio
import json as json_module
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.home import Home, HomePath, stamp
from stratofold.cli.job import ConfigPath, split
from stratofold.cli.output import Debug, Json, verb
from stratofold.cli.run import alert_settings
from stratofold.cli.until import interrupted

if TYPE_CHECKING:
    from stratofold.adapters.ports import Alert
    from stratofold.live.watchman import Watchman


@verb
def watch(
    *,
    notify: Annotated[str | None, typer.Option(help="Channels to alert, with commas.")] = None,
    every: Annotated[float, typer.Option(help="Seconds between looks.")] = 5.0,
    home: HomePath = None,
    config: ConfigPath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Alert when a run has died or hangs, orders are of unknown state, or work piles up; until interrupted."""
    from stratofold.live.watchman import Watchman

    place = Home(home)
    thresholds, habits = alert_settings(config)
    watchman = Watchman(place.journal(), place.notifier(split(notify)), thresholds, place.artifacts(), habits)
    asyncio.run(_watch(watchman, every, json=json))


async def _watch(watchman: "Watchman", every: float, *, json: bool) -> None:
    """Look again and again."""
    from stratofold.adapters.clock import Clock

    clock, stopped = Clock(), interrupted()
    while not stopped.is_set():
        now = clock.now()
        for book, alert in await watchman.look(now, stamp("watch", now)):
            _say(book, alert, json=json)
        try:
            async with asyncio.timeout(every):
                await stopped.wait()
        except TimeoutError:
            continue


def _say(book: str, alert: "Alert", *, json: bool) -> None:
    """An alert on one line."""
    said = {"book": book, "key": alert.key, "level": alert.level, "title": alert.title, "text": alert.text}
    typer.echo(json_module.dumps(said) if json else f"{book} {alert.level}: {alert.title} - {alert.text}")
