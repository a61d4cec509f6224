"""`stratofold data record` and `data replay`: what a venue says, kept to the byte and put into the catalogue; and again."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder, refuse_unknown
from stratofold.cli.feeds import VENUES
from stratofold.cli.folders import settings_folder
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.cli.until import go_on
from stratofold.errors import Retry, Setup

if TYPE_CHECKING:
    from stratofold.adapters.feeds.recording import Heard, Recorder
    from stratofold.adapters.feeds.session import Session, Venue
    from stratofold.adapters.feeds.spoken import Named
    from stratofold.market.catalogue.catalogue import Catalogue

ITCH = "itch"
VenueName = Annotated[str, typer.Argument(help=f"{', '.join(VENUES)} or {ITCH}.")]
Channels = Annotated[
    str | None, typer.Option(help="Which channels, with commas, as the venue names them. Default: its own.")
]


@verb
def record(
    venue: VenueName,
    symbols: Annotated[str, typer.Argument(help="Which symbols, with commas, as the venue writes them.")],
    *,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="How long. Default: until Ctrl-C.")] = None,
    channels: Channels = None,
    folder: Annotated[Path, typer.Option(help="Where the recordings go.")] = Path("recordings"),
    url: Annotated[str | None, typer.Option(help="The stream's address instead of the venue's.")] = None,
    rest_url: Annotated[str | None, typer.Option(help="The address of snapshots instead of the venue's.")] = None,
    keep_rows: Annotated[
        bool, typer.Option("--rows/--no-rows", help="Also put the rows into the catalogue when the recording ends.")
    ] = True,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Record what a venue says: each frame to the byte, with the time at which it came, and its rows in the catalogue.

    Connections that break are opened again. A key is a secret: massive-key, itch-password; Binance and Coinbase need none.
    A session of ITCH 5.0 has an address: --url soup://USER@HOST:PORT or mold://GROUP:PORT?answers=HOST:PORT.
    """
    from stratofold.adapters.feeds.recording import Recorder

    refuse_unknown(venue, (*VENUES, ITCH), "venue")
    names = split(symbols)
    if not names:
        raise Setup("SF987", "there is nothing to record", place="the command line", fix="name a symbol: BTCUSDT")
    if venue == ITCH:
        _record_itch(names, url, folder, minutes, catalogue, keep_rows=keep_rows, json=json)
        return
    source = venue_of(venue, channels, url, rest_url, speaks=True)
    recorder = Recorder(folder, f"{venue}_{datetime.now(UTC):%Y%m%dT%H%M%S}")
    with working(f"recording {venue}") as say:
        try:
            asyncio.run(_record(source, names, recorder, minutes, say))
        finally:
            paths = recorder.close()
    if not recorder.frames:
        raise Retry(
            "SF988", f"{venue} was not heard at all", place=source.stream_url, fix="check the address and the network"
        )
    added: dict[str, int] = {}
    notes: list[str] = []
    if keep_rows:
        with working("putting rows into the catalogue"):
            frames = (frame for path in paths for frame in _frames(path, [], notes))
            added = _put(frames, opened(catalogue, make=True), [venue])
    if json:
        show_json({"files": [str(path) for path in paths], "frames": recorder.frames, "added": added, "notes": notes})
        return
    typer.echo(f"{recorder.frames:,} frames in {', '.join(map(str, paths)) or 'no file'}")
    _say_rows(added, notes)


def _record_itch(
    names: list[str], url: str | None, folder: Path, minutes: float | None, catalogue: str | None, *, keep_rows: bool,
    json: bool,
) -> None:  # fmt: skip
    """A session of ITCH, all its symbols in one file as NASDAQ has it; into the catalogue go those that were named."""
    from stratofold.adapters.embedded.secrets import Secrets
    from stratofold.adapters.feeds.recording import unwritten
    from stratofold.cli.data_itch import record_itch, wire_of
    from stratofold.market.zones import NEW_YORK, local

    wire = wire_of(url or "")
    password = Secrets(settings_folder()).get("itch-password") if wire.scheme == "soup" else ""
    began = local(time.time_ns(), NEW_YORK)
    path = folder / f"itch_{began:%Y%m%dT%H%M%S}.itch.gz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working("recording itch") as say:
            taken = asyncio.run(record_itch(wire, password, path, minutes, say))
    except OSError as error:
        raise unwritten(folder, error) from error
    if not taken:
        raise Retry("SF988", "itch was not heard at all", place=str(url), fix="check the address and the network")
    added = {}
    if keep_rows:
        with working("putting rows into the catalogue"):
            added = _put(_itch(path, f"{began:%Y-%m-%d}", names), opened(catalogue, make=True), [ITCH])
    if json:
        show_json({"files": [str(path)], "bytes": taken, "added": added, "notes": []})
        return
    typer.echo(f"{taken:,} bytes of messages in {path}")
    _say_rows(added, [])


