"""The account in numbers: cash by currency, what is held, and what it is worth.

What comes in: fills, marks, corporate actions, money.  What goes out: positions and equity.
Amounts are whole steps of their currency's decimal grid (see `grid`), so sums are exact in whatever order they are
made.  The book has a ledger, and the simulated venue has one of its own: two states that meet only in reports.
"""

from array import array
from math import inf, nan

from stratofold.fold.grid import to_grid, to_lot, to_steps
from stratofold.fold.holding import Holding, holding_of
from stratofold.fold.marks import inside, often, seldom
from stratofold.fold.order import Contract


def zeros(count: int) -> "array[float]":
    """`count` doubles of 0."""
    return array("d", [0.0]) * count


def integers(count: int) -> "array[int]":
    """`count` int64 of 0."""
    return array("q", [0]) * count


NONE, SEVERAL = -1, -2  # instead of a symbol
_DUST = 1e-14  # of an amount: more than what the few roundings on its way to steps can leave


class Ledger:
    """Cash, holdings and worth.  Currency 0 is the base currency; lists are by symbol handle, arrays by currency.

    `moved` is the symbol that alone has moved equity since it was last observed.  `watched` is the one that alone has
    moved it since before that: what it is worth is worked out when its price may make a new peak, when it moves equity
    no longer alone, or when somebody asks.  `lowest_steps` is the least equity since it was last observed.
    `is_plain` says that every contract is paid for, in the base currency, and `takes_whole` that its margin is the whole of
    its price and money of one currency besides; `shorts` counts the positions below 0.
    """

    __slots__ = (
        "cash_steps", "contracts", "currency_count", "holdings", "is_plain", "lends", "lowest_steps", "moved", "rate",
        "scale", "shorts", "symbol_count", "takes_whole", "total_steps", "watched",
    )  # fmt: skip
    FIXED_IN_RUN = (
        "cash_steps",
        "contracts",
        "currency_count",
        "holdings",
        "is_plain",
        "lends",
        "rate",
        "scale",
        "symbol_count",
        "takes_whole",
        "total_steps",
    )
    HOLDS_WITHIN = ("cash_steps", "holdings", "rate", "scale", "total_steps")

    def __init__(self, contracts: list[Contract], scales: "array[float]", cash: float) -> None:
        """Nothing held; `cash` units of the base currency; `scales` are the steps a unit of each currency."""
        self.symbol_count: int = len(contracts)
        self.currency_count: int = len(scales)
        self.contracts: list[Contract] = contracts
        self.lends: bool = any(contract.borrow != 0.0 for contract in contracts)
        self.is_plain: bool = not any(contract.margined or contract.currency != 0 for contract in contracts)
        alone = len(scales) == 1  # money of another currency buys too, though it is in no position
        self.takes_whole: bool = alone and self.is_plain and all(contract.margin == 1.0 for contract in contracts)
        self.shorts: int = 0
        self.holdings: list[Holding] = [holding_of(contract) for contract in contracts]
        self.scale = array("d", scales)
        self.rate = array("d", [1.0] + [nan] * (len(scales) - 1))
        self.cash_steps = zeros(len(scales))
        self.total_steps = zeros(len(scales))
        self.cash_steps[0] = to_steps(cash, scales[0])
        self.moved: int = NONE
        self.watched: int = NONE
        self.lowest_steps: float = inf

    def only(self, symbol: int) -> int:
        """The handle `symbol`, which there is; where there is one alone, machine code is told so here."""
        return 0 if self.symbol_count == 1 else symbol

    def value_steps(self, symbol: int, quantity: float, price: float) -> float:
        """What signed `quantity` is worth at `price`, in steps of its currency."""
        return self.holdings[symbol].value_steps(quantity, price)

    @often
    def hear(self, symbol: int, price: float) -> bool:
        """Take `price` as the last one; whether equity may be at a new peak, or below 0, with it."""
        holding = self.holdings[symbol]
        holding.price = price
        if holding.low <= price <= holding.high:
            return False
        return self._weigh(symbol, price)

    @often
    def _weigh(self, symbol: int, price: float) -> bool:
        """`price` may bring equity somewhere new."""
        if self.watched == symbol:
            self.moved = symbol
        else:
            if self.watched >= 0:
                self._forget_watched()
            self.moved = symbol if self.moved == NONE else SEVERAL
        self.mark(symbol, price)
        return True

    @often
    def note(self, symbol: int) -> None:
        """Time moves on: the last price of the watched symbol was one that equity has gone through.

        `symbol` is the one that is likely to be watched: naming it keeps the holding of the one symbol of a run in
        registers.
        """
        if self.watched == symbol:
            self._note(symbol)
        elif self.watched >= 0:
            self._note(self.watched)

    @often
    def _note(self, symbol: int) -> None:
        """The lowest and the highest price that `symbol` has gone through."""
        holding = self.holdings[symbol]
        price = holding.price
        lowest = holding.lowest
        highest = holding.highest
        holding.lowest = min(lowest, price)
        holding.highest = max(highest, price)

    @often
    def take_lowest(self) -> float:
        """The least equity, in steps, of the times that have passed since it was last observed; inf where none did."""
        if self.watched >= 0:
            self._sound()
        lowest = self.lowest_steps
        self.lowest_steps = inf
        return lowest

    @often
    def _sound(self) -> None:
        """What equity was at the worst price that the watched symbol has gone through."""
        holding = self.holdings[self.watched]
        if holding.lowest <= holding.highest:
            self._sound_at(holding, holding.lowest if holding.quantity > 0.0 else holding.highest)

    @seldom
    def _sound_at(self, holding: Holding, price: float) -> None:
        """What equity was when the watched `holding` was at `price`."""
        worth = to_steps(holding.quantity * price * holding.multiplier, holding.money_scale) + holding.carried_steps
        total = self.total_steps[holding.currency]
        self.total_steps[holding.currency] = total + (worth - holding.worth_steps)
        steps = self.marked_steps
        self.total_steps[holding.currency] = total
        if steps < self.lowest_steps:
            self.lowest_steps = steps
        holding.lowest = inf
        holding.highest = -inf

    @often
    def watch(self, symbol: int, equity_steps: float, peak_steps: float) -> None:
        """Equity was observed: where one symbol alone moved it, most of its prices are harmless from now on.

        `symbol` is the one that is likely to have moved it, as in `note`.
        """
        if self.moved == symbol:
            self._watch(symbol, equity_steps, peak_steps)
        elif self.moved >= 0:
            self._watch(self.moved, equity_steps, peak_steps)
        self.moved = NONE

    @often
    def _watch(self, symbol: int, equity_steps: float, peak_steps: float) -> None:
        """`symbol` alone moved equity, and its price has done what harm it can."""
        holding = self.holdings[symbol]
        price = holding.price
        if self.watched != symbol:
            self.watched = symbol
            self._expect(holding, equity_steps, peak_steps)
        elif price < holding.low:
            holding.low = price
        elif price > holding.high:
            holding.high = price

    @seldom
    def _expect(self, holding: Holding, equity_steps: float, peak_steps: float) -> None:
        """From equity at the last price: between which prices it stays from 0 to the peak, rounding allowed for."""
        price = holding.price
        per_step = 1.0
        if holding.currency != 0:
            per_step = self.rate[holding.currency] * self.scale[0] / self.scale[holding.currency]
        per_price = abs(holding.quantity * holding.multiplier * holding.money_scale * per_step)
        slack = 2.0 + 2.0 * per_step + _DUST * (abs(peak_steps) + per_price * abs(price))
        holding.low = price
        holding.high = price
        holding.lowest = inf
        holding.highest = -inf
        if not per_price > 0.0:
            return
        price_per = 1.0 / per_price
        rise = max(peak_steps - equity_steps - slack, 0.0) * price_per
        fall = max(equity_steps - slack, 0.0) * price_per
        if holding.quantity > 0.0:
            holding.low = price - fall
            holding.high = price + rise
        else:
            holding.low = price - rise
            holding.high = price + fall

    def unwatch(self) -> None:
        """Something else moves equity: no price is harmless any more."""
        if self.moved != NONE:
            self.moved = SEVERAL
        if self.watched >= 0:
            self._forget_watched()

    @seldom
    def alarm(self) -> None:
        """Where something is held and equity is below 0, no price is harmless, of what is not held either."""
        if self.equity_steps >= 0.0:
            return
        is_held = False
        for symbol in range(self.symbol_count):
            is_held = is_held or self.holdings[symbol].quantity != 0.0
        if is_held:
            for symbol in range(self.symbol_count):  # by handle: of a loop's own name nobody knows what else is written
                self.holdings[symbol].low = inf
                self.holdings[symbol].high = -inf

    @often
    def _unwatch_for(self, symbol: int) -> None:
        """As `unwatch`, before `symbol` is marked again: where it is the watched one, nobody need mark it twice."""
        if self.moved != NONE:
            self.moved = SEVERAL
        if self.watched == symbol:
            self._sound()
            self.watched = NONE
        elif self.watched >= 0:
            self._forget_watched()

    @seldom
    def _forget_watched(self) -> None:
        """The watched symbol moves equity no longer alone."""
        self._sound()
        self._refresh_watched()
        self.holdings[self.watched].forget()
        self.watched = NONE

    @seldom
    def refresh(self) -> None:
        """Bring the worth of the watched symbol up to date."""
        if self.watched >= 0:
            self._refresh_watched()

    @seldom
    def _refresh_watched(self) -> None:
        """As `refresh`, when there is a watched symbol."""
        holding = self.holdings[self.watched]
        if holding.price != holding.marked:
            self.mark(self.watched, holding.price)

    def mark(self, symbol: int, price: float) -> bool:
        """Take `price` as the last one, bring the worth of the position up to date; whether there is a position."""
        holding = self.holdings[symbol]
        holding.price = price
        holding.marked = price
        quantity = holding.quantity
        if quantity == 0.0:
            return False
        worth = to_steps(quantity * price * holding.multiplier, holding.money_scale) + holding.carried_steps
        self.total_steps[holding.currency] += worth - holding.worth_steps
        holding.worth_steps = worth
        return True

    def revalue(self, symbol: int) -> None:
        """Bring the worth of the position at its last price up to date; one that is flat is worth nothing."""
        holding = self.holdings[symbol]
        if not self.mark(symbol, holding.price):
            self._forget_worth(holding)

    @inside("currency", "total_steps")
    def _forget_worth(self, holding: Holding) -> None:
        """What is flat is worth nothing."""
        total_steps = self.total_steps
        currency = holding.currency
        total_steps[currency] -= holding.worth_steps
        holding.worth_steps = 0.0

    def base_steps(self, currency: int, steps: float) -> float:
        """Steps of `currency` in steps of the base currency, at the last rate."""
        if currency == 0:
            return steps
        return to_steps(steps / self.scale[currency] * self.rate[currency], self.scale[0])

    @property
    def equity_steps(self) -> float:
        """Cash and worth of every position, in steps of the base currency."""
        if self.watched >= 0:
            self._refresh_watched()
        return self.marked_steps

    @property
    def marked_steps(self) -> float:
        """As `equity_steps`, when the worth of the watched symbol is known to be up to date."""
        total = self.cash_steps[0] + self.total_steps[0]
        return total if self.currency_count == 1 else total + self._foreign_steps()

    @seldom
    def _foreign_steps(self) -> float:
        """Cash and worth in other currencies, in steps of the base currency."""
        total = 0.0
        for currency in range(1, self.currency_count):
            total += self.base_steps(currency, self.cash_steps[currency] + self.total_steps[currency])
        return total

    @property
    def gross_steps(self) -> float:
        """Worth of every position whichever its sign, at the prices marked, in base steps."""
        return self.total_steps[0] if self.is_plain and self.shorts == 0 else self._gross_apart()

    @seldom
    def _gross_apart(self) -> float:
        """As `gross_steps`, where some positions are worth less than 0, or in another currency."""
        gross = 0.0
        for holding in self.holdings:
            worth = holding.worth_steps - holding.carried_steps  # 0 where nothing is held: added, not asked about
            if holding.currency != 0 and worth != 0.0:
                worth = self.base_steps(holding.currency, worth)
            gross += abs(worth)
        return gross

    @property
    def equity(self) -> float:
        """Cash and worth of every position, in the base currency."""
        return self.equity_steps / self.scale[0]

    @inside("symbol", "holdings")
    def fill(self, symbol: int, side: int, quantity: float, price: float, fee: float) -> tuple[float, float]:
        """Post a fill of `quantity` units at `price` and mark what is held; `fee` is in the instrument's currency.

        Returns the value and the fee, in steps.
        """
        holdings = self.holdings
        holding = holdings[symbol]
        self._unwatch_for(symbol)
        value = holding.value_steps(quantity, price)
        fee_steps = to_steps(fee, holding.money_scale)
        before = holding.quantity
        after = self.after(symbol, side, quantity)
        self.post(symbol, side, after, price, value, fee_steps)
        holding.average(before, after, price)
        holding.forget()
        self.mark(symbol, holding.price)
        return value, fee_steps

    @inside("symbol", "holdings", "contracts")
    def after(self, symbol: int, side: int, quantity: float) -> float:
        """What is held after a fill of `quantity` units."""
        holdings = self.holdings
        contracts = self.contracts
        return to_grid(holdings[symbol].quantity + side * quantity, contracts[symbol].quantity_scale)

    @inside("symbol", "holdings", "contracts")
    @inside("currency", "cash_steps")
    def post(self, symbol: int, side: int, after: float, price: float, value: float, fee_steps: float) -> None:
        """Post a fill that leaves `after` units held, of that `value` and fee, both in steps.

        No symbol is watched and no average asked for: it is the broker's.  What is held keeps the worth of its last mark.
        """
        holdings = self.holdings
        contracts = self.contracts
        cash_steps = self.cash_steps
        contract = contracts[symbol]
        holding = holdings[symbol]
        currency = contract.currency
        self._hold(holding, after)
        if holding.price != holding.price:
            holding.price = price
        if contract.margined:
            holding.carried_steps -= side * value
            cash_steps[currency] -= fee_steps
        else:
            cash_steps[currency] -= side * value + fee_steps
        if after == 0.0:
            self._settle_if_flat(holding)
            self._forget_worth(holding)

    def _hold(self, holding: Holding, quantity: float) -> None:
        """From now on `quantity` units are held, signed."""
        if holding.quantity < 0.0:
            self.shorts -= 1
        if quantity < 0.0:
            self.shorts += 1
        holding.quantity = quantity

    def _settle_if_flat(self, holding: Holding) -> None:
        """A margined position that is flat moves what it carried to cash."""
        if holding.quantity == 0.0 and holding.carried_steps != 0.0:
            self.cash_steps[holding.currency] += holding.carried_steps
            holding.carried_steps = 0.0

    def pay(self, currency: int, steps: float) -> None:
        """Add `steps` of `currency` to cash; negative takes them away."""
        self.unwatch()
        self.cash_steps[currency] += steps

    def convert_at(self, currency: int, rate: float) -> None:
        """Take `rate` as what one unit of `currency` is worth in the base currency."""
        self.unwatch()
        self.rate[currency] = rate

    def split(self, symbol: int, ratio: float) -> float:
        """Split `ratio` new units for one old; the fraction of a lot is paid.  Returns the steps paid in lieu."""
        self.unwatch()
        contract = self.contracts[symbol]
        self.holdings[symbol].split_factor *= ratio
        price = self.holdings[symbol].price / ratio
        exact = self.holdings[symbol].quantity * ratio
        whole = to_lot(exact, contract.lot, contract.quantity_scale)
        paid = 0.0
        if exact != whole:
            paid = self.value_steps(symbol, exact - whole, price)
            self.cash_steps[contract.currency] += paid
        self._hold(self.holdings[symbol], whole)
        self.holdings[symbol].forget()
        self.holdings[symbol].average_price /= ratio
        if price == price:
            self.holdings[symbol].price = to_grid(price, contract.price_scale)
        self._settle_if_flat(self.holdings[symbol])
        if self.holdings[symbol].price == self.holdings[symbol].price:
            self.revalue(symbol)
        return paid

    def per_unit_steps(self, symbol: int, amount: float) -> float:
        """`amount` of money for each unit held, in steps: a dividend."""
        return to_steps(self.holdings[symbol].quantity * amount, self.holdings[symbol].money_scale)

    def funding_steps(self, symbol: int, rate: float) -> float:
        """What a long pays at funding rate `rate` on the position's value, in steps."""
        if self.holdings[symbol].quantity == 0.0:
            return 0.0
        value = self.holdings[symbol].quantity * self.holdings[symbol].price * self.holdings[symbol].multiplier
        return to_steps(value * rate, self.holdings[symbol].money_scale)

    def borrow_steps(self, symbol: int, days: int) -> float:
        """What borrowing the position costs for `days` calendar days, in steps; nothing for a long."""
        yearly = self.contracts[symbol].borrow
        if yearly == 0.0 or self.contracts[symbol].margined or self.holdings[symbol].quantity >= 0.0:
            return 0.0
        value = (
            abs(self.value_steps(symbol, self.holdings[symbol].quantity, self.holdings[symbol].price))
            / self.holdings[symbol].money_scale
        )
        return to_steps(value * yearly * days / 365, self.holdings[symbol].money_scale)

    def margin_steps(self, symbol: int) -> float:
        """Initial margin of the position at its last price, in base steps."""
        return self.required_steps(
            symbol, self.holdings[symbol].quantity, self.holdings[symbol].price, self.contracts[symbol].margin
        )

    def required_steps(self, symbol: int, quantity: float, price: float, fraction: float) -> float:
        """`fraction` of the value of `quantity` at `price`, in base steps."""
        if quantity == 0.0:
            return 0.0
        return self.part_steps(symbol, self.value_steps(symbol, quantity, price), fraction)

    def part_steps(self, symbol: int, value: float, fraction: float) -> float:
        """`fraction` of a `value` in steps of the symbol's currency, whichever its sign, in base steps."""
        holding = self.holdings[symbol]
        part = abs(value)
        if fraction != 1.0:  # the whole of it is whole steps already
            part = to_steps(part / holding.money_scale * fraction, holding.money_scale)
        return self.base_steps(holding.currency, part)

    @property
    def buying_power(self) -> float:
        """Equity less the initial margin of every position, in the base currency; never below 0."""
        free = self.equity_steps
        free -= self.gross_steps if self.takes_whole else self._margins()
        return max(free, 0.0) / self.scale[0]

    @seldom
    def _margins(self) -> float:
        """The initial margin of every position, in base steps."""
        total = 0.0
        for symbol in range(self.symbol_count):
            if self.holdings[symbol].quantity != 0.0:
                total += self.margin_steps(symbol)
        return total
