"""What every claim is checked against: the account's controls, limits and reservations.

What comes in: a message about to be sent, and the time.  What goes out: "" when it may go, else the reason with the
limit and what was observed.
Why it is shaped so: this is the last check before the wire, made inside the claiming transaction, for all books of an
account together.  The account is read once and remembered until another process has committed (`data_version`), so
that a claim costs what it changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isfinite, nan
from typing import TYPE_CHECKING

from stratofold.adapters.ports import HALTED, REDUCING, AccountLimits, Control, Message

if TYPE_CHECKING:
    from stratofold.adapters.embedded.store import Store

NANOSECONDS_A_SECOND = 1_000_000_000
# Amounts have at most 8 decimals (contract 3), so totals are kept as whole numbers of these: they cannot drift.
UNITS = 100_000_000


@dataclass(slots=True)
class Reservation:
    """What one order may still do at the venue; `price` NaN crosses at any."""

    book: str
    symbol: str
    side: int
    price: float
    exposure: float


@dataclass(slots=True)
class Account:
    """One account: what holds of it, what it may have, what it has, and how many messages left in `second`.

    `total` is what all open orders reserve, in `UNITS`; `symbols` are the open orders again, by symbol.
    """

    name: str
    limits: AccountLimits
    controls: tuple[Control, ...]
    second: int = 0
    sent: int = 0
    total: int = 0
    open: dict[str, Reservation] = field(default_factory=dict)
    symbols: dict[str, dict[str, Reservation]] = field(default_factory=dict)

    def put(self, client_id: str, reservation: Reservation) -> None:
        """An order reserves this from now on."""
        self.drop(client_id)
        self.total += units(reservation.exposure)
        self.open[client_id] = reservation
        self.symbols.setdefault(reservation.symbol, {})[client_id] = reservation

    def drop(self, client_id: str) -> None:
        """An order reserves nothing any more."""
        gone = self.open.pop(client_id, None)
        if gone is not None:
            self.total -= units(gone.exposure)
            del self.symbols[gone.symbol][client_id]


def units(amount: float) -> int:
    """An amount as a whole number of `UNITS`."""
    return round(amount * UNITS)


def crosses(side: int, price: float, other: Reservation) -> bool:
    """Whether an order could trade with an open one on the other side; a price that is NaN meets any."""
    if side + other.side != 0:
        return False
    buy, sell = (price, other.price) if side > 0 else (other.price, price)
    return not buy < sell


def controlled(message: Message, account: Account, book: str) -> str:
    """The control that forbids a message, or "": halted lets cancels pass, reducing also what reduces."""
    if message.action == "cancel":
        return ""
    names = {"account": account.name, "book": book, "strategy": message.strategy, "symbol": message.symbol}
    found = ""
    for control in account.controls:
        if control.name not in {"*", names.get(control.scope)}:
            continue
        if control.state == HALTED:
            return f"{HALTED} {control.scope} {control.name}"
        if control.state == REDUCING and not message.reduces:
            found = f"{REDUCING} {control.scope} {control.name}"
    return found


def over(name: str, limit: float, observed: float) -> str:
    """A limit's name with its numbers when the observation is above it, else ""."""
    return f"{name} limit={limit} observed={observed}" if not observed <= limit else ""


def limited(message: Message, account: Account, second: int) -> str:
    """The account limit that forbids a message, or ""; what reduces, and cancels, are within every limit."""
    if message.reduces or message.action == "cancel":
        return ""
    limits = account.limits
    before = account.open.get(message.client_id)
    if not isfinite(message.exposure):
        return over("account_exposure", limits.exposure_max, nan)
    more = units(message.exposure) - (units(before.exposure) if before else 0)
    total = account.total + more
    same = sum(units(each.exposure) for each in account.symbols.get(message.symbol, {}).values()) + more
    sent = account.sent + 1 if second <= account.second else 1
    return (
        over("account_orders_per_second", limits.orders_per_second_max, sent)
        or over("account_orders", limits.orders_max, len(account.open) + (before is None))
        or over("account_exposure", limits.exposure_max, total / UNITS)
        or over("account_symbol_exposure", limits.symbol_exposure_max, same / UNITS)
    )


def matched(message: Message, account: Account, book: str) -> str:
    """The open order of another book that this one could trade with, or ""."""
    if account.limits.self_match or message.action == "cancel":
        return ""
    for client_id, other in account.symbols.get(message.symbol, {}).items():
        if other.book != book and crosses(message.side, message.price, other):
            return f"self_match {client_id}"
    return ""


