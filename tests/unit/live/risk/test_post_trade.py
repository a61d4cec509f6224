"""What is held after a trade, as tables: at the bound, over it, and what must go."""

import pytest

from stratofold.live.risk.post_trade import over
from stratofold.live.risk.verdict import REDUCE, REDUCING_ONLY
from tests.unit.fold.account import contract
from tests.unit.live.risk.scene import Scene, lifted, said

# held of S0 (100) and S1 (50) in 20,000 | bound || observed when broken
ROWS = (
    ((+50, +50), {"gross_exposure_max": 7_500.0}, None),
    ((+51, +50), {"gross_exposure_max": 7_500.0}, ("gross_exposure_after", 7_500.0, 7_600.0)),
    ((+50, -51), {"gross_exposure_max": 7_500.0}, ("gross_exposure_after", 7_500.0, 7_550.0)),
    ((+50, -50), {"net_exposure_max": 2_500.0}, None),
    ((+51, -50), {"net_exposure_max": 2_500.0}, ("net_exposure_after", 2_500.0, 2_600.0)),
    ((-51, +50), {"net_exposure_max": 2_500.0}, ("net_exposure_after", 2_500.0, 2_600.0)),
    ((+100, +200), {"leverage_max": 1.0}, None),
    ((+100, +201), {"leverage_max": 1.0}, ("leverage_after", 1.0, 1.0025)),
    ((+50, 0), {"concentration_max": 0.25}, None),
    ((+51, 0), {"concentration_max": 0.25}, ("concentration", 0.25, 0.255)),
    ((0, -102), {"concentration_max": 0.25}, ("concentration", 0.25, 0.255)),
)


@pytest.mark.parametrize(("held", "bound", "outcome"), ROWS)
def test_a_fill_that_leads_over_a_bound_is_a_breach(held, bound, outcome):
    scene = Scene(lifted(exposure=bound), cash=20_000.0)
    scene.hold(1, held[1])
    broken = scene.fill(0, held[0]) if held[0] else scene.fill(1, 0)
    assert said(broken) == (
        [] if outcome is None else [(outcome[0], -1, REDUCING_ONLY, outcome[1], pytest.approx(outcome[2]))]
    )


def test_a_breach_is_told_once_and_again_after_it_was_mended():
    scene = Scene(lifted(exposure={"gross_exposure_max": 1_000.0}))
    assert len(scene.fill(0, +11, number=1)) == 1
    assert scene.fill(0, +1, number=2) == []
    assert scene.fill(0, -2, number=3) == []
    assert len(scene.fill(0, +1, number=4)) == 1


def test_a_fill_is_judged_at_once_even_amid_the_bars_of_one_time():
    scene = Scene(lifted(exposure={"gross_exposure_max": 1_000.0}))
    scene.bar(0, 100.0, 600)
    scene.bar(1, 50.0, 600)
    scene.bar(0, 100.0, 601)
    assert len(scene.fill(0, +11)) == 1


def test_prices_break_a_bound_without_a_trade():
    scene = Scene(lifted(exposure={"gross_exposure_max": 1_000.0}))
    scene.fill(0, +10)
    assert said(scene.bar(0, 101.0)) == [("gross_exposure_after", -1, REDUCING_ONLY, 1_000.0, 1_010.0)]


# price of S0, 100 of which are held with 5,000 borrowed, maintenance 25 % || broken?
MARGINS = ((66.67, False), (66.66, True))


@pytest.mark.parametrize(("price", "broken"), MARGINS)
def test_equity_under_the_maintenance_margin_is_a_breach(price, broken):
    scene = Scene(lifted(), cash=5_000.0, contracts=[contract(margin=0.5, maintenance=0.25), contract()])
    assert scene.fill(0, +100) == []
    assert [row[0] for row in said(scene.bar(0, price))] == ["maintenance_margin"] * broken


def test_exposure_in_a_currency_is_at_its_rate():
    scene = Scene(contracts=[contract(), contract(currency=1)], scales=(100.0, 100.0), rates=(1.25,))
    scene.hold(0, +10).hold(1, -4)
    now = scene.guard.exposure.values.exposure(scene.book)
    assert (list(now.values), now.gross, now.net) == ([1_000.0, -250.0], 1_250.0, 750.0)


def test_a_margined_position_is_worth_what_it_controls():
    scene = Scene(contracts=[contract(margined=True, multiplier=10.0, margin=0.1, maintenance=0.05), contract()])
    scene.hold(0, -3)
    scene.bar(0, 110.0)
    now = scene.guard.exposure.values.exposure(scene.book)
    assert (now.gross, now.net, now.maintenance) == (3_300.0, -3_300.0, 165.0)


def test_a_cut_is_in_whole_lots_and_leaves_the_rest():
    for lot, scale, held, cut in ((10.0, 1.0, 50.0, 10.0), (0.5, 10.0, 50.0, 6.5), (40.0, 1.0, 40.0, 40.0)):
        bounds = lifted(exposure={"gross_exposure_max": 4_385.0 * held / 50.0, "action": REDUCE})
        scene = Scene(bounds, contracts=[contract(lot=lot, quantity_scale=scale), contract()])
        assert [breach.quantity for breach in scene.fill(0, held)] == [cut]


def test_a_short_that_is_too_large_is_cut_too():
    scene = Scene(lifted(exposure={"concentration_max": 0.25, "action": REDUCE}), cash=20_000.0)
    assert [(breach.symbol, breach.quantity) for breach in scene.fill(1, -101)] == [(1, 1.0)]


def test_ratios_of_nothing():
    assert (over(0.0, 0.0), over(1.0, 4.0)) == (0.0, 0.25)
    assert over(1.0, 0.0) == over(1.0, -5.0) == float("inf")


# held | bound || what must go of S0 and S1, in whole lots
CUTS = (
    ((+100, +100), {"gross_exposure_max": 12_000.0}, {0: 20.0, 1: 20.0}),
    ((+100, -100), {"gross_exposure_max": 12_001.0}, {0: 20.0, 1: 20.0}),
    ((+100, -100), {"gross_exposure_max": 0.0}, {0: 100.0, 1: 100.0}),
    ((+100, -100), {"net_exposure_max": 4_000.0}, {0: 10.0}),
    ((-100, +100), {"net_exposure_max": 0.0}, {0: 50.0}),
    ((+100, +100), {"leverage_max": 0.6}, {0: 20.0, 1: 20.0}),
    ((+100, +100), {"concentration_max": 0.25}, {0: 50.0}),
    ((+100, +101), {"concentration_max": 0.25}, {0: 50.0, 1: 1.0}),
)


@pytest.mark.parametrize(("held", "bound", "cuts"), CUTS)
def test_what_must_go_brings_the_book_back_to_its_bound_and_not_a_lot_further(held, bound, cuts):
    scene = Scene(lifted(exposure={**bound, "action": REDUCE}), cash=20_000.0)
    scene.hold(1, held[1])
    broken = scene.fill(0, held[0])
    assert {breach.symbol: breach.quantity for breach in broken} == cuts
    assert {breach.action for breach in broken} == {REDUCE}
    for symbol, quantity in cuts.items():
        scene.hold(symbol, -quantity if scene.book.position(symbol) > 0 else quantity)
    assert scene.guard.exposure.judge(scene.book, 0) == []
    for symbol in cuts:
        scene.hold(symbol, 1 if held[symbol] > 0 else -1)
    assert scene.guard.exposure.judge(scene.book, 0) != []
