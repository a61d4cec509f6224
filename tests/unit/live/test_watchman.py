"""The watchman misses a run that has died; the supervisor tells what happens inside one."""

import asyncio
from types import SimpleNamespace

import pytest

import stratofold
from stratofold.adapters.ports import UNKNOWN, Message, NoAnswer
from stratofold.live.archive import RECORDS_MAX
from stratofold.live.decide import Decided
from stratofold.live.fold import Step
from stratofold.live.reconcile import Findings
from stratofold.live.risk.verdict import DRAWDOWN, HALT, NOTE, STALE_DATA, reason_name
from stratofold.live.supervise import OWED, Supervisor
from stratofold.live.watch import Watch
from stratofold.live.watchman import HEARTBEAT, Pulse, Watchman
from stratofold.wire import unpack
from tests.live_tools import paper
from tests.unit.live.conftest import entries
from tests.unit.live.test_why import Ladder

SECOND = 1_000_000_000
NOW = 1_767_225_600 * SECOND


def look(watchman, seconds):
    """The keys of the alerts that a look after so many seconds tells."""
    return [alert.key for _, alert in asyncio.run(watchman.look(NOW + int(seconds * SECOND)))]


@pytest.mark.parametrize(
    ("beat", "seconds", "missed"),
    [(None, 1e6, False), ("", 1e6, False), ("5", 59.9, False), ("5", 60.0, True), (str(NOW), 1e6, True)],
)
def test_a_heartbeat_that_stays_as_it_was_for_a_minute_is_a_run_that_has_stopped(journal, book, beat, seconds, missed):
    if beat is not None:
        journal.mark(book, HEARTBEAT, beat)
    watchman = Watchman(journal)
    assert look(watchman, 0) == []
    assert look(watchman, seconds) == ["heartbeat:the run of momo"] * missed


def test_it_is_told_once_in_the_records_too_and_that_it_is_over_when_the_run_is_back(journal, book):
    pulse, watchman = Pulse(journal, book), Watchman(journal)
    pulse.beat(NOW)
    assert [look(watchman, second) for second in (1, 61, 66, 71)] == [[], ["heartbeat:the run of momo"], [], []]
    pulse.beat(NOW + 80 * SECOND)
    assert [look(watchman, second) for second in (81, 131)] == [[], ["heartbeat:the run of momo"]]
    told = [unpack(record.body) for record in journal.records(book) if record.kind == "alert"]
    assert [row[2] for row in told] == ["the run of momo has stopped", "Over: the run of momo has stopped"]


def test_a_heartbeat_is_written_seldom_and_taken_away_in_the_end(journal, book):
    pulse = Pulse(journal, book)
    for second in range(35):
        pulse.beat(NOW + second * SECOND)
    assert journal.mark(book, HEARTBEAT) == str(NOW + 30 * SECOND)
    pulse.rest()
    assert look(Watchman(journal), 1e6) == []


def test_an_order_of_unknown_state_is_told_ten_seconds_after_it_was_seen(journal, book):
    key = "momo-g1-1"
    message = Message(key, "submit", key, "SPY", 1, 1.0, 10.0, 0.0, reduces=True, expires_at=2**62, body=b"")
    head = journal.take(book, "test", NOW)
    journal.append(book, head.epoch, head.step, entries(1), messages=[message], claim_at=NOW)
    journal.settle(book, key, UNKNOWN, "", entries(1), [])
    watchman = Watchman(journal)
    assert [look(watchman, second) for second in (100, 109.9, 110)] == [[], [], ["unknown"]]


@pytest.fixture
def supervisor(artifacts):
    """A supervisor of a book that has not traded yet, and how it ticks."""
    run = paper(
        Ladder, stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-09"), 86_400 * SECOND
    )
    desk = asyncio.run(run.desk())
    VENUE.ours, VENUE.ahead = run.clock, 0
    return Supervisor(desk, Watch(), run.clock, None, artifacts)


class Exact:
    """A venue whose clock is `ahead` ns of ours, or that does not answer (None)."""

    def __init__(self):
        self.ahead = 0
        self.ours = None

    async def clock(self):
        if self.ahead is None:
            raise NoAnswer("nobody there")
        return self.ours.time + self.ahead


VENUE = Exact()


def tick(supervisor):
    """One tick; returns the alerts in the records of its book so far: level and text."""
    asyncio.run(supervisor.tick(SimpleNamespace(ingest=SimpleNamespace(market=()), broker=VENUE)))
    records = supervisor.desk.journal.records("paper")
    return [tuple(unpack(record.body)[1:4:2]) for record in records if record.kind == "alert"]


def test_an_order_at_the_venue_that_nobody_here_has_sent_is_told_once(supervisor):
    supervisor.desk.journal.create("other", "account", "g7", entries(1))
    for _ in range(3):
        supervisor.reconciled(Findings(foreign=["by-hand", "other-g7-1", "other-g8-1"]))
        told = tick(supervisor)
    assert told == [
        ("warning", "by-hand is open at the venue; it is left alone"),
        ("warning", "other-g8-1 is open at the venue; it is left alone"),
    ]