@verb
def replay(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    *,
    speed: Annotated[
        float, typer.Option(min=0.0, help="How many times as fast as it came. 0: as fast as can be.")
    ] = 0.0,
    venue: Annotated[str | None, typer.Option(help="Whose frames they are, where the recording is not ours.")] = None,
    symbols: Annotated[
        str | None, typer.Option(help="Which symbols were asked for, where the recording is not ours.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="The day of a file of NASDAQ's ITCH 5.0: --venue itch --day 2024-01-02.")
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Put the rows into the catalogue instead of showing words.")
    ] = False,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Play a recording back through the parsers that hear the venue: its words, a JSON line each, or rows of the catalogue."""
    if venue is not None:
        refuse_unknown(venue, (*VENUES, ITCH), "venue")
    notes: list[str] = []
    names = [venue] if venue is not None else []
    if venue == ITCH:
        frames = _itch(file, day, split(symbols))
    else:
        session = venue_of(venue).session(split(symbols)) if venue is not None and symbols else None
        frames = _frames(file, names, notes, session)
    if rows:
        with working(f"reading {file}"):
            added = _put(frames, opened(catalogue, make=True), names)
        if json:
            show_json({"added": added, "notes": notes})
        else:
            _say_rows(added, notes)
        return
    with suppress(BrokenPipeError):
        asyncio.run(_show(frames, speed))
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def venue_of(
    name: str, channels: str | None = None, url: str | None = None, rest_url: str | None = None, *, speaks: bool = False
) -> "Venue":
    """A venue by its name; raises SFC16 for one that is none, and if it `speaks` SF821 for a key that is not kept.

    A recording is heard without a key, because nothing is said to anybody.
    """
    refuse_unknown(name, VENUES, "venue")
    given: dict[str, Any] = {"stream_url": url, "rest_url": rest_url, "channels": split(channels) or None}
    options = {word: value for word, value in given.items() if value is not None}
    if name == "coinbase":
        from stratofold.adapters.feeds.coinbase import Coinbase

        return Coinbase(**options)
    if name == "massive":
        from stratofold.adapters.embedded.secrets import Secrets
        from stratofold.adapters.feeds.massive import Massive

        return Massive(Secrets(settings_folder()).get("massive-key") if speaks else "", **options)
    from stratofold.adapters.feeds.binance import Binance

    return Binance(name.removeprefix("binance-"), **options)


async def _record(
    venue: "Venue", symbols: Sequence[str], recorder: "Recorder", minutes: float | None, say: Callable[[str], None]
) -> None:
    """Hear until the time is over or somebody interrupts."""
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.adapters.feeds.supervisor import Supervisor
    from stratofold.adapters.network.client import Network

    async with Network() as network, Tasks() as tasks:
        supervisor = Supervisor(venue, network, network, Clock(), tasks, Random(), tap=recorder)  # noqa: S311 - waiting times

        def tell() -> None:
            heard = f"{recorder.frames:,} frames, {recorder.bytes / 1e6:,.1f} MB"
            say(f"{heard}; quietest symbol {_quietest(supervisor.ages())}")

        await go_on(_hear(supervisor.stream(symbols)), minutes, tell)


async def _hear(stream: Any) -> None:
    """Words are made again from the recording, so here they only must be taken."""
    async for _ in stream:
        pass


def _quietest(ages: dict[str, float]) -> str:
    symbol = max(ages, key=lambda name: ages[name])
    return f"{symbol}, {ages[symbol]:.0f} s"


def _put(frames: "Iterable[Heard]", place: "Catalogue", names: list[str]) -> dict[str, int]:
    """The rows of recordings into a catalogue, under the first name of their venue; how many of each kind were new."""
    from stratofold.adapters.feeds.rows import Rows

    rows: Rows | None = None
    for frame in frames:
        rows = rows or Rows(place, names[0])
        rows.take(frame.received, frame.words)
    return rows.close() if rows is not None else {}


def _frames(path: Path, names: list[str], notes: list[str], session: "Session | None" = None) -> "Iterator[Heard]":
    """The frames of a recording; `names` grows by the venues that it says it is of."""
    from stratofold.adapters.feeds.recording import heard_in

    def venue(name: str) -> "Venue":
        names.append(name)
        return venue_of(name)

    return heard_in(path, venue, session, notes)


def _itch(path: Path, day: str | None, symbols: list[str]) -> "Iterator[Heard]":
    """The words of a NASDAQ file, whose times count from New York's midnight; raises Setup SF989 without its day."""
    from stratofold.adapters.feeds.itch import words_in
    from stratofold.adapters.feeds.recording import Heard
    from stratofold.market.zones import midnight

    try:
        date = datetime.fromisoformat(day or "").date()
    except ValueError:
        what = f"{day!r} is no day" if day else "a file of ITCH does not say its day"
        raise Setup("SF989", what, place="the command line", fix="say it: --day 2024-01-02") from None
    for named in words_in(path, midnight(date, "America/New_York"), symbols or None):
        yield Heard(named[1].time, [named])


async def _show(frames: "Iterator[Heard]", speed: float) -> None:
    """The words as lines of JSON."""
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.feeds.recording import replayed

    async for named in replayed(frames, Clock(), speed):
        typer.echo(_line(named))


def _line(named: "Named") -> str:
    """A word as JSON: its kind, its symbol, its fields that are numbers."""
    import msgspec

    from stratofold.wire import FIELDS

    symbol, word = named
    fields = {name: getattr(word, name) for name in FIELDS[type(word)] if name not in {"source", "symbol"}}
    return msgspec.json.encode({"word": type(word).__name__.lower(), "symbol": symbol, **fields}).decode()


def _say_rows(added: dict[str, int], notes: list[str]) -> None:
    """What a catalogue got."""
    for kind, count in added.items():
        typer.echo(f"{count:,} {kind} added")
    for note in notes:
        typer.echo(f"note: {note}")
