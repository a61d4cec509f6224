"""The stops as tables and short stories: drawdown, daily loss, stop-loss and take-profit, over deposits, splits, restarts."""

from math import inf

import pytest

from stratofold.events import COMMAND_HALT, COMMAND_RESUME, DEPOSIT, INTEREST, SPLIT, WITHDRAWAL, Action, Quote, Trade
from stratofold.fold.state import restore, save
from stratofold.live.risk.bounds import SymbolBounds
from stratofold.live.risk.verdict import FLATTEN, HALT, NOTE, REDUCING_ONLY
from tests.unit.fold.account import contract
from tests.unit.live.risk.scene import Scene, lifted, said

TENTH = lifted(stops={"drawdown_max": 0.10})


def holding(bounds, quantity=100, symbol=0, **more):
    """100 units of S0 at 100 in 20,000 of money, judged once."""
    scene = Scene(bounds, cash=20_000.0, **more)
    scene.hold(symbol, quantity)
    assert scene.bar(0, 100.0, 600) == []
    return scene


# price after the peak of 100 (equity 20,000) || the drawdown that trips the stop at 10 %
DRAWDOWNS = ((81.0, None), (80.0, None), (79.0, 0.105))


@pytest.mark.parametrize(("price", "drawdown"), DRAWDOWNS)
def test_a_drawdown_from_the_peak_trips_at_its_bound_and_not_before(price, drawdown):
    scene = holding(TENTH)
    broken = scene.bar(0, price, 601)
    assert said(broken) == (
        [] if drawdown is None else [("drawdown", -1, REDUCING_ONLY, 0.10, pytest.approx(drawdown))]
    )
    assert (scene.ask(0, +1) is None) == (drawdown is None)
    assert scene.ask(0, -1, reduces=True) is None


def test_a_drawdown_holds_over_sessions_and_recoveries_until_a_person_accepts_it():
    scene = holding(TENTH)
    scene.bar(0, 70.0, 601)
    assert scene.bar(0, 60.0, 602) == []  # told once
    scene.bar(0, 100.0, 1440 + 600)
    assert scene.ask(0, +1)[:2] == ("drawdown", 0.10)
    scene.bar(0, 90.0)
    scene.command(COMMAND_RESUME)
    assert scene.ask(0, +1) is None
    assert scene.bar(0, 72.0) == []  # 17,200 of 19,000
    assert said(scene.bar(0, 70.0)) == [("drawdown", -1, REDUCING_ONLY, 0.10, pytest.approx(2_000 / 19_000))]


def test_a_resume_of_something_else_forgives_no_loss():
    scene = holding(lifted(stops={"drawdown_max": 0.10, "daily_loss_max": 1_500.0}))
    scene.bar(0, 90.0)
    scene.command(COMMAND_RESUME)
    assert [row[0] for row in said(scene.bar(0, 79.0))] == ["drawdown", "daily_loss"]


def test_money_paid_in_or_out_is_neither_gain_nor_loss():
    for kind, sign in ((DEPOSIT, +1.0), (WITHDRAWAL, -1.0)):
        scene = holding(lifted(stops={"drawdown_max": 0.10, "daily_loss_max": 1_500.0}))
        scene.book.ledger.pay(0, sign * 9_000.0 * 100.0)
        assert scene.action(kind, 9_000.0) == []
        assert scene.bar(0, 99.0) == []
        assert scene.guard.equity_stops.loss == 100.0
        assert scene.guard.equity_stops.drawdown == pytest.approx(100.0 / (20_000.0 + sign * 9_000.0))


def test_a_deposit_in_another_currency_is_worth_its_rate():
    scene = Scene(TENTH, contracts=[contract(), contract()], scales=(100.0, 100.0), rates=(1.5,), cash=20_000.0)
    scene.bar(0, 100.0)
    scene.book.ledger.pay(1, -6_000.0 * 100.0)
    assert scene.hear(Action, kind=WITHDRAWAL, value=6_000.0, currency=1) == []
    assert (scene.guard.equity_stops.peak, scene.guard.equity_stops.start) == (11_000.0, 11_000.0)


def test_a_resume_of_one_instrument_lifts_no_stop_of_the_book():
    for symbol in (0, 1):
        scene = holding(TENTH)
        scene.bar(0, 70.0)
        scene.command(COMMAND_RESUME, symbol)
        assert scene.ask(0, +1)[:2] == ("drawdown", 0.10)


# price || loss of the session that trips at 1,000; start 20,000
LOSSES = ((91.0, None), (90.0, None), (89.0, 1_100.0))


@pytest.mark.parametrize("stated", [{"daily_loss_max": 1_000.0}, {"daily_loss_fraction_max": 0.05}])
@pytest.mark.parametrize(("price", "loss"), LOSSES)
def test_a_session_may_lose_so_much_and_not_more(stated, price, loss):
    scene = holding(lifted(stops=stated))
    assert said(scene.bar(0, price, 601)) == (
        [] if loss is None else [("daily_loss", -1, REDUCING_ONLY, 1_000.0, loss)]
    )
    assert scene.ask(0, +1) == (None if loss is None else ("daily_loss", 1_000.0, loss))


