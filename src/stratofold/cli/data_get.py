"""`stratofold data get`: the history of a vendor into the catalogue."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder, KindName, refuse_unknown
from stratofold.cli.folders import settings_folder
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Json, show_json, verb, working

if TYPE_CHECKING:
    from stratofold.adapters.sources.history import Progress
    from stratofold.adapters.sources.question import Question, Source
    from stratofold.market.catalogue.catalogue import Catalogue

VENDORS = ("alpaca", "massive", "binance", "binance-usdm", "binance-coinm", "coinbase")


@verb
def get(
    vendor: Annotated[
        str, typer.Argument(help="alpaca, massive, binance (spot; binance-usdm, binance-coinm) or coinbase.")
    ],
    symbols: Annotated[str, typer.Argument(help="Which symbols, with commas, as the vendor writes them.")],
    *,
    start: Annotated[str, typer.Option(help="First day: 2020-01-01.")],
    end: Annotated[str | None, typer.Option(help="Last day. Default: now.")] = None,
    kind: KindName = "bars",
    span: Annotated[str, typer.Option(help="How long a bar lasts: 1min, 1h, 1d.")] = "1d",
    url: Annotated[str | None, typer.Option(help="Ask this address instead of the vendor's.")] = None,
    feed: Annotated[str, typer.Option(help="Alpaca's feed: iex (free), sip, otc.")] = "iex",
    keys: Annotated[str | None, typer.Option(help="The name under which keys are kept. Default: the vendor's.")] = None,
    pace: Annotated[
        int | None, typer.Option(help="Requests a minute, if your plan allows more or less. 0: no limit.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Exchange rows that are there with other values.")] = False,
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Get history from a vendor into the catalogue: bars, trades, quotes or actions.

    It is paged and paced, asks again where an answer fails, and goes on where it was broken off. Keys are secrets:
    alpaca-key-id and alpaca-secret-key, massive-key; Binance and Coinbase need none.
    """
    refuse_unknown(vendor, VENDORS, "vendor")
    from stratofold.market.catalogue.kinds import kind_of

    kind_of(kind or "bars")
    source = source_of(vendor, keys or vendor, feed)
    place = opened(catalogue, make=True)
    names = split(symbols)
    added = {}
    with working(f"{vendor} {kind}") as say:
        for symbol in names:
            question = question_of(source, kind or "bars", symbol, span, (start, end))
            added[symbol] = asyncio.run(_get(source, place, question, say, url, pace, replace=replace))
    if json:
        show_json({"catalogue": place.shelf.place, "source": vendor, "kind": kind, "added": added, "state": place.hash})
        return
    for symbol, count in added.items():
        typer.echo(f"{symbol}: {count:,} rows added to {place.shelf.place}")
    typer.echo(f"state: {place.hash[:16]}")


def source_of(vendor: str, keys: str, feed: str) -> "Source":
    """The vendor, with its keys; raises Setup SF821 for a key that is not kept."""
    from stratofold.adapters.embedded.secrets import Secrets

    secrets = Secrets(settings_folder())
    if vendor == "alpaca":
        from stratofold.adapters.sources.alpaca import AlpacaHistory

        return AlpacaHistory(secrets.get(f"{keys}-key-id"), secrets.get(f"{keys}-secret-key"), feed=feed)
    if vendor == "massive":
        from stratofold.adapters.sources.massive import MassiveHistory

        return MassiveHistory(secrets.get(f"{keys}-key"))
    if vendor.startswith("binance"):
        from stratofold.adapters.sources.binance import BinanceHistory

        return BinanceHistory(vendor.partition("-")[2] or "spot")
    from stratofold.adapters.sources.coinbase import CoinbaseHistory

    return CoinbaseHistory()


def question_of(source: "Source", kind: str, symbol: str, span: str, days: tuple[str, str | None]) -> "Question":
    """What is asked, by days in UTC or by moments; a range ends now at the latest."""
    from stratofold.adapters.sources.question import DAY_NS, Question
    from stratofold.market.catalogue.layout import span_ns
    from stratofold.market.data import time_bounds

    low, high = (bound - (bound % DAY_NS == 1) for bound in time_bounds(*days))  # a day begins at its midnight
    now = time.time_ns()
    bars = kind == "bars"
    end = min(high, now) if days[1] is not None else now
    return Question(kind, symbol, low, end, span_ns(span) if bars else 0, source.calendar if bars else "")


async def _get(
    source: "Source",
    place: "Catalogue",
    question: "Question",
    say: Callable[[str], None],
    url: str | None,
    pace: int | None,
    *,
    replace: bool,
) -> int:
    """One symbol's history; how many rows were new."""
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.network.client import Network
    from stratofold.adapters.sources.history import History

    async with Network() as network:
        random = Random()  # noqa: S311 - waiting times
        history = History(
            source, network, Clock(), random, url=url, requests_per_minute=pace, wait=lambda why: say(f"{question.symbol}: {why}")
        )  # fmt: skip
        _, added = await history.into(place, question, _teller(question.symbol, say), replace=replace)
    return added


def _teller(symbol: str, say: Callable[[str], None]) -> Callable[[Any], None]:
    """Says how far it has come, and how long the rest may take."""
    began = time.monotonic()

    def tell(progress: "Progress") -> None:
        spent = time.monotonic() - began
        left = f", {spent * (1 - progress.share) / progress.share:.0f} s left" if 0.0 < progress.share < 1.0 else ""
        day = datetime.fromtimestamp(progress.reached // 1_000_000_000, UTC)
        rate = progress.rows / spent if spent > 0 else 0.0
        say(f"{symbol}: {progress.rows:,} rows to {day:%Y-%m-%d}, {progress.share:.0%}, {rate:,.0f} rows/s{left}")

    return tell
