"""A worker's room on its disk: what was sent once is there for every process of the same user, and for nobody else to change.

What comes in: names and bytes.  What goes out: paths to files that are whole.
Why so: a worker trusts what it finds here (columns are unpickled, code is imported), and a folder for temporary files is
everybody's: whoever made our folder first could have had us run what he likes.  A disk is finite, so what was not used for
longest makes room for what comes.
"""

from __future__ import annotations

import atexit
import mmap
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAME = "stratofold-worker"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_BYTES_MAX = 1 << 30  # of what is kept; a function on AWS has 2 GB, a copy that is being written among them


def room() -> Path:
    """The folder of this user's workers; where that is another's, or others may write to it, one of this process alone."""
    folder = Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid() if hasattr(os, 'getuid') else 0}"
    with suppress(FileExistsError):  # it is no folder at all
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder if _is_own(folder) else _alone()


def _is_own(folder: Path) -> bool:
    """Whether a folder is one, of this user, and nobody else may write to it."""
    found = folder.lstat()
    is_mine = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & _OTHERS_WRITE)
    return stat.S_ISDIR(found.st_mode) and is_mine


@cache
def _alone() -> Path:
    """A folder that nobody could have made before, as long as this process lives."""
    folder = tempfile.mkdtemp(prefix=f"{_NAME}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def put(path: Path, body: bytes) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(body)
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def kept(path: Path, make: Callable[[], bytes]) -> mmap.mmap:
    """A file of this room, mapped; made where it is not there, or not any more."""
    while True:
        try:
            with path.open("rb") as file:
                os.utime(path)
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            body = make()
            _let_go(path.parent, _BYTES_MAX - len(body))
            put(path, body)


def _let_go(folder: Path, bytes_max: int) -> None:
    """Take away what was not used for longest, until the rest is that small; who has mapped a file keeps what he has."""
    found = []
    with suppress(FileNotFoundError):  # the folder, or a file that another worker takes away at the same moment
        found = [(each.stat(), each) for each in folder.iterdir() if each.is_file()]
    total = sum(about.st_size for about, _ in found)
    for about, path in sorted(found, key=lambda row: row[0].st_mtime_ns):
        if total <= bytes_max:
            return
        with suppress(OSError):  # where a mapped file cannot be taken away it stays
            path.unlink()
            total -= about.st_size


def code_in_room(sources: Mapping[str, tuple[bool, str]]) -> Path:
    """The folder that has these modules (by name: whether it is a package, its source), once for each version of them."""
    folder = room() / f"code-{sha256(repr(sorted(sources.items())).encode()).hexdigest()[:32]}"
    for module, (is_package, text) in sources.items():
        path = folder.joinpath(*module.split("."))
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        if not path.exists():
            put(path, text.encode())
    return folder
