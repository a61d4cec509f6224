"""`ingest`: what a book hears next.

What comes in: market events that a source has brought, and a journal's inbox, controls and timers.  What goes out: the
next batch to decide on: the operator's word first, then the venue's, then the market's, then the clock's.
Why it is shaped so: what a thing is heard *as*, and in which order, must not depend on who runs the book.  A runner on a
laptop and a function that lives for one call ask the same object.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stratofold.adapters.ports import CLAIMED, UNKNOWN
from stratofold.events import (
    CANCELLED,
    COMMAND_FLATTEN,
    COMMAND_HALT,
    COMMAND_REDUCE,
    COMMAND_RESUME,
    EXPIRED,
    FILLED,
    PARTIAL,
    Action,
    Bar,
    Command,
    Report,
)
from stratofold.live.decide import Heard
from stratofold.live.deliver import venue_id_of
from stratofold.live.hold import STATE_NAMES
from stratofold.live.protection import is_early
from stratofold.live.words import client_id, cumulative_of, fact_of, observation_of, report_of
from stratofold.wire import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.ports import Clock, Control, Offer
    from stratofold.events import Event
    from stratofold.live.decide import Answered
    from stratofold.live.desk import Desk
    from stratofold.live.timers import Timers

_COMMANDS = {"active": COMMAND_RESUME, "reducing": COMMAND_REDUCE, "halted": COMMAND_HALT}
_STRICTNESS = {"active": 0, "reducing": 1, "halted": 2}
BATCH_MAX = 256  # market events that share an append at most
_COUNTED = (PARTIAL, FILLED, CANCELLED, EXPIRED)  # reports that may have to wait for one another


@dataclass
class Ingest:
    """What waits for one book; `timer_grace_ns` is what a timer waits for late bars."""

    desk: Desk
    clock: Clock
    timers: Timers
    timer_grace_ns: int = 1_000_000_000
    keeps_time: bool = True  # whether timers are heard when they are due; in lock-step the exchange says when
    market: deque[Event] = field(default_factory=deque)
    asked_until: int = 0  # how far the history was asked, ns UTC

    def __post_init__(self) -> None:
        """Nothing was taken in; the operator's last word is what the fold has heard."""
        fold = self.desk.fold
        self.controls: list[Control] | None = None  # as they were when the operator's word was last looked at
        self.stride = BATCH_MAX  # how many market events a batch takes: an append ends where something wants to be sent
        self.admitted = [0] * len(fold.names)  # the time of each symbol's newest bar that was taken in
        self.actions: dict[tuple[int, int], int] = {}  # by symbol and kind, the time of the newest that was taken in
        self.day_until = 0  # before this time everything that a session begins with was heard
        self.unasked = False  # whether a fill waits for a session's corporate actions, and nobody has asked for them
        self.venue_asked = 0  # when the venue was last asked for everything that it has filled, ns UTC
        self.unreconciled = False  # whether a corporate action waits for that
        self.state = STATE_NAMES[fold.engine.book.state]
        self.held = {name for name, held in zip(fold.names, fold.disabled, strict=True) if held}

    def admit(self, symbol: str, event: Event) -> bool:
        """Take a market event in, unless it was heard before; returns whether it was taken."""
        handle = self.desk.fold.handles.get(symbol, -1)
        if hasattr(event, "symbol"):
            if handle < 0:
                return False
            event.symbol = handle
        if not self.desk.fold.progress.is_new(event):
            return False
        if isinstance(event, Bar):
            if event.time <= self.admitted[handle]:
                return False
            self.admitted[handle] = event.time
        elif isinstance(event, Action) and handle >= 0:
            if event.time <= self.actions.get((handle, event.kind), 0):
                return False
            self.actions[handle, event.kind] = event.time
        self.market.append(event)
        return True

    def is_gap(self, symbol: str, event: Event) -> bool:
        """Whether bars may be missing before this event: a minute without a trade has none, so the history must say.

        Before what a session begins with, too: the bars of the day before are in the units from before a split.
        """
        handle = self.desk.fold.handles.get(symbol, -1)
        if isinstance(event, Action) and handle >= 0:
            return self.desk.fold.hear_tick is None and self.asked_until < event.time
        if not isinstance(event, Bar) or handle < 0:
            return False
        asked = self.asked_until - event.span  # our clock may be ahead, and a history behind
        heard = max(self.desk.fold.progress.bar_until[handle], self.admitted[handle])
        known = max(heard, self.desk.manifest.opened, asked)
        return known < event.time - event.span

    def gather(self, answers: Sequence[Answered] = ()) -> list[Heard]:
        """What is to be heard next; of what answers say, written down with it, what need not wait for anything else."""
        desk = self.desk
        batch = self._commands()
        symbols: set[int] = set()
        offers = desk.journal.inbox(desk.manifest.book)
        if answers and not offers:
            batch += self._facts(answers)
        for offer in offers:
            heard = self._read(offer.source, offer.body, offer.number)
            if heard is None:
                continue
            if isinstance(heard.event, Report):
                if is_early(desk.fold, heard.event) or self._awaits(heard.event, offer, offers):
                    continue
                if heard.event.symbol in symbols:
                    break  # whether a fill is an order's last depends on the one before: read it when that is folded
                symbols.add(heard.event.symbol)
            batch.append(heard)
        if any(one.offer is None for one in batch):
            return batch
        while self.market and len(batch) < self.stride:
            if isinstance(self.market[0], Action) and self._awaits_fills(self.market[0].time, offers, batch):
                return batch
            event = self.market.popleft()
            if desk.fold.progress.is_new(event):
                batch.append(Heard(event))
        return batch or (self._timers() if self.keeps_time else [])

    def _facts(self, answers: Sequence[Answered]) -> list[Heard]:
        """What answers say that is news, no fill and no end, and the first of its symbol."""
        desk, symbols, facts = self.desk, set[int](), []
        for answer in answers:
            for offer in desk.journal.fresh(desk.manifest.book, answer.settlement.offers):
                report = report_of(desk.fold, desk.manifest.book, desk.manifest.generation, offer.body)
                if report is None or report.kind in _COUNTED or report.symbol in symbols:
                    break
                symbols.add(report.symbol)
                facts.append(Heard(report, offer=offer))
        return facts

    def decided(self, count: int, left: Sequence[Heard], *, sends: bool) -> Sequence[Heard]:
        """So many of a batch were heard, and a message `sends` the rest back to where it waits; what must be heard now.

        Market events wait for what is sent before them.  The next batch is not much longer than what could be heard.
        """
        self.stride = 2 * count if sends else min(2 * self.stride, BATCH_MAX)
        if not sends or not all(_can_wait(one) for one in left):
            return left
        self.market.extendleft(one.event for one in reversed(left))
        return ()

    def _awaits(self, report: Report, offer: Offer, offers: Sequence[Offer]) -> bool:
        """Whether a report is heard later: an end that comes before the fills it counts, a fill before its replace."""
        orders = self.desk.fold.engine.book.orders
        place = orders.index(report.number)
        if report.kind in (PARTIAL, FILLED):
            return self._awaits_actions(report) or (place >= 0 and self._awaits_replace(report, offer, offers))
        if place < 0 or report.kind not in (CANCELLED, EXPIRED):
            return False
        return cumulative_of(offer.body) > orders[place].filled - orders[place].carried

    def _awaits_fills(self, time: int, offers: Sequence[Offer], batch: Sequence[Heard]) -> bool:
        """Whether a corporate action of `time` is heard later: a fill from before it is in the units from before it."""
        if not self.keeps_time:
            return False
        if self.venue_asked < time:
            self.unreconciled = True
            return True
        read = {heard.inbox for heard in batch}
        facts = [fact_of(one.body) for one in offers if one.source == "venue" and one.number not in read]
        return any(fact["kind"] in ("partial", "filled") and fact["time"] < time for fact in facts)

    def _awaits_actions(self, report: Report) -> bool:
        """Whether a fill is in the units of a session of which the book has not heard yet: after a split, or a dividend.

        Only where the clock is ours: in lock-step a session's actions come before its fills by themselves.
        """
        if report.time < self.day_until or not self.keeps_time:
            return False
        opens = self.timers.calendar.opens
        place = bisect_right(opens, report.time)
        if place and not self._has_begun(opens[place - 1], report.time):
            return True
        self.day_until = opens[place] if place < len(opens) else report.time
        return False

    def _has_begun(self, opened: int, until: int) -> bool:
        """Whether everything was heard that comes before what a session, which `opened` then, had filled at `until`.

        What takes effect after the fill waits for the fill (`_awaits_fills`), and so does what stands behind that: who
        waited for it in return would wait for ever.
        """
        desk = self.desk
        if desk.manifest.opened >= opened or max(desk.fold.progress.bar_until, default=0) > opened:
            return True
        if self.asked_until < opened:
            self.unasked = True
            return False
        action = next((event for event in self.market if isinstance(event, Action)), None)
        return action is None or action.time > until

    def _awaits_replace(self, report: Report, offer: Offer, offers: Sequence[Offer]) -> bool:
        """Whether a fill is heard after the word on a replace: until then nobody knows of which total it is a part.

        Else an order could be done for the book, and what the replace has made of it work with nobody to mind it.
        What a venue's order leaves nothing of cannot be replaced any more, so its last fill waits for no answer: a strategy
        that always has a replace under way would never hear of it.
        """
        manifest = self.desk.manifest
        name = client_id(manifest.book, manifest.generation, report.number)
        if any(other.identity.startswith("replaced:") and fact_of(other.body)["client_id"] == name for other in offers):
            return True
        unanswered = self.desk.journal.outbox(manifest.book, CLAIMED, UNKNOWN)
        replaces = {one.key for one in unanswered if one.action == "replace" and one.client_id == name}
        if not replaces:
            return False
        fact = fact_of(offer.body)
        return (report.kind == FILLED and fact["leaves"] != 0.0) or self._is_of_later(fact, replaces)

    def _is_of_later(self, fact: dict[str, Any], replaces: set[str]) -> bool:
        """Whether a fill may be of what one of these replaces, which have no answer, has made of its order."""
        if fact.get("made_by"):
            return fact["made_by"] in replaces
        known = venue_id_of(self.desk.journal, self.desk.manifest.book, fact["client_id"])
        return bool(fact["venue_id"] != known)

    def _read(self, source: str, body: bytes, number: int) -> Heard | None:
        """An offer as an event; what cannot be one is written down as dead and taken out."""
        manifest = self.desk.manifest
        event: Event | None = None
        if source == "venue":
            event = report_of(self.desk.fold, manifest.book, manifest.generation, body)
        elif source == "signal":
            event = observation_of(self.desk.fold, body)
        elif source == "operator" and body == b"flatten":
            event = _command(COMMAND_FLATTEN, self.clock.now())
        elif source == "watch":
            event = self._closing(body)
        if event is not None:
            return Heard(event, number)
        now = self.clock.now()
        entry = self.desk.entry("dead", {"source": source, "body": body}, "ingest", now)
        self.desk.head, _ = self.desk.journal.append(
            manifest.book, self.desk.head.epoch, self.desk.head.step, [entry], handled=[number]
        )
        self.desk.dead.append(
            f"something from {source} could not be understood; its bytes are in record {self.desk.head.sequence}"
        )
        return None

    def _closing(self, body: bytes) -> Command | None:
        """The close of one symbol that `watch` asks for; None for one that is not the book's."""
        handle = self.desk.fold.handles.get(unpack(body)[0], -1)
        return _command(COMMAND_FLATTEN, self.clock.now(), handle) if handle >= 0 else None

    def _commands(self) -> list[Heard]:
        """The operator's word, when it has changed since the fold last heard it."""
        controls = self.desk.journal.controls(self.desk.manifest.account)
        if controls is self.controls:
            return []  # a journal that remembers says the same thing until another was said
        self.controls = controls
        wanted = max(
            (control.state for control in controls if self._is_ours(control.scope, control.name)),
            key=_STRICTNESS.__getitem__, default="active",
        )  # fmt: skip
        commands = self._resumed(controls)
        if wanted != self.state:
            self.state = wanted
            commands.append(Heard(_command(_COMMANDS[wanted], self.clock.now())))
        return commands

    def _resumed(self, controls: list[Control]) -> list[Heard]:
        """A resume for each symbol that was held, by itself or with all of them, and is not any more."""
        held = {control.name for control in controls if control.scope == "symbol" and control.state != "active"}
        names = self.desk.fold.names
        now_held = set(names) if "*" in held else held.intersection(names)
        resumed = sorted(names.index(name) for name in self.held - now_held)
        self.held = now_held
        return [Heard(_command(COMMAND_RESUME, self.clock.now(), symbol)) for symbol in resumed]

    def _is_ours(self, scope: str, name: str) -> bool:
        """Whether a control speaks of the whole of this book."""
        manifest = self.desk.manifest
        names = {"account": manifest.account, "book": manifest.book, "strategy": manifest.strategy}
        return scope in names and name in ("*", names[scope])

    def _timers(self) -> list[Heard]:
        """The next timer that is due and not heard: the earliest of the schedule's and the book's own."""
        due = self.timers.next(self.desk.fold, self.clock.now() - self.timer_grace_ns)
        return [] if due is None else [Heard(due)]


def _can_wait(heard: Heard) -> bool:
    """Whether an event can go back to the queue that it came from: the market's, in their order."""
    return not heard.inbox and heard.offer is None and not isinstance(heard.event, Command)


def _command(kind: int, now: int, symbol: int = -1) -> Command:
    """A command event, of one symbol or of all."""
    command = Command()
    command.time = command.known = now
    command.kind = kind
    command.symbol = symbol
    return command
