"""The list of orders, as dictionaries, and what one order's fill or end does to another (protective legs, links)."""

from decimal import Decimal
from typing import Any

from .scenario import CANCELLED, DONE, FILLED, WAITING, WORKING, Word

ZERO = Decimal(0)
Order = dict[str, Any]


class Orders:
    """Orders in order of number, from 1."""

    def __init__(self) -> None:
        """No order yet."""
        self.all: list[Order] = []

    def __getitem__(self, number: int) -> Order:
        return self.all[number - 1]

    def open(self, symbol: int | None = None) -> list[Order]:
        """Orders that are not done, in order of number."""
        return [order for order in self.all if order["state"] not in DONE and symbol in (None, order["symbol"])]

    def alive(self, number: int) -> Order | None:
        """The order of that number if it exists and is not done."""
        known = 1 <= number <= len(self.all)
        return self[number] if known and self[number]["state"] not in DONE else None

    def add(self, word: Word, side: int, quantity: Decimal, **more: Any) -> Order:
        """A new order, with its protective legs numbered right after it."""
        order = self._one(word.symbol, side, quantity, limit=word.limit, stop=word.stop, tif=word.tif, **more)
        order["trail"], order["trail_fraction"] = word.trail, word.trail_fraction
        for role, price in (("limit", word.take_profit), ("stop", word.stop_loss)):
            if price is not None:
                leg = self._one(word.symbol, -side, ZERO, **{role: price}, **more, state=WAITING, leg=True)
                order["legs"].append(leg["number"])
        return order

    def _one(self, symbol: int, side: int, quantity: Decimal, **more: Any) -> Order:
        order = {
            "number": len(self.all) + 1, "symbol": symbol, "side": side, "quantity": quantity, "filled": ZERO,
            "limit": None, "stop": None, "trail": None, "trail_fraction": None, "tif": "GTC", "state": WORKING,
            "triggered": False, "triggered_in": None, "leg": False, "legs": [], "links": [], "target": False,
            "had_fill": False, "filled_in": None, "joined_in": None, "joined_phases": (), "reason": "",
        } | more  # fmt: skip
        self.all.append(order)
        return order

    def end(self, order: Order, state: str, reason: str = "") -> None:
        """The order is done; legs of an entry that never filled go with it."""
        if order["state"] in DONE:
            return
        order["state"], order["reason"] = state, reason
        if not order["had_fill"]:
            for leg in order["legs"]:
                self.end(self[leg], CANCELLED)

    def link(self, one: int, other: int) -> None:
        """One cancels other, as long as both live."""
        first, second = self.alive(one), self.alive(other)
        if first and second and first is not second:
            first["links"].append(other)
            second["links"].append(one)

    def fill(self, order: Order, quantity: Decimal) -> None:
        """`quantity` more is filled; what is linked loses as much."""
        order["filled"] += quantity
        order["had_fill"] = True
        if order["filled"] >= order["quantity"]:
            self.end(order, FILLED)
        entry = next((each for each in self.all if order["number"] in each["legs"]), None)
        siblings = [number for number in entry["legs"] if number != order["number"]] if entry else []
        for number in siblings + order["links"]:
            self._reduce(self[number], quantity)
        if entry and order["state"] == FILLED:
            self.end(entry, CANCELLED)

    def _reduce(self, order: Order, quantity: Decimal) -> None:
        if order["state"] in DONE:
            return
        order["quantity"] -= quantity
        if order["quantity"] <= order["filled"]:
            self.end(order, CANCELLED)

    def protect(self, entry: Order, quantity: Decimal, bar: int, phases: dict[str, tuple[int, ...]]) -> list[Order]:
        """Legs of `entry` work for `quantity` more; those that begin to are returned.

        In bar number `bar` a leg that begins to work takes part only in `phases` of its kind.
        """
        begun = []
        for leg in [self[number] for number in entry["legs"]]:
            if leg["state"] == WAITING:
                leg["state"], leg["joined_in"] = WORKING, bar
                leg["joined_phases"] = phases["stop" if leg["stop"] is not None else "limit"]
                begun.append(leg)
            if leg["state"] == WORKING:
                leg["quantity"] += quantity
        return begun

    def replace(self, order: Order, quantity: Decimal | None, limit: float | None, stop: float | None) -> None:
        """New total quantity, limit or stop under the same number; a leg's quantity is its entry's affair."""
        if limit is not None and order["limit"] is not None:
            order["limit"] = limit
        if stop is not None and order["stop"] is not None:
            order["stop"] = stop
        if quantity is not None and not order["leg"]:
            order["quantity"] = quantity
            if quantity <= order["filled"]:
                self.end(order, CANCELLED)


def remaining(order: Order) -> Decimal:
    """What still works."""
    return order["quantity"] - order["filled"]


def reached(order: Order, high: float, low: float) -> bool:
    """Whether prices from `low` to `high` reach the stop."""
    return high >= order["stop"] if order["side"] > 0 else low <= order["stop"]


def within(order: Order, price: float) -> bool:
    """Whether `price` is the limit or better."""
    return price <= order["limit"] if order["side"] > 0 else price >= order["limit"]


def worse(order: Order, *prices: float) -> float:
    """The price that is worst for the order."""
    return max(prices) if order["side"] > 0 else min(prices)
