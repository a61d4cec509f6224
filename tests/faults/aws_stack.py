"""A whole stack in one seed's world: the product's functions (or the control's) on simulated services, with the broker.

What comes in: a seed and a `Weather`: what the services and the network do that day.  What goes out: a `Stack` that has
run, for `aws_laws` to judge.
Why it is shaped so: what is simulated is what AWS runs for us (services, pollers, environments); every line between an
event and the bytes that leave for the broker is production code.
"""

import base64
import functools
import hashlib
import json
import random
from dataclasses import dataclass, field
from types import SimpleNamespace

from stratofold.adapters.aws import client as client_module
from stratofold.adapters.aws import table as table_module
from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.ports import AccountLimits
from stratofold.cloud import hearing
from stratofold.cloud.functions import decide, deliver, reconcile, webhook
from stratofold.cloud.market import line_of
from stratofold.cloud.place import Place
from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.fold.risk import Limits, Unlimited
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import decide as decide_on
from stratofold.live.desk import open_desk
from stratofold.live.ingest import Ingest
from stratofold.live.manifest import Manifest, code_hash, instrument_rows, source_of
from stratofold.live.open import open_book
from stratofold.live.timers import Timers
from stratofold.live.webhook import sign
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar

from .aws_environment import Function
from .aws_naive import Naive
from .aws_services import Services, Simulated
from .aws_sources import Fifo, QueuePoller, Schedule, Stream, StreamPoller, call_later
from .aws_table import Table
from .broker import Broker, text_of
from .market import MINUTE
from .net import Faults, Net
from .world import SECOND, Process, World

START = 1_605_796_200 * SECOND  # 2020-11-19 14:30 UTC, an open
BARS = 12
CALM_SECONDS = 600  # what was under way is at an end, and what nobody answered has been asked about
EVENTS_MAX = 100_000  # of the schedule; ten times what a day has
BOOK, STACK, HOLDER = "sim", "stack", "cloud:stack"
LAPTOP = "laptop"
LAPTOP_SECONDS = 1.0  # how often a laptop looks into its book's inbox, as `run` does
WEBHOOK_KEY = "a key for the webhook of the simulation"
ACCESS = Access("key", "secret", "http://broker", "ws://broker/stream", "http://broker", "ws://data")
WIDE = {name: getattr(Unlimited(), name) for name in Limits.__slots__}
NAMES = {
    "STRATOFOLD_STACK": STACK, "STRATOFOLD_BOOK": BOOK, "STRATOFOLD_STRATEGY": "tests:Steady",
    "STRATOFOLD_TABLE": "journal", "STRATOFOLD_BUCKET": "archive", "STRATOFOLD_QUEUE": "market.fifo",
    "STRATOFOLD_DEAD": "dead", "STRATOFOLD_TOPIC": "arn:topic", "STRATOFOLD_SECRETS": "ssm:/stack/", "AWS_REGION": "eu-central-1",
}  # fmt: skip


class Steady(Strategy):
    """Buys ten at each bar: what must have happened in the end is known beforehand."""

    def setup(self):
        """Nothing to keep."""

    def on_bar(self, bar, book):
        """Ten more."""
        book.buy(bar.symbol, 10.0)


