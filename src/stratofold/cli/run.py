"""`stratofold run`: trade a strategy on this machine, on paper unless told otherwise."""

import asyncio
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.cloud_settings import Region, StackHome, stack_of
from stratofold.cli.config import FILE_NAME
from stratofold.cli.feeds import FeedName, FeedPlace, feed_place
from stratofold.cli.home import Home, HomePath, KeysName, ReadyFile, spec_of
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup

Wait = Annotated[
    float | None, typer.Option("--for", help="Stop after so many seconds; in lock-step, of the exchange's time.")
]

AUTO = "auto"


@verb
def run(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    symbols: jobs.Symbols = None,
    *,
    book: Annotated[str, typer.Option(help="The book's name: 1 to 12 letters and digits.")] = "main",
    exchange: ReadyFile = None,
    keys: KeysName = None,
    feed: FeedName = None,
    live: Annotated[bool, typer.Option("--live", help="Trade real money. Asks for a typed confirmation.")] = False,
    bars: Annotated[
        str | None, typer.Option(help="1min, 5min, 15min, 1h or 1d. Default: the exchange's own, else 1min.")
    ] = None,
    ticks: Annotated[
        str | None, typer.Option(help="quotes, trades, depth, with commas. Default: what the strategy has hooks for.")
    ] = None,
    capital: Annotated[float | None, typer.Option(help="The book's money. Default: the account's cash.")] = None,
    warm: Annotated[int, typer.Option(help="Days of history to fold first.")] = 0,
    adopt: Annotated[
        str | None, typer.Option(help="Which positions of the account are this book's: SPY,AAPL or none.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="Of a changed book: keep, migrate or rebuild.")] = None,
    acknowledge: Annotated[bool, typer.Option("--acknowledge", help="What changed is meant.")] = False,
    set_account_limits: Annotated[
        bool, typer.Option("--set-account-limits", help="What other books state of the account holds no more.")
    ] = False,
    notify: Annotated[str | None, typer.Option(help="Channels to alert, with commas.")] = None,
    unguarded: Annotated[
        bool, typer.Option("--unguarded", help="No guard around the fold, as in a backtest; lock-step exchanges only.")
    ] = False,
    awake: Annotated[
        str | None, typer.Option(help="Keep a processor awake for the run, and run there: its number, or auto.")
    ] = None,
    wait: Wait = None,
    home: HomePath = None,
    stack: Annotated[
        str | None, typer.Option(help="Run a stack's book, resident: on its table, with its functions standing by.")
    ] = None,
    region: Region = None,
    config: jobs.ConfigPath = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and stop.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run a strategy against a paper exchange or a broker until interrupted; start it again and it goes on."""
    from stratofold.cli.running import Wanted
    from stratofold.cli.venue import read_ready, refuse_two_venues, span_ns

    refuse_state(state)
    refuse_amounts({"--capital": capital, "--for": wait}, {"--warm": warm})
    refuse_processor(awake)
    ready = read_ready(exchange) if exchange is not None else None
    refuse_two_venues(ready, keys, live=live)
    refuse_unguarded(ready, unguarded=unguarded)
    kind, keywords = jobs.strategy_job({"strategy": strategy, "symbols": symbols}, config, context.args)
    heard = feed_place(feed, config)
    names = tuple(keywords.get("symbols") or (ready or {}).get("symbols") or ())
    if not names:
        raise Setup("SF951", "no symbols were named", fix="--symbols SPY,AAPL")
    bars = bars or (ready or {}).get("bars") or "1min"
    kinds = tick_kinds(kind, ticks)
    if heard is None and (ready is not None or kinds):
        kinds = told_kinds(kinds, ready or SHARES, stated=ticks is not None)
    if heard is None and not kinds:
        refuse_shorter(bars, ready or {})
    thresholds, habits = alert_settings(config)
    wanted = Wanted(
        book=book, strategy=kind, strategy_name=spec_of(kind), symbols=names,
        parameters={name: value for name, value in keywords.items() if name in kind.parameters()},
        stated=stated_limits(config, names, guarded=not unguarded), span_ns=0 if kinds else span_ns(bars), capital=capital, warm_days=warm,
        ticks=kinds,
        adopt=None if adopt is None else tuple(name for name in jobs.split(adopt) if name != "none"),
        chosen=state, acknowledged=acknowledge, duration_seconds=wait, guarded=not unguarded,
        channels=tuple(jobs.split(notify)), sets_account_limits=set_account_limits,
        thresholds=thresholds, habits=habits, **_traded(ready or {}, names),
    )  # fmt: skip
    if live:
        confirm(wanted, keys)
    if dry_run:
        show_json(plan(wanted, ready, keys, live=live))
        return
    place = Home(home) if stack is None else StackHome(home, stack_of(stack, region))
    with kept_awake(awake, place, json=json):
        trade(wanted, place, ready, keys, bars, heard, live=live, json=json)


@contextmanager
def kept_awake(word: str | None, place: Home, *, json: bool) -> Iterator[None]:
    """Keep the processor of this number awake, or for `auto` the one where that helps most, and say which; None keeps none."""
    if word is None:
        yield
        return
    from stratofold.adapters.embedded import awake

    place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    tried = awake.quickest(place.path) if word == AUTO else None
    processor = awake.processor_named(word) if tried is None else tried.processor
    if tried is not None and not json:
        took = f"{tried.awake_ms:.2f} ms there, {tried.asleep_ms:.2f} ms when nothing is kept awake"
        typer.echo(f"processor {processor} is kept awake: a durable write takes {took}")
    with awake.awake(processor):
        yield


def trade(
    wanted: Any, place: Home, ready: dict[str, Any] | None, keys: str | None, bars: str, heard: FeedPlace | None, *,
    live: bool, json: bool,
) -> None:  # fmt: skip
    """Run the book, and say what came of it."""
    from stratofold.cli.view import shower

    said = summary(asyncio.run(_run(wanted, place, ready, keys, bars, heard, shower(json=json), live=live)))
    if json:
        show_json(said)
    else:
        typer.echo(describe(said))


async def _run(
    wanted: Any, place: Home, ready: dict[str, Any] | None, keys: str | None, bars: str, heard: FeedPlace | None,
    show: Any, *, live: bool,
) -> Any:  # fmt: skip
    """Find the venue and run the book."""
    from stratofold.cli.running import run_book
    from stratofold.cli.venue import answering, named_venue, take_feed

    with answering(ready["url"] if ready is not None else f"Alpaca, keys {keys}"), told_of_strategy():
        venue = await named_venue(place, ready, keys, bars, live=live, ticks=wanted.ticks)
        if heard is not None:
            take_feed(venue, heard, bars, wanted.ticks)
        return await run_book(wanted, place, venue, show)


def tick_kinds(strategy: Any, stated: str | None) -> tuple[str, ...]:
    """The kinds of tick that a book hears: those stated, or else those that the strategy has hooks for.

    Raises Setup SF999 for a kind that is none, or for a strategy that has no hook for any.
    """
    from stratofold.instance import hooks_in
    from stratofold.live.ticks import KINDS, kinds_of

    wanted = kinds_of(hooks_in(strategy))
    if stated is None:
        return wanted
    named = tuple(jobs.split(stated))
    unknown = [name for name in named if name not in KINDS]
    if unknown or not wanted:
        what = f"there are no ticks {unknown[0]!r}" if unknown else f"{strategy.__name__} has no hook for ticks"
        raise Setup("SF999", what, fix=f"--ticks {','.join(KINDS)}, and on_quote, on_trade or on_depth in the strategy")
    return named


# What Alpaca's stream tells of shares: order books are those of coins.
SHARES: dict[str, Any] = {"ticks": ("quotes", "trades")}


def told_kinds(kinds: tuple[str, ...], ready: dict[str, Any], *, stated: bool) -> tuple[str, ...]:
    """Of the kinds of tick that are wanted those that an exchange tells; raises Setup SF978 where it tells none, or others."""
    here = tuple(ready.get("ticks", ()))
    told = tuple(name for name in kinds if name in here)
    if (stated and told != kinds) or bool(told) != bool(kinds or here):
        what = f"it has {' and '.join(here)}" if here else "it has bars"
        raise Setup(
            "SF978", "this exchange has not what the strategy hears", why=f"{what}, and the strategy hears {' and '.join(kinds) or 'bars'}",
            fix="start one on ticks (--data FOLDER of ticks, or --follow VENUE --ticks quotes,trades), or hear a venue: --feed",
        )  # fmt: skip
    return told


def refuse_state(chosen: str | None) -> None:
    """Raise Setup SF950 for a word on a changed book's state that is none."""
    from stratofold.live.begin import CHOICES

    if chosen is not None and chosen not in CHOICES:
        raise Setup(
            "SF950", f"--state {chosen} is nothing that becomes of a state", fix=f"--state {', '.join(CHOICES)}"
        )


def refuse_amounts(positive: dict[str, float | None], others: dict[str, int]) -> None:
    """Raise Setup SF939 for an amount that nothing could be made of."""
    wrong = [name for name, value in positive.items() if value is not None and not 0.0 < value < inf]
    wrong += [name for name, value in others.items() if value < 0]
    if wrong:
        value = (positive | others)[wrong[0]]
        least = "more than 0" if wrong[0] in positive else "0 or more"
        raise Setup("SF939", f"{wrong[0]} {value:g} cannot be", fix=f"give a number that is {least}, or leave it out")


def refuse_processor(word: str | None) -> None:
    """Raise Setup SF936 or SF937 where a processor is named that cannot be kept awake."""
    if word is None:
        return
    from stratofold.adapters.embedded.awake import allowed, processor_named, refuse_small_share

    if word == AUTO:
        allowed()
    else:
        processor_named(word)
    refuse_small_share()


def refuse_shorter(bars: str, ready: dict[str, Any]) -> None:
    """Raise Setup SF940 for bars that an exchange cannot make of its own, which are longer."""
    from stratofold.cli.venue import SPANS, span_ns

    own = ready.get("bars")
    if own in SPANS and span_ns(bars) < span_ns(own):
        raise Setup(
            "SF940", f"this exchange has bars of {own}, and bars of {bars} cannot be made of them",
            fix=f"--bars {own} or longer, or start the exchange on shorter ones: stratofold exchange --data FILE",
        )  # fmt: skip


def _traded(ready: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What an exchange says of its instruments, where they are no American shares; empty where they are.

    Raises Setup SF996 for a symbol that the exchange does not have: nothing would ever be heard of it.
    """
    from stratofold.market.instruments import Instrument

    rows = {row["symbol"]: row for row in ready.get("instruments", ())}
    listed = list(rows) or ready.get("symbols") or names
    unknown = [name for name in names if name not in listed]
    if unknown:
        raise Setup("SF996", f"this exchange has no {unknown[0]}", fix=f"--symbols {','.join(listed)}")
    if not rows:
        return {}
    return {"calendar": ready["calendar"], "instruments": tuple(Instrument(**rows[name]) for name in names)}


@contextmanager
def told_of_strategy() -> Iterator[None]:
    """Say Setup SF959 where a strategy raised, with its own line."""
    from stratofold.live.decide import PoisonedError
    from stratofold.live.poison import TRIES_MAX

    try:
        yield
    except PoisonedError as poisoned:
        frames = traceback.extract_tb(poisoned.error.__traceback__)
        raise Setup(
            "SF959", f"the strategy raised {poisoned}", place=f"{frames[-1].filename}:{frames[-1].lineno}",
            why=f"nothing of that step was written down or sent; the event was tried {poisoned.tries} of {TRIES_MAX} times, "
            "and after that the book goes on without it, reducing only",
            fix="mend that line, then run again with --acknowledge --state keep: the event is heard once more",
        ) from poisoned  # fmt: skip


def stated_limits(config: Path | None, symbols: tuple[str, ...], *, guarded: bool = True) -> Any:
    """The limits of the configuration; raises Setup SF953 for a section that would refuse everything, because unstated."""
    from stratofold.live.risk.limits_config import SUGGESTED, read_stated, silent_sections

    path = config or Path(FILE_NAME)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    stated = read_stated(text, str(path), symbols)
    silent = silent_sections(text, guarded=guarded)
    if silent:
        suggested = "\n\n".join(
            part for part in SUGGESTED.split("\n\n") if part.strip()[1:].partition("]")[0] in silent
        )
        raise Setup(
            "SF953", f"no limits are stated in {', '.join(f'[{name}]' for name in silent)}, so nothing could be ordered",
            place=str(path), why="limits that nobody stated would be a guess with your money",
            fix=f"put into {path} what you allow; a paper account of 100,000 could begin with:\n\n{suggested.strip()}",
        )  # fmt: skip
    return stated


def alert_settings(config: Path | None) -> Any:
    """When alerts are raised and how often they are told, as the configuration has it."""
    from stratofold.live.alert_config import read_alerts

    path = config or Path(FILE_NAME)
    return read_alerts(path.read_text(encoding="utf-8") if path.is_file() else "", str(path))


def refuse_unguarded(ready: dict[str, Any] | None, *, unguarded: bool) -> None:
    """Raise Setup SF954 where the guard is left out and money or time is real."""
    if unguarded and (ready is None or ready.get("speed") != "step"):
        raise Setup("SF954", "--unguarded is for lock-step replays only", fix="leave it out, or exchange --speed step")


def confirm(wanted: Any, keys: str | None) -> None:
    """Ask for a typed confirmation; raises Setup SF955 when it is not given."""
    said = f"trade {wanted.book} for real"
    rows = stated_rows(wanted.stated, wanted.symbols)
    typer.echo(f"Real money, keys {keys!r}; what is stated:\n" + "\n".join(f"  {k} = {v}" for k, v in rows.items()))
    if not sys.stdin.isatty() or typer.prompt(f'Type "{said}"') != said:
        raise Setup("SF955", "live trading was not confirmed", fix=f'type "{said}" on a terminal, or leave --live out')


def stated_rows(stated: Any, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Every limit by its dotted name that is not as it would be if nobody had said anything."""
    from stratofold.live.risk.limits_config import read_stated

    unsaid = read_stated("", "", symbols).rows()
    return {name: value for name, value in stated.rows().items() if value != unsaid.get(name)}


def plan(wanted: Any, ready: dict[str, Any] | None, keys: str | None, *, live: bool) -> dict[str, Any]:
    """What would be run."""
    return {
        "book": wanted.book, "strategy": wanted.strategy_name, "symbols": wanted.symbols,
        "parameters": wanted.parameters, "limits": dict(wanted.stated.limits),
        "venue": ready["url"] if ready else f"alpaca {keys}", "money": "real" if live else "paper",
    }  # fmt: skip


def summary(supervisor: Any) -> dict[str, Any]:
    """What came of a run."""
    picture, desk = supervisor.picture, supervisor.desk
    book = desk.fold.engine.book
    return {
        "book": desk.manifest.book, "events": picture.events, "orders": picture.orders, "fills": picture.fills,
        "refusals": picture.refusals, "refused": dict(picture.refused.most_common()), "unknown": picture.unknown, "breaks": picture.breaks, "equity": book.equity,
        "cash": book.cash, "steps": desk.head.step, "records": desk.head.sequence,
        "positions": {name: book.position(k) for k, name in enumerate(desk.fold.names) if book.position(k) != 0.0},
    }  # fmt: skip


def describe(said: dict[str, Any]) -> str:
    """A run in a few lines."""
    from stratofold.cli.standing import holding_text

    held = holding_text(said["positions"].items())
    refused = ", ".join(f"{count:,} {reason}" for reason, count in said["refused"].items())
    return (
        f"book {said['book']}: {said['events']:,} events, {said['orders']} orders, {said['fills']} fills, "
        f"{said['refusals']} refusals{f' ({refused})' if refused else ''}\nequity {said['equity']:,.2f}, cash {said['cash']:,.2f}, holding {held}\n"
        f"{said['records']:,} records; next: stratofold verify --book {said['book']}"
    )
