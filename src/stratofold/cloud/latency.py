"""Latency classes: how soon a function must answer sets what it is given.

What comes in: nothing.  What goes out: the three classes; each function's file names its own, and a test holds the
template to it.
Why it is shaped so: memory, time and warmth are one decision.  On Lambda a processor comes with memory (a whole one at
1,769 MB), so what is waited for by an order gets a whole processor and is warmed before the open.
"""

from __future__ import annotations

from typing import NamedTuple


class Latency(NamedTuple):
    """`memory_mb_max` and `timeout_seconds_max` bound what a template may give; `warmed`: called before the open."""

    name: str
    memory_mb_max: int
    timeout_seconds_max: int
    warmed: bool


CRITICAL = Latency("critical", 1769, 30, warmed=True)
PROMPT = Latency("prompt", 512, 60, warmed=False)
BATCH = Latency("batch", 512, 300, warmed=False)
