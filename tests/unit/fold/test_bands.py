"""Bars between whose prices no order waits pass by: which prices those are, and that nothing else is left out."""

from math import inf, nan

import pytest

from stratofold import Strategy, backtest, sample
from stratofold.events import Bar
from stratofold.fold import run as running
from stratofold.fold.desk import Place
from stratofold.fold.order import (
    AT_CLOSE,
    BUY,
    DAY,
    FOK,
    FOREVER,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    STOP,
    STOP_LIMIT,
    Resting,
)
from stratofold.fold.venue import Venue
from tests.harness import run_scenario
from tests.reference.chance import case

EACH_BAR, NONE = (inf, inf), (-inf, inf)


def resting(side, kind, tif=GTC, limit=nan, stop=nan, triggered=False):
    order = Resting()
    order.side, order.kind, order.tif = side, kind, tif
    order.limit, order.stop, order.triggered = limit, stop, triggered
    return order


WAITS = [
    # order, between which prices a bar leaves it alone
    (resting(BUY, LIMIT, limit=99.0), (99.0, inf)),
    (resting(SELL, LIMIT, limit=101.0), (-inf, 101.0)),
    (resting(BUY, LIMIT, DAY, limit=99.0), (99.0, inf)),
    (resting(BUY, STOP, stop=101.0), (-inf, 101.0)),
    (resting(SELL, STOP, stop=99.0), (99.0, inf)),
    (resting(BUY, STOP_LIMIT, limit=102.0, stop=101.0), (-inf, 101.0)),
    (resting(SELL, STOP_LIMIT, limit=98.0, stop=99.0), (99.0, inf)),
    (resting(BUY, STOP_LIMIT, limit=98.0, stop=101.0, triggered=True), (98.0, inf)),
    (resting(SELL, STOP_LIMIT, limit=103.0, stop=99.0, triggered=True), (-inf, 103.0)),
]
ALWAYS = [
    resting(BUY, MARKET),
    resting(SELL, STOP, stop=99.0, triggered=True),  # a part is left, and fills at the next open
    resting(BUY, LIMIT, IOC, limit=99.0),
    resting(BUY, LIMIT, FOK, limit=99.0),
    resting(BUY, LIMIT, AT_CLOSE, limit=99.0),
]


@pytest.mark.parametrize(("order", "band"), WAITS)
def test_an_order_waits_for_its_price(order, band):
    place = Place()
    place.expect(order)
    assert (place.low, place.high) == band


@pytest.mark.parametrize("order", ALWAYS)
def test_an_order_that_waits_for_no_price_concerns_every_bar(order):
    place = Place()
    place.expect(order)
    assert place.low == inf


def test_of_several_orders_the_nearest_counts():
    place = Place()
    for stop, limit in ((97.0, 104.0), (98.0, 106.0), (96.0, 103.0)):
        place.expect(resting(SELL, STOP, stop=stop))
        place.expect(resting(SELL, LIMIT, limit=limit))
    assert (place.low, place.high) == (98.0, 103.0)


def a_bar(open_, high, low, close=100.0, time=10):
    bar = Bar()
    bar.time, bar.open, bar.high, bar.low, bar.close = time, open_, high, low, close
    return bar


PASSES = [
    # open, high, low | passes by, where 99 and 101 are waited for
    (100.0, 100.5, 99.5, True),
    (100.0, 101.0, 99.5, False),
    (100.0, 100.5, 99.0, False),
    (101.0, 100.5, 99.5, False),  # an open outside the range fills all the same
    (99.0, 100.5, 99.5, False),
    (nan, 100.5, 99.5, False),
    (100.0, nan, 99.5, False),
    (100.0, 100.5, nan, False),
]


@pytest.mark.parametrize(("open_", "high", "low", "does"), PASSES)
def test_a_bar_passes_by_if_it_stays_between(venue, open_, high, low, does):
    place = venue.places[0]
    place.low, place.high = 99.0, 101.0
    assert venue.passes(a_bar(open_, high, low), place) is does


@pytest.mark.parametrize("what", ["a call", "mail", "an order that expires"])
def test_what_hangs_on_no_price_lets_no_bar_pass(venue, what):
    place = venue.places[0]
    bar = a_bar(100.0, 100.5, 99.5)
    assert venue.passes(bar, place)
    if what == "a call":
        place.call(5)
    elif what == "mail":
        venue.inbox_count = 1
    else:
        venue.expiry = bar.time
    assert not venue.passes(bar, place)


@pytest.fixture
def venue():
    """A venue of one symbol, at which nothing rests."""
    found = []

    class Looks(Strategy):
        pass

    def keep(engine, *_):
        found.append(engine.venue)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "trade_bar", keep)
        backtest(Looks, sample("SPY", start="2015-01-02", end="2015-01-12"), execution="interpreted")
    assert found[0].expiry == FOREVER
    return found[0]


def watched(monkeypatch):
    """A list that grows with each bar that is matched."""
    matched = []
    match = running.match
    monkeypatch.setattr(running, "match", lambda *given: matched.append(1) or match(*given))
    return matched


class Guards(Strategy):
    """Holds one unit with a stop and a limit far away."""

    def on_bar(self, bar, book):
        """Buys once."""
        if book.position(bar.symbol) == 0.0 and book.orders.count == 0:
            book.buy(bar.symbol, 1.0, stop_loss=bar.close / 2.0, take_profit=bar.close * 2.0)


def test_bars_between_the_orders_are_not_matched(monkeypatch):
    matched = watched(monkeypatch)
    run = backtest(Guards, sample("SPY", start="2015-01-02", end="2015-12-31"), execution="interpreted")
    assert (len(matched), len(run.fills)) == (1, 1)


class Withdraws(Strategy):
    """Sells a little above the market, and a bar later far above it instead."""

    def setup(self):
        """No order yet."""
        self.bars = 0
        self.number = 0

    def on_bar(self, bar, book):
        """The first order goes as the second comes."""
        self.bars += 1
        if self.bars <= 2:
            book.cancel(self.number)
            self.number = book.sell(bar.symbol, 1.0, limit=round(bar.close * (1.05 if self.bars == 1 else 3.0), 2))


def test_an_order_that_is_gone_is_waited_for_no_more(monkeypatch):
    matched = watched(monkeypatch)
    run = backtest(Withdraws, sample("SPY", start="2013-01-02", end="2013-12-31"), execution="interpreted")
    assert (len(matched), len(run.fills)) == (0, 0)


def test_nothing_comes_of_the_bars_that_pass(monkeypatch):
    """Random markets and scripts end the same whether each bar with an order is matched or those that pass are not."""
    cases = [case(seed) for seed in range(150)]
    passing = [run_scenario(*each, capacity=1) for each in cases]
    asked = []
    passes = Venue.passes
    monkeypatch.setattr(Venue, "passes", lambda *given: asked.append(passes(*given)))  # None: does not
    assert [run_scenario(*each, capacity=1) for each in cases] == passing
    assert any(asked)
