"""The dated rules as tables: the last day of one and the first of the next, and each bound from both sides."""

from datetime import date
from math import inf, isnan, nan

import pytest
from msgspec import structs
from msgspec.structs import replace

from stratofold.events import DIVIDEND, SPLIT, Bar, Quote, Trade
from stratofold.fold.order import BUY, LIMIT, MARKET
from stratofold.fold.state import restore, save
from stratofold.live.risk.bounds import RuleBounds, SymbolBounds
from stratofold.live.risk.margin import initial_of, maintenance_of
from stratofold.live.risk.rules import CASH, MARGIN, RULES, day_of, rules_on
from stratofold.live.risk.shorts import mark_of
from stratofold.live.risk.verdict import NOTE, wishes
from tests.unit.fold.account import contract
from tests.unit.live.risk.scene import LIFTED, Scene, said

OLD, NEW = date(2026, 6, 3), date(2026, 6, 4)
EASY = RuleBounds(shortable=("*",))


def scene_of(rules=EASY, start=NEW, cash=100_000.0, **more):
    """Two shares at 100 and 50, under the rules of a day."""
    symbols = more.pop("symbols", {})
    scene = Scene(replace(LIFTED, rules=rules, symbols=symbols), cash=cash, equities=[True, True], start=start, **more)
    scene.bar(0, 100.0, 600)
    scene.bar(1, 50.0, 600)
    return scene


def order(scene, symbol, quantity, limit=nan):
    """An order that the fold has approved, and the verdict of the rules on it."""
    scene.work(symbol, quantity, limit)
    held, book = scene.book.position(symbol), scene.book
    reduces = held + book.working_buy[symbol] <= 0 if quantity > 0 else held - book.working_sell[symbol] >= 0
    return scene.ask(symbol, quantity, limit=limit, reduces=reduces)


# day | account | broker's last day of counting || rules on credit that hold
DAYS = (
    (date(2001, 9, 27), MARGIN, None, {"initial_margin"}),
    (date(2001, 9, 28), MARGIN, None, {"day_trades", "initial_margin"}),
    (OLD, MARGIN, None, {"day_trades", "initial_margin", "maintenance_margin", "minimum_equity"}),
    (NEW, MARGIN, None, {"intraday_margin", "initial_margin", "maintenance_margin", "minimum_equity"}),
    (NEW, MARGIN, date(2027, 10, 20), {"day_trades", "initial_margin", "maintenance_margin", "minimum_equity"}),
    (date(2027, 10, 20), MARGIN, date(2027, 10, 20), {"day_trades", "initial_margin", "maintenance_margin", "minimum_equity"}),
    (date(2027, 10, 21), MARGIN, date(2027, 10, 20), {"intraday_margin", "initial_margin", "maintenance_margin", "minimum_equity"}),
    (NEW, CASH, None, {"cash_account"}),
)  # fmt: skip


@pytest.mark.parametrize(("day", "account", "legacy", "names"), DAYS)
def test_which_rules_hold_on_a_day(day, account, legacy, names):
    others = {"locate", "order_marking", "short_sale_restriction", "position_limit"}
    assert {rule.name for rule in rules_on(day, account, legacy)} - others == names


def test_every_rule_has_a_day_a_citation_and_a_sentence():
    for rule in RULES:
        assert rule.citation
        assert rule.text
        assert rule.until is None or rule.since < rule.until
    assert day_of(0) == date(1970, 1, 1).toordinal()


def round_trips(scene, count, symbol=0, minute=610):
    """Bought and sold again so many times."""
    for k in range(count):
        scene.fill(symbol, +1, minute=minute + 2 * k, number=2 * k + 1)
        scene.fill(symbol, -1, minute=minute + 2 * k + 1, number=2 * k + 2)


# round trips | equity || refused?
TRADERS = ((2, 24_999.0, False), (3, 24_999.0, True), (3, 25_000.0, False), (9, 25_000.0, False))


