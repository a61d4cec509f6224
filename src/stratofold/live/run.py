"""`run`: a book from its first event to its last, on one machine.

What comes in: a desk, a feed, a broker, a clock, tasks, and what wants to know (a `Watcher`).  What goes out: nothing
returns until it is told to stop; everything that happened is in the journal.
Why it is shaped so: one task decides, in the order of commit; one task a symbol delivers; streams and polls only bring
events to the one that decides.  It knows no event loop: the same coroutines run in the deterministic simulator.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stratofold.adapters.ports import CLAIMED, DROPPED, READY, NoAnswer, Offer
from stratofold.errors import Error, Retry
from stratofold.live.decide import Answered, PoisonedError, catch_up, decide, is_snapshot_due, rest, settle_apart
from stratofold.live.deliver import answer_entry, asked, judged_again, not_sent, orphans, settlement, withdrawn
from stratofold.live.desk import SNAPSHOT_STEPS
from stratofold.live.foresight import Foresight
from stratofold.live.hold import hold_again, hold_broken, hold_deaf, hold_spared
from stratofold.live.ingest import Ingest
from stratofold.live.poison import bury
from stratofold.live.reconcile import Findings, reconcile
from stratofold.live.risk.guard import Guard
from stratofold.live.siblings import is_siblings
from stratofold.live.upcoming import upcoming
from stratofold.live.words import offer_of, request_entry
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.ports import Answer, Broker, Clock, Feed, Message, Signal, Tasks
    from stratofold.events import Event
    from stratofold.live.decide import Decided, Heard
    from stratofold.live.desk import Desk
    from stratofold.live.timers import Timers

_SECOND_NS = 1_000_000_000
_OVERLAP_NS = 600 * _SECOND_NS  # asked again before what was asked: a history may have a bar late


QUIET_STEPS = SNAPSHOT_STEPS // 4  # a start folds no more again, when nothing has happened for a while
START_STEPS = 50  # after a start that folded as many again, so that starts in a row do not take longer and longer


class Watcher(Protocol):
    """Who is told of what happens; never waited for."""

    def decided(self, heard: Sequence[Heard], decided: Decided, taken_ns: int) -> None:
        """Some events were folded and written down."""

    def answered(self, message: Message, answer: Answer, taken_ns: int) -> None:
        """The venue answered a message."""

    def reconciled(self, found: Findings) -> None:
        """The venue was asked what is so."""

    def failed(self, where: str, error: Exception) -> None:
        """Something did not work, and will be tried again."""


@dataclass
class Pace:
    """How often things are looked at, in seconds.

    `timer_grace_seconds` is what a timer waits for late bars, `finish_seconds` a run that is stopped for answers, and
    `close_seconds` what was to be closed, and the venue has refused to, until it is asked for again.
    A start that gets no answer asks again after `restart_seconds`, then after twice that, up to `retry_seconds`: one
    answer is lost more often than the venue is gone, and until it has answered a book protects nothing.
    """

    reconcile_seconds: float = 10.0
    inbox_seconds: float = 0.25
    retry_seconds: float = 1.0
    restart_seconds: float = 0.05
    timer_grace_seconds: float = 1.0
    finish_seconds: float = 12.0
    close_seconds: float = 60.0


@dataclass
class Runner:
    """One book, running."""

    desk: Desk
    feed: Feed
    broker: Broker
    clock: Clock
    tasks: Tasks
    watcher: Watcher
    timers: Timers
    pace: Pace = field(default_factory=Pace)
    serial: bool = False  # one lane for all symbols: the venue hears messages in the order of their numbers
    keeps_time: bool = True  # whether timers are heard when they are due; in lock-step the exchange says when
    foresees: bool = False  # whether the next timer is folded on a copy while it waits for late bars

    def __post_init__(self) -> None:
        """Nothing is waiting."""
        self.ingest = Ingest(
            self.desk, self.clock, self.timers, int(self.pace.timer_grace_seconds * _SECOND_NS), self.keeps_time
        )
        self.foresight = Foresight(self.desk) if self.foresees else None
        self.lanes: dict[str, deque[Message]] = {}
        self.busy_lanes = 0
        self.wake: Signal = self.tasks.signal()
        self.quiet: Signal = self.tasks.signal()
        self.stopping = False
        self.ready = False
        self.heard_venue = False
        self.alone = False  # whether the stream's last events came one by one
        self.together = 0  # how many have come since it had none
        self.answers: deque[tuple[Message, Answer]] = deque()  # that are not written down yet
        self.asking = False  # whether what was filled before a session and what it begins with is being asked for
        self.closed_again = 0  # when what was refused to be closed was last asked for again, ns UTC
        self.failure: Exception | None = None  # of a step that could not be written down

    # Beginning.

    async def start(self) -> Findings:
        """Find out what became of everything that was under way; nothing is sent before the venue has answered once."""
        now = self.clock.now()
        hold_again(self.desk, now)
        orphans(self.desk.journal, now, self.desk.manifest.book, self._stamp)
        self._deliver(
            self.desk.journal.outbox(self.desk.manifest.book, DROPPED)
        )  # refused, and the book does not know yet
        pause = self.pace.restart_seconds
        while True:
            await self.pump()
            now = self.clock.now()
            try:
                found = await reconcile(self.desk, self.broker, now, tasks=self.tasks)
            except (NoAnswer, Retry) as error:
                self.watcher.failed("reconcile", error)
                await self.clock.sleep(pause)
                pause = min(2.0 * pause, self.pace.retry_seconds)
                continue
            self.watcher.reconciled(found)
            self.ingest.venue_asked = now
            self.ready = True
            self._send_ready()
            await self.pump()
            return found

    def _send_ready(self) -> None:
        """Claim what was decided while nothing could be sent, if it may still go."""
        book, now = self.desk.manifest.book, self.clock.now()
        for message in self.desk.journal.outbox(book, READY):
            request = request_entry([message], self._stamp("deliver", now))
            self._deliver(self.desk.journal.claim(book, self.desk.head.epoch, [message.key], now, [request]))

    async def catch_up(self) -> int:
        """Hear what the feed has since the last event; returns how many events there were."""
        progress = self.desk.fold.progress
        after = max(
            min(progress.bar_until, default=0) or self.desk.manifest.opened, self.ingest.asked_until - _OVERLAP_NS
        )
        until = self.clock.now()
        events = await self.feed.history(self.desk.fold.names, after, until)
        self.ingest.asked_until = until
        for symbol, event in events:
            self.admit(symbol, event)
        await self.pump()
        return len(events)

    async def run(self) -> None:
        """Run until `stop`; raises what ends a run (another writer, a store that cannot write)."""
        await self.start()
        if is_snapshot_due(self.desk, START_STEPS):
            rest(self.desk, self.clock.now())
        self.tasks.spawn("feed", self._follow_feed())
        self.tasks.spawn("reports", self._follow_reports())
        self.tasks.spawn("reconcile", self._reconcile_often())
        while not self.stopping:
            woken = await self.wake.wait(self.pace.inbox_seconds)
            await self.pump()
            if not self.busy_lanes and is_snapshot_due(self.desk, SNAPSHOT_STEPS if woken else QUIET_STEPS):
                rest(self.desk, self.clock.now())
            if self.foresight is not None and not self.busy_lanes and not self.stopping:
                now = self.clock.now()
                self.foresight.look(self.timers.next(self.desk.fold, now), now)
        await self._finish()
        rest(self.desk, self.clock.now())

    async def _finish(self) -> None:
        """Hear the answers that are under way, for as long as the pace allows; later they are `reconcile`'s to find."""
        self.ingest.market.clear()  # its source is asked again at the next start
        until = self.clock.monotonic() + int(self.pace.finish_seconds * _SECOND_NS)
        while True:
            await self.pump()
            left = until - self.clock.monotonic()
            if not self.busy_lanes or left <= 0:
                return
            await self.quiet.wait(left / _SECOND_NS)

    def stop(self) -> None:
        """End the run after what is under way."""
        self.stopping = True
        self.wake.set()

    def admit(self, symbol: str, event: Event) -> bool:
        """Take a market event in, unless it was heard before; returns whether it was taken."""
        taken = self.ingest.admit(symbol, event)
        if taken:
            self.wake.set()
        return taken

    # Decide.

    async def pump(self) -> None:
        """Hear everything that is there, in order: the operator, the venue, the market, the clock."""
        while self._turn():
            await self.clock.sleep(0.0)  # what was claimed leaves before more is decided
        if self.failure is not None:
            raise self.failure

    def _turn(self) -> bool:
        """Hear once what is there, and write down the answers that came; whether there was anything."""
        catch_up(self.desk)  # should a message have been answered before its event was heard
        answers = self._answered()
        if self.failure is not None:  # what is folded is not written down: nothing more may be decided on it
            settle_apart(self.desk, answers)
            return False
        try:
            self._listen()
            batch = self.ingest.gather(answers)
        except Exception as error:  # of the journal: the answers were taken already, and would be nobody's
            self.failure = error
            settle_apart(self.desk, answers)
            raise
        if (self.ingest.unasked or self.ingest.unreconciled) and not self.asking:
            self.asking = True
            self.tasks.spawn("session", self._ask_of_session())
        if batch or answers:
            self.hear(batch, answers)
        return bool(batch or answers)

    def _answered(self) -> list[Answered]:
        """The answers that came, as they are written down."""
        now, answers = self.clock.now(), []
        while self.answers:
            answers.append(self._written(*self.answers.popleft(), now))
        return answers

    def _written(self, message: Message, answer: Answer, now: int) -> Answered:
        """An answer with its record."""
        entry = answer_entry(message, answer, self._stamp("deliver", now, answer.request_id))
        return Answered(entry, settlement(message, answer, now))

    def _listen(self) -> None:
        """A stream of reports that was open and is not holds the book to reducing: a poll may tell of a fill too late."""
        self.desk.deaf = self.heard_venue and not self.broker.listening
        if self.desk.deaf:
            hold_deaf(self.desk, self.clock.now())

    def hear(self, batch: Sequence[Heard], answers: Sequence[Answered] = ()) -> None:
        """One append after another until the batch is heard; the market's events wait for messages to leave first."""
        while batch or answers:
            began = self.clock.monotonic()
            try:
                decided = decide(self.desk, batch, self.clock.now(), claim=self.ready, answers=answers)
            except Exception as error:
                self.failure = error
                settle_apart(self.desk, [*answers, *self._unsent()])
                if isinstance(error, PoisonedError):
                    self._poisoned(error)
                raise
            heard, left = batch[: decided.count], batch[decided.count :]
            taken = self.clock.monotonic() - began
            try:
                self._deliver(decided.messages)
            finally:
                catch_up(self.desk)
            self.watcher.decided(heard, decided, taken)
            hold_broken(self.desk, decided.steps, self.clock.now())
            hold_spared(self.desk, heard, self.clock.now())
            if answers:  # what they say and is left was put into the inbox
                answers, left = (), [one for one in left if one.offer is None]
            batch = self.ingest.decided(decided.count, left, sends=bool(decided.messages))

    def _poisoned(self, poisoned: PoisonedError) -> None:
        """Keep the evidence; the fold in memory is spoilt, so the run ends and a restart folds the records again."""
        poisoned.tries = bury(self.desk, poisoned, self.clock.now())

    def _unsent(self) -> list[Answered]:
        """The run ends: what waits in a lane behind another is answered for, so that it reserves nothing; cancels stay."""
        manifest, now, answers = self.desk.manifest, self.clock.now(), []
        for lane in self.lanes.values():
            for message in list(lane)[1:]:
                told = message
                with suppress(Error):  # a journal that cannot be read has failed before
                    told = judged_again(self.desk.journal, manifest.account, manifest.book, message)
                told = withdrawn(told, "not sent: the run is ending")
                if told.state == DROPPED:
                    lane.remove(message)
                    answers.append(self._written(told, not_sent(told), now))
        return answers

    # Deliver.

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Hand messages to the lane of their symbol; the first of a lane that was empty leaves before this returns."""
        for message in messages:
            if message.state not in (CLAIMED, DROPPED):
                continue
            name = "" if self.serial else message.symbol
            lane = self.lanes.setdefault(name, deque())
            lane.append(message)
            if len(lane) == 1:
                self.busy_lanes += 1
                self.tasks.begin(f"deliver {name}", self._work(lane))

    async def _work(self, lane: deque[Message]) -> None:
        """Send a lane's messages, one after another; what has waited is looked at again, its claim is no news any more."""
        manifest, waited = self.desk.manifest, False
        while lane:
            message = lane[0]
            if waited:
                message = judged_again(self.desk.journal, manifest.account, manifest.book, message)
            waited = True
            began = self.clock.monotonic()
            answer = await asked(self.desk.journal, self.broker, self.clock, manifest.book, message)
            self.watcher.answered(message, answer, self.clock.monotonic() - began)
            self.answers.append((message, answer))
            await self.clock.sleep(0.0)  # answers that come together are written down together
            self._turn()
            lane.popleft()
            self.wake.set()
        self.busy_lanes -= 1
        if not self.busy_lanes:
            self.quiet.set()

    async def settled(self) -> None:
        """Wait until every message is answered and everything that was said is heard."""
        while True:
            await self.pump()
            if not self.busy_lanes:
                return
            await self.quiet.wait(1.0)

    # The tasks that bring events.

    async def _follow_feed(self) -> None:
        """The market's stream; each time it opens, history closes the gap."""
        while not self.stopping:
            stream = aiter(self.feed.stream(self.desk.fold.names))
            try:
                while True:
                    item = await upcoming(stream, self._pause)
                    if item is None or self.ingest.is_gap(*item):
                        await self.catch_up()
                    if item is not None and self.ingest.admit(*item):
                        self.together += 1
                        if self.alone and self.together == 1:
                            self._hear_at_once()
            except StopAsyncIteration:
                self._hear_at_once()
            except (NoAnswer, Retry) as error:
                if self.failure is not None:
                    raise
                self._hear_at_once()
                self.watcher.failed("feed", error)
            await self.clock.sleep(self.pace.retry_seconds)

    def _pause(self) -> None:
        """The stream has nothing more for now: what it has brought is heard.

        Whether that was one event says what to expect of the next: one that is likely to be alone is not kept waiting for
        others, and what is likely to be one of many is heard with them, in one append.
        """
        if self.together:
            self.alone, self.together = self.together == 1, 0
        self._hear_at_once()

    def _hear_at_once(self) -> None:
        """What the stream has brought is decided on here and not a round of tasks later.

        What fails in that ends the run, and must not be taken for a failure of the stream.
        """
        if not self.ingest.market or self.stopping:
            return
        try:
            heard = self._turn()
        except Exception as error:
            self.failure = self.failure or error
            raise
        if heard:
            self.wake.set()

    async def _ask_of_session(self) -> None:
        """A split waits for the fills from before it, or a fill for what its session begins with: ask for them.

        The history first, because what it brings may be a split, which waits.  Then a pause, whatever came of it: where our
        clock is behind the venue's, what is asked for until now does not reach far enough yet.
        """
        try:
            if self.ingest.unasked:
                self.ingest.unasked = False
                await self.catch_up()
            if self.ingest.unreconciled:
                self.ingest.unreconciled = False
                await self._reconcile()
        except (NoAnswer, Retry) as error:
            self.watcher.failed("feed", error)
        await self.clock.sleep(self.pace.retry_seconds)
        self.asking = False
        self.wake.set()

    async def _follow_reports(self) -> None:
        """The venue's stream: hints, put into the inbox; each time it opens, reconcile asks for what was missed."""
        book = self.desk.manifest.book
        while not self.stopping:
            try:
                async for report in self.broker.reports():
                    if report is None:
                        self.heard_venue, self.desk.deaf = True, False
                        await self._reconcile()
                    elif is_siblings(self.desk, report.client_id):
                        continue
                    elif self.desk.journal.offer(book, [offer_of(report)]):
                        self.wake.set()
            except (NoAnswer, Retry) as error:
                self.watcher.failed("reports", error)
            await self.clock.sleep(self.pace.retry_seconds)

    async def _reconcile_often(self) -> None:
        """Polling is the guarantee."""
        while not self.stopping:
            await self.clock.sleep(self.pace.reconcile_seconds)
            try:
                await self._reconcile()
            except (NoAnswer, Retry) as error:
                self.watcher.failed("reconcile", error)
            else:
                self._close_again()

    def _close_again(self) -> None:
        """What the venue has refused to close is asked for again, now and then: the next bar may be a day away."""
        fold, now = self.desk.fold, self.clock.now()
        given_up = fold.guard.closing.given_up(fold.engine.book) if isinstance(fold.guard, Guard) else ()
        if given_up and now - self.closed_again >= self.pace.close_seconds * _SECOND_NS:
            self.closed_again = now
            names = [fold.names[symbol] for symbol in given_up]
            offers = [Offer(0, "watch", f"close:{name}:{now}", pack([name])) for name in names]
            self.desk.journal.offer(self.desk.manifest.book, offers)
            self.wake.set()

    async def _reconcile(self) -> None:
        """Ask the venue once."""
        now = self.clock.now()
        self.watcher.reconciled(await reconcile(self.desk, self.broker, now))
        self.ingest.venue_asked = now
        self.wake.set()

    def _stamp(self, verb: str, wall: int, request: str = "") -> bytes:
        """An envelope, with the id that the venue gave a request."""
        return self.desk.envelope(verb, wall, **({"request": request} if request else {}))
