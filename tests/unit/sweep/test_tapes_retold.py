"""Tapes that tell of one market after another: what two of them shared of the first need not be the same of the next."""

from dataclasses import replace

import pytest

import stratofold
from stratofold import Strategy, param
from stratofold.kernel import Program
from stratofold.research.prepare import Options
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.guests import Guests
from tests.unit.sweep.test_tapes import Ring, same, singly


class Sourced(Strategy):
    """Two means: one of highs, and one of closes or of highs."""

    source = param(0, low=0, high=1)
    more = param(0, low=0, high=9)

    def setup(self):
        self.mean = self.per_symbol(Ring, 4)
        self.top = self.per_symbol(Ring, 4)

    def on_bar(self, bar, book):
        price = bar.close if self.source == 0 else bar.high
        mean, top = self.mean[bar.symbol].update(price), self.top[bar.symbol].update(bar.high)
        book.target_quantity(bar.symbol, 5.0 + self.more if mean < price and top > 0.0 else 0.0)


CLOSES, HIGHS = ([{"source": source, "more": more} for more in range(3)] for source in (0, 1))


@pytest.fixture(scope="module")
def usual():
    return stratofold.sample("SPY", start="2014-06-02", end="2015-03-31")


def of_one_price(market, prices):
    """As of a fund that has one price a day; four columns of it, for which columns share memory is of a kernel's layout."""
    return replace(market, **{name: prices.copy() for name in ("open", "high", "low", "close")})


@pytest.fixture(scope="module")
def flat(usual):
    """The same, as of a fund that has one price a day."""
    return of_one_price(usual, usual.close)


def told(market, options, before=None):
    made = Block(Sourced, market, options, execution="compiled", before=before)
    if made._tapes is not None:
        made._tapes.takes_all = True
    return made


def columns(block):
    return [
        (kept.key, name, getattr(thing, name))
        for kept in block._tapes._kept.values()
        for thing in kept.things
        for name in type(thing).__slots__
        if name.startswith("tape_given_")
    ]


def test_what_two_tapes_were_given_alike_they_may_be_given_otherwise_of_the_next_market(flat, usual):
    """Closes were highs.  They are not any more, and whoever gives a mean of closes highs is told so."""
    options = Options()
    first = told(flat, options)
    assert same(first.run(CLOSES + HIGHS), singly(Sourced, flat, CLOSES + HIGHS))
    assert first._tapes.is_lasting
    shared = columns(first)
    assert len({id(column) for *_, column in shared}) < len(shared)
    second = told(usual, options, first)
    assert same(second.run(CLOSES + HIGHS), singly(Sourced, usual, CLOSES + HIGHS))
    assert same(first.run(CLOSES + HIGHS), singly(Sourced, flat, CLOSES + HIGHS))


def test_what_was_shared_is_shared_again(flat, usual):
    """Where both are given the same of the next market too, one cell writes and the tapes stay."""
    options = Options()
    first = told(flat, options)
    first.run(CLOSES)
    before = columns(first)
    other = of_one_price(flat, usual.high)
    second = told(other, options, first)
    assert same(second.run(CLOSES), singly(Sourced, other, CLOSES))
    assert second._tapes is first._tapes
    assert [id(column) for *_, column in columns(second)] == [id(column) for *_, column in before]


def test_what_is_given_alike_later_lies_where_it_was_packed(flat, usual):
    """A cell that is put together of parts reads columns at the addresses that were packed of the first market."""
    options = Options()
    first = told(usual, options)
    first.run(CLOSES)
    before = columns(first)
    second = told(flat, options, first)
    assert same(second.run(CLOSES), singly(Sourced, flat, CLOSES))
    assert second._tapes is first._tapes
    assert [id(column) for *_, column in columns(second)] == [id(column) for *_, column in before]


def test_who_is_interrupted_while_another_market_is_laid_out_hears_none_of_it(flat, usual, monkeypatch):
    """Which bars lie there is not known then, and whoever comes next has its own laid out."""
    options = Options()
    first = told(usual, options)
    first._tapes = None
    first.asks_no_tapes = True
    wanted = singly(Sourced, usual, CLOSES)
    assert same(first.run(CLOSES), wanted)
    second = told(flat, options, first)
    real = Program.hear

    def interrupted(program, feed):
        real(program, feed)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Program, "hear", interrupted)
        with pytest.raises(KeyboardInterrupt):
            second.run(CLOSES)
    assert second._laid[False] is first._laid[False]
    assert same(first.run(CLOSES), wanted)


def test_a_cell_without_a_state_among_others_that_go_on_hears_its_own_market(flat, usual):
    """It reads tapes, because it runs from the first event to the last, and they may have told of another market since."""
    options = Options()
    first = told(usual, options)
    wanted = singly(Sourced, usual, CLOSES)
    assert same(first.run(CLOSES), wanted)
    kept = first.run(CLOSES, Leg(keep=60, ends=False)).states
    assert all(kept)
    second = told(flat, options, first)
    second.run(CLOSES)
    assert second._tapes is first._tapes
    assert same(first.run(CLOSES, Leg((b"", *kept[1:]))), wanted)


def test_who_writes_of_one_market_after_another_is_seated_as_it_was(flat, usual, monkeypatch):
    """From the third market on its `setup` is not called: its objects' arrays are as they were, its columns its own again.

    Until two that were given alike are not.
    """
    options, calls = Options(), []
    made = Guests._made
    monkeypatch.setattr(Guests, "_made", lambda guests, *of: calls.append(of) or made(guests, *of))
    highs, lows, opens = (of_one_price(flat, prices) for prices in (usual.high, usual.low, usual.open))
    markets = [flat, highs, lows, opens, usual]
    counts, blocks = [], []
    for market in markets:
        blocks.append(told(market, options, blocks[-1] if blocks else None))
        calls.clear()
        found = blocks[-1].run(CLOSES)
        counts.append(len(calls))
        assert same(found, singly(Sourced, market, CLOSES))
    assert counts[2:4] == [0, 0]
    assert min(counts[0], counts[4]) > 0
    assert blocks[3]._tapes is blocks[0]._tapes is not blocks[4]._tapes
    assert same(blocks[0].run(CLOSES), singly(Sourced, flat, CLOSES))
