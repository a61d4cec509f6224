"""The dated rules at work: which apply today, and what they refuse.

What comes in: events, after the fold has heard them, and wishes.  What goes out: verdicts and breaches.
Why it is shaped so: each rule is a small thing of its own (`margin`, `day_trades`, `shorts`); here stands only which of
them a day and an account ask for (`rules`), and in which order.
"""

from __future__ import annotations

from datetime import date
from math import inf
from typing import TYPE_CHECKING

from stratofold.events import FILLED, PARTIAL, Event, Report
from stratofold.fold.ledger import integers
from stratofold.live.risk.day_trades import EQUITY_MIN, DayTrades
from stratofold.live.risk.margin import MarginRules
from stratofold.live.risk.rules import CASH, RULES, day_of, rules_on
from stratofold.live.risk.shorts import ShortSales
from stratofold.live.risk.verdict import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.fold.book import Book
    from stratofold.live.risk.bounds import RuleBounds, SymbolBounds
    from stratofold.live.risk.hours import Hours
    from stratofold.live.risk.margin import Worst
    from stratofold.live.risk.verdict import Breach, Verdict, Wish

_PLACES = {rule.name: place for place, rule in enumerate(RULES)}
_INTRADAY_MARGIN, _DAY_TRADES = _PLACES["intraday_margin"], _PLACES["day_trades"]
_LOCATE, _SHORT_SALE_RESTRICTION = _PLACES["locate"], _PLACES["short_sale_restriction"]


class Regulation:
    """The rules around one book; instruments that are no equities are left to their own rules."""

    CONTENT = ("bounds", "hours")
    __slots__ = ("bounds", "day", "day_trades", "hours", "in_force", "margin", "shorts")

    def __init__(
        self,
        bounds: RuleBounds,
        symbols: Mapping[str, SymbolBounds],
        hours: Sequence[Hours],
        names: Sequence[str],
        equities: Sequence[bool],
    ) -> None:
        """`hours`, `names` and `equities` are by symbol handle."""
        easy = bounds.shortable
        located = [
            inf if "*" in easy or name in easy else symbols[name].located if name in symbols else 0.0 for name in names
        ]
        self.bounds = bounds
        self.hours = hours
        self.day: int = 0
        self.in_force = integers(len(RULES))
        self.margin = MarginRules(equities, cash_only=bounds.account == CASH)
        self.day_trades = DayTrades(equities)
        self.shorts = ShortSales(located, hours)

    def hear(self, event: Event, book: Book) -> None:
        """Days turn the rules; prices and fills are theirs to count."""
        self._turn(day_of(event.time))
        self.shorts.hear(event)
        if isinstance(event, Report) and event.kind in (PARTIAL, FILLED):
            self.day_trades.filled(event, book, self.hours[event.symbol].session(event.time))

    def _turn(self, day: int) -> None:
        """On another day another rule may hold."""
        if day != self.day:
            self.day = day
            legacy = self.bounds.legacy_day_trades_until
            until = date.fromisoformat(legacy) if legacy else None
            names = {rule.name for rule in rules_on(date.fromordinal(day), self.bounds.account, until)}
            for place, rule in enumerate(RULES):
                self.in_force[place] = int(rule.name in names)

    def judge(self, book: Book, time: int) -> list[Breach]:
        """A complete moment: is the margin of every moment covered?"""
        if not self.in_force[_INTRADAY_MARGIN]:
            return []
        return self.margin.judge(book, self.hours[0].session(time), time)

    def verdict(self, now: int, wish: Wish, worst: Worst, book: Book) -> Verdict:
        """The first rule that refuses; `worst` is the book with all that works, as `margin.worst` makes it."""
        if not self.margin.equities[wish.symbol]:
            return ALLOWED
        holds = self.in_force
        verdict = self.margin.verdict(now, wish, worst, book, intraday=bool(holds[_INTRADAY_MARGIN]))
        if verdict is ALLOWED and holds[_DAY_TRADES] and worst.equity < EQUITY_MIN:
            verdict = self.day_trades.verdict(book, self.hours[wish.symbol].session(now))
        if verdict is ALLOWED and wish.side < 0 and holds[_LOCATE]:
            verdict = self.shorts.located_verdict(wish, book)
        if verdict is ALLOWED and wish.side < 0 and holds[_SHORT_SALE_RESTRICTION]:
            verdict = self.shorts.price_verdict(now, wish)
        return verdict
