"""A counterfactual: a book goes on from its true state at a step, with other parameters, at the simulated venue.

What comes in: a journal, a book, a step, parameters.  What goes out: what would have come of it, beside what came of it.
Why it is shaped so: the live fold is the driver of a simulation with nobody in the venue's place; here the simulated
venue stands there again, with the book's money and its working orders as they were.  Nothing is written.

Ignores: what the operator said after the step, and what the account's other books did.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.errors import Setup
from stratofold.events import Command, Event, Report, Timer
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.desk import Costs
from stratofold.fold.lifecycle import AT_VENUE, PENDING, UNSURE
from stratofold.fold.order import CANCEL, SUBMIT, Message
from stratofold.fold.state import restore, save
from stratofold.fold.venue import Venue
from stratofold.live.begin import market_events
from stratofold.live.desk import beginning_of, restore_fold
from stratofold.live.manifest import build_fold
from stratofold.live.steps import event_in
from stratofold.live.timers import timer
from stratofold.wire import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.ports import Journal, Record
    from stratofold.fold.ledger import Ledger
    from stratofold.fold.order import Order
    from stratofold.fold.sessions import Sessions
    from stratofold.fold.strategy import Strategy
    from stratofold.live.fold import Fold
    from stratofold.live.outside import Sent

_MESSAGE = ("action", "number", "symbol", "side", "kind", "tif", "quantity", "limit", "stop", "decided")


@dataclass(frozen=True, slots=True)
class End:
    """How a book stands at the end: money in its currency, positions by symbol, and how much was traded since the step."""

    equity: float
    cash: float
    positions: dict[str, float]
    orders: int
    fills: int


@dataclass(frozen=True, slots=True)
class Forked:
    """What came of a book after step `at`, and what would have; `events` is how much both heard of the market."""

    book: str
    at: int
    events: int
    parameters: dict[str, Any]
    was: End
    would: End


class SimulatedVenue(Venue):
    """The fold's venue behind the guard: what the book sends waits for the guard's word, a protective leg does not."""

    __slots__ = ("sent",)

    CONTENT = ("sent",)

    def __init__(self, ledger: Ledger, costs: Costs) -> None:
        """Nothing was sent."""
        super().__init__(ledger, costs)
        self.sent: list[Sent] = []

    def receive(self, message: Message, time: int, sessions: Sessions) -> None:
        """Keep a message until it may leave; the emulator's are the venue's own affair."""
        if message.prompt:
            super().receive(message, time, sessions)
            return
        values: Any = tuple(getattr(message, name) for name in _MESSAGE)
        self.sent.append((*values, 0))

    def admit(self, message: Message, time: int, sessions: Sessions) -> None:
        """A message has left, and takes effect as in a backtest."""
        super().receive(message, time, sessions)


def fork(
    journal: Journal, book: str, strategy: type[Strategy], at: int, parameters: Mapping[str, Any],
    *, slippage: Slippage | None = None, fees: Fees | None = None,
) -> Forked:  # fmt: skip
    """Go on from step `at` with `parameters` over the events that were heard since; raises Setup SF960 for no such step.

    One before the last change is none: it was decided by other code.

    With other parameters the strategy's own state is made from the book's market events up to then, as if it had always
    had them; the account is the true one.
    """
    truth = restore_fold(journal, book, strategy)
    first = max(beginning_of(journal, book)[1].step, 1)
    if not first <= at <= truth.steps:
        what = f"book {book} has no step {at}" + (" with the code it has now" if 0 < at < first else "")
        raise Setup("SF960", what, place="--at", fix=f"give a step from {first} to {truth.steps}")
    fold = _fold_at(journal, book, strategy, at, parameters)
    venue = _venue(fold, Costs(fees or Fees(), slippage or Slippage(), Latency(), inf))
    fold.engine.venue = venue
    events = orders = fills = 0
    for event in _since(journal, book, at):
        for heard in (*_own_timers(fold, event.time), event):
            step = fold.hear(heard)
            for sent in step.messages:
                venue.admit(_message(sent), fold.engine.book.time, fold.engine.sessions)
            orders += sum(sent[0] == SUBMIT for sent in step.messages)
            fills += len(step.fills)
        events += 1
    was = _end(truth, *_counted(journal, book, at))
    return Forked(book, at, events, dict(parameters), was, _end(fold, orders, fills))


def _fold_at(journal: Journal, book: str, strategy: type[Strategy], at: int, parameters: Mapping[str, Any]) -> Fold:
    """The book's fold after step `at`, its strategy with these parameters."""
    truth = restore_fold(journal, book, strategy, until=at)
    if not parameters:
        return truth
    manifest = beginning_of(journal, book)[1].manifest
    instead = msgspec.structs.replace(manifest, parameters={**manifest.parameters, **parameters})
    fold = build_fold(instead, strategy)
    fold.warm(warming=True)
    for event in market_events(_up_to(journal, book, at), strategy):
        fold.hear(event)
    fold.warm(warming=False)
    fold.take_account(truth)
    return fold


