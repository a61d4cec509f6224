"""Legs and linked orders, live: what the venue has confirmed of each, apart from what is wanted of it.

What comes in: a book, what the venue has just said of an order.  What goes out: the orders that hang on it with the
quantity that the venue has confirmed, the wanted one beside it; and a fresh leg for what one that filled left open.
Why it is shaped so: the bracket's rule (`fold/emulated.py`) is one for all modes and takes its own replaces for done, as a
simulated venue does them at once.  A real one may refuse.  So while a fill is heard every such order is for what is wanted
of it, as in a simulation, and afterwards for what the venue has; `excess.take_back` asks again for the difference.

Legs that the venue runs itself are heard only: `wanted` is NaN where a leg is the venue's.
"""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, NamedTuple

from stratofold.fold.grid import to_grid
from stratofold.fold.lifecycle import PENDING, WAITING
from stratofold.fold.order import GTC, SUBMIT, TRAILING

if TYPE_CHECKING:
    from stratofold.events import Report
    from stratofold.fold.book import Book
    from stratofold.fold.order import Order


class Lent(NamedTuple):
    """One order that is for what is wanted while a fill is heard, and what the venue has confirmed of it."""

    number: int
    quantity: float
    asked: float
    wanted: float


class Leaving(NamedTuple):
    """The terms of a leg whose fill is heard, in case it is done and more of it was wanted."""

    number: int
    symbol: int
    side: int
    kind: int
    role: int
    strategy: int
    parent: int
    limit: float
    stop: float
    wanted: float
    filled: float


def lend(book: Book, number: int) -> list[Lent]:
    """Before a fill of order `number`: what hangs on it is for what is wanted of it; returns what was confirmed."""
    return [_lent(book, each) for each in _hanging(book, number) if _is_ours(book, each)]


def _hanging(book: Book, number: int) -> list[int]:
    """The orders that a fill of order `number` makes larger or smaller."""
    place = book.orders.index(number)
    if place < 0:
        return []
    order = book.orders[place]
    named = (order.take_profit_number, order.stop_loss_number, order.sibling)
    return [each for each in named if each and book.orders.index(each) >= 0]


def the_venues(book: Book, number: int) -> list[int]:
    """Before a fill of order `number`: the legs that it moves and that a venue runs which holds brackets itself."""
    place = book.orders.index(number)
    if place < 0:
        return []
    order = book.orders[place]
    taken = order.tif == GTC and order.kind != TRAILING if order.parent == 0 else isnan(order.wanted)
    return [each for each in _hanging(book, number) if taken and book.orders[book.orders.index(each)].parent]


def leave_to_venue(book: Book, numbers: list[int]) -> None:
    """These legs are not ours to ask anything of: what is wanted of them is the venue's affair."""
    for number in numbers:
        place = book.orders.index(number)
        if place >= 0:
            book.orders[place].wanted = nan


def _is_ours(book: Book, number: int) -> bool:
    """Whether an order is at the venue and is the book's to change."""
    order = book.orders[book.orders.index(number)]
    return order.state != WAITING and not isnan(order.wanted)


def _lent(book: Book, number: int) -> Lent:
    """Make an order what is wanted of it; what is reserved for it stays as it is."""
    order = book.orders[book.orders.index(number)]
    confirmed = Lent(number, order.quantity, order.asked, order.wanted)
    scale = book.ledger.contracts[order.symbol].quantity_scale
    order.asked = to_grid(order.asked + order.quantity - order.wanted, scale)
    order.quantity = order.wanted
    return confirmed


def give_back(book: Book, lent: list[Lent]) -> None:
    """After the fill: every order is for what the venue has confirmed, and the most that it may become is reserved."""
    for before in lent:
        place = book.orders.index(before.number)
        if place < 0:
            continue
        order = book.orders[place]
        if order.quantity == before.wanted:
            order.quantity, order.asked = before.quantity, before.asked
            if order.cancelling:
                order.wanted = order.filled  # a cancel that is refused is asked for again
            continue
        scale = book.ledger.contracts[order.symbol].quantity_scale
        reserved = to_grid(order.quantity + order.asked, scale)
        most = max(before.quantity, order.quantity, reserved)
        book.reserve(order, to_grid(most - reserved, scale))
        order.asked = to_grid(most - before.quantity, scale)
        order.wanted, order.quantity = order.quantity, before.quantity


def entry_of_leg(book: Book, number: int) -> int:
    """The entry that leg `number` protects; 0 for any other order."""
    place = book.orders.index(number)
    return book.orders[place].parent if place >= 0 else 0


def let_go(book: Book, leg: int, entry: int) -> None:
    """After the last fill of `leg`: no more is wanted of its `entry`, so a cancel of it that is refused is asked again.

    Else the entry would go on to fill with nothing to protect what it brings.
    """
    place = book.orders.index(entry) if entry else -1
    if place >= 0 and book.orders[place].cancelling and book.orders.index(leg) < 0:
        book.orders[place].wanted = book.orders[place].filled


def leaving(book: Book, report: Report) -> Leaving | None:
    """The leg that a fill is of, as it will be; None for any other order and for a leg that the venue runs."""
    place = book.orders.index(report.number)
    if place < 0:
        return None
    leg = book.orders[place]
    if leg.parent == 0 or leg.cancelling or not leg.wanted > leg.filled + report.quantity:
        return None
    return Leaving(
        leg.number, leg.symbol, leg.side, leg.kind, leg.role, leg.strategy, leg.parent, leg.limit, leg.stop, leg.wanted,
        leg.filled + report.quantity,
    )  # fmt: skip


def succeed(book: Book, left: Leaving | None) -> None:
    """A leg that is done although more of it was wanted is followed by one for the rest: a position keeps both."""
    if left is None or book.orders.index(left.number) >= 0:
        return
    leg = book.orders.add(book.next_number)
    book.next_number += 1
    leg.symbol, leg.side, leg.kind, leg.role, leg.tif = left.symbol, left.side, left.kind, left.role, GTC
    leg.strategy, leg.parent, leg.limit, leg.stop, leg.state = (
        left.strategy,
        left.parent,
        left.limit,
        left.stop,
        PENDING,
    )
    leg.trail = leg.trail_fraction = leg.sought = nan
    leg.quantity = leg.wanted = to_grid(left.wanted - left.filled, book.ledger.contracts[left.symbol].quantity_scale)
    leg.filled = leg.filled_value = leg.asked = leg.carried = 0.0
    leg.arrives = leg.replacing = leg.venue = leg.take_profit_number = leg.stop_loss_number = leg.sibling = 0
    leg.decided, leg.cancelling = book.time, False
    _hang(book, left.number, leg)
    book.reserve(leg, leg.quantity)
    book.send(SUBMIT, leg, prompt=True)


def _hang(book: Book, number: int, leg: Order) -> None:
    """The orders that named leg `number` name the one that follows it."""
    for other in book.orders:
        if other.sibling == number:
            other.sibling, leg.sibling = leg.number, other.number
        if other.take_profit_number == number:
            other.take_profit_number = leg.number
        if other.stop_loss_number == number:
            other.stop_loss_number = leg.number
