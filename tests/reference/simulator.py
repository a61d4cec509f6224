"""docs/fills.md, acted out: events in order, and for each bar its phases in order.

Comes in: a scenario and a script.  Goes out: an `Outcome`, exact.  Nothing here is fast or clever on purpose.
"""

from decimal import Decimal
from math import inf, isnan
from typing import Any

from . import arithmetic
from .account import Account
from .orders import Order, Orders, reached, remaining, within, worse
from .scenario import (
    AT_CLOSE,
    CANCELLED,
    DAY,
    EXPIRED,
    FOK,
    IOC,
    RANKS,
    WAITING,
    WORKING,
    Bar,
    Happening,
    Outcome,
    Scenario,
    Script,
)
from .words import Words, trailing_stop

ZERO = Decimal(0)
OPEN, STOPS, LIMITS, CLOSE = 1, 2, 3, 4

# The phases in which a leg takes part in the very bar in which it begins to work, by the phase of its entry's fill.
LEGS_JOIN = {
    OPEN: {"stop": (STOPS,), "limit": (LIMITS,)},
    STOPS: {"stop": (), "limit": ()},
    LIMITS: {"stop": (), "limit": ()},
    CLOSE: {"stop": (), "limit": ()},
}


def simulate(scenario: Scenario, script: Script) -> Outcome:
    """What becomes of `script` in `scenario`."""
    return Simulator(scenario, script).run()


