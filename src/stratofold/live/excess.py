"""What a replace made too much of is taken back, and what was refused to a leg is asked for again.

What comes in: a book, and what the venue has just said of an order, or a bar.  What goes out: a replace or a cancel, when
more of the order works than is wanted, or less of a protective leg.
Why it is shaped so: a venue that makes a new order of a replace counts it from 0, so what the old one fills while the
replace is under way comes on top.  No request could prevent that and leave the order at work meanwhile: to cancel first
and to submit then would leave a position without its stop for two round trips, or for good if the second fails.  So it is
undone in the step that learns of it, from the venue's own counts.
"""

from __future__ import annotations

from itertools import compress
from math import nan
from operator import attrgetter
from typing import TYPE_CHECKING

from stratofold.events import FILLED, PARTIAL, REPLACED
from stratofold.fold.grid import to_grid
from stratofold.fold.lifecycle import PART_FILLED, WORKING
from stratofold.fold.order import TRAILING

if TYPE_CHECKING:
    from stratofold.events import Report
    from stratofold.fold.book import Book
    from stratofold.fold.order import Order


_symbol_of = attrgetter("symbol")


def is_forerunners(order: Order, report: Report) -> bool:
    """Whether a fill is of an order that a replace, which the book has heard of, put another in the place of."""
    return order.venue not in (0, report.source_sequence)


def count_forerunner(book: Book, report: Report) -> None:
    """Count by the venue's orders: what a forerunner fills late comes on top of what its replacement was made for."""
    place = book.orders.index(report.number)
    if place < 0:
        return
    order = book.orders[place]
    scale = book.ledger.contracts[order.symbol].quantity_scale
    if report.kind == REPLACED:
        order.venue, order.carried = report.source_sequence, order.filled
    elif report.kind in (PARTIAL, FILLED) and is_forerunners(order, report):
        order.quantity = to_grid(order.quantity + report.quantity, scale)
        order.carried = to_grid(order.carried + report.quantity, scale)
        book.reserve(order, report.quantity)


def take_back(book: Book, number: int) -> None:
    """Ask for the wanted total where order `number` is for more, or a leg for less; nobody knows amid a replace."""
    place = book.orders.index(number)
    if place < 0:
        return
    order = book.orders[place]
    if order.replacing or order.cancelling or not _is_amiss(order):
        return
    if order.filled >= order.wanted:
        book.request_cancel(order)
        return
    scale = book.ledger.contracts[order.symbol].quantity_scale
    more = to_grid(order.wanted - order.quantity - order.asked, scale)
    if more > 0.0:
        order.asked = to_grid(order.asked + more, scale)
        book.reserve(order, more)
    book.change(order, order.wanted, nan, nan)


def cancel_again(book: Book, number: int) -> None:
    """A cancel under way while a replace took effect was of the forerunner: it is asked of the order in its place.

    A venue takes a cancel and carries it out later; when the order has been replaced by then, nothing comes of it, and the
    book would wait for ever for an end that nobody brings about.  One cancel too many is refused and does no harm.
    """
    place = book.orders.index(number)
    if place >= 0 and book.orders[place].cancelling:
        book.orders[place].cancelling = False
        book.request_cancel(
            book.orders[place]
        )  # not prompt: what a bracket's own rule asks for may be left to the venue


def _is_amiss(order: Order) -> bool:
    """Whether the order is for another total than is wanted; a leg is asked of only while it works."""
    if order.parent == 0 and order.sibling == 0:
        return order.quantity > order.wanted
    if order.state not in (WORKING, PART_FILLED):
        return False
    return order.quantity > order.wanted or (order.parent != 0 and order.quantity < order.wanted)


def ask_again(book: Book, symbol: int) -> None:
    """At a bar: what was refused to a leg, its entry, a linked order or a trailing stop of `symbol` is asked for once more.

    Every bar looks at every order that works, so the loop to the symbol's own is C's.
    """
    orders = list(map(book.orders.slots.__getitem__, book.orders.live[: book.orders.count]))
    for order in compress(orders, map(symbol.__eq__, map(_symbol_of, orders))):
        if order.parent or order.sibling or order.take_profit_number or order.stop_loss_number:
            take_back(book, order.number)
        if order.kind == TRAILING:
            _move_again(book, order)


def _move_again(book: Book, order: Order) -> None:
    """A move of a trailing stop that was refused; it is not given up when the market has come back: it never moves back."""
    settled = order.state in (WORKING, PART_FILLED) and not order.replacing and not order.cancelling
    if settled and order.sought_stop == order.sought_stop:
        book.change(order, nan, nan, order.sought_stop)
