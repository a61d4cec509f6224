"""Day trades: how often a position was opened and closed in one session, over five sessions.

What comes in: fills, after the ledger has them.  What goes out: a count, and verdicts.
Why it is shaped so: the rule punishes the fourth day trade, which is made by closing; closing must never be refused, so
it is the opening that is, when closing it the same day would be the fourth.

Source: FINRA Rule 4210(f)(8)(B), in force until 3 June 2026, at some brokers later (`rules.rules_on`).
Stricter than the rule: the exception for day trades that are at most 6 % of all trades is not used.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from stratofold.fold.ledger import integers
from stratofold.live.risk.verdict import ALLOWED, DAY_TRADES, Verdict, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.events import Report
    from stratofold.fold.book import Book

SESSIONS = 5
MOST = 3
EQUITY_MIN = 25_000.0


class DayTrades:
    """Changes from opening to closing within a session, by instrument, counted over the last five sessions."""

    CONTENT = ("equities",)
    __slots__ = ("counts", "equities", "numbers", "opened_in")

    def __init__(self, equities: Sequence[bool]) -> None:
        """No trade yet; `equities` says by symbol handle which instruments the rule speaks of."""
        self.equities = equities
        self.opened_in = array("q", [-1]) * len(equities)
        self.numbers = array("q", [-SESSIONS]) * SESSIONS
        self.counts = integers(SESSIONS)

    def filled(self, fill: Report, book: Book, session: int) -> None:
        """A fill that the ledger has: what it opened today is noted, what it closes of that is a day trade."""
        symbol = fill.symbol
        if not self.equities[symbol]:
            return
        after = book.ledger.holdings[symbol].quantity
        before = after - fill.side * fill.quantity
        if before * fill.side < 0.0 and self.opened_in[symbol] == session:
            self._count(session)
            self.opened_in[symbol] = -1
        if after * fill.side > 0.0:
            self.opened_in[symbol] = session

    def _count(self, session: int) -> None:
        """One more in this session, whose place was that of the fifth before it."""
        place = session % SESSIONS
        if self.numbers[place] != session:
            self.numbers[place] = session
            self.counts[place] = 0
        self.counts[place] += 1

    def count(self, session: int) -> int:
        """Day trades in `session` and the four before it."""
        return sum(
            count for number, count in zip(self.numbers, self.counts, strict=True) if 0 <= session - number < SESSIONS
        )

    def verdict(self, book: Book, session: int) -> Verdict:
        """Refuses to open an equity when closing it today would be the fourth, under 25,000 dollars of equity."""
        if book.equity >= EQUITY_MIN:
            return ALLOWED
        count = self.count(session)
        return ALLOWED if count < MOST else refused(DAY_TRADES, float(MOST), float(count + 1))
