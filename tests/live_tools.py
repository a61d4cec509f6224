"""What tests of the live path share: a paper exchange in the same process, and the path put together on it."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qsl, urlsplit

from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds.alpaca import AlpacaFeed
from stratofold.adapters.feeds.lockstep import ExchangeStepper
from stratofold.adapters.ports import AccountLimits, Response
from stratofold.exchange.api import Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.fold.risk import Limits, Unlimited
from stratofold.live.desk import open_desk
from stratofold.live.lockstep import run_in_step
from stratofold.live.manifest import Manifest, code_hash, instrument_rows
from stratofold.live.open import open_book
from stratofold.live.run import Pace, Runner
from stratofold.live.timers import Timers
from stratofold.market.sessions import calendar

EVERYTHING = AccountLimits(
    exposure_max=1e12, orders_max=10_000, symbol_exposure_max=1e12, orders_per_second_max=100_000, self_match=True
)
UNLIMITED = {name: getattr(Unlimited(), name) for name in Limits.__slots__}


class InProcessHttp:
    """The port `Http` straight into an exchange's door: no sockets, no threads."""

    def __init__(self, exchange):
        self.api = Api(exchange)
        self.exchange = exchange

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        parts = urlsplit(url)
        names = {name.lower(): value for name, value in headers.items()}
        reply = self.api.handle(Request(method, parts.path, dict(parse_qsl(parts.query)), body, names), 0)
        self.exchange.outgoing.__init__()
        return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


@dataclass
class Witness:
    """A `Watcher` that keeps what it is told."""

    fills: list = field(default_factory=list)
    orders: list = field(default_factory=list)
    refusals: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    found: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    def decided(self, heard, decided, taken_ns):
        for step in decided.steps:
            self.fills += step.fills
            self.orders += step.orders
            self.refusals += step.refusals

    def answered(self, message, answer, taken_ns):
        self.answers.append((message, answer))

    def reconciled(self, found):
        self.found.append(found)

    def failed(self, where, error):
        self.failures.append((where, error))


@dataclass
class Paper:
    """One book at one paper exchange in lock-step."""

    strategy: type
    data: object
    span_ns: int
    exchange: Exchange
    journal: Journal
    witness: Witness = field(default_factory=Witness)
    parameters: dict = field(default_factory=dict)
    bounds: dict | None = None
    native_brackets: bool = False
    limits: dict = field(default_factory=UNLIMITED.copy)
    book: str = "paper"

    def __post_init__(self):
        account = next(iter(self.exchange.accounts.values()))
        self.clock = StandingClock(0)
        access = Access(account.key_id, account.secret_key, trading_url="http://x", data_url="http://x")
        self.reach(access, InProcessHttp(self.exchange))

    def reach(self, access, http):
        """Speak to the exchange by this door."""
        self.access, self.http = access, http
        self.stepper = ExchangeStepper(access, http)
        self.broker = AlpacaBroker(access, http, None, self.clock, Random(1), requests_per_minute=0)
        self.feed = self.feed_by(access, http)

    def feed_by(self, access, http):
        """What the book hears of its market."""
        return AlpacaFeed(access, http, None, self.clock, Random(1), span_ns=self.span_ns, requests_per_minute=0)

    def manifest(self, opened):
        return Manifest(
            book=self.book, account="account", generation="g1", strategy=self.strategy.__name__,
            parameters=self.parameters, instruments=instrument_rows(list(self.data.instruments)), calendar="XNYS",
            currency="USD", capital=100_000.0, limits=self.limits, span_ns=self.span_ns, opened=opened,
            code=code_hash(self.strategy), message_age_seconds=3600.0, bounds=self.bounds,
            native_brackets=self.native_brackets,
        )  # fmt: skip

    async def desk(self):
        """The writer of the book, which is opened when it is not there."""
        now = (await self.stepper.now()).time
        self.clock.time = max(self.clock.time, now)
        if self.book not in [head.book for head in self.journal.books()]:
            self.journal.limit("account", EVERYTHING)
            open_book(self.journal, self.manifest(now), now)
        return open_desk(self.journal, self.book, self.strategy, "test", now)

    async def runner(self, tasks):
        """A runner on it, in lock-step."""
        desk = await self.desk()
        timers = Timers(self.strategy.schedule, calendar("XNYS"), desk.manifest.opened)
        return Runner(
            desk, self.feed, self.broker, self.clock, tasks, self.witness, timers,
            Pace(timer_grace_seconds=0.0), serial=True,
        )  # fmt: skip

    def run(self):
        """The whole replay; returns the desk at its end."""

        async def work():
            async with Tasks() as tasks:
                runner = await self.runner(tasks)
                await run_in_step(runner, self.stepper, self.clock, lambda _: None)
                return runner.desk

        return asyncio.run(work())


def paper(strategy, data, span_ns, *, slippage=None, fees=None, **more):
    """A book of `strategy` at a fresh exchange that replays `data`."""
    exchange = Exchange(data, None, Terms(100_000.0, slippage=slippage, fees=fees), Rules(requests_per_minute=0), 1, 1)
    return Paper(strategy, data, span_ns, exchange, Journal(), **more)
