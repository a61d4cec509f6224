"""A broker and a feed by what the command line says: a paper exchange on this machine, or Alpaca.

What comes in: the file with an exchange's ready line, or the name under which keys are kept.  What goes out: a `Venue`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stratofold.adapters.brokers.alpaca import AlpacaBroker
    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.ports import Clock, Feed, Stepper, Tasks
    from stratofold.cli.feeds import FeedPlace
    from stratofold.cli.home import Home

SPANS = {"1min": 60, "5min": 300, "15min": 900, "1h": 3_600, "1d": 86_400}
SPEED_MAX = 3_600.0
READY_SECONDS = 15.0  # that an exchange may take to start
_SECOND_NS = 1_000_000_000


@dataclass
class Venue:
    """Where orders go and events come from; `stepper` is there when the exchange waits for us.

    `is_real_time`: its time is this machine's, so that the two clocks can be compared; a replay's is its own.
    `make_feed` makes another feed, which wants tasks of its own, when the run has them.
    """

    broker: AlpacaBroker
    feed: Feed
    clock: Clock
    network: Any
    account: str
    stepper: Stepper | None = None
    speed: float = 1.0
    is_real_time: bool = False
    make_feed: Callable[[Tasks], Feed] | None = None


class PacedClock:
    """A replay's time: it began at `time` (ns UTC) and goes `speed` times as quick as ours."""

    def __init__(self, time_ns: int, speed: float) -> None:
        """It is `time_ns` now."""
        self._began = time_ns
        self._mark = time.monotonic_ns()
        self._speed = speed

    def now(self) -> int:
        """See `ports.Clock`."""
        return self._began + int((time.monotonic_ns() - self._mark) * self._speed)

    def monotonic(self) -> int:
        """See `ports.Clock`."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`; our own seconds, because what is waited for is a network."""
        await asyncio.sleep(max(seconds, 0.0))


_SAID = ("url", "data_url", "stream_url", "data_stream_url", "key_id", "secret_key", "speed")


def read_ready(path: Path) -> dict[str, Any]:
    """The ready line of an exchange, waited for while it starts; raises Setup SF943 when there is none in the file."""
    try:
        text = _said_by(path)
        ready: dict[str, Any] = json.JSONDecoder().raw_decode(text[text.find("{") :])[0]
        return ready | {name: _text(ready[name]) for name in _SAID} | {"trading_url": ready["url"]}
    except (OSError, ValueError, KeyError) as error:
        what = f"{path} does not say where an exchange is"
        # What is in a file that is something else is not to be written over.
        told = "ready.json" if isinstance(error, (ValueError, KeyError)) and _said_by(path).strip() else path
        fix = f"stratofold exchange --speed 60 --port 0 --json > {told} &"
        raise Setup("SF943", what, place=str(path), why=_why_not_ready(path, error), fix=fix) from error


