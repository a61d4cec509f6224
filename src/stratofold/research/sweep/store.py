"""What a study keeps: its finished cells as Parquet files, and one page that says what they are.

What comes in: frames of finished cells.  What goes out: the same, all of them, whatever happened in between.
Why so: a file is written whole under another name and then renamed, and is never changed, so a process may be killed at
any moment and no finished file is lost or half there.  Beside the cells lies where each of them stood (`states`).  Crumbs are joined when a study is done: first the whole is there,
then the parts go, and a part that an earlier end has left is known by its number.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stratofold.errors import Setup, Stop
from stratofold.research.sweep.kept import SUFFIX, Kept, file_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

FOLDER = "studies"
PAGE = "study.json"
PARTS = "cells"
STATES = "states"
_FORMAT = 1
_PARTS_MAX = 32
_LEVEL = 1  # of zstd
_ROOM_MIN = 1 << 20  # bytes: on a disk with less nothing can be written


class Store:
    """The finished cells of a study, in a folder or (without one) in memory."""

    def __init__(self, folder: Path | None, *, writes: bool = False) -> None:
        """Open a folder, made where it is missing; raises Setup SFS17 for one that is something else.

        Who `writes` is the only one to do so until `unlock`, and reads what is there after the others have written it.
        """
        self.folder = folder
        self.page: dict[str, Any] = {"format": _FORMAT, "places": {}}
        self.notes: list[str] = []
        self._frames: list[pl.DataFrame] = []
        self._unread: list[Path] = []
        self._passing: list[str] = []  # the names of cells that are not to be written
        self._number = 0
        self._state_number = -1  # not looked for yet
        self._lock: IO[str] | None = None
        if folder is None:
            return
        _check_folder(folder)
        if writes:
            self.lock()
        try:
            self._open(folder)
        except BaseException:
            self.unlock()
            raise

    def _open(self, folder: Path) -> None:
        """Read what is there; who writes sweeps away what a killed one has left half written."""
        if self._lock is not None:
            for path in folder.rglob("*.half"):
                path.unlink(missing_ok=True)
        if (folder / PAGE).exists():
            self.page = read_page(folder)
        self._unread = parts_of(folder)
        self._number = max((number_of(path) + 1 for path in self._unread), default=0)
        for path in list(self._unread):
            self._check(path)

    def _check(self, path: Path) -> None:
        """Look whether a file is whole; one that is not is left out, and who writes puts it aside and computes its cells again."""
        import polars as pl

        try:
            pl.read_parquet_schema(path)
        except pl.exceptions.PolarsError as wrong:
            self._unread.remove(path)
            does = "is left out"
            if self._lock is not None:
                path.replace(path.with_suffix(".damaged"))
                does = "was put aside"
            self.notes.append(f"{path.name} could not be read and {does}: {wrong}")

    def scan(self, places: Iterable[str]) -> pl.LazyFrame:
        """The finished cells of some places, of which only what is asked for is read."""
        import polars as pl

        if not self._unread:
            return self.frame().lazy().filter(pl.col("place").is_in(list(places)))
        lazy = [pl.scan_parquet(path) for path in self._unread] + [frame.lazy() for frame in self._frames]
        return pl.concat(lazy, how="diagonal_relaxed").filter(pl.col("place").is_in(list(places)))

    def lock(self) -> None:
        """Be the one process that writes here, until `unlock` or its death; raises Setup SFS25 where another is."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
        except OSError as wrong:
            raise _unwritten(self.folder, wrong) from wrong
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # where there are no such locks, one goes without
            return
        except OSError:
            self.unlock()
            what = f"another sweep is writing the study {self.folder.name!r}"
            raise Setup("SFS25", what, place=str(self.folder), fix="wait for it, or name another study") from None

    def unlock(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def frame(self, places: Iterable[str] | None = None) -> pl.DataFrame:
        """The finished cells of some places or of all."""
        import polars as pl

        self._frames = [*(pl.read_parquet(path) for path in self._unread), *self._frames]
        self._unread = []
        if not self._frames:
            return pl.DataFrame(schema={"cell": pl.String, "place": pl.String, "error": pl.String})
        whole = pl.concat(self._frames, how="diagonal_relaxed") if len(self._frames) > 1 else self._frames[0]
        self._frames = [whole]
        if places is None or (self.folder is None and self.page["places"].keys() <= set(places)):
            return whole  # in memory there are cells of the page's places alone
        return whole.filter(pl.col("place").is_in(list(places)))

    def add(self, frame: pl.DataFrame, *, passing: str = "") -> None:
        """Keep some finished cells; raises Stop SFS18 where the disk does not take them (what is there stays).

        Those whose error is a `passing` one are shown and not written: another machine may do them another day.
        """
        self._frames.append(frame)
        if self.folder is None:
            return
        is_lasting = frame["error"].ne_missing(passing)
        if not is_lasting.all():
            gone = frame.filter(~is_lasting)
            self._passing += gone["cell"].to_list()
            self.page["died"] = self.died | dict(gone.select("cell", "place").iter_rows())
            frame = frame.filter(is_lasting)
        if self.died:
            self.page["died"] = {cell: self.died[cell] for cell in self.died.keys() - set(frame["cell"].to_list())}
        if len(frame):
            self._write(frame)

    @property
    def died(self) -> dict[str, str]:
        """The cells that were not written because their error was a passing one, with their places."""
        found: dict[str, str] = self.page.get("died", {})
        return found

    def _write(self, frame: pl.DataFrame, kind: str = "part") -> None:
        """One file more."""
        if self.folder is None:
            return
        goal = self.folder / PARTS / f"{kind}-{self._number:08x}.parquet"
        self._put(goal, lambda half: frame.write_parquet(half, compression_level=_LEVEL, statistics=False))
        self._number += 1

    def _put(self, goal: Path, write: Callable[[Path], object]) -> None:
        """A file, whole or not at all; raises Stop SFS18."""
        import polars as pl

        half = goal.with_suffix(f".{os.getpid()}.half")
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            write(half)
            half.replace(goal)
        except (OSError, pl.exceptions.PolarsError) as wrong:
            half.unlink(missing_ok=True)
            raise _unwritten(goal.parents[1], _of_disk(wrong, goal.parent)) from wrong

    def add_states(self, place: str, rows: Sequence[tuple[str, bytes]]) -> None:
        """Keep where cells of a place stood, by their names; raises Stop SFS18."""
        if self.folder is None:
            return
        if self._state_number < 0:
            self._state_number = max((number_of(path) + 1 for path in self._state_files("*")), default=0)
        goal = self.folder / STATES / f"{place}-{self._state_number:08x}{SUFFIX}"
        self._put(goal, lambda half: half.write_bytes(file_of(rows)))
        self._state_number += 1

    def states(self, place: str) -> Kept:
        """Where the cells of a place stood; what cannot be read is let go of, and its cells are computed from the beginning."""
        found = Kept()
        for path in self._state_files(place):
            try:
                found.add(path)
            except (ValueError, OSError) as wrong:
                self.notes.append(f"{path.name} could not be read, and its cells begin anew: {wrong}")
        return found

    def drop_states(self, place: str) -> None:
        """Forget where the cells of a place stood."""
        for path in self._state_files(place):
            path.unlink(missing_ok=True)

    def state_bytes(self) -> dict[str, int]:
        """What the states of each place take on the disk."""
        found: dict[str, int] = {}
        if self.folder is None or not (self.folder / STATES).is_dir():
            return found
        with os.scandir(self.folder / STATES) as rows:  # one file a second of sweeping: there may be thousands
            for row in rows:
                if row.name.endswith(SUFFIX):
                    place = row.name.partition("-")[0]
                    found[place] = found.get(place, 0) + row.stat().st_size
        return found

    def _state_files(self, place: str) -> list[Path]:
        """The files of a place's states, in the order in which they were written."""
        return sorted((self.folder / STATES).glob(f"{place}-*{SUFFIX}")) if self.folder is not None else []

    def write_page(self) -> None:
        """Keep the page; raises Stop SFS18."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            half = self.folder / f"{PAGE}.half"
            half.write_text(json.dumps(self.page, indent=1), encoding="utf-8")
            half.replace(self.folder / PAGE)
        except OSError as wrong:
            raise _unwritten(self.folder, wrong) from wrong

    def tidy(self) -> None:
        """Join the files where they are many."""
        old = parts_of(self.folder) if self.folder is not None else []
        if len(old) > _PARTS_MAX:
            whole = self.frame()
            self._write(whole.filter(~whole["cell"].is_in(self._passing)) if self._passing else whole, "whole")
            for path in old:
                path.unlink(missing_ok=True)


def _check_folder(folder: Path) -> None:
    """Raise Setup SFS17 for what is there and is no study's; what a killed sweep has left half written is one's, and so are cells."""
    if not folder.exists() or (folder / PAGE).exists() or parts_of(folder):
        return
    others = not folder.is_dir() or any(each.name != "lock" and each.suffix != ".half" for each in folder.iterdir())
    if others:
        what = f"{folder.name!r} is no study, and is not empty"
        raise Setup("SFS17", what, place=str(folder), fix="name another place for the study")


def parts_of(folder: Path) -> list[Path]:
    """The files of cells in a study's folder, in the order in which they were written.

    A `whole` holds everything that was written before it, whether that is still there or not.
    """
    wholes = sorted((folder / PARTS).glob("whole-*.parquet"))[-1:]
    since = number_of(wholes[0]) if wholes else -1
    parts = sorted((folder / PARTS).glob("part-*.parquet"))
    return [*wholes, *(path for path in parts if number_of(path) > since)]


def place_of(study: str | Path) -> Path:
    """Where a study is kept: a name is a folder under `studies`, and what has a separator in it a place."""
    return Path(study) if is_place(study) else Path(FOLDER) / study


def is_place(study: str | Path) -> bool:
    """Whether this says where a study is, and not what it is called: `./mine`, too, which a `Path` forgets."""
    separators = {"/", os.sep, os.altsep or os.sep}
    has_one = isinstance(study, str) and any(each in study for each in separators)
    return has_one or len(Path(study).parts) != 1 or Path(study).is_absolute()


def number_of(path: Path) -> int:
    """The number of a file of cells."""
    return int(path.stem.rpartition("-")[2], 16)


def read_page(folder: Path) -> dict[str, Any]:
    """A study's page; raises Setup SFS19 where there is none or it cannot be read."""
    try:
        page: dict[str, Any] = json.loads((folder / PAGE).read_text(encoding="utf-8"))
    except FileNotFoundError as wrong:
        why = f"there is no {PAGE} in it" if folder.is_dir() else "there is no such folder"
        fix = "stratofold study ls"
        raise Setup("SFS19", f"there is no study {folder.name!r}", place=str(folder), why=why, fix=fix) from wrong
    except (OSError, ValueError) as wrong:
        what = f"the study {folder.name!r} cannot be read"
        fix = f"take {PAGE} away and sweep again: the cells beside it are found"
        raise Setup("SFS19", what, place=str(folder), why=str(wrong), fix=fix) from wrong
    if page.get("format") != _FORMAT:
        why = f"its format is {page.get('format')!r}, and this version reads {_FORMAT}"
        raise Setup(
            "SFS19", f"the study {folder.name!r} cannot be read", place=str(folder), why=why, fix="run it again"
        )
    return page


def _of_disk(wrong: Exception, folder: Path) -> OSError:
    """What the disk has said: the writer of Parquet tells of a full one as of a file that is out of specification."""
    if isinstance(wrong, OSError):
        return wrong
    is_full = shutil.disk_usage(folder).free < _ROOM_MIN
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if is_full else OSError(errno.EIO, str(wrong))


def _unwritten(folder: Path, wrong: OSError) -> Stop:
    """The disk does not take it."""
    mend = "make room" if wrong.errno in (errno.ENOSPC, errno.EDQUOT) else "see that it can be written"
    return Stop(
        "SFS18",
        f"the study cannot be written: {wrong.strerror or wrong}",
        place=str(folder),
        why="what was stored before is whole, and nothing of it is computed again",
        fix=f"{mend}, then give the same command again",
    )
