"""What a replace made too much of is taken back.

What comes in: a book, and what the venue has just said of an order.  What goes out: a replace or a cancel, when more of
the order works than is wanted.
Why it is shaped so: a venue that makes a new order of a replace counts it from 0, so what the old one fills while the
replace is under way comes on top.  No request could prevent that and leave the order at work meanwhile: to cancel first
and to submit then would leave a position without its stop for two round trips, or for good if the second fails.  So it is
undone in the step that learns of it, from the venue's own counts.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from stratofold.events import FILLED, PARTIAL, REPLACED
from stratofold.fold.grid import to_grid

if TYPE_CHECKING:
    from stratofold.events import Report
    from stratofold.fold.book import Book
    from stratofold.fold.order import Order


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
    """Ask for the wanted total where order `number` is for more; while a replace is under way nobody knows yet."""
    place = book.orders.index(number)
    if place < 0:
        return
    order = book.orders[place]
    if order.parent or order.replacing or order.cancelling or not order.quantity > order.wanted:
        return
    if order.filled >= order.wanted:
        book.request_cancel(order)
    else:
        book.change(order, order.wanted, nan, nan)
