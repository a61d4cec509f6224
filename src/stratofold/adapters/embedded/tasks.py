"""Coroutines side by side under asyncio.

What comes in: coroutines.  What goes out: `ports.Tasks` and `ports.Signal`, entered with `async with`.
Why it is shaped so: a task that fails must not fail unseen, so they are one group: the first that raises ends all of them,
and leaving the group raises what it raised, not a group of exceptions around it.
"""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from types import TracebackType


class Signal:
    """See `ports.Signal`."""

    def __init__(self) -> None:
        """Not set."""
        self._is_set = False
        self._waiting: list[asyncio.Future[bool]] = []

    def set(self) -> None:
        """See `ports.Signal`."""
        waiting = [each for each in self._waiting if not each.done()]
        self._is_set = not waiting
        for each in waiting:
            each.set_result(True)

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """See `ports.Signal`."""
        if self._is_set:
            self._is_set = False
            return True
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(woken)
        # A timer and a future: `asyncio.timeout` around an event costs thrice as much, and this is before every decision.
        timer = loop.call_later(timeout_seconds, _over, woken) if timeout_seconds is not None else None
        try:
            return await woken
        finally:
            self._waiting.remove(woken)
            if timer is not None:
                timer.cancel()


def _over(woken: asyncio.Future[bool]) -> None:
    """The time is over for one that waits."""
    if not woken.done():
        woken.set_result(False)


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

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """See `ports.Tasks`: a task of its own costs as much as what it does before its first wait, so it comes after."""
        try:
            waited_for = work.send(None)
        except StopIteration:
            return
        self.spawn(name, _rest(work, waited_for))

    def signal(self) -> Signal:
        """See `ports.Tasks`."""
        return Signal()


@coroutine
def _rest(work: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    """What is left of a coroutine that waits for something already."""
    while True:
        got, error = None, None
        try:
            got = yield waited_for
        except BaseException as raised:  # noqa: BLE001  it is the coroutine's to handle
            error = raised
        try:
            waited_for = work.send(got) if error is None else work.throw(error)
        except StopIteration:
            return


def _first(error: BaseException) -> BaseException:
    """The first exception in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
