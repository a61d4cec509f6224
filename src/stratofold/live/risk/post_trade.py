"""After a trade: what is held against what may be, and how much must go.

What comes in: the book, after each fill and each complete moment.  What goes out: breaches, each once until it is
mended.
Why it is shaped so: pre-trade limits are asked about orders; prices, splits and fills that nobody asked for can carry a
book past a bound without one, and then it must mend itself.

Sources: SEC Rule 15c3-5(c)(1)(i) and (c)(2)(iv); RTS 6 article 17; 17 CFR 1.11(e)(3).
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple

from stratofold.fold.grid import to_grid
from stratofold.fold.ledger import integers, zeros
from stratofold.live.risk.verdict import (
    CONCENTRATION,
    GROSS_EXPOSURE,
    LEVERAGE,
    MAINTENANCE_MARGIN,
    NET_EXPOSURE,
    REDUCE,
    Breach,
)

if TYPE_CHECKING:
    from array import array

    from stratofold.fold.book import Book
    from stratofold.live.risk.bounds import ExposureBounds


class Exposure(NamedTuple):
    """What a book has at risk, in the base currency; `values` are signed, by symbol handle."""

    values: array[float]
    gross: float
    net: float
    maintenance: float
    equity: float

    @property
    def leverage(self) -> float:
        """Gross exposure over equity; infinite without equity."""
        return over(self.gross, self.equity)

    @property
    def concentration(self) -> float:
        """The largest position over equity."""
        return over(max(map(abs, self.values), default=0.0), self.equity)


def over(part: float, whole: float) -> float:
    """A ratio of amounts: 0 of nothing is 0, something of nothing is infinite."""
    if part <= 0.0:
        return 0.0
    return part / whole if whole > 0.0 else inf


class Values:
    """What each position is worth at its last price, and the maintenance margin its contract asks for it.

    Brought up to date by the symbols that an event touches, so that a book of many symbols is summed and not walked.
    """

    __slots__ = ("maintenance", "worth")

    def __init__(self, symbol_count: int) -> None:
        """Nothing is held."""
        self.worth = zeros(symbol_count)
        self.maintenance = zeros(symbol_count)

    def update(self, symbol: int, book: Book) -> None:
        """The position or the price of a symbol may have changed."""
        ledger = book.ledger
        holding = ledger.holdings[symbol]
        worth = 0.0
        if holding.quantity != 0.0:
            worth = ledger.base_steps(holding.currency, holding.worth_steps - holding.carried_steps) / ledger.scale[0]
        self.worth[symbol] = worth
        self.maintenance[symbol] = abs(worth) * ledger.contracts[symbol].maintenance

    def exposure(self, book: Book) -> Exposure:
        """What the book has at risk now."""
        worth = self.worth
        return Exposure(worth, sum(map(abs, worth)), sum(worth), sum(self.maintenance), book.equity)


class AfterTrade:
    """The bounds on what is held; a breach is told once, and again only after it was mended."""

    CONTENT = ("bounds",)
    REASONS = (GROSS_EXPOSURE, NET_EXPOSURE, LEVERAGE, CONCENTRATION, MAINTENANCE_MARGIN)
    __slots__ = ("bounds", "raised", "values")

    def __init__(self, bounds: ExposureBounds, symbol_count: int) -> None:
        """Nothing is broken."""
        self.bounds = bounds
        self.values = Values(symbol_count)
        self.raised = integers(len(self.REASONS))

    def judge(self, book: Book, time: int) -> list[Breach]:
        """What is over its bound now and was not before."""
        now = self.values.exposure(book)
        if self._is_within(now) and 1 not in self.raised:
            return []
        breaches = []
        for place, (reason, limit, observed) in enumerate(self._rows(now)):
            broken = observed > limit
            if broken and not self.raised[place]:
                breaches += self._breaches(reason, limit, observed, now, book, time)
            self.raised[place] = int(broken)
        return breaches

    def _is_within(self, now: Exposure) -> bool:
        """Whether no bound is broken, as nearly always."""
        bounds, equity = self.bounds, now.equity
        return not (
            now.gross > bounds.gross_exposure_max
            or abs(now.net) > bounds.net_exposure_max
            or now.maintenance > max(equity, 0.0)
            or over(now.gross, equity) > bounds.leverage_max
            or now.concentration > bounds.concentration_max
        )

    def _rows(self, now: Exposure) -> list[tuple[int, float, float]]:
        """Each bound with what is observed of it."""
        bounds = self.bounds
        return [
            (GROSS_EXPOSURE, bounds.gross_exposure_max, now.gross),
            (NET_EXPOSURE, bounds.net_exposure_max, abs(now.net)),
            (LEVERAGE, bounds.leverage_max, now.leverage),
            (CONCENTRATION, bounds.concentration_max, now.concentration),
            (MAINTENANCE_MARGIN, max(now.equity, 0.0), now.maintenance),
        ]

    def _breaches(
        self, reason: int, limit: float, observed: float, now: Exposure, book: Book, time: int
    ) -> list[Breach]:
        """One breach of the book; or, to reduce, one for each position that must be cut."""
        action = self.bounds.action
        if action != REDUCE:
            return [Breach(reason, -1, action, limit, observed, time)]
        cuts = _cuts(reason, limit, now)
        return [
            Breach(reason, symbol, REDUCE, limit, observed, time, _lots_off(book, symbol, fraction))
            for symbol, fraction in enumerate(cuts)
            if fraction > 0.0
        ]


def _cuts(reason: int, limit: float, now: Exposure) -> list[float]:
    """The fraction of each position that must go: all alike, those on the heavier side, or those that are too large."""
    if reason == CONCENTRATION:
        return [_excess(abs(value), limit * max(now.equity, 0.0)) for value in now.values]
    if reason == NET_EXPOSURE:
        heavy = 1.0 if now.net > 0.0 else -1.0
        side = sum(abs(value) for value in now.values if value * heavy > 0.0)
        part = min(1.0, (abs(now.net) - limit) / side)
        return [part if value * heavy > 0.0 else 0.0 for value in now.values]
    if reason == MAINTENANCE_MARGIN:
        part = _excess(now.maintenance, limit)
    else:
        part = _excess(now.gross, limit * max(now.equity, 0.0) if reason == LEVERAGE else limit)
    return [part if value != 0.0 else 0.0 for value in now.values]


def _excess(amount: float, limit: float) -> float:
    """The fraction of an amount that is over its limit."""
    return max(0.0, 1.0 - limit / amount) if amount > 0.0 else 0.0


def _lots_off(book: Book, symbol: int, fraction: float) -> float:
    """So much of the position in whole lots, rounded up, at most all of it."""
    contract = book.ledger.contracts[symbol]
    held = abs(book.ledger.holdings[symbol].quantity)
    lots = ceil(to_grid(held * fraction / contract.lot, 1e6))
    return min(held, to_grid(lots * contract.lot, contract.quantity_scale))
