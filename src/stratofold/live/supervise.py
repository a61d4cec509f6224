"""Who watches a run: facts become baselines, conditions become alerts, alerts become records and calls.

What comes in: what the runner tells (`run.Watcher`), and a tick of the clock.  What goes out: alert records, deliveries
through the notifier, sealed segments, and a `Picture` of the run for whoever looks.
Why it is shaped so: the runner never waits for it, and what it does may fail without the run noticing.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.adapters.ports import CLAIMED, READY, Entry, NoAnswer
from stratofold.errors import Retry, Stop
from stratofold.events import Bar, Depth, Quote, Trade
from stratofold.fold.lifecycle import DONE_REJECTED
from stratofold.fold.log import OrderLog, RefusalLog
from stratofold.live.alerts import (
    CRITICAL,
    WARNING,
    Alerts,
    Condition,
    Habits,
    alert_body,
    deliver_alerts,
    owed,
    take_over,
)
from stratofold.live.archive import seal
from stratofold.live.away import note
from stratofold.live.poison import TRIES_MAX
from stratofold.live.risk.verdict import ACTION_NAMES, NOTE, Breach, reason_name
from stratofold.live.watch import Figures, Watch
from stratofold.live.watchman import Pulse, UnknownSince
from stratofold.live.words import FOREIGN, number_of
from stratofold.wire import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.ports import Alert, Answer, Artifacts, Clock, Message, Notifier
    from stratofold.live.decide import Decided, Heard
    from stratofold.live.desk import Desk
    from stratofold.live.fold import Row
    from stratofold.live.reconcile import Findings
    from stratofold.live.run import Runner

_LINES = 200
_RECENT = 20
_MS = 1e6
_SECOND_NS = 1_000_000_000
_CLOCK_SECONDS = 60
_REASON = RefusalLog.WHOLES.index("reason")
_STATE, _PARENT = OrderLog.WHOLES.index("state"), OrderLog.WHOLES.index("parent")
OWED = "alerts_owed"  # the mark of what an earlier process has not told everybody


@dataclass
class Picture:
    """How a run stands: counts since it began, the last latencies in ms, the last lines worth reading.

    `refused` counts refusals by their reason; `recent` are the last lines and fills, each with its time, ns UTC.
    """

    events: int = 0
    orders: int = 0
    fills: int = 0
    refusals: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    decide_ms: float = 0.0
    answer_ms: float = 0.0
    heard: dict[str, int] = field(default_factory=dict)
    breaks: list[str] = field(default_factory=list)
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=20))
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    recent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_RECENT))


class Supervisor:
    """Watches one book; `say` is told each line as it comes."""

    def __init__(
        self, desk: Desk, watch: Watch, clock: Clock, notifier: Notifier | None, artifacts: Artifacts | None,
        habits: Habits | None = None,
    ) -> None:  # fmt: skip
        """Nothing was seen."""
        self.desk = desk
        self.watch = watch
        self.clock = clock
        self.notifier = notifier
        self.artifacts = artifacts
        self.alerts = Alerts(habits or Habits())
        self.picture = Picture()
        self.differences: Sequence[str] = ()
        self.happened: list[Condition] = []
        self.unknown = UnknownSince()
        self.pulse = Pulse(desk.journal, desk.manifest.book)
        self.asked_at = clock.monotonic()
        self.began = clock.monotonic()  # when the run began, for who began earlier to say
        self.ready = False
        self.events_before = 0
        self.peak = desk.fold.engine.book.equity
        self.skew_seconds = 0.0
        self.clock_asked_at = clock.monotonic()
        self.owed = desk.journal.mark(desk.manifest.book, OWED) or ""
        if desk.poison is not None:
            tried = f"{desk.poison.tries} of {TRIES_MAX} times; then the book goes on without it, reducing only"
            self.happened.append(_dead(f"the last run ended at an event that was tried {tried}"))
        if notifier is not None:
            take_over(self.alerts, self.owed, clock.now())

    # What the runner tells.

    def decided(self, heard: Sequence[Heard], decided: Decided, taken_ns: int) -> None:
        """See `run.Watcher`."""
        picture = self.picture
        picture.events += decided.count
        picture.decide_ms = taken_ns / _MS
        for one in heard:
            if isinstance(one.event, (Bar, Quote, Trade, Depth)):
                name = self.desk.fold.names[one.event.symbol]
                self.watch.event(name, one.event.time, getattr(one.event, "span", 0))
                picture.heard[name] = one.event.time
        for step in decided.steps:
            picture.orders += len(step.messages)
            picture.fills += len(step.fills)
            picture.refusals += len(step.refusals)
            if step.refusals:
                picture.refused.update(reason_name(int(row[_REASON])) for row in step.refusals)
            for row in step.fills:
                picture.recent.append((int(row[0]), _filled(row, self.desk.fold.names)))
            for row in step.orders:
                self.watch.ended(row[-2])
                if row[_STATE] == DONE_REJECTED and row[_PARENT]:
                    self.happened.append(_unprotected(row, self.desk.fold.names))
            for breach in step.breaches:
                self.happened.append(_broken(Breach(*breach), self.desk.fold.names))
        self.peak = max(self.peak, self.desk.fold.engine.book.equity)

    def answered(self, message: Message, answer: Answer, taken_ns: int) -> None:
        """See `run.Watcher`."""
        self.picture.answer_ms = taken_ns / _MS
        self.watch.answered(answer.state, taken_ns / _MS)
        if answer.state != "accepted":
            self.say(f"{message.key} {answer.state}: {answer.reason}")

    def reconciled(self, found: Findings) -> None:
        """See `run.Watcher`."""
        if not self.ready:
            self.ready = True
            took = (self.clock.monotonic() - self.began) / 1e9
            self.say(f"ready after {took:.3f} s: {self.desk.fold.steps} steps, {found.offered} facts were new")
        if found.breaks != self.differences:
            for line in found.breaks:
                self.say(f"book and venue differ: {line}")
        for line in found.fractions:
            self.say(line)
        self.asked_at = self.clock.monotonic()
        self.happened += [_foreign(name) for name in found.foreign if not self._is_sibling(name)]
        self.differences = found.breaks
        self.picture.breaks = found.breaks
        self.picture.unknown = len(found.unknown)

    def failed(self, where: str, error: Exception) -> None:
        """See `run.Watcher`."""
        self.say(f"{where}: {error}")

    def say(self, line: str) -> None:
        """A line for whoever reads."""
        self.picture.lines.append(line)
        self.picture.recent.append((self.clock.now(), line))

    # What it does by itself.

    async def tick(self, runner: Runner) -> None:
        """Look at everything once: conditions to alerts, alerts to records and calls, full segments to the archive."""
        now = self.clock.now()
        self.pulse.beat(now)
        await self._compare_clocks(runner)
        told = self.alerts.update(now, self.watch.tick(now, self._figures(runner, now)))
        await self._tell(told, now)
        quiet, self.events_before = self.picture.events == self.events_before, self.picture.events
        if (
            self.artifacts is not None and quiet
        ):  # a segment takes tens of milliseconds; a busy run leaves it to the watchman
            seal(self.desk.journal, self.artifacts, self.desk.manifest.book, self.desk.envelope("archive", now))

    async def tell_rest(self) -> None:
        """The run ends: what has happened since the last look is told, too; in lock-step nobody has looked before."""
        await self._tell([], self.clock.now())

    async def _tell(self, told: list[Alert], now: int) -> None:
        """Alerts of conditions, and of what has happened, to records, to the view and to the channels."""
        happened, self.happened = [*self.happened, *map(_dead, self.desk.dead)], []
        self.desk.dead.clear()
        for condition in happened:
            told += self.alerts.tell(now, condition)
        self._keep_owed()
        if told:
            envelope = self.desk.envelope("watch", now)
            alerts = [Entry("alert", alert_body(alert), envelope) for alert in told]
            note(self.desk.journal, self.desk.manifest.book, alerts)
            for alert in told:
                self.picture.alerts.append(alert)
                self.say(f"{alert.level}: {alert.title} - {alert.text}")
        if self.notifier is not None:
            await deliver_alerts(self.alerts, self.notifier, now)
            self._keep_owed()

    def _keep_owed(self) -> None:
        """What has not reached everybody is written down, so that the next process goes on telling it."""
        text = owed(self.alerts) if self.notifier is not None else self.owed
        if text != self.owed:
            self.owed = text
            self.desk.journal.mark(self.desk.manifest.book, OWED, text)

    async def _compare_clocks(self, runner: Runner) -> None:
        """Once a minute: how far the venue's clock is from ours, halfway between asking and being told."""
        began = self.clock.monotonic()
        if began - self.clock_asked_at < _CLOCK_SECONDS * _SECOND_NS:
            return
        self.clock_asked_at, before = began, self.clock.now()
        try:
            theirs = await runner.broker.clock()
        except (NoAnswer, Retry, Stop) as error:
            self.failed("clock", error)
            return
        self.skew_seconds = (theirs - (before + self.clock.now()) // 2) / _SECOND_NS

    async def watch_often(self, runner: Runner, seconds: float = 1.0) -> None:
        """Tick until the run stops."""
        while not runner.stopping:
            await self.clock.sleep(seconds)
            await self.tick(runner)

    def close(self) -> None:
        """The run ends: seal what is left, and take the heartbeat away."""
        self.pulse.rest()
        if self.artifacts is not None:
            now = self.clock.now()
            envelope = self.desk.envelope("archive", now)
            seal(self.desk.journal, self.artifacts, self.desk.manifest.book, envelope, rest=True)

    def _is_sibling(self, name: str) -> bool:
        """Whether an order is another book's of this journal."""
        return any(number_of(head.book, head.generation, name) != FOREIGN for head in self.desk.journal.books())

    def _figures(self, runner: Runner, now: int) -> Figures:
        """What a tick looks at beside the facts."""
        journal, book = self.desk.journal, self.desk.manifest.book
        equity = self.desk.fold.engine.book.equity
        # A network's time is ours, whatever the time of an exchange that replays: it is measured by what has elapsed.
        elapsed = self.clock.monotonic()
        return Figures(
            unknown={key: now - (elapsed - since) for key, since in self.unknown.see(journal, book, elapsed).items()}, inbox=len(journal.inbox(book)) + len(runner.ingest.market), outbox=len(journal.outbox(book, READY, CLAIMED)),
            drawdown=1.0 - equity / self.peak if self.peak > 0.0 else 0.0, differences=self.differences,
            skew_seconds=self.skew_seconds, heartbeats={"reconciliation": now - (elapsed - self.asked_at)},
        )  # fmt: skip


def _broken(breach: Breach, names: tuple[str, ...]) -> Condition:
    """A bound of the risk around the fold that was broken, and what was done about it."""
    whose = names[breach.symbol] if breach.symbol >= 0 else "the book"
    reason, action = reason_name(breach.reason), ACTION_NAMES[breach.action]
    text = f"{reason} of {whose}: {breach.observed:.10g} against {breach.limit:.10g}; done about it: {action}"
    level = WARNING if breach.action == NOTE else CRITICAL
    return Condition(f"breach:{reason}:{whose}", level, "A limit is broken", text)


def _unprotected(row: Row, names: tuple[str, ...]) -> Condition:
    """A protective order that was refused; what the position has meanwhile become is for a person to see."""
    number, name = row[0], names[row[1]]
    text = f"order {number} was to protect order {row[_PARENT]} and was refused; it is not sent again"
    return Condition(f"unprotected:{name}", CRITICAL, f"{name} lacks a protective order", text)


def _filled(row: Row, names: tuple[str, ...]) -> str:
    """A fill in a line: what, at what price, and of which order."""
    _, number, symbol, side, _, quantity, price, *_ = row
    done = "bought" if side > 0 else "sold"
    order = f"order #{int(number)}" if number > 0 else "no order of ours"
    return f"{done} {decimal(float(quantity))} {names[int(symbol)]} at {decimal(float(price))}, {order}"


def _dead(text: str) -> Condition:
    """Something that could not be heard, and was written down as dead."""
    return Condition(f"dead:{text}", CRITICAL, "A dead letter", text)


def _foreign(name: str) -> Condition:
    """An open order at the venue that no book here has sent."""
    return Condition(
        f"foreign:{name}",
        WARNING,
        "An order that is not ours",
        f"{name or 'an order without an id'} is open at the venue; it is left alone",
    )
