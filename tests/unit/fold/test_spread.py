"""Mean and spread of returns beside exact fractions, over series that are hard on sums; the figures are in docs/numbers.md.

Two other ways are measured beside ours: Welford's, which divides in every session, and sums about the first value, which
lose what an outlier in the first session is large by.
"""

from array import array
from decimal import Decimal, localcontext
from fractions import Fraction
from math import isnan, nextafter, sqrt
from random import Random
from types import SimpleNamespace

import pytest

from stratofold.errors import Setup
from stratofold.fold.ledger import Ledger
from stratofold.fold.state import fields, restore, save
from stratofold.fold.tally import SHIFTED_EVERY, Tally, statistics
from tests.unit.fold.account import contract


def noise(count, mean, deviation):
    chance = Random(count)
    return [chance.gauss(mean, deviation) for _ in range(count)]


def in_turn(count, rate):
    """Fifty sessions without a position, fifty with one, less a rate a session."""
    return [(value if k // 50 % 2 else 0.0) - rate for k, value in enumerate(noise(count, 5e-4, 1e-2))]


# Returns of so many sessions; no mean among them is so small beside its spread that the ratio itself says nothing.
HARD = {
    "1 % a day around 0.05 %": lambda count: noise(count, 5e-4, 1e-2),
    "1 % a day in every other fifty sessions": lambda count: in_turn(count, 0.0),
    "as before, less a rate of 3 % a year": lambda count: in_turn(count, 0.03 / 252),
    "0.1 % and next to no spread (1e-9)": lambda count: noise(count, 1e-3, 1e-9),
    "50 % and next to no spread (1e-9)": lambda count: noise(count, 0.5, 1e-9),
    "50 % first, then 1 % a day": lambda count: [0.5, *noise(count - 1, 5e-4, 1e-2)],
    "50 % first, then 0.0001 % a day": lambda count: [0.5, *noise(count - 1, 5e-8, 1e-6)],
    "50 % first, then 0.1 % always": lambda count: [0.5] + [1e-3] * (count - 1),
    "-50 % first, then 10 % always": lambda count: [-0.5] + [0.1] * (count - 1),
    "eight of 50 % first, then 0.01 % a day": lambda count: [0.5] * 8 + noise(count - 8, 5e-6, 1e-4),
    "15 without a position, then 0.11 % always": lambda count: [0.0] * 15 + [1.1e-3] * (count - 15),
    "255 without a position, then 0.11 % always": lambda count: [0.0] * 255 + [1.1e-3] * (count - 255),
    "4095 without a position, then 0.11 % always": lambda count: [0.0] * 4095 + [1.1e-3] * (count - 4095),
    "half without a position, then 0.11 % always": lambda count: [0.0] * (count // 2) + [1.1e-3] * (count // 2),
    "30 % and 10 % in turn": lambda count: [0.3, 0.1] * (count // 2),
    "from 0 to 0.1 %, evenly": lambda count: [1e-3 * k / count for k in range(count)],
    "0.01 % a day, 50 % last": lambda count: [*noise(count - 1, 5e-6, 1e-4), 0.5],
}


def heard(returns):
    """Mean and spread as the tally has them; of an account with nothing in it the excess return is less the rate alone."""
    tally = Tally(1, 0.0, array("d", [0.0]))
    for number, value in enumerate(returns):
        tally.free = -value
        tally.sample(0.0, 0.0, number, number)
    tally.add_up()
    return tally.mean, tally.spread


def welford(returns):
    mean = spread = 0.0
    for count, value in enumerate(returns, 1):
        difference = value - mean
        mean += difference / count
        spread += difference * (value - mean)
    return mean, spread


def about_the_first(returns):
    first, summed, squares = returns[0], 0.0, 0.0
    for value in returns:
        summed += value - first
        squares += (value - first) * (value - first)
    return first + summed / len(returns), squares - summed * (summed / len(returns))


def exact(returns):
    """Mean and spread as fractions, of whole numbers of the smallest part among the returns."""
    parts = [value.as_integer_ratio() for value in returns]
    whole = max(below for _, below in parts)
    numbers = [above * (whole // below) for above, below in parts]
    count, summed = len(numbers), sum(numbers)
    squares = sum(number * number for number in numbers)
    return Fraction(summed, count * whole), Fraction(count * squares - summed * summed, count * whole * whole)


def off(found, returns):
    """By how much the Sharpe ratio of a mean and a spread is off, as a share of the exact one."""
    mean, spread = exact(returns)
    with localcontext(prec=50):
        right = decimal(mean) / (decimal(spread) / (len(returns) - 1)).sqrt()
        mine = found[0] / sqrt(found[1] / (len(returns) - 1))
        return abs(float((Decimal(mine) - right) / right))


def decimal(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


@pytest.mark.parametrize("count", [6_000, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_hard_series_cost_a_sharpe_ratio_nothing_that_is_shown(count):
    """With `-s` the table of docs/numbers.md."""
    for name, made in HARD.items():
        returns = made(count)
        others = [off(way(returns), returns) for way in (welford, about_the_first)]
        ours = off(heard(returns), returns)
        print(f"| {name} | {others[0]:.0e} | {others[1]:.0e} | {ours:.0e} |")
        assert ours < 1e-11, name


@pytest.mark.parametrize("rate", [0.0, 0.03 / 252])
def test_sessions_without_a_position_cost_no_digits(rate):
    """Their return is always the same, and rounded the same way every time it would cost more with every session."""
    returns = in_turn(20_000, rate)
    assert off(heard(returns), returns) < 1e-14


def test_about_the_first_value_alone_an_outlier_would_cost_more():
    """Why the shift is ever moved."""
    returns = HARD["50 % first, then 0.1 % always"](20_000)
    assert off(about_the_first(returns), returns) > 1e-9
    assert off(heard(returns), returns) < 1e-12


@pytest.mark.parametrize("value", [0.0, 1e-3, -0.02 / 252, 0.1, 0.5, 1e-17])
def test_a_constant_return_has_no_spread_at_all(value):
    """At any length, also where the shift is moved: sessions 16, 256, 4,096.  Where it is 0 they are counted, and nothing is moved."""
    tally = Tally(1, 0.0, array("d", [0.0]))
    tally.free = -value
    for number in range(SHIFTED_EVERY**2 * 17):
        tally.sample(0.0, 0.0, number, number)
        tally.add_up()
        assert (tally.mean, tally.spread) == (value, 0.0)
    assert tally.shift_due == (SHIFTED_EVERY**4 if value else 1)
    stats = statistics(tally, Ledger([contract()], array("d", [100.0]), 10.0), 252.0)
    assert (stats["volatility"], isnan(stats["sharpe"])) == (0.0, True)


def test_a_last_bit_that_differs_is_seen():
    """By whole sums of squares it would be lost among the others' rounding."""
    returns = [0.1] * 999 + [nextafter(0.1, 1.0)]
    assert heard(returns)[1] == pytest.approx(float(exact(returns)[1]), rel=1e-12)


def test_of_few_sessions_the_spread_is_the_exact_one():
    chance = Random(5)
    for _ in range(300):
        returns = [chance.choice([0.0, 0.5, chance.gauss(0.0, 1e-2)]) for _ in range(chance.randrange(2, 40))]
        mean, spread = heard(returns)
        right = exact(returns)
        assert mean == pytest.approx(float(right[0]), rel=1e-13, abs=1e-17)
        assert spread == pytest.approx(float(right[1]), rel=1e-13)


def test_the_state_of_a_release_that_kept_mean_and_spread_is_refused():
    """It has other fields, and none of ours is read for one of its."""
    tally = Tally(1, 1_000.0, array("d", [0.0]))
    values = {name: getattr(tally, name) for name in fields(tally) if not name.startswith("shift")}
    before = SimpleNamespace(**dict(sorted((values | {"mean": 1e-3, "spread": 1e-4}).items())))
    with pytest.raises(Setup, match="SF111"):
        restore(tally, save(before))
