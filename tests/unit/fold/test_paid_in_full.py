"""Where every position is paid for in full, what is worked out without looking at each of them is what looking at each gives."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.desk import Costs
from stratofold.fold.ledger import Ledger
from stratofold.fold.venue import Venue
from tests.unit.fold.account import contract

symbols = st.integers(0, 2)
prices = st.integers(1, 2_000).map(lambda cents: cents / 100.0)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("price"), symbols, prices),
        st.tuples(st.just("fill"), symbols, st.integers(-3, 5).filter(bool).map(float)),
        st.tuples(st.just("split"), symbols, st.sampled_from([0.25, 0.5, 2.0, 3.0])),
    ),
    min_size=5,
    max_size=40,
)


def venue_of(**changed):
    """A venue of three symbols, the last of which is another contract."""
    contracts = [contract(), contract(), contract(**changed)]
    abroad = "currency" in changed
    ledger = Ledger(contracts, array("d", [100.0] * (1 + abroad)), 1_000.0)
    if abroad:
        ledger.convert_at(1, 1.25)
    return Venue(ledger, Costs(Fees(), Slippage(), Latency()))


def acted(venue, kind, symbol, number):
    """A price, a fill at the last one, or a split."""
    place = venue.places[symbol]
    if kind == "price":
        place.price = number
    elif place.price == place.price:
        if kind == "fill":
            venue.ledger.holdings[symbol].price = place.price
            venue.ledger.fill(symbol, 1 if number > 0.0 else -1, abs(number), place.price, 0.25)
        else:
            venue.split(symbol, number)


@settings(max_examples=60)
@given(steps=steps, changed=st.sampled_from([{}, {"margin": 0.5}, {"margined": True}, {"currency": 1}]))
def test_free_money_and_gross_worth_are_those_of_every_position_looked_at(steps, changed):
    venue = venue_of(**changed)
    assert venue.ledger.takes_whole is not bool(changed)
    assert venue.ledger.is_plain is (changed in ({}, {"margin": 0.5}))
    for kind, symbol, number in steps:
        acted(venue, kind, symbol, number)
        ledger = venue.ledger
        price = venue.places[symbol].price
        assert ledger.shorts == sum(holding.quantity < 0.0 for holding in ledger.holdings)
        if price == price:
            assert venue._free_of_others(symbol, price) == venue._free_beside(symbol, price)
        assert ledger.gross_steps == ledger._gross_apart()


@settings(max_examples=60)
@given(steps=steps, changed=st.sampled_from([{}, {"margin": 0.5}]))
def test_buying_power_is_equity_less_the_margin_of_every_position_looked_at(steps, changed):
    """In a book, which takes prices one by one and watches a position that alone moves equity."""
    ledger = venue_of(**changed).ledger
    for kind, symbol, number in steps:
        holding = ledger.holdings[symbol]
        if kind == "price":
            if ledger.hear(symbol, number):  # else nobody asks for equity, and a watched position is not marked
                ledger.watch(symbol, ledger.marked_steps, ledger.marked_steps + 100_000.0)
        elif holding.price == holding.price and kind == "fill":
            ledger.fill(symbol, 1 if number > 0.0 else -1, abs(number), holding.price, 0.25)
        elif holding.price == holding.price:
            ledger.split(symbol, number)
        whole = ledger.buying_power
        free = ledger.equity_steps - sum(ledger.margin_steps(each) for each in range(3))
        assert whole == max(free, 0.0) / 100.0
