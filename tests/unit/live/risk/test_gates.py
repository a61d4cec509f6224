"""The gates as tables: one below the bound, at it, and one above, and what passes whatever the bound says."""

from itertools import accumulate
from math import inf, nan

import pytest
from msgspec.structs import replace

from stratofold.events import COMMAND_RESUME, GAP, HALT, MUTE, RESTORED, RESUME, Bar
from stratofold.fold.order import AT_CLOSE, CANCEL, GTC, MARKET, REPLACE, SUBMIT
from stratofold.fold.state import restore, save
from stratofold.live.risk.bounds import Bounds, RateBounds, SymbolBounds
from stratofold.live.risk.gates import MessageRate
from stratofold.live.risk.guard import screen
from stratofold.live.risk.symbols import SymbolLimits
from stratofold.live.risk.verdict import NAMES, REDUCING_ONLY, wishes
from tests.unit.fold.account import contract
from tests.unit.live.risk.scene import CLOSES, DAY, HOURS, MINUTE, OPENS, Scene, lifted, said

STALE = lifted(data={"age_seconds_max": 300.0})

# heard at | now (minutes) || age in seconds of open time that is refused, or None
AGES = (
    (600, 604, None),
    (600, 605, None),
    (600, 605 + 1 / 60, 301.0),
    (600, 599, None),
    (958, 1440 + 572, None),  # the night does not age
    (958, 1440 + 573, None),
    (958, 1440 + 573 + 1 / 60, 301.0),
    (960, 1440 + 570, None),
    (1440 + 778, 2 * 1440 + 573, None),  # nor does the afternoon of an early close
    (1440 + 778, 2 * 1440 + 573 + 1 / 60, 301.0),
    (600, 1440 + 600, 23_400.0),
)


@pytest.mark.parametrize(("heard", "now", "age"), AGES)
def test_data_older_than_its_bound_opens_nothing(heard, now, age):
    scene = Scene(STALE)
    scene.bar(0, 100.0, heard)
    scene.at(now)
    assert scene.ask(0, +1) == (None if age is None else ("stale_data", 300.0, pytest.approx(age)))


def test_an_instrument_that_was_never_heard_is_stale_and_each_has_its_own_age():
    scene = Scene(STALE)
    assert scene.ask(1, +1) == ("stale_data", 300.0, inf)
    scene.bar(0, 100.0, 600)
    assert scene.ask(0, +1) is None
    assert scene.ask(1, +1) == ("stale_data", 300.0, inf)


def test_an_instrument_may_have_a_tighter_age_of_its_own_and_not_a_looser_one():
    own = {"S0": SymbolBounds(age_seconds_max=60.0), "S1": SymbolBounds(age_seconds_max=900.0)}
    scene = Scene(lifted(data={"age_seconds_max": 300.0}, symbols=own))
    scene.bar(0, 100.0, 600)
    scene.bar(1, 50.0, 600)
    scene.at(602)
    assert scene.ask(0, +1) == ("stale_data", 60.0, 120.0)
    scene.at(606)
    assert scene.ask(1, +1) == ("stale_data", 300.0, 360.0)


def test_what_reduces_and_what_cancels_passes_on_stale_data():
    scene = Scene(STALE)
    assert scene.ask(0, -1, reduces=True) is None
    assert scene.cancel(0) is None


def test_data_that_comes_late_is_as_old_as_it_is():
    scene = Scene(STALE)
    scene.hear(Bar, 600, symbol=0, close=100.0, known=606 * MINUTE)
    assert scene.ask(0, +1) == ("stale_data", 300.0, 360.0)


# status || refused after it, and after the next bar
FEEDS = (
    (MUTE, ("feed_gap", 0.0, 1.0), None),
    (GAP, ("feed_gap", 0.0, 1.0), ("feed_gap", 0.0, 1.0)),
    (RESTORED, None, None),
)


@pytest.mark.parametrize(("status", "before", "after"), FEEDS)
def test_a_mute_feed_speaks_again_and_a_gap_must_be_filled(status, before, after):
    scene = Scene(STALE)
    scene.bar(0, 100.0, 600)
    scene.status(status, 0)
    assert scene.ask(0, +1) == before
    scene.bar(0, 100.0, 601)
    assert scene.ask(0, +1) == after
    scene.status(RESTORED)
    assert scene.ask(0, +1) is None


