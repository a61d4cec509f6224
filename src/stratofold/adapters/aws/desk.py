"""The account's items: what holds of it, what it may have, and what its open orders reserve.

What comes in: claims, releases, controls and limits, for a transaction of the journal.  What goes out: the account that a
claim is judged by (`adapters.account`), and writes.
Why it is shaped so: the account's partition is read once and remembered; every change raises its version, and what was
judged holds only if the version is still the one that was read.  An order that is done is released without a judgement,
so that needs no reading: it takes the reservation away and raises the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.account import Account, Reservation, standing
from stratofold.adapters.aws.table import Key, amount
from stratofold.adapters.nouns import AccountLimits, Control

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.adapters.aws.table import Item, Table, Transaction


def state_key(account: str) -> Key:
    """Where an account's limits, version and count of messages are."""
    return Key(f"account/{account}", "state")


def reservation_key(account: str, client_id: str) -> Key:
    """Where what an order reserves is."""
    return Key(f"account/{account}", f"reservation/{client_id}")


def _control_key(account: str, control: Control) -> Key:
    return Key(f"account/{account}", f"control/{control.scope}/{control.name}")


def control_of(item: Item) -> Control:
    """An item's control."""
    return Control(
        item["scope"], item["name"], item["state"], item["reason"], item["spoken_by"], item["time"], item["number"]
    )


def _limits_of(state: Item) -> AccountLimits:
    """The limits that were stated; none allows only what reduces."""
    if "exposure_max" not in state:
        return AccountLimits()
    return AccountLimits(
        amount(state["exposure_max"]), state["orders_max"], amount(state["symbol_exposure_max"]),
        state["orders_per_second_max"], state["self_match"],
    )  # fmt: skip


class Desk:
    """An account as it was read, and as a transaction will leave it."""

    def __init__(self, version: int, account: Account) -> None:
        """At a version."""
        self.version = version
        self.account = account


