"""The account in numbers: cash by currency, what is held, and what it is worth.

What comes in: fills, marks, corporate actions, money.  What goes out: positions and equity.
Amounts are whole steps of their currency's decimal grid (see `grid`), so sums are exact in whatever order they are
made.  The book has a ledger, and the simulated venue has one of its own: two states that meet only in reports.
"""

from array import array
from math import nan

from stratofold.fold.grid import to_grid, to_lot, to_steps
from stratofold.fold.order import Contract


def zeros(count: int) -> "array[float]":
    """`count` doubles of 0."""
    return array("d", bytes(8 * count))


def integers(count: int) -> "array[int]":
    """`count` int64 of 0."""
    return array("q", bytes(8 * count))


class Ledger:
    """Cash, positions and worth.  Currency 0 is the base currency; arrays are by symbol handle or by currency."""

    __slots__ = (
        "average_price", "carried_steps", "cash_steps", "contracts", "currency", "currency_count", "lends", "money_scale",
        "multiplier", "price", "quantity", "rate", "scale", "symbol_count", "total_steps", "worth_steps",
    )  # fmt: skip

    def __init__(self, contracts: list[Contract], scales: "array[float]", cash: float) -> None:
        """Nothing held; `cash` units of the base currency; `scales` are the steps a unit of each currency."""
        count = len(contracts)
        self.symbol_count: int = count
        self.currency_count: int = len(scales)
        self.contracts: list[Contract] = contracts
        self.lends: bool = any(contract.borrow != 0.0 for contract in contracts)
        self.quantity = zeros(count)
        self.price = array("d", [nan]) * count
        self.average_price = array("d", [nan]) * count
        self.carried_steps = zeros(count)
        self.worth_steps = zeros(count)
        self.multiplier = array("d", [c.multiplier for c in contracts])
        self.money_scale = array("d", [c.money_scale for c in contracts])
        self.currency = array("q", [c.currency for c in contracts])
        self.scale = array("d", scales)
        self.rate = array("d", [1.0] + [nan] * (len(scales) - 1))
        self.cash_steps = zeros(len(scales))
        self.total_steps = zeros(len(scales))
        self.cash_steps[0] = to_steps(cash, scales[0])

    def value_steps(self, symbol: int, quantity: float, price: float) -> float:
        """What signed `quantity` is worth at `price`, in steps of its currency."""
        return to_steps(quantity * price * self.multiplier[symbol], self.money_scale[symbol])

    def mark(self, symbol: int, price: float) -> None:
        """Take `price` as the last one and bring the worth of the position up to date."""
        self.price[symbol] = price
        quantity = self.quantity[symbol]
        if quantity != 0.0:
            worth = to_steps(quantity * price * self.multiplier[symbol], self.money_scale[symbol])
            worth += self.carried_steps[symbol]
            self.total_steps[self.currency[symbol]] += worth - self.worth_steps[symbol]
            self.worth_steps[symbol] = worth

    def revalue(self, symbol: int) -> None:
        """Bring the worth of the position at its last price up to date."""
        if self.quantity[symbol] != 0.0:
            self.mark(symbol, self.price[symbol])
        else:
            self.total_steps[self.currency[symbol]] -= self.worth_steps[symbol]
            self.worth_steps[symbol] = 0.0

    def base_steps(self, currency: int, steps: float) -> float:
        """Steps of `currency` in steps of the base currency, at the last rate."""
        if currency == 0:
            return steps
        return to_steps(steps / self.scale[currency] * self.rate[currency], self.scale[0])

    @property
    def equity_steps(self) -> float:
        """Cash and worth of every position, in steps of the base currency."""
        total = self.cash_steps[0] + self.total_steps[0]
        if self.currency_count == 1:
            return total
        for currency in range(1, self.currency_count):
            total += self.base_steps(currency, self.cash_steps[currency] + self.total_steps[currency])
        return total

    @property
    def equity(self) -> float:
        """Cash and worth of every position, in the base currency."""
        return self.equity_steps / self.scale[0]

    def fill(self, symbol: int, side: int, quantity: float, price: float, fee: float) -> None:
        """Post a fill of `quantity` units at `price`; `fee` is in the instrument's currency."""
        contract = self.contracts[symbol]
        value = self.value_steps(symbol, quantity, price)
        before = self.quantity[symbol]
        after = to_grid(before + side * quantity, contract.quantity_scale)
        self._average(symbol, before, after, price)
        self.quantity[symbol] = after
        if self.price[symbol] != self.price[symbol]:
            self.price[symbol] = price
        if contract.margined:
            self.carried_steps[symbol] -= side * value
        else:
            self.cash_steps[contract.currency] -= side * value
        self.cash_steps[contract.currency] -= to_steps(fee, contract.money_scale)
        self._settle_if_flat(symbol)
        self.revalue(symbol)

    def _average(self, symbol: int, before: float, after: float, price: float) -> None:
        """The average entry price after a fill: unchanged by reducing, fresh when the position changes sides."""
        if after == 0.0:
            self.average_price[symbol] = nan
        elif before * after <= 0.0:
            self.average_price[symbol] = price
        elif abs(after) > abs(before):
            held = self.average_price[symbol] * before
            self.average_price[symbol] = (held + price * (after - before)) / after

    def _settle_if_flat(self, symbol: int) -> None:
        """A margined position that is flat moves what it carried to cash."""
        if self.quantity[symbol] == 0.0 and self.carried_steps[symbol] != 0.0:
            self.cash_steps[self.currency[symbol]] += self.carried_steps[symbol]
            self.carried_steps[symbol] = 0.0

    def pay(self, currency: int, steps: float) -> None:
        """Add `steps` of `currency` to cash; negative takes them away."""
        self.cash_steps[currency] += steps

    def split(self, symbol: int, ratio: float) -> float:
        """Split `ratio` new units for one old; the fraction of a lot is paid.  Returns the steps paid in lieu."""
        contract = self.contracts[symbol]
        price = self.price[symbol] / ratio
        exact = self.quantity[symbol] * ratio
        whole = to_lot(exact, contract.lot, contract.quantity_scale)
        paid = 0.0
        if exact != whole:
            paid = self.value_steps(symbol, exact - whole, price)
            self.cash_steps[contract.currency] += paid
        self.quantity[symbol] = whole
        self.average_price[symbol] /= ratio
        if price == price:
            self.price[symbol] = to_grid(price, contract.price_scale)
        self._settle_if_flat(symbol)
        if self.price[symbol] == self.price[symbol]:
            self.revalue(symbol)
        return paid

    def per_unit_steps(self, symbol: int, amount: float) -> float:
        """`amount` of money for each unit held, in steps: a dividend."""
        return to_steps(self.quantity[symbol] * amount, self.money_scale[symbol])

    def funding_steps(self, symbol: int, rate: float) -> float:
        """What a long pays at funding rate `rate` on the position's value, in steps."""
        if self.quantity[symbol] == 0.0:
            return 0.0
        value = self.quantity[symbol] * self.price[symbol] * self.multiplier[symbol]
        return to_steps(value * rate, self.money_scale[symbol])

    def borrow_steps(self, symbol: int, days: int) -> float:
        """What borrowing the position costs for `days` calendar days, in steps; nothing for a long."""
        yearly = self.contracts[symbol].borrow
        if yearly == 0.0 or self.contracts[symbol].margined or self.quantity[symbol] >= 0.0:
            return 0.0
        value = abs(self.value_steps(symbol, self.quantity[symbol], self.price[symbol])) / self.money_scale[symbol]
        return to_steps(value * yearly * days / 365, self.money_scale[symbol])

    def margin_steps(self, symbol: int) -> float:
        """Initial margin of the position at its last price, in base steps."""
        return self.required_steps(symbol, self.quantity[symbol], self.price[symbol], self.contracts[symbol].margin)

    def required_steps(self, symbol: int, quantity: float, price: float, fraction: float) -> float:
        """`fraction` of the value of `quantity` at `price`, in base steps."""
        if quantity == 0.0:
            return 0.0
        value = abs(self.value_steps(symbol, quantity, price)) / self.money_scale[symbol]
        return self.base_steps(self.currency[symbol], to_steps(value * fraction, self.money_scale[symbol]))

    @property
    def buying_power(self) -> float:
        """Equity less the initial margin of every position, in the base currency; never below 0."""
        free = self.equity_steps
        for symbol in range(self.symbol_count):
            free -= self.margin_steps(symbol)
        return max(free, 0.0) / self.scale[0]