def test_a_halt_lets_only_cancels_pass_and_holds_until_it_is_lifted():
    scene = Scene()
    scene.status(HALT, 1)
    assert scene.ask(1, +1) == scene.ask(1, -1, reduces=True) == ("instrument_halted", 0.0, 1.0)
    assert scene.ask(0, +1) is None
    assert scene.cancel(1) is None
    scene.bar(1, 50.0, 601)
    assert scene.ask(1, +1) == ("instrument_halted", 0.0, 1.0)
    scene.status(RESUME, 1)
    assert scene.ask(1, +1) is None
    scene.status(HALT)
    assert scene.ask(0, +1) == ("instrument_halted", 0.0, 1.0)


# minute | allowed with nothing | allowed 5 minutes before and 10 after
SESSIONS = (
    (564.9, False, False),
    (565, False, True),
    (569.9, False, True),
    (570, True, True),
    (960, True, True),
    (960 + 1 / 60, False, True),
    (970, False, True),
    (970 + 1 / 60, False, False),
    (1440 + 780, True, True),
    (1440 + 790, False, True),
    (1440 + 791, False, False),
    (1440 + 900, False, False),  # a full day would be open
    (2 * 1440 + 970, False, True),
    (2 * 1440 + 971, False, False),  # the table is at its end
)


@pytest.mark.parametrize(("minute", "strict", "wide"), SESSIONS)
def test_messages_leave_in_session_hours(minute, strict, wide):
    for bounds, allowed in (
        ({"before_open_seconds": 0.0, "after_close_seconds": 0.0}, strict),
        ({"before_open_seconds": 300.0, "after_close_seconds": 600.0}, wide),
    ):
        scene = Scene(lifted(session=bounds)).at(minute)
        answer = scene.ask(0, +1, reduces=True)
        assert (answer is None) == allowed
        assert allowed or answer[0] == "out_of_session"
        assert scene.cancel(0) is None


def test_a_message_outside_the_hours_is_told_how_long_it_is_until_the_open():
    scene = Scene(lifted(session={"before_open_seconds": 300.0, "after_close_seconds": 600.0}))
    for minute, early in ((564, 360.0), (971, (1440 + 570 - 971) * 60.0)):
        assert scene.at(minute).ask(0, +1) == ("out_of_session", 300.0, early)


# minute || seconds left when it is too late, else None
CUTOFFS = (
    (949, None),
    (950, None),
    (950 + 1 / 60, 599.0),
    (959, 60.0),
    (960, None),
    (1440 + 770, None),
    (1440 + 771, 540.0),
)


@pytest.mark.parametrize(("minute", "left"), CUTOFFS)
def test_an_order_for_the_close_is_in_before_the_cutoff_or_waits_for_the_next_close(minute, left):
    scene = Scene(lifted(session={"close_cutoff_seconds": 600.0})).at(minute)
    assert scene.ask(0, +1) is None
    assert scene.ask(0, +1, tif=AT_CLOSE) == (None if left is None else ("close_cutoff", 600.0, pytest.approx(left)))


# per second | per minute | moments (s) sent || moment asked | outcome
RATES = (
    (2, inf, (0.0,), 0.0, None),
    (2, inf, (0.0, 0.5), 0.999, ("message_rate", 2.0, 3.0)),
    (2, inf, (0.0, 0.5), 1.0, None),
    (2, inf, (0.0, 0.5, 1.0), 1.4, ("message_rate", 2.0, 3.0)),
    (2, inf, (0.0, 0.5, 1.0), 1.5, None),
    (inf, 3, (0.0, 1.0, 2.0), 59.9, ("message_rate", 3.0, 4.0)),
    (inf, 3, (0.0, 1.0, 2.0), 60.0, None),
    (0, inf, (), 0.0, ("message_rate", 0.0, 1.0)),
    (inf, 0, (), 0.0, ("message_rate", 0.0, 1.0)),
    (1, inf, (0.0,), 0.5, ("message_rate", 1.0, 2.0)),
)


@pytest.mark.parametrize(("second", "minute", "sent", "asked", "outcome"), RATES)
def test_no_stretch_of_a_second_or_a_minute_has_more_messages_than_its_bound(second, minute, sent, asked, outcome):
    scene = Scene(lifted(rate={"messages_per_second_max": float(second), "messages_per_minute_max": float(minute)}))
    for moment in sent:
        scene.at(600 + moment / 60)
        scene.guard.rate.sent(scene.guard.now)
    scene.at(600 + asked / 60)
    assert scene.ask(0, +1) == outcome
    assert scene.ask(0, -1, reduces=True) == outcome
    assert scene.cancel(0) is None


