"""The machine's clock.

What comes in: nothing.  What goes out: `ports.Clock`, the same under every part of the live path, so that the simulation
can put its own in its place.
"""

from __future__ import annotations

import asyncio
import time


class Clock:
    """See `ports.Clock`."""

    def now(self) -> int:
        """See `ports.Clock`: the operating system's time, which its own service keeps right."""
        return time.time_ns()

    def monotonic(self) -> int:
        """See `ports.Clock`."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`; no time at all lets others run."""
        await asyncio.sleep(max(seconds, 0.0))
