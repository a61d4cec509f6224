"""The ledger of section 1 and the buying power of section 4.2, with sums in Decimals."""

from decimal import Decimal

from . import arithmetic
from .scenario import MARGINED, PAID, Scenario

ZERO = Decimal(0)


class Account:
    """Cash by currency, positions by symbol, and what they are worth."""

    def __init__(self, scenario: Scenario) -> None:
        """Cash in the base currency, and nothing else."""
        self.costs = scenario.costs
        self.instruments = scenario.instruments
        self.currencies = scenario.currencies
        self.rates = [currency.rate for currency in scenario.currencies]
        self.cash = [ZERO for _ in scenario.currencies]
        self.cash[0] = self.money(scenario.cash, 0)
        self.position = [ZERO for _ in scenario.instruments]
        self.carried = [ZERO for _ in scenario.instruments]
        self.last: list[float | None] = [None for _ in scenario.instruments]
        self.traded = ZERO

    def money(self, amount: float, currency: int) -> Decimal:
        """`amount` on the grid of `currency`."""
        return arithmetic.grid(amount, self.currencies[currency].decimals)

    def in_base(self, amount: Decimal, currency: int) -> Decimal:
        """`amount` of `currency` in the base currency."""
        return amount if currency == 0 else self.money(float(amount) * self.rates[currency], 0)

    def value(self, symbol: int, quantity: Decimal, price: float) -> Decimal:
        """What `quantity` of `symbol` is worth at `price`, in its own currency."""
        instrument = self.instruments[symbol]
        return arithmetic.value(quantity, price, instrument, self.currencies[instrument.currency].decimals)

    def value_held(self, symbol: int, price: float | None = None) -> Decimal:
        """What the position is worth at `price` (the last price unless given), without what is carried."""
        price = self.last[symbol] if price is None else price
        return ZERO if price is None else self.value(symbol, self.position[symbol], price)

    def equity(self, symbol: int = -1, price: float | None = None) -> Decimal:
        """Cash and worth, each currency summed and then converted; `symbol` is valued at `price` if given."""
        totals = list(self.cash)
        for each, instrument in enumerate(self.instruments):
            totals[instrument.currency] += self.value_held(each, price if each == symbol else None)
            totals[instrument.currency] += self.carried[each]
        return sum((self.in_base(total, currency) for currency, total in enumerate(totals)), ZERO)

    def share_of_value(self, symbol: int, worth: Decimal, share: float) -> Decimal:
        """`share` (a margin) of |`worth`|, in the base currency."""
        currency = self.instruments[symbol].currency
        return self.in_base(self.money(float(abs(worth)) * share, currency), currency)

    def fee(self, symbol: int, quantity: Decimal, price: float, maker: bool) -> Decimal:
        """The fee of such a fill, in the instrument's currency."""
        rate = arithmetic.fee_rate(maker, self.traded, self.costs)
        decimals = self.currencies[self.instruments[symbol].currency].decimals
        return arithmetic.fee(quantity, self.value(symbol, quantity, price), rate, self.costs, decimals)

    def affordable(self, symbol: int, side: int, quantity: Decimal, price: float, maker: bool) -> Decimal:
        """Rule 6: how much of `quantity` can be bought or sold at `price`."""
        held, instrument = self.position[symbol], self.instruments[symbol]
        after = held + side * quantity
        if (held * after >= 0 and abs(after) <= abs(held)) or instrument.margin == 0:
            return quantity
        available = self._available(symbol, quantity, price, maker)
        need = self.share_of_value(symbol, self.value(symbol, after, price), instrument.margin)
        if need <= available:
            return quantity
        most = self._most(symbol, price, available)
        cut = most - side * held
        if side * held < 0:
            cut = max(cut, abs(held))
        return min(max(cut, ZERO), quantity)

    def _available(self, symbol: int, quantity: Decimal, price: float, maker: bool) -> Decimal:
        others = [each for each in range(len(self.instruments)) if each != symbol]
        bound = [self.share_of_value(each, self.value_held(each), self.instruments[each].margin) for each in others]
        fee = self.in_base(self.fee(symbol, quantity, price, maker), self.instruments[symbol].currency)
        return self.equity(symbol, price) - sum(bound, ZERO) - fee

    def _most(self, symbol: int, price: float, available: Decimal) -> Decimal:
        if available <= 0:
            return ZERO
        instrument = self.instruments[symbol]
        unit = price * instrument.multiplier * instrument.margin * self.rates[instrument.currency]
        return arithmetic.lots(float(available) / unit, instrument)

    def post(self, symbol: int, side: int, quantity: Decimal, price: float, fee: Decimal) -> None:
        """The ledger's entries for a fill."""
        instrument = self.instruments[symbol]
        cost = side * self.value(symbol, quantity, price)
        if instrument.kind == MARGINED:
            self.carried[symbol] -= cost
        else:
            self.cash[instrument.currency] -= cost
        self.cash[instrument.currency] -= fee
        self.hold(symbol, self.position[symbol] + side * quantity)
        if self.last[symbol] is None:
            self.last[symbol] = price

    def hold(self, symbol: int, quantity: Decimal) -> None:
        """The position becomes `quantity`; a margined one that becomes flat turns what it carried into cash."""
        self.position[symbol] = quantity
        if quantity == 0:
            self.cash[self.instruments[symbol].currency] += self.carried[symbol]
            self.carried[symbol] = ZERO

    def pay(self, symbol: int, amount: float) -> None:
        """Cash of the instrument's currency grows by `amount`, put on the grid."""
        currency = self.instruments[symbol].currency
        self.cash[currency] += self.money(amount, currency)

    def called(self) -> bool:
        """Whether equity is below what the positions must keep."""
        symbols = range(len(self.instruments))
        kept = [self.share_of_value(s, self.value_held(s), self.instruments[s].maintenance) for s in symbols]
        return self.equity() < sum(kept, ZERO)

    def borrow(self, days: int) -> None:
        """Each paid instrument held short pays its lender for `days`."""
        for symbol, held in enumerate(self.position):
            if held < 0 and self.instruments[symbol].kind == PAID:
                size = float(abs(self.value_held(symbol)))
                self.pay(symbol, -(size * self.costs.borrow * days / 365))