def _up_to(journal: Journal, book: str, at: int) -> Iterator[Record]:
    """The records of a book up to that of step `at`, and what was noted before the next."""
    steps = 0
    for record in journal.records(book):
        steps += record.kind == "event"
        if steps > at:
            return
        yield record


def _heard(journal: Journal, book: str) -> Iterator[tuple[int, Event]]:
    """Every event of a book with its step, from 1."""
    events = (event_in(record.body) for record in journal.records(book) if record.kind == "event")
    return enumerate(events, 1)


def _since(journal: Journal, book: str, at: int) -> Iterator[Event]:
    """What a book heard of the world after step `at`; the timers that it set itself, the fork sets itself."""
    for step, event in _heard(journal, book):
        own = isinstance(event, Timer) and event.schedule < 0
        if step > at and not own and not isinstance(event, (Report, Command)):
            yield event


def _own_timers(fold: Fold, until: int) -> Iterator[Timer]:
    """The timers that the fork's strategy asked for and that are due before `until`."""
    book = fold.engine.book
    while book.timer_count and book.timer_due[0] < until:
        yield timer(book.timer_due[0], -1)


def _venue(fold: Fold, costs: Costs) -> SimulatedVenue:
    """A venue that knows the account, the last prices and the working orders of a book."""
    engine = fold.engine
    ledger = engine.venue.ledger
    restore(ledger, save(engine.book.ledger))
    venue = SimulatedVenue(ledger, costs)
    for symbol, place in enumerate(venue.places):
        place.last_time = fold.progress.bar_until[symbol] or place.last_time
        place.price = engine.book.price(symbol)
    for order in engine.book.orders:
        if order.state in AT_VENUE:
            _rest(venue, order, engine.sessions)
    return venue


def _rest(venue: SimulatedVenue, order: Order, sessions: Sessions) -> None:
    """An order that is at the venue rests there; the book hears of it only if it has not yet."""
    message = Message()
    message.action = SUBMIT
    for name in _MESSAGE[1:]:
        setattr(message, name, getattr(order, name))
    venue.admit(message, order.decided, sessions)
    if order.state not in (PENDING, UNSURE):
        venue.report_count -= 1
    venue.orders[venue.orders.index(order.number)].filled = order.filled
    if order.cancelling:
        message.action = CANCEL
        venue.admit(message, order.decided, sessions)


def _message(sent: Sent) -> Message:
    """A message from its row."""
    message = Message()
    for name, value in zip(_MESSAGE, sent, strict=False):
        setattr(message, name, value)
    return message


def _counted(journal: Journal, book: str, at: int) -> tuple[int, int]:
    """How many orders a book sent after step `at`, and how many fills it had."""
    bodies = [unpack(record.body) for record in journal.records(book) if record.kind == "event"][at:]
    return sum(sent[0] == SUBMIT for body in bodies for sent in body[1]), sum(len(body[3]) for body in bodies)


def _end(fold: Fold, orders: int, fills: int) -> End:
    """How a fold stands."""
    book = fold.engine.book
    held = {name: book.position(k) for k, name in enumerate(fold.names) if book.position(k) != 0.0}
    return End(book.equity, book.cash, held, orders, fills)
