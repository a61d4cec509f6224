"""The naive simulator of the fill contract's part 8, written from that page alone: dictionaries, loops and no cleverness.

What is given: rows of quotes, trades and depth, a script, a few costs; an account that affords everything.  What it
answers: fills and how each order ended, as the product must.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, inf

from .scenario import CANCELLED, EXPIRED, FILLED, WORKING, Word

POST_ONLY = "POST_ONLY"


@dataclass(frozen=True)
class Quote:
    time: int
    symbol: int
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None


@dataclass(frozen=True)
class Trade:
    time: int
    symbol: int
    price: float
    size: float
    aggressor: int = 0


@dataclass(frozen=True)
class Depth:
    """A change of a level; `first` begins a snapshot."""

    time: int
    symbol: int
    side: int
    price: float
    size: float
    last: bool = True
    first: bool = False


@dataclass(frozen=True)
class TickCase:
    """Rows in order, halts as (time, symbol, halted), closes of sessions, and what is assumed."""

    rows: Sequence[Quote | Trade | Depth]
    symbols: int = 1
    halts: Sequence[tuple[int, int, bool]] = ()
    closes: Sequence[int] = (10**15,)
    latency: int = 0
    cap: float = 1.0
    queue: str = "back"


@dataclass(frozen=True)
class TickScript:
    """Words said after row `k` was heard, and at the `n`-th fill, both from 0."""

    on_row: Mapping[int, Sequence[Word]] = field(default_factory=dict)
    on_fill: Mapping[int, Sequence[Word]] = field(default_factory=dict)


@dataclass(frozen=True)
class TickOutcome:
    """fills: (time, number, symbol, side, quantity, price, maker); orders: (number, state, filled)."""

    fills: list[tuple[int, int, int, int, float, float, bool]]
    orders: list[tuple[int, str, float]]


@dataclass
class _Order:
    number: int
    word: Word
    expires: float
    quantity: float = 0.0
    limit: float | None = None
    stop: float | None = None
    state: str = WORKING
    place: str = "under way"  # then "at the market" or "in place"
    filled: float = 0.0
    ahead: float = inf
    traded: float = 0.0
    triggered: bool = False
    cancelling: bool = False

    def __post_init__(self):
        self.quantity, self.limit, self.stop = self.word.quantity, self.word.limit, self.word.stop
        self.side = 1 if self.word.name == "buy" else -1
        self.symbol = self.word.symbol
        self.has_limit = self.word.limit is not None
        self.triggered = self.word.stop is None
        self.tif = self.word.tif

    @property
    def left(self):
        return self.quantity - self.filled

    def accepts(self, price):
        """Whether the order may trade at `price` (None: there is none)."""
        return price is not None and (not self.has_limit or self.side * (self.limit - price) >= 0)

    def stop_reached(self, price):
        """Whether the order is no stop any more, `price` being what moves it."""
        self.triggered = self.triggered or (price is not None and self.side * (price - self.stop) >= 0)
        return self.triggered


class _Market:
    def __init__(self):
        self.sides = {1: {}, -1: {}}
        self.kind = "trades"
        self.halted = False

    def best(self, side):
        """The best price of a side, None where there is none."""
        return (max if side > 0 else min)(self.sides[side], default=None)

    def is_crossed(self):
        bid, ask = self.best(1), self.best(-1)
        return bid is not None and ask is not None and bid > ask


class TickSimulator:
    """One run."""

    def __init__(self, case: TickCase, script: TickScript) -> None:
        self.case, self.script = case, script
        self.markets = [_Market() for _ in range(case.symbols)]
        for row in case.rows:
            market = self.markets[row.symbol]
            if isinstance(row, Depth):
                market.kind = "depth"
            elif isinstance(row, Quote) and market.kind != "depth":
                market.kind = "quotes"
        self.orders: dict[int, _Order] = {}
        self.now = 0
        self.floor = -1
        self.mail: list[tuple[int, int, str, int, Word]] = []
        self.sent = 0
        self.last_arrival = [-1] * case.symbols
        self.fills: list[tuple[int, int, int, int, float, float, bool]] = []

    def run(self) -> TickOutcome:
        halts = sorted(self.case.halts)
        for k, row in enumerate(self.case.rows):
            while halts and halts[0][0] <= row.time:
                self.hear_halt(*halts.pop(0))
            self.pass_until(row.time)
            self.now = row.time
            {Quote: self.hear_quote, Trade: self.hear_trade, Depth: self.hear_depth}[type(row)](row)
            self.say(self.script.on_row.get(k, ()))
        for halt in halts:
            self.hear_halt(*halt)
        ends = [(each.number, each.state, each.filled) for each in self.orders.values()]
        return TickOutcome(self.fills, sorted(ends))

    def hear_halt(self, time, symbol, halted):
        self.pass_until(time)
        self.now = time
        self.markets[symbol].halted = halted

    # Words and messages.

    def say(self, words):
        """All words of one hook; what they ask leaves when the hook returns."""
        asked = []
        for word in words:
            number = word.number
            if word.name in ("buy", "sell"):
                number = len(self.orders) + 1
                expires = next((close for close in self.case.closes if close > self.now), inf)
                self.orders[number] = _Order(number, word, expires if word.tif == "DAY" else inf)
                asked.append(("submit", number, word))
            elif number not in self.orders or self.orders[number].state != WORKING:
                continue
            elif word.name == "replace":
                asked.append(("replace", number, word))
            elif ("submit", number, self.orders[number].word) in asked:
                self.orders[number].state = CANCELLED
            else:
                asked.append(("cancel", number, word))
        for action, number, word in asked:
            order = self.orders[number]
            if order.state == WORKING:
                is_less = action == "replace" and word.quantity is not None and word.quantity <= order.filled
                self.send("cancel" if is_less else action, order, word)

    def send(self, action, order, word):
        if action == "cancel" and order.cancelling:
            return
        order.cancelling = order.cancelling or action == "cancel"
        arrival = max(self.now + self.case.latency, self.floor, self.last_arrival[order.symbol])
        self.last_arrival[order.symbol] = arrival
        self.sent += 1
        self.mail.append((arrival, self.sent, action, order.number, word))

    def pass_until(self, time):
        """Everything that arrives before `time`, then the days that are over."""
        self.floor = time
        while self.mail and min(self.mail, key=lambda row: row[:2])[0] < time:
            first = min(self.mail, key=lambda row: row[:2])
            self.mail.remove(first)
            arrival, _, action, number, word = first
            self.now = max(self.now, arrival)
            if self.orders[number].state == WORKING:
                self.take_effect(action, self.orders[number], word)
        self.floor = -1
        for order in self.orders.values():
            if order.state == WORKING and order.expires < time:
                order.state = EXPIRED

    def take_effect(self, action, order, word):
        if action == "submit":
            self.come(order)
        elif action == "cancel" or (word.quantity is not None and word.quantity <= order.filled):
            order.state = CANCELLED
        else:
            grows = word.quantity is not None and word.quantity > order.quantity
            order.quantity = order.quantity if word.quantity is None else word.quantity
            order.limit = order.limit if word.limit is None else word.limit
            order.stop = order.stop if word.stop is None else word.stop
            if grows or word.limit is not None or word.stop is not None:
                self.come(order)

    # An order comes to the market.

    def come(self, order):
        market = self.markets[order.symbol]
        order.place = "at the market"
        if market.kind == "trades":
            if not order.triggered:
                order.place = "in place"
            return
        if market.halted or market.is_crossed() or order.expires < self.now:
            return
        best = market.best(-order.side)
        if not order.stop_reached(best):
            order.place = "in place"
            return
        if not order.has_limit or order.accepts(best):
            if order.tif == POST_ONLY:
                order.state = CANCELLED
                return
            levels = self.within(order, market)
            if order.tif != "FOK" or sum(self.offered(size) for _, size in levels) >= order.left:
                for price, size in levels:
                    self.fill(order, price, self.offered(size), is_maker=False)
            self.hasten(order)
        else:
            self.hasten(order)
            self.take_place(order, market)

    def within(self, order, market):
        """What the other side shows within the order's limit, best first."""
        shown = market.sides[-order.side]
        return [(price, shown[price]) for price in sorted(shown, reverse=order.side < 0) if order.accepts(price)]

    def hasten(self, order):
        """What a hasty order leaves is cancelled."""
        if order.state == WORKING and order.tif in ("IOC", "FOK"):
            order.state = CANCELLED

    def take_place(self, order, market):
        order.place, order.traded, order.ahead = "in place", 0.0, inf
        if self.case.queue == "front":
            order.ahead = 0.0
        elif market.kind == "depth" and self.case.queue != "through":
            order.ahead = market.sides[order.side].get(order.limit, 0.0)

    def offered(self, size):
        return inf if size is None else float(floor(size * min(self.case.cap, 1.0) + 1e-9))

    def fill(self, order, price, most, *, is_maker):
        """Fill up to `most`, and let the strategy speak; returns how much."""
        quantity = min(order.left, most)
        if order.state != WORKING or quantity <= 0:
            return 0.0
        order.filled += quantity
        if order.left <= 0:
            order.state = FILLED
        self.fills.append((self.now, order.number, order.symbol, order.side, quantity, price, is_maker))
        self.say(self.script.on_fill.get(len(self.fills) - 1, ()))
        return quantity

    # What the market says.

    def present(self, symbol):
        """The orders that are at the venue now, in order of number."""
        return [
            each for _, each in sorted(self.orders.items())
            if each.symbol == symbol and each.place != "under way" and each.state == WORKING
        ]  # fmt: skip

    def hear_quote(self, row):
        market = self.markets[row.symbol]
        if market.kind == "quotes":
            market.sides = {
                1: {} if row.bid is None else {row.bid: row.bid_size},
                -1: {} if row.ask is None else {row.ask: row.ask_size},
            }
            self.touch(row.symbol)

    def hear_depth(self, row):
        market = self.markets[row.symbol]
        if row.first:
            market.sides = {1: {}, -1: {}}
        shown = market.sides[row.side]
        before = shown.pop(row.price, 0.0)
        if row.size > 0:
            shown[row.price] = row.size
        for order in self.present(row.symbol):
            if order.place == "in place" and order.has_limit and order.side == row.side and order.limit == row.price:
                self.move_up(order, before, row.size)
        if row.last:
            self.touch(row.symbol)

    def move_up(self, order, before, after):
        gone = before - order.traded - after
        behind = max(before - order.traded - order.ahead, 0.0)
        order.traded = 0.0
        if order.ahead in (0.0, inf) or not order.triggered:
            return
        if gone > 0 and self.case.queue == "proportional":
            order.ahead -= gone * (order.ahead / (order.ahead + behind))
        if gone > 0 and self.case.queue == "squared":
            order.ahead -= gone * (order.ahead * order.ahead / (order.ahead * order.ahead + behind * behind))
        order.ahead = max(min(order.ahead, after), 0.0)

    def touch(self, symbol):
        market = self.markets[symbol]
        for order in self.present(symbol):
            best = market.best(-order.side)
            if order.state != WORKING or market.halted or market.is_crossed() or order.expires < self.now:
                continue
            if order.place == "at the market":
                self.come(order)
            elif not order.triggered:
                if order.stop_reached(best):
                    self.come(order)
            elif order.accepts(best):
                offered = [self.offered(size) for _, size in self.within(order, market)]
                self.fill(order, order.limit, sum(offered), is_maker=True)

    def hear_trade(self, row):
        market = self.markets[row.symbol]
        if market.halted:
            return
        offered = self.offered(row.size)
        for order in self.present(row.symbol):
            if order.state != WORKING or order.expires < self.now:
                continue
            if order.place == "at the market":
                if market.kind == "trades":
                    offered = self.meet_trade(order, row, market, offered)
            elif not order.triggered:
                if order.stop_reached(row.price):
                    self.come(order)
            elif row.aggressor != order.side:
                offered -= self.make(order, row, offered)

    def meet_trade(self, order, row, market, offered):
        """With trades alone: an order takes at a trade's price, if that is beyond its limit; returns what it leaves."""
        if order.has_limit and order.side * (order.limit - row.price) <= 0:
            self.hasten(order)
            self.take_place(order, market)
            return offered
        if order.tif == POST_ONLY:
            order.state = CANCELLED
            return offered
        if order.tif != "FOK" or offered >= order.left:
            offered -= self.fill(order, row.price, offered, is_maker=False)
        self.hasten(order)
        return offered

    def make(self, order, row, offered):
        """A trade against an order in its place; returns how much of it the order had."""
        beyond = order.side * (order.limit - row.price)
        if beyond > 0:
            return self.fill(order, order.limit, offered, is_maker=True)
        if beyond < 0 or order.ahead == inf:
            return 0.0
        left = row.size - order.ahead
        order.traded += row.size
        order.ahead = max(-left, 0.0)
        return self.fill(order, order.limit, min(offered, self.offered(max(left, 0.0))), is_maker=True)
