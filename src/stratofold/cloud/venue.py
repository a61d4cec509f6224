"""The venue as a function reaches it: broker, market data and the time there.

What comes in: the names in the environment, the keys' place, a clock.  What goes out: adapters, made when first asked for.
Why it is shaped so: a paper exchange that replays has a time of its own, which is asked for once an invocation; at a real
venue it is ours.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.adapters.brokers.alpaca import AlpacaBroker
    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.feeds.alpaca import AlpacaFeed
    from stratofold.adapters.network.client import Network
    from stratofold.adapters.ports import Clock, Secrets

KEY, SECRET = "alpaca-key-id", "alpaca-secret-key"  # names of secrets, as on a laptop, not secrets
REQUESTS_PER_MINUTE = 200
ASK_SECONDS = 0.1
MINUTE_NS = 60_000_000_000  # a book on ticks has no bars, and so no span


class AskedClock(StandingClock):
    """A paper exchange's time for a process that stays: as it was last asked; whoever waits waits for our own seconds."""

    def monotonic(self) -> int:
        """See `ports.Clock`."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        from asyncio import sleep

        await sleep(max(seconds, 0.0))


class Venue:
    """The venue of one stack."""

    def __init__(self, names: Mapping[str, str], secrets: Secrets, clock: Clock) -> None:
        """Nothing is asked yet."""
        self._names = names
        self._secrets = secrets
        self._access: Access | None = None
        self._broker: AlpacaBroker | None = None
        self._replays = names.get("STRATOFOLD_BROKER") == "exchange"
        self.clock: Clock = StandingClock(0) if self._replays else clock

    async def now(self) -> int:
        """The time there, ns UTC; a replay's is asked for, and its clock stands there until it is asked again."""
        if isinstance(self.clock, StandingClock):
            from stratofold.adapters.feeds.lockstep import ExchangeStepper

            self.clock.time = (await ExchangeStepper(self.access, self.network).now()).time
        return self.clock.now()

    def stay(self) -> bool:
        """Be the venue of a process that stays, before anything is asked; whether `keep_time` is wanted, as at a paper exchange."""
        if self._replays:
            self.clock = AskedClock()
        return self._replays

    async def keep_time(self) -> None:
        """Ask an exchange for its time, again and again; one that gives no answer is asked again."""
        while True:
            with suppress(NoAnswer, Retry):
                await self.now()
            await self.clock.sleep(ASK_SECONDS)

    @property
    def access(self) -> Access:
        """Addresses and keys; asked for by name, in no environment, and made anew when a key has been replaced."""
        keys = self._secrets.get(KEY), self._secrets.get(SECRET)
        if self._access is None or keys != (self._access.key_id, self._access.secret_key):
            self._access, self._broker = self._accessed(*keys), None
        return self._access

    def _accessed(self, key: str, secret: str) -> Access:
        """The venue's addresses, with these keys."""
        from stratofold.adapters.brokers.alpaca_access import LIVE_STREAM_URL, Access

        where = {"trading_url": self._names["STRATOFOLD_BROKER_URL"], "data_url": self._names["STRATOFOLD_DATA_URL"]}
        if self._replays:
            streams = f"ws{where['trading_url'].removeprefix('http')}"
            where |= {"stream_url": f"{streams}/stream", "data_stream_url": f"{streams}/v2/iex"}
        elif self._names.get("STRATOFOLD_BROKER") == "alpaca-live":
            where["stream_url"] = LIVE_STREAM_URL
        return Access(key, secret, **where)

    @cached_property
    def network(self) -> Network:
        """Requests over kept connections."""
        from stratofold.adapters.network.client import Network

        return Network()

    @property
    def broker(self) -> AlpacaBroker:
        """Orders out, facts in; another one where a key has been replaced."""
        from stratofold.adapters.brokers.alpaca import AlpacaBroker

        access = self.access
        if self._broker is None:
            self._broker = AlpacaBroker(
                access, self.network, self.network, self.clock, self._random, requests_per_minute=self._requests
            )
        return self._broker

    def feed(self, span_ns: int, ticks: Sequence[str] = ()) -> AlpacaFeed:
        """The history of bars of one span; of a book on ticks of these kinds, only what its sessions begin with."""
        from stratofold.adapters.feeds.alpaca import AlpacaFeed

        return AlpacaFeed(
            self.access, self.network, self.network, self.clock, self._random, span_ns=span_ns or MINUTE_NS, ticks=ticks,
            ticks_from_history=self._replays, days_from_stream=self._replays, requests_per_minute=self._requests,
        )  # fmt: skip

    @property
    def _requests(self) -> int:
        """Requests a minute; an exchange of our own counts none."""
        return 0 if self._replays else REQUESTS_PER_MINUTE

    @cached_property
    def _random(self) -> Random:
        """What spreads waiting times; of this process alone, so that copies of an environment part."""
        return Random(int.from_bytes(os.urandom(8)))  # noqa: S311
