"""Watch: each thing it is there for is seen, and a month of real minutes raises nothing."""

import random
from functools import cache

import pytest

import stratofold
from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN
from stratofold.live.alerts import Alerts
from stratofold.live.silence import OpenTime, Silence
from stratofold.live.watch import Figures, Thresholds, Watch
from stratofold.market.sessions import calendar

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


class Quoter(stratofold.Strategy):
    """Rests one order at a time five basis points from the close, and withdraws it after five bars."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        if len(book.orders) > 0:
            self.age += 1
            if self.age > 5:
                book.cancel(book.orders[0].number)
            return
        self.age = 0
        if book.position(bar.symbol) > 0.0:
            book.sell(bar.symbol, 1.0, limit=round(bar.close * 1.0005, 2))
        else:
            book.buy(bar.symbol, 1.0, limit=round(bar.close * 0.9995, 2))


class Replay:
    """A run's facts in their order: bars as they came, orders as they were answered and ended."""

    def __init__(self, data, name):
        result = stratofold.backtest(Quoter, data, cash=1e6, limits=stratofold.Unlimited(), execution="interpreted")
        orders = result.orders.raw
        self.facts = sorted([
            *[(int(time), 0, data.symbols[0]) for time in data.time],
            *[(int(time), 1, 0.0) for time in orders["decided"]],
            *[(int(time), 2, float(filled)) for time, filled in zip(orders["done"], orders["filled"], strict=True) if time > 0],
        ])  # fmt: skip
        self.symbols = data.symbols
        self.span = data.span_ns
        whole = calendar(name).slice(int(data.time[0]) - 5 * DAY, int(data.time[-1]) + 5 * DAY)
        self.open_time = OpenTime(whole.opens, whole.closes)


def latency(chance):
    """Milliseconds of an answer: log-normal around 80, one in a hundred ten times slower."""
    return chance.lognormvariate(4.4, 0.4) * (10.0 if chance.random() < 0.01 else 1.0)


def play(replay, answers=None, heard=None, seed=7):
    """Every alert of a replay: `answers` may change a state and a latency, `heard` leave an event out."""
    chance = random.Random(seed)
    silence = Silence(replay.open_time, replay.symbols, replay.span, replay.facts[0][0])
    watch, alerts, told = Watch(silence), Alerts(), []
    ticked = replay.facts[0][0]
    for time, kind, what in replay.facts:
        while ticked + MINUTE <= time:  # the clock ticks whether the market does or not
            ticked += MINUTE
            told += alerts.update(ticked, watch.tick(ticked, Figures()))
        if kind == 0:
            if heard is None or heard(time):
                watch.event(what, time, replay.span)
        elif kind == 1:
            state, milliseconds = (ACCEPTED if chance.random() > 0.005 else REJECTED), latency(chance)
            watch.answered(*(answers(time, state, milliseconds) if answers else (state, milliseconds)))
        else:
            watch.ended(what)
    return told


@cache
def spy():
    """Six sessions of real minutes, before and after hours included, with minutes missing as they were."""
    return Replay(stratofold.sample("spy_minutes"), "XNYS")


@cache
def month(path):
    """January 2022, every minute of a perpetual."""
    return Replay(stratofold.read(path, calendar="24/7"), "24/7")


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_week_of_minutes_raises_nothing(seed):
    assert play(spy(), seed=seed) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_clean_month_of_minutes_raises_nothing(shared_data, seed):
    replay = month(shared_data / "crypto" / "btcperp_1m_2022_01.parquet")
    assert len(replay.facts) > 60_000
    assert play(replay, seed=seed) == []


def test_twenty_years_of_days_raise_nothing_although_half_of_them_end_early():
    data = stratofold.sample("SPY", "AAPL", start="2010-01-01", end="2020-01-01")
    whole = calendar("XNYS").slice(int(data.time[0]) - 5 * DAY, int(data.time[-1]) + 5 * DAY)
    silence = Silence(OpenTime(whole.opens, whole.closes), data.symbols, DAY, int(data.time[0]) - 1)
    late = []
    for time, symbol in zip(data.time, data.symbol, strict=True):
        late += silence.overdue(int(time))
        silence.event(data.symbols[symbol], int(time), DAY)
    assert late == []


def first(told):
    """Key and time of the first alert."""
    assert told, "nothing was raised"
    return told[0].key, told[0].time


@pytest.fixture
def middle():
    """A time in the middle of the fourth session, 14:00 in New York."""
    return calendar("XNYS").closes[calendar("XNYS").session_of(spy().facts[0][0]) + 3] - 2 * 60 * MINUTE


def test_a_sudden_drop_of_the_acceptance_rate_is_seen(middle):
    told = play(spy(), lambda time, state, ms: (REJECTED if time > middle else state, ms))
    key, time = first(told)
    assert key == "acceptance"
    assert seen_after(middle, time) <= 10  # orders


def seen_after(start, time):
    """How many orders were sent between the two."""
    return sum(kind == 1 and start < at <= time for at, kind, _ in spy().facts)


def test_half_of_the_orders_rejected_is_seen_too(middle):
    chance = random.Random(3)
    told = play(spy(), lambda time, state, ms: (REJECTED if time > middle and chance.random() < 0.5 else state, ms))
    key, time = first(told)
    assert key == "acceptance"
    assert seen_after(middle, time) <= 20


