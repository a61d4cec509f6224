"""Whether somebody runs a book on this machine: a lock that the operating system lets go of with its process.

What comes in: a folder and a book.  What goes out: whether the lock is held, or holding it.
Why it is shaped so: it decides nothing about who may write (the epoch does that); it only keeps the helpful from being in
the way.  A lock of the kernel's dies with whoever held it, so there is no stale one to clear.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from stratofold.adapters.ports import Clock


class Presence:
    """The lock of one book."""

    def __init__(self, folder: Path, book: str) -> None:
        """Nothing is held yet; the file is made when it is needed."""
        self._path = folder / f"{book}.running"
        self._file = -1

    def hold(self) -> bool:
        """Hold it until `release` or the end of the process; False when somebody else does."""
        if self._file >= 0:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def is_held(self) -> bool:
        """Whether somebody holds it now; nothing is made, and nothing kept."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    async def keep(self, clock: Clock) -> None:
        """Hold it as soon as whoever has it lets go."""
        while not self.hold():
            await clock.sleep(1.0)

    def release(self) -> None:
        """Let go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
