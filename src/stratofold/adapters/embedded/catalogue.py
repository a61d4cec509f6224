"""A catalogue's files in a folder of this machine.

What comes in: drafts of files, and the manifest that names them.
What goes out: all of a change or nothing, whatever is killed, and files that stay readable while somebody reads them.
Why it is shaped so: the manifest is exchanged by renaming one file, and that is the moment at which a change is there.  Its
files are put in place after it, so that folders never hold what no manifest names; who reads in between finds them in the
draft, and whoever comes next finishes what a killed writer had begun.  What a change takes away is moved aside, not
deleted: a reader may have it open, and an earlier state of the catalogue can still be read.

    kind=bars/source=.../...          what DuckDB, polars and Athena read
    _manifest.json  _changes/         what there is, and how it came to be
    _drafts/  _old/  _cache/  _lock   being written; taken away; decoded; who writes
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.market.catalogue.catalogue import Catalogue

MANIFEST = "_manifest.json"
_SYNC_EACH_MAX = 64  # files; more than these are cheaper to write out all at once
_LOOKS = 5  # a file moves once from its draft into place, and once aside


def catalogue(folder: str | Path, *, make: bool = False, **choice: Any) -> Catalogue:
    """Open the catalogue in a folder, as it stands now; with `make` one that is not there yet is begun.

    `choice` narrows it: `source` and `span` ("alpaca", "1d") where there are several, `adjust` ("raw", "splits", "all"),
    `as_of` a date, `at` the hash of an earlier state, `instruments` by symbol.  It serves as the data of a backtest.
    Raises Setup SFC10 when there is none, SFC12 and SFC13 for a choice that cannot be, Stop SFC04 when it is damaged.
    """
    from stratofold.market.catalogue.catalogue import Catalogue

    return Catalogue(Shelf(folder, make=make), **choice)


class Shelf:
    """See `ports.Shelf`."""

    def __init__(self, folder: str | Path, *, make: bool = False) -> None:
        """A catalogue's folder, made at the first change; raises Setup SFC10 when there is none and none should be made."""
        self.folder = Path(folder)
        self._unfinished: set[str] = set()
        if self.folder.exists() and not self.folder.is_dir():
            raise Setup(
                "SFC10", f"{self.folder} is no folder, and a catalogue is one", place=str(self.folder.resolve()),
                fix="name a folder with --catalogue",
            )  # fmt: skip
        if not make and not (self.folder / MANIFEST).is_file():
            raise Setup(
                "SFC10", f"there is no catalogue in {self.folder}", place=str(self.folder.resolve()),
                fix="put data there: stratofold data import FILE, or name another folder with --catalogue",
            )  # fmt: skip
        if self._drafts():
            self._finish()

    def __repr__(self) -> str:
        """Where it is."""
        return f"Shelf({str(self.folder)!r})"

    @property
    def place(self) -> str:
        """See `ports.Shelf`."""
        return str(self.folder)

    def read(self) -> bytes | None:
        """See `ports.Shelf`."""
        try:
            return (self.folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None

    @contextmanager
    def draft(self) -> Iterator[str]:
        """See `ports.Shelf`; its lock tells others that the writer lives."""
        try:
            self._made()
            with self._locked():  # nobody may take it for a dead writer's before we hold it
                path = tempfile.mkdtemp(dir=self.folder / "_drafts")
                handle = os.open(path, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            yield path
        finally:
            if path not in self._unfinished:
                shutil.rmtree(path, ignore_errors=True)
            os.close(handle)

    def swap(self, expected: bytes | None, text: bytes, name: str, change: bytes, draft: Path | None) -> bool:
        """See `ports.Shelf`; raises Stop SFC05 when it cannot be written, and then nothing has changed."""
        try:
            self._made()
            with self._locked():
                self._tidied()
                if self.read() != expected:
                    return False
                self._durable(draft)
                _replace(self.folder / "_changes" / f"{name}.json", change)
                _replace(self.folder / MANIFEST, text)
                self._settled(json.loads(change))
        except OSError as error:
            if self.read() == text:
                self._unfinished.add(str(draft))  # it is there; whoever comes next puts its files in place
                return True
            raise _unwritable(self.folder, error) from error
        return True

    def change(self, name: str) -> bytes | None:
        """See `ports.Shelf`."""
        try:
            return (self.folder / "_changes" / f"{name}.json").read_bytes()
        except FileNotFoundError:
            return None

    def path(self, name: str) -> str:
        """See `ports.Shelf`."""
        for _ in range(_LOOKS):
            for root in (self.folder, *self._drafts(), self.folder / "_old"):
                if (root / name).is_file():
                    return str(root / name)
        raise Stop(
            "SFC09", "a file of the catalogue is not there any more", place=str(self.folder / name),
            why="the manifest names it, so it was deleted or moved by hand",
            fix="bring it back from a copy, or import the data again",
        )  # fmt: skip

    def cache(self) -> Path | None:
        """See `ports.Shelf`."""
        folder = self.folder / "_cache"
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
        return folder if os.access(folder, os.W_OK) else None

    def _made(self) -> None:
        for name in ("_drafts", "_changes"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def _drafts(self) -> list[Path]:
        """Drafts, of living writers and of dead ones."""
        try:
            return [Path(entry.path) for entry in os.scandir(self.folder / "_drafts")]
        except FileNotFoundError:
            return []

    @contextmanager
    def _locked(self, operation: int = fcntl.LOCK_EX) -> Iterator[None]:
        """One writer at a time; a process that dies lets go."""
        with (self.folder / "_lock").open("ab") as lock:
            fcntl.flock(lock, operation)
            yield

    def _finish(self) -> None:
        """Finish what a killed writer has begun, unless somebody writes now or nobody may."""
        with suppress(OSError), self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            self._tidied()

    def _tidied(self) -> None:
        """Put the files of the last change in place, and throw away the drafts of the dead."""
        drafts = self._drafts()
        if not drafts:
            return
        text = self.read()
        if text is not None:
            change = self.change(hashlib.sha256(text).hexdigest())
            if change is not None:
                self._settled(json.loads(change))
        for draft in drafts:
            _discard_if_dead(draft)

    def _settled(self, change: Mapping[str, Any]) -> None:
        """Files of a change that is there: the new ones in place, the old ones aside."""
        for name in change["added"]:
            self._moved(name, self.folder / name, self._drafts())
        for name in change["removed"]:
            self._moved(name, self.folder / "_old" / name, [self.folder])

    def _moved(self, name: str, target: Path, roots: list[Path]) -> None:
        """A file from where it is to where it belongs; one that is there already stays."""
        if target.is_file():
            return
        for root in roots:
            if (root / name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                (root / name).rename(target)
                return

    def _durable(self, draft: Path | None) -> None:
        """The draft's bytes on the disk, before anything names them."""
        files = [] if draft is None else [path for path in draft.rglob("*") if path.is_file()]
        if len(files) > _SYNC_EACH_MAX:
            os.sync()
            return
        for path in files:
            _sync(path)


def _discard_if_dead(draft: Path) -> None:
    """Remove a draft whose writer holds it no longer."""
    with suppress(OSError):
        handle = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)
        finally:
            os.close(handle)


def _replace(path: Path, text: bytes) -> None:
    """Write a file whole, under another name first."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(folder: Path, error: OSError) -> Stop:
    return Stop(
        "SFC05", "the catalogue cannot be written", place=str(folder), why=f"{error.strerror or error}; it is as it was",
        fix="make room, or give a folder that you may write to, and run it again",
    )  # fmt: skip
