"""The decimal grid: whole steps, half-even, the same for both signs, up to 2**53 of them."""

from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product
from math import copysign, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.fold.grid import STEPS_MAX, on_lot, to_grid, to_lot, to_steps

BORDERS = [float(2**power) for power in (1, 20, 50, 51, 52)]
NEAR_BORDERS = [border + shift for border in BORDERS for shift in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)]


def half_even(value):
    """The whole number nearest to `value`, as decimals have it."""
    return float(Decimal(value).to_integral_value(ROUND_HALF_EVEN))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.5, 2.5, 0.49999999999999994, STEPS_MAX - 1.0, STEPS_MAX, *NEAR_BORDERS])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steps_are_rounded_half_even_on_both_sides_of_zero(value, sign):
    assert to_steps(sign * value, 1.0) == half_even(sign * value)


@given(st.floats(-STEPS_MAX, STEPS_MAX))
def test_any_number_of_steps_is_the_nearest_whole_one_and_no_negative_zero(value):
    steps = to_steps(value, 1.0)
    assert steps == half_even(value)
    assert steps != 0.0 or copysign(1.0, steps) == 1.0


@pytest.mark.parametrize("value", [nan, inf, -inf, 2 * STEPS_MAX, -2 * STEPS_MAX])
def test_what_the_grid_cannot_hold_is_an_error(value):
    with pytest.raises(OverflowError, match="past 2"):
        to_steps(value, 1.0)


@given(st.integers(-(10**12), 10**12), st.integers(0, 8))
def test_a_value_on_the_grid_is_the_double_nearest_to_its_decimal(steps, decimals):
    scale = 10.0**decimals
    assert to_grid(steps / scale, scale) == float(Decimal(steps).scaleb(-decimals))


WHOLES = [0.0, 1.0, 50.0, 2.0**42, 2.0**51 - 1.0, 2.0**51, 2.0**52, *NEAR_BORDERS, nan, inf]


def divided(quantity, lot, scale):
    """A quantity in whole lots by nothing but divisions: what whole quantities are spared."""
    lots = abs(quantity) / lot
    whole = (lots + 2.0**52) - 2.0**52
    if whole - lots > 1e-9 + lots * 2.0**-51:
        whole -= 1.0
    rounded = to_steps(whole * lot, scale) / scale
    return rounded if quantity >= 0.0 else 0.0 - rounded


def bits(work, *given):
    """What it comes to, sign of zero included, or that it is an error."""
    try:
        value = work(*given)
    except OverflowError:
        return "error"
    return value, copysign(1.0, value)


def on_grid(value, scale):
    """A value on the grid by a division."""
    return to_steps(value, scale) / scale


@pytest.mark.parametrize("quantity", WHOLES)
def test_a_whole_quantity_is_what_dividing_makes_of_it(quantity):
    for decimals, sign in product(range(9), (1.0, -1.0)):
        scale, value = 10.0**decimals, sign * quantity
        assert bits(to_grid, value, scale) == bits(on_grid, value, scale)
        for lot in (1.0, 1.0 / scale, 100.0, 0.5):
            assert bits(to_lot, value, lot, scale) == bits(divided, value, lot, scale)


@given(st.integers(-(2**60), 2**60), st.sampled_from([1.0, 1e-8, 0.001, 0.5, 3.0]), st.sampled_from([1.0, 1e3, 1e8]))
def test_any_whole_quantity_is_what_dividing_makes_of_it(quantity, lot, scale):
    value = float(quantity)
    assert bits(to_grid, value, scale) == bits(on_grid, value, scale)
    assert bits(to_lot, value, lot, scale) == bits(divided, value, lot, scale)


@pytest.mark.parametrize(
    ("quantity", "lot", "whole"),
    [(30.0, 1.0, 30.0), (29.999999999999996, 1.0, 30.0), (29.99, 1.0, 29.0), (250.0, 100.0, 200.0), (0.4, 1.0, 0.0)],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_lots_are_rounded_toward_zero(quantity, lot, whole, sign):
    assert to_lot(sign * quantity, lot, 100.0) == sign * whole


# quantity | lot || is a whole number of lots
LOTS = """
2.4                | 1          || no
2.0                | 1          || yes
0.5                | 1          || no
29.999999999999996 | 1          || yes
30.000000000000004 | 1          || yes
0.3                | 0.1        || yes
0.25               | 0.1        || no
2.4                | 0.000000001 || yes
2.0000000004       | 0.000000001 || no
250                | 100        || no
nan                | 1          || no
inf                | 1          || no
"""


@pytest.mark.parametrize("row", LOTS.strip().splitlines())
def test_only_whole_lots_can_be_ordered(row):
    asked, outcome = row.split("||")
    quantity, lot = (float(each) for each in asked.split("|"))
    assert on_lot(quantity, lot) == (outcome.strip() == "yes")
