"""What no run changes is known to a sweep's kernel: whatever it is, a cell equals its interpreted backtest to the bit."""

from array import array
from dataclasses import replace
from math import copysign, inf, nan

import pytest

import stratofold
from stratofold import Fees, Latency, Limits, Slippage
from stratofold.fold.costs import Slippage as Slips
from stratofold.fold.ledger import Ledger
from stratofold.fold.order import Contract
from stratofold.kernel.layout import Survey
from stratofold.kernel.refused import Changed
from stratofold.research.prepare import Options
from stratofold.research.sweep.block import Block
from stratofold.strategies import Crossover, DonchianBreakout
from tests.parity.machine import Machine
from tests.unit.sweep.test_tapes import same

SETS = [{"fast": fast, "slow": slow, "short": short} for fast in (3, 5) for slow in (10, 20) for short in (False, True)]
ENTRIES = [{"entry": entry, "leave": leave} for entry in (8, 20) for leave in (4, 9)]
ALLOWS = dict.fromkeys(Limits.__slots__, inf)
ASSUMED = {
    "nothing": {},
    "fees": {"fees": Fees(per_share=0.005, minimum=1.0)},
    "fees by value": {"fees": Fees(per_value=0.0003, maker=0.0, taker=0.001, maximum_fraction=0.01)},
    "fees of one": {"fees": Fees(per_share=1.0, minimum=1.0)},
    "tiers": {"fees": Fees(tiers=((0.0, 0.001), (50_000.0, 0.0005)))},
    "slippage": {"slippage": Slippage(proportional=0.0002, impact=0.1)},
    "half a spread": {"slippage": Slippage(fixed=0.01, spread=0.0004)},
    "latency": {"latency": Latency(3_600_000_000_000)},
    "drawn latency": {"latency": Latency(0, [10, 20, 90_000_000_000_000], 7)},
    "a cap": {"volume_cap": 0.0000001},
    "limits": {
        "limits": Limits(**ALLOWS | {"order_notional_max": 30_000.0, "orders_per_minute_max": 1.0, "leverage_max": 0.9})
    },
    "some limits": {"limits": Limits(**ALLOWS | {"gross_exposure_max": 60_000.0, "duplicate_seconds": 1e6})},
    "nothing allowed": {"limits": Limits()},
    "borrowing": {"borrow_rate": 0.03},
    "risk free": {"risk_free": 0.02},
}


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", start="2014-03-03", end="2014-10-31")


@pytest.fixture(scope="module")
def pair():
    """Two symbols, of which one is a future: what one contract has the other has not."""
    whole = stratofold.sample("SPY", "AAPL", start="2014-03-03", end="2014-10-31")
    spy, aapl = whole.instruments
    return replace(whole, instruments=(spy, replace(aapl, multiplier=5.0, margin=0.25)))


def singly(strategy, market, sets, **assumed):
    """Each cell as an interpreted backtest gives it."""
    runs = [stratofold.backtest(strategy, market, execution="interpreted", **each, **assumed) for each in sets]
    return [{name: repr(value) for name, value in run.stats.items()} for run in runs]


SOON = {"nothing"}  # each has a kernel made, which takes seconds
NIGHTLY = [each if each in SOON else pytest.param(each, marks=pytest.mark.nightly) for each in ASSUMED]


@pytest.mark.parametrize("words", NIGHTLY)
def test_a_cell_equals_its_backtest_whatever_is_assumed(market, words):
    assumed = ASSUMED[words]
    cells = Block(Crossover, market, Options(**assumed), execution="compiled")
    assert same(cells.run(SETS), singly(Crossover, market, SETS, **assumed))
    assert cells.notice == ""


@pytest.mark.nightly
@pytest.mark.parametrize("words", ["fees", "some limits", "a cap"])
def test_so_does_one_whose_orders_rest(market, words):
    assumed = ASSUMED[words]
    cells = Block(DonchianBreakout, market, Options(**assumed), execution="compiled")
    assert same(cells.run(ENTRIES), singly(DonchianBreakout, market, ENTRIES, **assumed))


@pytest.mark.parametrize("is_mixed", [pytest.param(False, marks=pytest.mark.nightly), True])
def test_contracts_that_differ_are_not_taken_for_alike(pair, is_mixed):
    """Of a list, what one has and another has not is in the machine code of all."""
    market = pair if is_mixed else stratofold.sample("SPY", "AAPL", start="2014-03-03", end="2014-10-31")
    sets = [{**each, "quantity": 20.0} for each in SETS]
    cells = Block(Crossover, market, Options(), execution="compiled")
    assert same(cells.run(sets), singly(Crossover, market, sets))
    assert cells.notice == ""


def fixed_of(thing):
    """What is fixed of an object where a survey settles."""
    return {row.name: row.fixed for row in Survey([thing], set(), set(), settles=True).roots[0].fields.values()}


def ledger(*contracts):
    return Ledger(list(contracts), array("d", [100.0]), 1_000.0)


def test_only_what_is_usual_is_fixed():
    """Or each fee would have a kernel of its own; and a zero below is another number than the one above."""
    assert fixed_of(Slips(spread=0.0)) == {"fixed": 0.0, "impact": 0.0, "proportional": 0.0, "spread": 0.0}
    assert fixed_of(Slips(spread=0.01, fixed=-0.0, impact=inf)) == {"fixed": None, "impact": inf, "proportional": 0.0, "spread": None}  # fmt: skip
    fees = fixed_of(Fees(per_share=0.005))
    assert fees["per_share"] is None
    assert fees["maker"] != fees["maker"]
    assert (fees["tier_from"], fees["traded"]) == (0, None)
    assert fixed_of(ledger(Contract()))["holdings"] == 1
    assert fixed_of(ledger(Contract(), Contract()))["holdings"] is None
    plain = Survey([Slips()], set(), set())
    assert all(row.fixed is None for row in plain.roots[0].fields.values())


