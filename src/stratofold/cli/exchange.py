"""`stratofold exchange`: a paper exchange on this machine, speaking a real broker's API."""

import asyncio
import json as json_module
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.feeds import VENUES, FeedPlace, feed_place
from stratofold.cli.output import Debug, Json, verb
from stratofold.cli.until import interrupted
from stratofold.errors import Setup

KEY_NAMES = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
RECENT_BARS = 500
Speed = Annotated[
    str, typer.Option(help="60 is sixty times real time; max: as fast as possible; step: by POST /admin/step.")
]


@verb
def exchange(
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    start: Annotated[str | None, typer.Option(help="First day replayed; what is before is history.")] = None,
    end: jobs.End = None,
    *,
    speed: Speed = "60",
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 0,
    cash: Annotated[float, typer.Option(help="Each account's money.")] = 100_000.0,
    fees: jobs.Charges = None,
    slippage: jobs.Slips = None,
    volume_cap: Annotated[
        float | None, typer.Option(help="The fraction of a bar's volume that orders may take.")
    ] = None,
    rate_limit: Annotated[
        int | None, typer.Option(help="Requests a minute; 0: no limit. Default: 200, and 0 for max and step.")
    ] = None,
    wash_trades: Annotated[bool, typer.Option(help="Let an account's orders meet each other.")] = False,
    strict: Annotated[
        bool, typer.Option(help="As strict as the broker: no order crosses a position, none offers shares twice.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Keys, ids and faults follow from it.")] = 1,
    accounts: Annotated[int, typer.Option(help="How many accounts there are.")] = 1,
    follow: Annotated[
        str | None,
        typer.Option(
            help="Go on with a live feed after the data: alpaca, binance-spot, coinbase, ..., or another exchange's address."
        ),
    ] = None,
    bars: Annotated[
        str, typer.Option(help="Of which bars, where a venue is followed without data: 1min, 5min, 1h, 1d.")
    ] = "1min",
    ticks: Annotated[
        str | None, typer.Option(help="Follow a venue's quotes, trades or both, with commas, in the place of its bars.")
    ] = None,
    config: jobs.ConfigPath = None,
    state: Annotated[Path | None, typer.Option(help="Remember orders in this file, over a restart too.")] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Replay data as a paper exchange until interrupted; prints one line when it is ready."""
    from stratofold.exchange.core import Exchange, Rules
    from stratofold.exchange.desk import Terms

    place = feed_place(follow, config) if follow in VENUES else None
    kinds = _kinds(ticks, place)
    pace = _pace(speed) if follow is None else 1.0 if follow == "alpaca" or place is not None else "step"
    limit = rate_limit if rate_limit is not None else 200 * isinstance(pace, float)
    made = Exchange(
        _begun(place, data, symbols, end, bars, kinds), start,
        Terms(cash, fees=jobs.cost("fees", fees), slippage=jobs.cost("slippage", slippage), volume_cap=volume_cap or float("inf")),
        Rules(requests_per_minute=int(limit), wash_trades=wash_trades, strict=strict), seed, accounts,
        follows=follow is not None,
    )  # fmt: skip
    asyncio.run(_serve(made, pace, host, port, state, _followed(follow, place, made, seed, kinds), json=json))


def _pace(text: str) -> float | str:
    """The speed as the server takes it; raises errors.Setup."""
    if text in {"max", "step"}:
        return text
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise Setup("SF852", f"--speed {text} is no speed", fix="a number above 0, max or step")
    return speed


def _market(data: str | None, symbols: str | None, end: str | None) -> Any:
    """The data to replay."""
    names = jobs.split(symbols)
    market = jobs.market(data if data not in {None, "sample"} else jobs.default_sample(names), names or None)
    market = market.bars(names or None) if hasattr(market, "bars") else market.subset(names or None)
    return market.subset(None, None, end) if end else market


def _kinds(ticks: str | None, place: FeedPlace | None) -> tuple[str, ...]:
    """The kinds of tick to follow; raises Setup SF999 for others, or where no venue is followed."""
    kinds = tuple(jobs.split(ticks))
    if set(kinds) - {"quotes", "trades"} or (kinds and place is None):
        what = (
            f"an exchange has no ticks {ticks!r}"
            if place is not None
            else "there is no venue whose ticks could be followed"
        )
        raise Setup("SF999", what, fix="--follow binance-spot --ticks quotes,trades")
    return kinds


def _begun(
    place: FeedPlace | None, data: str | None, symbols: str | None, end: str | None, bars: str, kinds: tuple[str, ...]
) -> Any:
    """What an exchange has from the first moment on."""
    if place is None or (data is not None and not kinds):
        return _market(data, symbols, end)
    market = _recent(place, symbols, bars)
    if not kinds:
        return market
    from stratofold.market.tick_frames import read_ticks

    last = {name: market.of(name) for name in market.symbols}
    rows = [(name, int(one.time[-1]), float(one.close[-1]), 1.0) for name, one in last.items()]
    columns = dict(
        zip(("symbol", "time", "price", "size"), zip(*sorted(rows, key=lambda row: row[1]), strict=True), strict=True)
    )
    return read_ticks(
        trades=_frame(columns), symbols=market.symbols, instruments=market.instruments, calendar=place.calendar
    )


def _recent(place: FeedPlace, symbols: str | None, bars: str) -> Any:
    """The last bars of a venue, for an exchange that has no other data; raises errors.Setup."""
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.adapters.network.client import Network
    from stratofold.cli.feeds import instruments_of, make_feed
    from stratofold.cli.venue import span_ns
    from stratofold.market.frames import read

    names, span = jobs.split(symbols), span_ns(bars)
    if not names:
        raise Setup("SF997", f"nobody said what of {place.venue} is to be followed", fix="--symbols BTCUSDT,ETHUSDT")

    async def asked() -> list[tuple[str, Any]]:
        async with Network() as network, Tasks() as tasks:
            now = Clock().now()
            return await make_feed(place, span, Clock(), network, tasks).history(names, now - RECENT_BARS * span, now)

    rows = [
        (symbol, bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume) for symbol, bar in asyncio.run(asked())
    ]
    if not rows:
        raise Setup("SF998", f"{place.venue} has no recent bars of {', '.join(names)}", fix="give --data to begin with")
    columns = dict(
        zip(("symbol", "time", "open", "high", "low", "close", "volume"), zip(*rows, strict=True), strict=True)
    )
    facts = instruments_of(place, names)
    return read(_frame(columns), instruments=facts, calendar=place.calendar, span=span, stamped="close")


def _frame(columns: dict[str, Any]) -> Any:
    import polars as pl

    return pl.DataFrame({name: list(values) for name, values in columns.items()})


def _followed(
    follow: str | None, place: FeedPlace | None, made: Any, seed: int, kinds: tuple[str, ...]
) -> Callable[[Any, Any], Any]:
    """What makes the feed that an exchange follows, if any, out of a network and tasks."""
    if place is not None:
        from stratofold.adapters.clock import Clock
        from stratofold.cli.feeds import make_feed, words_of

        span = made.market.span_ns or 60_000_000_000
        return lambda network, tasks: make_feed(place, span, Clock(), network, tasks, words_of(kinds))
    return lambda network, _: _feed(follow, made, seed, network) if follow is not None else None


def _feed(follow: str, made: Any, seed: int, network: Any) -> Any:
    """The feed to follow: the broker's own, or that of another paper exchange by its address; raises errors.Setup."""
    from random import Random

    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.feeds.alpaca import AlpacaFeed

    key_id, secret_key = (os.environ.get(name, "") for name in KEY_NAMES)
    if not (key_id and secret_key):
        what = "there are no keys for the feed to follow"
        raise Setup("SF855", what, place="the environment", fix=f"set {' and '.join(KEY_NAMES)}")
    paper = follow != "alpaca"
    streams = f"ws{follow.removeprefix('http').rstrip('/')}/v2/iex"
    access = Access(key_id, secret_key)
    if paper:
        access = replace(access, data_url=follow.rstrip("/"), data_stream_url=streams)
    market = made.market
    return AlpacaFeed(
        access, network, network, Clock(), Random(seed),  # noqa: S311 - the seed of a backoff
        span_ns=market.span_ns, calendar=market.calendar_name, days_from_stream=paper,
    )  # fmt: skip


async def _serve(
    made: Any,
    pace: float | str,
    host: str,
    port: int,
    state: Path | None,
    feed: Callable[[Any, Any], Any],
    *,
    json: bool,
) -> None:
    """Listen, say so, and go on until interrupted."""
    from stratofold.adapters.embedded.tasks import Tasks
    from stratofold.adapters.network.client import Network
    from stratofold.exchange.server import Server

    async with Network() as network, Tasks() as tasks:
        server = Server(made, pace, state, feed(network, tasks))
        await server.start(host, port)
        _say_ready(server, host, json=json)
        await interrupted().wait()
        await server.stop()


def _say_ready(server: Any, host: str, *, json: bool) -> None:
    """Where it listens, with what keys, and which bars it has, on one line."""
    keys = [(account.key_id, account.secret_key) for account in server.exchange.accounts.values()]
    base = f"{host}:{server.port}"
    ready = {
        "url": f"http://{base}", "data_url": f"http://{base}", "stream_url": f"ws://{base}/stream",
        "data_stream_url": f"ws://{base}/v2/iex", "key_id": keys[0][0], "secret_key": keys[0][1],
        "accounts": [{"key_id": key, "secret_key": secret} for key, secret in keys],
        "symbols": list(server.exchange.market.symbols), "speed": str(server.speed),
        **_said_of(server.exchange.market), **_other_than_shares(server),
    }  # fmt: skip
    typer.echo(
        json_module.dumps(ready) if json else f"paper exchange at {ready['url']}, key {keys[0][0]}, secret {keys[0][1]}"
    )


def _said_of(market: Any) -> dict[str, Any]:
    """Which bars it has, or which ticks a stream of it says."""
    from stratofold.cli.venue import span_name
    from stratofold.exchange.ticks import TickMarket

    if not isinstance(market, TickMarket):
        return {"bars": span_name(market.span_ns)}
    return {"ticks": list(market.told)}


def _other_than_shares(server: Any) -> dict[str, Any]:
    """The calendar and the instruments, where they are not those of American shares; whether its time is ours."""
    from stratofold.live.manifest import instrument_rows

    market = server.exchange.market
    said: dict[str, Any] = {"follows": True} if server.feed is not None and server.speed != "step" else {}
    if market.calendar_name != "XNYS":
        said |= {"calendar": market.calendar_name, "instruments": instrument_rows(list(market.instruments))}
    return said
