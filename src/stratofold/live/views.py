"""Views: what people and other programs read of a book without folding it.

What comes in: a desk after some steps, and the steps.  What goes out: rows of text by name: positions, open orders, the
balance, and one row a fill; amounts are decimal text.
Why it is shaped so: they are written in the append that makes them true, so they are never behind the records; nothing is
decided from them, and folding the records gives the same.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from stratofold.events import Report
from stratofold.fold.lifecycle import STATE_NAMES
from stratofold.fold.order import KIND_NAMES, TIF_NAMES
from stratofold.live.words import client_id
from stratofold.wire import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.events import Event
    from stratofold.fold.order import Order
    from stratofold.live.desk import Desk
    from stratofold.live.fold import Step

View = dict[str, str]


def views_of(desk: Desk, events: Sequence[Event], steps: Sequence[Step]) -> dict[str, View | None]:
    """What has changed to be seen because of some steps: rows by name; None for one that is gone."""
    touched = {report.number for report in events if isinstance(report, Report) and report.number > 0}
    touched.update(sent[1] for step in steps for sent in step.messages)
    touched.update(row[0] for step in steps for row in step.orders)
    views: dict[str, View | None] = dict(_orders(desk, touched))
    filled = sorted({row[2] for step in steps for row in step.fills})
    views |= {f"position/{desk.fold.names[symbol]}": _position(desk, symbol) for symbol in filled}
    if filled:
        views["balance"] = _balance(desk)
    first = desk.fold.steps - len(steps) + 1
    for number, step in enumerate(steps, first):
        for place, row in enumerate(step.fills):
            views[f"trade/{number:012}-{place}"] = _trade(desk, row)
    return views


def standing_views(desk: Desk) -> dict[str, View]:
    """Everything that is to be seen of a book as it stands, but for what was filled: positions, open orders, the balance."""
    fold = desk.fold
    orders = fold.engine.book.orders
    found = dict(_orders(desk, [orders[place].number for place in range(orders.count)]))
    found |= {f"position/{name}": _position(desk, symbol) for symbol, name in enumerate(fold.names)}
    found["balance"] = _balance(desk)
    return {name: held for name, held in found.items() if held is not None}


def _orders(desk: Desk, numbers: Iterable[int]) -> Iterable[tuple[str, View | None]]:
    """Orders by their client id; one that does not work any more is gone."""
    orders = desk.fold.engine.book.orders
    for number in sorted(numbers):
        place = orders.index(number)
        name = client_id(desk.manifest.book, desk.manifest.generation, number)
        yield f"order/{name}", _order(desk, orders[place]) if place >= 0 else None


def _order(desk: Desk, order: Order) -> View:
    """An order that works, or waits to."""
    return _said(
        {"limit": order.limit, "stop": order.stop, "quantity": order.quantity, "filled": order.filled},
        symbol=desk.fold.names[order.symbol], side="buy" if order.side > 0 else "sell", kind=KIND_NAMES[order.kind],
        tif=TIF_NAMES[order.tif], state=STATE_NAMES[order.state],
    )  # fmt: skip


def _position(desk: Desk, symbol: int) -> View | None:
    """What is held of a symbol; None where nothing is."""
    holding = desk.fold.engine.book.ledger.holdings[symbol]
    if holding.quantity == 0.0:
        return None
    return _said({"quantity": holding.quantity, "average_price": holding.average_price, "price": holding.price})


def _balance(desk: Desk) -> View:
    """Cash and equity at the last prices known."""
    book = desk.fold.engine.book
    return _said({"cash": book.cash, "equity": book.equity}, currency=desk.manifest.currency, time=str(book.time))


def _trade(desk: Desk, row: tuple[int | float, ...]) -> View:
    """One fill, as the ledger took it."""
    time, number, symbol, side, _, quantity, price, fee, position = row
    manifest = desk.manifest
    return _said(
        {"quantity": quantity, "price": price, "fee": fee, "position": position},
        time=str(time), order=client_id(manifest.book, manifest.generation, int(number)) if number > 0 else "",
        symbol=desk.fold.names[int(symbol)], side="buy" if side > 0 else "sell",
    )  # fmt: skip


def _said(amounts: dict[str, float], **words: str) -> View:
    """A row of text without what is not stated."""
    return words | {name: decimal(float(value)) for name, value in amounts.items() if isfinite(value)}