@pytest.mark.parametrize(("count", "equity", "refused"), TRADERS)
def test_the_fourth_day_trade_under_25_000_dollars_is_not_begun(count, equity, refused):
    scene = scene_of(start=OLD, cash=equity)
    round_trips(scene, count)
    assert scene.ask(1, +1) == (("day_trades", 3.0, 4.0) if refused else None)
    assert scene.ask(1, -1, reduces=True) is None


def test_day_trades_are_not_counted_from_the_day_the_rule_is_gone():
    scene = scene_of(start=NEW, cash=10_000.0)
    round_trips(scene, 9)
    assert scene.ask(1, +1) is None


def test_a_broker_may_count_longer():
    scene = scene_of(replace(EASY, legacy_day_trades_until="2027-10-20"), start=NEW, cash=10_000.0)
    round_trips(scene, 3)
    assert scene.ask(1, +1) == ("day_trades", 3.0, 4.0)


# fills: minute, signed quantity || day trades by then
CHANGES = (
    (((610, +1), (611, +1), (612, -2)), 1),
    (((610, +2), (611, -1), (612, -1)), 1),
    (((610, +1), (611, -1), (612, +1), (613, -1)), 2),
    (((610, -1), (611, +1)), 1),
    (((610, +1), (611, -2), (612, +1)), 2),
    (((610, +1), (1440 + 610, -1)), 0),
    (((610, +1), (1440 + 610, -1), (1440 + 611, +1)), 0),
    (((610, +1), (1440 + 610, -1), (1440 + 611, +1), (1440 + 612, -1)), 1),
)


@pytest.mark.parametrize(("fills", "count"), CHANGES)
def test_a_day_trade_is_a_change_from_opening_to_closing_in_one_session(fills, count):
    scene = scene_of(start=date(2026, 5, 1))
    for number, (minute, quantity) in enumerate(fills, 1):
        scene.fill(0, quantity, minute=minute, number=number)
    assert scene.guard.regulation.day_trades.count(1) == count


def test_day_trades_leave_the_count_with_the_sixth_session():
    scene = scene_of(start=date(2026, 5, 1), cash=10_000.0)
    round_trips(scene, 3)
    scene.bar(1, 50.0, 4 * 1440 + 600)
    assert scene.ask(1, +1) == ("day_trades", 3.0, 4.0)
    scene.bar(1, 50.0, 5 * 1440 + 600)
    assert scene.ask(1, +1) is None


def test_day_trades_are_counted_in_any_week():
    scene = scene_of(start=date(2026, 3, 1), cash=10_000.0)
    for session, count in ((11, 1), (13, 2)):
        round_trips(scene, count, minute=session * 1440 + 610)
    counts = [scene.guard.regulation.day_trades.count(session) for session in (11, 12, 13, 15, 16, 17, 18)]
    assert counts == [1, 1, 3, 3, 2, 2, 0]


def test_what_a_rule_counts_survives_a_restart():
    before = scene_of(start=OLD, cash=10_000.0)
    round_trips(before, 3)
    after = Scene(replace(LIFTED, rules=EASY), cash=10_000.0, equities=[True, True], start=OLD)
    restore(after.guard, save(before.guard))
    assert after.ask(1, +1) == ("day_trades", 3.0, 4.0)


# quantity | price || maintenance
MAINTENANCE = (
    (+100, 40.0, 1_000.0),
    (-100, 40.0, 1_200.0),
    (-100, 16.66, 500.0),
    (-100, 17.0, 510.0),
    (-100, 5.5, 500.0),
    (-100, 5.0, 500.0),
    (-100, 4.99, 499.0),
    (-100, 2.5, 250.0),
    (-100, 1.0, 250.0),
    (0, 40.0, 0.0),
)


@pytest.mark.parametrize(("quantity", "price", "needed"), MAINTENANCE)
def test_maintenance_margin(quantity, price, needed):
    assert maintenance_of(float(quantity), price) == pytest.approx(needed)
    assert initial_of(float(quantity), price) == abs(quantity) * price / 2


# held of S0 | order of S0 at 100, equity 10,000 || required at first, when more than equity
INITIALS = (
    (0, +200, None),
    (0, +201, 10_050.0),
    (0, -200, None),
    (0, -201, 10_050.0),
    (+100, +100, None),
    (+100, +101, 10_050.0),
)


