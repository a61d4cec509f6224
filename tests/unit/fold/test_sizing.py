"""Words that size and words that aim, against hand figures."""

from math import nan

import pytest

from stratofold.fold.order import OrderError
from tests.unit.fold.account import Account, contract

CRYPTO = {"lot": 0.001, "quantity_scale": 1000.0}
FUTURE = {"margined": True, "multiplier": 50.0, "margin": 0.1}
TENS = {"lot": 10.0}

# words | price | instrument || units.  Equity is 100,000.
SIZES = (
    # 10,000 / 30 = 333.3
    ("quantity_for_value", (10_000.0,), 30.0, {}, 333.0),
    ("quantity_for_value", (-10_000.0,), 30.0, {}, -333.0),
    ("quantity_for_value", (10_000.0,), 30.0, TENS, 330.0),
    ("quantity_for_value", (10_000.0,), 30.0, CRYPTO, 333.333),
    # 10,000 / (30 * 50) = 6.67
    ("quantity_for_value", (10_000.0,), 30.0, FUTURE, 6.0),
    # 0.25 * 100,000 / 30 = 833.3
    ("quantity_for_weight", (0.25,), 30.0, {}, 833.0),
    ("quantity_for_weight", (-0.25,), 30.0, {}, -833.0),
    ("quantity_for_weight", (0.0,), 30.0, {}, 0.0),
    # 0.3 * 100,000 / 100 = 300, computed as 299.99999999999994 or not: a whole lot all the same
    ("quantity_for_weight", (0.1 + 0.2,), 100.0, {}, 300.0),
    # the instrument moves 40 % a year, 10 % is wanted: a quarter of 100,000 at 30
    ("quantity_for_volatility", (0.10, 0.40), 30.0, {}, 833.0),
    ("quantity_for_volatility", (0.10, 0.05), 30.0, {}, 6_666.0),
    ("quantity_for_volatility", (0.10, 0.0), 30.0, {}, 0.0),
    ("quantity_for_volatility", (0.10, nan), 30.0, {}, 0.0),
    # 1 % of 100,000 is 1,000; lost between 50 and 47: floor(1,000 / 3) = 333
    ("quantity_for_risk", (0.01, 50.0, 47.0), 50.0, {}, 333.0),
    ("quantity_for_risk", (0.01, 50.0, 53.0), 50.0, {}, 333.0),
    ("quantity_for_risk", (0.01, 50.0, 47.0), 50.0, TENS, 330.0),
    ("quantity_for_risk", (0.01, 50.0, 47.0), 50.0, CRYPTO, 333.333),
    # 1,000 / 0.25 = 4,000 units of 50 would cost 200,000: buying power allows 100,000 / 50 = 2,000
    ("quantity_for_risk", (0.01, 50.0, 49.75), 50.0, {}, 2_000.0),
    # 1,000 / (3 * 50) = 6.67 contracts
    ("quantity_for_risk", (0.01, 50.0, 47.0), 50.0, FUTURE, 6.0),
    # 1,000 / (0.05 * 50) = 400 contracts want 400 * 50 * 50 * 10 % = 100,000: all the buying power, and not more
    ("quantity_for_risk", (0.01, 50.0, 49.95), 50.0, FUTURE, 400.0),
    ("quantity_for_risk", (0.01, 50.0, 49.98), 50.0, FUTURE, 400.0),
    ("quantity_for_risk", (0.01, 50.0, 50.0), 50.0, {}, 0.0),
    ("quantity_for_risk", (0.01, 50.0, nan), 50.0, {}, 0.0),
)


@pytest.mark.parametrize(("word", "arguments", "price", "numbers", "units"), SIZES)
def test_sizes(word, arguments, price, numbers, units):
    account = Account(price, contracts=[contract(**numbers)])
    assert getattr(account.book, word)(0, *arguments) == units


def test_risk_is_capped_by_the_buying_power_that_is_left():
    account = Account(50.0, 100.0).hold(1, 900)
    assert account.book.buying_power == 10_000.0
    assert account.book.quantity_for_risk(0, 0.01, 50.0, 47.0) == 200.0


def test_sizes_in_another_currency():
    """100 yen are a dollar: 25,000 dollars at 5,000 yen a share are 500 shares; 1,000 dollars at 200 yen a share of risk, too."""
    yen = contract(currency=1, money_scale=1.0)
    account = Account(5_000.0, contracts=[yen], scales=(100.0, 1.0), rates=(0.01,))
    assert account.book.quantity_for_weight(0, 0.25) == 500.0
    assert account.book.quantity_for_risk(0, 0.01, 5_000.0, 4_800.0) == 500.0


