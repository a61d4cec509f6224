"""The live path, durable, in one process: from a market event to the bytes of an order on a socket, and each stage's share.

The production runner, guard, fold, journal (on the disk of the working folder) and Alpaca adapter, against a venue that
answers a millisecond later, and fills what comes to the market.  The latency is that of the first message that an event
leads to; that of the last stands beside it, which waits for the answer to one before it where both are of one symbol.
A machine that others use too adds its own to each; the processor's time beside it does not depend on them.
The floors are for a run on a processor that is kept awake (`run --awake auto`), on Linux; beside it stands the machine as it is,
whose processors fall asleep between two events, and memory in the disk's place.
A timer is folded ahead when the bars of its time are in, five milliseconds before it comes here and two seconds in `run`;
how late events are taken because that, or anything else, still goes on is a figure of its own, and so is momentum without.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from msgspec import to_builtins

from figures import Figure, cpu_seconds
from live_strategies import BasketQuoter, MinuteMomentum, WideQuoter
from live_venue import Market, ReplayClock, Venue
from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.embedded.awake import awake, quickest
from stratofold.adapters.embedded.collector import undisturbed
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.ports import AccountLimits
from stratofold.cli.home import GLANCE_SECONDS
from stratofold.events import Bar, Timer
from stratofold.fold.risk import Limits, Unlimited
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.manifest import Manifest, instrument_rows
from stratofold.live.open import open_book, warm_up
from stratofold.live.risk.guard import screen
from stratofold.live.risk.limits_config import read_stated
from stratofold.live.run import Pace, Runner
from stratofold.live.timers import Timers
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar

MINUTE_NS = 60_000_000_000
OPEN = 1_704_205_800_000_000_000  # 2024-01-02 09:30 New York
AROUND = calendar("XNYS").slice(OPEN - 120 * 1440 * MINUTE_NS, OPEN - MINUTE_NS)
SESSIONS = [close for close in AROUND.closes if close < OPEN]  # before the one that is traded
RATE = 200.0
COMMIT = os.urandom(7 * 4_120)  # pages of a commit as the log has them
EVERYTHING = AccountLimits(1e12, 100_000, 1e12, 1_000_000, True)
LIMITS = {name: getattr(Unlimited(), name) for name in Limits.__slots__}
BOUNDS = """
[risk.data]
age_seconds_max = 86400
[risk.session]
after_close_seconds = 86400
[risk.rate]
messages_per_second_max = 1000
messages_per_minute_max = 20_000
executions_max = 1e9
[risk.stops]
drawdown_max = 1.0
daily_loss_max = 1e9
daily_loss_fraction_max = 1.0
[risk.exposure]
gross_exposure_max = 1e12
net_exposure_max = 1e12
leverage_max = 1e6
concentration_max = 1e6
[risk.rules]
account = "margin"
"""


def percentile(values, share):
    """The value that a share of all are not above."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def market(symbol_count, times, deviation=0.004, timers=False, seed=1):
    """Bars of random walks, the symbols of a time one after another, and a timer at the end of each."""
    random = Random(seed)
    price = [100.0] * symbol_count
    for moment in times:
        for k in range(symbol_count):
            price[k] = max(round(price[k] * (1.0 + random.gauss(0.0, deviation)), 2), 1.0)
            bar = Bar()
            bar.time = bar.known = moment
            bar.symbol, bar.span = k, MINUTE_NS
            bar.open = bar.high = bar.low = bar.close = price[k]
            bar.volume = 10_000.0
            yield f"S{k}", bar
        if timers:
            timer = Timer()
            timer.time = timer.known = moment
            timer.schedule = 1
            yield "", timer


def desk_of(folder, strategy, symbol_count):
    """The writer of a fresh book, guarded."""
    names = [f"S{k}" for k in range(symbol_count)]
    bounds = to_builtins(read_stated(BOUNDS + f"shortable = {json.dumps(names)}", "benchmark").bounds)
    manifest = Manifest(
        book="bench", account="account", generation="g1", strategy=strategy.__name__, parameters={},
        instruments=instrument_rows([Instrument(name, price_decimals=2, quantity_decimals=0) for name in names]),
        calendar="XNYS", currency="USD", capital=1e6, limits=LIMITS, span_ns=MINUTE_NS, opened=SESSIONS[0] - MINUTE_NS,
        code="benchmark", bounds=bounds, native_brackets=True, message_age_seconds=86_400.0,
    )  # fmt: skip
    journal = Journal(folder / f"{strategy.__name__}.db", glance_seconds=GLANCE_SECONDS)
    journal.reserve_log()
    journal.limit("account", EVERYTHING)
    open_book(journal, manifest, OPEN)
    return open_desk(journal, "bench", strategy, "benchmark", OPEN)


class Stopwatch:
    """Seconds spent in functions, by name: each is wrapped where it hangs."""

    def __init__(self):
        self.spent = Counter()
        self.calls = Counter()

    def wrap(self, owner, name, label):
        """Time `owner.name` from now on."""
        work = getattr(owner, name)

        def timed(*arguments, **named):
            began = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self.spent[label] += time.perf_counter() - began
                self.calls[label] += 1

        setattr(owner, name, timed)


