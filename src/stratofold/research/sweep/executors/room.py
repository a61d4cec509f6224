"""A worker's room on its disk: what was sent once is there for every process of the same user, and for nobody else to change.

What comes in: names and bytes.  What goes out: paths to files that are whole.
Why so: a worker trusts what it finds here (columns are unpickled, code is imported), and a folder for temporary files is
everybody's: whoever made our folder first could have had us run what he likes.
"""

from __future__ import annotations

import atexit
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
    from collections.abc import Mapping

_NAME = "stratofold-worker"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


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


def code_in_room(sources: Mapping[str, tuple[bool, str]]) -> Path:
    """The folder that has these modules (by name: whether it is a package, its source), once for each version of them."""
    folder = room() / f"code-{sha256(repr(sorted(sources.items())).encode()).hexdigest()[:32]}"
    for module, (is_package, text) in sources.items():
        path = folder.joinpath(*module.split("."))
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        if not path.exists():
            put(path, text.encode())
    return folder
