"""The venue's desk: it takes messages from the book and answers with reports.

What comes in: submit, cancel and replace, each after its latency.  What goes out: resting orders, and reports in the
order in which things happened.  How the orders are matched is `venue`'s.
"""

from math import inf, nan

from stratofold.events import ACCEPTED, CANCEL_REJECTED, CANCELLED, REPLACED, Report
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.grid import to_grid, to_lot
from stratofold.fold.ledger import Ledger, integers
from stratofold.fold.marks import inside, leaves_kernel, often, seldom
from stratofold.fold.order import (
    AT_CLOSE,
    CANCEL,
    DAY,
    FOK,
    FOREVER,
    IOC,
    LIMIT,
    MARKET,
    REPLACE,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    Message,
    Order,
    Orders,
    Resting,
)
from stratofold.fold.sessions import Sessions

# The phases of a bar, in order; each a bit, so that a set of them is a number below `PHASES`.
OPEN, STOPS, LIMITS, CLOSE, AFTER = 1, 2, 4, 8, 16
PHASES = 32
CALLED = 32  # beside phases: a margin call, which wants every bar looked at like an order


class Costs:
    """What the venue charges and how much a bar offers."""

    __slots__ = ("fees", "latency", "slippage", "volume_cap")
    FIXED_IN_RUN = ("volume_cap",)

    def __init__(self, fees: Fees, slippage: Slippage, latency: Latency, volume_cap: float = inf) -> None:
        """`volume_cap` is the fraction of a bar's volume that our orders may take together."""
        self.fees = fees
        self.slippage = slippage
        self.latency = latency
        self.volume_cap: float = float(volume_cap)


class Place:
    """What the venue knows of one symbol: how many orders work, its last bar, whether it is halted or called.

    `phases` are those in which one of the orders may act (and those of orders that are gone, until nothing works any
    more), and `CALLED`: while it is 0 the venue has nothing to do with a bar.  `called` is when, 0 for no call.
    Between `low` and `high` is no price that any of the orders waits for (nor, until the next bar is matched, one that an
    order waited for that is gone): a bar that stays between them touches none.
    """

    __slots__ = ("working", "last_time", "price", "phases", "last_arrival", "halted", "called", "low", "high")

    def __init__(self) -> None:
        """Nothing works and nothing has traded."""
        self.working: int = 0
        self.last_time: int = -FOREVER
        self.price: float = nan
        self.phases: int = 0
        self.last_arrival: int = -FOREVER
        self.halted: bool = False
        self.called: int = 0
        self.low: float = -inf
        self.high: float = inf

    def call(self, time: int) -> None:
        """The position is called: the first bar that begins after `time` closes it."""
        self.called = time
        self.phases |= CALLED

    def settle(self) -> None:
        """No call any more."""
        self.called = 0
        self.phases &= CALLED - 1

    def expect(self, order: Resting) -> None:
        """Bars that come to what the order waits for concern it; every bar does, where that is no price."""
        if order.kind == MARKET or order.tif == AT_CLOSE or order.tif == IOC or order.tif == FOK:
            self.low = inf
        elif order.kind == LIMIT or (order.kind == STOP_LIMIT and order.triggered):
            self._expect(0 - order.side, order.limit)
        elif order.triggered:
            self.low = inf
        else:
            self._expect(order.side, order.stop)

    def _expect(self, side: int, price: float) -> None:
        """An order waits for a `price` that is above the market (`side` above 0) or below it."""
        if side > 0:
            self.high = min(self.high, price)
        else:
            self.low = max(self.low, price)

    def expect_nothing(self) -> None:
        """No order waits for a price."""
        self.low = -inf
        self.high = inf