# Targets: held | working limit order | target | drift || signed market order
TARGETS = (
    (0, 0, +50.0, nan, +50.0),
    (0, 0, -50.0, nan, -50.0),
    (0, 0, +50.7, nan, +50.0),
    (+50, 0, +50.0, nan, 0.0),
    (+50, 0, 0.0, nan, -50.0),
    (+50, 0, -50.0, nan, -100.0),
    (0, +20, +50.0, nan, +30.0),
    (0, +50, +50.0, nan, 0.0),
    (0, +70, +50.0, nan, -20.0),
    (+30, -10, +50.0, nan, +30.0),
    # one per cent of the target is left alone, more is not; nothing is small for zero or a change of sides
    (+990, 0, +1_000.0, nan, 0.0),
    (+989, 0, +1_000.0, nan, +11.0),
    (+1_010, 0, +1_000.0, nan, 0.0),
    (+950, 0, +1_000.0, 0.05, 0.0),
    (+949, 0, +1_000.0, 0.05, +51.0),
    (+999, 0, +1_000.0, 0.0, +1.0),
    (+1, 0, 0.0, 0.5, -1.0),
    (+1, 0, -1.0, 0.5, -2.0),
)


@pytest.mark.parametrize(("held", "working", "target", "drift", "sent"), TARGETS)
def test_a_target_sends_the_difference(held, working, target, drift, sent):
    account = Account(100.0, cash=1e7).hold(0, held)
    account.work(0, working, 90.0)
    number = account.book.target_quantity(0, target, drift)
    asked = account.book.intents[account.book.intent_count - 1] if number else None
    assert (asked.side * asked.quantity if asked else 0.0) == sent
    assert (number == 0) == (sent == 0.0)


def test_a_target_replaces_its_own_earlier_order_and_touches_no_other():
    account = Account(100.0)
    other = account.work(0, +5, 90.0)
    first = account.book.target_quantity(0, 50.0)
    account.review()
    second = account.book.target_quantity(0, 20.0)
    account.review()
    cancelling = {order.number: order.cancelling for order in account.book.orders}
    quantities = {order.number: order.quantity for order in account.book.orders}
    assert cancelling == {other: False, first: True, second: False}
    assert quantities == {other: 5.0, first: 45.0, second: 15.0}


def test_a_target_that_is_on_its_way_is_kept():
    account = Account(100.0)
    first = account.book.target_quantity(0, 50.0)
    account.review()
    assert account.book.target_quantity(0, 50.0) == account.book.target_quantity(0, 50.4) == 0
    assert [order.number for order in account.book.orders] == [first]
    assert not account.book.orders[0].cancelling


def test_a_target_said_twice_in_one_step_is_the_last_one():
    account = Account(100.0)
    account.book.target_quantity(0, 50.0)
    account.book.target_quantity(0, 80.0)
    account.review()
    assert [order.quantity for order in account.book.orders] == [80.0]


def test_targets_by_value_and_weight_go_through_their_sizes():
    account = Account(30.0, 40.0)
    account.book.target_value(0, 10_000.0)
    account.book.target_weight(1, -0.5)
    assert [intent.side * intent.quantity for intent in account.book.intents[: account.book.intent_count]] == [
        333.0,
        -1_250.0,
    ]


def test_a_target_before_the_first_price_waits():
    account = Account(nan)
    assert account.book.target_weight(0, 0.5) == account.book.target_value(0, 5_000.0) == 0
    assert account.book.target_quantity(0, 5.0) == 1


def test_close_is_the_whole_position_and_nothing_when_flat():
    account = Account(100.0, 50.0).hold(0, 7).hold(1, -3)
    account.book.close(0)
    account.book.close(1)
    assert [intent.side * intent.quantity for intent in account.book.intents[: account.book.intent_count]] == [
        -7.0,
        +3.0,
    ]
    assert Account(100.0).book.close(0) == 0