@dataclass
class Weather:
    """What goes wrong, and how often; nothing by default."""

    by_stream: bool = False  # market events by Kinesis instead of the queue
    producer_again: float = 0.0  # a producer saw no answer and sent again: another sequence number
    record_twice: float = 0.0  # a stream hands a record out twice
    late_bar: bool = False  # a bar of before comes again after newer ones
    sent_again_seconds: float = 0.0  # the sender sends everything once more, so much later
    slow: float = 0.0  # seconds that a request may take more than usual
    faults: dict = field(default_factory=dict)  # of requests to the services, by name
    faulty: tuple = ()  # functions that these befall; all if none are named
    stale: bool = False  # reads that need not be consistent are old
    call_twice: float = 0.0  # asynchronous and scheduled calls come twice
    schedule_late: float = 0.0  # seconds
    poison: str = ""  # a line among the market's that nobody can hear
    crash: dict = field(default_factory=dict)  # function -> how often an environment dies at a request
    thaw: bool = False  # a call that timed out may go on later
    frozen: float = 0.0  # how often an environment freezes at a request, for longer than its time
    concurrency: int = 10
    timeouts: dict = field(default_factory=dict)
    hooks_twice: float = 0.0
    hooks_late: float = 0.0  # seconds that a webhook may be late, so that they come in any order
    hooks_lost: float = 0.0
    forged: bool = False
    net: dict = field(default_factory=dict)  # of requests to the broker
    moved_at: int = 0  # at which bar a laptop takes the book
    together: bool = False  # all bars at once
    refuses: bool = False  # whether some orders are rightly refused: too old by then, or certainly never sent


class Sandbox(Process):
    """The clock and the network of one environment; coroutines run to their end inside its thread."""

    def __init__(self, stack, name, environment):
        super().__init__(stack.world, name)
        self.environment = environment
        self.mishap = lambda: stack.strikes(stack.weather.crash.get(name, 0.0))

    def _step(self, goes_on):
        self.environment.wake()

    def run(self, work):
        """Do something asynchronous, to its end."""
        while True:
            try:
                later = work.send(None)
            except StopIteration as stop:
                return stop.value
            while not later.done:
                later.goes_on = work.send
                self.environment.wait()
            if self.mishap():
                self.environment.crash()


class Secrets:
    """Keys by name."""

    def get(self, name):
        if name != "webhook":
            raise Setup("SF821", f"no secret {name}")
        return WEBHOOK_KEY


class Here(Place):
    """A place whose services, clock and network are the world's."""

    strategy = Steady

    def __init__(self, stack, name, environment):
        self.sandbox = Sandbox(stack, name, environment)
        super().__init__(NAMES, clock=self.sandbox)
        self.stack_ = stack
        self._client = Simulated(
            stack.services,
            faults=functools.partial(stack.fault, name),
            pause=functools.partial(stack.pause, name, environment),
        )
        self._broker = None

    client = property(lambda self: self._client)
    secrets = property(lambda self: Secrets())

    @functools.cached_property
    def journal(self):
        return Journal(self._client, "journal", "archive", sleep=self._client.pause)

    @functools.cached_property
    def venue(self):
        net = Net(self.sandbox, self.stack_.broker, self.stack_, self.stack_.net_faults)
        broker = AlpacaBroker(ACCESS, net, net, self.sandbox, self.stack_.world.random, requests_per_minute=0)
        broker.listening = True
        return SimpleNamespace(broker=broker, clock=self.sandbox, now=self._now)

    @property
    def notifier(self):
        return self.stack_

    async def _now(self):
        return self.sandbox.now()

    def run(self, work):
        return self.sandbox.run(work)


VERBS = {"decide": decide, "deliver": deliver, "webhook": webhook, "reconcile": reconcile}


def product(stack, name, environment):
    """One of the product's functions, in an environment of its own."""
    place = Here(stack, name, environment)
    return lambda event, context: VERBS[name].respond(place, event, context.get_remaining_time_in_millis)


def naive(stack, name, environment):
    """One of the control's functions."""
    sandbox = Sandbox(stack, name, environment)
    net = Net(sandbox, stack.broker, stack, stack.net_faults)
    client = Simulated(
        stack.services,
        faults=functools.partial(stack.fault, name),
        pause=functools.partial(stack.pause, name, environment),
    )

    def ask(method, path, body):
        request = net.request(method, f"http://broker{path}", {}, json.dumps(body).encode())
        answer = sandbox.run(request)
        return answer.status, json.loads(answer.body or b"{}")

    bot = Naive(client, ask, stack.world.random, sandbox.now)
    return getattr(bot, name, lambda event, context: None)