def test_a_broken_bound_is_told_with_what_was_done_about_it(supervisor):
    rows = [(DRAWDOWN, -1, HALT, 0.1, 0.12, NOW, 0.0), (STALE_DATA, 0, NOTE, 60.0, 75.0, NOW, 0.0)]
    step = SimpleNamespace(messages=[], fills=[], refusals=[], orders=[], breaches=rows)
    supervisor.decided([], Decided(1, [], [step]), 0)
    assert tick(supervisor) == [
        ("critical", "drawdown of the book: 0.12 against 0.1; done about it: halt"),
        ("warning", "stale_data of SPY: 75 against 60; done about it: note"),
    ]


def test_a_venue_that_cannot_be_asked_is_told_after_a_minute(supervisor):
    clock = supervisor.clock
    began = clock.time
    supervisor.reconciled(Findings())
    texts = []
    for second in (59, 60, 61):
        clock.time = began + second * SECOND
        texts.append([text for _, text in tick(supervisor)])
    assert texts == [[], ["last heard 60 s ago"], ["last heard 60 s ago"]]


def test_a_run_that_ends_in_order_leaves_no_heartbeat_and_no_record_unsealed(supervisor):
    tick(supervisor)
    journal = supervisor.desk.journal
    assert journal.mark("paper", HEARTBEAT) == str(supervisor.clock.time)
    supervisor.close()
    assert journal.mark("paper", HEARTBEAT) == ""
    assert [record.kind for record in journal.records("paper")] == ["opened", "sealed"]


def test_the_watchman_seals_what_a_busy_run_has_left(journal, artifacts, book):
    watchman = Watchman(journal, artifacts=artifacts)
    look(watchman, 0)
    assert artifacts.names() == []
    journal.note(book, entries(RECORDS_MAX))
    look(watchman, 1)
    assert artifacts.names() == ["archive/momo/00000001"]


def test_a_run_seals_when_nothing_happens(supervisor):
    journal = supervisor.desk.journal
    journal.note("paper", entries(RECORDS_MAX))
    supervisor.picture.events += 1
    tick(supervisor)
    assert supervisor.artifacts.names() == []
    tick(supervisor)
    assert supervisor.artifacts.names() == ["archive/paper/00000001"]


def test_a_clock_that_is_apart_from_the_venues_is_told_within_a_minute_or_two(supervisor):
    VENUE.ahead = -3 * SECOND
    told = []
    for _ in range(3):
        supervisor.reconciled(Findings())
        told.append(tick(supervisor))
        supervisor.clock.time += 60 * SECOND
    assert told == [[], [("critical", "the venue's clock is -3.0 s from ours")], told[1]]
    VENUE.ahead = None
    supervisor.reconciled(Findings())
    assert tick(supervisor) == told[1]
    assert any(line.startswith("clock: ") for line in supervisor.picture.lines)


class Channels:
    """Channels of which those in `down` hear nothing."""

    def __init__(self, *down):
        self.down, self.heard = down, []

    async def notify(self, alert, only=()):
        asked = only or ("desk", "phone")
        self.heard += [(name, alert.key) for name in asked if name not in self.down]
        return [name for name in asked if name in self.down]


def test_an_alert_that_did_not_arrive_is_delivered_by_the_next_process(supervisor):
    desk, clock = supervisor.desk, supervisor.clock
    first = Channels("phone")
    supervisor.notifier = first
    supervisor.reconciled(Findings(foreign=["by-hand"]))
    tick(supervisor)
    assert first.heard == [("desk", "foreign:by-hand")]
    again = Supervisor(desk, Watch(), clock, Channels(), None)
    tick(again)
    assert again.notifier.heard == [("phone", "foreign:by-hand")]
    third = Supervisor(desk, Watch(), clock, Channels(), None)
    tick(third)
    assert third.notifier.heard == []
    assert desk.journal.mark("paper", OWED) == ""


def test_fills_and_the_reasons_of_refusals_are_shown_to_whoever_looks(supervisor):
    fill = (NOW, 3, 0, -1, 0, 1_234_567.0, 412.05, 1.0, 0.0)
    foreign = (NOW, -1, 0, 1, 0, 0.5, 10.0, 0.0, 0.5)
    refusals = [(NOW, 4, 0, 1, STALE_DATA, 10.0, 60.0, 61.0), (NOW, 5, 0, 1, 0, 10.0, 0.0, 0.0)]
    supervisor.decided([], Decided(1, [], [Step([], refusals, [fill, foreign], [], [], [], [], 6)]), 0)
    picture = supervisor.picture
    assert picture.refused == {"stale_data": 1, reason_name(0): 1}
    assert [line for _, line in picture.recent] == [
        "sold 1234567 SPY at 412.05, order #3", "bought 0.5 SPY at 10, no order of ours",
    ]  # fmt: skip
    supervisor.say("a word")
    assert picture.recent[-1] == (supervisor.clock.now(), "a word")