def verdict(message: Message, account: Account, book: str, time: int) -> str:
    """Why a message must not be sent now, or ""."""
    if time >= message.expires_at:
        return f"expired limit={message.expires_at} observed={time}"
    return (
        controlled(message, account, book)
        or limited(message, account, time // NANOSECONDS_A_SECOND)
        or matched(message, account, book)
    )


class Desks:
    """The accounts of a store: read when asked for, remembered while nobody else writes."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._store = store
        self._version = -1
        self._accounts: dict[str, Account] = {}
        self._controls: dict[str, list[Control]] = {}
        store.forgets.append(self._forget)

    def account(self, name: str) -> Account:
        """One account as the file has it now; to be called inside a transaction."""
        self._look()
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = self._load(name)
        return found

    def _forget(self) -> None:
        self._accounts.clear()
        self._controls.clear()

    def _look(self) -> None:
        """Forget what was remembered when another process has committed."""
        version = self._store.version()
        if version != self._version:
            self._forget()
            self._version = version

    def _load(self, name: str) -> Account:
        rows = self._store.execute(
            "SELECT exposure_max, orders_max, symbol_exposure_max, orders_per_second_max, self_match, second, sent"
            " FROM accounts WHERE name = ?",
            (name,),
        ).fetchall()
        standing = tuple(control for control in self.controls(name) if control.state in {HALTED, REDUCING})
        account = Account(name, AccountLimits(), standing)
        if rows:
            *limits, account.second, account.sent = rows[0]
            limits[4] = bool(limits[4])
            account.limits = AccountLimits(*limits)
        for client_id, book, symbol, side, price, exposure in self._store.execute(
            "SELECT client_id, book, symbol, side, price, exposure FROM reservations WHERE account = ?", (name,)
        ):
            account.put(client_id, Reservation(book, symbol, side, nan if price is None else price, exposure))
        return account

    def reserve(self, message: Message, account: Account, book: str, time: int) -> None:
        """Count a message that is sent now, and reserve what its order may do; a replace keeps the larger of both."""
        if message.action == "cancel":
            return
        second = time // NANOSECONDS_A_SECOND
        account.sent = account.sent + 1 if second <= account.second else 1
        account.second = max(second, account.second)
        before = account.open.get(message.client_id)
        exposure = max(message.exposure, before.exposure) if before else message.exposure
        account.put(message.client_id, Reservation(book, message.symbol, message.side, message.price, exposure))
        self._store.execute(
            "INSERT INTO accounts (name, second, sent) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (name) DO UPDATE SET second = ?2, sent = ?3",
            (account.name, account.second, account.sent),
        )
        self._store.execute(
            "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?)",
            (account.name, message.client_id, book, message.symbol, message.side, message.price, exposure),
        )

    def release(self, account: str, client_id: str, exposure: float) -> None:
        """An order reserves `exposure` from now on; 0 ends it."""
        desk = self.account(account)
        held = desk.open.get(client_id)
        if held is None or held.exposure == exposure != 0:
            return
        desk.drop(client_id)
        if exposure == 0:
            self._store.execute("DELETE FROM reservations WHERE account = ? AND client_id = ?", (account, client_id))
            return
        desk.put(client_id, replace(held, exposure=exposure))
        self._store.execute(
            "UPDATE reservations SET exposure = ? WHERE account = ? AND client_id = ?", (exposure, account, client_id)
        )

    def reserved(self, account: str) -> dict[str, float]:
        """What is reserved by each open order."""
        rows = self._store.read("SELECT client_id, exposure FROM reservations WHERE account = ?", (account,))
        return dict(rows)

    def limit(self, account: str, limits: AccountLimits) -> None:
        """What the account may have from now on."""
        self._accounts.pop(account, None)
        self._store.execute(
            "INSERT INTO accounts (name, exposure_max, orders_max, symbol_exposure_max, orders_per_second_max, self_match)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET exposure_max = ?2, orders_max = ?3,"
            " symbol_exposure_max = ?4, orders_per_second_max = ?5, self_match = ?6",
            (
                account, limits.exposure_max, limits.orders_max, limits.symbol_exposure_max,
                limits.orders_per_second_max, int(limits.self_match),
            ),
        )  # fmt: skip

    def control(self, account: str, control: Control) -> Control:
        """Write a control; it comes back with its place among all of the store."""
        self._forget()
        (last,) = self._store.execute("SELECT coalesce(max(sequence), 0) FROM controls").fetchone()
        row = (control.scope, control.name, control.state, control.reason, control.by, control.time, last + 1)
        self._store.execute("INSERT OR REPLACE INTO controls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (account, *row))
        return Control(*row)

    def controls(self, account: str) -> list[Control]:
        """What was said last of each scope, oldest first."""
        self._look()
        found = self._controls.get(account)
        if found is None:
            rows = self._store.read(
                "SELECT scope, name, state, reason, by, time, sequence FROM controls WHERE account = ? ORDER BY sequence",
                (account,),
            )
            found = self._controls[account] = [Control(*row) for row in rows]
        return found.copy()
