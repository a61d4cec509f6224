"""Waiting for what must come: what happens decides a test, never how long it took.

What comes in: a question that becomes true.  What goes out: its answer.
Why so: a machine may be ten times slower than ours, or do ten things at once.  The limit is there so that what never comes
ends a test at all; nothing that comes should ever be as late.
"""

import asyncio
import time

PATIENCE_SECONDS = 240.0

# For a process of its own that measures CPU seconds: `slowness()` is how many times slower this machine is, just now, than
# the one for which a budget was written, and never less than 1.
SLOWNESS = """
def slowness():
    from time import process_time
    def loop():
        start, total = process_time(), 0
        for number in range(100_000):
            total += number
        return process_time() - start
    return max(1.0, min(loop() for _ in range(3)) / 0.005)
"""


def until(holds, seconds=PATIENCE_SECONDS):
    """Wait until something holds; it is returned."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)
    return found


async def until_it(holds, seconds=PATIENCE_SECONDS):
    """`until`, while others of the same loop go on."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come to hold"
        await asyncio.sleep(0.01)
    return found
