"""Money and quantities are doubles on an exact decimal grid (contract 3): here is the one function that puts them there.

A value on the grid is the double nearest to a decimal with `decimals` places; `scale` is ten to that power.  Sums of
such values, each put back on the grid, equal the sums of the decimals exactly up to 2**53 steps; beyond is an error.
The ledger keeps amounts as whole numbers of *steps* (`to_steps`): their sums need no rounding at all, and
`steps / scale` is the value on the grid, bit for bit.
"""

from stratofold.fold.marks import seldom

STEPS_MAX = 9007199254740992.0  # 2**53: past it a double cannot hold every step
# Nothing is so much; where infinity itself is asked about, machine code takes a dozen instructions more.
ENDLESS = 2.0**1023
_PLAIN = 16777216.0  # 2**24: so many units are less than 2**51 steps of any grid, which have at most 8 decimals
_ROUNDER = 4503599627370496.0  # 2**52: adding it leaves no room for a fraction, so the hardware rounds half-even
NEAR = 2251799813685248.0  # 2**51: up to here one number does so for both signs,
NEAR_ROUNDER = 6755399441055744.0  # three times as much: what is added to it stays where steps are 1 apart
_DUST = 1e-9  # of a lot: what binary division leaves below a whole number of lots
_LAST_PLACES = 4.440892098500626e-16  # 2**-51: and what it leaves of a number of lots past 2**21


def to_steps(value: float, scale: float) -> float:
    """`value` as a whole number of steps, half-even; raises OverflowError past 2**53 steps or on NaN."""
    steps = value * scale
    if -NEAR < steps < NEAR:
        return (steps + NEAR_ROUNDER) - NEAR_ROUNDER
    return _far_steps(steps)


@seldom
def _far_steps(steps: float) -> float:
    """`to_steps` past 2**51, where the two signs are rounded each its own way."""
    if 0.0 <= steps < _ROUNDER:
        return (steps + _ROUNDER) - _ROUNDER
    if -_ROUNDER < steps < 0.0:
        return (steps - _ROUNDER) + _ROUNDER
    if -STEPS_MAX <= steps <= STEPS_MAX:
        return steps
    raise OverflowError("an amount is not a number or past 2**53 steps of its decimal grid")


def to_grid(value: float, scale: float) -> float:
    """`value` rounded half-even to the grid of `scale` steps a unit; raises OverflowError past 2**53 steps or on NaN."""
    whole = (value + NEAR_ROUNDER) - NEAR_ROUNDER
    if whole == value and -_PLAIN < value < _PLAIN:  # most quantities: a division takes as long as all the rest
        return whole
    return to_steps(value, scale) / scale


def to_lot(quantity: float, lot: float, scale: float) -> float:
    """`quantity` rounded toward zero to a whole number of `lot`s, on the quantity's grid.

    A quantity within 1e-9 lots (and two units in the last place) below a whole number counts as that number: 30 shares
    computed as 29.999999999999996 are 30.
    """
    steps = (quantity + NEAR_ROUNDER) - NEAR_ROUNDER
    if steps == quantity and lot * scale == 1.0 and -_PLAIN < quantity < _PLAIN:
        return steps
    lots = abs(quantity) if lot == 1.0 else abs(quantity) / lot
    whole = (lots + _ROUNDER) - _ROUNDER
    if whole - lots > _DUST + lots * _LAST_PLACES:
        whole -= 1.0
    rounded = to_grid(whole * lot, scale)
    return rounded if quantity >= 0.0 else 0.0 - rounded


def on_lot(quantity: float, lot: float) -> bool:
    """Whether `quantity` is a whole number of lots, but for what binary division leaves (see `to_lot`)."""
    lots = abs(quantity) / lot
    whole = (lots + _ROUNDER) - _ROUNDER
    return abs(whole - lots) <= _DUST + lots * _LAST_PLACES
