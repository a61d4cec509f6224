"""What the script says, turned into orders and messages: section 6 of the contract for targets.

Inside a hook everything is as of the event: a cancel or a replace of an order that already works is a message, sent
when the hook returns.  Only an order of this very hook can be taken back at once.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from . import arithmetic
from .account import Account
from .orders import Order, Orders, remaining
from .scenario import CANCELLED, Instrument, Session, Word


class Words:
    """A book's ear: it knows the account and the orders, and keeps the messages of the hook that runs."""

    def __init__(self, account: Account, orders: Orders, sessions: list[Session], latency: int) -> None:
        """No message yet, and no target."""
        self.account, self.orders = account, orders
        self.sessions, self.latency = sessions, latency
        self.messages: list[dict[str, Any]] = []
        self.targets: dict[int, int] = {}
        self.cancelled: list[int] = []
        self.step = 0
        self.time = 0

    def hear(self, words: list[Word], time: int) -> list[dict[str, Any]]:
        """Everything one hook says at `time`; the messages to deliver come back in the order said."""
        self.step, self.time, self.messages = self.step + 1, time, []
        for word in words:
            getattr(self, "_" + word.name)(word)
        return self.messages

    def _buy(self, word: Word) -> None:
        self._send(word, 1, self._instrument(word), word.quantity)

    def _sell(self, word: Word) -> None:
        self._send(word, -1, self._instrument(word), word.quantity)

    def _instrument(self, word: Word) -> Instrument:
        return self.account.instruments[word.symbol]

    def _send(self, word: Word, side: int, instrument: Instrument, quantity: float, target: bool = False) -> Order:
        size = arithmetic.on_quantity_grid(quantity, instrument)
        arrival = self.time + self.latency
        until = next((session.close for session in self.sessions if session.close > self.time), None)
        names = ("limit", "stop", "take_profit", "stop_loss")
        word = replace(word, **{name: self._on_grid(getattr(word, name), instrument) for name in names})
        order = self.orders.add(word, side, size, target=target, step=self.step, arrival=arrival, until=until)
        if word.trail is not None or word.trail_fraction is not None:
            order["stop"] = trailing_stop(order, self.account.last[word.symbol], instrument)
        return order

    @staticmethod
    def _on_grid(price: float | None, instrument: Instrument) -> float | None:
        return None if price is None else arithmetic.price_grid(price, instrument)

    def _cancel(self, word: Word) -> None:
        order = self.orders.alive(word.number)
        if order and order["step"] == self.step:
            self.orders.end(order, CANCELLED)
        elif order:
            self.cancelled.append(order["number"])
            self._message(order, "cancel")

    def _replace(self, word: Word) -> None:
        order = self.orders.alive(word.number)
        if order:
            instrument = self.account.instruments[order["symbol"]]
            quantity = None if word.quantity is None else arithmetic.on_quantity_grid(word.quantity, instrument)
            limit, stop = (self._on_grid(price, instrument) for price in (word.limit, word.stop))
            self._message(order, "replace", quantity=quantity, limit=limit, stop=stop)

    def _message(self, order: Order, kind: str, **more: Any) -> None:
        arrival = self.time + self.latency
        self.messages.append({"kind": kind, "order": order, "symbol": order["symbol"], "arrival": arrival} | more)

    def _one_cancels_other(self, word: Word) -> None:
        self.orders.link(word.number, word.other)

    def _close(self, word: Word) -> None:
        held = self.account.position[word.symbol]
        if held:
            self._send(Word("close", word.symbol), -1 if held > 0 else 1, self._instrument(word), float(abs(held)))

    def _target_quantity(self, word: Word) -> None:
        self._aim(word.symbol, arithmetic.lots(word.value, self._instrument(word)))

    def _target_value(self, word: Word) -> None:
        self._aim_value(word.symbol, word.value)

    def _target_weight(self, word: Word) -> None:
        rate = self.account.rates[self._instrument(word).currency]
        self._aim_value(word.symbol, word.value * float(self.account.equity()) / rate)

    def _aim_value(self, symbol: int, value: float) -> None:
        last, instrument = self.account.last[symbol], self.account.instruments[symbol]
        if last is not None:
            self._aim(symbol, arithmetic.lots(value / (last * instrument.multiplier), instrument))

    def _aim(self, symbol: int, target: Decimal) -> None:
        instrument, held = self.account.instruments[symbol], self.account.position[symbol]
        lot = arithmetic.on_quantity_grid(instrument.lot, instrument)
        small = 0.01 * float(abs(target)) if held * target > 0 else 0.0
        previous = self.orders.alive(self.targets.get(symbol, 0))
        if previous and previous["number"] in self.cancelled:
            previous = None
        want = target - held - self._pending(symbol, previous)
        if previous:
            change = abs(want - previous["side"] * remaining(previous))
            if change < lot or float(change) <= small:
                return
            self._cancel(Word("cancel", number=previous["number"]))
        want = arithmetic.lots(float(want), instrument)
        if abs(want) >= lot and float(abs(want)) > small:
            word = Word("target", symbol)
            order = self._send(word, 1 if want > 0 else -1, instrument, float(abs(want)), target=True)
            self.targets[symbol] = order["number"]

    def _pending(self, symbol: int, previous: Order | None) -> Decimal:
        gone = [*self.cancelled, previous["number"]] if previous else self.cancelled
        waited = [order for order in self.orders.open(symbol) if not order["leg"] and order["stop"] is None]
        counted = [order for order in waited if order["number"] not in gone]
        return sum((order["side"] * remaining(order) for order in counted), Decimal(0))


def trailing_stop(order: Order, price: float | None, instrument: Instrument) -> float | None:
    """Where a trailing stop belongs when the last price is `price`."""
    if price is None:
        return None
    distance = order["trail"] if order["trail"] is not None else price * order["trail_fraction"]
    return arithmetic.price_grid(price + order["side"] * distance, instrument)
