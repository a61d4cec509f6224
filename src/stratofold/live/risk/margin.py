"""Margin by the book of rules: what must be one's own of what is held and of what may come to be held.

What comes in: positions and prices.  What goes out: requirements in money, and verdicts.
Why it is shaped so: a requirement is a function of position and price alone; what works counts as filled in the worst
order, as pre-trade limits do.  A book is judged on its own capital, as if it were the whole account.

Sources: 12 CFR 220.8(a) and 220.12; FINRA Rule 4210(b), (c) and (d)(2).
Ignores: concentrated and non-marginable securities, for which a broker asks more; the special memorandum account, by
which past gains could be borrowed against.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from msgspec import Struct

from stratofold.fold.ledger import zeros
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
    from collections.abc import Iterable, Sequence

    from stratofold.fold.book import Book

INITIAL = 0.50
MINIMUM = 2_000.0
SESSIONS_TO_MEET = 5
RESTRICTED_DAYS = 90


def initial_of(quantity: float, price: float) -> float:
    """Regulation T: half of the value, long or short (a short's proceeds come on top and are not ours to spend)."""
    return INITIAL * abs(quantity) * price if quantity else 0.0


def maintenance_of(quantity: float, price: float) -> float:
    """Rule 4210(c): 25 % long; short 30 % or 5 dollars a unit, whichever is more, below 5 dollars 100 % or 2.50."""
    if quantity >= 0.0:
        return 0.25 * quantity * price if quantity else 0.0
    units = -quantity
    least, share = (5.0, 0.30 * units * price) if price >= 5.0 else (2.5, units * price)
    return max(least * units, share)


class Worst(Struct, frozen=True, gc=False):
    """What a book would require were everything that works filled: together, and in the worst order; and what it costs.

    `equity` is what the book has: the messages of a step are judged against one and the same.
    """

    initial: float
    moment: float
    cost: float
    equity: float


class MarginRules:
    """Initial margin, minimum equity, and the intraday margin deficit with what follows when it is not met."""

    CONTENT = ("cash_only", "equities")
    __slots__ = (
        "cash_only", "combined", "cost", "deficit", "deficit_session", "equities", "maintenance", "moved", "ordered",
        "restricted_until",
    )  # fmt: skip

    def __init__(self, equities: Sequence[bool], *, cash_only: bool = False) -> None:
        """`equities` says by symbol handle which instruments the rules speak of; a cash account may not borrow."""
        self.cash_only = cash_only
        self.equities = equities
        self.maintenance = zeros(len(equities))
        self.combined, self.ordered, self.cost = zeros(len(equities)), zeros(len(equities)), zeros(len(equities))
        self.moved: array[int] = array("q", [0]) * len(equities)
        self.deficit: float = 0.0
        self.deficit_session: int = -1
        self.restricted_until: int = 0

    def hear(self, symbol: int, book: Book) -> None:
        """An event has touched a symbol: what was refused of its last messages is known to the book by now."""
        self.update(symbol, book)
        self.moved[symbol] = 0

    def update(self, symbol: int, book: Book) -> None:
        """The position or the price of a symbol may have changed."""
        holding = book.ledger.holdings[symbol]
        price = holding.price if holding.price == holding.price else 0.0
        if self.equities[symbol]:
            held = holding.quantity
            self.maintenance[symbol] = _money(maintenance_of(held, price), symbol, book) if held else 0.0
        self.combined[symbol], self.ordered[symbol], self.cost[symbol] = self._part(symbol, price, book)

    def worst(self, book: Book, symbols: Iterable[int] | None = None) -> Worst:
        """The book as it stands with its working orders, at the last prices; only what works of `symbols` is different.

        A step costs what it touches: each symbol's part is kept, and those of the last messages, which may have been
        refused since, are made again.
        """
        touched = range(book.symbol_count) if symbols is None else {*symbols, *self._last_moved()}
        for symbol in touched:
            self.update(symbol, book)
        for symbol in symbols or ():
            self.moved[symbol] = 1
        return Worst(sum(self.combined), sum(self.ordered), sum(self.cost), book.equity)

    def _last_moved(self) -> list[int]:
        """The symbols of the last messages, once."""
        found: list[int] = []
        while 1 in self.moved:
            found.append(self.moved.index(1))
            self.moved[found[-1]] = 0
        return found

    def _part(self, symbol: int, price: float, book: Book) -> tuple[float, float, float]:
        """One symbol's part of `worst`, at a price."""
        ledger = book.ledger
        holding = ledger.holdings[symbol]
        multiplier, rate = holding.multiplier, ledger.rate[holding.currency]
        held, buys, sells = holding.quantity, book.working_buy[symbol], book.working_sell[symbol]
        if held >= 0.0 == sells:  # nothing is sold: with everything bought it is the most, in any order
            cost = buys * price * multiplier * rate if buys else 0.0
            units = held + buys
            if not units or not self.equities[symbol]:
                return 0.0, 0.0, cost
            return initial_of(units, price) * multiplier * rate, maintenance_of(units, price) * multiplier * rate, cost
        covered = held if 0.0 < held < sells else sells if held > 0.0 else 0.0  # of the sales: what is held pays for
        units = buys - covered
        cost = units * price * multiplier * rate if units else 0.0
        if not self.equities[symbol]:
            return 0.0, 0.0, cost
        combined = initial_of(held + buys - sells, price)
        bought = maintenance_of(held + buys, price)
        sold = maintenance_of(held - sells, price) if sells or buys else bought
        return combined * multiplier * rate, max(bought, sold) * multiplier * rate, cost

    def _with(self, wish: Wish, worst: Worst, book: Book) -> Worst:
        """The same with the wish's own symbol, whose part `worst` has kept, at the price that the wish is weighed at."""
        symbol = wish.symbol
        weighed = weighed_at(wish, book)
        if weighed == book.ledger.holdings[symbol].price:
            return worst
        initial, moment, cost = self._part(symbol, weighed, book)
        return Worst(
            worst.initial + initial - self.combined[symbol],
            worst.moment + moment - self.ordered[symbol],
            worst.cost + cost - self.cost[symbol],
            worst.equity,
        )

    def verdict(self, now: int, wish: Wish, worst: Worst, book: Book, *, intraday: bool) -> Verdict:
        """Refuses what opens an equity and is not covered: by 2,000 dollars, by half, and (`intraday`) at every moment."""
        worst = self._with(wish, worst, book)
        equity = worst.equity
        if wish.side < 0 or worst.cost > book.cash:
            if self.cash_only:
                return refused(CASH_ACCOUNT, book.cash, worst.cost)
            if equity < MINIMUM:
                return refused(MINIMUM_EQUITY, MINIMUM, equity)
            if intraday and now < self.restricted_until:
                return refused(INTRADAY_MARGIN, 0.0, self.deficit)
        if worst.initial > equity:
            return refused(INITIAL_MARGIN, equity, worst.initial)
        return ALLOWED if not intraday or worst.moment <= equity else refused(INTRADAY_MARGIN, equity, worst.moment)

    def judge(self, book: Book, session: int, time: int) -> list[Breach]:
        """A complete moment: a deficit begins, is met, or has stood for more than five sessions."""
        required = sum(self.maintenance)
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


def _money(amount: float, symbol: int, book: Book) -> float:
    """An amount of units times price in the base currency."""
    holding = book.ledger.holdings[symbol]
    return amount * holding.multiplier * book.ledger.rate[holding.currency]
