"""Prices that can set no record of equity are passed over, and nobody who asks for equity or drawdown can tell."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.fold.ledger import Ledger
from stratofold.fold.tally import Tally
from tests.unit.fold.account import contract

prices = st.integers(97, 103).map(lambda cents: cents / 10.0)
symbols = st.integers(0, 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("bar"), symbols, prices),
        st.tuples(st.just("bar"), st.just(0), prices),
        st.tuples(st.just("fill"), symbols, st.integers(-3, 3).filter(bool)),
        st.tuples(st.just("pay"), symbols, st.integers(-500, 500)),
        st.tuples(st.just("rate"), symbols, st.integers(5, 15).map(lambda tenths: tenths / 10.0)),
        st.tuples(st.just("ask"), symbols, prices),
    ),
    min_size=20,
    max_size=60,
)


def begun():
    """A ledger of two symbols in two currencies, and its tally."""
    contracts = [contract(), contract(margined=True, currency=1)]
    ledger = Ledger(contracts, array("d", [100.0, 100.0]), 1_000.0)
    ledger.convert_at(1, 1.0)
    return ledger, Tally(2, ledger.equity_steps, array("d", [0.0]))


def acted(ledger, kind, symbol, number):
    """One step on a ledger, prices apart."""
    if kind == "fill":
        price = ledger.holdings[symbol].price
        if price == price:
            ledger.fill(symbol, 1 if number > 0 else -1, float(abs(number)), price, 0.25)
    elif kind == "pay":
        ledger.pay(symbol, float(number))
    elif kind == "rate":
        ledger.convert_at(1, number)


def records(tally):
    return tally.peak_steps, tally.peak_time, tally.drawdown, tally.drawdown_length


@settings(max_examples=100)
@given(steps=steps)
def test_records_and_equity_are_those_of_a_ledger_that_works_out_every_bar(steps):
    """After each step, one ledger observes only what may be a new peak, the other all; the trough comes when asked."""
    quick, seen = begun()
    plain, all_seen = begun()
    for time, (kind, symbol, number) in enumerate([*steps, ("ask", 0, 0.0)]):
        is_new = True
        quick.note(0)
        if kind == "bar":
            is_new = quick.hear(symbol, number)
            plain.mark(symbol, number)
        acted(quick, kind, symbol, number)
        acted(plain, kind, symbol, number)
        if is_new:
            seen.sink(quick.take_lowest())
            seen.observe(quick.equity_steps, time)
            quick.watch(0, quick.equity_steps, seen.peak_steps)
        all_seen.observe(plain.equity_steps, time)
        assert records(seen) == records(all_seen)
        if kind == "ask":
            seen.sink(quick.take_lowest())
            assert seen.trough_steps == all_seen.trough_steps
            assert quick.equity_steps == plain.equity_steps
            assert quick.buying_power == plain.buying_power
    assert [held.worth_steps for held in quick.holdings] == [held.worth_steps for held in plain.holdings]


def heard(ledger, tally):
    """A function that hears one price, and says whether equity was worked out for it."""

    def hear(symbol, price):
        ledger.note(symbol)
        found = ledger.hear(symbol, price)
        if found:
            tally.sink(ledger.take_lowest())
            tally.observe(ledger.equity_steps, 0)
            ledger.watch(symbol, ledger.equity_steps, tally.peak_steps)
        return found

    return hear


def test_only_a_price_that_may_bring_a_new_peak_is_worked_out_until_something_else_moves_equity():
    ledger, tally = begun()
    hear = heard(ledger, tally)
    assert not hear(0, 10.0)  # nothing held
    ledger.fill(0, 1, 5.0, 10.0, 0.0)
    assert [hear(0, price) for price in (10.0, 9.0, 9.5, 10.0, 8.9, 9.0)] == [True, *[False] * 5]
    assert [hear(0, price) for price in (11.0, 10.0, 10.5, 11.0, 11.1)] == [True, False, False, False, True]
    ledger.pay(0, 100.0)
    assert [hear(0, price) for price in (10.5, 10.4, 10.5)] == [True, False, False]
    assert not hear(1, 3.0)
    ledger.fill(1, 1, 5.0, 3.0, 0.0)
    assert [hear(0, 10.5), hear(1, 3.0), hear(0, 10.5), hear(1, 3.0)] == [True, True, True, True]


def test_a_short_is_watched_the_other_way_round_and_a_loss_of_everything_is_worked_out_at_once():
    ledger, tally = begun()
    hear = heard(ledger, tally)
    hear(0, 10.0)
    ledger.fill(0, -1, 100.0, 10.0, 0.0)
    assert [hear(0, price) for price in (10.0, 11.0, 19.0, 10.0, 9.9)] == [True, False, False, False, True]
    assert hear(0, 25.0)  # equity is below 0, and a margin call due
    assert tally.peak_steps == 101_000.0
    assert tally.trough_steps == -50_000.0


def test_the_trough_lies_at_the_worst_price_gone_through_and_not_at_the_last_one():
    """The last price may be of a time that is not over: what else happens then belongs to the same equity."""
    ledger, tally = begun()
    hear = heard(ledger, tally)
    hear(0, 10.0)
    ledger.fill(0, 1, 5.0, 10.0, 0.0)
    for price in (10.0, 9.0, 9.5, 8.0):
        hear(0, price)
    tally.sink(ledger.take_lowest())
    assert tally.trough_steps == 99_500.0
    ledger.note(0)
    ledger.unwatch()
    tally.sink(ledger.take_lowest())
    assert tally.trough_steps == 99_000.0
