"""`stratofold data poll`: a news feed asked again and again, into the catalogue and to books that run."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder  # noqa: TC001 - typer reads the annotation
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.cli.until import interrupted
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from stratofold.adapters.embedded.journal import Journal
    from stratofold.adapters.ports import Offer
    from stratofold.adapters.sources.poller import Key, Poller
    from stratofold.market.catalogue.catalogue import Catalogue

SOURCE = "poll"


@verb
def poll(
    url: Annotated[str, typer.Argument(help="The address of an RSS, Atom or JSON feed.")],
    series: Annotated[str, typer.Argument(help="What to call its items: headlines.")],
    *,
    symbol: Annotated[
        str, typer.Option(help="Of which symbol they are. Default: of none; the catalogue has them under the series.")
    ] = "",
    every: Annotated[float, typer.Option(min=1.0, help="Seconds between two requests.")] = 60.0,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="How long. Default: until Ctrl-C. 0: once.")] = None,
    books: Annotated[
        str | None, typer.Option("--book", help="Books of this folder that hear new items, with commas.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="The folder of the books.")] = None,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Ask a news feed again and again: each new item, scored, is an observation that was known when it came.

    It goes into the catalogue, and with --book to books, whose strategies hear it in on_observation. What stood there when a
    series was first asked for goes into the catalogue only.
    """
    from stratofold.cli.home import Home

    place = opened(catalogue, make=True)
    journal = Home(home).journal() if books else None
    try:
        told = asyncio.run(_poll(url, series, symbol, every, minutes, place, journal, split(books)))
    finally:
        if journal is not None:
            journal.close()
    if json:
        show_json({"requests": told[0], "items": told[1], "state": place.hash})
    else:
        typer.echo(f"{told[0]} requests, {told[1]} new items; state: {place.hash[:16] or 'empty'}")


async def _poll(
    url: str, series: str, symbol: str, every: float, minutes: float | None, place: Catalogue, journal: Journal | None,
    books: Sequence[str],
) -> tuple[int, int]:  # fmt: skip
    """Ask until the time is over or somebody interrupts; how many requests and new items there were."""
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.network.client import Network
    from stratofold.adapters.sources.poller import Poller

    enough, known = interrupted(), kept(place, series, symbol)
    until = None if minutes is None else time.monotonic() + minutes * 60
    requests = items = 0
    async with Network() as network:
        poller = Poller(url, network, Clock(), Random(), series, symbol, every_seconds=every, seen=known)  # noqa: S311
        while True:
            wait, count = await _once(poller, place, journal, books if known or requests else ())
            requests, items = requests + 1, items + count
            if enough.is_set() or (until is not None and time.monotonic() + wait > until):
                return requests, items
            try:
                async with asyncio.timeout(wait):
                    await enough.wait()
            except TimeoutError:
                continue
            return requests, items


async def _once(poller: Poller, place: Catalogue, journal: Journal | None, books: Sequence[str]) -> tuple[float, int]:
    """Ask once; how long to wait then, and how many new items there were."""
    polled = await poller.poll()
    if polled.trouble:
        typer.echo(f"asked again in {polled.wait_seconds:.0f} s: {polled.trouble}", err=True)
    if len(polled.items):
        from stratofold.market.catalogue.kinds import OBSERVATIONS

        rows = polled.items.rename({"known": "time"}).drop("symbol")
        place.append(OBSERVATIONS, rows, SOURCE, symbol=poller.symbol or poller.series)
        for book in books:
            assert journal is not None  # noqa: S101 - it was opened for them
            journal.offer(book, offers(polled.items))
    return polled.wait_seconds, len(polled.items)


def offers(items: pl.DataFrame) -> list[Offer]:
    """Items as what a book's inbox takes: each once, whoever offers it."""
    from stratofold.adapters.ports import Offer as Made
    from stratofold.wire import pack

    found: list[Offer] = []
    columns = (items["about"].dt.epoch("ns").to_list(), items["known"].dt.epoch("ns").to_list())
    for row, about, known in zip(items.iter_rows(named=True), *columns, strict=True):
        name = hashlib.sha256(f"{row['series']}\0{row['symbol']}\0{about}\0{row['text']}".encode()).hexdigest()[:32]
        body = pack([row["series"], row["symbol"], row["value"], about, known])
        found.append(Made(0, "signal", f"poll:{name}", body))
    return found


def kept(place: Catalogue, series: str, symbol: str) -> list[Key]:
    """The items of a series that the catalogue has from here; raises Setup SF977 for what it calls otherwise."""
    import polars as pl

    from stratofold.adapters.sources.poller import keys_kept
    from stratofold.market.catalogue.kinds import OBSERVATIONS

    if not series.strip() or len(series) > 60:
        raise Setup(
            "SF977", "the series has no name that can be kept", place="the command line", fix="call it headlines"
        )
    symbol = symbol or series  # every row of a catalogue has one
    if not any(one.series.symbol == symbol and one.series.source == SOURCE for one in place.holdings(OBSERVATIONS)):
        return []
    frame = place.choose(source=SOURCE).frame(OBSERVATIONS, [symbol]).filter(pl.col("series") == series)
    return list(keys_kept(frame))
