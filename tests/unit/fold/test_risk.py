"""Risk as tables: what is held, what works, what is asked; and what review says, with its limit and what it saw."""

from math import inf, isnan, nan

import pytest

from stratofold.errors import Setup
from stratofold.fold.account import ACTIVE, HALTED, REDUCING
from stratofold.fold.lifecycle import PENDING
from stratofold.fold.order import REPLACE
from stratofold.fold.risk import REASON_NAMES, Limits, Unlimited
from tests.unit.fold.account import SECOND, Account, contract, lifted

FIVE = lifted(position_max=5.0)

# held | working | asked | limits || refusal: reason, limit, observed
POSITIONS = (
    (0, 0, +5, FIVE, None),
    (0, 0, +6, FIVE, ("position", 5.0, 6.0)),
    (0, 0, -6, FIVE, ("position", 5.0, 6.0)),
    (0, +3, +2, FIVE, None),
    (0, +3, +3, FIVE, ("position", 5.0, 6.0)),
    (0, -3, +5, FIVE, None),
    (0, -3, -3, FIVE, ("position", 5.0, 6.0)),
    (+5, 0, +5, FIVE, ("position", 5.0, 10.0)),
    (-5, 0, +5, FIVE, None),
    (-5, 0, +10, FIVE, None),
    (-5, 0, +11, FIVE, ("position", 5.0, 6.0)),
    (+5, 0, -11, FIVE, ("position", 5.0, 6.0)),
    (+5, -5, -6, FIVE, ("position", 5.0, 6.0)),
    (+5, +5, -5, FIVE, None),
)


@pytest.mark.parametrize(("held", "working", "asked", "limits", "outcome"), POSITIONS)
def test_the_position_an_order_could_lead_to(held, working, asked, limits, outcome):
    account = Account(100.0, limits=limits).hold(0, held)
    account.work(0, working, 100.0)
    assert account.ask(0, asked) == outcome


# What reduces passes above any limit, and what crosses zero does not.
# held | working | asked || passes limits of nothing at all
REDUCING_ROWS = (
    (+10, 0, -10, True),
    (+10, 0, -4, True),
    (+10, 0, -11, False),
    (+10, -6, -4, True),
    (+10, -6, -5, False),
    (+10, +6, -10, True),
    (+10, 0, +1, False),
    (-10, 0, +10, True),
    (-10, 0, +11, False),
    (-10, +9, +1, True),
    (-10, +9, +2, False),
    (-10, -9, +10, True),
    (-10, 0, -1, False),
    (0, 0, +1, False),
    (0, +1, -1, False),
)


@pytest.mark.parametrize(("held", "working", "asked", "passes"), REDUCING_ROWS)
def test_what_reduces_passes_and_what_crosses_zero_does_not(held, working, asked, passes):
    account = Account(100.0, limits=Limits()).hold(0, held)
    account.work(0, working, 100.0)
    assert (account.ask(0, asked) is None) == passes


def test_limits_with_nothing_stated_refuse_everything_that_does_not_reduce():
    account = Account(100.0, limits=Limits())
    for more in ({}, {"limit": 99.0}, {"stop": 101.0}, {"trail": 1.0}, {"take_profit": 105.0, "stop_loss": 95.0}):
        assert account.ask(0, +1, **more) == ("order_rate", 0.0, 1.0)
    assert account.book.orders.count == account.book.outbox_count == 0


@pytest.mark.parametrize("name", Limits.__slots__)
def test_a_limit_that_is_no_number_is_refused_because_nothing_is_more_than_it(name):
    with pytest.raises(Setup, match=f"SF115.*{name}"):
        Limits(**{name: nan})


def test_unlimited_allows_everything():
    account = Account(100.0, limits=Unlimited())
    assert [account.ask(0, 1e6, limit=price) for price in (1.0, 1e6) for _ in range(50)] == [None] * 100


