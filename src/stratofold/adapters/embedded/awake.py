"""A processor that does not fall asleep between two events.

What comes in: the number of a processor, or a folder on the disk in question.  What goes out: that processor kept awake
while a run goes on there, or which of the processors is the quickest when it is.
Why it is shaped so: an idle processor is halted, and each halt costs the event after it some 50 to 100 microseconds, and
so does each wait for the disk.  Trading systems forbid it machine-wide (`idle=poll`, or `/dev/cpu_dma_latency` of the
kernel's power management interface), which takes a superuser.  Here a process of the idle class (`SCHED_IDLE`, sched(7)) is
busy on the run's own processor: whatever else is to be done there comes before it at once, and nobody need permit it.
That holds within a session and a control group, which the run shares with it; what other sessions do there, the scheduler
weighs group against group (sched(7), autogroup), and the idle class counts for nothing: half of that processor is gone for them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARE_LEAST = 2.0  # processors: one for who keeps it awake, one for the run and its threads
TRIED_MAX = 8  # processors, and a tenth of a second each
_WRITES = 24
_APART_SECONDS = 0.003
_COMMIT_BYTES = 7 * 4_120  # pages of a commit as the journal's log has them
_BUSY = """
import os, sys
parent, processor = map(int, sys.argv[1:])
os.sched_setaffinity(0, {processor})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(flush=True)
while os.getppid() == parent:
    for _ in range(200_000):
        pass
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a durable write takes, ms in the median, on a processor that is kept awake and on the machine as it is."""

    processor: int
    awake_ms: float
    asleep_ms: float


def allowed() -> list[int]:
    """The processors that this process may run on; raises Setup SF936 where there is no idle class."""
    if not hasattr(os, "SCHED_IDLE"):
        raise Setup("SF936", "only on Linux can a processor be kept awake for a run", fix="leave --awake out")
    return sorted(os.sched_getaffinity(0))


def refuse_small_share() -> None:
    """Raise Setup SF936 where the group of this process may use less than two processors.

    Who keeps one awake would use that up, and the run be stopped together with it, for milliseconds at a time.
    """
    share = _share()
    if share < _SHARE_LEAST:
        why = "a processor that is kept awake uses the time of a whole one, and the run would be stopped with it"
        what = f"this container or service may use the time of {share:g} processors (cpu.max)"
        raise Setup("SF936", what, why=why, fix="allow it two processors and more, or leave --awake out")


def _share(root: Path = Path("/sys/fs/cgroup"), ours: Path = Path("/proc/self/cgroup")) -> float:
    """How many processors' time this process may use by its control groups (version 2), inf where nothing bounds it."""
    try:
        names = [line[3:] for line in ours.read_text().splitlines() if line.startswith("0::")]
    except OSError:
        return inf
    place = root.joinpath(*(names[0].strip("/").split("/") if names else ()))
    above = [place, *(folder for folder in place.parents if folder.is_relative_to(root))]
    return min(map(_share_of, above))


def _share_of(group: Path) -> float:
    """What one control group may use: the time in a period over the period."""
    try:
        most, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return inf
    return inf if most == "max" else int(most) / int(period)


def processor_named(word: str) -> int:
    """The processor of this number; raises Setup SF937 where it is none that this process may run on."""
    ours = allowed()
    if not word.isdecimal() or int(word) not in ours:
        raise Setup("SF937", f"--awake {word} is no processor of ours", fix=f"--awake auto, or one of {_shown(ours)}")
    return int(word)


def _shown(processors: list[int]) -> str:
    """Their numbers, of many the first and the last."""
    return ", ".join(map(str, processors)) if len(processors) <= TRIED_MAX else f"{processors[0]} to {processors[-1]}"


@contextmanager
def awake(processor: int) -> Iterator[None]:
    """Run this thread and what it starts on `processor`, which does not fall asleep until the end.

    Whoever keeps it awake ends with this process, however that ends.  Raises Setup SF936 where nobody may.
    """
    before = os.sched_getaffinity(0)
    with _busy_on(processor) as busy:
        try:
            os.sched_setaffinity(0, {processor})
            yield
        finally:
            busy.kill()
            os.sched_setaffinity(0, before)


def _busy_on(processor: int) -> subprocess.Popen[bytes]:
    """A process of the idle class that is busy on `processor`; an interrupt from the keyboard is not for it."""
    command = [sys.executable, "-I", "-S", "-c", _BUSY, str(os.getpid()), str(processor)]
    busy = subprocess.Popen(  # noqa: S603  our own words
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    )
    if busy.stdout is None or not busy.stdout.readline():
        busy.kill()
        busy.communicate()
        raise Setup("SF936", f"nothing here may keep processor {processor} awake", fix="leave --awake out")
    return busy


def quickest(folder: Path) -> Tried:
    """Of the processors (of many, some) the one on which a durable write into `folder` is soonest done."""
    ours = allowed()
    asleep = _write_ms(folder)
    tried = []
    for processor in ours[:: -(-len(ours) // TRIED_MAX)]:
        with awake(processor):
            tried.append(Tried(processor, _write_ms(folder), asleep))
    return min(tried, key=lambda one: one.awake_ms)


def _write_ms(folder: Path) -> float:
    """What it takes to keep as many bytes as a commit, ms in the median of some, as far apart as events may be."""
    taken, content = [], os.urandom(_COMMIT_BYTES)
    with TemporaryFile(dir=folder, buffering=0) as file:
        file.write(content)
        for _ in range(_WRITES):
            time.sleep(_APART_SECONDS)
            began = time.perf_counter()
            os.pwrite(file.fileno(), content, 0)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken) * 1e3
