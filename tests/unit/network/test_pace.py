"""How often a server is asked: the limit holds for every window, orders pass polls, and nobody hammers a dead server."""

import asyncio
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.network.pace import WINDOW_NS, Backoff, Breaker, Budget

SECOND = 10**9


class MovedClock:
    """A clock that moves when somebody sleeps on it."""

    def __init__(self):
        self.time = 1_000 * SECOND

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        self.time += max(1, round(seconds * SECOND))


@given(
    room=st.integers(1, 30),
    wishes=st.lists(st.tuples(st.booleans(), st.integers(0, 20 * SECOND)), max_size=120),
)
def test_no_window_of_a_minute_holds_more_than_the_limit(room, wishes):
    clock = MovedClock()
    budget = Budget(clock, room)
    sent = []

    async def talk():
        for is_order, pause in wishes:
            clock.time += pause
            assert await budget.take(order=is_order)
            sent.append(clock.time)

    asyncio.run(talk())
    assert all(later - earlier >= WINDOW_NS for earlier, later in zip(sent, sent[room:], strict=False))


def test_polls_leave_room_for_orders():
    clock = MovedClock()
    budget = Budget(clock, 10)

    async def talk():
        polls = [await budget.take(deadline=clock.now()) for _ in range(10)]
        orders = [await budget.take(order=True, deadline=clock.now()) for _ in range(4)]
        return polls, orders

    polls, orders = asyncio.run(talk())
    assert (polls.count(True), orders) == (8, [True, True, False, False])


def test_without_a_limit_nothing_waits():
    clock = MovedClock()

    async def talk():
        budget = Budget(clock, 0)
        return [await budget.take(deadline=clock.now()) for _ in range(1_000)]

    assert all(asyncio.run(talk()))


@pytest.mark.parametrize(("asked", "kept"), [(3.0, 3.0), (600.0, 60.0), (-1.0, 0.0)])
def test_silence_is_kept_but_not_for_ever(asked, kept):
    clock = MovedClock()
    budget = Budget(clock, 0)
    budget.hold(asked)
    asyncio.run(budget.take(order=True))
    assert clock.time == 1_000 * SECOND + kept * SECOND


def test_waiting_times_double_up_to_the_most_and_spread_over_their_upper_half():
    backoff = Backoff(Random(1), least=1.0, most=8.0)
    for whole in (1.0, 2.0, 4.0, 8.0, 8.0, 8.0):
        assert whole / 2 <= backoff.next_seconds() <= whole
    backoff.reset()
    assert backoff.next_seconds() <= 1.0


def test_two_clients_do_not_come_back_in_step():
    times = [Backoff(Random(seed)).next_seconds() for seed in range(50)]
    assert len(set(times)) == 50
    assert times[7] == Backoff(Random(7)).next_seconds()


def test_the_breaker_lets_one_request_through_to_see():
    clock = MovedClock()
    breaker = Breaker(clock, Random(1), patience=3)
    for _ in range(3):
        assert breaker.wait_seconds() == 0.0
        breaker.failed()
    first = breaker.wait_seconds()
    assert first > 0.0
    clock.time += round(first * SECOND) + 1
    assert breaker.wait_seconds() == 0.0  # this one goes to see
    assert breaker.wait_seconds() > 0.0  # and nobody with it
    breaker.failed()
    clock.time += 40 * SECOND
    assert breaker.wait_seconds() == 0.0
    breaker.worked()
    assert [breaker.wait_seconds() for _ in range(5)] == [0.0] * 5


def test_a_server_that_stays_down_is_asked_ever_more_seldom():
    clock = MovedClock()
    breaker = Breaker(clock, Random(1))
    asked = []
    while clock.time < 2_000 * SECOND:
        if breaker.wait_seconds() == 0.0:
            asked.append(clock.time)
            breaker.failed()
        clock.time += SECOND // 10
    gaps = [(later - earlier) / SECOND for earlier, later in pairwise(asked)]
    assert len(asked) < 80  # of 10,000 chances
    assert max(gaps) <= 30.2
    assert min(gaps[10:]) >= 14.9
