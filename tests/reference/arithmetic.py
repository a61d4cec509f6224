"""Section 1 of the page: products are the double product put on a decimal grid, sums are sums of Decimals."""

from decimal import Decimal

from .scenario import Costs, Instrument


def grid(value: float, decimals: int) -> Decimal:
    """`value` rounded half-even to `decimals` places; the steps are counted in doubles, as the rule is written.

    Past 2**53 steps it is an OverflowError.
    """
    steps = value * 10.0**decimals
    if abs(steps) > 2**53:
        raise OverflowError("past 2**53 steps")
    return Decimal(round(steps)).scaleb(-decimals)


def price_grid(price: float, instrument: Instrument) -> float:
    """`price` on the instrument's price grid."""
    return float(grid(price, instrument.price_decimals))


def lots(quantity: float, instrument: Instrument) -> Decimal:
    """`quantity` toward zero to whole lots; what lies below a whole number by no more than dust counts as that number."""
    if quantity < 0:
        return -lots(-quantity, instrument)
    exact = quantity / instrument.lot
    whole = round(exact)
    if whole - exact > 1e-9 + 2.0**-51 * exact:
        whole -= 1
    return grid(whole * instrument.lot, instrument.quantity_decimals)


def on_quantity_grid(quantity: float, instrument: Instrument) -> Decimal:
    """`quantity` on the instrument's quantity grid."""
    return grid(quantity, instrument.quantity_decimals)


def value(quantity: Decimal, price: float, instrument: Instrument, money_decimals: int) -> Decimal:
    """What `quantity` (signed) is worth at `price`, in the instrument's currency."""
    return grid(float(quantity) * price * instrument.multiplier, money_decimals)


def slipped(price: float, side: int, quantity: Decimal, volume: float, costs: Costs, instrument: Instrument) -> float:
    """Section 4.3: the price moved against the order, at least one price step."""
    share = float(quantity) / volume if volume else 0.0
    slip = costs.fixed + price * (costs.proportional + costs.spread / 2 + costs.impact * share * share)
    step = 1 / 10.0**instrument.price_decimals
    return max(price_grid(price + side * slip, instrument), step)


def fee_rate(maker: bool, traded: Decimal, costs: Costs) -> float:
    """Section 4.4: the rate of a fill when `traded` is the value traded so far."""
    stated = costs.maker if maker else costs.taker
    if stated is not None:
        return stated
    reached = [rate for threshold, rate in costs.tiers if threshold <= traded]
    return reached[-1] if reached else costs.per_value


def fee(quantity: Decimal, worth: Decimal, rate: float, costs: Costs, money_decimals: int) -> Decimal:
    """Section 4.4: the fee of a fill of value `worth`, on the money grid."""
    size = abs(float(worth))
    amount = costs.per_share * float(quantity) + rate * size
    amount = max(amount, costs.minimum)
    if costs.maximum_fraction is not None:
        amount = min(amount, costs.maximum_fraction * size)
    return grid(amount, money_decimals)