def test_cancels_count_toward_the_rate():
    scene = Scene(lifted(rate={"messages_per_second_max": 1.0}))
    scene.guard.rate.sent(scene.guard.now)
    assert scene.ask(0, +1) == ("message_rate", 1.0, 2.0)


def test_a_rate_that_was_changed_keeps_the_newest_moments_of_a_saved_state():
    before = Scene(lifted(rate={"messages_per_second_max": 4.0}))
    for second in (0.0, 0.2, 0.4, 0.6):
        before.at(600 + second / 60)
        before.guard.rate.sent(before.guard.now)
    for most, at, outcome in (
        (2.0, 1.3, ("message_rate", 2.0, 3.0)),
        (2.0, 1.4, None),
        (5.0, 0.9, None),
        (inf, 0.7, None),
    ):
        after = Scene(lifted(rate={"messages_per_second_max": most}))
        restore(after.guard, save(before.guard))
        after.at(600 + at / 60)
        assert after.ask(0, +1) == outcome


def test_what_leaves_first_after_a_rate_was_changed_counts():
    before = Scene(lifted(rate={"messages_per_second_max": 1.0}))
    before.guard.rate.sent(before.guard.now)
    after = Scene(lifted(rate={"messages_per_second_max": 2.0}))
    restore(after.guard, save(before.guard))
    after.guard.rate.sent(after.guard.now)
    assert after.ask(0, +1) == ("message_rate", 2.0, 3.0)


def executions(scene, *numbers, symbol=0, side=+1, minute=600):
    for k, number in enumerate(numbers):
        scene.fill(symbol, side, minute=minute + k / 60, number=number, kind=2)


THROTTLED = lifted(rate={"executions_max": 3.0, "executions_seconds": 60.0})


def test_so_many_executed_orders_disable_an_instrument_until_a_person_resumes_it():
    scene = Scene(THROTTLED)
    executions(scene, 1, 2)
    assert scene.ask(0, +1) is None
    broken = scene.fill(0, +1, minute=600.5, number=3)
    assert said(broken) == [("repeated_execution", 0, REDUCING_ONLY, 3.0, 3.0)]
    assert scene.fill(1, +1, number=4) == []
    assert scene.ask(0, +1) == ("repeated_execution", 3.0, 3.0)
    assert scene.ask(0, -1) == ("repeated_execution", 3.0, 0.0)
    assert scene.ask(0, -1, reduces=True) is None
    assert scene.ask(1, +1) is None
    scene.at(1440 + 600)
    assert scene.ask(0, +1) == ("repeated_execution", 3.0, 3.0)
    scene.command(COMMAND_RESUME, 1)
    assert scene.ask(0, +1) is not None
    scene.command(COMMAND_RESUME, 0)
    assert scene.ask(0, +1) is None
    for number in (5, 6):
        assert scene.fill(0, +1, number=number) == scene.fill(0, -1, number=number) == []
    assert [row[0] for row in said(scene.fill(0, -1, number=7))] == ["repeated_execution"]


def test_parts_of_one_order_are_one_execution_and_sides_are_counted_apart():
    scene = Scene(THROTTLED)
    executions(scene, 1, 1, 1, 1)
    executions(scene, 2, 3, side=-1)
    executions(scene, 4)
    assert scene.ask(0, +1) is None


def test_instruments_and_sides_have_counts_of_their_own():
    scene = Scene(THROTTLED)
    executions(scene, 1, 2, side=-1)
    executions(scene, 3, 4, symbol=1, side=-1)
    executions(scene, 5, 6, symbol=1)
    assert scene.ask(0, -1) is None
    assert scene.ask(1, -1) is None
    executions(scene, 7, symbol=1, side=-1)
    assert scene.ask(1, -1) == ("repeated_execution", 3.0, 3.0)
    assert scene.ask(1, +1) == ("repeated_execution", 3.0, 2.0)


def test_past_the_last_session_of_the_table_an_order_for_the_close_has_time():
    scene = Scene(lifted(session={"close_cutoff_seconds": 600.0})).at(2 * 1440 + 961)
    assert scene.ask(0, +1, tif=AT_CLOSE) is None