class Moody(Slips):
    """A user's own, which is worse each time."""

    def price(self, side, price, quantity, volume, scale):
        self.spread += 0.0001
        return super().price(side, price, quantity, volume, scale)


def test_what_derives_from_ours_is_not_ours():
    """Its runs may change what ours do not."""
    assert set(fixed_of(Moody()).values()) == {None}


def look_ahead(feed, index):
    """Called as one of the fold's functions is that daily bars have no use for."""
    return index if feed > 200.0 else 0.0


class Named(Crossover):
    """Asks a function of its own."""

    def hold(self, symbol, side, book):
        book.target_quantity(symbol, look_ahead(book.price(symbol), side * self.quantity))


def test_a_users_function_is_called_whatever_it_is_called(market):
    wanted = singly(Named, market, SETS)
    assert same(Block(Named, market, Options(), execution="compiled").run(SETS), wanted)
    assert any(each["trades"] != "0.0" for each in wanted)


def test_neighbours_that_differ_have_nothing_fixed_of_what_they_differ_in():
    some, other = Contract(), Contract()
    other.multiplier = 5.0
    survey = Survey([ledger(some, other)], set(), set(), settles=True)
    contract = next(layout for layout in survey.layouts if layout.cls is Contract)
    assert contract.fields["multiplier"].fixed is None
    assert contract.fields["lot"].fixed == 1.0


class Owner:
    """Numbers that no run changes."""

    FIXED_IN_RUN = ("rate", "items", "sign")

    def __init__(self, rate, items, sign=0.0):
        self.rate = rate
        self.items = array("d", items)
        self.sign = sign
        self.total = 0.0

    def sum(self, at: int) -> float:
        self.total = self.total + self.items[at] * self.rate
        return self.total

    def signed(self) -> float:
        return copysign(1.0, self.sign)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (Owner(nan, [4.0]), "rate"),
        (Owner(2.0, [4.0]), "rate"),
        (Owner(1.0, [4.0, 5.0]), "items"),
        (Owner(1.0, []), "items"),
        (Owner(1.0, [4.0], -0.0), "sign"),
    ],
)
def test_an_object_of_which_something_else_is_fixed_does_not_fit(wrong, what):
    owner = Owner(1.0, [4.0])
    machine = Machine(owner, Owner.sum, (int,), settles=True)
    assert machine(0) == (0, 4.0)
    machine.owner = wrong
    with pytest.raises(Changed, match=what):
        machine(0)


def test_the_one_element_is_the_first_and_no_other_is_there():
    owner = Owner(1.0, [4.0])
    machine = Machine(owner, Owner.sum, (int,), settles=True)
    assert [machine(at)[0] != 0 for at in (0, 1, 2**62)] == [False, True, True]
    assert owner.total == 4.0


def test_a_number_that_is_none_is_fixed_too():
    owner = Owner(nan, [4.0])
    machine = Machine(owner, Owner.sum, (int,), settles=True)
    status, total = machine(0)
    assert (status, total != total) == (0, True)
    owner.rate = 1.0
    with pytest.raises(Changed, match="rate"):
        machine(0)


class Part:
    """One of a list."""

    def __init__(self):
        self.number = 7.0
        self.times = array("q", [1, 2])


class Holder:
    """What it alone holds one of."""

    FIXED_IN_RUN = HOLDS_WITHIN = ("items", "others", "parts", "shared", "alone")

    def __init__(self, parts=1):
        self.before = 1.0
        self.items = array("d", [4.0])
        self.others = array("q", [5])
        self.parts = [Part() for _ in range(parts)]
        self.shared = self.parts
        self.alone = [Part() for _ in range(parts)]
        self.after = 2.0

    def move(self, at: int) -> float:
        self.items[at] += self.before
        self.others[at] += 1
        self.parts[at].number += self.items[at]
        self.parts[at].times[1] += self.others[at]
        self.shared[at].number *= 2.0
        self.alone[at].number -= self.parts[at].number
        self.alone[at].times[0] += 1
        self.after = self.parts[at].number
        return self.after

    def break_off(self, at: int) -> float:
        self.move(0)
        return self.move(at)

    def said(self):
        return (
            self.before,
            *self.items,
            *self.others,
            *((each.number, *each.times) for each in [*self.parts, *self.alone]),
            self.after,
        )


@pytest.mark.parametrize("parts", [1, 2])
def test_what_lies_within_comes_back_as_the_interpreter_has_it(parts):
    """Of two a list lies elsewhere, as ever, and so does one that is held twice: no address leads inside an owner."""
    owner, other = Holder(parts), Holder(parts)
    machine = Machine(owner, Holder.move, (int,), settles=True)
    within = {row.name for row in Survey([owner], set(), set(), settles=True).roots[0].fields.values() if row.is_within}
    assert within == {"items", "others", *(["alone"] if parts == 1 else [])}
    for _ in range(3):
        assert machine(0) == (0, other.move(0))
        assert owner.said() == other.said()


def test_what_lies_within_is_as_before_where_machine_code_leaves():
    owner = Holder()
    before = owner.said()
    assert Machine(owner, Holder.break_off, (int,), settles=True)(1)[0] != 0
    assert owner.said() == before


def test_what_lay_within_and_is_of_another_kind_does_not_fit():
    owner = Holder()
    machine = Machine(owner, Holder.move, (int,), settles=True)
    owner.items = array("q", [4])
    with pytest.raises(Changed, match="items"):
        machine(0)
