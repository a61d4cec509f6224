"""When a strategy hears: timers of its schedule, timers it asks for, and groups of bars with those who are absent."""

import itertools
from datetime import UTC, date, datetime, timedelta
from math import isnan

import polars as pl
import pytest

from stratofold import (
    Setup,
    Strategy,
    at_close,
    at_open,
    backtest,
    every,
    month_end,
    month_start,
    read,
    sample,
    week_start,
)
from stratofold.research.execute import rest
from stratofold.research.prepare import Options, prepare


class Listens(Strategy):
    """Writes down when each timer and bar was heard, where Python keeps it."""

    schedule = ()

    def setup(self) -> None:
        self._edge_heard = []

    def on_bar(self, bar, book) -> None:
        self._edge_heard.append((moment(bar.time), "bar"))

    def on_timer(self, timer, book) -> None:
        self._edge_heard.append(
            (moment(timer.time), timer.schedule if timer.schedule >= 0 else f"after {timer.number}")
        )


def moment(time):
    return datetime.fromtimestamp(time / 1e9, UTC)


def heard(market, *entries, strategy=Listens, **changed):
    """Everything a strategy with this schedule hears."""
    kind = type("Scheduled", (strategy,), {"schedule": entries})
    run = prepare(kind, market, Options(**changed), {})
    rest(run.engine, run.strategy, run.feed, run.events)
    return run.strategy._edge_heard


def timers(market, *entries):
    return [when for when, what in heard(market, *entries) if what != "bar"]


@pytest.fixture(scope="module")
def autumn():
    """Daily bars around a half day (2014-11-28) and the end of daylight saving (2014-11-02)."""
    return sample("SPY", start="2014-10-29", end="2014-12-02")


def at(day, hour, minute=0):
    return datetime(2014, day[0], day[1], hour, minute, tzinfo=UTC)


# entry | first and last timers, and their count.  XNYS opens at 9:30 and closes at 16:00, New York.
SCHEDULES = (
    (month_start(), [at((11, 3), 14, 30), at((12, 1), 14, 30)]),
    (month_start(-1), [at((11, 3), 14, 29), at((12, 1), 14, 29)]),
    (month_end(), [at((10, 31), 20), at((11, 28), 18)]),
    (month_end(-5), [at((10, 31), 19, 55), at((11, 28), 17, 55)]),
    (week_start(30), [at((11, 3), 15), at((11, 10), 15), at((11, 17), 15), at((11, 24), 15), at((12, 1), 15)]),
)


@pytest.mark.parametrize(("entry", "expected"), SCHEDULES, ids=lambda each: str(each)[:40])
def test_months_and_weeks(autumn, entry, expected):
    assert timers(autumn, entry) == expected


def test_opens_and_closes_follow_daylight_saving_and_half_days(autumn):
    opens, closes = timers(autumn, at_open(5)), timers(autumn, at_close(-5))
    assert len(opens) == len(closes) == len(autumn.time)
    assert (opens[0], opens[3]) == (at((10, 29), 13, 35), at((11, 3), 14, 35))
    assert (closes[0], closes[3]) == (at((10, 29), 19, 55), at((11, 3), 20, 55))
    assert at((11, 28), 17, 55) in closes


def test_every_so_many_minutes_of_a_session(autumn):
    times = [when for when in timers(autumn, every(60)) if when.date() == date(2014, 11, 28)]
    assert times[0] >= at((11, 28), 14, 30)
    assert times[-1] <= at((11, 28), 18)
    assert {(b - a) for a, b in itertools.pairwise(times)} == {timedelta(hours=1)}


def test_entries_keep_their_numbers_and_bars_of_a_time_come_first(autumn):
    rows = heard(autumn, at_close(), at_open())
    day = [row for row in rows if row[0].date() == date(2014, 11, 12)]
    assert day == [(at((11, 12), 14, 30), 1), (at((11, 12), 21), "bar"), (at((11, 12), 21), 0)]


def test_a_period_of_nothing_is_refused():
    with pytest.raises(Setup, match="SF120"):
        every(0)


# Timers that a strategy asks for.


class Asks(Listens):
    """Asks for three timers at its first bar, out of order, two of them for one time."""

    def on_bar(self, bar, book) -> None:
        super().on_bar(bar, book)
        if len(self._edge_heard) == 1:
            self._edge_numbers = [book.after(seconds) for seconds in (7_200.0, 60.0, 7_200.0, 0.5)]


