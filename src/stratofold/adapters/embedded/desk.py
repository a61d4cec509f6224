"""The account's rows: what holds of it, what it may have, and what its open orders reserve.

What comes in: claims, releases, controls and limits, inside a transaction of the journal.  What goes out: the account
that a claim is judged by (`adapters.account`), and rows.
Why it is shaped so: the account is read once and remembered until another process has committed (`data_version`), so
that a claim costs what it changes.  How many messages left in a second each book counts in its own row.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from stratofold.adapters.account import Account, Reservation, standing
from stratofold.adapters.nouns import AccountLimits, Control

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.adapters.embedded.store import Store


class Desks:
    """The accounts of a store: read when asked for, remembered while nobody else writes."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._store = store
        self._accounts: dict[str, Account] = {}
        self._controls: dict[str, list[Control]] = {}
        store.forgets.append(self._forget)

    def account(self, name: str) -> Account:
        """One account as the file has it now; to be called inside a transaction."""
        self._store.look()
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = self._load(name)
        return found

    def _forget(self) -> None:
        self._accounts.clear()
        self._controls.clear()

    def _load(self, name: str) -> Account:
        rows = self._store.execute(
            "SELECT exposure_max, orders_max, symbol_exposure_max, orders_per_second_max, self_match, second, sent"
            " FROM accounts WHERE name = ?",
            (name,),
        ).fetchall()
        account = Account(name, AccountLimits(), standing(self.controls(name)))
        if rows:
            *limits, second, sent = rows[0]
            limits[4] = bool(limits[4])
            account.limits = AccountLimits(*limits)
            counts = self._store.read("SELECT second, sent FROM books WHERE account = ?", (name,))
            account.second, account.sent = _together([(second, sent), *counts])
        for client_id, book, symbol, side, price, exposure in self._store.execute(
            "SELECT client_id, book, symbol, side, price, exposure FROM reservations WHERE account = ?", (name,)
        ):
            account.put(client_id, Reservation(book, symbol, side, nan if price is None else price, exposure))
        return account

    def reserve(self, taken: Mapping[str, Reservation], account: Account) -> None:
        """Write down what messages that are sent now have taken of their account, by client id."""
        if not taken:
            return
        self._store.connection.executemany(
            "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (account.name, client_id, one.book, one.symbol, one.side, one.price, one.exposure)
                for client_id, one in taken.items()
            ],
        )

    def release(self, account: str, client_id: str, exposure: float) -> None:
        """An order reserves `exposure` from now on; 0 ends it."""
        if not self.account(account).release(client_id, exposure):
            return
        if exposure == 0:
            self._store.execute("DELETE FROM reservations WHERE account = ? AND client_id = ?", (account, client_id))
            return
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
        self._store.look()
        found = self._controls.get(account)
        if found is None:
            rows = self._store.read(
                "SELECT scope, name, state, reason, by, time, sequence FROM controls WHERE account = ? ORDER BY sequence",
                (account,),
            )
            found = self._controls[account] = [Control(*row) for row in rows]
        return found


def _together(counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The last second in which messages left, and how many in all, of each writer's last second and its count in it."""
    counted = list(counts)
    second = max(each for each, _ in counted)
    return second, sum(sent for each, sent in counted if each == second)
