"""What the broker looks at before it takes an order: buying power, and orders that would meet each other.

What comes in: an account and a checked order.  What goes out: nothing, or Refused.
Why it is shaped so: what the venue can afford is decided at the fill, as in a backtest; these checks only turn away what
no account could carry, so that a run whose orders a backtest fills is not refused here.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from stratofold.exchange.dialect import SIMPLE, amount, forbidden

if TYPE_CHECKING:
    from stratofold.exchange.account import Account
    from stratofold.exchange.core import Exchange
    from stratofold.exchange.dialect import Ticket
    from stratofold.exchange.intake import Wanted


def check(exchange: Exchange, account: Account, wanted: Wanted) -> None:
    """Raise Refused for an order beyond the buying power, or one that would trade with the account itself."""
    if not exchange.rules.wash_trades:
        _refuse_wash_trade(account, wanted)
    if exchange.rules.strict:
        _refuse_crossing(account, wanted)
    cost = _opening_cost(account, wanted)
    free = buying_power(exchange, account)
    if cost > free:
        raise forbidden(
            "insufficient buying power", buying_power=amount(round(free, 2)), cost_basis=amount(round(cost, 2))
        )


def buying_power(exchange: Exchange, account: Account) -> float:
    """What may still be opened: the multiple of equity less every position and every opening order, never below 0."""
    book, market = account.book, exchange.market
    used = 0.0
    for handle in range(book.symbol_count):
        price = market.last_price(handle)
        if isfinite(price):
            held = book.position(handle)
            worst = max(abs(held + book.working_buy[handle]), abs(held - book.working_sell[handle]), abs(held))
            used += worst * price * book.ledger.contracts[handle].multiplier
    return max(exchange.rules.multiplier * book.equity - used, 0.0)


def _opening_cost(account: Account, wanted: Wanted) -> float:
    """What the order adds to the exposure at its own price; what only reduces costs nothing."""
    book = account.book
    price = next(
        (value for value in (wanted.limit, wanted.stop, account.market.last_price(wanted.handle)) if isfinite(value)),
        0.0,
    )
    if isfinite(wanted.notional):
        return wanted.notional
    held = wanted.side * book.position(wanted.handle)
    works = book.working_buy[wanted.handle] if wanted.side > 0 else book.working_sell[wanted.handle]
    opening = min(max(held + works + wanted.quantity, 0.0), wanted.quantity)
    return opening * price * book.ledger.contracts[wanted.handle].multiplier


def _refuse_crossing(account: Account, wanted: Wanted) -> None:
    """Raise Refused for an order that reduces by more than is held and not offered by a working order."""
    book = account.book
    held = book.position(wanted.handle)
    if held * wanted.side >= 0.0 or not isfinite(wanted.quantity):
        return
    offered = book.working_sell[wanted.handle] if held > 0.0 else book.working_buy[wanted.handle]
    available = max(abs(held) - offered, 0.0)
    if wanted.quantity > available:
        raise forbidden(
            f"insufficient qty available for order (requested: {amount(wanted.quantity)}, available: {amount(available)})",
            symbol=wanted.symbol,
            existing_qty=amount(held),
            held_for_orders=amount(min(offered, abs(held))),
            available=amount(available),
        )


def _refuse_wash_trade(account: Account, wanted: Wanted) -> None:
    """Raise Refused when an open order on the other side could trade with this one at once."""
    if wanted.order_class != SIMPLE:
        return
    for ticket in account.working.values():
        if ticket.handle == wanted.handle and ticket.side == -wanted.side and _meet(ticket, wanted):
            raise forbidden(
                "potential wash trade detected. use complex orders",
                existing_order_id=ticket.id,
                reject_reason="opposite side order exists",
            )


def _meet(ticket: Ticket, wanted: Wanted) -> bool:
    """Whether two opposite orders are both marketable against each other; stops and waiting legs are not yet."""
    kinds = {"market", "limit"}
    if ticket.kind not in kinds or wanted.kind not in kinds or ticket.status == "held":
        return False
    if not isfinite(ticket.limit) or not isfinite(wanted.limit):
        return True
    return wanted.side * (wanted.limit - ticket.limit) >= 0.0