def test_timers_come_in_order_of_time_and_then_of_asking(autumn):
    rows = heard(autumn, strategy=Asks)
    start = rows[0][0]
    assert rows[1:5] == [
        (start + timedelta(seconds=0.5), "after 4"),
        (start + timedelta(minutes=1), "after 2"),
        (start + timedelta(hours=2), "after 1"),
        (start + timedelta(hours=2), "after 3"),
    ]
    assert all(what == "bar" for _, what in rows[5:])


class Chains(Listens):
    """Each timer asks for the next, a day later."""

    def on_bar(self, bar, book) -> None:
        super().on_bar(bar, book)
        if len(self._edge_heard) == 1:
            book.after(3_600.0)

    def on_timer(self, timer, book) -> None:
        super().on_timer(timer, book)
        book.after(86_400.0)


def test_a_timer_may_ask_for_the_next(autumn):
    rows = [when for when, what in heard(autumn, strategy=Chains, capacity=1) if what != "bar"]
    assert {(b - a) for a, b in itertools.pairwise(rows)} == {timedelta(days=1)}
    assert len(rows) > 25


# Groups of bars.

MINUTE = timedelta(minutes=1)
OPEN = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)


def minutes(*present):
    """Minute bars of three symbols; `present` says who has a bar in each minute."""
    rows = [(OPEN + k * MINUTE, name, 10.0 + k) for k, names in enumerate(present) for name in sorted(names)]
    columns = {"time": [row[0] for row in rows], "symbol": [row[1] for row in rows]}
    prices = {name: [row[2] for row in rows] for name in ("open", "high", "low", "close")}
    return read(pl.DataFrame({**columns, **prices, "volume": [1.0] * len(rows)}), symbols=["A", "B", "C"])


class Groups(Strategy):
    """Writes down each group: when it was heard, when it was, and who came."""

    def setup(self) -> None:
        self._edge_heard = []

    def on_bars(self, bars, book) -> None:
        came = "".join(name for name, here in zip("ABC", bars.present, strict=True) if here)
        missing = "".join(name for name, close in zip("ABC", bars.close, strict=True) if isnan(close))
        assert set(came) | set(missing) == set("ABC")
        assert not set(came) & set(missing)
        assert bars.present_count == len(came)
        self._edge_heard.append(((moment(bars.time) - OPEN) // MINUTE, (moment(book.time) - OPEN) // MINUTE, came))


# who has a bar each minute | grace in seconds || group of minute, heard at minute, who
GROUPS = (
    (("ABC", "ABC"), 0, [(1, 1, "ABC"), (2, 2, "ABC")]),
    # who is absent is waited for until the next event, and not expected after that
    (("ABC", "AB", "AB", "AB"), 0, [(1, 1, "ABC"), (2, 3, "AB"), (3, 3, "AB"), (4, 4, "AB")]),
    # who comes back is in the group if it arrives before the group is complete
    (("ABC", "AB", "AB", "AB"), 30, [(1, 1, "ABC"), (2, 3, "AB"), (3, 3, "AB"), (4, 4, "AB")]),
    (("ABC", "AC", "ABC", "ABC"), 0, [(1, 1, "ABC"), (2, 3, "AC"), (3, 3, "ABC"), (4, 4, "ABC")]),
)


@pytest.mark.parametrize(("present", "grace", "expected"), GROUPS)
def test_groups_and_absentees(present, grace, expected):
    assert heard(minutes(*present), strategy=Groups, grace_seconds=float(grace)) == expected


def test_a_group_never_hears_a_later_price():
    """B and C miss minute 2, and what stands for them then is no number, not minute 1's or minute 3's price."""

    class Sees(Groups):
        def on_bars(self, bars, book) -> None:
            self._edge_heard.append(
                ((moment(bars.time) - OPEN) // MINUTE, [close for close in bars.close if close == close])
            )

    rows = heard(minutes("ABC", "A", "ABC"), strategy=Sees)
    assert rows[:2] == [(1, [10.0] * 3), (2, [11.0])]


def test_the_front_door_takes_the_grace():
    result = backtest(Groups, minutes("ABC", "AB", "ABC"), grace_seconds=30.0, execution="interpreted")
    assert result.stats["bars"] == 8.0


class Many(Strategy):
    """Asks for more timers than a new book has room for."""

    def on_bar(self, bar, book) -> None:
        if book.position(bar.symbol) == 0.0:
            for number in range(40):
                book.after(86_400.0 + number)

    def on_timer(self, timer, book) -> None:
        book.target_quantity(0, float(timer.number % 3))


def test_a_book_makes_room_for_timers():
    market = sample("AAPL", start="2015-01-02", end="2015-01-30")
    plain, machine = (backtest(Many, market, execution=execution).stats for execution in ("interpreted", "compiled"))
    assert plain["traded_value"] > 0.0
    assert plain == machine
