"""The clocks: the machine's, and one that stands where it was put.

What comes in: nothing, or a time.  What goes out: `ports.Clock`, the same under every part of the live path, on a laptop and
in a function, so that the simulation can put its own in its place.
Why it is shaped so: a function that only reads the time must not pay for loading asyncio.
"""

from __future__ import annotations

import time
from types import coroutine
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Clock:
    """See `ports.Clock`."""

    def now(self) -> int:
        """See `ports.Clock`: the operating system's time, which a service of its own keeps right."""
        return time.time_ns()

    def monotonic(self) -> int:
        """See `ports.Clock`."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`; no time at all lets others run."""
        import asyncio

        await asyncio.sleep(max(seconds, 0.0))


class StandingClock:
    """The time of a replay, or of an exchange in lock-step: it goes on when somebody has heard or asked what time it is there."""

    def __init__(self, time_ns: int = 0) -> None:
        """It is `time_ns` (ns UTC)."""
        self.time = time_ns

    def now(self) -> int:
        """See `ports.Clock`."""
        return self.time

    def monotonic(self) -> int:
        """See `ports.Clock`."""
        return self.time

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002  nothing takes time here
        """See `ports.Clock`: nothing is waited for, but others have their turn."""
        await _turn_of_others()


@coroutine
def _turn_of_others() -> Generator[None, None, None]:
    """Wait for nothing: whatever runs coroutines goes on with the next one."""
    yield
