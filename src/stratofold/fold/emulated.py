"""Orders that a venue need not know: brackets, one-cancels-other, trailing stops.

What comes in: a fill or the end of an order, a close.  What goes out: messages that submit, replace and cancel.
The rules are the same in every mode; a venue that holds such orders itself declares it and is not asked here.
"""

from math import nan

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.grid import to_grid
from stratofold.fold.lifecycle import DONE_CANCELLED, DONE_FILLED, PENDING, WAITING
from stratofold.fold.marks import seldom
from stratofold.fold.order import SUBMIT, TRAILING, Order


def after_fill(book: Book, order: Order, quantity: float) -> None:
    """`quantity` of `order` was filled: its legs come to work, its sibling shrinks."""
    if order.take_profit_number != 0:
        _grow_leg(book, order.take_profit_number, quantity)
    if order.stop_loss_number != 0:
        _grow_leg(book, order.stop_loss_number, quantity)
    if order.sibling != 0:
        _shrink(book, order.sibling, quantity)


@seldom
def _grow_leg(book: Book, number: int, quantity: float) -> None:
    """A protective leg works for `quantity` more."""
    place = book.orders.index(number)
    if place < 0:
        return
    leg = book.orders.at(place)
    leg.quantity = to_grid(leg.quantity + quantity, book.ledger.contracts[leg.symbol].quantity_scale)
    leg.wanted = leg.quantity
    book.reserve(leg, quantity)
    if leg.state == WAITING:
        leg.state = PENDING
        book.send(SUBMIT, leg, prompt=True)
    else:
        book.change(leg, leg.quantity, nan, nan, prompt=True)


@seldom
def _shrink(book: Book, number: int, quantity: float) -> None:
    """The other of a pair filled `quantity`: this one works for so much less, or is cancelled."""
    place = book.orders.index(number)
    if place < 0:
        return
    order = book.orders.at(place)
    if order.state == WAITING:
        return
    left = to_grid(order.remaining - quantity, book.ledger.contracts[order.symbol].quantity_scale)
    if left <= 0.0:
        book.request_cancel(order, prompt=True)
        return
    order.quantity = to_grid(order.quantity - quantity, book.ledger.contracts[order.symbol].quantity_scale)
    order.wanted = order.quantity
    book.reserve(order, 0.0 - quantity)
    book.change(order, order.quantity, nan, nan, prompt=True)


def after_end(book: Book, order: Order) -> None:
    """`order` is done: an entry whose protective leg filled wholly asks for no more."""
    if order.parent != 0 and order.state == DONE_FILLED:
        place = book.orders.index(order.parent)
        if place >= 0:
            book.request_cancel(book.orders[place], prompt=True)


def drop_leg(book: Book, number: int) -> int:
    """The index of protective leg `number` if it still waits and must go, else -1."""
    place = book.orders.index(number)
    if place < 0 or book.orders[place].state != WAITING:
        return -1
    book.orders[place].state = DONE_CANCELLED
    return place


@seldom
def trail(book: Book, bar: Bar) -> None:
    """Move the trailing stops of the bar's symbol after its close, nearer the market, never back."""
    for k in range(book.orders.count):
        order = book.orders[k]
        if order.kind == TRAILING and order.symbol == bar.symbol and order.arrives <= bar.time:
            _move(book, order, bar.close)


def _move(book: Book, order: Order, close: float) -> None:
    """Bring one trailing stop to its distance from `close` if that is nearer than it is and than it was asked to be."""
    distance = order.trail if order.trail == order.trail else close * order.trail_fraction
    stop = to_grid(close + order.side * distance, book.ledger.contracts[order.symbol].price_scale)
    nearest = order.sought_stop if order.sought_stop == order.sought_stop else order.stop
    if order.side * (nearest - stop) > 0.0:
        order.sought_stop = stop
        book.change(order, nan, nan, stop, prompt=True)
