"""Limits, and the review that turns each intent into an approval or a refusal.

What comes in: the intents of one step, what is held, what works.  What goes out: orders, or refusals with the limit
and what was observed.  `Limits()` with nothing stated refuses everything that does not reduce.
"""

from array import array
from math import inf, isnan, nan

from stratofold.errors import Setup
from stratofold.fold.account import ACTIVE, HALTED, WARMING
from stratofold.fold.book import Book
from stratofold.fold.grid import to_grid, to_steps
from stratofold.fold.lifecycle import WAITING
from stratofold.fold.log import RefusalLog
from stratofold.fold.marks import few_turns, inside, often, seldom
from stratofold.fold.order import CANCEL, LIMIT, REPLACE, STOP, STOP_LIMIT, SUBMIT, TRAILING, Intent, Order

# Why not, in order of precedence: the first that applies is named.
(
    HALT,
    REDUCING_ONLY,
    DUPLICATE,
    ORDER_RATE,
    PRICE_COLLAR,
    ORDER_QUANTITY,
    ORDER_NOTIONAL,
    POSITION,
    GROSS_EXPOSURE,
    NET_EXPOSURE,
    LEVERAGE,
    WARMING_UP,
    UNAFFORDABLE,
) = range(13)
APPROVED = -1

REASON_NAMES = (
    "halted", "reducing_only", "duplicate", "order_rate", "price_collar", "order_quantity", "order_notional",
    "position", "gross_exposure", "net_exposure", "leverage", "warming_up", "unaffordable",
)  # fmt: skip

_NANOSECONDS_A_MINUTE = 60_000_000_000
_RATE_WINDOW_MAX = 100_000


class Limits:
    """What risk allows; 0, the default, allows nothing.  Amounts are in the base currency.

    `position_max` and `order_quantity_max` are units; `order_notional_max`, `gross_exposure_max` and
    `net_exposure_max` money; `leverage_max` gross exposure over equity; `price_collar` the fraction by which a limit
    or stop price may differ from the last price; `orders_per_minute_max` a count; `duplicate_seconds` how long an
    order like the last one of its symbol is refused.
    """

    __slots__ = (
        "duplicate_seconds", "gross_exposure_max", "leverage_max", "net_exposure_max", "order_notional_max",
        "order_quantity_max", "orders_per_minute_max", "position_max", "price_collar",
    )  # fmt: skip
    FIXED_IN_RUN = (
        "duplicate_seconds",
        "gross_exposure_max",
        "leverage_max",
        "net_exposure_max",
        "order_notional_max",
        "order_quantity_max",
        "orders_per_minute_max",
        "position_max",
        "price_collar",
    )

    def __init__(
        self,
        *,
        position_max: float = 0.0,
        order_quantity_max: float = 0.0,
        order_notional_max: float = 0.0,
        gross_exposure_max: float = 0.0,
        net_exposure_max: float = 0.0,
        leverage_max: float = 0.0,
        price_collar: float = 0.0,
        orders_per_minute_max: float = 0.0,
        duplicate_seconds: float = 0.0,
    ) -> None:
        """State what is allowed; what is not stated is not allowed (`inf` lifts one limit).

        Raises `Setup` SF115 for what is no number: nothing is more than NaN, so it would allow everything.
        """
        self.position_max: float = float(position_max)
        self.order_quantity_max: float = float(order_quantity_max)
        self.order_notional_max: float = float(order_notional_max)
        self.gross_exposure_max: float = float(gross_exposure_max)
        self.net_exposure_max: float = float(net_exposure_max)
        self.leverage_max: float = float(leverage_max)
        self.price_collar: float = float(price_collar)
        self.orders_per_minute_max: float = float(orders_per_minute_max)
        self.duplicate_seconds: float = float(duplicate_seconds)
        for name in Limits.__slots__:
            if isnan(getattr(self, name)):
                what, why = f"the limit {name} is not a number", "nothing is more than NaN: it would allow everything"
                raise Setup("SF115", what, place=f"Limits({name}=nan)", why=why, fix=f"state {name}; inf lifts it")


