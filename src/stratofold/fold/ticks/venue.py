"""The simulated venue on quotes, trades and depth: orders meet the market as it stands, and queue.

What comes in: messages as they arrive, and what the market says.  What goes out: reports.
The rules are the fill contract's part on ticks.  What the market shows is what orders take from, and it does not notice.

Ignores: what our orders would do to the market: nothing that we take is gone, nobody reacts; hidden quantity; auctions.
"""

from math import inf, nan

from stratofold.events import CANCELLED, Trade
from stratofold.fold.grid import to_grid, to_lot
from stratofold.fold.marks import often, seldom
from stratofold.fold.order import FOK, IOC, LIMIT, MARKET, POST_ONLY, STOP, STOP_LIMIT
from stratofold.fold.risk import UNAFFORDABLE
from stratofold.fold.ticks.arrivals import AT_MARKET, IN_PLACE, UNDER_WAY, Arrivals, Queued
from stratofold.fold.ticks.ladder import Ladder


class TickVenue(Arrivals):
    """A broker and an exchange on ticks."""

    __slots__ = ()

    # An order comes to the market.

    def meet(self, number: int, ladder: Ladder) -> None:
        """Order `number`, unless it is gone, is at the market now: it takes what it may, the rest waits or queues."""
        index = self.orders.index(number)
        if index < 0:
            return
        order = self.orders[index]
        order.phase = AT_MARKET
        if not ladder.is_quoted:
            if not self._is_triggered(order, nan):
                order.phase = IN_PLACE
        elif self._can_trade(order, ladder):
            self._at_market(order, ladder)

    def _can_trade(self, order: Queued, ladder: Ladder) -> bool:
        """Whether there is a market: not halted, not crossed, and the order's day is not over."""
        return not (self.places[order.symbol].halted or ladder.is_crossed or order.expires < self.time)

    def _at_market(self, order: Queued, ladder: Ladder) -> None:
        """What the touch makes of an order that comes to it."""
        number = order.number
        if not self._is_triggered(order, ladder.facing(order.side)):
            order.phase = IN_PLACE
            return
        if not _makes(order) or order.side * (order.limit - ladder.facing(order.side)) >= 0.0:
            if order.tif == POST_ONLY:
                self._end(CANCELLED, self.orders.index(number), -1)
                return
            if order.tif != FOK or self._fits(order, ladder):
                self._take(order, ladder)
            self._hasten(number)
        elif not self._hasten(number):
            self._queue(order, ladder)

    def _hasten(self, number: int) -> bool:
        """What a hasty order leaves is cancelled; returns whether order `number` is gone."""
        index = self.orders.index(number)
        if index >= 0 and (self.orders[index].tif == IOC or self.orders[index].tif == FOK):
            self._end(CANCELLED, index, -1)
            return True
        return index < 0

    def _queue(self, order: Queued, ladder: Ladder) -> None:
        """The order takes its place at its limit."""
        order.phase = IN_PLACE
        order.level = ladder.level_of(order.limit)
        order.traded = 0.0
        order.ahead = self.queue.joined(ladder.shown(order.side, order.level), ladder.is_deep)
        if order.level >= 0:
            ladder.marked[order.level] = 1

    def _is_triggered(self, order: Queued, price: float) -> bool:
        """Whether the order is no stop any more: it was none, or `price` has come to its stop."""
        if order.kind != STOP and order.kind != STOP_LIMIT:
            return True
        if not order.triggered:
            order.triggered = order.side * (price - order.stop) >= 0.0
        return order.triggered

    # What it takes.

    def _fits(self, order: Queued, ladder: Ladder) -> bool:
        """Whether the market shows enough for all of a fill-or-kill order, and the account holds it; if not, it ends."""
        contract = self.ledger.contracts[order.symbol]
        wanted = order.remaining_on(contract.quantity_scale)
        shown, worst = self._within(order, ladder, wanted)
        if shown < wanted:
            return False
        value = abs(self.ledger.value_steps(order.symbol, wanted, worst)) / contract.money_scale
        fee = self.costs.fees.steps(wanted, value, False, contract.money_scale)
        after = self.ledger.after(order.symbol, order.side, wanted)
        if self._afford(order.symbol, order.side, wanted, after, worst, fee) < wanted:
            self._end(CANCELLED, self.orders.index(order.number), UNAFFORDABLE)
            return False
        return True

    def _within(self, order: Queued, ladder: Ladder, wanted: float) -> tuple[float, float]:
        """What the market shows within the order's limit, up to `wanted`, and the worst price of it."""
        worst = ladder.facing(order.side)
        if not ladder.is_deep:
            return (self._offered(order.symbol, ladder.facing_size(order.side)) if worst == worst else 0.0), worst
        total = 0.0
        level = _first(ladder, order.side)
        while 0 <= level < len(ladder.prices) and total < wanted and _accepts(order, ladder.prices[level]):
            size = ladder.shown(-order.side, level)
            if size > 0.0:
                total += self._offered(order.symbol, size)
                worst = ladder.prices[level]
            level += order.side
        return total, worst

    def _take(self, order: Queued, ladder: Ladder) -> None:
        """Take what is shown on the other side, level by level, best first."""
        if not ladder.is_deep:
            price = ladder.facing(order.side)
            if price == price:
                self._take_at(order.number, price, ladder.facing_size(order.side))
            return
        number = order.number
        level = _first(ladder, order.side)
        index = self.orders.index(number)
        while index >= 0 and 0 <= level < len(ladder.prices) and _accepts(self.orders[index], ladder.prices[level]):
            size = ladder.shown(-order.side, level)
            if size > 0.0:
                self._take_at(number, ladder.prices[level], size)
                index = self.orders.index(number)
            level += order.side

    def _take_at(self, number: int, price: float, size: float) -> None:
        """Take up to what `size` offers at `price`."""
        index = self.orders.index(number)
        order = self.orders[index]
        self.available = self._offered(order.symbol, size)
        if order.tif == FOK:
            order.tif = IOC  # that all of it fits is known; now it may come in parts
        self._fill(order, index, price, size, False, not _makes(order))

    def _offered(self, symbol: int, size: float) -> float:
        """What our orders may have of `size`; a size that the data do not say is enough for all."""
        if size != size:
            return inf
        if self.costs.volume_cap < 1.0:
            size *= self.costs.volume_cap
        contract = self.ledger.contracts[symbol]
        return to_lot(size, contract.lot, contract.quantity_scale)

    # The touch has moved.

    def next_at_touch(self, ladder: Ladder, symbol: int, number: int) -> int:
        """Try the orders above `number` at the touch; stop after the first that acts and return its number, else 0."""
        index = self.orders.after(number) if number > 0 else 0
        while index < self.orders.count:
            order = self.orders[index]
            if order.symbol == symbol and order.phase != UNDER_WAY:
                said = self.report_count
                number = order.number
                self._at_touch(order, index, ladder)
                if self.report_count != said:
                    return number
            index += 1
        return 0

    @often
    def _at_touch(self, order: Queued, index: int, ladder: Ladder) -> None:
        """One order and the touch as it stands: one in its place is filled, as maker, where the other side comes to it."""
        price = ladder.facing(order.side)
        if order.phase == IN_PLACE and order.kind == LIMIT:
            if order.side * (order.limit - price) >= 0.0:
                self._make_at_touch(order, index, ladder)
        else:
            self._move_at_touch(order, index, ladder, price)

    @seldom
    def _move_at_touch(self, order: Queued, index: int, ladder: Ladder, price: float) -> None:
        """An order that waits at the market, or a stop."""
        if not self._can_trade(order, ladder):
            return
        if order.phase == AT_MARKET:
            self._at_market(order, ladder)
        elif not order.triggered:
            if self._is_triggered(order, price):
                order.phase = AT_MARKET
                self._at_market(order, ladder)
        elif order.side * (order.limit - price) >= 0.0:
            self._make_at_touch(order, index, ladder)

    @seldom
    def _make_at_touch(self, order: Queued, index: int, ladder: Ladder) -> None:
        """The other side has come to the order's limit: what it shows there trades with us first."""
        if not self._can_trade(order, ladder):
            return
        wanted = order.remaining_on(self.ledger.contracts[order.symbol].quantity_scale)
        shown, _ = self._within(order, ladder, wanted)
        self.available = shown
        self._fill(order, index, order.limit, nan, True, False)

    # The market trades.

    def begin_trade(self, trade: Trade) -> None:
        """A trade is to be matched: what it offers to all our orders together."""
        self.available = self._offered(trade.symbol, trade.size)

    def next_at_trade(self, trade: Trade, ladder: Ladder, number: int) -> int:
        """Try the orders above `number` against a trade; stop after the first that acts and return its number, else 0."""
        index = self.orders.after(number) if number > 0 else 0
        while index < self.orders.count:
            order = self.orders[index]
            if order.symbol == trade.symbol and order.phase != UNDER_WAY:
                said = self.report_count
                number = order.number
                self._at_trade(order, index, trade, ladder)
                if self.report_count != said:
                    return number
            index += 1
        return 0

    def _at_trade(self, order: Queued, index: int, trade: Trade, ladder: Ladder) -> None:
        """One order and one trade."""
        if order.phase == AT_MARKET:
            if not ladder.is_quoted:
                self._at_tape(order, index, trade, ladder)
        elif not self._is_triggered(order, nan):
            if self._is_triggered(order, trade.price):
                offered = self.available
                self.meet(order.number, ladder)
                self.available = offered
        elif trade.aggressor != order.side:
            self._make_at_trade(order, index, trade)

    def _make_at_trade(self, order: Queued, index: int, trade: Trade) -> None:
        """An order in its place: a trade beyond its limit fills it, one at its limit when nothing stands before it."""
        distance = order.side * (order.limit - trade.price)
        if distance > 0.0:
            self._fill(order, index, order.limit, nan, True, False)
        elif distance == 0.0 and order.ahead < inf:
            self._make_in_turn(order, index, trade)

    def _make_in_turn(self, order: Queued, index: int, trade: Trade) -> None:
        """A trade at the order's limit: those ahead first, then the order, up to what is left of the trade."""
        left = trade.size - order.ahead
        order.traded += trade.size
        order.ahead = max(0.0 - left, 0.0)
        offered = self.available
        if left <= 0.0 or offered <= 0.0:
            return
        share = min(offered, self._offered(order.symbol, left))
        self.available = share
        self._fill(order, index, order.limit, nan, True, False)
        scale = self.ledger.contracts[trade.symbol].quantity_scale
        self.available = to_grid(offered - (share - self.available), scale)

    def _at_tape(self, order: Queued, index: int, trade: Trade, ladder: Ladder) -> None:
        """An order meets a trade where nothing else is known: it takes at that price if its limit is beyond."""
        number = order.number
        if not _makes(order) or order.side * (order.limit - trade.price) > 0.0:
            if order.tif == POST_ONLY:
                self._end(CANCELLED, index, -1)
                return
            self._fill(order, index, trade.price, trade.size, False, not _makes(order))
            self._hasten(number)
        elif not self._hasten(number):
            self._queue(order, ladder)

    # A level changes.

    @seldom
    def shift(self, ladder: Ladder, symbol: int, side: int, level: int, after: float) -> None:
        """What is shown at a marked level becomes `after`: the orders in place there may have moved up."""
        before = ladder.shown(side, level)
        marked = 0
        for index in range(self.orders.count):
            order = self.orders[index]
            if order.level == level and order.symbol == symbol:
                marked = 1
                if order.side == side:
                    order.ahead = self.queue.moved(order.ahead, before, after, order.traded)
                    order.traded = 0.0
        ladder.marked[level] = marked


def _makes(order: Queued) -> bool:
    """Whether the order has a limit, at which it can wait."""
    return order.kind == LIMIT or order.kind == STOP_LIMIT


def _accepts(order: Queued, price: float) -> bool:
    """Whether the order may take at `price`."""
    return order.kind == MARKET or order.kind == STOP or order.side * (order.limit - price) >= 0.0


def _first(ladder: Ladder, side: int) -> int:
    """The level that an order of `side` meets first."""
    return ladder.ask_level if side > 0 else ladder.bid_level
