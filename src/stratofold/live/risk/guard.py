"""The guard around one book: every gate, stop and bound, asked in one order and told in one place.

What comes in: each event after the fold has heard it, and each message the fold wants sent.
What goes out: breaches, and for each message a verdict.
Why it is shaped so: it sits inside the step, between the fold and the outbox, so that what it says is part of the
decision: its state is saved with the book's, its time is the events', and a replay says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.events import (
    COMMAND_RESUME,
    DEPOSIT,
    FILLED,
    PARTIAL,
    WITHDRAWAL,
    Action,
    Bar,
    Command,
    Depth,
    Quote,
    Rate,
    Report,
    Trade,
)
from stratofold.fold.order import CANCEL, FOREVER
from stratofold.live.risk.act import Closing
from stratofold.live.risk.bounds import SymbolBounds
from stratofold.live.risk.gates import Halts, InSession, MessageRate, RepeatedExecution, StaleData, span_ns
from stratofold.live.risk.moment import Moment
from stratofold.live.risk.post_trade import AfterTrade
from stratofold.live.risk.regulation import Regulation
from stratofold.live.risk.stops import EquityStops, PriceStops
from stratofold.live.risk.symbols import SymbolLimits
from stratofold.live.risk.verdict import ALLOWED, Breach, Verdict, Wish, wishes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.events import Event
    from stratofold.fold.book import Book
    from stratofold.live.risk.bounds import Bounds
    from stratofold.live.risk.hours import Hours
    from stratofold.live.risk.margin import Worst

Sent = tuple[int, int, int, int, int, int, float, float, float, int, int]


ANY = SymbolBounds()


class Guard:
    """The risk around one book.

    `now` is the latest moment that an event has told of, `held_at` that of the last breach that holds the book as a
    whole (ns UTC; 0: none, or a person has resumed since).
    """

    __slots__ = (
        "closing", "equity_stops", "exposure", "halts", "held_at", "moment", "now", "price_stops", "rate", "regulation",
        "repeats", "session", "stale", "symbols",
    )  # fmt: skip

    def __init__(self, bounds: Bounds, hours: Sequence[Hours], names: Sequence[str], equities: Sequence[bool]) -> None:
        """`hours`, `names` and `equities` (whether American equity rules speak of it) are by symbol handle."""
        own = [bounds.symbols.get(name, ANY) for name in names]
        ages = [min(bounds.data.age_seconds_max, one.age_seconds_max) for one in own]
        self.now: int = 0
        self.held_at: int = 0
        self.stale = StaleData([span_ns(age) for age in ages], hours)
        self.halts = Halts(len(names))
        self.session = InSession(
            hours,
            span_ns(bounds.session.before_open_seconds),
            span_ns(bounds.session.after_close_seconds),
            span_ns(bounds.session.close_cutoff_seconds),
        )
        self.rate = MessageRate(bounds.rate.messages_per_second_max, bounds.rate.messages_per_minute_max)
        self.repeats = RepeatedExecution(
            len(names), bounds.rate.executions_max, span_ns(bounds.rate.executions_seconds)
        )
        self.symbols = SymbolLimits(bounds.symbols, names)
        self.moment = Moment()
        self.equity_stops = EquityStops(bounds.stops)
        self.price_stops = PriceStops(
            [min(bounds.stops.stop_loss, one.stop_loss) for one in own],
            [min(bounds.stops.take_profit, one.take_profit) for one in own],
            hours,
        )
        self.exposure = AfterTrade(bounds.exposure, len(names))
        self.regulation = Regulation(bounds.rules, bounds.symbols, hours, names, equities)
        self.closing = Closing(len(names))

    def hear(self, event: Event, book: Book) -> list[Breach]:
        """Take in an event that the fold has heard; returns what is broken now and was not before."""
        self.now = max(self.now, event.time, event.known)
        self._value(event, book)
        self.stale.hear(event)
        self.regulation.hear(event, book)
        breaches = [] if isinstance(event, Bar) else self._sparse(event, book)
        breaches += self._money(event, book)
        breaches += self.price_stops.hear(event, book)
        if isinstance(event, Report) and event.kind in (PARTIAL, FILLED):
            breaches += self.exposure.judge(book, event.time)
        return breaches

    def _sparse(self, event: Event, book: Book) -> list[Breach]:
        """What halts, closes and counts: nothing of it is a bar's to do."""
        self.halts.hear(event)
        self.closing.hear(event, book)
        return self.repeats.hear(event)

    def _value(self, event: Event, book: Book) -> None:
        """Bring what the event has touched up to date: a symbol, or, with a currency's rate, all of them."""
        touched: Iterable[int] = ()
        if isinstance(event, (Bar, Report, Action, Quote, Trade, Depth)):
            touched = (event.symbol,) if event.symbol >= 0 else ()
        elif isinstance(event, Rate):
            touched = range(book.symbol_count)
        for symbol in touched:
            self.exposure.values.update(symbol, book)
            self.regulation.margin.hear(symbol, book)

    def _money(self, event: Event, book: Book) -> list[Breach]:
        """Equity is judged when a moment is complete, or when time moves on from one that was not."""
        stops = self.equity_stops
        breaches = []
        if self.moment.left(event.time):
            breaches += stops.judge(stops.equity, self.moment.time)
        stops.turn(self.price_stops.hours[0].session(event.time))
        if isinstance(event, Action) and event.kind in (DEPOSIT, WITHDRAWAL):
            amount = event.value * book.ledger.rate[event.currency]
            stops.paid(amount if event.kind == DEPOSIT else -amount)
        elif isinstance(event, Command) and event.kind == COMMAND_RESUME and event.symbol < 0:
            stops.resume()
            self.held_at = 0
        if not self.moment.complete(event):
            stops.equity = book.equity
            return breaches
        breaches += stops.judge(book.equity, event.time)
        breaches += self.exposure.judge(book, event.time)
        return breaches + self.regulation.judge(book, event.time)

    def verdict(self, wish: Wish, book: Book, worst: Worst | None = None, *, has_room: bool = False) -> Verdict:
        """Whether a message may leave now; changes nothing.  A cancel always may.

        `worst` is `worst(book)`, made once for the messages of a step, and `has_room` whether the rates allow all of them.
        """
        if wish.action == CANCEL:
            return ALLOWED
        now = self.now
        verdict = self.halts.verdict(now, wish)
        if verdict is ALLOWED:
            verdict = self.session.verdict(now, wish)
        if verdict is ALLOWED and not has_room:
            verdict = self.rate.verdict(now, wish)
        if verdict is ALLOWED and not wish.reduces:
            verdict = self._book(wish, book, worst or self.worst(book))
        return verdict

    def worst(self, book: Book, symbols: Iterable[int] | None = None) -> Worst:
        """The margin of the book with everything that works; `symbols` are those of the messages, if only they moved."""
        return self.regulation.margin.worst(book, symbols)

    def _book(self, wish: Wish, book: Book, worst: Worst) -> Verdict:
        """What must hold for something to be opened."""
        now = self.now
        verdict = self.repeats.verdict(now, wish)
        if verdict is ALLOWED:
            verdict = self.stale.verdict(now, wish)
        if verdict is ALLOWED:
            verdict = self.symbols.verdict(wish, book)
        if verdict is ALLOWED:
            verdict = self.equity_stops.verdict()
        if verdict is ALLOWED:
            verdict = self.price_stops.verdict(now, wish)
        return self.regulation.verdict(now, wish, worst, book) if verdict is ALLOWED else verdict

    def expires_at(self, symbol: int, *, opens: bool, most: int = FOREVER) -> int:
        """From when on (ns UTC) a message allowed now must no longer be sent, at `most`: the claim asks the real clock.

        Its session is over then, or, for what opens, the instrument's data would be too old.
        """
        until = min(self.session.open_until(symbol, self.now), most - 1)
        return (self.stale.fresh_until(symbol, until) if opens else until) + 1


def screen(guard: Guard, messages: Sequence[Sent], book: Book) -> list[tuple[Wish, Verdict]]:
    """The verdict on each message of one step, in order; those that may leave count toward the rates at once."""
    if not messages:
        return []
    out, left = [], 0
    now, rate = guard.now, guard.rate
    worst = guard.worst(book, [message[2] for message in messages])
    has_room = rate.has_room(now, len(messages))
    for wish in wishes(messages, book):
        verdict = guard.verdict(wish, book, worst, has_room=has_room)
        if verdict is ALLOWED and has_room:
            left += 1
        elif verdict is ALLOWED:
            rate.sent(now)
        out.append((wish, verdict))
    if left:
        rate.sent(now, left)
    return out
