"""What trading costs, against the rule written out: what a schedule leaves unstated is not worked out, and costs nothing."""

from itertools import product
from math import inf, isnan, nan

import pytest

from stratofold.fold.costs import Fees, Slippage
from stratofold.fold.grid import to_steps

FILLS = ((1.0, 0.01), (7.0, 693.21), (300.0, 1_234.5), (0.25, 20_000.0), (1e6, 3e9))  # units, and what they are worth
SCHEDULES = [
    dict(zip(("per_share", "per_value", "minimum", "maximum_fraction", "maker", "taker"), numbers, strict=True))
    for numbers in product((0.0, 0.005), (0.0, 0.0007), (0.0, 1.0), (inf, 0.01), (nan, -0.0001), (nan, 0.0003, 0.0))
]
TIERS = ((0.0, 0.001), (1_000.0, 0.0004))


def charged(schedule, quantity, value, maker, traded):
    """The fee in cents by the rule of `Fees`, nothing left out."""
    stated = schedule["maker"] if maker else schedule["taker"]
    tier = [rate for start, rate in schedule.get("tiers", ()) if start <= traded]
    rate = stated if not isnan(stated) else [schedule["per_value"], *tier][-1]
    fee = max(schedule["per_share"] * quantity + rate * value, schedule["minimum"])
    return to_steps(min(fee, schedule["maximum_fraction"] * value), 100.0)


@pytest.mark.parametrize("tiers", [(), TIERS])
@pytest.mark.parametrize("maker", [False, True])
def test_a_fee_is_that_of_the_rule_written_out(tiers, maker):
    for schedule in SCHEDULES:
        fees, traded = Fees(**schedule, tiers=tiers), 0.0
        for quantity, value in FILLS:
            whole = charged(schedule | {"tiers": tiers}, quantity, value, maker, traded)
            assert fees.steps(quantity, value, maker, 100.0) == whole, schedule
            fees.book(value)
            traded += value


@pytest.mark.parametrize("side", [1, -1])
def test_a_slipped_price_is_that_of_the_rule_written_out(side):
    for fixed, proportional, spread, impact in product((0.0, 0.02), (0.0, 0.0005), (0.0, 0.001), (0.0, 0.1)):
        model = Slippage(fixed=fixed, proportional=proportional, spread=spread, impact=impact)
        for price, quantity, volume in product((0.001, 10.005, 693.2149), (1.0, 50.0), (0.0, 1_000.0)):
            share = quantity / volume if volume > 0.0 else 0.0
            slip = fixed + price * (proportional + spread / 2 + impact * share * share)
            slipped = max(to_steps(price + side * slip, 100.0), 1.0) / 100.0
            assert model.price(side, price, quantity, volume, 100.0) == slipped
