"""What moved an account's money and positions, in order: fills, dividends, splits, interest.

What comes in: fills and actions as they happen.  What goes out: pages of the account's activities.
Source: Alpaca's "Account Activities" (TradeActivity and NonTradeActivity), whose ids begin with the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from stratofold.events import DELISTING, DEPOSIT, DIVIDEND, EXPIRY, FUNDING, INTEREST, SPLIT, WITHDRAWAL
from stratofold.exchange.dialect import Json, Ticket, amount, malformed, side_word
from stratofold.exchange.moments import stamp

if TYPE_CHECKING:
    from collections.abc import Collection

    from stratofold.exchange.desk import Filled
    from stratofold.exchange.market import Deed, Market
    from stratofold.fold.book import Book

_WORDS = {
    DIVIDEND: "DIV", SPLIT: "SPLIT", INTEREST: "INT", DEPOSIT: "CSD", WITHDRAWAL: "CSW", FUNDING: "CFEE",
    DELISTING: "REORG", EXPIRY: "REORG",
}  # fmt: skip
KNOWN = ("FILL", "FEE", *dict.fromkeys(_WORDS.values()))
PAGE_SIZE_MAX = 100


class Before(NamedTuple):
    """What an account had before an action: cash, and units by handle."""

    cash: float
    units: list[float]


class Activities:
    """The activities of an account, oldest first."""

    def __init__(self, account: UUID) -> None:
        """Nothing has happened."""
        self.account = account
        self.rows: list[tuple[int, Json]] = []

    def fill(self, ticket: Ticket, fill: Filled, execution: str, time: int) -> None:
        """A fill: `cum_qty` and `leaves_qty` are of the order's own id."""
        row: Json = {
            "id": _id(time, execution),
            "account_id": str(self.account),
            "activity_type": "FILL",
            "transaction_time": stamp(time),
            "type": "fill" if fill.last else "partial_fill",
            "price": amount(fill.price),
            "qty": amount(fill.quantity),
            "side": side_word(ticket.side),
            "symbol": ticket.symbol,
            "leaves_qty": amount(max(ticket.quantity - ticket.filled, 0.0)),
            "order_id": ticket.id,
            "cum_qty": amount(ticket.filled),
            "order_status": ticket.status,
        }
        if fill.fee:
            row["commission"] = amount(fill.fee)
        self.rows.append((time, row))

    def before(self, book: Book) -> Before:
        """What an account has now."""
        return Before(book.cash, [book.position(handle) for handle in range(book.symbol_count)])

    def note(self, deed: Deed, before: Before, book: Book, market: Market) -> None:
        """An action that moved cash or units."""
        paid = _cents(book.cash - before.cash)
        if deed.kind == SPLIT:
            self._split(deed, before, book, market, paid)
        elif deed.kind in _WORDS and paid != 0.0 and deed.kind not in {DELISTING, EXPIRY}:
            held = before.units[deed.symbol] if deed.symbol >= 0 else 0.0
            per_share = {"per_share_amount": amount(deed.value)} if deed.kind == DIVIDEND else {}
            self._add(deed, market, _WORDS[deed.kind], net_amount=amount(paid), qty=amount(held), **per_share)

    def _split(self, deed: Deed, before: Before, book: Book, market: Market, paid: float) -> None:
        """Old units out, new units in, and cash for the fraction."""
        old, new = before.units[deed.symbol], book.position(deed.symbol)
        if old == 0.0:
            return
        self._add(deed, market, "SPLIT", net_amount="0", qty=amount(-old))
        self._add(deed, market, "SPLIT", net_amount=amount(paid), qty=amount(new))

    def _add(self, deed: Deed, market: Market, word: str, **more: str) -> None:
        """One row that is no trade."""
        row: Json = {
            "id": _id(deed.time, str(uuid5(self.account, f"activity {len(self.rows)}"))),
            "account_id": str(self.account),
            "activity_type": word,
            "date": stamp(deed.time)[:10],
            "status": "executed",
            "description": "",
            **({"symbol": market.symbols[deed.symbol]} if deed.symbol >= 0 else {}),
            **more,
        }
        self.rows.append((deed.time, row))

    def page(
        self, types: Collection[str], after: int | None, until: int | None, token: str, size: int, *, oldest_first: bool
    ) -> list[Json]:
        """The rows of some types (all if none are named) strictly between two times, `size` of them past `token`."""
        for word in types:
            if word not in KNOWN:
                raise malformed(f"invalid activity type: {word}")
        rows = [
            row
            for time, row in self.rows
            if (not types or row["activity_type"] in types)
            and (after is None or time > after)
            and (until is None or time < until)
        ]
        if not oldest_first:
            rows.reverse()
        first = next((k + 1 for k, row in enumerate(rows) if row["id"] == token), 0) if token else 0
        return rows[first : first + size]


def _cents(value: float) -> float:
    """A difference of two sums of money, free of what binary subtraction leaves."""
    return round(value, 8)


def _id(time: int, unique: str) -> str:
    """An activity's id: the time to the millisecond, then what is unique."""
    text = stamp(time)
    return f"{text[:23].translate(str.maketrans('', '', '-:T.'))}::{unique}"