def _text(value: object) -> str:
    """A text; raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004  as for what is no JSON
    return value


def _said_by(path: Path) -> str:
    """What is in the file; an exchange that was started with the command before has a few seconds to say it."""
    until = time.monotonic() + READY_SECONDS
    while not (text := path.read_text(encoding="utf-8")).strip() and time.monotonic() < until:
        time.sleep(0.05)
    return text


def _why_not_ready(path: Path, error: Exception) -> str:
    """What is in the file instead of a ready line: nothing, or the error that an exchange ended with."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        return "it is empty: the exchange has not started yet, or could not"
    try:
        first = json.loads(text)["errors"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return "there is something else in it"
    return f"the exchange did not start: {first['code']}: {first['what']}; {first['fix']}"


@contextmanager
def answering(where: str) -> Iterator[None]:
    """Say Retry SF958 where a venue gave no answer: at a start, when there is nothing yet to be unsure of."""
    try:
        yield
    except NoAnswer as error:
        raise Retry(
            "SF958",
            "the venue gives no answer",
            place=where,
            why=f"{error}; what was written down is kept",
            fix="see that the exchange runs, or that this machine has a network, and run the same command again",
        ) from error


def refuse_two_venues(ready: dict[str, Any] | None, keys: str | None, *, live: bool) -> None:
    """Raise Setup SF952 where a paper exchange and a broker are meant together: one of them would be left out unsaid."""
    if ready is not None and keys is not None:
        what = f"two venues were named: a paper exchange, and Alpaca with the keys {keys}"
        raise Setup("SF952", what, place="the command line", fix="leave --exchange or --keys out")
    if ready is not None and live:
        what = "a paper exchange has no account with real money"
        raise Setup("SF952", what, place="the command line", fix="leave --live out, or name a broker: --keys NAME")


async def named_venue(
    home: Home, ready: dict[str, Any] | None, keys: str | None, span: str, *, live: bool, ticks: Sequence[str] = ()
) -> Venue:
    """The venue that a command line names; raises Setup SF952 when it names none, or two."""
    refuse_two_venues(ready, keys, live=live)
    if ready is not None:
        return await exchange_venue(ready, span, ticks)
    if keys is not None:
        return alpaca_venue(home, keys, span, live=live, ticks=ticks)
    fix = "--exchange FILE for a paper exchange here, or --keys NAME for Alpaca"
    raise Setup("SF952", "no venue was named", place="the command line", fix=fix)


async def exchange_venue(ready: dict[str, Any], span: str, ticks: Sequence[str] = ()) -> Venue:
    """A paper exchange; the clock is its own.  Raises Setup SF957 for one that is too quick to be traded at."""
    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.clock import Clock as RealClock
    from stratofold.adapters.feeds.lockstep import ExchangeStepper
    from stratofold.adapters.network.client import Network

    names = ("key_id", "secret_key", "trading_url", "stream_url", "data_url", "data_stream_url")
    access = Access(**{name: ready[name] for name in names})
    network = Network()
    stepper = ExchangeStepper(access, network)
    now = (await stepper.now()).time
    follows = bool(ready.get("follows"))  # its time is ours
    steps = ready["speed"] == "step" and not follows
    speed = 1.0 if steps else _speed(ready["speed"])
    clock: Clock = RealClock() if follows else StandingClock(now) if steps else PacedClock(now, speed)
    made = _alpaca(
        access, network, clock, span, requests_per_minute=0, days_from_stream=True, calendar=ready.get("calendar", "XNYS"),
        ticks=ticks, waits=steps, speed=speed,
    )  # fmt: skip
    made.speed = speed
    made.account = f"paper{ready['key_id'][-6:]}"
    made.stepper = stepper if steps else None
    made.is_real_time = follows
    return made


def alpaca_venue(home: Home, keys: str, span: str, *, live: bool, ticks: Sequence[str] = ()) -> Venue:
    """Alpaca with the keys kept as `KEYS-key-id` and `KEYS-secret-key`: its paper account, or the one with real money."""
    from stratofold.adapters.brokers.alpaca_access import LIVE_STREAM_URL, LIVE_TRADING_URL, Access
    from stratofold.adapters.clock import Clock
    from stratofold.adapters.network.client import Network

    secrets = home.secrets()
    key, secret = secrets.get(f"{keys}-key-id"), secrets.get(f"{keys}-secret-key")
    access = Access(key, secret, LIVE_TRADING_URL, LIVE_STREAM_URL) if live else Access(key, secret)
    made = _alpaca(access, Network(), Clock(), span, requests_per_minute=200, ticks=ticks)
    made.account = f"{keys}-live" if live else keys
    made.is_real_time = True
    return made


def venue_words(account: str) -> str:
    """By what words a command names the venue of an account: an exchange's is called after its key, another after its keys."""
    if re.fullmatch("paper[0-9A-F]{6}", account):  # an exchange's keys end in digits of a hash
        return "--exchange FILE"
    name = shlex.quote(account.removesuffix("-live"))
    return f"--keys {name} --live" if account.endswith("-live") else f"--keys {name}"


def take_feed(venue: Venue, place: FeedPlace, span: str, ticks: Sequence[str] = ()) -> None:
    """Let market data come from another place than orders go to; raises Setup SF995 where times would not fit."""
    from stratofold.cli.feeds import make_feed, words_of

    if not venue.is_real_time:
        raise Setup(
            "SF995", f"{place.venue} speaks of now, and this exchange replays another time",
            why="orders decided on live prices would be filled at old ones",
            fix=f"let the exchange follow the same market: stratofold exchange --follow {place.venue}",
        )  # fmt: skip
    venue.make_feed = lambda tasks: make_feed(place, span_ns(span), venue.clock, venue.network, tasks, words_of(ticks))


def refuse_other_account(book: str, account: str, venue: Venue) -> None:
    """Raise Setup SF979 where a book of `account` meets another: what it holds, and what it sent, is not there."""
    if venue.account != account:
        raise Setup(
            "SF979", f"book {book} trades the account {account}, and this is {venue.account}",
            why="its positions and orders are at the other, and a book has one account for ever",
            fix=f"give the keys or the exchange of {account}, or open another book: --book NAME",
        )  # fmt: skip


def _alpaca(
    access: Access, network: Any, clock: Clock, span: str, *, requests_per_minute: int, days_from_stream: bool = False,
    calendar: str = "XNYS", ticks: Sequence[str] = (), waits: bool = False, speed: float = 1.0,
) -> Venue:  # fmt: skip
    """Broker and feed of one access."""
    from stratofold.adapters.brokers.alpaca import AlpacaBroker
    from stratofold.adapters.feeds.alpaca import AlpacaFeed

    random = Random(os.getpid())  # noqa: S311  it spreads waiting times
    broker = AlpacaBroker(access, network, network, clock, random, requests_per_minute=requests_per_minute)
    feed = AlpacaFeed(
        access, network, network, clock, random, span_ns=span_ns(span), requests_per_minute=requests_per_minute,
        days_from_stream=days_from_stream, calendar=calendar, ticks=ticks, ticks_from_history=waits, speed=speed,
    )  # fmt: skip
    return Venue(broker, feed, clock, network, "")


def span_ns(span: str) -> int:
    """A span by its name, in ns; raises Setup SF944 for one that is not known."""
    if span not in SPANS:
        raise Setup("SF944", f"there are no bars of {span!r}", fix=f"--bars {', '.join(SPANS)}")
    return SPANS[span] * _SECOND_NS


def span_name(span_ns: int) -> str:
    """The name of a span in ns; its seconds where it has none."""
    names = {seconds * _SECOND_NS: name for name, seconds in SPANS.items()}
    return names.get(span_ns, f"{span_ns // _SECOND_NS}s")


def _speed(text: str) -> float:
    """How quick a replay goes; raises Setup SF957 where an order could not be there before its time is over."""
    speed = SPEED_MAX + 1.0 if text == "max" else float(text)
    if speed > SPEED_MAX:
        raise Setup(
            "SF957", f"an exchange at speed {text} outruns the orders that are sent to it",
            why="minutes of its time go by while a message is on its way",
            fix=f"stratofold exchange --speed step, which waits for every order, or a speed of at most {SPEED_MAX:,.0f}",
        )  # fmt: skip
    return speed
