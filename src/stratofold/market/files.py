"""Files and folders of bars as frames.

What comes in: a path to a CSV, Parquet or Arrow file, to a folder of them, or to a folder of NumPy columns.
What goes out: polars frames with the symbol their file name stands for, or arrays mapped into memory.
Why it is shaped so: a broken file must be named with what is wrong with it; and a million bars need not be in memory at all,
so a folder with one `.npy` file a column (`time.npy`, `open.npy`, ...) is mapped and read in place.
"""

from __future__ import annotations

import csv
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

_CSV = (".csv", ".csv.gz", ".txt", ".tsv")
_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather", ".ipc")
_LINE_BYTES_MAX = 65_536
_UNCOUNTED = str.maketrans("", "", "\0\r")  # what the reader of one line refuses, and separates nothing
READABLE = _CSV + _PARQUET + _ARROW


def frames(path: str | Path) -> Iterator[tuple[str, str, Any]]:
    """Source, symbol by file name, and frame of each file; raises Setup for what cannot be read."""
    for file in _listed(Path(path)):
        yield str(file), file.name.removesuffix(_suffix(file)), _frame(file)


def lazy_frames(path: str | Path) -> Iterator[tuple[str, str, Any]]:
    """The same, each not read yet and its text not yet taken for times; raises Setup for what cannot be read."""
    for file in _listed(Path(path)):
        yield str(file), file.name.removesuffix(_suffix(file)), _frame(file, lazy=True)


def _listed(place: Path) -> list[Path]:
    """The file, or the readable files of a folder."""
    if not place.is_dir():
        return [place]
    files = sorted(file for file in place.iterdir() if _suffix(file))
    if not files:
        raise Setup("SF224", "no bars in the folder", place=str(place), fix=f"put files there: {', '.join(READABLE)}")
    return files


def mapped_columns(folder: Path) -> dict[str, Any]:
    """The `.npy` files of a folder as columns mapped into memory; raises Setup for one that cannot be read."""
    import numpy as np

    columns = {}
    for file in sorted(folder.glob("*.npy")):
        try:
            columns[file.stem] = np.load(file, mmap_mode="r")
        except (OSError, ValueError) as wrong:
            raise _broken(file, ".npy", wrong) from wrong
    return columns


def _suffix(file: Path) -> str:
    """The ending that says what a file is; empty for other files."""
    return next((ending for ending in READABLE if file.name.lower().endswith(ending)), "")


def _frame(file: Path, *, lazy: bool = False) -> Any:
    """One file; whatever the reader has to say becomes one line of an error."""
    import polars as pl

    suffix = _suffix(file)
    if not file.exists():
        raise _absent(file)
    if not suffix:
        raise Setup(
            "SF224", "no reader for this kind of file", place=str(file), fix=f"use one of {', '.join(READABLE)}"
        )
    if suffix in _CSV and suffix != ".csv.gz":
        _check_end(file, "\t" if suffix == ".tsv" else ",")
    try:
        if lazy:
            return _lazy(file, suffix)
        if suffix in _PARQUET:
            return pl.read_parquet(file)
        if suffix in _ARROW:
            return pl.read_ipc(file)
        separator = "\t" if suffix == ".tsv" else ","
        return pl.read_csv(file, separator=separator, try_parse_dates=True, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as wrong:
        raise _broken(file, suffix, wrong) from wrong


@contextmanager
def reading(source: str) -> Iterator[None]:
    """The rows of a lazy frame of a file are read here; raises Setup SF222 where that fails, which `lazy_frames` cannot foresee."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as wrong:
        raise _broken(Path(source), _suffix(Path(source)), wrong) from wrong


def _lazy(file: Path, suffix: str) -> Any:
    """A file whose columns are known and whose rows are not read; a few thousand rows of text say its types."""
    import polars as pl

    if suffix in _PARQUET:
        frame = pl.scan_parquet(file, glob=False, hive_partitioning=False)
    elif suffix in _ARROW:
        frame = pl.read_ipc(file).lazy()
    elif suffix == ".csv.gz":
        frame = pl.read_csv(file, infer_schema_length=10_000).lazy()
    else:
        frame = pl.scan_csv(file, separator="\t" if suffix == ".tsv" else ",", infer_schema_length=10_000, glob=False)
    frame.collect_schema()
    return frame


def _check_end(file: Path, separator: str) -> None:
    """Text whose last line has no end and fewer fields than the first was cut short; raises Setup SF221 for it.

    A last line that is whole but for its end is taken as it is: many programs write none.
    """
    with file.open("rb") as text:
        first = text.readline(_LINE_BYTES_MAX)
        begin = text.tell()
        text.seek(max(begin, file.stat().st_size - _LINE_BYTES_MAX))
        last = text.read().rpartition(b"\n")[2]
    if last and _fields(last, separator) < _fields(first, separator):
        raise Setup(
            "SF221", "the CSV file is cut short", place=str(file),
            why=f"its last line ends amid a row: {last[-40:].decode(errors='replace')!r}", fix="copy or download it again",
        )  # fmt: skip


def _fields(line: bytes, separator: str) -> int:
    """How many fields a line has; a separator between quotes is part of a field."""
    text = line.decode(errors="replace").translate(_UNCOUNTED)
    return len(next(csv.reader([text], delimiter=separator), []))


def _absent(file: Path) -> Setup:
    folder = file.parent
    names = [other.name for other in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(file.name, names, n=1)
    return Setup(
        "SF223",
        "no such file",
        place=str(file),
        fix=f"did you mean {str(folder / near[0])!r}?"
        if near
        else "check the path; it is relative to the current folder",
    )


def _broken(file: Path, suffix: str, wrong: BaseException) -> Setup:
    """A Parquet file begins and ends with the same four letters, so one that was cut short is known by its end."""
    reason = str(wrong).strip().partition("\n")[0]
    if suffix in _PARQUET:
        ends = file.read_bytes()[-4:] if file.stat().st_size else b""
        if ends != b"PAR1":
            return Setup(
                "SF221",
                "the Parquet file is cut short",
                place=str(file),
                why=f"it has {file.stat().st_size:,} bytes and lacks the footer that ends every Parquet file",
                fix="copy or download it again",
            )
    kinds = {_PARQUET: "Parquet", _ARROW: "Arrow", _CSV: "CSV"}
    kind = next((name for endings, name in kinds.items() if suffix in endings), "NumPy")
    return Setup(
        "SF222",
        f"the {kind} file cannot be read",
        place=str(file),
        why=reason,
        fix="open it, mend it or write it again",
    )