class Simulator:
    """One run."""

    def __init__(self, scenario: Scenario, script: Script) -> None:
        """Nothing has happened yet."""
        self.scenario, self.script, self.costs = scenario, script, scenario.costs
        self.account, self.orders = Account(scenario), Orders()
        self.words = Words(self.account, self.orders, list(scenario.sessions), scenario.costs.latency)
        self.under_way: list[dict[str, Any]] = []
        self.halted: set[int] = set()
        self.calls: dict[int, int] = {}
        self.previous_time = dict.fromkeys(range(len(scenario.instruments)), -inf)
        self.session: int | None = None
        self.bar: Bar | None = None
        self.bar_number = -1
        self.begin = -inf
        self.offered: Decimal | None = None
        self.fills: list[tuple[int, int, int, int, float, float, float, bool]] = []
        self.equity: list[float] = []

    def run(self) -> Outcome:
        """All events in order of (time, rank, symbol, as listed)."""
        events = [
            (each.time, RANKS[each.kind], each.symbol, i, each) for i, each in enumerate(self.scenario.happenings)
        ]
        events += [(bar.time, 4, bar.symbol, i, bar) for i, bar in enumerate(self.scenario.bars)]
        for time, _, _, i, event in sorted(events, key=lambda row: row[:4]):
            self._new_session(time)
            self._expire([order for order in self.orders.open() if self._closes(order) < time])
            if isinstance(event, Bar):
                self._on_bar(i, event)
            else:
                self._on_happening(event)
        return self._outcome()

    def _outcome(self) -> Outcome:
        return Outcome(
            fills=self.fills,
            orders=[(order["number"], order["state"], float(order["filled"])) for order in self.orders.all],
            cash=[float(amount) for amount in self.account.cash],
            positions=[float(held) for held in self.account.position],
            equity=self.equity,
        )

    # Sessions.

    def _session_at(self, time: int) -> int:
        sessions = self.scenario.sessions
        return next((i for i, session in enumerate(sessions) if session.close >= time), len(sessions) - 1)

    def _new_session(self, time: int) -> None:
        now = self._session_at(time)
        if self.session is not None and now > self.session:
            dates = [self.scenario.sessions[i].date for i in (self.session, now)]
            self.account.borrow(dates[1] - dates[0])
        self.session = now

    @staticmethod
    def _closes(order: Order) -> float:
        lasts = order["tif"] != DAY or order["until"] is None
        return inf if lasts else order["until"]

    def _expire(self, orders: list[Order]) -> None:
        for order in orders:
            self.orders.end(order, EXPIRED)

    # Between bars (section 5).

    def _on_happening(self, event: Happening) -> None:
        getattr(self, "_" + event.kind)(event)

    def _rename(self, event: Happening) -> None:
        """Handles do not change, so nothing else does."""

    def _rate(self, event: Happening) -> None:
        self.account.rates[event.currency] = event.value

    def _halt(self, event: Happening) -> None:
        self.halted |= self._meant(event)

    def _resume(self, event: Happening) -> None:
        self.halted -= self._meant(event)

    def _meant(self, event: Happening) -> set[int]:
        return set(range(len(self.scenario.instruments))) if event.symbol < 0 else {event.symbol}

    def _dividend(self, event: Happening) -> None:
        self.account.pay(event.symbol, float(self.account.position[event.symbol]) * event.value)

    def _funding(self, event: Happening) -> None:
        held, last = self.account.position[event.symbol], self.account.last[event.symbol]
        if held and last is not None:
            multiplier = self.scenario.instruments[event.symbol].multiplier
            self.account.pay(event.symbol, -(float(held) * last * multiplier * event.value))

    def _interest(self, event: Happening) -> None:
        self.account.cash[event.currency] += self.account.money(event.value, event.currency)

    _deposit = _interest

    def _withdrawal(self, event: Happening) -> None:
        self.account.cash[event.currency] -= self.account.money(event.value, event.currency)

    def _split(self, event: Happening) -> None:
        symbol, ratio, account = event.symbol, event.value, self.account
        instrument, last = self.scenario.instruments[symbol], account.last[symbol]
        if last is not None:
            exact = float(account.position[symbol]) * ratio
            whole = arithmetic.lots(exact, instrument)
            account.pay(symbol, (exact - float(whole)) * (last / ratio) * instrument.multiplier)
            account.last[symbol] = arithmetic.price_grid(last / ratio, instrument)
            account.hold(symbol, whole)
        for order in self.orders.open(symbol):
            self._split_order(order, ratio)

    def _split_order(self, order: Order, ratio: float) -> None:
        instrument = self.scenario.instruments[order["symbol"]]
        for name in ("limit", "stop", "trail"):
            if order[name] is not None:
                order[name] = arithmetic.price_grid(order[name] / ratio, instrument)
        if order["state"] == WAITING:
            return
        for name in ("quantity", "filled"):
            order[name] = arithmetic.lots(float(order[name]) * ratio, instrument)
        if remaining(order) <= 0:
            self.orders.end(order, CANCELLED)

    def _delisting(self, event: Happening) -> None:
        for order in self.orders.open(event.symbol):
            self.orders.end(order, CANCELLED)
        price = self.account.last[event.symbol] if isnan(event.value) else event.value
        self._close_out(event.symbol, price, event.time, free=True)

    _expiry = _delisting

    def _close_out(self, symbol: int, price: float | None, time: int, *, free: bool) -> None:
        held = self.account.position[symbol]
        if not held or price is None:
            return
        side, size = (-1 if held > 0 else 1), abs(held)
        price = arithmetic.price_grid(price, self.scenario.instruments[symbol])
        fee = ZERO if free else self.account.fee(symbol, size, price, maker=False)
        self.account.post(symbol, side, size, price, fee)
        if not free:
            self.account.traded += abs(self.account.value(symbol, size, price))
        self._announce(time, 0, symbol, side, size, price, fee, maker=False)

    # One bar (section 3).

    def _on_bar(self, number: int, bar: Bar) -> None:
        self.bar, self.bar_number = bar, number
        self.begin = max(bar.time - bar.span, self.previous_time[bar.symbol])
        self.previous_time[bar.symbol] = bar.time
        self._deliver_arrived(bar.symbol)
        if bar.symbol not in self.halted:
            self._match(bar)
        self._phase_close(bar)
        self._expire([order for order in self.orders.open(bar.symbol) if self._closes(order) <= bar.time])
        self.account.last[bar.symbol] = bar.close
        self._trail(bar)
        self._call()
        self._hear(self.script.on_bar.get(number, ()), bar.time)
        self.equity.append(float(self.account.equity()))

    def _match(self, bar: Bar) -> None:
        cap, instrument = self.costs.volume_cap, self.scenario.instruments[bar.symbol]
        self.offered = None if cap is None else arithmetic.lots(cap * bar.volume, instrument)
        if self.calls.get(bar.symbol, inf) <= self.begin:
            self._answer_call(bar)
        for phase, act in ((OPEN, self._at_open), (STOPS, self._at_stop), (LIMITS, self._at_limit)):
            for order in self.orders.open(bar.symbol):
                if self._takes_part(order, phase) and order["tif"] != AT_CLOSE:
                    act(order, bar)

    def _takes_part(self, order: Order, phase: int) -> bool:
        if order["state"] != WORKING or self.begin < order["arrival"] or order["filled_in"] == self.bar_number:
            return False
        return order["joined_in"] != self.bar_number or phase in order["joined_phases"]

    def _at_open(self, order: Order, bar: Bar) -> None:
        if order["stop"] is not None and not order["triggered"]:
            if not reached(order, bar.open, bar.open):
                return
            order["triggered"] = True
        if order["limit"] is None or within(order, bar.open):
            self._fill(order, bar.open, OPEN, slips=order["limit"] is None)
        if order["tif"] in (IOC, FOK):
            self.orders.end(order, CANCELLED)

    def _at_stop(self, order: Order, bar: Bar) -> None:
        if order["stop"] is None or order["triggered"] or not reached(order, bar.high, bar.low):
            return
        order["triggered"], order["triggered_in"] = True, self.bar_number
        price = worse(order, order["stop"], bar.open)
        if order["limit"] is None or within(order, price):
            self._fill(order, price, STOPS, slips=order["limit"] is None)

    def _at_limit(self, order: Order, bar: Bar) -> None:
        waits = order["stop"] is not None and (not order["triggered"] or order["triggered_in"] == self.bar_number)
        touched = order["limit"] is not None and within(order, bar.low if order["side"] > 0 else bar.high)
        if touched and not waits:
            price = min(order["limit"], bar.high) if order["side"] > 0 else max(order["limit"], bar.low)
            self._fill(order, price, LIMITS, maker=True)

    def _phase_close(self, bar: Bar) -> None:
        if bar.time < self.scenario.sessions[self._session_at(bar.time)].close:
            return
        for order in self.orders.open(bar.symbol):
            if order["tif"] == AT_CLOSE and self._takes_part(order, CLOSE):
                fillable = order["limit"] is None or within(order, bar.close)
                if fillable and bar.symbol not in self.halted:
                    self._fill(order, bar.close, CLOSE, slips=order["limit"] is None)
                self.orders.end(order, EXPIRED)

    def _fill(self, order: Order, price: float, phase: int, *, slips: bool = False, maker: bool = False) -> None:
        """As much of `order` as section 4 allows, at `price` before slippage."""
        symbol, side, bar = order["symbol"], order["side"], self.bar
        instrument = self.scenario.instruments[symbol]
        offered = remaining(order) if self.offered is None else min(remaining(order), self.offered)
        paid = arithmetic.price_grid(price, instrument)
        if slips:
            paid = arithmetic.slipped(price, side, offered, bar.volume, self.costs, instrument)
        size = self.account.affordable(symbol, side, offered, paid, maker)
        if order["tif"] == FOK and size < remaining(order):
            size = ZERO
        begun = self._execute(order, size, paid, phase, maker) if size > 0 else []
        if size < offered:
            self.orders.end(order, CANCELLED, "unaffordable")
        if phase in (STOPS, LIMITS):
            self._try_at_once([leg for leg in begun if leg["stop"] is not None], price)

    def _execute(self, order: Order, size: Decimal, price: float, phase: int, maker: bool) -> list[Order]:
        symbol, side = order["symbol"], order["side"]
        fee = self.account.fee(symbol, size, price, maker)
        self.account.post(symbol, side, size, price, fee)
        self.account.traded += abs(self.account.value(symbol, size, price))
        if self.offered is not None:
            self.offered -= size
        order["filled_in"] = self.bar_number
        self.orders.fill(order, size)
        begun = self.orders.protect(order, size, self.bar_number, LEGS_JOIN[phase])
        self._announce(self.bar.time, order["number"], symbol, side, size, price, fee, maker=maker)
        return begun

    def _try_at_once(self, legs: list[Order], entry_price: float) -> None:
        for leg in legs:
            if leg["state"] == WORKING and reached(leg, self.bar.high, self.bar.low):
                leg["triggered"] = True
                self._fill(leg, worse(leg, leg["stop"], entry_price), STOPS, slips=True)

    def _announce(self, time: int, number: int, symbol: int, side: int, size: Decimal, price: float, fee: Decimal,
                  *, maker: bool) -> None:  # fmt: skip
        self.fills.append((time, number, symbol, side, float(size), price, float(fee), maker))
        self._hear(self.script.on_fill.get(len(self.fills) - 1, ()), time)

    def _trail(self, bar: Bar) -> None:
        for order in self.orders.open(bar.symbol):
            trails = order["trail"] is not None or order["trail_fraction"] is not None
            if trails and not order["triggered"] and order["arrival"] <= bar.time:
                moved = trailing_stop(order, bar.close, self.scenario.instruments[bar.symbol])
                nearer = max if order["side"] < 0 else min
                order["stop"] = moved if order["stop"] is None else nearer(order["stop"], moved)

    # Margin calls.

    def _call(self) -> None:
        if self.account.called():
            for symbol, held in enumerate(self.account.position):
                if held:
                    self.calls.setdefault(symbol, self.bar.time)

    def _answer_call(self, bar: Bar) -> None:
        del self.calls[bar.symbol]
        if not self.account.position[bar.symbol]:
            return
        for order in self.orders.open(bar.symbol):
            self.orders.end(order, CANCELLED)
        self._close_out(bar.symbol, bar.open, bar.time, free=False)

    # Hooks and messages.

    def _hear(self, words: Any, time: int) -> None:
        for message in self.words.hear(list(words), time):
            # A leg that still waits is not at the venue, so nothing has to travel.
            if self.costs.latency == 0 or message["order"]["state"] == WAITING:
                self._deliver([message])
            else:
                self.under_way.append(message)

    def _deliver_arrived(self, symbol: int) -> None:
        arrived = [m for m in self.under_way if m["symbol"] == symbol and m["arrival"] <= self.begin]
        self.under_way = [m for m in self.under_way if m not in arrived]
        self._deliver(arrived)

    def _deliver(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            order = self.orders.alive(message["order"]["number"])
            if order and message["kind"] == "cancel":
                self.orders.end(order, CANCELLED)
            elif order:
                self.orders.replace(order, message["quantity"], message["limit"], message["stop"])
