"""Folders for the length of one sweep, and the end of those whose sweep was killed.

What comes in: nothing.  What goes out: an empty folder.
Why so: prices are mapped from files, so they lie on the disk while workers read them, and a process that is killed takes
nothing away.  Each folder holds a file that its maker has locked: a lock goes with its process, so whose file can be locked
has no maker any more.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

_NAME = "stratofold-sweep-"
_LOCK = "lock"
_AGE_SECONDS = 3600.0  # without a lock: its maker has just begun, or was killed before it had one


class Scratch(NamedTuple):
    """A folder of this process's, until `end`."""

    path: Path
    lock: IO[str]

    def end(self) -> None:
        """Take it away."""
        self.lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def scratch() -> Scratch:
    """A new folder; what killed sweeps of this user have left is taken away first."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_NAME}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=_NAME))
    first = path / f"{_LOCK}-first"
    lock = first.open("w")
    if _is_locked(lock):
        first.rename(path / _LOCK)  # who finds it finds it locked
    else:
        (path / _LOCK).touch()
    return Scratch(path, lock)


def _is_left(folder: Path) -> bool:
    """Whether nobody is at a folder any more; another user's cannot be looked into, and is left alone."""
    with suppress(OSError):
        if not (folder / _LOCK).exists():
            return time.time() - folder.stat().st_mtime > _AGE_SECONDS
        with (folder / _LOCK).open("r+") as lock:
            return _is_locked(lock)
    return False


def _is_locked(lock: IO[str]) -> bool:
    """Lock a file for as long as it is open, if nobody else has; where there are no such locks nothing counts as left."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