def test_roll_closes_the_near_and_opens_the_far():
    numbers = contract(margined=True, multiplier=50.0, margin=0.1)
    account = Account(4_000.0, 4_020.0, contracts=[numbers, contract(margined=True, multiplier=50.0, margin=0.1)]).hold(
        0, -3
    )
    second = account.book.roll(0, 1)
    asked = account.book.intents[: account.book.intent_count]
    assert [(intent.symbol, intent.side * intent.quantity) for intent in asked] == [(0, +3.0), (1, -3.0)]
    assert second == asked[1].number
    assert account.book.roll(1, 0) == 0


# Buying power: equity less initial margins, never below nothing.
POWER = (
    ([{}], (0,), 100_000.0),
    ([{}], (400,), 60_000.0),
    ([{}], (-400,), 60_000.0),
    ([{"margin": 0.5}], (1_000,), 50_000.0),
    ([{}], (1_500,), 0.0),
    ([FUTURE], (10,), 95_000.0),
    ([{}, FUTURE], (400, -10), 55_000.0),
)


@pytest.mark.parametrize(("instruments", "held", "power"), POWER)
def test_buying_power(instruments, held, power):
    account = Account(*[100.0] * len(held), contracts=[contract(**numbers) for numbers in instruments])
    for symbol, quantity in enumerate(held):
        account.hold(symbol, quantity)
    assert account.book.equity == 100_000.0
    assert account.book.buying_power == power


# Words that make no order.
WRONG = (
    (lambda book: book.buy(0, 0.5), "0.5 is not a positive whole number of lots"),
    (lambda book: book.buy(0, 0.0), "0.0 is not a positive"),
    (lambda book: book.buy(0, -1.0), "-1.0 is not a positive"),
    (lambda book: book.buy(0, nan), "nan is not a positive"),
    (lambda book: book.sell(2, 1.0), "names symbol 2, and handles run from 0 to 1"),
    (lambda book: book.sell(-1, 1.0), "names symbol -1"),
    (lambda book: book.target_quantity(2, 1.0), "names symbol 2"),
    (lambda book: book.target_weight(2, 1.0), "names symbol 2"),
    (lambda book: book.buy(0, 1.0, limit=0.0), "make no order"),
    (lambda book: book.buy(0, 1.0, stop=-5.0), "make no order"),
    (lambda book: book.buy(0, 1.0, trail=1.0, limit=5.0), "make no order"),
    (lambda book: book.buy(0, 1.0, trail=-1.0), "make no order"),
    (lambda book: book.buy(0, 1.0, stop=101.0, tif=2), "make no order"),
    (lambda book: book.buy(0, 1.0, trail=1.0, tif=4), "make no order"),
    (lambda book: book.buy(0, 1.0, tif=9), "make no order"),
    (lambda book: book.buy(0, 1.0, take_profit=0.0), "make no order"),
    (lambda book: book.buy(0, 1.0, stop_loss=-1.0), "make no order"),
    (lambda book: book.buy(0, 1.0, limit=0.004), "make no order"),  # 0 on the grid
    (lambda book: book.sell(0, 1.0, stop=0.004), "make no order"),
    (lambda book: book.replace(book.buy(0, 1.0), limit=-3.0), "make no order"),
    (lambda book: book.replace(book.buy(0, 1.0), quantity=0.5), "0.5 is not a positive"),
)


@pytest.mark.parametrize(("word", "message"), WRONG)
def test_words_that_make_no_order_are_errors(word, message):
    with pytest.raises(OrderError, match=message) as caught:
        word(Account(100.0, 50.0).book)
    assert caught.value.fix


@pytest.mark.parametrize("word", [word for word, _ in WRONG[:-2]])
def test_words_that_make_no_order_leave_nothing_behind(word):
    """Whoever catches the error goes on; half an order would have gone to market without its prices."""
    book = Account(100.0, 50.0).book
    with pytest.raises(OrderError):
        word(book)
    assert (book.intent_count, book.next_number, book.busy) == (0, 1, False)


@pytest.mark.parametrize("stated", [{"limit": 1e20}, {"stop": 0.0}, {"quantity": 0.5}])
def test_a_replace_that_cannot_be_leaves_the_order_alone(stated):
    book = Account(100.0, 50.0).book
    number = book.buy(0, 1.0)
    with pytest.raises((OrderError, OverflowError)):
        book.replace(number, **stated)
    assert book.intent_count == 1


def test_words_on_orders_that_are_not_there_do_nothing():
    account = Account(100.0)
    account.book.cancel(99)
    account.book.replace(99, quantity=5.0)
    account.book.one_cancels_other(98, 99)
    assert account.book.intent_count == 0