@pytest.mark.parametrize(("held", "asked", "needed"), INITIALS)
def test_half_of_what_is_bought_or_sold_short_is_ones_own(held, asked, needed):
    scene = scene_of(start=OLD, cash=30_000.0)
    scene.hold(0, held)
    scene.book.ledger.pay(0, -20_000.0 * 100.0)
    assert order(scene, 0, asked) == (None if needed is None else ("initial_margin", 10_000.0, needed))


def test_a_rotation_is_weighed_together_at_first_and_one_by_one_at_every_moment():
    for start, twice in ((OLD, None), (NEW, None)):
        scene = scene_of(start=start, cash=10_000.0)
        scene.hold(0, +190)
        scene.work(0, -190)
        assert order(scene, 1, +380) is twice
    scene = scene_of(start=NEW, cash=10_000.0)
    scene.hold(0, +200)
    scene.work(0, -200)
    assert order(scene, 1, +400) is None
    assert order(scene, 0, -334) == ("initial_margin", 10_000.0, 26_700.0)


# equity | what is asked || refused under 2,000 dollars only when it needs credit
SMALL = (
    (1_999.0, +19, None),
    (1_999.0, +20, "minimum_equity"),
    (2_000.0, +21, None),
    (1_999.0, -1, "minimum_equity"),
    (2_000.0, -1, None),
)


@pytest.mark.parametrize(("equity", "asked", "reason"), SMALL)
def test_credit_asks_for_an_equity_of_2_000_dollars(equity, asked, reason):
    answer = order(scene_of(cash=equity), 0, asked)
    assert (answer and answer[0]) == reason


# asked with 10,000 in cash and 10 of S1 held || refused in a cash account
PAID = ((0, +100, None), (0, +101, "cash_account"), (0, -1, "cash_account"), (1, -10, None), (1, -11, "cash_account"))


@pytest.mark.parametrize(("symbol", "asked", "reason"), PAID)
def test_a_cash_account_pays_in_full_and_sells_nothing_short(symbol, asked, reason):
    scene = scene_of(RuleBounds(account=CASH, shortable=("*",)), cash=10_500.0)
    scene.hold(1, +10)
    answer = order(scene, symbol, asked)
    assert (answer and answer[0]) == reason


def test_a_cash_account_may_buy_with_what_it_sells():
    scene = scene_of(RuleBounds(account=CASH), cash=10_000.0)
    scene.hold(1, +200)
    scene.work(1, -200)
    assert order(scene, 0, +100) is None


def test_what_is_sold_beyond_what_is_held_pays_for_nothing():
    scene = scene_of(RuleBounds(account=CASH), cash=10_500.0)
    scene.hold(1, +10)
    scene.work(1, -30)
    assert order(scene, 0, +105) is None
    assert order(scene, 0, +1) == ("cash_account", 10_000.0, 10_100.0)


def test_margin_is_in_the_base_currency_and_in_units_of_the_contract():
    contracts = [contract(multiplier=2.0), contract(currency=1)]
    money = {"contracts": contracts, "scales": (100.0, 100.0), "rates": (1.5,)}
    scene = scene_of(start=OLD, cash=30_000.0, **money)
    scene.hold(1, +400)
    assert structs.astuple(scene.guard.regulation.margin.worst(scene.book)) == (15_000.0, 7_500.0, 0.0, 30_000.0)
    assert order(scene, 0, +150) is None
    assert order(scene, 0, +1) == ("initial_margin", 30_000.0, 30_100.0)


def test_a_limit_order_is_weighed_at_its_own_price():
    scene = scene_of(start=OLD, cash=10_000.0)
    assert order(scene, 0, +180, limit=110.0) is None
    assert order(scene, 0, +2, limit=110.0) == ("initial_margin", 10_000.0, 10_010.0)