class Laptop:
    """Who takes a book from the functions, and hears from then on what waits for it, as `run` does.

    It has to be somebody: a venue fills the rest of an order a minute and a half later, the webhook then puts that where
    the new holder reads, and the functions rightly leave it to him.  He asks the venue nothing and has no feed: what the
    functions have lost he does not find again.
    """

    def __init__(self, stack):
        self.world = stack.world
        self.desk = open_desk(stack.journal(), BOOK, Steady, LAPTOP, self.now())
        self.ingest = Ingest(self.desk, self, Timers((), calendar("24/7"), START))
        self.heard = 0
        self.hear()

    def now(self):
        """The port Clock, as far as it is asked."""
        return self.world.now

    def hear(self):
        """Hear what is there, and look again."""
        while batch := self.ingest.gather():
            self.heard += decide_on(self.desk, batch, self.now(), claim=False).count
        self.world.after(LAPTOP_SECONDS, self.hear)


class Stack:
    """Everything of one day; `make` is whose functions run."""

    def __init__(self, seed, weather, make=product):
        self.world = world = World(seed, START)
        self.weather, self.make = weather, make
        self.until = START + (BARS + 2) * MINUTE
        self.broker = Broker(world, {"AAA": 10_000}, 1_000_000)
        self.net_faults = Faults(world, **{**_CALM, **weather.net}, until=self.until)
        self.table = Table(
            lambda: world.now, indices={"open": "open"}, ttl="ttl", stale=lambda: weather.stale and self.strikes(0.7)
        )
        self.bars = [bar_of(number) for number in range(BARS)]
        self.functions = {
            name: Function(
                world, name, functools.partial(make, self, name), timeout_seconds=weather.timeouts.get(name, limit),
                concurrency=weather.concurrency, mishaps=lambda what: weather.thaw,
            )
            for name, limit in (("decide", 30.0), ("deliver", 30.0), ("webhook", 10.0), ("reconcile", 60.0))
        }  # fmt: skip
        self._wire()
        self.alerts = []
        self.laptop = None  # until one takes the book

    def strikes(self, chance):
        """Whether something goes wrong now; nothing does when the day's weather is over."""
        return self.world.now < self.until and self.world.random.random() < chance

    def _wire(self):
        """Sources and functions, as the template says."""
        world, weather = self.world, self.weather
        twice = lambda: self.strikes(weather.record_twice)  # noqa: E731
        # The control has what AWS gives who states nothing: no bisection, no end of trying, no dead letters.
        stated = (
            {"bisect": True, "retries_max": 50} if self.make is product else {"bisect": False, "retries_max": 10**9}
        )
        pollers = {
            "decide": StreamPoller(world, self.functions["decide"], accepts=_inserts("inbox/"), twice=twice, **stated),
            "deliver": StreamPoller(
                world, self.functions["deliver"], accepts=_inserts("outbox/", "naive"), twice=twice,
                age_max_seconds=300, **stated,
            ),
        }  # fmt: skip
        for poller in pollers.values():
            self.table.listeners.append(poller.put)
        self.market_poller = StreamPoller(
            world, self.functions["decide"], twice=twice, **stated,
            identity=lambda record: record["kinesis"]["sequenceNumber"],
        )  # fmt: skip
        self.stream = Stream(world, self.market_poller, again=lambda: self.strikes(weather.producer_again))
        self.queue = Fifo(world, receives_max=20 if self.make is product else 10**9)
        QueuePoller(world, self.queue, self.functions["decide"])
        self.services = Services(self.table, sqs=_Queues(self), kinesis=self.stream, **{"lambda": self._told})
        every = [START + number * 60 * SECOND for number in range(1, BARS + 2 + CALM_SECONDS // 60)]
        Schedule(
            world, self.functions["reconcile"], every, again=lambda: self.strikes(weather.call_twice),
            late=lambda: weather.schedule_late * world.random.random() if world.now < self.until else 0.0,
        )  # fmt: skip
        self.broker.listeners.append(self._hook)

    # What the network between functions and services does.

    def fault(self, name, service, operation):
        """What befalls one request of one function."""
        weather = self.weather
        if weather.faulty and name not in weather.faulty:
            return ""
        for kind, chance in weather.faults.items():
            if self.strikes(chance):
                return kind
        return ""

    def pause(self, name, environment, seconds):
        """Time goes by in an environment; it may die there, or be frozen for longer than its call may take."""
        if self.strikes(self.weather.crash.get(name, 0.0)):
            environment.crash()
        if self.strikes(self.weather.frozen):
            seconds += 1.5 * self.functions[name].timeout_seconds
        if self.weather.slow and self.world.now < self.until:
            seconds += self.world.random.random() * self.weather.slow
        environment.pause(seconds)

    # Who is told, and what comes from outside.

    async def notify(self, alert, only=()):
        """The port: a person hears."""
        self.alerts.append(alert)
        return []

    def serves(self, url):
        """No market data is asked for here."""
        return False

    def _told(self, function, event):
        """An asynchronous call: AWS keeps the event, and tries three times, a minute and two apart."""
        verb = function.partition(":")[0].rpartition("-")[2]
        self.world.after(0.01, self._try, verb, event, [60.0, 120.0])

    def _try(self, verb, event, pauses):
        """One of those tries; a throttle is none."""

        def done(_, error):
            if error is not None and pauses:
                self.world.after(pauses[0], self._try, verb, event, pauses[1:])

        if not self.functions[verb].invoke(event, done):
            self.world.after(1.0, self._try, verb, event, pauses)

    def _hook(self, frame):
        """The broker tells what happened, by a signed request; or a forger does."""
        said = json.loads(frame)["data"]
        weather = self.weather
        if said["event"] not in ("fill", "partial_fill") or self.strikes(weather.hooks_lost):
            return
        for _ in range(2 if self.strikes(weather.hooks_twice) else 1):
            late = self.world.random.random() * (weather.hooks_late if self.world.now < self.until else 0.1)
            self.world.after(late, self._post, said, WEBHOOK_KEY)
        if weather.forged:
            self.world.after(0.5, self._post, {**said, "qty": "1000", "price": "1.00"}, "another key for a webhook")

    def _post(self, said, key):
        """One request, signed with a key."""
        order = said["order"]
        body = json.dumps({
            "kind": "fill", "book": BOOK, "venue_id": order["id"], "symbol": order["symbol"], "side": order["side"],
            "quantity": said["qty"], "price": said["price"], "cumulative": order["filled_qty"], "time": said["timestamp"],
            "client_id": order["client_order_id"],
        })  # fmt: skip
        stamp = str(self.world.now // SECOND)
        headers = {
            "X-Stratofold-Timestamp": stamp,
            "X-Stratofold-Signature": sign(key.encode(), stamp, body.encode()),
        }
        event = {"httpMethod": "POST", "path": "/webhook", "body": body, "isBase64Encoded": False, "headers": headers}
        if not self.functions["webhook"].invoke(event, lambda answer, error: None):
            self.world.after(1.0, self._post, said, key)

    def send(self, bar):
        """A market event, to the queue or the stream."""
        line = line_of(BOOK, "AAA", bar)
        if self.weather.by_stream:
            self.stream.PutRecord({"PartitionKey": BOOK, "Data": base64.b64encode(line.encode()).decode()})
            return
        identity = hashlib.sha256(line.encode()).hexdigest()
        self.queue.SendMessage({"MessageGroupId": BOOK, "MessageDeduplicationId": identity, "MessageBody": line})

    def _poison(self):
        """A line that nobody can hear."""
        line = self.weather.poison
        if self.weather.by_stream:
            self.stream.PutRecord({"PartitionKey": BOOK, "Data": base64.b64encode(line.encode()).decode()})
        else:
            self.queue.SendMessage({"MessageGroupId": BOOK, "MessageDeduplicationId": "poison", "MessageBody": line})

    # The day.

    def run(self):
        """Open the book, let the day pass, and let it come to rest."""
        world, weather = self.world, self.weather
        self._open()
        for number, bar in enumerate(self.bars):
            at = self.until - 2 * MINUTE + number if weather.together else bar.time  # in their order, all the same
            world.at(at, self.send, bar)
            if weather.sent_again_seconds:
                world.at(at + int(weather.sent_again_seconds * SECOND), self.send, bar)
            if weather.late_bar and number:
                world.at(at + SECOND, self.send, self.bars[number - 1])
            if weather.moved_at == number + 1:
                world.at(at + 20 * SECOND, self._moved)
        if weather.poison:
            world.at(self.bars[4].time + 20 * SECOND, self._poison)
        with _patched(world):
            world.run(self.until + CALM_SECONDS * SECOND, lambda: None, EVENTS_MAX)
            for function in self.functions.values():
                function.close()
        return self

    def journal(self):
        """The journal, seen by somebody whom nothing befalls."""
        return Journal(Simulated(self.services), "journal", "archive", sleep=lambda seconds: None)

    def _open(self):
        if self.make is naive:
            return
        journal = self.journal()
        manifest = Manifest(
            book=BOOK, account="account", generation="g1", strategy="tests:Steady", parameters={},
            instruments=instrument_rows([Instrument("AAA", price_decimals=2, quantity_decimals=0)]), calendar="24/7",
            currency="USD", capital=1_000_000.0, limits=WIDE, span_ns=60 * SECOND, opened=START, code=code_hash(Steady),
            message_age_seconds=90.0,
        )  # fmt: skip
        journal.limit("account", AccountLimits(1e12, 10_000, 1e12, 100_000, self_match=True))
        open_book(journal, manifest, START, source_of(Steady))
        journal.take(BOOK, HOLDER, START)

    def _moved(self):
        """A laptop takes the book; the control knows no such thing."""
        if self.make is not naive:
            self.laptop = Laptop(self)


_CALM = dict.fromkeys(("loss", "drop", "error", "throttle", "deaf", "twice", "cut", "crash", "meddle"), 0.0)


class _Queues:
    """The queues by address: the market's, and where what nobody understands goes."""

    def __init__(self, stack):
        self.stack = stack
        self.dead = []

    def SendMessage(self, request):  # noqa: N802  the service's own name
        if request["QueueUrl"] == "dead":
            self.dead.append(request["MessageBody"])
            return {"MessageId": "dead"}
        return self.stack.queue.SendMessage(request)

    def ChangeMessageVisibilityBatch(self, request):  # noqa: N802
        return self.stack.queue.ChangeMessageVisibilityBatch(request)


def bar_of(number):
    """The bar of one minute; each close is another."""
    bar = Bar()
    bar.time = bar.known = START + (number + 1) * MINUTE
    bar.span = MINUTE
    bar.open = bar.high = bar.low = bar.close = 100.0 + number
    bar.volume = 1_000.0
    return bar


def _inserts(*partitions):
    """A stream's filter: new items of some partitions."""
    return lambda record: (
        record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["pk"]["S"].startswith(partitions)
    )


class _patched:  # noqa: N801  it reads as a word
    """While the block lasts, chance and waiting are the world's in the modules that ask the machine for them."""

    def __init__(self, world):
        chance = SimpleNamespace(urandom=world.random.randbytes, environ={})
        self.changes = [(table_module, "os", chance), (client_module, "os", chance)]
        self.changes.append((hearing, "time", SimpleNamespace(sleep=lambda seconds: None)))
        self.changes.append((random, "random", world.random.random))  # `hearing` asks for it when it needs it

    def __enter__(self):
        self.kept = [(module, name, getattr(module, name)) for module, name, _ in self.changes]
        for module, name, value in self.changes:
            setattr(module, name, value)

    def __exit__(self, *_):
        for module, name, value in self.kept:
            setattr(module, name, value)


__all__ = ["BARS", "Stack", "Weather", "call_later", "naive", "product", "text_of"]