# Sizes and values.
# limits | instrument | order || refusal
SIZES = (
    (lifted(order_quantity_max=10.0), {}, {"asked": 10}, None),
    (lifted(order_quantity_max=10.0), {}, {"asked": 11}, ("order_quantity", 10.0, 11.0)),
    (lifted(order_quantity_max=10.0), {}, {"asked": -11}, ("order_quantity", 10.0, 11.0)),
    (lifted(order_notional_max=1_000.0), {}, {"asked": 10}, None),
    (lifted(order_notional_max=1_000.0), {}, {"asked": 11}, ("order_notional", 1_000.0, 1_100.0)),
    (lifted(order_notional_max=1_000.0), {}, {"asked": 10, "limit": 101.0}, ("order_notional", 1_000.0, 1_010.0)),
    (lifted(order_notional_max=1_000.0), {}, {"asked": 10, "stop": 110.0}, ("order_notional", 1_000.0, 1_100.0)),
    (lifted(order_notional_max=1_000.0), {}, {"asked": 10, "stop": 110.0, "limit": 90.0}, None),
    (lifted(order_notional_max=1_000.0), {"multiplier": 50.0}, {"asked": 1}, ("order_notional", 1_000.0, 5_000.0)),
    (lifted(price_collar=0.25), {}, {"asked": 1, "limit": 125.0}, None),
    (lifted(price_collar=0.25), {}, {"asked": 1, "limit": 75.0}, None),
    (lifted(price_collar=0.25), {}, {"asked": 1, "limit": 150.0}, ("price_collar", 0.25, 0.5)),
    (lifted(price_collar=0.25), {}, {"asked": -1, "limit": 50.0}, ("price_collar", 0.25, 0.5)),
    (lifted(price_collar=0.25), {}, {"asked": 1, "stop": 150.0}, ("price_collar", 0.25, 0.5)),
    (lifted(price_collar=0.0), {}, {"asked": 1}, None),
)


@pytest.mark.parametrize(("limits", "numbers", "order", "outcome"), SIZES)
def test_sizes_values_and_prices(limits, numbers, order, outcome):
    account = Account(100.0, limits=limits, contracts=[contract(**numbers)])
    order = dict(order)
    assert account.ask(0, order.pop("asked"), **order) == outcome


def test_before_the_first_price_there_is_nothing_to_collar():
    account = Account(nan, limits=lifted(price_collar=0.01, order_notional_max=500.0))
    assert account.ask(0, 5, limit=100.0) is None
    assert account.ask(0, 6, limit=100.0) == ("order_notional", 500.0, 600.0)


def test_values_are_in_the_base_currency():
    yen = contract(currency=1, money_scale=1.0, price_scale=1.0)
    account = Account(
        5_000.0, limits=lifted(order_notional_max=100.0), contracts=[yen], scales=(100.0, 1.0), rates=(0.01,)
    )
    assert account.ask(0, 2) is None
    assert account.ask(0, 3) == ("order_notional", 100.0, 150.0)


# Exposure over two symbols: 10 of the first held at 100, 20 of the second to be sold at 50, 10 more of the first asked.
# Gross, the worst of each symbol: 20 * 100 + 20 * 50 = 3,000.  Net, all buys or all sells: 2,000 up, 10 * 100 - 20 * 50 = 0 down.
EXPOSURES = (
    (lifted(gross_exposure_max=3_000.0), None),
    (lifted(gross_exposure_max=2_999.0), ("gross_exposure", 2_999.0, 3_000.0)),
    (lifted(net_exposure_max=2_000.0), None),
    (lifted(net_exposure_max=1_999.0), ("net_exposure", 1_999.0, 2_000.0)),
    (lifted(leverage_max=0.03), None),
    (lifted(leverage_max=0.02), ("leverage", 0.02, 0.03)),
)


@pytest.mark.parametrize(("limits", "outcome"), EXPOSURES)
def test_exposure_in_the_worst_order_of_fills(limits, outcome):
    account = Account(100.0, 50.0, limits=limits).hold(0, 10)
    account.work(1, -20, 50.0)
    assert account.ask(0, +10) == outcome


def test_shorts_count_toward_net_exposure_with_their_sign():
    account = Account(100.0, 50.0, limits=lifted(net_exposure_max=1_000.0)).hold(0, 10)
    assert account.ask(1, -40) is None
    assert account.ask(1, -1) == ("net_exposure", 1_000.0, 1_050.0)


def test_an_account_without_equity_has_no_leverage_to_give():
    account = Account(100.0, limits=lifted(leverage_max=2.0), cash=1_000.0).hold(0, 20)
    account.book.ledger.mark(0, 50.0)
    assert account.book.equity == 0.0
    assert account.ask(0, +1) == ("leverage", 2.0, inf)


# Orders a minute: at second | asked || refusal
RATE = (
    (0, +1, None),
    (10, +1, None),
    (20, +1, ("order_rate", 2.0, 3.0)),
    (59, +1, ("order_rate", 2.0, 3.0)),
    (60, +1, None),
    (65, +1, ("order_rate", 2.0, 3.0)),
    (65, -3, None),
    (70, +1, ("order_rate", 2.0, 3.0)),
    (125, +1, None),
)


def test_orders_a_minute():
    """Refused orders do not count; one that reduces passes, and counts."""
    account = Account(100.0, limits=lifted(orders_per_minute_max=2.0)).hold(0, 3)
    for second, asked, outcome in RATE:
        account.book.time = 1_000 * SECOND + second * SECOND
        assert account.ask(0, asked) == outcome, second


