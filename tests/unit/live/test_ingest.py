"""What a book hears next, over the opens of sessions: fills and corporate actions wait for one another, and never for ever."""

import pytest

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.ports import VenueReport
from stratofold.events import SPLIT, Action, Bar, Report
from stratofold.fold.strategy import Strategy
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.ingest import Ingest
from stratofold.live.timers import Timers
from stratofold.live.words import offer_of
from stratofold.market.sessions import calendar
from tests.faults.rig import MIDNIGHT, START, Rig
from tests.faults.world import SECOND

DAY = 86_400 * SECOND
TODAY, TOMORROW = MIDNIGHT, MIDNIGHT + DAY


class Buys(Strategy):
    """Ten at the first bar, and hears the rest."""

    def setup(self):
        self.number = 0

    def on_bar(self, bar, book):
        if self.number == 0:
            self.number = book.buy(0, 10.0, limit=50.0)


def bar(time, symbol=0):
    made = Bar()
    made.time = made.known = time
    made.symbol, made.span, made.volume = symbol, 60 * SECOND, 1_000.0
    made.open = made.high = made.low = made.close = 100.0
    return made


def action(time, symbol=0):
    """A split, two for one."""
    made = Action()
    made.time = made.known = time
    made.kind, made.symbol, made.value = SPLIT, symbol, 2.0
    return made


@pytest.fixture
def desk():
    """A book whose first order works at the venue since yesterday."""
    made = open_desk(Rig(0).journal, "sim", Buys, "test", START)
    decide(made, [Heard(bar(START + 60 * SECOND))], START + 60 * SECOND)
    return made


def filled(desk, time, quantity=4.0):
    """The venue fills some of it."""
    fact = VenueReport(
        f"fill:{time}", "partial", "sim-g1-1", "v1", "AAA", 1, time, quantity, 50.0, cumulative=quantity,
        leaves=10.0 - quantity,
    )  # fmt: skip
    desk.journal.offer("sim", [offer_of(fact)])


def ingest_of(desk, now, asked):
    """What waits at `now`, when venue and history were last asked at `asked`."""
    made = Ingest(desk, StandingClock(now), Timers((), calendar("24/7"), desk.manifest.opened), 0)
    made.venue_asked = made.asked_until = asked
    return made


def heard(desk, ingest):
    """Everything that is heard, in order, until nothing is."""
    told = []
    while batch := ingest.gather():
        decided = decide(desk, batch, ingest.clock.now())
        told += [one.event for one in batch[: decided.count]]
        ingest.decided(decided.count, batch[decided.count :], sends=True)
    return [(type(event), event.time) for event in told]


FILL = (Report, TODAY + 5 * SECOND)


@pytest.mark.parametrize("others", [(), (1,)], ids=["alone", "and another's"])
def test_a_split_waits_for_the_fill_of_the_day_before_and_the_fill_not_for_the_split(desk, others):
    """Nothing was traded between the fill and the split, so no bar says that the fill's session has begun."""
    filled(desk, TODAY + 5 * SECOND)
    ingest = ingest_of(desk, TOMORROW + 3_600 * SECOND, TOMORROW + 3_600 * SECOND)
    for symbol, name in enumerate(("AAA", "BBB")):
        if symbol == 0 or symbol in others:
            assert ingest.admit(name, action(TOMORROW))
    assert ingest.admit("AAA", bar(TOMORROW + 60 * SECOND))
    splits = [(Action, TOMORROW)] * (1 + len(others))
    assert heard(desk, ingest) == [FILL, *splits, (Bar, TOMORROW + 60 * SECOND)]
    assert desk.fold.engine.book.position(0) == 8.0


def test_a_fill_waits_for_the_split_of_its_own_day(desk):
    filled(desk, TODAY + 5 * SECOND)
    ingest = ingest_of(desk, TODAY + 3_600 * SECOND, TODAY + 3_600 * SECOND)
    ingest.admit("AAA", action(TODAY))
    assert heard(desk, ingest) == [(Action, TODAY), FILL]
    assert desk.fold.engine.book.position(0) == 4.0


def test_a_split_that_is_listed_late_holds_up_nothing(desk):
    """Behind a later one, which waits for the fill, it cannot be heard before the fill any more."""
    filled(desk, TODAY + 5 * SECOND)
    ingest = ingest_of(desk, TOMORROW + 3_600 * SECOND, TOMORROW + 3_600 * SECOND)
    ingest.admit("AAA", action(TOMORROW))
    ingest.admit("BBB", action(TODAY, 1))
    assert heard(desk, ingest) == [FILL, (Action, TOMORROW), (Action, TODAY)]


def test_what_was_not_asked_for_is_waited_for(desk):
    filled(desk, TODAY + 5 * SECOND)
    ingest = ingest_of(desk, TODAY + 3_600 * SECOND, TODAY - SECOND)
    assert heard(desk, ingest) == []
    assert ingest.unasked
    ingest.asked_until = TODAY + 3_600 * SECOND
    ingest.admit("AAA", action(TODAY))
    assert heard(desk, ingest) == []
    assert ingest.unreconciled
    ingest.venue_asked = TODAY + 3_600 * SECOND
    assert heard(desk, ingest) == [(Action, TODAY), FILL]


def test_before_a_split_the_history_is_asked_for_bars_that_were_lost(desk):
    ingest = ingest_of(desk, TODAY + SECOND, TODAY - SECOND)
    assert ingest.is_gap("AAA", action(TODAY))
    assert not ingest.is_gap("another", action(TODAY))
    ingest.asked_until = TODAY
    assert not ingest.is_gap("AAA", action(TODAY))


def test_a_bar_from_before_a_split_that_was_heard_is_no_news(desk):
    """It counts in units that are no more; the other symbol has not split."""
    ingest = ingest_of(desk, TODAY + SECOND, TODAY)
    ingest.admit("AAA", action(TODAY))
    assert heard(desk, ingest) == [(Action, TODAY)]
    assert not ingest.admit("AAA", bar(TODAY - 60 * SECOND))
    assert ingest.admit("BBB", bar(TODAY - 60 * SECOND, 1))
    assert ingest.admit("AAA", bar(TODAY + 60 * SECOND))
