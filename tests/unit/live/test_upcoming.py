"""A stream that has more is asked on; one that must be waited for gives its hearer a moment first."""

import asyncio

import pytest

from stratofold.live.upcoming import upcoming


class Heard:
    """What a stream brought, and how much of it was there each time that it had to be waited for."""

    def __init__(self, stream):
        self.stream = aiter(stream)
        self.items = []
        self.idle_at = []

    async def all(self):
        while True:
            try:
                self.items.append(await upcoming(self.stream, self.idle))
            except StopAsyncIteration:
                return

    def idle(self):
        self.idle_at.append(len(self.items))


async def bursts(*sizes):
    """So many items at once, then a wait, and so on."""
    for size in sizes:
        for item in range(size):
            yield item
        await asyncio.sleep(0.0)


@pytest.mark.parametrize(
    ("sizes", "idle_at"), [((1, 1), [1, 2]), ((3,), [3]), ((2, 0, 4), [2, 6]), ((0, 1), [0, 1]), ((), [])]
)
def test_its_hearer_has_a_moment_whenever_there_is_no_more(sizes, idle_at):
    heard = Heard(bursts(*sizes))
    asyncio.run(heard.all())
    assert heard.items == [item for size in sizes for item in range(size)]
    assert heard.idle_at == idle_at


async def upcoming_of(stream, idle):
    return await upcoming(aiter(stream), idle)


def test_what_goes_wrong_after_the_wait_is_the_streams():
    async def breaks():
        await asyncio.sleep(0.0)
        raise OSError("gone")
        yield

    with pytest.raises(OSError, match="gone"):
        asyncio.run(upcoming_of(breaks(), lambda: None))


def test_what_goes_wrong_in_the_moment_is_told_too():
    def idle():
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        asyncio.run(upcoming_of(bursts(0, 1), idle))


def test_a_stream_whose_waiting_is_given_up_hears_of_it():
    told = []

    async def endless():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise
        yield

    async def give_up():
        waiting = asyncio.create_task(upcoming_of(endless(), lambda: told.append("idle")))
        await asyncio.sleep(0.0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    assert told == ["idle", "cancelled"]


def test_what_goes_wrong_in_the_moment_closes_the_stream_first(caplog):
    """A run that another has fenced ends with one sentence, not with two traces of streams that could not be closed."""
    told = []

    async def careful():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.0)
            told.append("closed")
        yield

    async def outer():
        async for item in careful():
            yield item

    def idle():
        told.append("idle")
        raise RuntimeError("fenced")

    with pytest.raises(RuntimeError, match="fenced"):
        asyncio.run(upcoming_of(outer(), idle))
    assert told == ["idle", "closed"]
    assert not caplog.records
