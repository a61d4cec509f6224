"""One seed through the whole live path: a world, a broker, processes that die and come again, and the laws.

What comes in: a seed and faults.  What goes out: a `Verdict`: what was violated, how much happened, the trace.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.feeds.alpaca import AlpacaFeed
from stratofold.adapters.ports import ACTIVE, HALTED, REDUCING, AccountLimits, Control, NoAnswer
from stratofold.errors import Retry, Stop
from stratofold.fold.risk import Limits, Unlimited
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.manifest import Manifest, instrument_rows
from stratofold.live.open import adopt, open_book
from stratofold.live.run import Pace, Runner
from stratofold.live.timers import Timers
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar

from .broker import FRACTIONS, Broker
from .laws import Laws
from .market import EVENING_SECONDS, RATIOS, Market
from .net import Faults, Net
from .strategy import Restless, Trails
from .world import SECOND, Crash, Process, World

START = 1_605_796_200 * SECOND  # 2020-11-19 14:30 UTC, an open
MIDNIGHT = 1_605_830_400 * SECOND  # 2020-11-20 00:00 UTC, when the next session begins
SYMBOLS = ("AAA", "BBB")
ACCESS = Access("key", "secret", "http://broker", "ws://broker/stream", "http://broker", "ws://data")
CALM_SECONDS = 130  # the oldest message has expired (90 s) and the venue has had its 30 s
EVENTS_MAX = 60_000  # of the schedule; twenty times what a seed has
JUMP_SECONDS = 4.0  # how far a clock that somebody sets is from the venue's at most
SPIN_COMMITS = 2_000  # at one moment
DEAF_SECONDS = 240  # twice as long as a message is unknown at most
SNAPSHOT_STEPS = 25  # so that a few minutes see many snapshots
WIDE = {name: getattr(Unlimited(), name) for name in Limits.__slots__}


@dataclass
class Verdict:
    """What one seed showed."""

    seed: int
    events: int = 0
    crashes: int = 0
    orders: int = 0
    fills: int = 0
    trace: str = ""
    violations: list[str] = field(default_factory=list)


class Listener:
    """A watcher that counts how long the rig takes to agree with the venue, when faults have stopped."""

    def __init__(self, rig, process):
        self.rig = rig
        self.process = process

    def decided(self, heard, decided, taken_ns):
        pass

    def answered(self, message, answer, taken_ns):
        pass

    def reconciled(self, found):
        rig = self.rig
        rig.laws.listened()
        if found.clean:
            rig.laws.agreed(self.process.counted)
        if rig.world.now < rig.until + CALM_SECONDS * SECOND or rig.cycles_to_clean is not None:
            return
        rig.cycles += 1
        if found.clean:
            rig.cycles_to_clean = rig.cycles

    def failed(self, where, error):
        pass


def watched(store, rig):
    """The store of one process, whose claims are looked at as they are made."""
    append, claim, settle = store.append, store.claim, store.settle

    def looked_append(book, epoch, *arguments, **named):
        rig.meddle()
        head, messages = append(book, epoch, *arguments, **named)
        rig.laws.claimed(messages, epoch, named.get("claim_at"))
        for answer in named.get("settled", ()):
            rig.laws.settled(answer.key)
        return head, messages

    def looked_claim(book, epoch, keys, time, entries=()):
        rig.meddle()
        messages = claim(book, epoch, keys, time, entries)
        rig.laws.claimed(messages, epoch, time)
        return messages

    def looked_settle(book, key, state, *arguments, **named):
        settle(book, key, state, *arguments, **named)
        rig.laws.settled(key)

    store.append, store.claim, store.settle = looked_append, looked_claim, looked_settle
    return store


class Rig:
    """Everything of one seed."""

    def __init__(self, seed, *, minutes=12, heal_minutes=4, outage_minutes=(0, 0), haste=None, strategy=None,
                 deaf_seconds=DEAF_SECONDS, night=None, ratio=None, foresees=None, **faults):  # fmt: skip
        """`night`: the minutes lie around a midnight at which a split and a dividend take effect; every fourth seed's do.

        `ratio`: new units for old ones of that split; by chance, as is whether the book begins with what the account has.

        `foresees`: timers are folded ahead; every second seed's are.
        """
        self.seed = seed
        self.foresees = seed % 2 == 1 if foresees is None else foresees
        if night is None:
            night = seed % 4 == 3 and strategy is None
        strategy = strategy or (Trails if night else Restless)
        start = MIDNIGHT - EVENING_SECONDS * SECOND if night else START
        self.strategy = strategy
        self.deaf_seconds = deaf_seconds
        self.world = World(seed, start)
        self.until = start + minutes * 60 * SECOND
        self.end = self.until + heal_minutes * 60 * SECOND
        self.broker = Broker(self.world, {"AAA": 10_000, "BBB": 5_000}, 1_000_000)
        chance = self.world.random
        self.broker.lag_max = chance.choice((0.0, 2.0, 20.0))
        self.broker.list_lag_max = chance.choice((0.0, 2.0, 20.0))
        self.broker.dedupes = chance.random() < 0.5
        self.broker.haste = chance.choice((0.0, 0.0, 0.5)) if haste is None else haste
        self.adopted = True
        self.cost = 0  # cents by which the book has begun with more than the broker has
        corporate = Random(f"corporate {seed}")
        ratio, fractions = ratio or corporate.choice(RATIOS), corporate.choice(FRACTIONS)
        self.sleeps = 0.0  # seconds until a process begins
        if night and corporate.random() < 0.5:
            self.adopted = False
            self.broker.hold("AAA", corporate.choice((1, -1)) * corporate.randrange(1, 60))
            self.sleeps = corporate.choice((0.0, corporate.random() * (EVENING_SECONDS + 30)))
        if night and corporate.random() < 0.5:
            self.world.at(MIDNIGHT + int((corporate.random() * 60 - 45) * SECOND), self.fall)
        self.market = Market(self.world, self.broker, SYMBOLS, self.until, MIDNIGHT if night else 0, ratio, fractions)
        outage = tuple(start + int(minute * 60 * SECOND) for minute in outage_minutes)
        self.faults = Faults(self.world, until=self.until, outage=outage, **faults)
        self.journal = Journal()
        self.journal.limit("account", AccountLimits(1e12, 10_000, 1e12, 100_000, self_match=True))
        self.manifest = Manifest(
            book="sim", account="account", generation="g1", strategy=strategy.__name__, parameters={},
            instruments=instrument_rows([Instrument(name, price_decimals=2, quantity_decimals=0) for name in SYMBOLS]),
            calendar="24/7", currency="USD", capital=1_000_000.0, limits=WIDE, span_ns=60 * SECOND, opened=start, code="x",
            message_age_seconds=90.0,
        )  # fmt: skip
        open_book(self.journal, self.manifest, start)
        self.process = None
        self.zombies = []
        self.runner = None
        self.crashes = 0
        self.born = 0
        self.epoch = 0
        self.spun = (0, 0)
        self.cycles_to_clean = None
        self.cycles = 0
        self.unknown_in_outage = 0
        self.laws = Laws(self)
        if chance.random() < 0.3:
            self.world.after(30 + chance.random() * minutes * 50, self.usurp)
        for _ in range(chance.randrange(3)):
            self.world.after(chance.random() * minutes * 60, self.halt)
        for _ in range(chance.randrange(3)):
            self.world.after(chance.random() * minutes * 60, self.jump)

    def meddle(self):
        """Between what ours has read and what it commits, another process acts."""
        if self.faults.strikes(self.faults.meddle):
            self.halt()

    def halt(self):
        """The operator stops the book or a symbol from another process, and lifts it later, or not before the end."""
        if self.world.now >= self.until:
            return
        chance = self.world.random
        scope, name = chance.choice((("book", "sim"), ("book", "sim"), ("symbol", "AAA"), ("symbol", "BBB")))
        self._control(scope, name, chance.choice((HALTED, REDUCING)))
        if chance.random() < 0.8:
            self.world.after(5.0 + chance.random() * 120, self._control, scope, name, ACTIVE)

    def _control(self, scope, name, state):
        self.journal.control("account", Control(scope, name, state, "operator", "test", self.world.now))
        self.world.note(f"control {scope} {name} {state}")

    def fall(self):
        """The process dies of something from outside."""
        if self.process is not None:
            self.process.die("killed")

    def jump(self):
        """Somebody sets the clock of the machine that runs the book."""
        if self.process is not None and self.world.now < self.until:
            self.process.skew_ns = int((self.world.random.random() * 2.0 - 1.0) * JUMP_SECONDS * SECOND)
            self.world.note(f"clock {self.process.skew_ns}")

    def run(self, *, stops_early=False):
        """To the end, or to the first law broken; returns the verdict."""
        self.stops_early = stops_early
        if self.sleeps:
            self.world.after(self.sleeps, self.begin)
        else:
            self.begin()
        if not self.world.run(self.end, self._look, EVENTS_MAX):
            self.laws.broken("I15: it never comes to rest")
        if not (self.laws.violations and stops_early):
            self.laws.quiesce()
        self.world.close()
        return Verdict(
            self.seed, self.world.events, self.crashes, len(self.broker.accepted),
            len(self.broker.fills), self.world.trace, self.laws.violations,
        )  # fmt: skip

    def _look(self):
        """After every event that has touched what is looked at here: a death, an order that the broker took, a law broken."""
        self.laws.cheap()
        if self.laws.violations and self.stops_early:
            self.world.stop()
            return  # whoever begins anew now would go on to the end
        if self.zombies:
            self.zombies = [one for one in self.zombies if one.alive]
        if self.process is not None and not self.process.alive:
            self._bury()

    def _bury(self):
        """A process has died: was that allowed, and when does the next begin?"""
        failure = self.process.failure
        if failure is not None and not isinstance(failure, (Retry, Stop)):
            self.laws.broken(f"a process died of {type(failure).__name__}: {failure}")
        self.process = None
        self.crashes += 1
        self.laws.crashed()
        pause = 200.0 if self.faults.strikes(0.2) else 5.0
        self.world.after(0.5 + self.world.random.random() * pause, self.begin)

    def usurp(self):
        """A second process takes the book while the first still runs: split-brain."""
        if self.process is not None and self.world.now < self.until:
            self.zombies.append(self.process)
            self.begin()

    def begin(self):
        """A process begins: takes the book, and runs it."""
        self.born += 1
        skew = self.world.random.randrange(-1, 2) * SECOND
        process = Process(self.world, f"p{self.born}", skew)
        store = watched(self.journal.beside(self._fault), self)
        net = Net(process, self.broker, self.market, self.faults)
        chance = Random(self.world.random.random())
        self.process = process

        async def work():
            desk = open_desk(store, "sim", self.strategy, process.name, process.now())
            desk.snapshot_every = SNAPSHOT_STEPS
            self.laws.taken(desk.head.epoch)
            broker = AlpacaBroker(ACCESS, net, net, process, chance, requests_per_minute=0, lookup_settle_seconds=30.0)
            feed = AlpacaFeed(
                ACCESS, net, net, process, chance, span_ns=60 * SECOND, calendar="24/7", requests_per_minute=0
            )
            await self._adopt(desk, broker, process)
            timers = Timers((), calendar("24/7"), self.manifest.opened)
            pace = Pace(reconcile_seconds=5.0, inbox_seconds=1.0)
            runner = Runner(
                desk, feed, broker, process, process, Listener(self, process), timers, pace, foresees=self.foresees
            )
            if self.process is process:  # and not one from which another has taken the book while it adopted
                self.runner = runner
            await runner.run()

        process.spawn("run", work())

    async def _adopt(self, desk, broker, process):
        """A book that begins takes what the account has, as `run` does; not while the broker works its splits out."""
        while not self.adopted:
            with suppress(NoAnswer, Retry):
                account = await broker.account()
                if not self.market.is_working():
                    adopt(desk, account, SYMBOLS, process.now())
                    self.adopted = True
                    self.broker.adopted()
                    self.cost = 100_000_000 - 100 * sum(self.broker.positions.values()) - self.broker.settled
            await process.sleep(1.0)

    def _fault(self, verb, moment):
        """Around every commit: perhaps the process dies."""
        self.world.note(f"commit {verb} {moment}")
        at, count = self.spun
        self.spun = (self.world.now, count + 1 if at == self.world.now else 0)
        if count > SPIN_COMMITS:
            self.laws.broken("I13: it spins")
            self.world.stop()
            raise Crash
        if self.faults.strikes(self.faults.crash):
            raise Crash

    def rebuilt(self):
        """The state from every record, and from the snapshot on; what is wrong instead, where a step is decided otherwise."""
        whole = restore_fold(self.journal, "sim", self.strategy, use_snapshot=False)
        try:
            return whole, restore_fold(self.journal, "sim", self.strategy), ""
        except Stop as error:
            return whole, whole, str(error)
