"""What is done about a breach: cancel what works, let only what reduces pass, cut, close, or shut the door.

What comes in: breaches, and the book.  What goes out: intents on the book, which go through review as any.
Why it is shaped so: a breach acts inside the step that found it, so the action is part of the decision, survives a
crash with it, and happens again in a replay.  At a real venue a cancel takes its time, and an order that closes must
not meet one that still works; so closing waits, over as many events as it takes, until the symbol's orders are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.events import COMMAND_FLATTEN, COMMAND_RESUME, FILLED, PARTIAL, REJECTED, Command, Event, Report
from stratofold.fold.account import HALTED, REDUCING, WARMING
from stratofold.fold.ledger import integers, zeros
from stratofold.fold.step import decide
from stratofold.live.risk.gates import named
from stratofold.live.risk.verdict import CANCEL_WORKING, FLATTEN, HALT, NOTE, REDUCE, Breach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.book import Book
    from stratofold.fold.engine import Engine
    from stratofold.live.risk.guard import Guard

TRIES = 3  # at once, to close what a venue will not have closed


class Closing:
    """Positions that are to be closed, or cut by so many units, once their working orders are gone."""

    __slots__ = ("flatten", "reduce", "refused")

    def __init__(self, symbol_count: int) -> None:
        """Nothing is to be closed; `refused` counts the tries in a row that came to nothing."""
        self.refused: int = 0
        self.flatten = integers(symbol_count)
        self.reduce = zeros(symbol_count)

    def hear(self, event: Event, book: Book) -> None:
        """The operator's flatten is one too; a resume ends it."""
        if not isinstance(event, Command):
            return
        if event.kind == COMMAND_FLATTEN:
            self.close(event.symbol, book)
        elif event.kind == COMMAND_RESUME:
            for symbol in named(event.symbol, book.symbol_count):
                self.flatten[symbol] = 0
                self.reduce[symbol] = 0.0

    def close(self, symbol: int, book: Book) -> None:
        """Begin to close a symbol (-1: all): its orders are cancelled once, and not those that close it."""
        for one in named(symbol, book.symbol_count):
            if not self.flatten[one]:
                self.flatten[one] = 1
                cancel_working(book, one)

    def leave(self, book: Book) -> None:
        """Leave orders on the book for what can be closed now."""
        for symbol in range(book.symbol_count):
            if not self.flatten[symbol] and self.reduce[symbol] == 0.0:
                continue
            if book.working_buy[symbol] > 0.0 or book.working_sell[symbol] > 0.0:
                continue
            held = book.position(symbol)
            if self.flatten[symbol] and held != 0.0:
                book.close(symbol)
                continue
            quantity = min(abs(held), self.reduce[symbol])
            if quantity > 0.0:
                (book.sell if held > 0.0 else book.buy)(symbol, quantity)
            self.flatten[symbol] = 0
            self.reduce[symbol] = 0.0

    def is_tried(self, event: Event) -> bool:
        """Whether to ask now for what is still to be closed.

        A venue that refuses is asked three times at once, and then only when something else happens: or the answer to each
        refusal would be the next order, without end.  All three may go in one turn, so a run sees to it that something else
        does happen (`given_up`); what a venue has filled shows that it trades.
        """
        if not isinstance(event, Report) or event.kind in (PARTIAL, FILLED) or not self.busy:
            self.refused = 0
        elif event.kind == REJECTED:
            self.refused += 1
        return self.refused < TRIES and self.busy

    def given_up(self, book: Book) -> list[int]:
        """What is held still, and was to be closed, and is not asked for any more until something else happens."""
        if self.refused < TRIES:
            return []
        return [symbol for symbol in range(book.symbol_count) if self.flatten[symbol] and book.position(symbol) != 0.0]

    @property
    def busy(self) -> bool:
        """Whether something is still to be closed."""
        return any(self.flatten) or any(self.reduce)


def after(guard: Guard, engine: Engine, event: Event) -> list[Breach]:
    """The guard's part of a step, after the fold has heard `event`: hears it too, acts on what broke, and has it reviewed.

    Messages are left in the book's outbox for the driver; a book that is warming up leaves none.  A book that is halted is closed all the same: that only reduces.
    """
    book = engine.book
    breaches = guard.hear(event, book)
    if book.state == WARMING:
        return []
    act(breaches, guard, book)
    if guard.closing.is_tried(event):
        guard.closing.leave(book)
    if book.intent_count > 0:
        state = book.state
        book.state = REDUCING
        decide(engine)
        book.state = state
    return breaches


def act(breaches: Sequence[Breach], guard: Guard, book: Book) -> None:
    """Do what each breach asks for."""
    closing = guard.closing
    for breach in breaches:
        if breach.action == NOTE:
            continue
        if breach.symbol < 0 or breach.action == REDUCE:
            guard.held_at = guard.now
            book.state = max(book.state, HALTED if breach.action == HALT else REDUCING)
        if breach.action == FLATTEN:
            closing.close(breach.symbol, book)
        elif breach.action in (CANCEL_WORKING, REDUCE, HALT):
            for symbol in named(breach.symbol, book.symbol_count):
                cancel_working(book, symbol)
        if breach.action == REDUCE:
            closing.reduce[breach.symbol] = max(closing.reduce[breach.symbol], breach.quantity)


def cancel_working(book: Book, symbol: int) -> None:
    """Ask for the cancel of every order of a symbol."""
    for order in book.orders:
        if order.symbol == symbol:
            book.cancel(order.number)
