"""What the simulation found in the product, each by itself: named, so that it stays found."""

from math import nan

from stratofold.adapters.ports import VenueReport
from stratofold.events import Bar, Report
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.words import cumulative_of, offer_of, report_of

from .rig import START, Rig
from .world import SECOND

MINUTE = 60 * SECOND


class Shrinks(Strategy):
    """A limit order of 40, then 10 in all."""

    def setup(self):
        """Nothing was ordered."""
        self.number = 0

    def on_bar(self, bar, book):
        """Order, then make it smaller."""
        if self.number == 0:
            self.number = book.buy(bar.symbol, 40.0, limit=50.0)
        else:
            book.replace(self.number, quantity=10.0)


def bar(minute):
    """A bar of the first symbol."""
    made = Bar()
    made.time = made.known = START + minute * MINUTE
    made.symbol, made.span = 0, MINUTE
    made.open = made.high = made.low = made.close = 100.0
    made.volume = 1_000.0
    return made


def report(desk, kind, **more):
    """A fact of the venue about order 1, as the fold hears it."""
    fact = VenueReport(f"{kind}:x", kind, "sim-g1-1", "v1", "AAA", 1, START + MINUTE + SECOND, **more)
    return report_of(desk.fold, "sim", "g1", offer_of(fact).body)


def desk_of_shrinks():
    """A book whose order of 40 works at the venue, with 3 of it filled."""
    desk = open_desk(Rig(0).journal, "sim", Shrinks, "test", START)
    decide(desk, [Heard(bar(1))], START + MINUTE)
    decide(desk, [Heard(report(desk, "accepted"))], START + MINUTE)
    decide(
        desk, [Heard(report(desk, "partial", quantity=3.0, price=50.0, cumulative=3.0, leaves=37.0))], START + MINUTE
    )
    return desk


def test_a_replace_to_less_asks_for_less():
    desk = desk_of_shrinks()
    (message,) = decide(desk, [Heard(bar(2))], START + 2 * MINUTE).messages
    assert (message.action, message.quantity) == ("replace", 7.0)


def test_a_replaced_order_is_what_the_venue_made_and_what_was_filled_before():
    desk = desk_of_shrinks()
    decide(desk, [Heard(bar(2))], START + 2 * MINUTE)
    replaced = report(desk, "replaced", quantity=7.0, leaves=7.0, limit=50.0)
    assert isinstance(replaced, Report)
    assert replaced.quantity == 10.0
    decide(desk, [Heard(replaced)], START + 2 * MINUTE)
    (order,) = desk.fold.engine.book.orders
    assert (order.quantity, order.filled, order.remaining) == (10.0, 3.0, 7.0)


def test_a_crash_while_a_replace_is_resolved_does_not_hide_that_it_took_effect():
    assert Rig(41, crash=0.03).run().violations == []


def test_an_end_says_how_much_it_counts():
    told = VenueReport("cancelled:v1", "cancelled", "sim-g1-1", "v1", "AAA", 1, START, nan, cumulative=4.0)
    silent = VenueReport("cancelled:v1", "cancelled", "sim-g1-1", "v1", "AAA", 1, START)
    assert [cumulative_of(offer_of(one).body) for one in (told, silent)] == [4.0, 0.0]
