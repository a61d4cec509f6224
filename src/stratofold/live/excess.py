"""What a replace made too much of is taken back.

What comes in: a book, and the order of which the venue has just spoken.  What goes out: a replace or a cancel, when more
of the order works than is wanted.
Why it is shaped so: a venue that makes a new order of a replace counts it from 0, so what the old one fills while the
replace is under way comes on top.  No request could prevent that and leave the order at work meanwhile: to cancel first
and to submit then would leave a position without its stop for two round trips, or for good if the second fails.  So it is
undone in the step that learns of it, from the venue's own counts.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratofold.fold.book import Book


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
