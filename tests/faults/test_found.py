"""What the simulation found in the product, each by itself: named, so that it stays found."""

from math import nan

from stratofold.adapters.ports import VenueReport
from stratofold.events import Bar, Report
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.words import cumulative_of, offer_of, report_of

from .bugs import QUOTES, SLOW
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


def bar(minute, close=100.0):
    """A bar of the first symbol."""
    made = Bar()
    made.time = made.known = START + minute * MINUTE
    made.symbol, made.span = 0, MINUTE
    made.open = made.high = made.low = made.close = close
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


def test_of_several_replaces_whose_answer_was_lost_the_one_that_made_the_order_is_found():
    assert Rig(10, **QUOTES).run().violations == []


def test_a_fill_that_is_listed_late_is_not_taken_for_what_a_split_has_left():
    assert Rig(2_004_867).run().violations == []


def test_a_replaced_order_is_split_as_its_venue_splits_it_apart_from_what_was_filled_before():
    """3 for 2: of 7 that work 10 are left, and 8 in all, of which 1 was filled before, are 11 and not 12."""
    assert Rig(2_006_423).run().violations == []


def test_a_fill_is_heard_at_once_while_replaces_queue():
    assert Rig(1, **SLOW).run().violations == []


class Grows(Shrinks):
    """A limit order of 20, then 40 in all, then 60."""

    def on_bar(self, bar, book):
        """Order, then make it larger, each bar anew."""
        if self.number == 0:
            self.number = book.buy(bar.symbol, 20.0, limit=50.0)
        else:
            book.replace(self.number, quantity=20.0 * (1 + bar.close - 100.0))


def desk_of(strategy):
    """A book whose first order works at the venue."""
    desk = open_desk(Rig(0).journal, "sim", strategy, "test", START)
    decide(desk, [Heard(bar(1))], START + MINUTE)
    decide(desk, [Heard(report(desk, "accepted"))], START + MINUTE)
    return desk


def hear(desk, kind, **more):
    """One fact, and the messages that came of it."""
    return decide(desk, [Heard(report(desk, kind, **more))], START + 3 * MINUTE).messages


def works(desk):
    """What the book counts as working on the buying side."""
    return desk.fold.engine.book.working_buy[0]


def refused(desk, message):
    """The venue refuses a message."""
    fact = VenueReport(
        f"cancel_rejected:{message.key}", "cancel_rejected", "sim-g1-1", "v1", "AAA", 1, START + 2 * MINUTE
    )
    decide(desk, [Heard(report_of(desk.fold, "sim", "g1", offer_of(fact).body))], START + 3 * MINUTE)


def test_a_refused_replace_lets_go_of_what_it_would_have_been():
    desk = desk_of(Grows)
    (message,) = decide(desk, [Heard(bar(2, close=101.0))], START + 2 * MINUTE).messages
    assert (message.quantity, works(desk)) == (40.0, 40.0)
    refused(desk, message)
    assert works(desk) == 20.0


def test_of_two_replaces_under_way_the_larger_is_counted_until_both_are_answered():
    desk = desk_of(Grows)
    decide(desk, [Heard(bar(2, close=101.0))], START + 2 * MINUTE)
    (second,) = decide(desk, [Heard(bar(3, close=102.0))], START + 3 * MINUTE).messages
    assert works(desk) == 60.0
    hear(desk, "replaced", quantity=40.0, leaves=40.0, limit=50.0)
    assert works(desk) == 60.0
    refused(desk, second)
    assert works(desk) == 40.0


def test_a_refused_replace_does_not_end_the_cancel_that_is_under_way():
    desk = desk_of(Grows)
    (message,) = decide(desk, [Heard(bar(2, close=101.0))], START + 2 * MINUTE).messages
    desk.fold.engine.book.orders[0].cancelling = True
    refused(desk, message)
    assert desk.fold.engine.book.orders[0].cancelling


def overtaken():
    """A book with 5 filled while 40 in all was asked for, so that the venue may fill 45; and what it asks then."""
    desk = desk_of(Grows)
    decide(desk, [Heard(bar(2, close=101.0))], START + 2 * MINUTE)
    hear(desk, "partial", quantity=5.0, price=50.0, cumulative=5.0, leaves=15.0)
    (message,) = hear(desk, "replaced", quantity=40.0, leaves=40.0, limit=50.0)
    return desk, message


def test_what_a_fill_amid_a_replace_made_too_much_is_taken_back():
    desk, message = overtaken()
    assert (message.action, message.quantity, works(desk)) == ("replace", 35.0, 40.0)
    hear(desk, "replaced", quantity=35.0, leaves=35.0, limit=50.0)
    assert works(desk) == 35.0


def test_it_is_cancelled_when_all_that_was_wanted_is_filled():
    desk, message = overtaken()
    refused(desk, message)
    assert [one.action for one in hear(desk, "partial", quantity=38.0, price=50.0, cumulative=38.0)] == ["cancel"]


def test_a_cancel_that_a_replace_overtakes_is_asked_of_the_order_in_its_place():
    """Seed 184: the venue took the cancel, replaced the order before it carried it out, and nothing came of the cancel."""
    assert Rig(184).run().violations == []


def test_what_the_venue_is_about_to_cancel_is_not_open_for_more_than_was_wanted():
    """Seed 56: a fill amid a replace made it too much, and the venue took the cancel just before book and venue agreed."""
    assert Rig(56).run().violations == []


def test_what_is_filled_while_the_venue_answers_is_not_held_against_an_agreement_of_before():
    """Seed 3650: ordered, replaced and filled in part within the 35 ms in which the venue's positions were on their way."""
    assert Rig(3650).run().violations == []


def test_a_fill_that_was_heard_or_is_older_than_the_agreement_is_held_against_it():
    """The law that seed 3650 made milder forgives only what happened after the positions were counted, and is unheard."""
    rig = Rig(0)
    for name, quantity in (("sim-g1-1", 10), ("sim-g1-2", 10)):
        asked = {"client_order_id": name, "symbol": "AAA", "side": "buy", "type": "market", "time_in_force": "gtc"}
        rig.broker._submit({**asked, "qty": str(quantity)})
    first, second = rig.broker.orders.values()
    rig.broker.fill(first, 1, 10_000)
    rig.broker.fill(second, 2, 10_000)
    assert [rig.laws._unheard("sim-g1-1", since) for since in (START - 1, START)] == [1, 0]
    fact = VenueReport(f"fill:{first['id']}:1", "partial", "sim-g1-1", first["id"], "AAA", 1, START)
    rig.journal.offer("sim", [offer_of(fact)])
    assert rig.laws._unheard("sim-g1-1", START - 1) == 0
    assert rig.laws._unheard("sim-g1-2", START - 1) == 2
