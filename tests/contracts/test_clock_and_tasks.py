"""What every clock and every group of tasks promises; the simulation's own are held to the same."""

import asyncio

import pytest

from stratofold.adapters import ports
from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks


def test_they_fulfil_the_ports():
    assert isinstance(Clock(), ports.Clock)

    async def group():
        async with Tasks() as tasks:
            assert isinstance(tasks, ports.Tasks)
            assert isinstance(tasks.signal(), ports.Signal)

    asyncio.run(group())


def test_time_goes_on_while_one_sleeps():
    clock = Clock()

    async def nap():
        begin, wall = clock.monotonic(), clock.now()
        await clock.sleep(0.02)
        return clock.monotonic() - begin, clock.now() - wall

    slept, passed = asyncio.run(nap())
    assert slept >= 20_000_000
    assert passed >= 19_000_000
    assert 1_700_000_000_000_000_000 < clock.now() < 4_000_000_000_000_000_000


def test_a_signal_that_was_set_before_wakes_who_waits_next_once():
    async def wait_twice():
        async with Tasks() as tasks:
            signal = tasks.signal()
            signal.set()
            signal.set()
            return await signal.wait(1.0), await signal.wait(0.01)

    assert asyncio.run(wait_twice()) == (True, False)


def test_tasks_run_side_by_side_and_wake_each_other():
    heard = []

    async def talk():
        async with Tasks() as tasks:
            ping, pong = tasks.signal(), tasks.signal()

            async def answer():
                await ping.wait()
                heard.append("ping")
                pong.set()

            tasks.spawn("answer", answer())
            ping.set()
            assert await pong.wait(1.0)

    asyncio.run(talk())
    assert heard == ["ping"]


def test_leaving_the_group_ends_what_still_runs():
    ended = []

    async def leave():
        async with Tasks() as tasks:

            async def long():
                try:
                    await asyncio.sleep(60)
                finally:
                    ended.append("long")

            tasks.spawn("long", long())
            await asyncio.sleep(0)

    asyncio.run(leave())
    assert ended == ["long"]


def test_a_task_that_fails_ends_the_group_with_its_own_error():
    ended = []

    async def fail():
        async with Tasks() as tasks:

            async def bad():
                raise KeyError("mine")

            tasks.spawn("bad", bad())
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("body")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(fail())
    assert ended == ["body"]


def test_an_error_in_the_body_comes_out_as_it_is():
    async def fail():
        async with Tasks() as tasks:
            tasks.spawn("sleep", asyncio.sleep(60))
            raise ValueError("body")

    with pytest.raises(ValueError, match="body"):
        asyncio.run(fail())


def test_what_is_begun_has_made_its_first_steps():
    told = []

    async def work(gate):
        told.append("first")
        told.append(await gate)
        await asyncio.sleep(0)
        told.append("last")

    async def begin():
        async with Tasks() as tasks:
            gate = asyncio.get_running_loop().create_future()
            tasks.begin("work", work(gate))
            told.append("begun")
            gate.set_result("answered")
            for _ in range(4):
                await asyncio.sleep(0)

    asyncio.run(begin())
    assert told == ["first", "begun", "answered", "last"]


def test_what_is_begun_may_have_nothing_to_wait_for():
    told = []

    async def work():
        told.append("done")

    async def begin():
        async with Tasks() as tasks:
            tasks.begin("work", work())

    asyncio.run(begin())
    assert told == ["done"]


@pytest.mark.parametrize("waits", [False, True])
def test_what_is_begun_fails_for_all(waits):
    async def work():
        if waits:
            await asyncio.sleep(0)
        raise KeyError("mine")

    async def begin():
        async with Tasks() as tasks:
            tasks.begin("work", work())
            await asyncio.sleep(60)

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(begin())


def test_what_is_begun_is_ended_with_the_others():
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    async def begin(turns):
        async with Tasks() as tasks:
            tasks.begin("work", work())
            for _ in range(turns):
                await asyncio.sleep(0)

    for turns in (0, 1, 3):
        asyncio.run(begin(turns))
    assert ended == ["work"] * 3
