"""A feed of ticks by what the command line and the configuration say: Binance, Coinbase, Massive.

What comes in: a name, a span, addresses.  What goes out: a `Feed` for a book or a paper exchange.

    [feed]
    venue = "binance-spot"
    stream_url = "ws://127.0.0.1:9001/stream"     # and rest_url: where the venue is not at its own address
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from stratofold.cli.config import FILE_NAME
from stratofold.errors import Setup
from stratofold.events import Depth, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.feeds.venue_feed import VenueFeed
    from stratofold.adapters.ports import Clock, Tasks
    from stratofold.adapters.sources.question import Source
    from stratofold.events import Event
    from stratofold.market.instruments import Instrument

VENUES = ("binance-spot", "binance-usdm", "binance-coinm", "coinbase", "massive")
KEYS = ("venue", "stream_url", "rest_url")
FeedName = Annotated[
    str | None,
    typer.Option("--feed", help=f"Where market data come from: {', '.join(VENUES)}. Default: from where orders go to."),
]
WORDS: dict[str, type[Event]] = {"quotes": Quote, "trades": Trade, "depth": Depth}
_MINUTE_NS = 60_000_000_000
# The channel of each kind of word, by venue; Binance's three markets are alike.
_CHANNELS: dict[str, dict[type[Event], str]] = {
    "binance": {Trade: "trade", Quote: "bookTicker", Depth: "depth@100ms"},
    "coinbase": {Trade: "market_trades", Quote: "ticker", Depth: "level2"},
    "massive": {Trade: "T", Quote: "Q"},
}


class FeedPlace(NamedTuple):
    """Which venue, and its addresses where they are not its own."""

    venue: str
    stream_url: str = ""
    rest_url: str = ""

    @property
    def family(self) -> str:
        """The venue without its market."""
        return self.venue.partition("-")[0]

    @property
    def calendar(self) -> str:
        """When it is open."""
        return "XNYS" if self.family == "massive" else "24/7"


def feed_place(name: str | None, config: Path | None = None) -> FeedPlace | None:
    """The feed that is named, with the addresses of the configuration; None where none is.

    Raises Setup SF992 for a venue that is none, SF993 for a section that cannot be.
    """
    file = config or Path(FILE_NAME)
    section = _section(file)
    place = FeedPlace(**{key: str(section[key]) for key in section}) if section.get("venue") else None
    if name is not None and (place is None or place.venue != name):
        place = FeedPlace(name)
    if place is not None and place.venue not in VENUES:
        raise Setup("SF992", f"there is no feed {place.venue!r}", fix=f"use one of {', '.join(VENUES)}")
    return place


def _section(file: Path) -> dict[str, object]:
    """The `[feed]` section of a configuration; empty where there is none."""
    if not file.is_file():
        return {}
    try:
        section = tomllib.loads(file.read_text(encoding="utf-8")).get("feed", {})
    except tomllib.TOMLDecodeError as error:
        raise Setup("SF710", f"this is not TOML: {error}", place=str(file), fix="mend that line") from error
    unknown = [name for name in section if name not in KEYS] if isinstance(section, dict) else ["feed"]
    if unknown:
        raise Setup("SF993", f"[feed] has no {unknown[0]!r}", place=str(file), fix=f"it has {', '.join(KEYS)}")
    return dict(section)


def words_of(ticks: Sequence[str]) -> list[type[Event]]:
    """Kinds of tick by their names, as words."""
    return [WORDS[name] for name in ticks]


def make_feed(
    place: FeedPlace, span_ns: int, clock: Clock, network: object, tasks: Tasks, words: Sequence[type[Event]] = ()
) -> VenueFeed:
    """The feed of a place; raises Setup SF821 for a key that is not kept, SF990 for a span that the venue does not have."""
    from stratofold.adapters.feeds.bar_history import BarHistory
    from stratofold.adapters.feeds.venue_feed import VenueFeed
    from stratofold.cli.data_record import venue_of
    from stratofold.market.sessions import calendar

    random = Random(os.getpid())  # noqa: S311  it spreads waiting times
    told_ns = _MINUTE_NS if place.family == "massive" else 0
    channels = ",".join(channels_of(place, words, told=span_ns == told_ns))
    venue = venue_of(place.venue, channels, place.stream_url or None, place.rest_url or None, speaks=True)
    history = BarHistory(source_of(place), network, clock, random, span_ns, place.rest_url or None)  # type: ignore[arg-type]
    return VenueFeed(
        venue, history, network, network, clock, tasks, random, calendar(place.calendar),  # type: ignore[arg-type]
        told_span_ns=told_ns, words=words,
    )  # fmt: skip


def channels_of(place: FeedPlace, words: Sequence[type[Event]], *, told: bool) -> list[str]:
    """What is asked of a venue: what is wanted, and what its bars are."""
    known = _CHANNELS[place.family]
    lacking = [kind.__name__ for kind in words if kind not in known]
    if lacking:
        raise Setup(
            "SF994", f"{place.venue} has no {', '.join(lacking).lower()}", fix="run a strategy that hears other ticks"
        )
    bars = (["AM"] if told else []) if place.family == "massive" else [known[Trade]]
    return list(dict.fromkeys([*bars, *(known[kind] for kind in words)])) or ["AM"]


def source_of(place: FeedPlace) -> Source:
    """Where a venue's history is."""
    if place.family == "binance":
        from stratofold.adapters.sources.binance import BinanceHistory

        return BinanceHistory(place.venue.removeprefix("binance-"))
    from stratofold.cli.data_get import source_of as vendor_of

    return vendor_of(place.family, place.family, "")


def instruments_of(place: FeedPlace, symbols: Sequence[str]) -> tuple[Instrument, ...]:
    """What a venue trades, on the finest grids: a price of its stream always fits."""
    from stratofold.market.instruments import DECIMALS_MAX, Crypto, Equity

    if place.family == "massive":
        return tuple(Equity(symbol) for symbol in symbols)
    return tuple(Crypto(symbol, price_decimals=DECIMALS_MAX) for symbol in symbols)
