"""Coroutines side by side under asyncio.

What comes in: coroutines.  What goes out: `ports.Tasks` and `ports.Signal`, entered with `async with`.
Why it is shaped so: a task that fails must not fail unseen, so they are one group: the first that raises ends all of them,
and leaving the group raises what it raised, not a group of exceptions around it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType


class Signal:
    """See `ports.Signal`."""

    def __init__(self) -> None:
        """Not set."""
        self._event = asyncio.Event()

    def set(self) -> None:
        """See `ports.Signal`."""
        self._event.set()

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """See `ports.Signal`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Tasks:
    """See `ports.Tasks`; `async with Tasks() as tasks:` waits for none of them: leaving the block ends them all."""

    def __init__(self) -> None:
        """No task yet."""
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every task, and raise what the first that failed raised."""
        for task in self._running:
            task.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            raise _first(group) from None

    def spawn(self, name: str, work: Coroutine[object, object, None]) -> None:
        """See `ports.Tasks`."""
        task = self._group.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def signal(self) -> Signal:
        """See `ports.Tasks`."""
        return Signal()


def _first(error: BaseException) -> BaseException:
    """The first exception in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
