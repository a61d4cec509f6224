"""Units over a split: what was said of a symbol before it counts otherwise after it.

What comes in: a desk whose fold has heard splits.  What goes out: how much of a symbol is no book's, and what others last
said that they hold, both in the units of now.
Why it is shaped so: a split takes effect for the fold when it is heard, for the venue when that processes it, and for another
book of the account when that hears it.  Numbers of before are therefore kept with the factor that held then, and turned when
they are read, so that nothing has to happen once and at one moment.

A book is paid for the fraction of a lot that a split would leave it (`docs/fills.md`, section 5).  What becomes of that at the venue
is the venue's affair: it pays for it, rounds it up, or leaves it where it is, as Alpaca does since 2 August 2021
(alpaca.markets/blog/updated-terms-for-payments-in-fractional-shares).  So what the venue shows beside the books may differ after a split
by less than a lot for each of those who held some, upwards for who is long, and by less than a lot either way for what the
venue rounds; only then, and not where one unit became whole ones.  That is nobody's from there on.
"""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from stratofold.events import SPLIT
from stratofold.fold.grid import to_lot
from stratofold.live.progress import ACTION_KINDS
from stratofold.live.siblings import is_siblings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.ports import Journal, VenueReport
    from stratofold.live.desk import Desk

_DECIMALS = 9  # as venues count fractions of a share
_DUST = 1e-9


class Turn(NamedTuple):
    """How a symbol split last: when (ns UTC, 0 if never), the book's factor since then, and new units for one old."""

    time: int = 0
    factor: float = 1.0
    ratio: float = 1.0


class Elsewhere(NamedTuple):
    """So much of a symbol at the venue was no book's when they last agreed; `turn` is the last split by then, None if untold."""

    quantity: float = 0.0
    turn: Turn | None = None


class Units:
    """One symbol's units, in a book."""

    def __init__(self, desk: Desk, handle: int) -> None:
        """As the fold and the journal have them now."""
        fold = desk.fold
        ledger = fold.engine.book.ledger
        self._desk, self._name, self._contract = desk, fold.names[handle], ledger.contracts[handle]
        self._kept = elsewhere(desk.journal, desk.manifest.book, self._name)
        factor = ledger.holdings[handle].split_factor
        time = fold.progress.action_until[handle * ACTION_KINDS + SPLIT]
        # What split before the book was opened was adopted as it was then.
        known = self._kept.turn or (Turn(time, factor) if time < desk.manifest.opened else Turn())
        self.is_fresh = known.factor != factor  # whether it has split since book and venue were found to agree
        self.turn = Turn(time, factor, factor / known.factor) if self.is_fresh else known

    @property
    def elsewhere(self) -> float:
        """How much of the symbol at the venue is no book's."""
        return round(self._kept.quantity * self.turn.ratio, _DECIMALS) if self.is_fresh else self._kept.quantity

    def said(self, quantity: float, at: int) -> float:
        """What another book said at a time (ns UTC) that it holds."""
        if at >= self.turn.time:
            return quantity
        return to_lot(quantity * self.turn.ratio, self._contract.lot, self._contract.quantity_scale)

    def is_fraction(self, gap: float, holdings: Iterable[float]) -> bool:
        """Whether a difference is what a split has left of the lots of books that held so much each right after it.

        Each book was paid for less than a lot, of the sign of what it holds; the venue may have rounded all of it together, by
        less than a lot.  Where every unit became whole ones there is nothing to be left.
        """
        if not self.is_fresh:
            return False
        lot, low, high = self._contract.lot, 0.0, 0.0
        if not _is_whole(self.turn.ratio):
            held = list(holdings)
            low = -lot * sum(each <= 0.0 for each in held)
            high = lot * sum(each >= 0.0 for each in held)
        elif _is_whole(self.elsewhere / lot):
            return False
        return low - lot < gap < high + lot

    def traded(self, reports: Iterable[VenueReport]) -> float:
        """How much of these fills, which are of this book, came after the split."""
        mine = [one for one in reports if one.symbol == self._name and one.time >= self.turn.time]
        return sum(one.side * one.quantity for one in mine if not is_siblings(self._desk, one.client_id))

    def agree(self, gap: float) -> None:
        """Book and venue agree, but for what is nobody's from now on."""
        if self.is_fresh or (self._kept.turn is None and self.turn.factor != 1.0):
            put_elsewhere(
                self._desk.journal, self._desk.manifest.book, self._name,
                Elsewhere(round(self.elsewhere + gap, _DECIMALS), self.turn),
            )  # fmt: skip


def fresh_since(desk: Desk) -> float:
    """When (ns UTC) the first split took effect after which book and venue were not found to agree; infinite for none."""
    split = (handle for handle, one in enumerate(desk.fold.engine.book.ledger.holdings) if one.split_factor != 1.0)
    fresh = [units.turn.time for units in (Units(desk, handle) for handle in split) if units.is_fresh]
    return min(fresh, default=inf)


def _is_whole(number: float) -> bool:
    """Whether a number is a whole one, but for what dividing has left of it."""
    return abs(number - round(number)) < _DUST


def elsewhere(journal: Journal, book: str, name: str) -> Elsewhere:
    """What a book has written down of a symbol that is no book's."""
    kept = json.loads(journal.mark(book, f"elsewhere:{name}") or "0.0")
    return Elsewhere(kept[0], Turn(*kept[1:])) if isinstance(kept, list) else Elsewhere(kept)


def put_elsewhere(journal: Journal, book: str, name: str, kept: Elsewhere) -> None:
    """Write it down, in one mark: a number and the units in which it counts cannot come apart."""
    journal.mark(book, f"elsewhere:{name}", json.dumps([kept.quantity, *kept.turn] if kept.turn else kept.quantity))
