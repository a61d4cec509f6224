"""Machine code kept between processes: a folder of files named by what they were made from.

What comes in: a key (any text that names everything the result depends on) and a function that builds the bytes.
What goes out: the bytes, from the folder, from memory, or freshly built.
Why it is shaped so: a cache may only ever save time.  A folder that is missing, read-only or full, a file damaged by a
crash, two processes that build the same thing at once: each of these costs at most one more compilation and never an
error.  Files are written whole under another name and then renamed, and carry a hash of their content, so a reader sees
all of an entry or none.  A lock lets the second of two builders wait for the first; where there are no locks both build.

The folder is `STRATOFOLD_CACHE`, else the platform's place for caches.  It holds machine code that will be run, so it is
made readable by its owner alone.
"""

import contextlib
import hashlib
import importlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

CAPACITY_BYTES = 256 * 1024 * 1024
_MAGIC = b"SFCACHE1"
_HEAD_BYTES = len(_MAGIC) + hashlib.sha256().digest_size
_SUFFIX = ".sfc"
_ABANDONED_SECONDS = 3600.0  # a lock or half-written file this old belongs to a process that died

_log = logging.getLogger(__name__)
_memory: dict[str, bytes] = {}
_building = threading.RLock()


def folder() -> Path:
    """Where entries are kept: `STRATOFOLD_CACHE`, else the user's cache folder of this platform (it need not exist)."""
    named = os.environ.get("STRATOFOLD_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "stratofold" / "cache"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/stratofold").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stratofold"


def cached(key: str, build: Callable[[], bytes], *, capacity_bytes: int = CAPACITY_BYTES) -> bytes:
    """The bytes of `key`; `build` is called only where no whole entry is found.

    Whatever `build` raises is raised here and nothing is kept.  No trouble with the folder is ever raised.
    """
    name = hashlib.sha256(key.encode()).hexdigest()
    found = _recall(name)
    if found is not None:
        return found
    with _building, _locked(name):
        found = _recall(name)  # another thread or process may have built it while we waited
        if found is None:
            found = build()
            _keep(name, found, capacity_bytes)
    return found


def holds(key: str) -> bool:
    """Whether there is an entry of `key`, by its name alone."""
    name = hashlib.sha256(key.encode()).hexdigest()
    try:
        return name in _memory or _path(name).exists()
    except OSError:
        return False


def _path(name: str) -> Path:
    return folder() / f"{name}{_SUFFIX}"


def _recall(name: str) -> bytes | None:
    """The whole entry of that name; a damaged one is removed on the way."""
    if name in _memory:
        return _memory[name]
    path = _path(name)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content = data[_HEAD_BYTES:]
    if data[:_HEAD_BYTES] != _head(content):
        _log.debug("dropping the damaged cache entry %s", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the oldest leave first, so a use makes it young
    return content


def _head(content: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(content).digest()


def _keep(name: str, content: bytes, capacity_bytes: int) -> None:
    """Write the entry so that a reader sees all or nothing of it; in memory where the folder takes nothing."""
    path = _path(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, content)
        _shrink(path.parent, capacity_bytes, path)
    except OSError as error:
        _log.debug("the cache folder takes no entry, keeping it in memory: %s", error)
        _memory[name] = content


def _write(path: Path, content: bytes) -> None:
    number, half = tempfile.mkstemp(prefix="half-", suffix=_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(_head(content) + content)
        os.replace(half, path)  # noqa: PTH105 - `half` is the text that mkstemp gave
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(half)  # noqa: PTH108
        raise


def _shrink(place: Path, capacity_bytes: int, newest: Path) -> None:
    """Remove what was used longest ago until the folder fits, and what dead processes left half-written."""
    entries = []
    for path in (*place.glob(f"*{_SUFFIX}"), *place.glob("*.lock")):
        with contextlib.suppress(OSError):  # another process may shrink at the same time
            facts = path.stat()
            entries.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in entries)
    for used, size, path in sorted(entries):
        is_passing = path.name.startswith("half-") or path.suffix == ".lock"
        is_wanted = path == newest or (is_passing and time.time() - used < _ABANDONED_SECONDS)
        if not is_wanted and (is_passing or total > capacity_bytes):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """Alone among processes that build `name`; where the folder or the platform has no locks, simply go on."""
    path = folder() / f"{name}.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError:
        yield
        return
    with file:  # closing it gives the lock back, and so does the death of the process
        _lock(file)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # who still waits on it finds the entry; who comes later makes another
                path.unlink()


def _lock(file: IO[bytes]) -> None:
    try:
        if sys.platform == "win32":
            locking = importlib.import_module("msvcrt")
            file.seek(0)
            locking.locking(file.fileno(), locking.LK_LOCK, 1)
        else:
            locking = importlib.import_module("fcntl")
            locking.flock(file, locking.LOCK_EX)
    except OSError as error:
        _log.debug("no lock in the cache folder, another process may build the same: %s", error)
