"""Margin by the book of rules: what must be one's own of what is held and of what may come to be held.

What comes in: positions and prices.  What goes out: requirements in money, and verdicts.
Why it is shaped so: a requirement is a function of position and price alone; what works counts as filled in the worst
order, as pre-trade limits do.  A book is judged on its own capital, as if it were the whole account.

Sources: 12 CFR 220.8(a) and 220.12; FINRA Rule 4210(b), (c) and (d)(2).
Ignores: concentrated and non-marginable securities, for which a broker asks more; the special memorandum account, by
which past gains could be borrowed against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.live.risk.rules import DAY_NS
from stratofold.live.risk.verdict import (
    ALLOWED,
    CASH_ACCOUNT,
    INITIAL_MARGIN,
    INTRADAY_MARGIN,
    MINIMUM_EQUITY,
    NOTE,
    Breach,
    Verdict,
    Wish,
    refused,
    weighed_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.book import Book

INITIAL = 0.50
MINIMUM = 2_000.0
SESSIONS_TO_MEET = 5
RESTRICTED_DAYS = 90


def initial_of(quantity: float, price: float) -> float:
    """Regulation T: half of the value, long or short (a short's proceeds come on top and are not ours to spend)."""
    return INITIAL * abs(quantity) * price


def maintenance_of(quantity: float, price: float) -> float:
    """Rule 4210(c): 25 % long; short 30 % or 5 dollars a unit, whichever is more, below 5 dollars 100 % or 2.50."""
    if quantity >= 0.0:
        return 0.25 * quantity * price
    units = -quantity
    return max(5.0 * units, 0.30 * units * price) if price >= 5.0 else max(2.5 * units, units * price)


class MarginRules:
    """Initial margin, minimum equity, and the intraday margin deficit with what follows when it is not met."""

    CONTENT = ("cash_only", "equities")
    __slots__ = ("cash_only", "deficit", "deficit_session", "equities", "restricted_until")

    def __init__(self, equities: Sequence[bool], *, cash_only: bool = False) -> None:
        """`equities` says by symbol handle which instruments the rules speak of; a cash account may not borrow."""
        self.cash_only = cash_only
        self.equities = equities
        self.deficit: float = 0.0
        self.deficit_session: int = -1
        self.restricted_until: int = 0

    def required(self, book: Book, rule: int, wish: Wish | None = None) -> float:
        """What the positions require by `INITIAL_MARGIN` or `INTRADAY_MARGIN`, in the base currency.

        With a wish, everything that works counts as filled, at the price the wish is weighed at: in the worst order for
        the margin of every moment, together for the initial one, which is of a day's trades combined.
        """
        total = 0.0
        of = initial_of if rule == INITIAL_MARGIN else maintenance_of
        for symbol, holding in enumerate(book.ledger.holdings):
            if not self.equities[symbol]:
                continue
            held = holding.quantity
            reach: tuple[float, ...] = (held,)
            if wish is not None:
                reach = _reach(
                    held, book.working_buy[symbol], book.working_sell[symbol], combined=rule == INITIAL_MARGIN
                )
            price = holding.price if wish is None or symbol != wish.symbol else weighed_at(wish, book)
            if any(reach):
                worst = max(of(quantity, price) for quantity in reach)
                total += worst * holding.multiplier * book.ledger.rate[holding.currency]
        return total

    def verdict(self, now: int, wish: Wish, book: Book, *, intraday: bool) -> Verdict:
        """Refuses what opens an equity and is not covered: by 2,000 dollars, by half, and (`intraday`) at every moment."""
        equity = book.equity
        if borrows(wish, book):
            if self.cash_only:
                return refused(CASH_ACCOUNT, book.cash, cost_of(wish, book))
            if equity < MINIMUM:
                return refused(MINIMUM_EQUITY, MINIMUM, equity)
            if intraday and now < self.restricted_until:
                return refused(INTRADAY_MARGIN, 0.0, self.deficit)
        initial = self.required(book, INITIAL_MARGIN, wish)
        if initial > equity:
            return refused(INITIAL_MARGIN, equity, initial)
        needed = self.required(book, INTRADAY_MARGIN, wish) if intraday else 0.0
        return ALLOWED if needed <= equity else refused(INTRADAY_MARGIN, equity, needed)

    def judge(self, book: Book, session: int, time: int) -> list[Breach]:
        """A complete moment: a deficit begins, is met, or has stood for more than five sessions."""
        required = self.required(book, INTRADAY_MARGIN)
        self.deficit = max(required - book.equity, 0.0)
        if self.deficit == 0.0:
            self.deficit_session = -1
            return []
        if self.deficit_session < 0:
            self.deficit_session = session
            return [Breach(INTRADAY_MARGIN, -1, NOTE, max(book.equity, 0.0), required, time)]
        if session - self.deficit_session > SESSIONS_TO_MEET and time >= self.restricted_until:
            self.restricted_until = time + RESTRICTED_DAYS * DAY_NS
            return [Breach(INTRADAY_MARGIN, -1, NOTE, float(SESSIONS_TO_MEET), self.deficit, time)]
        return []


def _reach(held: float, buys: float, sells: float, *, combined: bool) -> tuple[float, ...]:
    """Where a position can get: where all fills together lead, or both ends of the worst order."""
    return (held + buys - sells,) if combined else (held + buys, held - sells)


def borrows(wish: Wish, book: Book) -> bool:
    """Whether the wish, with all that works, leads short, or to more bought than cash and what is sold can pay."""
    if wish.side < 0:
        return True
    return cost_of(wish, book) > book.cash


def cost_of(wish: Wish, book: Book) -> float:
    """What all that works costs, less what it sells of what is held, in the base currency."""
    cost = 0.0
    for symbol, holding in enumerate(book.ledger.holdings):
        units = book.working_buy[symbol] - min(book.working_sell[symbol], max(holding.quantity, 0.0))
        if units != 0.0:
            price = weighed_at(wish, book) if symbol == wish.symbol else holding.price
            cost += units * price * holding.multiplier * book.ledger.rate[holding.currency]
    return cost