class Desk:
    """Resting orders, the broker's own ledger, and what the venue has to say."""

    __slots__ = (
        "available", "bar_index", "costs", "expiry", "inbox", "inbox_arrival", "inbox_count", "ledger", "matching",
        "orders", "phase", "places", "raw_price", "report_count", "reports", "start", "time", "urgent",
        "watches_margin",
    )  # fmt: skip
    FIXED_IN_RUN = ("places", "watches_margin")
    HOLDS_WITHIN = ("places",)
    BEGINS_ALIKE = (("available", inf), ("expiry", FOREVER), ("inbox_count", 0), ("urgent", 0))

    def __init__(self, ledger: Ledger, costs: Costs, capacity: int = 16) -> None:
        """No orders; tables have room for `capacity` and grow."""
        count = ledger.symbol_count
        self.ledger = ledger
        self.costs = costs
        self.orders = Orders(Resting, capacity)
        self.places: list[Place] = [Place() for _ in range(count)]
        self.reports: list[Report] = [Report() for _ in range(capacity)]
        self.report_count: int = 0
        self.inbox: list[Message] = [Message() for _ in range(capacity)]
        self.inbox_arrival = integers(capacity)
        self.inbox_count: int = 0
        self.bar_index: int = 0
        self.phase: int = AFTER
        self.matching: int = -1
        self.urgent: int = 0
        self.raw_price: float = nan
        self.time: int = 0
        self.start: int = 0
        self.available: float = inf
        self.expiry: int = FOREVER
        self.watches_margin: bool = False
        for contract in ledger.contracts:
            if contract.maintenance > 0.0:
                self.watches_margin = True

    # What it says.

    @inside("count", "reports")
    def _report(self, kind: int, number: int, symbol: int, side: int) -> Report:
        """A fresh report."""
        count = self.report_count
        if count == len(self.reports):
            self._grow_reports()
        reports = self.reports
        report = reports[count]
        self.report_count = count + 1
        report.kind = kind
        report.time = self.time
        report.known = self.time
        report.number = number
        report.symbol = symbol
        report.side = side
        report.quantity = 0.0
        report.price = nan
        report.fee = 0.0
        report.leaves = 0.0
        report.limit = nan
        report.stop = nan
        report.maker = False
        report.reason = -1
        return report

    def _end(self, kind: int, index: int, reason: int) -> None:
        """Order at `index` is cancelled or has expired: say so and forget it."""
        order = self.orders.at(index)
        report = self._report(kind, order.number, order.symbol, order.side)
        report.leaves = order.remaining
        report.reason = reason
        self._remove(index, order.symbol)

    def _remove(self, index: int, symbol: int) -> None:
        """Forget the order of `symbol` at `index`."""
        place = self.places[symbol]
        place.working -= 1
        if place.working == 0:
            place.phases &= CALLED
            place.expect_nothing()
        self.orders.remove(index)

    # What it is told.

    @often
    def receive(self, message: Message, time: int, sessions: Sessions) -> None:
        """Take a message that was decided at `time`."""
        self.time = time
        place = self.places[message.symbol]
        arrival = max(time + self.costs.latency.draw(), place.last_arrival)
        if message.action == SUBMIT:
            self._accept(message, arrival, sessions)
        elif arrival <= time or message.prompt:
            self._amend(message)
        else:
            self._keep(message, arrival)
        if not message.prompt:
            place.last_arrival = arrival

    @often
    def _accept(self, message: Message, arrival: int, sessions: Sessions) -> None:
        """A new order rests from its arrival on; the emulator's (a protective leg) from now on."""
        place = self.places[message.symbol]
        order = self.orders.add(message.number)
        place.working += 1
        place.phases |= phases_of(message.kind, message.tif)
        order.symbol = message.symbol
        order.side = message.side
        order.kind = message.kind
        order.tif = message.tif
        order.quantity = message.quantity
        order.filled = 0.0
        order.limit = message.limit
        order.stop = message.stop
        order.arrives = arrival
        order.expires = FOREVER
        order.triggered = False
        order.phase_from = 0
        order.bar_filled = -1
        if message.tif == DAY:
            order.expires = sessions.close_after(message.decided)
            self.expiry = min(self.expiry, order.expires)
        if message.prompt:
            order.arrives = self.time
            if self.matching == message.symbol:
                self._join(order)
        place.expect(order)
        report = self._report(ACCEPTED, order.number, order.symbol, order.side)
        report.time = order.arrives

    def _join(self, leg: Resting) -> None:
        """A protective leg born inside a bar: what of this bar it may still take part in."""
        if self.phase == OPEN:
            leg.arrives = self.start
            leg.phase_from = self.bar_index * PHASES + (STOPS if leg.kind == STOP else LIMITS)
        elif self.phase < CLOSE and leg.kind == STOP:
            self.urgent = leg.number

    def _keep(self, message: Message, arrival: int) -> None:
        """A cancel or replace is on its way."""
        if self.inbox_count == len(self.inbox):
            self._grow_inbox()
        kept = self.inbox[self.inbox_count]
        self.inbox_arrival[self.inbox_count] = arrival
        self.inbox_count += 1
        copy_message(message, kept)

    def _amend(self, message: Message) -> None:
        """A cancel or replace is here."""
        index = self.orders.index(message.number)
        if index < 0:
            self._report(CANCEL_REJECTED, message.number, message.symbol, message.side)
        elif message.action == CANCEL:
            self._end(CANCELLED, index, -1)
        elif message.action == REPLACE:
            order = self.orders[index]
            if message.quantity <= order.filled:
                self._end(CANCELLED, index, -1)
                return
            if message.quantity == message.quantity:
                order.quantity = message.quantity
            if message.limit == message.limit:
                order.limit = message.limit
            if message.stop == message.stop:
                order.stop = message.stop
            self.places[order.symbol].expect(order)
            report = self._report(REPLACED, order.number, order.symbol, order.side)
            report.quantity = order.quantity
            report.limit = order.limit
            report.stop = order.stop
            report.leaves = order.remaining

    @seldom
    def _take_mail(self, symbol: int) -> None:
        """What has arrived for `symbol` before this bar began takes effect."""
        kept = 0
        for k in range(self.inbox_count):
            message = self.inbox[k]
            if message.symbol == symbol and self.inbox_arrival[k] <= self.start:
                self._amend(message)
            else:
                if kept != k:
                    copy_message(message, self.inbox[kept])
                    self.inbox_arrival[kept] = self.inbox_arrival[k]
                kept += 1
        self.inbox_count = kept

    # Tables that grow.

    @leaves_kernel
    def _grow_reports(self) -> None:
        """Double the room for reports."""
        self.reports.extend(Report() for _ in range(len(self.reports)))

    @leaves_kernel
    def _grow_inbox(self) -> None:
        """Double the room for messages under way."""
        self.inbox_arrival.frombytes(bytes(8 * len(self.inbox)))
        self.inbox.extend(Message() for _ in range(len(self.inbox)))


def phases_of(kind: int, tif: int) -> int:
    """The phases in which an order may act."""
    if tif == AT_CLOSE:
        return CLOSE
    if kind == MARKET:
        return OPEN
    if kind == LIMIT:
        return OPEN | LIMITS
    return OPEN | STOPS if kind == STOP else OPEN | STOPS | LIMITS


def copy_message(source: Message, to: Message) -> None:
    """Copy a message's numbers."""
    to.action = source.action
    to.number = source.number
    to.symbol = source.symbol
    to.side = source.side
    to.kind = source.kind
    to.tif = source.tif
    to.quantity = source.quantity
    to.limit = source.limit
    to.stop = source.stop
    to.decided = source.decided
    to.prompt = source.prompt


def split_order(order: Order | Resting, ratio: float, lot: float, quantity_scale: float, price_scale: float) -> None:
    """One order in the units after a split of `ratio` new for one old."""
    order.quantity = to_lot(order.quantity * ratio, lot, quantity_scale)
    order.filled = to_lot(order.filled * ratio, lot, quantity_scale)
    if order.limit == order.limit:
        order.limit = to_grid(order.limit / ratio, price_scale)
    if order.stop == order.stop:
        order.stop = to_grid(order.stop / ratio, price_scale)
