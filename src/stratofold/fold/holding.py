"""What is held of one symbol: the row of the ledger that each symbol has.

What comes in: prices and fills, from the ledger.  What goes out: what the position is worth, and between which prices
nobody need ask.
"""

from math import inf, nan

from stratofold.fold.grid import to_steps
from stratofold.fold.order import Contract


class Holding:
    """What is held of one symbol, at what price, and what it is worth; `carried` is a margined position's own cash.

    `worth_steps` is what it was worth at the price `marked`.
    A price from `low` to `high` can bring equity neither to a new peak nor below 0, so nobody need work equity out for
    it at once: any price of a symbol that is not held, and most prices of the one symbol that alone moves equity.
    `lowest` and `highest` are those that it had since, where the trough may lie; none yet while `lowest` is above.
    """

    __slots__ = (
        "low", "high", "price", "lowest", "highest", "marked", "quantity", "worth_steps", "multiplier", "money_scale",
        "carried_steps", "currency", "average_price", "split_factor",
    )  # fmt: skip
    FIXED_IN_RUN = ("currency", "multiplier")
    BEGINS_ALIKE = (("carried_steps", 0.0),)

    def __init__(self) -> None:
        """Nothing held, and no price yet."""
        self.low: float = -inf
        self.high: float = inf
        self.price: float = nan
        self.lowest: float = inf
        self.highest: float = -inf
        self.marked: float = nan
        self.quantity: float = 0.0
        self.worth_steps: float = 0.0
        self.multiplier: float = 1.0
        self.money_scale: float = 100.0
        self.carried_steps: float = 0.0
        self.currency: int = 0
        self.average_price: float = nan
        self.split_factor: float = 1.0

    def value_steps(self, quantity: float, price: float) -> float:
        """What signed `quantity` is worth at `price`, in steps of its currency."""
        return to_steps(quantity * price * self.multiplier, self.money_scale)

    def average(self, before: float, after: float, price: float) -> None:
        """The average entry price after a fill: unchanged by reducing, fresh when the position changes sides."""
        if after == 0.0:
            self.average_price = nan
        elif before * after <= 0.0:
            self.average_price = price
        elif abs(after) > abs(before):
            self.average_price = (self.average_price * before + price * (after - before)) / after

    def forget(self) -> None:
        """No price is known to be harmless, unless nothing is held."""
        self.low = -inf if self.quantity == 0.0 else inf
        self.high = 0.0 - self.low


def holding_of(contract: Contract) -> Holding:
    """An empty holding of one contract."""
    holding = Holding()
    holding.multiplier = contract.multiplier
    holding.money_scale = contract.money_scale
    holding.currency = contract.currency
    return holding