class Unlimited(Limits):
    """Everything is allowed: for research and tests only; the live path cannot import it."""

    def __init__(self) -> None:
        """No limit at all."""
        super().__init__(
            position_max=inf,
            order_quantity_max=inf,
            order_notional_max=inf,
            gross_exposure_max=inf,
            net_exposure_max=inf,
            leverage_max=inf,
            price_collar=inf,
            orders_per_minute_max=inf,
        )


class Last:
    """The last order of one symbol, so that its like can be refused; `time` -1 is none yet."""

    __slots__ = ("kind", "limit", "quantity", "side", "stop", "time")

    def __init__(self) -> None:
        """Nothing ordered yet."""
        self.time: int = -1
        self.side: int = 0
        self.kind: int = 0
        self.quantity: float = 0.0
        self.limit: float = 0.0
        self.stop: float = 0.0


class Risk:
    """The limits at work: the times of the last orders, and the last order of each symbol."""

    __slots__ = ("last", "limits", "observed", "order_times", "order_times_at")
    FIXED_IN_RUN = ("last", "order_times")
    HOLDS_WITHIN = ("last",)

    def __init__(self, limits: Limits, symbol_count: int) -> None:
        """Nothing ordered yet."""
        self.limits = limits
        counted = limits.orders_per_minute_max
        window = int(min(counted, _RATE_WINDOW_MAX)) if 1 <= counted < inf else 0
        self.order_times = array("q", [-_NANOSECONDS_A_MINUTE]) * window
        self.order_times_at: int = 0
        self.observed: float = 0.0
        self.last: list[Last] = [Last() for _ in range(symbol_count)]

    def verdict(self, book: Book, intent: Intent, quantity: float) -> int:
        """`APPROVED`, or why not, for `quantity` more of the intent; `observed` is left for the refusal."""
        self.observed = quantity
        if book.state >= HALTED:
            return WARMING_UP if book.state == WARMING else HALT
        if self.reduces(book, intent, quantity):
            return APPROVED
        if quantity <= 0.0:
            return self._collar(book, intent)
        if book.state != ACTIVE:
            return REDUCING_ONLY
        reason = self._habits(book, intent)
        if reason == APPROVED:
            reason = self._size(book, intent, quantity)
        if reason == APPROVED:
            reason = self._exposure(book, intent, quantity)
        return reason

    @inside("symbol", "holdings", "buying", "selling")
    def reduces(self, book: Book, intent: Intent, quantity: float) -> bool:
        """Whether position and everything that works on this side, with this, never cross zero."""
        symbol = intent.symbol
        holdings = book.ledger.holdings
        held = holdings[symbol].quantity
        if intent.side > 0:
            buying = book.working_buy
            return held + buying[symbol] + quantity <= 0.0
        selling = book.working_sell
        return held - selling[symbol] - quantity >= 0.0

    def _habits(self, book: Book, intent: Intent) -> int:
        """Duplicates, the rate of orders, prices far from the market."""
        limits = self.limits
        if limits.duplicate_seconds > 0.0 and self._repeats(intent):
            self.observed = (book.time - self.last[intent.symbol].time) / 1e9
            if self.observed < limits.duplicate_seconds:
                return DUPLICATE
        if limits.orders_per_minute_max < inf:
            size = len(self.order_times)
            if size == 0 or book.time - self.order_times[self.order_times_at] < _NANOSECONDS_A_MINUTE:
                self.observed = size + 1.0
                return ORDER_RATE
        return self._collar(book, intent)

    @inside("symbol", "holdings")
    def _collar(self, book: Book, intent: Intent) -> int:
        """A limit or stop far from the last price."""
        symbol = intent.symbol
        holdings = book.ledger.holdings
        price = intent.limit if intent.limit == intent.limit else intent.stop
        last = holdings[symbol].price
        if price == price and last == last:
            self.observed = abs(price / last - 1.0)
            if abs(price - last) > self.limits.price_collar * last:
                return PRICE_COLLAR
        return APPROVED

    def _repeats(self, intent: Intent) -> bool:
        """Whether the intent is like the last order of its symbol."""
        last = self.last[intent.symbol]
        return (
            last.time >= 0
            and last.side == intent.side
            and last.kind == intent.kind
            and last.quantity == intent.quantity
            and (last.limit == intent.limit or intent.limit != intent.limit)
            and (last.stop == intent.stop or intent.stop != intent.stop)
        )

    def price_of(self, book: Book, intent: Intent) -> float:
        """The price that the intent is weighed at: its limit, its stop, else the last price (0 before the first)."""
        if intent.limit == intent.limit:
            return intent.limit
        if intent.stop == intent.stop:
            return intent.stop
        last = book.ledger.holdings[intent.symbol].price
        return last if last == last else 0.0

    @often
    @inside("symbol", "holdings", "buying", "selling")
    def _size(self, book: Book, intent: Intent, quantity: float) -> int:
        """The order's quantity and notional, and the position it could lead to."""
        limits = self.limits
        symbol = intent.symbol
        if quantity > limits.order_quantity_max:
            return ORDER_QUANTITY
        if limits.order_notional_max < inf:  # nothing is worth more: a division, and all that leads to it
            self.observed = self._base_value(book, symbol, quantity, self.price_of(book, intent))
            if self.observed > limits.order_notional_max:
                return ORDER_NOTIONAL
        holdings = book.ledger.holdings
        held = holdings[symbol].quantity
        if intent.side > 0:
            buying = book.working_buy
            observed = held + buying[symbol] + quantity
        else:
            selling = book.working_sell
            observed = selling[symbol] + quantity - held
        self.observed = observed
        return POSITION if observed > limits.position_max else APPROVED

    @often
    def _exposure(self, book: Book, intent: Intent, quantity: float) -> int:
        """Gross and net exposure and leverage, each in the worst order of fills."""
        limits = self.limits
        if limits.gross_exposure_max == inf and limits.net_exposure_max == inf and limits.leverage_max == inf:
            return APPROVED
        gross = 0.0
        rising = 0.0
        falling = 0.0
        for symbol in range(book.symbol_count):
            buys = book.working_buy[symbol]
            sells = book.working_sell[symbol]
            price = book.ledger.holdings[symbol].price
            if symbol == intent.symbol:
                buys += quantity if intent.side > 0 else 0.0
                sells += quantity if intent.side < 0 else 0.0
                price = self.price_of(book, intent) if price != price else price
            if price == price:
                held = book.ledger.holdings[symbol].quantity
                up = self._base_value(book, symbol, held + buys, price)
                down = self._base_value(book, symbol, held - sells, price)
                gross += max(abs(up), abs(down))
                rising += up
                falling += down
        self.observed = gross
        if gross > limits.gross_exposure_max:
            return GROSS_EXPOSURE
        self.observed = max(abs(rising), abs(falling))
        if self.observed > limits.net_exposure_max:
            return NET_EXPOSURE
        equity = book.equity
        self.observed = gross / equity if equity > 0.0 else inf
        return LEVERAGE if self.observed > limits.leverage_max else APPROVED

    @often
    def _base_value(self, book: Book, symbol: int, quantity: float, price: float) -> float:
        """The value of signed `quantity` at `price`, in the base currency."""
        ledger = book.ledger
        steps = to_steps(quantity * price * ledger.holdings[symbol].multiplier, ledger.holdings[symbol].money_scale)
        return ledger.base_steps(ledger.holdings[symbol].currency, steps) / ledger.scale[0]

    def bound(self, reason: int) -> float:
        """The limit that `reason` speaks of."""
        limits = self.limits
        if reason == DUPLICATE:
            return limits.duplicate_seconds
        if reason == ORDER_RATE:
            return limits.orders_per_minute_max
        if reason == PRICE_COLLAR:
            return limits.price_collar
        if reason == ORDER_QUANTITY:
            return limits.order_quantity_max
        if reason == ORDER_NOTIONAL:
            return limits.order_notional_max
        if reason == POSITION:
            return limits.position_max
        if reason == GROSS_EXPOSURE:
            return limits.gross_exposure_max
        if reason == NET_EXPOSURE:
            return limits.net_exposure_max
        if reason == LEVERAGE:
            return limits.leverage_max
        return 0.0

    @inside("symbol", "lasts")
    def remember(self, book: Book, intent: Intent) -> None:
        """An order was approved: it counts toward the rate and against its repetition."""
        symbol = intent.symbol
        lasts = self.last
        last = lasts[symbol]
        last.time = book.time
        last.side = intent.side
        last.kind = intent.kind
        last.quantity = intent.quantity
        last.limit = intent.limit
        last.stop = intent.stop
        if len(self.order_times) > 0:
            self.order_times[self.order_times_at] = book.time
            self.order_times_at = (self.order_times_at + 1) % len(self.order_times)


