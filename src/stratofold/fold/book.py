"""The book: the words in which a strategy says what it wants, and what it may read.

What comes in: the words below, from hooks.  What goes out: intents for review.
Inside a hook `position`, `cash` and `orders` are as of the event; numbers are valid at once (contract 6).
"""

from math import nan

from stratofold.fold.account import Account
from stratofold.fold.grid import ENDLESS, on_lot, to_grid, to_lot
from stratofold.fold.lifecycle import UNSURE
from stratofold.fold.marks import inside, seldom
from stratofold.fold.order import (
    AT_CLOSE,
    BUY,
    CANCEL,
    DAY,
    GTC,
    LIMIT,
    MARKET,
    PLAIN,
    REPLACE,
    SELL,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TARGET,
    TRAILING,
    Intent,
    Order,
)

WITHDRAWN = -1
DRIFT = 0.01  # a target does not trade a difference up to this fraction of it (contract 6)
_NANOSECONDS = 1_000_000_000


class Book(Account):
    """An account, and the words of a strategy on it."""

    __slots__ = ()

    # Words that order.

    def buy(
        self,
        symbol: int,
        quantity: float,
        limit: float = nan,
        stop: float = nan,
        trail: float = nan,
        trail_fraction: float = nan,
        take_profit: float = nan,
        stop_loss: float = nan,
        tif: int = GTC,
    ) -> int:
        """Buy `quantity` units at market, or with `limit`, `stop`, both, or a trailing stop; returns the number.

        `take_profit` and `stop_loss` (prices) make it a bracket: two more numbers, the take-profit's first.
        Raises OrderError for an unknown symbol, a quantity off the lot, or prices that make no order.
        """
        if _says_nothing(limit, stop, trail, trail_fraction, take_profit, stop_loss):
            return self._go_to_market(symbol, BUY, quantity, tif)
        return self._submit(symbol, BUY, quantity, limit, stop, trail, trail_fraction, take_profit, stop_loss, tif)

    def sell(
        self,
        symbol: int,
        quantity: float,
        limit: float = nan,
        stop: float = nan,
        trail: float = nan,
        trail_fraction: float = nan,
        take_profit: float = nan,
        stop_loss: float = nan,
        tif: int = GTC,
    ) -> int:
        """Sell (short) `quantity` units; everything else as `buy`."""
        if _says_nothing(limit, stop, trail, trail_fraction, take_profit, stop_loss):
            return self._go_to_market(symbol, SELL, quantity, tif)
        return self._submit(symbol, SELL, quantity, limit, stop, trail, trail_fraction, take_profit, stop_loss, tif)

    def close(self, symbol: int) -> int:
        """Sell or buy back the whole position at market; returns the number, 0 when flat."""
        return self._market(symbol, 0.0 - self.position(symbol))

    def roll(self, near: int, far: int) -> int:
        """Move the whole position from `near` to `far` at market: two orders; returns the second's number, or 0."""
        held = self.position(near)
        if held == 0.0:
            return 0
        self._whole(self._known(far), abs(held))  # half a roll would leave no position
        self._market(near, 0.0 - held)
        return self._market(far, held)

    def cancel(self, number: int) -> None:
        """Cancel order `number`; one that is done already is left alone."""
        for k in range(self.intent_count):
            intent = self.intents[k]
            if intent.number == number and intent.action == CANCEL:
                return
            if intent.number == number and intent.action == SUBMIT:
                intent.action = WITHDRAWN
                return
            if intent.take_profit_number == number:
                intent.take_profit_number = 0
                return
            if intent.stop_loss_number == number:
                intent.stop_loss_number = 0
                return
        place = self.orders.index(number)
        if place >= 0:
            self._ask(CANCEL, number, self.orders.at(place).symbol, self.orders.at(place).side)

    def replace(self, number: int, quantity: float = nan, limit: float = nan, stop: float = nan) -> None:
        """Change the total quantity, limit or stop of order `number`; what is not stated stays as it is."""
        symbol = self._symbol_of(number)
        if symbol < 0:
            return
        if quantity == quantity:
            quantity = self._whole(symbol, quantity)
        limit = self._price(symbol, limit)
        stop = self._price(symbol, stop)
        intent = self._ask(REPLACE, number, symbol, 0)
        intent.quantity = quantity
        intent.limit = limit
        intent.stop = stop

    def _symbol_of(self, number: int) -> int:
        """The symbol of an order that works or was asked for in this step, -1 for any other number."""
        place = self.orders.index(number)
        if place >= 0:
            return self.orders[place].symbol
        for k in range(self.intent_count):
            intent = self.intents[k]
            if intent.action == SUBMIT and (
                intent.number == number or intent.take_profit_number == number or intent.stop_loss_number == number
            ):
                return intent.symbol
        return -1

    def one_cancels_other(self, first: int, second: int) -> None:
        """Link two orders of this step or still working: a fill of one takes the same quantity off the other."""
        if self._symbol_of(first) >= 0 and self._symbol_of(second) >= 0:
            self._link(first, second)
            self._link(second, first)

    # Words that aim.

    @inside("symbol", "contracts", "holdings", "targets")
    def target_quantity(self, symbol: int, quantity: float, drift: float = nan) -> int:
        """Trade at market so that `quantity` units are held; returns the number of the order sent, or 0.

        Compares with held, working, unknown and this step's intents; replaces its own earlier order for the symbol
        and touches no other.  Differences under one lot or up to `drift` (default 1 %, none for zero and for a change
        of sides) of the target are left alone.
        """
        self._known(symbol)
        contracts = self.ledger.contracts
        holdings = self.ledger.holdings
        targets = self.target_number
        contract = contracts[symbol]
        held = holdings[symbol].quantity
        if self.orders.count == 0 and self.intent_count == 0:
            if quantity == held:
                return 0
            quantity = to_lot(quantity, contract.lot, contract.quantity_scale)
            want = to_grid(quantity - held, contract.quantity_scale)
            small = self._small(quantity, held, drift)
        else:
            own = self._own_target(symbol)
            quantity = to_lot(quantity, contract.lot, contract.quantity_scale)
            want = to_grid(quantity - held - self._pending(symbol, own), contract.quantity_scale)
            small = self._small(quantity, held, drift)
            if own != 0:
                working = self._signed_remaining(own)
                change = to_grid(abs(want - working), contract.quantity_scale)
                if change < contract.lot or change <= small:
                    return 0
                if self._unsure(own):
                    return 0
                self.cancel(own)
                targets[symbol] = 0
        want = to_lot(want, contract.lot, contract.quantity_scale)
        if want == 0.0 or abs(want) <= small:
            return 0
        intent = self._ask_new(self.ledger.only(symbol), BUY if want > 0.0 else SELL, abs(want))
        intent.role = TARGET
        targets[symbol] = intent.number
        return intent.number

    def target_value(self, symbol: int, value: float, drift: float = nan) -> int:
        """`target_quantity` of as many units as `value` (instrument's currency) buys at the last price."""
        return (
            self.target_quantity(symbol, self.quantity_for_value(symbol, value), drift) if self._priced(symbol) else 0
        )

    def target_weight(self, symbol: int, weight: float, drift: float = nan) -> int:
        """`target_quantity` of as many units as the fraction `weight` of equity buys at the last price."""
        return (
            self.target_quantity(symbol, self.quantity_for_weight(symbol, weight), drift) if self._priced(symbol) else 0
        )

    # Words that size: each returns units, rounded toward zero to the lot.

    def quantity_for_value(self, symbol: int, value: float) -> float:
        """Units that `value` (instrument's currency) buys at the last price."""
        contract = self.ledger.contracts[symbol]
        return to_lot(
            value / (self.ledger.holdings[symbol].price * contract.multiplier), contract.lot, contract.quantity_scale
        )

    def quantity_for_weight(self, symbol: int, weight: float) -> float:
        """Units that the fraction `weight` of equity buys at the last price."""
        if weight == 0.0:
            return 0.0
        value = weight * self.equity
        currency = self.ledger.holdings[symbol].currency
        return self.quantity_for_value(symbol, value if currency == 0 else value / self.ledger.rate[currency])

    def quantity_for_volatility(self, symbol: int, target: float, volatility: float) -> float:
        """Units whose own volatility is `target` of equity, given the instrument's (both a year)."""
        if not volatility > 0.0:
            return 0.0
        return self.quantity_for_weight(symbol, target / volatility)

    def quantity_for_risk(self, symbol: int, risk: float, entry: float, stop: float) -> float:
        """Units that lose the fraction `risk` of equity between `entry` and `stop`, capped by buying power.

        `floor(equity * risk / |entry - stop|)` to the lot (Tharp's percent-risk model).
        """
        contract = self.ledger.contracts[symbol]
        distance = abs(entry - stop) * contract.multiplier * self.ledger.rate[contract.currency]
        if not distance > 0.0:
            return 0.0
        quantity = self.equity * risk / distance
        each = entry * contract.multiplier * contract.margin * self.ledger.rate[contract.currency]
        if each > 0.0:
            power = self.buying_power
            if quantity * each > power:
                quantity = power / each
        return to_lot(quantity, contract.lot, contract.quantity_scale)

    # Words about time.

    def after(self, seconds: float) -> int:
        """Ask for one timer `seconds` from now; returns its number, which `on_timer` gets back."""
        if self.timer_count == len(self.timer_due):
            self._grow_timers()
        self.timer_spent += 1
        due = self.time + int(seconds * _NANOSECONDS)
        place = self.timer_count
        while place > 0 and self.timer_due[place - 1] > due:
            self.timer_due[place] = self.timer_due[place - 1]
            self.timer_number[place] = self.timer_number[place - 1]
            place -= 1
        self.timer_due[place] = due
        self.timer_number[place] = self.timer_spent
        self.timer_count += 1
        self.busy = True
        return self.timer_spent

    def pop_timer(self) -> int:
        """Take the earliest timer of `after` out; returns its number."""
        number = self.timer_number[0]
        self.timer_count -= 1
        for k in range(self.timer_count):
            self.timer_due[k] = self.timer_due[k + 1]
            self.timer_number[k] = self.timer_number[k + 1]
        return number

    # How the words become intents.

    def _submit(
        self,
        symbol: int,
        side: int,
        quantity: float,
        limit: float,
        stop: float,
        trail: float,
        trail_fraction: float,
        take_profit: float,
        stop_loss: float,
        tif: int,
    ) -> int:
        """Check the words and leave an intent; returns its number."""
        handle = self._known(symbol)
        quantity = self._whole(handle, quantity)
        kind = self._kind(handle, limit, stop, trail, trail_fraction, tif)
        limit = self._price(handle, limit)
        stop = self._price(handle, stop)
        take_profit = self._price(handle, take_profit)
        stop_loss = self._price(handle, stop_loss)
        number = self.next_number
        intent = self._slot(number + 1)  # nothing raises from here on
        intent.action = SUBMIT
        intent.number = number
        intent.symbol = handle
        intent.side = side
        intent.kind = kind
        intent.tif = tif
        intent.role = PLAIN
        intent.quantity = quantity
        intent.limit = limit
        intent.stop = stop
        intent.trail = trail
        intent.trail_fraction = trail_fraction
        intent.take_profit = take_profit
        intent.stop_loss = stop_loss
        intent.take_profit_number = self._leg_number(take_profit)
        intent.stop_loss_number = self._leg_number(stop_loss)
        intent.sibling = 0
        return number

    @seldom
    def _go_to_market(self, symbol: int, side: int, quantity: float, tif: int) -> int:
        """As `_submit`, of what states no price."""
        handle = self._known(symbol)
        quantity = self._whole(handle, quantity)
        self._kind(handle, nan, nan, nan, nan, tif)
        intent = self._ask_new(handle, side, quantity)
        intent.tif = tif
        return intent.number

    def _whole(self, symbol: int, quantity: float) -> float:
        """A quantity of whole lots; raises OrderError for any other."""
        contract = self.ledger.contracts[symbol]
        if not 0.0 < quantity < ENDLESS:
            self._off_lot(symbol, quantity)
        whole = to_lot(quantity, contract.lot, contract.quantity_scale)
        if whole != quantity and not on_lot(quantity, contract.lot):  # a division
            self._off_lot(symbol, quantity)
        return whole

    def _price(self, symbol: int, price: float) -> float:
        """A stated price on its grid, NaN for none; raises OrderError for one that is not above 0 there."""
        price = self._on_grid(symbol, price)
        if price <= 0.0:
            self._no_order(symbol)
        return price

    def _leg_number(self, price: float) -> int:
        """A number for the protective leg at `price`, 0 where there is none."""
        if price != price:
            return 0
        number = self.next_number
        self.next_number = number + 1
        return number

    def _kind(self, symbol: int, limit: float, stop: float, trail: float, trail_fraction: float, tif: int) -> int:
        """The kind of order that these prices make; raises OrderError when they make none."""
        kind = MARKET
        if trail == trail or trail_fraction == trail_fraction:
            kind = TRAILING
            if limit == limit or stop == stop or trail <= 0.0 or trail_fraction <= 0.0:
                self._no_order(symbol)
        elif limit == limit and stop == stop:
            kind = STOP_LIMIT
        elif limit == limit:
            kind = LIMIT
        elif stop == stop:
            kind = STOP
        if limit <= 0.0 or stop <= 0.0 or tif < GTC or tif > AT_CLOSE:
            self._no_order(symbol)
        if kind > LIMIT and tif != GTC and tif != DAY:
            self._no_order(symbol)
        return kind

    def _market(self, symbol: int, quantity: float) -> int:
        """A market order for signed `quantity`; returns its number, 0 for none."""
        if quantity == 0.0:
            return 0
        return self._go_to_market(symbol, BUY if quantity > 0.0 else SELL, abs(quantity), GTC)

    def _ask_new(self, symbol: int, side: int, quantity: float) -> Intent:
        """A fresh intent of a new order at market."""
        number = self.next_number
        intent = self._slot(number + 1)
        self._clear(intent, SUBMIT, number, symbol, side)
        intent.quantity = quantity
        return intent

    @inside("count", "intents")
    def _slot(self, next_number: int) -> Intent:
        """Room for one more intent, with another's numbers in it; `next_number` is the next order's."""
        count = self.intent_count
        if count == len(self.intents):
            self._grow_intents()
        self.intent_count = count + 1
        self.next_number = next_number
        self.busy = True
        intents = self.intents
        return intents[count]

    def _ask(self, action: int, number: int, symbol: int, side: int) -> Intent:
        """A fresh intent about order `number`."""
        intent = self._slot(self.next_number)
        self._clear(intent, action, number, symbol, side)
        return intent

    def _clear(self, intent: Intent, action: int, number: int, symbol: int, side: int) -> None:
        """Make `intent` one at market, of nothing yet."""
        intent.action = action
        intent.number = number
        intent.symbol = symbol
        intent.side = side
        intent.kind = MARKET
        intent.tif = GTC
        intent.role = PLAIN
        intent.quantity = 0.0
        intent.limit = nan
        intent.stop = nan
        intent.trail = nan
        intent.trail_fraction = nan
        intent.take_profit = nan
        intent.stop_loss = nan
        intent.take_profit_number = 0
        intent.stop_loss_number = 0
        intent.sibling = 0

    def _link(self, number: int, sibling: int) -> None:
        """Write `sibling` on order or intent `number`."""
        for k in range(self.intent_count):
            if self.intents[k].number == number and self.intents[k].action == SUBMIT:
                self.intents[k].sibling = sibling
        place = self.orders.index(number)
        if place >= 0:
            self.orders[place].sibling = sibling

    # How targets count.

    def _small(self, target: float, held: float, drift: float) -> float:
        """The difference that a target leaves alone; nothing is small for zero and for a change of sides."""
        if target == 0.0 or held == 0.0 or target * held < 0.0:
            return 0.0
        return abs(target) * (drift if drift == drift else DRIFT)

    def _own_target(self, symbol: int) -> int:
        """The number of the target order of `symbol` that is not done and whose cancel nobody asked, 0 for none."""
        number = self.target_number[symbol]
        if number == 0:
            return 0
        place = self.orders.index(number)
        found = place >= 0 and not self.orders.at(place).cancelling
        for k in range(self.intent_count):
            if self.intents[k].number == number:
                found = self.intents[k].action == SUBMIT
        return number if found else 0

    def _pending(self, symbol: int, own: int) -> float:
        """Signed units that will come: working market and limit orders and this step's, but not target `own`."""
        total = 0.0
        for k in range(self.orders.count):
            order = self.orders.at(k)
            if order.symbol == symbol and order.number != own:
                total += self._counted(order)
        for k in range(self.intent_count):
            intent = self.intents[k]
            if intent.symbol == symbol and intent.number != own:
                if intent.action == SUBMIT and intent.kind <= LIMIT:
                    total += intent.side * intent.quantity
                elif intent.action == CANCEL:
                    total -= self._counted(self.orders[self.orders.index(intent.number)])
        return total

    def _counted(self, order: Order) -> float:
        """What a working order will bring: nothing if it is protective, waits for a price, or is being cancelled."""
        if order.kind > LIMIT or order.parent != 0 or order.cancelling:
            return 0.0
        return order.side * order.remaining

    def _signed_remaining(self, number: int) -> float:
        """What is still to come of order or intent `number`, signed."""
        place = self.orders.index(number)
        if place >= 0:
            return self.orders[place].side * self.orders[place].remaining
        for k in range(self.intent_count):
            if self.intents[k].number == number and self.intents[k].action == SUBMIT:
                return self.intents[k].side * self.intents[k].quantity
        return 0.0

    def _unsure(self, number: int) -> bool:
        """Whether the venue's answer on order `number` is not known."""
        place = self.orders.index(number)
        return place >= 0 and self.orders[place].state == UNSURE


def _says_nothing(
    limit: float, stop: float, trail: float, trail_fraction: float, take_profit: float, stop_loss: float
) -> bool:
    """Whether none of these is stated: the order goes to market."""
    return (
        limit != limit
        and stop != stop
        and trail != trail
        and trail_fraction != trail_fraction
        and take_profit != take_profit
        and stop_loss != stop_loss
    )
