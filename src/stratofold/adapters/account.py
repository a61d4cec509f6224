"""What every claim is checked against: the account's controls, limits and reservations, as they stand.

What comes in: a message about to be sent, the account, and the time.  What goes out: "" when it may go, else the reason
with the limit and what was observed.
Why it is shaped so: this is the last check before the wire, for all books of an account together.  Each journal reads
and writes the account in its own way; what they judge by is here, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isfinite, nan
from typing import TYPE_CHECKING

from msgspec import Struct

from stratofold.adapters.nouns import CLOSING, HALTED, REDUCING, AccountLimits, Control, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NANOSECONDS_A_SECOND = 1_000_000_000
# Amounts have at most 8 decimals (contract 3), so totals are kept as whole numbers of these: they cannot drift.
UNITS = 100_000_000


class Reservation(Struct):
    """What one order may still do at the venue; `price` NaN crosses at any, `units` is the exposure in `UNITS`."""

    book: str
    symbol: str
    side: int
    price: float
    exposure: float
    units: int = 0

    def __post_init__(self) -> None:
        """Totals are asked for more often than an order changes."""
        self.units = round(self.exposure * UNITS)


@dataclass(slots=True)
class Account:
    """One account: what holds of it, what it may have, what it has, and how many messages left in `second`.

    `total` is what all open orders reserve, in `UNITS`, and `totals` what those of a symbol do; `symbols` are the open
    orders again, by symbol.
    """

    name: str
    limits: AccountLimits
    controls: tuple[Control, ...]
    second: int = 0
    sent: int = 0
    total: int = 0
    open: dict[str, Reservation] = field(default_factory=dict)
    symbols: dict[str, dict[str, Reservation]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Account:
        """The same account, to be judged on without changing this one; reservations are never changed in place."""
        symbols = {symbol: dict(held) for symbol, held in self.symbols.items()}
        return replace(self, open=dict(self.open), symbols=symbols, totals=dict(self.totals))

    def put(self, client_id: str, reservation: Reservation) -> None:
        """An order reserves this from now on."""
        symbol, more = reservation.symbol, reservation.units
        before = self.open.get(client_id)
        if before is not None:
            if before.symbol == symbol:
                more -= before.units
            else:
                self.drop(client_id)
        held = self.symbols.get(symbol)
        if held is None:
            held = self.symbols[symbol] = {}
            self.totals[symbol] = 0
        if more:
            self.total += more
            self.totals[symbol] += more
        self.open[client_id] = held[client_id] = reservation

    def drop(self, client_id: str) -> None:
        """An order reserves nothing any more."""
        gone = self.open.pop(client_id, None)
        if gone is not None:
            self.total -= gone.units
            self.totals[gone.symbol] -= gone.units
            del self.symbols[gone.symbol][client_id]

    def take(self, message: Message, book: str, time: int) -> Reservation | None:
        """Count a message that is sent now, and reserve what its order may do; a replace keeps the larger of both.

        None for a cancel, which counts and reserves nothing.
        """
        if message.action == "cancel":
            return None
        second = time // NANOSECONDS_A_SECOND
        if second > self.second:
            self.second, self.sent = second, 1
        else:
            self.sent += 1
        client_id, exposure = message.client_id, message.exposure
        before = self.open.get(client_id)
        if before is not None:
            exposure = max(exposure, before.exposure)
        reservation = Reservation(book, message.symbol, message.side, message.price, exposure)
        self.put(client_id, reservation)
        return reservation

    def release(self, client_id: str, exposure: float) -> bool:
        """An order reserves `exposure` from now on, and 0 ends it; False when that changes nothing."""
        held = self.open.get(client_id)
        if held is None or held.exposure == exposure != 0:
            return False
        self.drop(client_id)
        if exposure != 0:
            # Made anew, not replaced: msgspec before 0.21 would leave what follows from the exposure as it was.
            self.put(client_id, Reservation(held.book, held.symbol, held.side, held.price, exposure))
        return True


def crosses(side: int, price: float, other: Reservation) -> bool:
    """Whether an order could trade with an open one on the other side; a price that is NaN meets any."""
    if side + other.side != 0:
        return False
    buy, sell = (price, other.price) if side > 0 else (other.price, price)
    return not buy < sell


def controlled(message: Message, account: str, controls: Sequence[Control], book: str) -> str:
    """Which of an account's `controls` forbids a message, or "": halted lets cancels pass, reducing also what reduces.

    A halt that is older than the operator's word to close the book lets pass what reduces, too.
    """
    if message.action == "cancel":
        return ""
    closing = _closing(controls, book) if message.reduces else 0
    names = {"account": account, "book": book, "strategy": message.strategy, "symbol": message.symbol}
    found = ""
    for control in controls:
        if control.name not in {"*", names.get(control.scope)}:
            continue
        if control.state == HALTED and not control.sequence < closing:
            return f"{HALTED} {control.scope} {control.name}"
        if control.state == REDUCING and not message.reduces:
            found = f"{REDUCING} {control.scope} {control.name}"
    return found


def standing(controls: Iterable[Control]) -> tuple[Control, ...]:
    """Those that a claim is checked against: what forbids something, and with it what may pass all the same."""
    said = [one for one in controls if one.state in {HALTED, REDUCING} or one.scope == CLOSING]
    return tuple(said) if any(one.scope != CLOSING for one in said) else ()


def _closing(controls: Sequence[Control], book: str) -> int:
    """The place of the operator's last word to close a book, 0 where there is none."""
    return max((one.sequence for one in controls if one.scope == CLOSING and one.name == book), default=0)


def over(name: str, limit: float, observed: float) -> str:
    """A limit's name with its numbers."""
    return f"{name} limit={limit} observed={observed}"


def limited(message: Message, account: Account, second: int) -> str:
    """The account limit that forbids a message, or ""; what reduces, and cancels, are within every limit."""
    if message.reduces or message.action == "cancel":
        return ""
    limits = account.limits
    before = account.open.get(message.client_id)
    if not isfinite(message.exposure):
        return over("account_exposure", limits.exposure_max, nan)
    more = round(message.exposure * UNITS) - (before.units if before else 0)
    sent = account.sent + 1 if second <= account.second else 1
    if not sent <= limits.orders_per_second_max:
        return over("account_orders_per_second", limits.orders_per_second_max, sent)
    orders = len(account.open) + (before is None)
    if not orders <= limits.orders_max:
        return over("account_orders", limits.orders_max, orders)
    total = (account.total + more) / UNITS
    if not total <= limits.exposure_max:
        return over("account_exposure", limits.exposure_max, total)
    same = (account.totals.get(message.symbol, 0) + more) / UNITS
    if not same <= limits.symbol_exposure_max:
        return over("account_symbol_exposure", limits.symbol_exposure_max, same)
    return ""


def matched(message: Message, account: Account, book: str) -> str:
    """The open order of another book that this one could trade with, or ""."""
    if message.action == "cancel":
        return ""
    for client_id, other in account.symbols.get(message.symbol, {}).items():
        if other.book != book and crosses(message.side, message.price, other):
            return f"self_match {client_id}"
    return ""


def verdict(message: Message, account: Account, book: str, time: int) -> str:
    """Why a message must not be sent now, or ""."""
    if time >= message.expires_at:
        return f"expired {(time - message.expires_at) / NANOSECONDS_A_SECOND:.3f} s ago"
    return (
        (controlled(message, account.name, account.controls, book) if account.controls else "")
        or limited(message, account, time // NANOSECONDS_A_SECOND)
        or ("" if account.limits.self_match else matched(message, account, book))
    )