def test_from_june_2026_an_order_that_leads_to_a_deficit_at_any_moment_is_refused():
    for start, outcome in ((OLD, None), (NEW, ("intraday_margin", 10_000.0, 11_015.0))):
        scene = scene_of(start=start, cash=10_000.0)
        scene.hold(0, +200)
        scene.work(0, -200)
        assert order(scene, 1, +400) is None  # 5,000 for each, were the purchase to fill before the sale
        scene.work(0, -1)
        scene.work(1, -401)
        assert order(scene, 1, +1) == outcome


def deficit(price=26.0):
    """200 of S0 bought at 40 with half of it borrowed; at `price` the maintenance is not covered."""
    scene = Scene(replace(LIFTED, rules=EASY), prices=(40.0, 50.0), cash=4_000.0, equities=[True, True], start=NEW)
    scene.bar(0, 40.0, 600)
    scene.fill(0, +200, 40.0, 601)
    return scene, scene.bar(0, price, 602)


# price || required and equity at a deficit
DEFICITS = ((26.67, None), (26.66, (1_333.0, 1_332.0)))


@pytest.mark.parametrize(("price", "outcome"), DEFICITS)
def test_a_deficit_is_told_when_it_begins(price, outcome):
    _, broken = deficit(price)
    rows = [row for row in said(broken) if row[0] == "intraday_margin"]
    assert rows == ([] if outcome is None else [("intraday_margin", -1, NOTE, outcome[1], outcome[0])])


def test_a_deficit_that_stands_for_more_than_five_sessions_ends_credit_for_ninety_days():
    scene, _ = deficit()
    for session in range(1, 6):
        assert scene.bar(0, 26.0, session * 1440 + 600) == []
    assert [row[0] for row in said(scene.bar(0, 26.0, 6 * 1440 + 600))] == ["intraday_margin"]
    scene.book.ledger.pay(0, 20_000.0 * 100.0)
    scene.book.ledger.mark(0, 40.0)
    assert order(scene, 1, -1) == ("intraday_margin", 0.0, 100.0)
    scene.bar(0, 40.0, 95 * 1440 + 600)
    assert order(scene, 1, -1) is not None
    scene.bar(0, 40.0, 96 * 1440 + 601)
    assert order(scene, 1, -1) is None


def test_a_deficit_that_is_met_begins_anew():
    scene, _ = deficit()
    scene.bar(0, 40.0, 3 * 1440 + 600)
    assert [row[0] for row in said(scene.bar(0, 26.0, 4 * 1440 + 600))] == ["intraday_margin"]
    for session in range(5, 9):
        assert scene.bar(0, 26.0, session * 1440 + 600) == []
    assert scene.guard.regulation.margin.restricted_until == 0


# held | asked | located || refused: what would be short
LOCATES = (
    (0, -10, 10.0, None),
    (0, -11, 10.0, 11.0),
    (+5, -15, 10.0, None),
    (+5, -16, 10.0, 11.0),
    (-5, -6, 10.0, 11.0),
    (0, -1, 0.0, 1.0),
    (0, -999, inf, None),
)


@pytest.mark.parametrize(("held", "asked", "located", "short"), LOCATES)
def test_nothing_is_sold_short_that_is_not_located(held, asked, located, short):
    scene = scene_of(RuleBounds(), symbols={"S0": SymbolBounds(located=located)})
    scene.hold(0, held)
    assert order(scene, 0, asked) == (None if short is None else ("locate", located, short))


def test_easy_to_borrow_names_need_no_locate():
    scene = scene_of(RuleBounds(shortable=("S1",)))
    assert order(scene, 1, -1) is None
    assert order(scene, 0, -1) == ("locate", 0.0, 1.0)


def test_sales_at_once_are_never_of_the_same_shares():
    scene = scene_of(RuleBounds())
    scene.hold(0, +10)
    for quantity in (6, 4, 1):
        scene.work(0, -quantity)
    messages = [
        (m.action, m.number, m.symbol, m.side, m.kind, m.tif, m.quantity, m.limit, m.stop, 0, 0)
        for m in scene.book.outbox[: scene.book.outbox_count]
    ]
    marked = wishes(messages, scene.book)
    assert [mark_of(wish) for wish in marked] == ["long", "long", "short"]
    assert [mark_of(wish) for wish in reversed(wishes(messages[::-1], scene.book))] == ["short", "long", "long"]
    assert mark_of(structs.replace(marked[0], side=BUY)) == "buy"


