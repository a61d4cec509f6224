"""Selling short: what was located, what fell by a tenth, and how a sale is marked.

What comes in: prices and wishes.  What goes out: verdicts, and the mark of a sale.
Why it is shaped so: whether a sale is short follows from the position and from every sale that works, so two sales at
once can never both be of the same shares.

Sources: Regulation SHO, 17 CFR 242.200(g), 242.201(b)(1), 242.203(b)(1).
Ignores: the short-exempt exceptions of rule 201(c) and (d), and prints outside the listing market.
"""

from __future__ import annotations

from array import array
from math import isnan, nan
from typing import TYPE_CHECKING

from stratofold.events import SPLIT, Action, Bar, Event, Quote, Trade
from stratofold.live.risk.symbols import reach_of
from stratofold.live.risk.verdict import ALLOWED, LOCATE, SHORT_SALE_RESTRICTION, Verdict, Wish, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.book import Book
    from stratofold.live.risk.hours import Hours

FALL = 0.10


class ShortSales:
    """By instrument: the units located, the last session's close, the bid, and until which session it is restricted."""

    CONTENT = ("hours", "located")
    __slots__ = ("bid", "hours", "located", "previous_close", "price", "restricted_until", "session")

    def __init__(self, located: Sequence[float], hours: Sequence[Hours]) -> None:
        """Both by symbol handle; `located` may be infinite: easy to borrow."""
        count = len(located)
        self.located = located
        self.hours = hours
        self.bid = array("d", [nan]) * count
        self.price = array("d", [nan]) * count
        self.previous_close = array("d", [nan]) * count
        self.session = array("q", [-1]) * count
        self.restricted_until = array("q", [-1]) * count

    def hear(self, event: Event) -> None:
        """Prices are followed from session to session; a split moves them."""
        if isinstance(event, Quote):
            self.bid[event.symbol] = event.bid
        elif isinstance(event, Bar):
            self._trade(event.symbol, event.time, event.low, event.close)
        elif isinstance(event, Trade):
            self._trade(event.symbol, event.time, event.price, event.price)
        elif isinstance(event, Action) and event.kind == SPLIT:
            for prices in (self.bid, self.price, self.previous_close):
                prices[event.symbol] /= event.value

    def _trade(self, symbol: int, time: int, low: float, last: float) -> None:
        """A price: the first of a session makes the one before it the last close; a fall of a tenth restricts."""
        session = self.hours[symbol].session(time)
        if session > self.session[symbol]:
            self.session[symbol] = session
            self.previous_close[symbol] = self.price[symbol]
        self.price[symbol] = last
        if low <= (1.0 - FALL) * self.previous_close[symbol]:
            self.restricted_until[symbol] = session + 1

    def located_verdict(self, wish: Wish, book: Book) -> Verdict:
        """Refuses to sell short more than is located."""
        short, located = reach_of(wish, book), self.located[wish.symbol]
        return ALLOWED if short <= located else refused(LOCATE, located, short)

    def price_verdict(self, now: int, wish: Wish) -> Verdict:
        """Refuses, while restricted, to sell short without a limit above the bid (the last price where there is no bid)."""
        symbol = wish.symbol
        until = self.restricted_until[symbol]
        if until < 0 or self.hours[symbol].session(now) > until:
            return ALLOWED
        bid = self.price[symbol] if isnan(self.bid[symbol]) else self.bid[symbol]
        return ALLOWED if wish.limit > bid else refused(SHORT_SALE_RESTRICTION, bid, wish.limit)


def mark_of(wish: Wish) -> str:
    """How an order is marked: "buy", "long" or "short"; a sale that is not wholly of what is held is short."""
    if wish.side > 0:
        return "buy"
    return "long" if wish.reduces else "short"