def test_a_stretch_begins_anew_after_its_length():
    scene = Scene(THROTTLED)
    executions(scene, 1, 2)
    executions(scene, 3, minute=601)
    assert scene.ask(0, +1) is None
    executions(scene, 4, 5, minute=601.5)
    assert scene.ask(0, +1) == ("repeated_execution", 3.0, 3.0)


def test_with_no_executions_stated_nothing_is_enabled():
    assert Scene(lifted(rate={"executions_max": 0.0})).ask(0, +1) == ("repeated_execution", 0.0, 0.0)


# bounds of S0 | asked | limit price || outcome
SIZES = (
    ({"order_quantity_max": 10.0}, +10, None, None),
    ({"order_quantity_max": 10.0}, +11, None, ("symbol_quantity", 10.0, 11.0)),
    ({"order_notional_max": 1_000.0}, +10, None, None),
    ({"order_notional_max": 1_000.0}, +11, None, ("symbol_notional", 1_000.0, 1_100.0)),
    ({"order_notional_max": 1_000.0}, +11, 90.0, None),
    ({"order_notional_max": 1_000.0}, -11, 110.0, ("symbol_notional", 1_000.0, 1_210.0)),
    ({"restricted": True}, +1, None, ("restricted", 0.0, 1.0)),
)


@pytest.mark.parametrize(("own", "asked", "limit", "outcome"), SIZES)
def test_an_instrument_has_bounds_of_its_own(own, asked, limit, outcome):
    scene = Scene(lifted(symbols={"S0": SymbolBounds(**own)}))
    more = {} if limit is None else {"limit": limit}
    assert scene.ask(0, asked, **more) == outcome
    assert scene.ask(1, asked, **more) is None
    assert scene.ask(0, asked, reduces=True, **more) is None


def test_a_notional_is_in_the_base_currency_and_in_units_of_the_contract():
    contracts = [contract(multiplier=5.0), contract(currency=1)]
    bounds = {name: SymbolBounds(order_notional_max=1_000.0) for name in ("S0", "S1")}
    scene = Scene(lifted(symbols=bounds), contracts=contracts, scales=(100.0, 100.0), rates=(1.25,))
    assert scene.ask(0, +2) is None
    assert scene.ask(0, +3) == ("symbol_notional", 1_000.0, 1_500.0)
    assert scene.ask(1, +16) is None
    assert scene.ask(1, -17) == ("symbol_notional", 1_000.0, 1_062.5)
    assert scene.replace(0, nan) is None


# held | working with this order || outcome at position_max 5
POSITIONS = (
    (0, +5, None),
    (0, +6, 6.0),
    (+2, +3, None),
    (+2, +4, 6.0),
    (0, -5, None),
    (0, -6, 6.0),
    (-2, -4, 6.0),
    (+3, -8, None),
)


@pytest.mark.parametrize(("held", "working", "observed"), POSITIONS)
def test_the_position_of_an_instrument_in_the_worst_order_of_fills(held, working, observed):
    scene = Scene(lifted(symbols={"S0": SymbolBounds(position_max=5.0)}))
    scene.hold(0, held).work(0, working)
    assert scene.ask(0, working) == (None if observed is None else ("symbol_position", 5.0, observed))


def test_bounds_with_nothing_stated_refuse_everything_that_opens():
    scene = Scene(Bounds())
    scene.bar(0, 100.0, 600)
    assert scene.ask(0, +1) == ("message_rate", 0.0, 1.0)
    assert scene.cancel(0) is None


def test_a_message_expires_when_its_data_would_be_stale_or_its_session_over():
    bounds = lifted(data={"age_seconds_max": 300.0}, session={"before_open_seconds": 0.0, "after_close_seconds": 60.0})
    scene = Scene(bounds)
    scene.bar(0, 100.0, 600)
    assert scene.guard.expires_at(0, opens=True) == 605 * MINUTE + 1
    assert scene.guard.expires_at(0, opens=False) == 961 * MINUTE + 1
    scene.bar(0, 100.0, 958)
    assert scene.guard.expires_at(0, opens=True) == 961 * MINUTE + 1
    assert scene.guard.stale.fresh_until(0, 9 * DAY) == DAY + 573 * MINUTE
    assert Scene().guard.expires_at(0, opens=True) > 2**61


