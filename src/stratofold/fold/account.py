"""The account as a whole: what is held, what works, and what is on its way to the venue.

What comes in: approvals from risk, reports from a venue.  What goes out: orders that work, messages for the venue.
The words in which a strategy speaks to it are `book`'s.
"""

from math import nan

from stratofold.fold.grid import to_grid
from stratofold.fold.ledger import Ledger, integers, zeros
from stratofold.fold.lifecycle import DONE_CANCELLED, PENDING, WAITING, Lifecycle
from stratofold.fold.marks import inside, leaves_kernel, often
from stratofold.fold.order import (
    CANCEL,
    GTC,
    LIMIT,
    REPLACE,
    STOP,
    STOP_LOSS,
    SUBMIT,
    TAKE_PROFIT,
    TRAILING,
    Intent,
    Message,
    Order,
    OrderError,
    Orders,
)

# WARMING is a book that hears history before it starts: what it wants is refused, and said to be so.
ACTIVE, REDUCING, HALTED, WARMING = range(4)


class Account:
    """Cash, positions, intents, orders and messages of one book."""

    __slots__ = (
        "busy", "dropped", "intent_count", "intents", "ledger", "lifecycle", "next_number", "orders", "outbox", "outbox_count",
        "state", "strategy", "symbol_count", "target_number", "time", "timer_count", "timer_due", "timer_number",
        "timer_spent", "trailing_count", "working_buy", "working_sell",
    )  # fmt: skip
    FIXED_IN_RUN = ("symbol_count", "target_number", "working_buy", "working_sell")
    HOLDS_WITHIN = ("target_number", "working_buy", "working_sell")
    BEGINS_ALIKE = (("timer_count", 0), ("trailing_count", 0))

    def __init__(self, ledger: Ledger, capacity: int = 16) -> None:
        """An account with nothing working; tables have room for `capacity` and grow."""
        count = ledger.symbol_count
        self.ledger = ledger
        self.lifecycle = Lifecycle()
        self.symbol_count: int = count
        self.time: int = 0
        self.strategy: int = 0
        self.state: int = ACTIVE
        self.busy: bool = False
        self.dropped: bool = False
        self.next_number: int = 1
        self.intents: list[Intent] = [Intent() for _ in range(capacity)]
        self.intent_count: int = 0
        self.orders = Orders(Order, capacity)
        self.outbox: list[Message] = [Message() for _ in range(capacity)]
        self.outbox_count: int = 0
        self.working_buy = zeros(count)
        self.working_sell = zeros(count)
        self.target_number = integers(count)
        self.timer_due = integers(capacity)
        self.timer_number = integers(capacity)
        self.timer_count: int = 0
        self.timer_spent: int = 0
        self.trailing_count: int = 0

    # What is held.

    @property
    def cash(self) -> float:
        """Cash in the base currency."""
        return self.ledger.cash_steps[0] / self.ledger.scale[0]

    def cash_in(self, currency: int) -> float:
        """Cash in currency number `currency`."""
        return self.ledger.cash_steps[currency] / self.ledger.scale[currency]

    @property
    def equity(self) -> float:
        """Cash and the worth of every position at its last price, in the base currency."""
        return self.ledger.equity

    @property
    def buying_power(self) -> float:
        """Equity less the initial margin of every position, in the base currency; never below 0."""
        return self.ledger.buying_power

    def position(self, symbol: int) -> float:
        """Units held; negative is short."""
        return self.ledger.holdings[symbol].quantity

    def price(self, symbol: int) -> float:
        """The last price, NaN before the first."""
        return self.ledger.holdings[symbol].price

    def average_price(self, symbol: int) -> float:
        """The average entry price of the position, NaN when flat."""
        return self.ledger.holdings[symbol].average_price

    def split_factor(self, symbol: int) -> float:
        """Units that one unit of the run's start has become by splits: `bar.close * split_factor` is continuous."""
        return self.ledger.holdings[symbol].split_factor

    def value(self, symbol: int) -> float:
        """The worth of the position, in the instrument's currency."""
        self.ledger.refresh()
        return self.ledger.holdings[symbol].worth_steps / self.ledger.holdings[symbol].money_scale

    def weight(self, symbol: int) -> float:
        """The worth of the position as a fraction of equity."""
        ledger = self.ledger
        ledger.refresh()
        return (
            ledger.base_steps(ledger.holdings[symbol].currency, ledger.holdings[symbol].worth_steps)
            / ledger.equity_steps
        )

    def is_working(self, number: int) -> bool:
        """Whether order `number` is not done (a waiting protective leg counts)."""
        return self.orders.index(number) >= 0

    # How approvals become orders.

    def place(self, intent: Intent) -> None:
        """Make an approved intent an order, and its protective legs orders that wait."""
        order = self._new_order(intent, intent.number)
        order.side = intent.side
        order.kind = intent.kind
        order.tif = intent.tif
        order.role = intent.role
        order.state = PENDING
        order.quantity = intent.quantity
        order.limit = intent.limit
        order.stop = intent.stop
        order.parent = 0
        order.sibling = intent.sibling
        order.take_profit_number = intent.take_profit_number
        order.stop_loss_number = intent.stop_loss_number
        if intent.kind == TRAILING:
            self.trailing_count += 1
            self._start_trailing(order, intent)
        self.send(SUBMIT, order)
        self.reserve(order, order.quantity)
        if intent.take_profit_number != 0:
            leg = self._leg(intent, intent.take_profit_number, LIMIT, TAKE_PROFIT)
            leg.limit = intent.take_profit
            leg.sibling = intent.stop_loss_number
        if intent.stop_loss_number != 0:
            leg = self._leg(intent, intent.stop_loss_number, STOP, STOP_LOSS)
            leg.stop = intent.stop_loss
            leg.sibling = intent.take_profit_number

    def _leg(self, intent: Intent, number: int, kind: int, role: int) -> Order:
        """A protective leg that waits for its entry's fill."""
        leg = self._new_order(intent, number)
        leg.side = -intent.side
        leg.kind = kind
        leg.tif = GTC
        leg.role = role
        leg.state = WAITING
        leg.quantity = 0.0
        leg.limit = nan
        leg.stop = nan
        leg.parent = intent.number
        leg.take_profit_number = 0
        leg.stop_loss_number = 0
        return leg

    def _new_order(self, intent: Intent, number: int) -> Order:
        """A fresh order of the intent's symbol: what entries and legs have in common."""
        order = self.orders.add(number)
        order.symbol = intent.symbol
        order.strategy = self.strategy
        order.filled = 0.0
        order.filled_value = 0.0
        order.trail = nan
        order.trail_fraction = nan
        order.decided = self.time
        order.cancelling = False
        order.arrives = 0
        order.asked = 0.0
        order.replacing = 0
        order.sought = nan
        order.wanted = intent.quantity
        order.venue = 0
        order.carried = 0.0
        return order

    def _start_trailing(self, order: Order, intent: Intent) -> None:
        """The first stop of a trailing stop: the distance from the last price."""
        last = self.ledger.holdings[order.symbol].price
        if last != last:
            self._no_order(order.symbol)
        distance = intent.trail if intent.trail == intent.trail else last * intent.trail_fraction
        order.trail = intent.trail
        order.trail_fraction = intent.trail_fraction
        order.stop = self._on_grid(order.symbol, last + order.side * distance)
        order.sought_stop = nan

    @often
    @inside("symbol", "contracts", "buying", "selling")
    def reserve(self, order: Order, quantity: float) -> None:
        """Count `quantity` more (negative: less) as working at the venue."""
        symbol = order.symbol
        contracts = self.ledger.contracts
        scale = contracts[symbol].quantity_scale
        if order.side > 0:
            buying = self.working_buy
            buying[symbol] = to_grid(buying[symbol] + quantity, scale)
        else:
            selling = self.working_sell
            selling[symbol] = to_grid(selling[symbol] + quantity, scale)

    @inside("count", "outbox")
    def send(self, action: int, order: Order, *, prompt: bool = False) -> Message:
        """Leave a message about `order` for the venue; a `prompt` one is the emulator's and has no latency."""
        count = self.outbox_count
        if count == len(self.outbox):
            self._grow_outbox()
        outbox = self.outbox
        message = outbox[count]
        self.outbox_count = count + 1
        message.action = action
        message.number = order.number
        message.symbol = order.symbol
        message.side = order.side
        message.kind = STOP if order.kind == TRAILING else order.kind
        message.tif = order.tif
        message.quantity = order.quantity
        message.limit = order.limit
        message.stop = order.stop
        message.decided = self.time
        message.prompt = prompt
        self.busy = True
        return message

    def change(self, order: Order, quantity: float, limit: float, stop: float, *, prompt: bool = False) -> None:
        """Leave a message that replaces what is stated (NaN: not) of `order`."""
        message = self.send(REPLACE, order, prompt=prompt)
        message.quantity = quantity
        message.limit = limit
        message.stop = stop
        if quantity == quantity:
            order.sought = quantity
        elif order.replacing == 0:
            order.sought = order.wanted
        order.replacing += 1

    def request_cancel(self, order: Order, *, prompt: bool = False) -> None:
        """Ask the venue to cancel `order`; a leg that waits is not there yet, and is done at once."""
        if order.state == WAITING:
            order.state = DONE_CANCELLED
            self.dropped = True
        elif prompt or not order.cancelling:
            order.cancelling = True
            self.send(CANCEL, order, prompt=prompt)

    @inside("symbol", "targets")
    def retire(self, order: Order, index: int) -> None:
        """Take the order, which lies at `index` and is done, out of the table."""
        symbol = order.symbol
        targets = self.target_number
        if targets[symbol] == order.number:
            targets[symbol] = 0
        if order.kind == TRAILING:
            self.trailing_count -= 1
        self.orders.remove(index)

    # Checks.

    def _known(self, symbol: int) -> int:
        """The handle `symbol`; raises OrderError where it is none."""
        if symbol < 0 or symbol >= self.symbol_count:
            self._unknown_symbol(symbol)
        return self.ledger.only(symbol)

    def _priced(self, symbol: int) -> bool:
        """Whether the symbol has had a price."""
        self._known(symbol)
        return self.ledger.holdings[symbol].price == self.ledger.holdings[symbol].price

    def _on_grid(self, symbol: int, price: float) -> float:
        """`price` on the price grid; NaN stays NaN."""
        return to_grid(price, self.ledger.contracts[symbol].price_scale) if price == price else nan

    @leaves_kernel
    def _unknown_symbol(self, symbol: int) -> None:
        """Raise for a handle that is not one."""
        what = f"an order names symbol {symbol!r}, and handles run from 0 to {self.symbol_count - 1}"
        raise OrderError(what, fix='take the handle from bar.symbol, or from self.symbol("SPY") in setup')

    @leaves_kernel
    def _off_lot(self, symbol: int, quantity: float) -> None:
        """Raise for a quantity that cannot be ordered."""
        lot = self.ledger.contracts[symbol].lot
        what = f"a quantity of {quantity!r} is not a positive whole number of lots of {lot!r}"
        raise OrderError(what, symbol, "round it: book.quantity_for_value, quantity_for_weight and the targets do")

    @leaves_kernel
    def _no_order(self, symbol: int) -> None:
        """Raise for prices and a time in force that make no order."""
        what = "these prices and this time in force make no order the venue knows"
        fix = "prices above 0; trail alone; IOC, FOK and AT_CLOSE with market or limit orders only"
        raise OrderError(what, symbol, fix)

    # Tables that grow.

    @leaves_kernel
    def _grow_intents(self) -> None:
        """Double the room for intents."""
        self.intents.extend(Intent() for _ in range(len(self.intents)))

    @leaves_kernel
    def _grow_outbox(self) -> None:
        """Double the room for messages."""
        self.outbox.extend(Message() for _ in range(len(self.outbox)))

    @leaves_kernel
    def _grow_timers(self) -> None:
        """Double the room for timers."""
        for column in (self.timer_due, self.timer_number):
            column.extend([0] * len(column))  # a list where the book is a plain one
