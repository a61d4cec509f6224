"""A shelf: bytes by name, each put once, that a driver and workers elsewhere both reach.

What comes in: names and bytes.  What goes out: the same bytes.
Why so: what travels is named by its own hash, so it is shipped once however many sweeps and workers use it, and whoever
takes it down sees that it is what was meant; an answer is put only where there is none, so of two workers that do the
same work one is heard.
"""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from stratofold.errors import Retry, Stop

THINGS = "things/"


class Shelf(Protocol):
    """Names are of letters, digits, "-" and "/"."""

    def put(self, name: str, body: bytes) -> bool:
        """Put it there unless there is something of that name; whether it was put."""

    def get(self, name: str, first: int = 0, count: int = 0) -> bytes:
        """What is there, or `count` bytes of it from `first` on; raises Retry SFS61 where there is nothing."""

    def names(self, prefix: str) -> list[str]:
        """Every name that begins so, in order."""


def absent(name: str, where: str) -> Retry:
    """What is said of something that is not there (any more)."""
    return Retry("SFS61", f"{name} is not there", place=where, why="it was taken away meanwhile", fix="run it again")


def ship(shelf: Shelf, body: bytes) -> str:
    """Put something under its own hash, and return that."""
    digest = sha256(body).hexdigest()
    if THINGS + digest not in shelf.names(THINGS + digest):
        shelf.put(THINGS + digest, body)
    return digest


def fetch(shelf: Shelf, digest: str) -> bytes:
    """What was shipped; raises Stop SFS62 where it is not that any more."""
    return checked(shelf.get(THINGS + digest), digest)


def checked(body: bytes, digest: str) -> bytes:
    """The same bytes, if their hash is the one that was said; else Stop SFS62."""
    if sha256(body).hexdigest() != digest:
        why = "somebody else writes to it, or it was damaged"
        what = "what a worker was sent is not what it is called by"
        raise Stop("SFS62", what, place=digest, why=why, fix="see who may write there")
    return body


class Folder:
    """A shelf that is a folder: for tests, and for machines that share a disk."""

    def __init__(self, path: str | Path) -> None:
        """It is made when something is put there."""
        self.path = Path(path)

    def put(self, name: str, body: bytes) -> bool:
        """See `Shelf`: written whole under another name, then linked, which only one writer can."""
        goal = self.path / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=goal.parent, prefix=".", delete=False) as file:
            file.write(body)
        try:
            os.link(file.name, goal)
        except FileExistsError:
            return False
        finally:
            Path(file.name).unlink()
        return True

    def get(self, name: str, first: int = 0, count: int = 0) -> bytes:
        """See `Shelf`."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(first)
                return file.read(count or -1)
        except FileNotFoundError:
            raise absent(name, str(self.path)) from None

    def names(self, prefix: str) -> list[str]:
        """See `Shelf`."""
        start = self.path / prefix
        folder = start if prefix.endswith("/") else start.parent
        files = (each for each in folder.rglob("*") if each.is_file() and not each.name.startswith("."))
        found = (each.relative_to(self.path).as_posix() for each in files)
        return sorted(name for name in found if name.startswith(prefix))