@dataclass
class Sent:
    """The messages of one event: when it came in (wall, processor's time, ns), how many there are, how many have left."""

    wall: int
    own: int
    count: int
    gone: int = 0


class Latencies:
    """A `Watcher` and the venue's other end: from each event's coming in to its first bytes out."""

    def __init__(self):
        self.came = {}
        self.waiting = {}
        self.whole = []
        self.last = []
        self.own = []
        self.decided_ns = []
        self.late = []
        self.events = 0

    def decided(self, heard, decided, taken_ns):
        self.events += decided.count
        if decided.messages:
            self.decided_ns.append(taken_ns)
            came = self.came.get(id(heard[-1].event))
            if came is not None:
                sent = Sent(*came, len(decided.messages))
                self.waiting |= {message.key: sent for message in decided.messages}

    def left(self, key, wall, own):
        """A message's bytes have left, at these times."""
        sent = self.waiting.pop(key, None)
        if sent is None:
            return
        if not sent.gone:
            self.whole.append(wall - sent.wall)
            self.own.append(own - sent.own)
        sent.gone += 1
        if sent.gone == sent.count:
            self.last.append(wall - sent.wall)

    def answered(self, message, answer, taken_ns):
        assert answer.state == "accepted", answer

    def reconciled(self, found):
        pass

    def failed(self, where, error):
        raise error


class Marked:
    """The broker, with the moment noted at which a message leaves for it; the bytes' own moment is the venue's."""

    def __init__(self, broker, venue, latencies):
        self.capabilities = broker.capabilities
        self.broker, self.venue, self.latencies = broker, venue, latencies

    def __getattr__(self, name):
        return getattr(self.broker, name)

    async def submit(self, message):
        return await self.timed(message, self.broker.submit(message))

    async def replace(self, message, venue_id):
        return await self.timed(message, self.broker.replace(message, venue_id))

    async def cancel(self, message, venue_id):
        return await self.timed(message, self.broker.cancel(message, venue_id))

    async def timed(self, message, work):
        """Run it; its request is the next that leaves, since nothing is awaited before it."""
        at = len(self.venue.left)
        answer = await work
        self.latencies.left(message.key, *self.venue.left[at])
        return answer

    async def reports(self):
        """The stream: fills of what came to the market; what is accepted is said in the answer."""
        while True:
            yield await self.venue.fills.get()


async def trade(desk, events, rate, *, foresees=True):
    """Run the book over the events as they come; returns latencies, stages, and the processor's seconds."""
    venue, clock, latencies, watch = Venue(), ReplayClock(OPEN), Latencies(), Stopwatch()
    access = Access("key", "secret", trading_url="http://venue", data_url="http://venue")
    broker = Marked(AlpacaBroker(access, venue, None, clock, Random(1), requests_per_minute=0), venue, latencies)
    watch.wrap(desk.fold, "hear", "fold and guard")
    watch.wrap(desk.journal, "append", "append and claim, durable")
    watch.wrap(desk.journal, "settle", "answer, durable")
    watch.wrap(desk.journal, "inbox", "inbox")
    watch.wrap(desk.journal, "controls", "controls")
    async with Tasks() as tasks:
        runner = Runner(
            desk, None, broker, clock, tasks, latencies, Timers(desk.strategy.schedule, calendar("XNYS"), OPEN),
            Pace(reconcile_seconds=1e6), keeps_time=False, foresees=foresees,
        )  # fmt: skip

        def came(event):
            clock.time = max(clock.time, event.time)
            if isinstance(event, Bar):
                venue.seen(f"S{event.symbol}", event.close, event.time)
            latencies.came[id(event)] = time.perf_counter_ns(), time.thread_time_ns()

        runner.feed = Market(events, rate, came, runner.stop)
        watch.wrap(runner, "hear", "hear: everything below, and words")
        with undisturbed():
            started = time.process_time()
            await runner.run()
            spent = time.process_time() - started
    latencies.late = runner.feed.late_ms
    return latencies, watch, spent


def report(name, latencies, watch, spent, floors):
    """The figures of one run."""
    whole = [value / 1e6 for value in latencies.whole]
    for share, floor in zip((0.5, 0.99), floors, strict=True):
        Figure(
            f"{name}: event in, order bytes out", percentile(whole, share), f"ms p{share * 100:g}", floor, better="less"
        ).say()
        own = percentile([value / 1e6 for value in latencies.own], share)
        Figure(f"{name}: of it our own processor's time", own, f"ms p{share * 100:g}", better="less").say()
    last = percentile([value / 1e6 for value in latencies.last], 0.5)
    Figure(f"{name}: event in, all its orders' bytes out", last, "ms p50", better="less").say()
    Figure(f"{name}: taken after it was due", percentile(latencies.late, 0.5), "ms p50", better="less").say()
    count = latencies.events
    Figure(f"{name}: messages timed", len(whole), "events").say()
    Figure(f"{name}: processor", spent / count * 1e6, "CPU µs/event", better="less").say()
    for label, seconds in watch.spent.most_common():
        Figure(f"{name}: {label}", seconds / watch.calls[label] * 1e6, "µs/call", better="less").say()