class Desks:
    """The accounts of a table."""

    def __init__(self, table: Table) -> None:
        """Nothing is read yet."""
        self._table = table
        self._desks: dict[str, Desk] = {}
        self._states: dict[str, Item] = {}  # what was read of an account's state, before the rest of it is

    def forget(self, account: str | None = None) -> None:
        """Only the table knows now."""
        for held in self._desks, self._states:
            if account is None:
                held.clear()
            else:
                held.pop(account, None)

    def desk(self, name: str) -> Desk:
        """One account as remembered, or as read now."""
        found = self._desks.get(name)
        if found is None:
            found = self._desks[name] = self._load(name)
        return found

    def learn(self, name: str, state: Item | None) -> None:
        """Forget what is remembered of an account unless it is still at that version."""
        held = self._desks.get(name)
        if held is None or held.version != (state or {}).get("version", 0):
            self.forget(name)
            self._states[name] = state or {}

    def _load(self, name: str) -> Desk:
        """Read an account; the version first, so that what changes while the rest is read is refused by it later."""
        state = self._states.pop(name, None)
        if state is None:
            state = self._table.get(state_key(name)) or {}
        items = {item["sk"]: item for item in self._table.begins(f"account/{name}", "")}
        controls = sorted((control_of(item) for sk, item in items.items() if sk.startswith("control/")), key=_sequence)
        account = Account(
            name, _limits_of(state), standing(controls),
            state.get("second", 0), state.get("sent", 0),
        )  # fmt: skip
        for sk, item in items.items():
            kind, _, client_id = sk.partition("/")
            if kind == "reservation":
                account.put(client_id, reservation_of(item))
        return Desk(state.get("version", 0), account)

    def judge(self, transaction: Transaction, before: Desk, after: Account) -> None:
        """Write what a judgement has changed of an account, if nobody has changed the account since it was read."""
        name, was = after.name, before.account
        moved = [key for key in {**was.open, **after.open} if was.open.get(key) != after.open.get(key)]
        where = {"version": before.version or None}
        if not moved and (was.second, was.sent) == (after.second, after.sent):
            transaction.check(state_key(name), where, lambda _: self.forget(name))
            return
        values = {"version": before.version + 1, "second": after.second, "sent": after.sent, "by": transaction.by}
        transaction.change(state_key(name), values, where, lambda _: self.forget(name))
        for client_id in moved:
            self._write(transaction, name, client_id, after.open.get(client_id))
        # `done` is not called when the transaction fails, so what is remembered stays as it was read.
        transaction.done.append(lambda: self._desks.update({name: Desk(before.version + 1, after)}))
        transaction.moves[state_key(name)] = 1

    def _write(self, transaction: Transaction, account: str, client_id: str, held: Reservation | None) -> None:
        key = reservation_key(account, client_id)
        if held is None:
            transaction.delete(key)
            return
        values = {
            "book": held.book, "symbol": held.symbol, "side": held.side, "price": repr(held.price),
            "exposure": repr(held.exposure),
        }  # fmt: skip
        transaction.put(key, values)

    def end(self, transaction: Transaction, account: str, client_ids: Iterable[str]) -> None:
        """Orders that are done reserve nothing any more; no judgement, so nothing is read."""
        ended = list(client_ids)
        for client_id in ended:
            transaction.delete(reservation_key(account, client_id))
        if ended:
            transaction.change(state_key(account), {"by": transaction.by}, plus={"version": 1})
            transaction.done.append(lambda: self.forget(account))
            transaction.moves[state_key(account)] = 1

    def release(self, transaction: Transaction, account: str, released: Mapping[str, float]) -> None:
        """What some orders reserve from now on."""
        before = self.desk(account)
        after = before.account.copy()
        for client_id, exposure in released.items():
            after.release(client_id, exposure)
        self.judge(transaction, before, after)

    def reserved(self, account: str) -> dict[str, float]:
        """What is reserved by each open order."""
        items = self._table.begins(f"account/{account}", "reservation/")
        return {item["sk"].partition("/")[2]: amount(item["exposure"]) for item in items}

    def limit(self, transaction: Transaction, account: str, limits: AccountLimits) -> None:
        """What the account may have from now on."""
        values = {
            "exposure_max": repr(limits.exposure_max), "orders_max": limits.orders_max,
            "symbol_exposure_max": repr(limits.symbol_exposure_max), "self_match": bool(limits.self_match),
            "orders_per_second_max": limits.orders_per_second_max, "by": transaction.by,
        }  # fmt: skip
        transaction.change(state_key(account), values, plus={"version": 1})
        transaction.done.append(lambda: self.forget(account))
        transaction.moves[state_key(account)] = 1

    def control(self, transaction: Transaction, account: str, control: Control) -> Control:
        """Write a control; it comes back with its place among all of the account."""
        state = self._table.get(state_key(account)) or {}
        number = state.get("controls", 0) + 1
        values = {"controls": number, "by": transaction.by}
        where = {"controls": state.get("controls")}
        # Whoever was first has the number: the next turn reads the state again.
        transaction.change(state_key(account), values, where, lambda _: None, plus={"version": 1})
        written = Control(control.scope, control.name, control.state, control.reason, control.by, control.time, number)
        item = {
            "scope": control.scope, "name": control.name, "state": control.state, "reason": control.reason,
            "spoken_by": control.by, "time": control.time, "number": number,
        }  # fmt: skip
        transaction.put(_control_key(account, control), item)
        transaction.done.append(lambda: self.forget(account))
        transaction.moves[state_key(account)] = 1
        return written

    def controls(self, account: str) -> list[Control]:
        """What was said last of each scope, oldest first."""
        return sorted(
            (control_of(item) for item in self._table.begins(f"account/{account}", "control/")), key=_sequence
        )


def _sequence(control: Control) -> int:
    return control.sequence


def reservation_of(item: Item) -> Reservation:
    """An item's reservation."""
    return Reservation(item["book"], item["symbol"], item["side"], amount(item["price"]), amount(item["exposure"]))