def test_open_time_by_counting_every_minute():
    is_open = [any(OPENS[k] <= minute * MINUTE < CLOSES[k] for k in range(3)) for minute in range(3 * 1440)]
    before = [0, *accumulate(is_open)]
    for start in range(0, 3 * 1440, 97):
        for end in range(start, 3 * 1440, 131):
            counted = before[end] - before[start]
            assert HOURS.open_between(start * MINUTE, end * MINUTE) == counted * MINUTE
            assert HOURS.open_between(end * MINUTE, start * MINUTE) == 0


def test_after_open_is_the_last_moment_at_which_no_more_open_time_has_passed():
    for start in range(500, 1440 + 600, 61):
        for duration in (0, 1, 5, 389, 390, 500):
            last = HOURS.after_open(start * MINUTE, duration * MINUTE)
            assert HOURS.open_between(start * MINUTE, last) == duration * MINUTE
            assert HOURS.open_between(start * MINUTE, last + 1) == duration * MINUTE + 1


def message(number, quantity, action=SUBMIT):
    side = 1 if quantity > 0 else -1
    return (action, number, 0, side, MARKET, GTC, float(abs(quantity)), nan, nan, 0, 0)


def test_the_messages_of_one_step_count_against_each_other():
    scene = Scene(lifted(rate={"messages_per_second_max": 2.0}))
    scene.hold(0, +10)
    messages = [message(scene.work(0, quantity), quantity) for quantity in (+1, +2, +3)]
    cancel = message(messages[0][1], +1, CANCEL)
    verdicts = [verdict for _, verdict in screen(scene.guard, [messages[0], cancel, *messages[1:]], scene.book)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, False]
    assert screen(scene.guard, [], scene.book) == []


def test_what_reduces_counts_what_came_before_it_and_not_what_comes_after():
    scene = Scene()
    scene.hold(0, +10)
    messages = [message(scene.work(0, quantity), quantity) for quantity in (-6, -4, -1, +2)]
    assert [wish.reduces for wish in wishes(messages, scene.book)] == [True, True, False, False]
    short = Scene()
    short.hold(0, -10)
    messages = [message(short.work(0, quantity), quantity) for quantity in (+6, +5, -1)]
    assert [wish.reduces for wish in wishes(messages, short.book)] == [True, False, False]
    total = (REPLACE, *message(messages[0][1], +7)[1:])
    assert [wish.reduces for wish in wishes([total], short.book)] == [False]


def test_reasons_have_a_precedence():
    """Everything is wrong at once; what is named is mended, one by one, in the order of the reasons."""
    own = {
        "restricted": True,
        "order_quantity_max": 0.0,
        "order_notional_max": 0.0,
        "position_max": 0.0,
        "position_limit": 0.0,
    }
    bounds = replace(
        lifted(
            data={"age_seconds_max": 0.0},
            session={"before_open_seconds": 0.0, "after_close_seconds": 0.0},
            stops={"drawdown_max": 0.0, "daily_loss_max": 0.0},
            symbols={"S0": SymbolBounds(**own)},
        ),
        rate=RateBounds(0.0, 0.0, 0.0),
    )
    scene = Scene(bounds, at=1)
    scene.hold(0, +1)
    for price in (100.0, 99.0):
        scene.bar(0, price)
    scene.status(HALT)
    scene.status(GAP)
    named = []
    mend = {
        "instrument_halted": lambda: scene.status(RESUME),
        "out_of_session": lambda: scene.at(600),
        "message_rate": lambda: setattr(scene.guard, "rate", MessageRate(inf, inf)),
        "repeated_execution": lambda: setattr(scene.guard.repeats, "most", inf),
        "feed_gap": lambda: scene.status(RESTORED),
        "stale_data": lambda: scene.bar(0, 98.0),
        "drawdown": lambda: setattr(scene.guard.equity_stops, "drawdown_tripped", False),
        "daily_loss": lambda: setattr(scene.guard.equity_stops, "daily_tripped", False),
    }
    while (answer := scene.ask(0, +1)) is not None and len(named) < 20:
        named.append(answer[0])
        key = {
            "symbol_quantity": "order_quantity_max",
            "symbol_notional": "order_notional_max",
            "symbol_position": "position_max",
        }
        if answer[0] in mend:
            mend[answer[0]]()
        else:
            own.pop(key.get(answer[0], answer[0]))
            scene.guard.symbols = SymbolLimits({"S0": SymbolBounds(**own)}, scene.names)
    assert named == [name for name in NAMES if name in named]
    assert len(named) == 13
