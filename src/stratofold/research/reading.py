"""What a hook reads from outside the process while it decides: files, connections, other programs.

What comes in: a stretch of code.  What goes out: what was opened in it, by name.
Why so: a file that is opened in a hook can hold the future, and changing the data under test does not change it; Python
itself tells of every file that it opens (PEP 578).  What a library opens past Python is not seen.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = (".py", ".pyc", ".so", ".pyd", ".dll")
_PYTHONS = ("/proc/", "/sys/", "/dev/", "/usr/share/zoneinfo/", sys.prefix, sys.base_prefix)
_ACCESS = 3  # the bits of the flags that say whether a file is read, written or both
_CONNECTIONS = {"socket.connect": "a connection", "sqlite3.connect": "a database", "subprocess.Popen": "a program"}

_listening: dict[int, list[str]] = {}  # by thread
_hooked: list[bool] = []


@contextmanager
def watched() -> Iterator[list[str]]:
    """What this thread opens to read inside the `with`, in order."""
    if not _hooked:
        sys.addaudithook(_heard)  # for good: Python forgets none
        _hooked.append(True)
    seen: list[str] = []
    _listening[threading.get_ident()] = seen
    try:
        yield seen
    finally:
        del _listening[threading.get_ident()]


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Python does something that it tells of."""
    if not _listening:
        return
    seen = _listening.get(threading.get_ident())
    if seen is None:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, str | bytes | os.PathLike) and _is_read(mode, flags) and not _is_pythons(os.fsdecode(path)):
            seen.append(f"the file {os.fsdecode(path)}")
    elif event in _CONNECTIONS:
        seen.append(_CONNECTIONS[event])


def _is_read(mode: str | None, flags: int) -> bool:
    """Whether a file that is opened so can be read."""
    return "r" in mode or "+" in mode if mode is not None else flags & _ACCESS != os.O_WRONLY


def _is_pythons(path: str) -> bool:
    """Whether a file is code, or belongs to Python and the system: neither holds prices."""
    return path.endswith(_CODE) or os.path.abspath(path).startswith(_PYTHONS)  # noqa: PTH100 - as text, no look at the disk
