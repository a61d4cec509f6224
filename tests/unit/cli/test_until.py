"""A command that goes on: to the end of its time or its work, or until somebody interrupts."""

import asyncio
import os
import signal

import pytest

from stratofold.cli import until


async def for_ever(seen):
    try:
        await asyncio.Event().wait()
    finally:
        seen.append("cancelled")


def played(work, minutes, monkeypatch):
    told = []
    monkeypatch.setattr(until, "TELL_SECONDS", 0.01)
    asyncio.run(until.go_on(work, minutes, lambda: told.append(1)))
    return told


def test_its_time_is_over(monkeypatch):
    seen = []
    assert played(for_ever(seen), 0.05 / 60, monkeypatch)
    assert seen == ["cancelled"]


def test_it_tells_again_and_again(monkeypatch):
    monkeypatch.setattr(until, "TELL_SECONDS", 0.01)
    told = []

    async def is_heard():
        while len(told) < 3:  # noqa: ASYNC110  another's doing
            await asyncio.sleep(0.0)

    asyncio.run(until.go_on(is_heard(), None, lambda: told.append(1)))
    assert len(told) >= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_somebody_interrupts(number, monkeypatch):
    seen = []

    async def work():
        asyncio.get_running_loop().call_later(0.02, os.kill, os.getpid(), number)
        await for_ever(seen)

    played(work(), None, monkeypatch)
    assert seen == ["cancelled"]


def test_its_work_ends_or_fails(monkeypatch):
    async def ends():
        await asyncio.sleep(0)

    async def fails():
        raise LookupError("no")

    assert len(played(ends(), None, monkeypatch)) == 1
    with pytest.raises(LookupError, match="no"):
        played(fails(), None, monkeypatch)