def minutes(count, start=OPEN):
    """The ends of so many minutes."""
    return [start + (minute + 1) * MINUTE_NS for minute in range(count)]


def run(folder, name, strategy, symbol_count, seconds, floors, *, timers=False, warm=(), foresees=True):
    """One book over so many seconds of events, after what it is warmed on."""
    desk = desk_of(folder, strategy, symbol_count)
    warm_up(desk, [event for _, event in market(symbol_count, warm)], OPEN)
    times = minutes(int(RATE * seconds / symbol_count) + 1, max(OPEN, *warm, OPEN))
    events = list(market(symbol_count, times, timers=timers))[: int(RATE * seconds)]
    report(name, *asyncio.run(trade(desk, events, RATE, foresees=foresees)), floors)
    desk.journal.close()


def together(folder):
    """Decisions a second when the steps of a batch share an append."""

    class Listener(WideQuoter):
        def on_bar(self, bar, book):
            self.average[bar.symbol].update(bar.close)

    desk = desk_of(folder, Listener, 10)
    heard = [Heard(event) for _, event in market(10, minutes(380))]
    began = time.perf_counter()
    for at in range(0, len(heard), 64):
        decide(desk, heard[at : at + 64], OPEN)
    Figure("decisions that share appends, durable", len(heard) / (time.perf_counter() - began), "/s", 2_000.0).say()
    desk.journal.close()


def review(folder):
    """The pre-trade review alone: what the guard takes for one message, with twenty at work."""
    desk = desk_of(folder, BasketQuoter, 10)
    for _, event in market(10, minutes(1)):
        step = desk.fold.hear(event)
    book, guard = desk.fold.engine.book, desk.fold.guard
    (message, *_), rounds = step.messages, 2_000
    seconds = cpu_seconds(lambda: [screen(guard, [message], book) for _ in range(rounds)])
    Figure("pre-trade review of a message", seconds / rounds * 1e6, "CPU µs", 50.0, better="less").say()
    desk.journal.close()


def imported():
    """What `import stratofold.live` and its verbs cost in a process of its own."""
    code = "import time; t = time.process_time(); import stratofold.live.run; print(time.process_time() - t)"
    spent = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    )
    Figure("import the live path", spent, "CPU s", 0.2, better="less").say()


def raw(folder, words, pause):
    """What the disk takes to keep as many bytes as a commit in a file that has room, so many seconds after the last."""
    with (folder / "raw").open("wb", buffering=0) as file:
        file.write(COMMIT)
        os.fsync(file.fileno())
        wall = []
        for _ in range(400):
            time.sleep(pause)
            began = time.perf_counter()
            os.pwrite(file.fileno(), COMMIT, 0)
            os.fdatasync(file.fileno())
            wall.append(time.perf_counter() - began)
    for share in (0.5, 0.99):
        Figure(
            f"the disk: write a commit and wait, {words}",
            percentile(wall, share) * 1e3,
            f"ms p{share * 100:g}",
            better="less",
        ).say()


def everything(place, seconds, floors, note=""):
    """Every run, in one folder."""
    for name, strategy, count, warm, timers, foresees in RUNS:
        with TemporaryDirectory(dir=place) as folder:
            run(
                Path(folder), name + note, strategy, count, seconds, floors.get(count, NO_FLOORS) if foresees else NO_FLOORS,
                timers=timers, warm=warm, foresees=foresees,
            )  # fmt: skip


RUNS = (
    ("quoter, 10 names", BasketQuoter, 10, (), False, True),
    ("momentum, 14 names", MinuteMomentum, 14, SESSIONS, True, True),
    ("momentum, 14 names, nothing foreseen", MinuteMomentum, 14, SESSIONS, True, False),
    ("500 names of 250 bars", WideQuoter, 500, minutes(249), False, True),
)
NO_FLOORS = (None, None)
FLOORS = {10: (0.7, 2.0), 14: (0.7, 2.0), 500: (1.5, None)}

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
with TemporaryDirectory(dir=".") as name:
    raw(Path(name), "one after another", 0.0)
    raw(Path(name), "as far apart as events", 1 / RATE)
    together(Path(name))
    review(Path(name))
imported()
if hasattr(os, "SCHED_IDLE"):
    with awake(quickest(Path()).processor), TemporaryDirectory(dir=".") as name:
        raw(Path(name), "as far apart as events, kept awake", 1 / RATE)
        everything(".", seconds, FLOORS, ", kept awake")
everything(".", seconds, {} if hasattr(os, "SCHED_IDLE") else FLOORS)
if Path("/dev/shm").is_dir():  # noqa: S108
    everything("/dev/shm", seconds, FLOORS, ", no disk")  # noqa: S108