def test_one_step_cannot_send_more_than_a_minute_may():
    account = Account(100.0, limits=lifted(orders_per_minute_max=3.0))
    for _ in range(5):
        account.book.buy(0, 1.0)
    assert account.review() == ("order_rate", 3.0, 4.0)
    assert (account.book.orders.count, account.refusals.count) == (3, 2)


# Duplicates: at second | order || refusal
DUPLICATES = (
    (0, {"asked": 5}, None),
    (3, {"asked": 5}, ("duplicate", 10.0, 3.0)),
    (3, {"asked": 4}, None),
    (4, {"asked": 5}, None),
    (5, {"asked": 5, "limit": 99.0}, None),
    (6, {"asked": 5, "limit": 99.0}, ("duplicate", 10.0, 1.0)),
    (6, {"asked": 5, "limit": 98.0}, None),
    (7, {"asked": -5, "limit": 98.0}, None),
    (8, {"asked": 5, "stop": 101.0}, None),
    (9, {"asked": 5, "stop": 102.0}, None),
    (10, {"asked": 5, "stop": 102.0}, ("duplicate", 10.0, 1.0)),
    (18.5, {"asked": 5, "stop": 102.0}, ("duplicate", 10.0, 9.5)),
    (19, {"asked": 5, "stop": 102.0}, None),
)


def test_an_order_like_the_last_one_of_its_symbol():
    account = Account(100.0, 50.0, limits=lifted(duplicate_seconds=10.0))
    for second, order, outcome in DUPLICATES:
        account.book.time = 1_000 * SECOND + int(second * SECOND)
        more = {name: value for name, value in order.items() if name != "asked"}
        assert account.ask(0, order["asked"], **more) == outcome, second


def test_another_symbol_is_no_duplicate():
    account = Account(100.0, 50.0, limits=lifted(duplicate_seconds=10.0))
    assert [account.ask(symbol, 5) for symbol in (0, 1)] == [None, None]


# The operator's three states.
# state | held | asked || refusal
HALTS = (
    (ACTIVE, 0, +5, None),
    (ACTIVE, +5, -5, None),
    (REDUCING, 0, +5, ("reducing_only", 0.0, 5.0)),
    (REDUCING, +5, +1, ("reducing_only", 0.0, 1.0)),
    (REDUCING, +5, -5, None),
    (REDUCING, +5, -6, ("reducing_only", 0.0, 6.0)),
    (REDUCING, -5, +5, None),
    (HALTED, 0, +5, ("halted", 0.0, 5.0)),
    (HALTED, +5, -5, ("halted", 0.0, 5.0)),
    (HALTED, -5, +5, ("halted", 0.0, 5.0)),
)


@pytest.mark.parametrize(("state", "held", "asked", "outcome"), HALTS)
def test_active_reducing_only_halted(state, held, asked, outcome):
    account = Account(100.0).hold(0, held)
    account.book.state = state
    assert account.ask(0, asked) == outcome


@pytest.mark.parametrize("state", [ACTIVE, REDUCING, HALTED])
def test_a_cancel_passes_every_limit_in_every_state(state):
    account = Account(100.0, limits=Limits())
    number = account.work(0, +5, 99.0)
    account.book.state = state
    account.book.cancel(number)
    assert account.review() is None
    assert account.book.orders[0].cancelling


# Precedence: an order with everything wrong, mended from the top, names the next reason each time.
LADDER = (
    ("halted", None),
    ("reducing_only", None),
    ("duplicate", "duplicate_seconds"),
    ("order_rate", "orders_per_minute_max"),
    ("price_collar", "price_collar"),
    ("order_quantity", "order_quantity_max"),
    ("order_notional", "order_notional_max"),
    ("position", "position_max"),
    ("gross_exposure", "gross_exposure_max"),
    ("net_exposure", "net_exposure_max"),
    ("leverage", "leverage_max"),
)


def test_reasons_have_a_precedence():
    assert [name for name, _ in LADDER] == list(REASON_NAMES[: len(LADDER)])
    mended = {}
    for rung, (reason, limit) in enumerate(LADDER):
        limits = Limits(**({"duplicate_seconds": 60.0} | mended))
        account = Account(100.0, limits=limits)
        account.book.state = (HALTED, REDUCING)[rung] if rung < 2 else ACTIVE
        account.book.time = SECOND
        account.book.buy(0, 5.0, limit=150.0)
        account.risk.remember(account.book, account.book.intents[0])
        refusal = account.review()
        assert refusal[0] == reason
        assert refusal[1] == (getattr(limits, limit) if limit else 0.0)
        if limit:
            mended[limit] = 0.0 if limit == "duplicate_seconds" else inf
    account = Account(100.0, limits=Limits(**mended))
    assert account.ask(0, 5, limit=150.0) is None


