"""Cleaning as a job: a file comes in, four files go out beside each other, and the file itself is left as it is.

What comes in: the path of a file, or a folder into which files are dropped.
What goes out: `NAME.clean.parquet`, `NAME.changes.parquet`, `NAME.report.json` and `NAME.report.html`.
Why it is shaped so: the clean table is written last, under its name by one rename, so whoever sees it sees all of it; a job
that was killed has left nothing that looks finished, and doing it again gives the same bytes.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.errors import Setup, Stop
from stratofold.market.cleaning.change import SOURCE_ROW, Cleaned, clean, undo
from stratofold.market.cleaning.page import page
from stratofold.market.files import READABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stratofold.market.cleaning.report import Report

CLEAN, CHANGES = ".clean.parquet", ".changes.parquet"
_OURS = (CLEAN, CHANGES, ".report.json", ".report.html")


class Done(NamedTuple):
    """A file that was cleaned, and where what was made of it lies."""

    source: Path | str
    clean: Path | str
    changes: Path | str
    report: Report
    changed: int


def clean_file(source: Path, folder: Path, report: Report) -> Done:
    """Write what cleaning makes of a file; raises Stop SF646 when the disk does not take it, and nothing looks finished."""
    cleaned = clean(report)
    stem = stem_of(source.name)
    texts = {
        ".report.json": json.dumps(report.as_dict(), indent=1, default=str).encode(),
        ".report.html": page(report).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in texts.items():
            _put(folder / f"{stem}{ending}", text)
        for ending, table in ((CHANGES, cleaned.changes), (CLEAN, cleaned.table)):
            _put(folder / f"{stem}{ending}", table)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Stop(
            "SF646",
            "the clean file could not be written",
            place=str(folder),
            why=str(error),
            fix="make room, then run it again",
        ) from error
    return Done(source, folder / f"{stem}{CLEAN}", folder / f"{stem}{CHANGES}", report, len(cleaned.changes))


def undo_file(clean_path: Path, changes_path: Path, target: Path) -> int:
    """Write the source again out of a clean file and its changes; returns its rows.

    Raises Setup SF645 for other files, and where something has the target's name: nothing is written over.
    """
    if target.exists():
        what = "there is a file of that name, and nothing is written over"
        raise Setup("SF645", what, place=str(target), fix="give a name that is free")
    tables = []
    for path in (clean_path, changes_path):
        try:
            tables.append(pl.read_parquet(path))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise Setup("SF645", "not a file that cleaning wrote", place=str(path), why=str(error)) from error
        if SOURCE_ROW not in tables[-1].columns:
            raise Setup(
                "SF645", "not a file that cleaning wrote", place=str(path), why=f"it has no column {SOURCE_ROW}",
                fix=f"give NAME{CLEAN} and the NAME{CHANGES} beside it",
            )  # fmt: skip
    source = undo(Cleaned(*tables))
    _put(target, source)
    return len(source)


def dropped(folder: Path, sizes: dict[Path, int], out: Path | None = None) -> Iterator[Path]:
    """Files in a folder that are not cleaned yet (into `out`) and no longer grow; `sizes` remembers them from look to look."""
    for path in sorted(folder.iterdir()):
        if not is_source(path.name) or ((out or folder) / clean_name(path.name)).exists():
            continue
        size = path.stat().st_size
        if sizes.get(path) == size:
            yield path
        sizes[path] = size


def is_source(name: str) -> bool:
    """Whether a file can be cleaned, and is none that cleaning wrote."""
    return name.lower().endswith(READABLE) and not name.lower().endswith(_OURS)


def clean_name(name: str) -> str:
    """What the clean table of a file is called."""
    return f"{stem_of(name)}{CLEAN}"


def stem_of(name: str) -> str:
    """A file's name without the ending that says what it is."""
    ending = next((one for one in READABLE if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)]


def _put(path: Path, content: bytes | pl.DataFrame) -> None:
    """Write a file aside, then give it its name."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if isinstance(content, bytes):
            aside.write_bytes(content)
        else:
            content.write_parquet(aside, compression="zstd")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