def test_a_latency_spike_is_seen_after_a_few_answers(middle):
    told = play(spy(), lambda time, state, ms: (state, ms * 8 if time > middle else ms))
    key, time = first(told)
    assert key == "latency"
    assert seen_after(middle, time) <= 4


def test_latency_that_is_always_high_is_what_is_usual():
    assert play(spy(), lambda _, state, ms: (state, ms * 8)) == []


def test_a_feed_that_is_mute_in_a_session_is_seen(middle):
    told = play(spy(), heard=lambda time: not middle < time < middle + 3600 * SECOND)
    key, time = first(told)
    assert key.startswith("silence")
    assert time - middle <= 10 * MINUTE


def test_a_feed_that_stops_after_the_close_is_missed_when_the_next_session_has_begun():
    whole = calendar("XNYS")
    k = whole.session_of(spy().facts[0][0]) + 2
    told = play(spy(), heard=lambda time: time <= whole.closes[k])
    key, time = first(told)
    assert key.startswith("silence")
    assert whole.opens[k + 1] < time <= whole.opens[k + 1] + 10 * MINUTE


def test_orders_that_are_no_longer_filled_are_seen():
    watch = Watch()
    chance = random.Random(5)
    for _ in range(400):
        watch.ended(1.0 if chance.random() < 0.5 else 0.0)
        assert watch.tick(0, Figures()) == []
    count = 0
    while not watch.tick(0, Figures()) and count < 60:
        watch.ended(0.0)
        count += 1
    assert [one.key for one in watch.tick(0, Figures())] == ["fills"]
    assert count <= 50


def test_before_there_is_a_baseline_nothing_is_unusual():
    watch = Watch()
    for _ in range(30):
        watch.answered(REJECTED, 5_000.0)
        watch.ended(0.0)
    assert watch.tick(0, Figures()) == []


def test_an_answer_nobody_got_counts_neither_way():
    watch = Watch()
    for _ in range(200):
        watch.answered(ACCEPTED, 80.0)
    for _ in range(100):
        watch.answered(UNKNOWN, 10_000.0)
    assert watch.tick(0, Figures()) == []


FIGURES = [
    # What it is; the figures; at which second; the keys of the alerts.
    ("an unknown order just before its time", {"unknown": {"a-g1-1": 0}}, 9.999, []),
    ("an unknown order at its time", {"unknown": {"a-g1-1": 0}}, 10.0, ["unknown"]),
    ("no drawdown", {"drawdown": 0.0}, 0, []),
    ("just under the drawdown", {"drawdown": 0.0999}, 0, []),
    ("at the drawdown", {"drawdown": 0.1}, 0, ["drawdown"]),
    ("a heartbeat in time", {"heartbeats": {"run": 0}}, 59.9, []),
    ("a heartbeat that is missing", {"heartbeats": {"run": 0, "watch": 60 * SECOND}}, 60, ["heartbeat:run"]),
    ("clocks that differ a little", {"skew_seconds": -1.9}, 0, []),
    ("clocks that differ", {"skew_seconds": -2.0}, 0, ["clock"]),
    ("clocks that differ the other way", {"skew_seconds": 2.0}, 0, ["clock"]),
    ("book and venue disagree", {"differences": ["SPY: 10 here, 11 there"]}, 0, ["differences"]),
]  # fmt: skip


@pytest.mark.parametrize(("figures", "seconds", "keys"), [row[1:] for row in FIGURES], ids=[row[0] for row in FIGURES])
def test_figures(figures, seconds, keys):
    assert [one.key for one in Watch().tick(int(seconds * SECOND), Figures(**figures))] == keys


def test_a_queue_is_a_backlog_when_it_stays():
    watch = Watch(thresholds=Thresholds(backlog_max=10, backlog_seconds=30.0))
    rows = [(0, 10), (1, 11), (20, 10), (21, 11), (50, 50), (51, 11), (60, 11), (61, 0)]
    raised = [second for second, waiting in rows if watch.tick(second * SECOND, Figures(inbox=waiting))]
    assert raised == [51, 60]
    assert [one.key for one in watch.tick(200 * SECOND, Figures(outbox=11))] == []


def test_all_symbols_mute_is_one_alert_and_one_symbol_mute_another():
    whole = calendar("XNYS")
    k = whole.session_of(1_704_200_000 * SECOND)
    silence = Silence(OpenTime(whole.opens, whole.closes), ("SPY", "AAPL"), MINUTE, whole.opens[k])
    watch = Watch(silence)
    now = whole.opens[k] + 10 * MINUTE
    assert [one.key for one in watch.tick(now, Figures())] == ["silence"]
    watch.event("SPY", now, MINUTE)
    assert [one.key for one in watch.tick(now, Figures())] == ["silence:AAPL"]
    silence.halt("AAPL", halted=True)
    assert watch.tick(now, Figures()) == []
    silence.halt("AAPL", halted=False)
    assert [one.key for one in watch.tick(now, Figures())] == ["silence:AAPL"]


def test_many_unknown_orders_are_named_in_part():
    (one,) = Watch().tick(100 * SECOND, Figures(unknown={f"a-g1-{k}": 0 for k in range(9)}))
    assert one.text.startswith("a-g1-0, a-g1-1, a-g1-2, a-g1-3, a-g1-4 and 4 more without an answer")
