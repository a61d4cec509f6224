"""The account in numbers: fills, marks, actions and money by hand figures, and sums that are exact for ever."""

from array import array
from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.fold.ledger import Ledger
from tests.unit.fold.account import contract


def ledger(cash=10_000.0, scales=(100.0,), contracts=None, **numbers):
    return Ledger(contracts or [contract(**numbers)], array("d", scales), cash)


# fills (side, quantity, price, fee) | kind || cash, position, average price, equity at 110
FILLS = (
    ([(1, 10, 100.0, 1.0)], {}, (8_999.0, 10.0, 100.0, 10_099.0)),
    ([(1, 10, 100.0, 0.0), (1, 10, 120.0, 0.0)], {}, (7_800.0, 20.0, 110.0, 10_000.0)),
    ([(1, 10, 100.0, 0.0), (-1, 4, 120.0, 0.0)], {}, (9_480.0, 6.0, 100.0, 10_140.0)),
    ([(1, 10, 100.0, 0.0), (-1, 10, 120.0, 0.0)], {}, (10_200.0, 0.0, nan, 10_200.0)),
    ([(1, 10, 100.0, 0.0), (-1, 15, 120.0, 0.0)], {}, (10_800.0, -5.0, 120.0, 10_250.0)),
    ([(-1, 10, 100.0, 2.5)], {}, (10_997.5, -10.0, 100.0, 9_897.5)),
    # margined: the value stays beside cash until the position is flat
    ([(1, 10, 100.0, 1.0)], {"margined": True}, (9_999.0, 10.0, 100.0, 10_099.0)),
    ([(1, 10, 100.0, 1.0)], {"margined": True, "multiplier": 5.0}, (9_999.0, 10.0, 100.0, 10_499.0)),
    ([(1, 10, 100.0, 0.0), (-1, 10, 120.0, 0.0)], {"margined": True}, (10_200.0, 0.0, nan, 10_200.0)),
    ([(1, 10, 100.0, 0.0), (-1, 4, 120.0, 0.0)], {"margined": True}, (10_000.0, 6.0, 100.0, 10_140.0)),
)


@pytest.mark.parametrize(("fills", "numbers", "outcome"), FILLS)
def test_fills(fills, numbers, outcome):
    book = ledger(**numbers)
    for side, quantity, price, fee in fills:
        book.fill(0, side, float(quantity), price, fee)
    book.mark(0, 110.0)
    held = book.holdings[0]
    seen = (book.cash_steps[0] / 100.0, held.quantity, held.average_price, book.equity)
    assert [repr(value) for value in seen] == [repr(value) for value in outcome]


# held | ratio | last price || held after, price after, cash paid for the fraction
SPLITS = (
    (10, 2.0, 100.0, (20.0, 50.0, 0.0)),
    (10, 7.0, 645.57, (70.0, 92.22, 0.0)),
    (-10, 2.0, 100.0, (-20.0, 50.0, 0.0)),
    (11, 0.5, 100.0, (5.0, 200.0, 100.0)),
    (-11, 0.5, 100.0, (-5.0, 200.0, -100.0)),
    (19, 0.05, 2.0, (0.0, 40.0, 38.0)),
    (0, 2.0, 100.0, (0.0, 50.0, 0.0)),
)


@pytest.mark.parametrize(("held", "ratio", "price", "outcome"), SPLITS)
def test_splits(held, ratio, price, outcome):
    book = ledger()
    if held:
        book.fill(0, 1 if held > 0 else -1, abs(float(held)), price, 0.0)
    book.mark(0, price)
    equity, cash = book.equity, book.cash_steps[0]
    paid = book.split(0, ratio)
    assert (book.holdings[0].quantity, book.holdings[0].price, paid / 100.0) == outcome
    assert book.cash_steps[0] - cash == paid
    assert abs(book.equity - equity) <= abs(outcome[0]) * 0.005


def test_money_between_bars():
    book = ledger(margined=False, borrow=0.365)
    book.fill(0, -1, 10.0, 100.0, 0.0)
    assert book.per_unit_steps(0, 0.137) == -137.0
    assert book.funding_steps(0, 0.0001) == -10.0
    assert book.borrow_steps(0, 3) == 300.0
    assert ledger(borrow=0.365).borrow_steps(0, 3) == 0.0


def test_equity_sums_each_currency_and_then_converts():
    euro = contract(currency=1)
    book = ledger(scales=(100.0, 100.0), contracts=[contract(), euro])
    book.rate[1] = 1.25
    book.pay(1, 5_000.0)
    book.fill(1, 1, 1.0, 20.0, 0.0)
    book.fill(0, 1, 2.0, 100.0, 0.0)
    book.mark(1, 30.01)
    assert book.cash_steps[1] == 3_000.0
    assert book.equity == 10_000.0 + 75.01


amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(5_000), places=2)
deals = st.lists(st.tuples(st.sampled_from((1, -1)), st.integers(1, 5_000), amounts, amounts), max_size=60)


@given(deals)
def test_cash_is_the_sum_of_decimals_with_tolerance_zero(rows):
    """Prices of two decimals times whole shares are exact in Decimal, so the whole account must be."""
    book, cash, held = ledger(), Decimal(10_000), 0
    for side, quantity, price, fee in rows:
        book.fill(0, side, float(quantity), float(price), float(fee))
        cash -= side * quantity * price + fee
        held += side * quantity
    assert Decimal(str(book.cash_steps[0])) == cash * 100
    assert book.holdings[0].quantity == held
    if rows:
        book.mark(0, float(rows[-1][2]))
        assert Decimal(str(book.equity)) == cash + held * rows[-1][2]


def test_an_amount_past_the_grid_is_an_error():
    with pytest.raises(OverflowError, match="2\\*\\*53"):
        ledger().fill(0, 1, 1e9, 1e6, 0.0)
