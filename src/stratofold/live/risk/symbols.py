"""What one instrument is allowed beyond what all are: size, position, and whether it may be traded at all.

What comes in: wishes and the book.  What goes out: verdicts.  It has no state.

Sources: SEC Rule 15c3-5(c)(1)(ii) and (c)(2); RTS 6 article 15(1)(b) and (c).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from stratofold.live.risk.bounds import SymbolBounds
from stratofold.live.risk.verdict import (
    ALLOWED,
    POSITION_LIMIT,
    RESTRICTED,
    SYMBOL_NOTIONAL,
    SYMBOL_POSITION,
    SYMBOL_QUANTITY,
    Verdict,
    Wish,
    refused,
    weighed_at,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.fold.book import Book


class SymbolLimits:
    """Bounds by symbol handle."""

    CONTENT = ("bounds",)
    __slots__ = ("bounds",)

    def __init__(self, bounds: Mapping[str, SymbolBounds], names: Sequence[str]) -> None:
        """`names` are the symbols by handle."""
        free = SymbolBounds()
        self.bounds = [bounds.get(name, free) for name in names]

    def verdict(self, wish: Wish, book: Book) -> Verdict:
        """Refuses a restricted instrument, and what is over its order quantity, order notional or position."""
        bounds = self.bounds[wish.symbol]
        if bounds.restricted:
            return refused(RESTRICTED, 0.0, 1.0)
        if wish.quantity > bounds.order_quantity_max:
            return refused(SYMBOL_QUANTITY, bounds.order_quantity_max, wish.quantity)
        if bounds.order_notional_max < inf:
            notional = notional_of(wish, book)
            if notional > bounds.order_notional_max:
                return refused(SYMBOL_NOTIONAL, bounds.order_notional_max, notional)
        if bounds.position_max == inf == bounds.position_limit:
            return ALLOWED
        reach = reach_of(wish, book)
        if reach > bounds.position_max:
            return refused(SYMBOL_POSITION, bounds.position_max, reach)
        return ALLOWED if reach <= bounds.position_limit else refused(POSITION_LIMIT, bounds.position_limit, reach)


def notional_of(wish: Wish, book: Book) -> float:
    """The wish's value at the price it is weighed at, in the base currency; infinite when no price is known."""
    ledger = book.ledger
    holding = ledger.holdings[wish.symbol]
    # A replace that keeps its quantity adds nothing.
    quantity = wish.quantity if wish.quantity == wish.quantity else 0.0
    return quantity * weighed_at(wish, book) * holding.multiplier * ledger.rate[holding.currency]


def reach_of(wish: Wish, book: Book) -> float:
    """How large the position gets on the wish's side when everything on that side fills; it works already in the book."""
    held = book.ledger.holdings[wish.symbol].quantity
    return held + book.working_buy[wish.symbol] if wish.side > 0 else book.working_sell[wish.symbol] - held
