"""A bracket's legs whose replaces are refused: what the venue has confirmed is what works, and the rest is asked again."""

from math import isnan

import pytest
from msgspec.structs import replace

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import VenueReport
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.open import open_book
from stratofold.live.supervise import Supervisor
from stratofold.live.watch import Watch
from stratofold.live.words import offer_of, report_of

from .rig import START, Rig
from .test_found import MINUTE, SECOND, bar

ENTRY, PROFIT, LOSS, NEXT = 1, 2, 3, 4


class Bracket(Strategy):
    """One bracket of 12."""

    def setup(self):
        """Nothing was ordered."""
        self.number = 0

    def on_bar(self, bar, book):
        """Order once."""
        if self.number == 0:
            self.number = book.buy(bar.symbol, 12.0, limit=100.0, take_profit=110.0, stop_loss=90.0)


class Desk:
    """A book with a bracket of which 6 are filled, both legs at work for as much."""

    def __init__(self, *, native=False):
        journal = Journal()
        open_book(journal, replace(Rig(0).manifest, native_brackets=native), START)
        self.desk = open_desk(journal, "sim", Bracket, "test", START)
        self.said = 0
        self.at(bar(1))
        self.hear(ENTRY, "accepted")
        self.fill(ENTRY, 6.0)
        self.hear(PROFIT, "accepted")
        self.hear(LOSS, "accepted")

    def at(self, event):
        """One event, and what was asked because of it, by order and total or action."""
        self.decided = decide(self.desk, [Heard(event)], START + 9 * MINUTE)
        self.sent = self.decided.messages
        return [(one.action, one.client_id[-1], one.quantity) for one in self.sent]

    def hear(self, number, kind, identity="", **more):
        """One fact of the venue."""
        self.said += 1
        names = (f"sim-g1-{number}", f"v{number}", "AAA", 1 if number == ENTRY else -1)
        fact = VenueReport(identity or f"{kind}:{self.said}", kind, *names, START + MINUTE + SECOND, **more)
        return self.at(report_of(self.desk.fold, "sim", "g1", offer_of(fact).body))

    def fill(self, number, quantity):
        """One execution."""
        return self.hear(number, "partial", quantity=quantity, price=100.0)

    def refuse(self):
        """All that was asked last is refused."""
        for one in self.sent:
            self.hear(int(one.client_id[-1]), "cancel_rejected", f"cancel_rejected:{one.key}")

    def order(self, number):
        """An order of the book, None when it is done."""
        orders = self.desk.fold.engine.book.orders
        return orders[orders.index(number)] if orders.index(number) >= 0 else None

    @property
    def counted(self):
        """What counts as working on the selling side."""
        return self.desk.fold.engine.book.working_sell[0]


@pytest.fixture
def desk():
    return Desk()


def test_a_leg_is_for_what_the_venue_confirmed(desk):
    assert desk.fill(ENTRY, 6.0) == [("replace", "2", 12.0), ("replace", "3", 12.0)]
    assert (desk.order(PROFIT).quantity, desk.order(PROFIT).wanted, desk.counted) == (6.0, 12.0, 24.0)
    desk.hear(PROFIT, "replaced", quantity=12.0)
    assert (desk.order(PROFIT).quantity, desk.order(LOSS).quantity, desk.counted) == (12.0, 6.0, 24.0)


def test_what_was_refused_counts_no_more_and_is_asked_again_at_the_next_bar(desk):
    desk.fill(ENTRY, 6.0)
    desk.refuse()
    assert (desk.order(LOSS).quantity, desk.counted) == (6.0, 12.0)
    assert desk.at(bar(2)) == [("replace", "2", 12.0), ("replace", "3", 12.0)]
    assert desk.counted == 24.0


def test_further_growth_is_of_what_is_wanted(desk):
    desk.fill(ENTRY, 2.0)
    desk.refuse()
    assert desk.fill(ENTRY, 4.0) == [("replace", "2", 12.0), ("replace", "3", 12.0)]


def test_a_leg_that_fills_short_of_what_was_wanted_is_followed_by_one_for_the_rest(desk):
    desk.fill(ENTRY, 6.0)
    desk.refuse()
    assert desk.fill(LOSS, 6.0) == [("replace", "2", 6.0), ("submit", "4", 6.0)]
    assert desk.order(LOSS) is None
    follower, profit = desk.order(NEXT), desk.order(PROFIT)
    assert (follower.stop, follower.sibling, profit.sibling, profit.wanted) == (90.0, PROFIT, NEXT, 6.0)
    assert desk.counted == 12.0
    desk.hear(NEXT, "accepted")
    assert desk.fill(NEXT, 6.0) == [("cancel", "2", 6.0)]


def test_a_leg_made_smaller_works_for_all_it_had_until_the_venue_says_so(desk):
    assert desk.fill(PROFIT, 2.0) == [("replace", "3", 4.0)]
    assert (desk.order(LOSS).quantity, desk.order(LOSS).wanted, desk.counted) == (6.0, 4.0, 10.0)
    desk.refuse()
    desk.fill(LOSS, 5.0)
    assert desk.order(LOSS).remaining == 1.0


def test_a_leg_whose_cancel_is_refused_is_cancelled_again(desk):
    assert desk.fill(LOSS, 6.0) == [("cancel", "2", 6.0), ("cancel", "1", 12.0)]
    desk.refuse()
    assert desk.at(bar(2)) == [("cancel", "1", 12.0), ("cancel", "2", 6.0)]


def test_a_leg_that_is_refused_is_told(desk):
    supervisor = Supervisor(desk.desk, Watch(), StandingClock(START), None, None)
    desk.fill(ENTRY, 6.0)
    desk.refuse()
    desk.fill(LOSS, 6.0)
    supervisor.decided([], desk.decided, 0)
    assert supervisor.happened == []
    desk.hear(NEXT, "rejected")
    supervisor.decided([], desk.decided, 0)
    assert [(one.key, one.level) for one in supervisor.happened] == [("unprotected:AAA", "critical")]


def test_an_entry_whose_cancel_is_refused_after_its_leg_filled_is_cancelled_again(desk):
    desk.fill(LOSS, 6.0)
    desk.hear(PROFIT, "cancelled")
    desk.hear(ENTRY, "cancel_rejected", "cancel_rejected:sim-g1-1-c1")
    assert desk.at(bar(2)) == [("cancel", "1", 12.0)]
    desk.hear(ENTRY, "cancelled", cumulative=6.0)
    assert desk.at(bar(3)) == []


def test_legs_that_the_venue_runs_are_heard_only():
    desk = Desk(native=True)
    assert desk.fill(ENTRY, 6.0) == []
    assert (desk.order(LOSS).quantity, desk.counted) == (12.0, 24.0)
    assert isnan(desk.order(LOSS).wanted)
    assert desk.at(bar(2)) == []
    assert desk.fill(LOSS, 5.0) == []
    assert (desk.order(PROFIT).quantity, desk.counted) == (7.0, 14.0)
    assert desk.at(bar(3)) == []
    assert desk.fill(LOSS, 7.0) == []
    assert desk.order(LOSS) is None


def test_a_replace_that_was_claimed_when_its_order_had_ended_reserves_nothing_when_it_is_refused():
    assert Rig(2, minutes=66, outage_minutes=(3.02, 63.0)).run().violations == []
