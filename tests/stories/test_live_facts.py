"""A fact of an instrument that is another now: it holds from the change on, or is refused where something hangs on it."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from stratofold.adapters.ports import AccountLimits
from stratofold.cli.running import Wanted, _desk, shown_difference
from stratofold.errors import Setup, Stop
from stratofold.live.open import difference, refuse_another
from stratofold.live.risk.bounds import Bounds
from stratofold.live.risk.limits_config import Stated
from stratofold.market.instruments import Instrument
from tests.stories import changing
from tests.stories.changing import FIRST, bar, hear
from tests.stories.test_live_other import AT, again, changed, every_choice, ran  # noqa: F401  the fixture

# AAPL is held, and has orders; MSFT is neither held nor ordered until long after the change.
LATE = FIRST.replace(
    "self.age += 1", "self.age += 1\n        if bar.symbol == 1 and self.age < 29:\n            return"
)
LATE = LATE.replace("% 10 < 2", "% 10 < 4").replace("buy(bar.symbol, self.size)", "target_quantity(bar.symbol, 13.0)")
LATE = LATE.replace("1.0, limit", "12.0, limit")
of_late = pytest.mark.parametrize("ran", [LATE], indirect=True, ids=[""])


def otherwise(desk, symbol, **facts):
    """The book's instruments, with other facts of one."""
    rows = [dict(row) for row in desk.manifest.instruments]
    rows[symbol] |= facts
    return rows


@every_choice
@of_late
def test_a_lot_of_what_is_flat_holds_from_the_change_on(ran, chosen):  # noqa: F811
    """The record said the new one, and the ledger went on with the one in its state."""
    desk = changed(ran, chosen, LATE, instruments=otherwise(ran, 1, lot=4.0, multiplier=2.0, margin=0.5))
    contract = desk.fold.engine.book.ledger.contracts[1]
    assert (contract.lot, contract.multiplier, contract.margin) == (4.0, 2.0, 0.5)
    assert not desk.fold.engine.book.ledger.takes_whole
    hear(desk, range(AT, AT + 6))
    held = desk.fold.engine.book.ledger.holdings[1]
    assert (held.quantity, held.multiplier) == (12.0, 2.0)
    assert held.worth_steps == round(held.quantity * held.marked * 200.0)
    assert again(desk).fold.save() == desk.fold.save()


UNSAFE = [
    # fact || what it is now
    ("lot", 5.0),
    ("multiplier", 10.0),
    ("kind", "future"),
    ("price_decimals", 1),
]


@pytest.mark.parametrize(("name", "value"), UNSAFE)
@of_late
def test_what_is_held_or_works_is_not_counted_otherwise(ran, name, value):  # noqa: F811
    """Of what is flat beside it, it may change at once."""
    written = ran.journal.head("idea")
    with pytest.raises(Setup, match="SF856") as raised:
        changed(ran, source=LATE, instruments=otherwise(ran, 0, **{name: value}))
    assert f"the {name} of AAPL cannot change now: {ran.manifest.instruments[0][name]} -> {value}" in raised.value.what
    assert "of it" in raised.value.why
    assert ran.journal.head("idea") == written
    assert changed(ran, source=LATE, instruments=otherwise(ran, 1, **{name: value})).head.sequence > written.sequence


def test_an_order_alone_holds_its_grid(ran):  # noqa: F811
    """It is at the venue, on the lot and the grid of then; once it is done, nothing is."""
    book = ran.fold.engine.book
    book.ledger.holdings[0].quantity = 0.0
    assert any(order.symbol == 0 for order in book.orders)
    with pytest.raises(Setup, match=r"SF856[\s\S]*not done"):
        changed(ran, instruments=otherwise(ran, 0, lot=5.0))


FINER = [{"price_decimals": 4}, {"quantity_decimals": 2, "lot": 0.05}, {"margin": 0.5, "maintenance": 0.25}]


@pytest.mark.parametrize("facts", FINER, ids=["price", "quantity", "margin"])
@of_late
def test_a_finer_grid_and_a_margin_hold_at_once(ran, facts):  # noqa: F811
    """All that was on it still is."""
    desk = changed(ran, source=LATE, instruments=otherwise(ran, 0, **facts))
    now = Instrument(**desk.manifest.instruments[0])
    contract = desk.fold.engine.book.ledger.contracts[0]
    assert (contract.lot, contract.price_scale, contract.margin) == (now.lot, now.price_scale, now.margin)
    hear(desk, range(AT, AT + 6))
    assert again(desk).fold.save() == desk.fold.save()


def test_money_of_another_kind_is_refused():
    """Its cash is an amount of what it was opened in."""
    old = changing.manifest("code")
    rows = [row | {"currency": "EUR"} for row in old.instruments]
    with pytest.raises(Setup, match="SF848"):
        refuse_another(old, msgspec.structs.replace(old, currency="EUR", instruments=rows))


ASKED = [
    # symbol || what is said
    (0, "SF856"),
    (1, "SF947"),
]


@pytest.mark.parametrize(("symbol", "code"), ASKED)
@of_late
def test_a_start_says_which_fact_is_another_before_anybody_acknowledges_it(ran, symbol, code):  # noqa: F811
    """It said `instruments`, and went on as before."""
    stated = Stated(ran.manifest.limits, Bounds(), AccountLimits())
    shares = tuple(Instrument(**row) for row in otherwise(ran, symbol, lot=3.0))
    wanted = Wanted(
        "idea", ran.strategy, changing.SPEC, changing.SYMBOLS, {}, stated, changing.DAY_NS, guarded=False,
        instruments=shares, calendar="24/7",
    )  # fmt: skip
    clock = SimpleNamespace(now=lambda: bar(AT).time)
    with pytest.raises((Setup, Stop), match=code) as raised:
        asyncio.run(_desk(wanted, ran.journal, SimpleNamespace(clock=clock, account="account"), None))
    assert ("MSFT.lot 1.0 -> 3.0" in raised.value.what) is (code == "SF947")


def test_of_instruments_each_fact_is_shown():
    old = changing.manifest("code")
    rows = [row | {"lot": 2.0} for row in old.instruments]
    changed_ones = difference(old, msgspec.structs.replace(old, instruments=rows))
    assert shown_difference(changed_ones) == ["instruments.AAPL.lot 1.0 -> 2.0", "instruments.MSFT.lot 1.0 -> 2.0"]