def review(book: Book, risk: Risk, refusals: RefusalLog) -> None:
    """Turn each intent of this step into an approval, at once an order, or a refusal; each counts for the next."""
    if book.intent_count == 1:
        review_one(book, risk, refusals, book.intents[0])
    else:
        _review_several(book, risk, refusals)
    book.intent_count = 0


@seldom
@few_turns
def _review_several(book: Book, risk: Risk, refusals: RefusalLog) -> None:
    """The intents of this step, in their order."""
    for k in range(book.intent_count):
        review_one(book, risk, refusals, book.intents[k])


@often
def review_one(book: Book, risk: Risk, refusals: RefusalLog, intent: Intent) -> None:
    """One intent becomes an order, a message or a refusal."""
    if intent.action == SUBMIT:
        reason = risk.verdict(book, intent, intent.quantity)
        if reason == APPROVED:
            risk.remember(book, intent)
            book.place(intent)
        else:
            _refuse(book, risk, refusals, intent, reason)
    elif intent.action == CANCEL:
        _cancel(book, intent.number)
    elif intent.action == REPLACE:
        _replace(book, risk, refusals, intent)


def _cancel(book: Book, number: int) -> None:
    """Cancels pass every limit."""
    place = book.orders.index(number)
    if place >= 0:
        book.request_cancel(book.orders.at(place))


