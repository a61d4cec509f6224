"""How long a command that has no end of its own goes on: until its time is over, or somebody interrupts it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

TELL_SECONDS = 1.0


def interrupted() -> asyncio.Event:
    """Set at Ctrl-C, and when the process is asked to end."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, event.set)
    return event


async def go_on(work: Coroutine[Any, Any, None], minutes: float | None, tell: Callable[[], None]) -> None:
    """Let `work` go on until it ends, `minutes` are over or somebody interrupts; `tell` each second how far it is.

    Raises what the work raises.
    """
    loop = asyncio.get_running_loop()
    working, stopping = asyncio.create_task(work), asyncio.create_task(interrupted().wait())
    end = None if minutes is None else loop.time() + minutes * 60
    try:
        while not working.done() and not stopping.done() and (end is None or loop.time() < end):
            left = TELL_SECONDS if end is None else min(TELL_SECONDS, max(0.0, end - loop.time()))
            await asyncio.wait((working, stopping), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            tell()
    finally:
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