# One step: each approval counts against the next.


def test_approvals_count_against_the_next_intent_of_the_same_step():
    account = Account(100.0, limits=FIVE)
    for quantity in (3.0, 3.0, 2.0):
        account.book.buy(0, quantity)
    assert account.review() == ("position", 5.0, 6.0)
    assert account.refusals.count == 1
    assert [order.quantity for order in account.book.orders] == [3.0, 2.0]


def test_an_earlier_reduction_of_the_step_is_not_spent_twice():
    account = Account(100.0, limits=Limits()).hold(0, 10)
    account.book.sell(0, 6.0)
    account.book.sell(0, 6.0)
    assert account.review() == ("order_rate", 0.0, 1.0)
    assert [order.quantity for order in account.book.orders] == [6.0]


def test_numbers_are_spent_even_where_risk_refuses():
    account = Account(100.0, limits=Limits())
    first = account.book.buy(0, 1.0, take_profit=110.0, stop_loss=90.0)
    second = account.book.buy(0, 1.0)
    account.review()
    assert (first, second) == (1, 4)
    assert list(account.refusals.column("number")) == [1, 4]


def test_an_intent_cancelled_in_its_own_step_is_never_reviewed():
    account = Account(100.0, limits=Limits())
    account.book.cancel(account.book.buy(0, 1.0))
    assert account.review() is None
    assert account.book.orders.count == 0


# Replace is reviewed as the difference.  More is reserved at once; less is free only when the venue has said so.
# working | new total || refusal, reserved, the total that the venue is asked for
REPLACES = (
    (+5, 5.0, None, 5.0, [5.0]),
    (+5, 3.0, None, 5.0, [3.0]),
    (+5, 8.0, ("position", 6.0, 8.0), 5.0, []),
    (+5, 6.0, None, 6.0, [6.0]),
    (-5, 7.0, ("position", 6.0, 7.0), 5.0, []),
    (-5, 6.0, None, 6.0, [6.0]),
)


@pytest.mark.parametrize(("working", "total", "outcome", "reserved", "sent"), REPLACES)
def test_a_replace_is_reviewed_as_the_difference(working, total, outcome, reserved, sent):
    account = Account(100.0, limits=lifted(position_max=6.0))
    number = account.work(0, working, 100.0)
    account.book.replace(number, quantity=total)
    assert account.review() == outcome
    assert (account.book.working_buy if working > 0 else account.book.working_sell)[0] == reserved
    assert account.book.orders[0].quantity == 5.0
    assert [message.quantity for message in account.messages(REPLACE)] == sent


def test_a_replace_to_what_is_filled_already_is_a_cancel():
    account = Account(100.0)
    number = account.work(0, +5, 100.0)
    account.book.orders[0].filled = 2.0
    account.book.replace(number, quantity=2.0)
    assert account.review() is None
    assert account.book.orders[0].cancelling


def test_a_replace_of_prices_asks_for_what_is_stated_and_changes_nothing_before_the_venue_does():
    account = Account(100.0)
    number = account.book.buy(0, 5.0, limit=99.0, stop=101.0)
    account.review()
    account.book.replace(number, stop=102.0)
    account.review()
    order, (message,) = account.book.orders[0], account.messages(REPLACE)
    assert (order.quantity, order.limit, order.stop, order.state) == (5.0, 99.0, 101.0, PENDING)
    assert (message.stop, isnan(message.limit), isnan(message.quantity)) == (102.0, True, True)


def test_protective_legs_are_no_new_exposure():
    """A bracket within the limit brings its legs along, though each alone would double the position."""
    account = Account(100.0, limits=FIVE)
    assert account.ask(0, +5, take_profit=110.0, stop_loss=90.0) is None
    assert [order.number for order in account.book.orders] == [1, 2, 3]
    assert (account.book.working_buy[0], account.book.working_sell[0]) == (5.0, 0.0)


def test_a_replace_cannot_carry_a_price_past_the_collar():
    account = Account(100.0, limits=lifted(price_collar=0.05))
    number = account.work(0, +5, 100.0)
    account.book.replace(number, limit=1_000.0)
    assert account.review() == ("price_collar", 0.05, 9.0)


def test_a_generous_rate_is_no_refusal():
    account = Account(100.0, limits=lifted(orders_per_minute_max=250_000.0))
    assert account.ask(0, +1) is None