def test_a_daily_loss_is_forgiven_by_the_next_session_which_counts_from_its_own_start():
    scene = holding(lifted(stops={"daily_loss_max": 1_000.0}))
    scene.bar(0, 85.0, 959)
    assert scene.ask(0, +1) == ("daily_loss", 1_000.0, 1_500.0)
    assert scene.bar(0, 76.0, 1440 + 571) == []
    assert scene.ask(0, +1) is None
    assert said(scene.bar(0, 74.0)) == [("daily_loss", -1, REDUCING_ONLY, 1_000.0, 1_100.0)]


def test_what_happens_overnight_belongs_to_the_next_session():
    scene = holding(lifted(stops={"daily_loss_max": 1_000.0}))
    scene.bar(0, 100.0, 960)
    assert said(scene.bar(0, 89.0, 1440 + 571)) == [("daily_loss", -1, REDUCING_ONLY, 1_000.0, 1_100.0)]


def test_a_stop_that_is_only_to_be_noted_refuses_nothing():
    scene = holding(lifted(stops={"drawdown_max": 0.10, "action": NOTE}))
    assert said(scene.bar(0, 50.0))[0][2] == NOTE
    assert scene.ask(0, +1) is None


def test_stops_with_nothing_stated_trip_at_the_first_loss():
    scene = holding(lifted(stops={"drawdown_max": 0.0, "daily_loss_max": 0.0}))
    assert scene.bar(0, 100.0, 601) == []
    assert [row[0] for row in said(scene.bar(0, 99.99, 602))] == ["drawdown", "daily_loss"]


def test_a_moment_that_was_never_complete_is_judged_when_time_moves_on():
    scene = Scene(TENTH, cash=20_000.0)
    scene.hold(0, +500).hold(1, -1_000)
    scene.bar(0, 100.0, 600)
    scene.bar(1, 50.0, 600)
    assert scene.bar(0, 90.0, 601) == []
    assert said(scene.bar(0, 100.0, 602)) == [("drawdown", -1, REDUCING_ONLY, 0.10, 0.25)]


def test_money_lost_between_bars_is_judged_at_once_but_not_amid_the_bars_of_one_time():
    for pending in (False, True):
        scene = Scene(TENTH, cash=20_000.0)
        scene.bar(0, 100.0, 600)
        scene.bar(1, 50.0, 600)
        if pending:
            scene.bar(0, 100.0, 601)
        scene.book.ledger.pay(0, -3_000.0 * 100.0)
        told = said(scene.action(INTEREST, -3_000.0))
        assert told == ([] if pending else [("drawdown", -1, REDUCING_ONLY, 0.10, pytest.approx(0.15))])
        assert len(scene.bar(1, 50.0, 601)) == pending


def test_what_has_no_equity_has_no_drawdown_and_what_owes_has_lost_more_than_all():
    scene = Scene(lifted(stops={"drawdown_max": 1.0}), cash=0.0)
    assert scene.bar(0, 100.0) == []
    assert scene.guard.equity_stops.drawdown == 0.0
    other = holding(lifted(stops={"drawdown_max": 1.0}), 1_000)
    assert said(other.bar(0, 79.0)) == [("drawdown", -1, REDUCING_ONLY, 1.0, pytest.approx(1.05))]


def test_a_pair_is_judged_when_both_legs_are_marked():
    scene = Scene(TENTH, cash=20_000.0)
    scene.hold(0, +500).hold(1, -1_000)
    for minute in (600, 601):
        assert scene.bar(0, 100.0, minute) == scene.bar(1, 50.0, minute) == []
    assert scene.bar(0, 90.0, 602) == []  # 5,000 lost on one leg alone
    assert scene.bar(1, 45.0, 602) == []  # and won on the other
    assert scene.bar(0, 80.0, 603) == []
    assert said(scene.bar(0, 80.0, 604)) == [("drawdown", -1, REDUCING_ONLY, 0.10, 0.25)]  # the other leg never came


def test_a_tripped_stop_survives_a_restart_with_its_peak():
    before = holding(TENTH)
    before.bar(0, 70.0, 601)
    after = Scene(TENTH, cash=20_000.0)
    restore(after.guard, save(before.guard))
    assert after.ask(0, +1)[:2] == ("drawdown", 0.10)
    assert save(after.guard) == save(before.guard)


def test_a_bound_that_was_changed_holds_over_a_restored_state():
    before = holding(TENTH)
    after = Scene(lifted(stops={"drawdown_max": 0.20}), cash=20_000.0)
    restore(after.guard, save(before.guard))
    after.hold(0, 100)
    assert after.bar(0, 61.0, 601) == []
    assert said(after.bar(0, 59.0, 602)) == [("drawdown", -1, REDUCING_ONLY, 0.20, pytest.approx(0.205))]