# lowest price after a close of 100 || restricted?
FALLS = ((90.01, False), (90.0, True), (89.0, True))


@pytest.mark.parametrize(("low", "restricted"), FALLS)
def test_a_fall_of_a_tenth_restricts_short_sales_for_that_session_and_the_next(low, restricted):
    scene = scene_of()
    scene.bar(0, 100.0, 960)
    scene.hear(Bar, 1440 + 600, symbol=0, low=low, close=95.0)
    scene.book.ledger.mark(0, 95.0)
    scene.hear(Quote, 1440 + 600, symbol=0, bid=94.9, ask=95.0)
    for session in (1, 2):
        scene.at(session * 1440 + 700)
        for limit, passes in ((nan, False), (94.9, False), (94.91, True)):
            answer = scene.ask(0, -1, limit=limit, kind=MARKET if isnan(limit) else LIMIT)
            assert (answer is None) == (passes or not restricted)
            assert answer is None or answer[:2] == ("short_sale_restriction", 94.9)
    assert scene.ask(0, -1, reduces=True) is None
    assert scene.ask(0, +1) is None
    assert scene.ask(1, -1) is None
    scene.at(3 * 1440 + 600)
    assert scene.ask(0, -1) is None


def test_a_fall_is_from_the_last_close_however_many_steps_it_takes_and_a_dividend_is_none():
    scene = scene_of()
    scene.bar(0, 100.0, 960)
    scene.action(DIVIDEND, 5.0, 0, 1440 + 570)
    for minute, price in enumerate((95.0, 91.0)):
        scene.bar(0, price, 1440 + 600 + minute)
        assert scene.ask(0, -1) is None
    scene.bar(0, 90.0, 1440 + 603)
    assert scene.ask(0, -1, limit=90.0) == ("short_sale_restriction", 90.0, 90.0)


def test_a_second_fall_restricts_anew_and_a_split_is_no_fall():
    scene = scene_of()
    scene.bar(0, 100.0, 960)
    scene.hear(Trade, 1440 + 600, symbol=0, price=80.0)
    scene.hear(Trade, 2 * 1440 + 600, symbol=0, price=72.0)
    assert scene.guard.regulation.shorts.restricted_until[0] == 3
    other = scene_of()
    other.bar(0, 100.0, 960)
    other.action(SPLIT, 2.0, 0, 1440 + 570)
    other.bar(0, 49.0, 1440 + 600)
    assert other.guard.regulation.shorts.restricted_until[0] == -1


def test_where_there_is_no_bid_the_last_price_stands_for_it():
    scene = scene_of()
    scene.bar(0, 100.0, 960)
    scene.bar(0, 85.0, 1440 + 600)
    assert scene.ask(0, -1, limit=85.0) == ("short_sale_restriction", 85.0, 85.0)
    assert scene.ask(0, -1, limit=85.01) is None


# held and asked at a limit of the regulator's of 100 || refused
LIMITED = ((+60, +40, None), (+60, +41, 101.0), (-60, -41, 101.0), (+60, -61, None))


@pytest.mark.parametrize(("held", "asked", "reach"), LIMITED)
def test_a_position_limit_is_the_regulators(held, asked, reach):
    scene = scene_of(symbols={"S0": SymbolBounds(position_limit=100.0)})
    scene.hold(0, held)
    assert order(scene, 0, asked) == (None if reach is None else ("position_limit", 100.0, reach))


def test_rules_of_equities_leave_other_instruments_alone():
    scene = Scene(replace(LIFTED, rules=RuleBounds()), cash=1_000.0, equities=[False, True], start=NEW)
    scene.bar(0, 100.0, 600)
    assert order(scene, 0, -500) is None
    assert order(scene, 1, -1) is not None


def test_an_order_of_before_a_rule_is_not_judged_by_it():
    scene = scene_of(RuleBounds(), start=date(1999, 6, 1))
    assert scene.ask(0, -1) is None
