"""The simulated venue: a broker and an exchange on bars.  It takes messages and answers with reports.

What comes in: messages from the book, bars, actions.  What goes out: reports, in the order in which things happened.
The rules are the fill contract in the documentation, phase by phase; the driver carries each report through the
fold's one step before the next order is tried.

Ignores: the path of prices inside a bar beyond that contract, queue position, the effect of our orders on prices.
"""

from math import inf

from stratofold.events import CANCELLED, EXPIRED, FILLED, PARTIAL, Bar
from stratofold.fold.desk import CALLED, CLOSE, LIMITS, OPEN, PHASES, STOPS, Desk, Place, split_order
from stratofold.fold.grid import to_grid, to_lot
from stratofold.fold.marks import few_turns, inside, often, seldom
from stratofold.fold.order import (
    AT_CLOSE,
    BUY,
    FOK,
    FOREVER,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    STOP,
    STOP_LIMIT,
    Contract,
    Resting,
)
from stratofold.fold.risk import UNAFFORDABLE


class Venue(Desk):
    """A broker and an exchange on bars: a desk that matches what rests on it."""

    __slots__ = ()

    # A bar, phase by phase.

    @often
    def passes(self, bar: Bar, place: Place) -> bool:
        """Whether the bar leaves every order of its symbol, whose `place` it is, as it stands.

        The open is asked about too, for it may lie outside the bar's range; no bar with a NaN passes.
        """
        return (
            place.low < bar.low
            and bar.high < place.high
            and place.low < bar.open < place.high
            and place.phases < CALLED
            and bar.time < self.expiry
            and self.inbox_count == 0
        )

    @few_turns
    def end(self, symbol: int, place: Place) -> None:
        """A bar has been matched: between which prices the next ones touch none of the orders that are left."""
        place.expect_nothing()
        if place.working > 0:
            for index in range(self.orders.count):
                if self.orders[index].symbol == symbol:
                    place.expect(self.orders[index])

    def begin(self, bar: Bar, place: Place) -> None:
        """A bar is to be matched: when it began, what it offers, what has arrived."""
        symbol = bar.symbol
        self.time = bar.time
        self.bar_index += 1
        self.start = max(bar.time - bar.span, place.last_time)
        if self.inbox_count > 0:
            self._take_mail(symbol)
        self.available = inf
        if self.costs.volume_cap < inf:
            contract = self.ledger.contracts[symbol]
            volume = self.costs.volume_cap * bar.volume
            self.available = to_lot(volume, contract.lot, contract.quantity_scale)

    @often
    @few_turns
    def next(self, bar: Bar, phase: int, number: int) -> int:
        """Try the orders above `number` in `phase`; stop after the first that acts and return its number, else 0."""
        self.phase = phase
        self.matching = bar.symbol
        if phase == CLOSE and self._end_left(EXPIRED, number):
            return number
        index = self.orders.after(number) if number > 0 else 0
        while index < self.orders.count:
            order = self.orders[index]
            number = order.number
            if order.symbol == bar.symbol and self._may_act(order, phase) and self._try(order, index, bar, phase):
                return number
            index += 1
        return 0

    def _may_act(self, order: Resting, phase: int) -> bool:
        """Whether the order was here when the bar began and has not had its turn in this bar."""
        return (
            order.arrives <= self.start
            and order.bar_filled != self.bar_index
            and (order.phase_from == 0 or self.bar_index * PHASES + phase >= order.phase_from)
        )

    def _try(self, order: Resting, index: int, bar: Bar, phase: int) -> bool:
        """One order in one phase; returns whether there is something to report."""
        said = self.report_count
        if order.tif == AT_CLOSE:
            if phase == CLOSE and bar.time >= bar.session_close:
                self._at_close(order, index, bar)
        elif phase == OPEN:
            self._at_open(order, index, bar)
        elif phase == STOPS:
            self._reach_stop(order, index, bar)
        elif phase == LIMITS:
            self._touch_limit(order, index, bar)
        return self.report_count != said

    @often
    def _at_open(self, order: Resting, index: int, bar: Bar) -> None:
        """Phase 1: what the open fills, and what IOC and FOK make of it."""
        number = order.number
        hasty = order.tif == IOC or order.tif == FOK
        if order.kind != MARKET and order.kind != LIMIT and not order.triggered:
            order.triggered = order.side * (bar.open - order.stop) >= 0.0
        takes = order.kind == MARKET or (order.kind == STOP and order.triggered)
        if takes or (
            order.kind != STOP
            and (order.kind == LIMIT or order.triggered)
            and order.side * (order.limit - bar.open) >= 0.0
        ):
            self._fill(order, index, bar.open, bar.volume, False, takes)
        if hasty:
            self._end_left(CANCELLED, number)

    @seldom
    def _end_left(self, kind: int, number: int) -> bool:
        """What is left of order `number`, if anything, has had its turn; returns whether something was."""
        left = self.orders.index(number)
        if left >= 0:
            self._end(kind, left, -1)
        return left >= 0

    def _reach_stop(self, order: Resting, index: int, bar: Bar) -> None:
        """Phase 2: stops that the bar's range reaches."""
        if order.triggered or (order.kind != STOP and order.kind != STOP_LIMIT):
            return
        if not self._reached(order, bar):
            return
        order.triggered = True
        price = self._worse(order, bar.open)
        if order.kind == STOP:
            self._fill(order, index, price, bar.volume, False, True)
        elif order.side * (order.limit - price) >= 0.0:
            self._fill(order, index, price, bar.volume, False, False)
        else:
            order.bar_filled = self.bar_index

    def _reached(self, order: Resting, bar: Bar) -> bool:
        """Whether the bar's range reaches the order's stop."""
        if order.side > 0:
            return bar.high >= order.stop
        return bar.low <= order.stop

    def _worse(self, order: Resting, price: float) -> float:
        """The order's stop, or `price` if that is worse."""
        if order.side > 0:
            return max(order.stop, price)
        return min(order.stop, price)

    def _touch_limit(self, order: Resting, index: int, bar: Bar) -> None:
        """Phase 3: limits that the bar's range touches.

        One that lies past the whole bar was born in it or moved into it: it fills at the bar's worst price for it.
        """
        if order.kind != LIMIT and not (order.kind == STOP_LIMIT and order.triggered):
            return
        price = order.limit
        if order.side > 0:
            touched = bar.low <= price
            if price > bar.high:
                price = bar.high
        else:
            touched = bar.high >= price
            if price < bar.low:
                price = bar.low
        if touched:
            self._fill(order, index, price, bar.volume, True, False)

    @seldom
    def _at_close(self, order: Resting, index: int, bar: Bar) -> None:
        """Phase 4: orders for the close; what does not fill expires, of a part fill when `on_fill` has heard it (`next`)."""
        said = self.report_count
        if order.kind == MARKET:
            self._fill(order, index, bar.close, bar.volume, False, True)
        elif order.side * (order.limit - bar.close) >= 0.0:
            self._fill(order, index, bar.close, bar.volume, False, False)
        if self.report_count == said:
            self._end(EXPIRED, index, -1)

    def try_urgent(self, bar: Bar, entry_price: float) -> None:
        """A stop leg whose entry has just filled inside the bar, before any other order."""
        index = self.orders.index(self.urgent)
        self.urgent = 0
        if index < 0:
            return
        leg = self.orders.at(index)
        if self._reached(leg, bar):
            leg.triggered = True
            self._fill(leg, index, self._worse(leg, entry_price), bar.volume, False, True)

    # One fill.

    @inside("symbol", "contracts", "holdings")
    def _fill(self, order: Resting, index: int, price: float, volume: float, maker: bool, slips: bool) -> None:
        """Fill what is available and the account allows, and report it; `volume` is what slippage is a share of."""
        symbol = order.symbol
        side = order.side
        contracts = self.ledger.contracts
        holdings = self.ledger.holdings
        contract = contracts[symbol]
        holding = holdings[symbol]
        remaining = order.remaining_on(contract.quantity_scale)
        quantity = min(remaining, self.available)
        if order.tif == FOK and quantity < remaining:
            return
        if quantity <= 0.0:
            return
        self.raw_price = price
        if slips:
            price = self.costs.slippage.price(side, price, quantity, volume, contract.price_scale)
        else:
            price = to_grid(price, contract.price_scale)
        steps = holding.value_steps(quantity, price)
        value = abs(steps) / contract.money_scale
        fee_steps = self.costs.fees.steps(quantity, value, maker, contract.money_scale)
        after = self.ledger.after(symbol, side, quantity)
        affordable = self._afford(symbol, side, quantity, after, price, fee_steps)
        cut = affordable < quantity
        if cut:
            if order.tif == FOK or affordable <= 0.0:
                self._end(CANCELLED, index, UNAFFORDABLE)
                return
            quantity = affordable
            after = self.ledger.after(symbol, side, quantity)
            steps = holding.value_steps(quantity, price)
            value = abs(steps) / contract.money_scale
            fee_steps = self.costs.fees.steps(quantity, value, maker, contract.money_scale)
        self.costs.fees.book(value)
        self.ledger.post(symbol, side, after, price, steps, fee_steps)
        left = self._do(order, contract, quantity, price, fee_steps / contract.money_scale, maker)
        if left <= 0.0:
            self._remove(index, symbol)
        elif cut:
            self._end(CANCELLED, index, UNAFFORDABLE)

    def _do(self, order: Resting, contract: Contract, quantity: float, price: float, fee: float, maker: bool) -> float:
        """Take the fill off the order and off what the bar offers, and report it; returns what is left of the order."""
        order.bar_filled = self.bar_index
        if self.available < inf:
            self.available = to_grid(self.available - quantity, contract.quantity_scale)
        if order.filled == 0.0:
            order.filled = quantity
        else:
            order.filled = to_grid(order.filled + quantity, contract.quantity_scale)
        kind = FILLED if order.filled >= order.quantity else PARTIAL
        report = self._report(kind, order.number, order.symbol, order.side)
        report.quantity = quantity
        report.price = price
        report.fee = fee
        report.maker = maker
        left = order.remaining_on(contract.quantity_scale) if kind == PARTIAL else 0.0
        report.leaves = left
        return left

    @often
    @inside("symbol", "contracts", "holdings", "places")
    def _afford(self, symbol: int, side: int, quantity: float, after: float, price: float, fee_steps: float) -> float:
        """How much of `quantity`, with which `after` is held, the account can hold at `price`, its fee paid.

        What reduces passes whole.
        """
        ledger = self.ledger
        contracts = ledger.contracts
        holdings = ledger.holdings
        places = self.places
        contract = contracts[symbol]
        held = holdings[symbol].quantity
        if (held * after >= 0.0 and abs(after) <= abs(held)) or contract.margin == 0.0:
            return quantity
        available = self._free_of_others(symbol, price) - ledger.base_steps(contract.currency, fee_steps)
        holdings[symbol].price = places[symbol].price
        if ledger.required_steps(symbol, after, price, contract.margin) <= available:
            return quantity
        most = 0.0
        if available > 0.0:
            each = price * contract.multiplier * contract.margin * ledger.rate[contract.currency]
            most = to_lot(available / ledger.scale[0] / each, contract.lot, contract.quantity_scale)
        cut = to_grid(most - side * held, contract.quantity_scale)
        if side * held < 0.0:
            cut = max(cut, abs(held))
        return min(max(cut, 0.0), quantity)

    @often
    def _free_of_others(self, symbol: int, price: float) -> float:
        """Equity with `symbol` at `price`, less the margin of all else that is held, in base steps.

        What is long and paid for in full is its own margin, whatever it is worth: it need not be looked at.
        """
        ledger = self.ledger
        if ledger.symbol_count > 1 and not (ledger.takes_whole and ledger.shorts == 0):
            return self._free_beside(symbol, price)
        ledger.mark(symbol, price)
        if ledger.symbol_count == 1:
            return ledger.equity_steps
        return ledger.cash_steps[0] + ledger.holdings[symbol].worth_steps

    @seldom
    def _free_beside(self, symbol: int, price: float) -> float:
        """As `_free_of_others`, where each of the others is to be looked at."""
        ledger = self.ledger
        total = 0.0
        for other in range(ledger.symbol_count):
            if other == symbol:
                ledger.mark(other, price)
            elif ledger.holdings[other].quantity != 0.0:
                holding = ledger.holdings[other]
                ledger.mark(other, self.places[other].price)
                value = holding.worth_steps - holding.carried_steps
                total += ledger.part_steps(other, value, ledger.contracts[other].margin)
        return ledger.equity_steps - total

    def _equity_steps(self) -> float:
        """Equity at the last prices, worked out afresh: the broker's ledger is not marked bar by bar."""
        for symbol in range(self.ledger.symbol_count):
            if self.ledger.holdings[symbol].quantity != 0.0:
                self.ledger.revalue(symbol)
        return self.ledger.equity_steps

    def note_prices(self) -> None:
        """Bring the last prices to the broker's ledger: only fills and margins ask for them."""
        for symbol in range(self.ledger.symbol_count):
            self.ledger.holdings[symbol].price = self.places[symbol].price

    # What ends orders, and positions, without a strategy's word.

    def expire_before(self, time: int) -> None:
        """Day orders whose session closed before `time` expire."""
        self.time = time
        self._expire(time - 1, -1)

    def expire_at(self, bar: Bar) -> None:
        """Day orders of the bar's symbol whose session closes with it expire."""
        self._expire(bar.time, bar.symbol)

    def _expire(self, time: int, symbol: int) -> None:
        """Day orders (of `symbol`, -1 for all) that expire at or before `time`."""
        index = 0
        self.expiry = FOREVER
        while index < self.orders.count:
            order = self.orders[index]
            if order.expires <= time and (symbol < 0 or order.symbol == symbol):
                self._end(EXPIRED, index, -1)
            else:
                self.expiry = min(self.expiry, order.expires)
                index += 1

    def cancel_all(self, symbol: int) -> None:
        """Every order of `symbol` is cancelled."""
        index = 0
        while index < self.orders.count:
            if self.orders[index].symbol == symbol:
                self._end(CANCELLED, index, -1)
            else:
                index += 1

    def split(self, symbol: int, ratio: float) -> None:
        """Positions and working orders go on in new units; an order left with nothing is cancelled."""
        self.note_prices()
        self.ledger.split(symbol, ratio)
        self.places[symbol].price = self.ledger.holdings[symbol].price
        contract = self.ledger.contracts[symbol]
        index = 0
        while index < self.orders.count:
            order = self.orders[index]
            index += 1
            if order.symbol == symbol:
                split_order(order, ratio, contract.lot, contract.quantity_scale, contract.price_scale)
                self.places[symbol].expect(order)
                if order.quantity <= order.filled:
                    index -= 1
                    self._end(CANCELLED, index, -1)

    @seldom
    def check_margin(self, time: int) -> None:
        """After a close: an account under its maintenance margin is called, every position of it."""
        required = 0.0
        ledger = self.ledger
        self.note_prices()
        for symbol in range(ledger.symbol_count):
            if ledger.holdings[symbol].quantity != 0.0:
                maintenance = ledger.contracts[symbol].maintenance
                required += ledger.required_steps(
                    symbol, ledger.holdings[symbol].quantity, ledger.holdings[symbol].price, maintenance
                )
        if self._equity_steps() < required:
            for symbol in range(ledger.symbol_count):
                if ledger.holdings[symbol].quantity != 0.0 and self.places[symbol].called == 0:
                    self.places[symbol].call(time)

    def is_called(self, symbol: int, place: Place) -> bool:
        """Whether this bar closes a called position: it began after the call, is not halted, and something is held."""
        if place.called == 0 or self.start < place.called or place.halted:
            return False
        if self.ledger.holdings[symbol].quantity == 0.0:
            place.settle()
            return False
        return True

    def liquidate(self, bar: Bar) -> None:
        """A called position is closed at the open; its orders were cancelled first."""
        symbol = bar.symbol
        self.places[symbol].settle()
        held = self.ledger.holdings[symbol].quantity
        if held == 0.0:
            return
        contract = self.ledger.contracts[symbol]
        price = to_grid(bar.open, contract.price_scale)
        value = abs(self.ledger.value_steps(symbol, held, price)) / contract.money_scale
        fee_steps = self.costs.fees.steps(abs(held), value, False, contract.money_scale)
        self.costs.fees.book(value)
        self._settle(symbol, price, fee_steps / contract.money_scale)

    def settle(self, symbol: int, value: float) -> None:
        """A position is closed for us at `value` a unit (NaN: the last price), without a fee."""
        if self.ledger.holdings[symbol].quantity == 0.0:
            return
        price = value if value == value else self.places[symbol].price
        self._settle(symbol, to_grid(price, self.ledger.contracts[symbol].price_scale), 0.0)

    def _settle(self, symbol: int, price: float, fee: float) -> None:
        """Close the whole position and report it as a fill of no order of ours."""
        held = self.ledger.holdings[symbol].quantity
        side = SELL if held > 0.0 else BUY
        self.ledger.fill(symbol, side, abs(held), price, fee)
        report = self._report(FILLED, 0, self.ledger.only(symbol), side)
        report.quantity = abs(held)
        report.price = price
        report.fee = fee

    def miss_close(self, bar: Bar) -> None:
        """A halted symbol's session closes: orders for that close expire."""
        index = 0
        while index < self.orders.count:
            order = self.orders[index]
            if order.symbol == bar.symbol and order.tif == AT_CLOSE and self._may_act(order, CLOSE):
                self._end(EXPIRED, index, -1)
            else:
                index += 1