def _refuse(book: Book, risk: Risk, refusals: RefusalLog, intent: Intent, reason: int) -> None:
    """Write the refusal down with its numbers."""
    if not refusals.KEEPS_ROWS:
        refusals.count += 1
        return
    refusals.add(
        book.time, intent.number, intent.symbol, intent.side, intent.quantity, reason, risk.bound(reason), risk.observed
    )


def _replace(book: Book, risk: Risk, refusals: RefusalLog, intent: Intent) -> None:
    """A replace is reviewed as the difference; a total that is filled already is a cancel."""
    place = book.orders.index(intent.number)
    if place < 0:
        return
    order = book.orders[place]
    quantity = intent.quantity if order.parent == 0 else nan  # a leg's quantity is its entry's affair
    limit = intent.limit
    stop = intent.stop
    intent.quantity = quantity
    _complete(order, intent)
    if order.state == WAITING:
        _amend(order, intent)
        return
    if intent.quantity <= order.filled:
        book.request_cancel(order)
        return
    scale = book.ledger.contracts[order.symbol].quantity_scale
    more = to_grid(intent.quantity - order.quantity - order.asked, scale)
    reason = risk.verdict(book, intent, more)
    if reason != APPROVED:
        _refuse(book, risk, refusals, intent, reason)
        return
    if more > 0.0:
        order.asked = to_grid(order.asked + more, scale)
        book.reserve(order, more)
    book.change(order, quantity, limit, stop)


def _complete(order: Order, intent: Intent) -> None:
    """What a replace does not state stays as it is."""
    intent.side = order.side
    intent.kind = order.kind
    if intent.quantity != intent.quantity:
        intent.quantity = order.quantity
    if intent.limit != intent.limit:
        intent.limit = order.limit
    if intent.stop != intent.stop:
        intent.stop = order.stop


def _amend(order: Order, intent: Intent) -> None:
    """The new prices of an order."""
    if order.kind == LIMIT or order.kind == STOP_LIMIT:
        order.limit = intent.limit
    if order.kind == STOP or order.kind == STOP_LIMIT or order.kind == TRAILING:
        order.stop = intent.stop
