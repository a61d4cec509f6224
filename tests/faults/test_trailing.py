"""A trailing stop whose move the venue refuses: the book knows where the stop is, and asks again."""

from math import isnan

import pytest

from stratofold.events import SPLIT, Action
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk

from .rig import START, Rig
from .test_found import MINUTE, bar, hear, refused
from .world import SECOND


class Trailing(Strategy):
    """One order to buy 12 at 5 above the lowest close."""

    def setup(self):
        """Nothing was ordered."""
        self.number = 0

    def on_bar(self, bar, book):
        """Order once."""
        if self.number == 0:
            self.number = book.buy(bar.symbol, 12.0, trail=5.0)


class Desk:
    """A book whose stop works at 105."""

    def __init__(self):
        self.desk = open_desk(Rig(0).journal, "sim", Trailing, "test", START)
        self.close(1, 100.0)
        hear(self.desk, "accepted")

    def close(self, minute, price):
        """A bar, and where its stop is asked to be."""
        self.asked = decide(self.desk, [Heard(bar(minute, price))], START + minute * MINUTE).messages
        return [(one.action, one.price) for one in self.asked]

    def moved(self, stop):
        """The venue has moved it."""
        hear(self.desk, "replaced", quantity=12.0, leaves=12.0, stop=stop)

    def refuse(self):
        """The venue leaves it where it is."""
        refused(self.desk, self.asked[0])

    @property
    def stop(self):
        """Where the stop is, and where it shall be."""
        (order,) = self.desk.fold.engine.book.orders
        return order.stop, order.sought_stop


@pytest.fixture
def desk():
    return Desk()


def test_the_stop_is_where_the_venue_has_it_until_it_says_that_it_has_moved_it(desk):
    assert desk.close(2, 98.0) == [("replace", 103.0)]
    assert desk.stop == (105.0, 103.0)
    desk.moved(103.0)
    assert desk.stop[0] == 103.0
    assert isnan(desk.stop[1])


def test_a_move_that_was_refused_is_asked_again_at_the_next_bar_and_never_back(desk):
    desk.close(2, 98.0)
    desk.refuse()
    assert desk.stop == (105.0, 103.0)
    assert desk.close(3, 99.0) == [("replace", 103.0)]
    desk.moved(103.0)
    assert desk.close(4, 99.0) == []


def test_a_nearer_move_takes_the_place_of_one_that_was_refused(desk):
    desk.close(2, 98.0)
    desk.refuse()
    assert desk.close(3, 97.0) == [("replace", 102.0)]
    desk.moved(102.0)
    assert desk.close(4, 97.0) == []


def test_while_a_move_is_under_way_only_a_nearer_one_is_asked_for(desk):
    desk.close(2, 98.0)
    assert desk.close(3, 99.0) == []
    assert desk.close(4, 97.0) == [("replace", 102.0)]
    desk.moved(103.0)
    assert desk.stop == (103.0, 102.0)
    desk.moved(102.0)
    assert isnan(desk.stop[1])


def test_a_split_divides_where_it_shall_be_too(desk):
    desk.close(2, 98.0)
    desk.refuse()
    action = Action()
    action.time = action.known = START + 2 * MINUTE + SECOND
    action.kind, action.symbol, action.value = SPLIT, 0, 2.0
    decide(desk.desk, [Heard(action)], START + 3 * MINUTE)
    assert desk.stop == (52.5, 51.5)
    assert desk.close(4, 49.0) == [("replace", 51.5)]