FIFTH = lifted(stops={"stop_loss": 0.20, "take_profit": 0.50})

# held | price || what closes it, and at which level
LEVELS = (
    (+10, 80.01, None),
    (+10, 80.0, ("stop_loss", 80.0)),
    (+10, 79.99, ("stop_loss", 80.0)),
    (+10, 149.99, None),
    (+10, 150.0, ("take_profit", 150.0)),
    (-10, 119.99, None),
    (-10, 120.0, ("stop_loss", 120.0)),
    (-10, 50.01, None),
    (-10, 50.0, ("take_profit", 50.0)),
    (0, 1.0, None),
)


@pytest.mark.parametrize(("held", "price", "outcome"), LEVELS)
def test_a_position_is_closed_at_its_distance_from_the_entry(held, price, outcome):
    scene = holding(FIFTH, held)
    broken = said(scene.bar(0, price, 601))
    assert broken == ([] if outcome is None else [(outcome[0], 0, FLATTEN, outcome[1], price)])


def test_what_a_level_closed_is_not_opened_again_in_the_same_session():
    scene = holding(FIFTH)
    scene.bar(0, 79.0, 700)
    assert scene.ask(0, +1) == ("stop_loss", 0.0, 1.0)
    assert scene.ask(0, -1, reduces=True) is None
    assert scene.ask(1, +1) is None
    scene.at(1440 + 600)
    assert scene.ask(0, +1) is None
    scene.at(700)
    scene.command(COMMAND_HALT, 0)
    assert scene.ask(0, +1) == ("stop_loss", 0.0, 1.0)
    scene.command(COMMAND_RESUME, 0)
    assert scene.ask(0, +1) is None


# held | bid, ask || closed?  A long is judged by the bid, a short by the offer.
QUOTES = ((+10, 80.01, 81.0, False), (+10, 80.0, 90.0, True), (-10, 119.0, 119.99, False), (-10, 90.0, 120.0, True))


@pytest.mark.parametrize(("held", "bid", "ask", "closed"), QUOTES)
def test_a_quote_is_judged_on_the_side_that_would_be_hit(held, bid, ask, closed):
    scene = holding(FIFTH, held)
    assert bool(scene.hear(Quote, symbol=0, bid=bid, ask=ask)) == closed


def test_a_trade_is_judged_too():
    assert said(holding(FIFTH).hear(Trade, symbol=0, price=75.0)) == [("stop_loss", 0, FLATTEN, 80.0, 75.0)]


def test_levels_follow_a_split_and_what_they_closed_survives_a_restart():
    scene = holding(FIFTH)
    scene.book.ledger.split(0, 2.0)
    scene.action(SPLIT, 2.0, 0)
    assert scene.guard.price_stops.levels(0, scene.book) == (40.0, 75.0)
    assert scene.bar(0, 40.01) == []
    scene.bar(0, 40.0)
    after = holding(FIFTH, 200)
    restore(after.guard, save(scene.guard))
    assert after.ask(0, +1) == ("stop_loss", 0.0, 1.0)
    assert after.bar(0, 39.0) == []


# of all | of S0 || the levels of a long at 100
OWN = (
    (0.2, 0.1, (90.0, 150.0)),
    (0.2, 0.3, (80.0, 150.0)),
    (0.2, inf, (80.0, 150.0)),
    (inf, 0.1, (90.0, 150.0)),
)


@pytest.mark.parametrize(("every", "own", "levels"), OWN)
def test_an_instrument_may_have_a_nearer_level_of_its_own(every, own, levels):
    stated = {"S0": SymbolBounds(stop_loss=own, take_profit=0.5)}
    scene = holding(lifted(stops={"stop_loss": every, "take_profit": 0.6}, symbols=stated))
    assert scene.guard.price_stops.levels(0, scene.book) == levels
    scene.hold(1, +10)
    assert scene.guard.price_stops.levels(1, scene.book) == (50.0 * (1.0 - every), 80.0)


def test_a_split_of_the_position_moves_its_fraction_with_the_average_price():
    scene = holding(FIFTH)
    scene.book.ledger.split(0, 4.0)
    scene.action(SPLIT, 4.0, 0)
    assert scene.bar(0, 20.01) == []
    assert said(scene.bar(0, 20.0)) == [("stop_loss", 0, FLATTEN, 20.0, 20.0)]


@pytest.mark.parametrize("action", [REDUCING_ONLY, FLATTEN, HALT])
def test_the_configured_action_is_named(action):
    scene = holding(lifted(stops={"drawdown_max": 0.1, "action": action}))
    assert said(scene.bar(0, 10.0))[0][2] == action


def test_no_level_is_infinitely_far():
    scene = holding(lifted(stops={"stop_loss": inf, "take_profit": inf}))
    assert scene.guard.price_stops.levels(0, scene.book) == (-inf, inf)
