"""Processes of this machine, from the driver's side: called, asked, heard, and kept for the next sweep.

What comes in: orders.  What goes out: their answers, or that a process has died.
Why so: a worker's start is most of what a short sweep waits for, so a process imports what runs a piece and nothing else, is
called before it is needed, and stays for a minute after it was.  Each has pipes of its own: a death is known at once, and
whose it was.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Stop
from stratofold.research.sweep.executors.hand import HEAD, IDLE_SECONDS

if TYPE_CHECKING:
    from stratofold.research.sweep.executors.packed import Order

_PIPE_BYTES = 1 << 20  # an answer of some thousand cells goes in whole, and its worker goes on
_IDLE_PART = 0.5  # of the seconds after which a process ends itself: until then it is surely there
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from stratofold.research.sweep.executors.hand import serve
serve(int(sys.argv[2]), int(sys.argv[3]))
"""


class Hand:
    """One process; `given` are the numbers of the pieces that it was asked for and has not answered, in their order."""

    def __init__(self) -> None:
        """Called, and not waited for; raises Stop SFS35 where the system lets no process be made."""
        self.setting = _setting()
        self.given: deque[int] = deque()
        self.is_there = False
        self._last = time.monotonic()
        asked, self._asked = os.pipe()
        self.heard, said = os.pipe()
        _widen(self.heard)
        command = [sys.executable, "-c", _START, json.dumps(self.setting[1]), str(asked), str(said)]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(asked, said))  # noqa: S603  ourselves
        except OSError as wrong:
            os.close(self._asked)
            os.close(self.heard)
            raise not_started(str(wrong)) from wrong
        finally:
            os.close(asked)
            os.close(said)

    def ask(self, number: int, order: Order) -> None:
        """Have an order done, by its piece's number; one who has died is found out when it is heard."""
        self.given.append(number)
        with suppress(BrokenPipeError):
            os.write(self._asked, json.dumps(order).encode() + b"\n")  # shorter than a pipe: it is written at once

    def answer(self) -> Any:
        """What it says next, waiting for the whole of it: None when it has only come; raises EOFError where it has died."""
        (size,) = HEAD.unpack(self._read(HEAD.size))
        self._last = time.monotonic()
        self.is_there = True
        return pickle.loads(self._read(size)) if size else None  # noqa: S301  our own process

    def _read(self, size: int) -> bytearray:
        """So many bytes; raises EOFError."""
        body = bytearray(size)
        rest = memoryview(body)
        while rest:
            count = os.readv(self.heard, [rest])
            if not count:
                raise EOFError
            rest = rest[count:]
        return body

    def is_ready(self) -> bool:
        """Whether it can be asked by who stands where this process stands now."""
        is_fresh = time.monotonic() - self._last < _IDLE_PART * IDLE_SECONDS
        return is_fresh and self.setting == _setting() and self._process.poll() is None

    def end(self) -> None:
        """Stop it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        os.close(self._asked)
        os.close(self.heard)


def _setting() -> tuple[int, list[str], str, dict[str, str]]:
    """What a process has from the one that calls it: whose it is, where modules are, the folder, the environment.

    Names that begin with an underscore are libraries' notes to themselves: polars makes one when it is imported.
    """
    folder = str(Path.cwd())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("_")}
    return os.getpid(), [str(path) or folder for path in sys.path], folder, environment


def not_started(why: str) -> Stop:
    """A worker that could not come."""
    fix = 'see what it wrote; make room in memory; or executor="inline"'
    return Stop("SFS35", "a worker could not be started", why=why, fix=fix)


def _widen(pipe: int) -> None:
    """Have a pipe hold more, where the system lets it."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


_idle: list[Hand] = []


def call(count: int) -> None:
    """Have so many processes ready, or on their way."""
    _idle.extend(taken(count))


def taken(count: int) -> list[Hand]:
    """So many processes, for one sweep alone; those that wait for work first."""
    found: list[Hand] = []
    while _idle and len(found) < count:
        hand = _idle.pop()
        if hand.is_ready():
            found.append(hand)
        elif hand.setting[0] == os.getpid():  # another's child is not ours to end
            hand.end()
    return found + [Hand() for _ in range(count - len(found))]


def give_back(hands: list[Hand]) -> None:
    """Who is at nothing waits for the next sweep; the others are stopped."""
    for hand in hands:
        if hand.given:
            hand.end()
        else:
            _idle.append(hand)


@atexit.register
def _end_all() -> None:
    """Nobody is left behind."""
    for hand in _idle:
        if hand.setting[0] == os.getpid():
            hand.end()
    _idle.clear()
