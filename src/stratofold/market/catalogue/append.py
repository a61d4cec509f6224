"""Rows into a catalogue: all of them or none, once however often they come.

What comes in: rows of series, a shelf of files.
What goes out: new files and the manifest that names them, and a `Receipt` of what was new.
Why it is shaped so: files are written first, aside, and one exchange of the manifest makes them part of the catalogue, so
an import that is killed has changed nothing.  A row that is there already is left out, which makes doing it twice doing it
once; files of a partition never overlap in time, so whoever reads puts them one after the other.  Another writer may be
quicker: where the same partitions changed the rows are compared anew, and where others did nothing is done twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.errors import Retry, Setup, Stop
from stratofold.market.catalogue.kinds import NANOS, TIME, kind_of
from stratofold.market.catalogue.manifest import File, Manifest, change_between, decode, encode
from stratofold.market.catalogue.parquet import written
from stratofold.market.catalogue.rows import between, bounds_of, in_order, nanoseconds
from stratofold.market.data import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.adapters.ports import Shelf
    from stratofold.market.catalogue.layout import Series

TRIES = 20
SMALL_BYTES = 8_000_000  # a new file next to one this small is joined with it, so that a daily append leaves no crumbs
ROWS_A_GROUP = 524_288
_LEVEL = 1  # of zstd: 3 saves a twentieth of the bytes and costs half as much time again

Rows = tuple["Series", pl.DataFrame, str]  # a series, its rows in their one form, its calendar


@dataclass
class Receipt:
    """What an append did: rows that were new, known already, and exchanged; files written; the manifest's hash after it."""

    added: int = 0
    known: int = 0
    replaced: int = 0
    files: int = 0
    manifest: str = ""
    notes: list[str] = field(default_factory=list)


class _Planned(NamedTuple):
    """What one partition becomes: the files it was read from, the file that is new, those it replaces."""

    folder: str
    base: tuple[str, ...]
    added: dict[str, File]
    removed: tuple[str, ...]


def append(shelf: Shelf, batch: Iterable[Rows], *, replace: bool = False) -> Receipt:
    """Put rows in their order into a catalogue; with `replace` a row of the same time is exchanged, else it is refused.

    Raises Setup SFC07 for rows that contradict each other or what is there, Stop SFC05 when the disk does not take them,
    Retry SFC06 when other writers were quicker each time.
    """
    wanted = list(batch)
    for _ in range(TRIES):
        with shelf.draft() as draft:
            receipt = Receipt()
            try:
                done = _attempt(shelf, Path(draft), wanted, receipt, replace=replace)
            except FileNotFoundError:
                continue  # another writer has put aside what we were about to read
            except (OSError, pl.exceptions.PolarsError) as error:
                raise unwritten(shelf.place, error) from error
            if done:
                return receipt
    raise Retry("SFC06", "other writers of the catalogue were quicker each time", place=shelf.place, fix="run it again")


def current(shelf: Shelf) -> tuple[bytes | None, Manifest]:
    """The manifest as it stands, and its text (None: there is none yet)."""
    text = shelf.read()
    return text, Manifest() if text is None else decode(text, shelf.place)


def commit(
    shelf: Shelf,
    draft: Path | None,
    text: bytes | None,
    before: Manifest,
    added: Mapping[str, File],
    removed: Iterable[str],
) -> str | None:
    """Exchange the manifest; its hash, or None when somebody was quicker."""
    after = before.changed(added, removed)
    name = after.hash
    change = change_between(before, after)
    return name if shelf.swap(text, encode(after), name, encode(change), draft) else None


def _attempt(shelf: Shelf, draft: Path, wanted: list[Rows], receipt: Receipt, *, replace: bool) -> bool:
    """Plan every partition, then commit; False when a partition changed meanwhile."""
    text, manifest = current(shelf)
    folders = manifest.partitions()
    plans = [
        plan
        for series, rows, calendar in wanted
        for year, part in _by_year(rows)
        if (plan := _planned(shelf, draft, manifest, folders, (series, part, calendar), year, receipt, replace=replace))
    ]
    added = {path: file for plan in plans for path, file in plan.added.items()}
    removed = [path for plan in plans for path in plan.removed]
    receipt.files = len(added)
    if not plans:
        receipt.manifest = manifest.hash
        return True
    while True:
        name = commit(shelf, draft, text, manifest, added, removed)
        if name is not None:
            receipt.manifest = name
            return True
        text, manifest = current(shelf)
        folders = manifest.partitions()
        if any(folders.get(plan.folder, ()) != plan.base for plan in plans):
            return False


def _by_year(rows: pl.DataFrame) -> Iterable[tuple[int, pl.DataFrame]]:
    """Rows in order by the UTC year of their time, each part still in order."""
    if not len(rows):
        return
    first, last = rows[TIME][0].year, rows[TIME][-1].year
    if first == last:
        yield first, rows
        return
    years = rows[TIME].dt.year()
    begin = 0
    for year in range(first, last + 1):
        end = int(years.search_sorted(year, side="right"))
        if end > begin:
            yield year, rows[begin:end]
        begin = end


def _planned(
    shelf: Shelf,
    draft: Path,
    manifest: Manifest,
    folders: Mapping[str, tuple[str, ...]],
    one: Rows,
    year: int,
    receipt: Receipt,
    *,
    replace: bool,
) -> _Planned | None:
    """What a partition becomes with these rows; None when they are all there."""
    series, rows, calendar = one
    folder = series.partition(year)
    base = folders.get(folder, ())
    first, last = bounds_of(rows)
    overlapping = [path for path in base if manifest.files[path].last >= first and manifest.files[path].first <= last]
    count = len(rows)
    rows = _single(series, rows)
    receipt.known += count - len(rows)
    merged = rows
    if overlapping:
        there = pl.concat([pl.read_parquet(shelf.path(path)) for path in overlapping])
        merged, known, replaced = _merged(series, there, rows, replace=replace)
        receipt.known += known
        receipt.replaced += replaced
        receipt.added += len(merged) - len(there)
        if len(merged) == len(there) and not replaced:
            return None
    else:
        receipt.added += len(rows)
    small = _small_neighbours(manifest, [path for path in base if path not in overlapping], bounds_of(merged))
    joined = [pl.read_parquet(shelf.path(path)) for path in small]
    whole = in_order(pl.concat([*joined, merged])) if joined else merged
    path, file = _written(draft, folder, whole, calendar or _calendar_of(manifest, base))
    return _Planned(folder, base, {path: file}, tuple(one for one in (*overlapping, *small) if one != path))


def _small_neighbours(manifest: Manifest, others: list[str], bounds: tuple[int, int]) -> list[str]:
    """The files right before and right after, where they are small."""
    files = sorted((manifest.files[path].first, path) for path in others)
    before = [path for first, path in files if first < bounds[0]][-1:]
    after = [path for first, path in files if first > bounds[1]][:1]
    return [path for path in before + after if manifest.files[path].bytes < SMALL_BYTES]


def _calendar_of(manifest: Manifest, paths: tuple[str, ...]) -> str:
    return next((manifest.files[path].calendar for path in paths), "")


def _single(series: Series, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one batch without repetitions; raises Setup where two of one time differ.

    Of kinds that may have many rows of one time each row is taken for one of its own: two equal trades are two trades.
    """
    kind = kind_of(series.kind)
    if not kind.one_a_time:
        return rows
    key = [TIME, NANOS, *kind.key]
    if len(kind.key) == 0 and bool((nanoseconds(rows).diff().drop_nulls() > 0).all()):
        return rows
    distinct = rows.unique(maintain_order=True)
    twice = distinct.filter(pl.struct(key).is_duplicated())
    if len(twice):
        raise _contradiction(series, twice, "come twice with different values")
    return distinct


def _merged(series: Series, there: pl.DataFrame, rows: pl.DataFrame, *, replace: bool) -> tuple[pl.DataFrame, int, int]:
    """What is there and what is new, in order; how many rows were known, how many were exchanged."""
    kind = kind_of(series.kind)
    if not kind.one_a_time:
        fresh = _not_there(there, rows)
        return in_order(pl.concat([there, fresh])), len(rows) - len(fresh), 0
    key = [TIME, NANOS, *kind.key]
    fresh = rows.join(there, on=key, how="anti", maintain_order="left")
    common = rows.join(there.select(key), on=key, how="semi", maintain_order="left")
    changed = common.join(there, on=rows.columns, how="anti", nulls_equal=True, maintain_order="left")
    if len(changed) and not replace:
        raise _contradiction(series, changed, "are in the catalogue with other values")
    kept = there.join(changed.select(key), on=key, how="anti", maintain_order="left") if len(changed) else there
    return in_order(pl.concat([kept, changed, fresh])), len(common) - len(changed), len(changed)


def _not_there(there: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that are not there as often: the second of two equal trades is new where only one is known."""
    first, last = bounds_of(rows)
    nearby = there.filter(between(first, last + 1))
    numbered = [frame.with_columns(pl.int_range(pl.len()).over(frame.columns).alias("nth")) for frame in (rows, nearby)]
    fresh = numbered[0].join(numbered[1], on=numbered[0].columns, how="anti", nulls_equal=True, maintain_order="left")
    return fresh.drop("nth")


def _contradiction(series: Series, rows: pl.DataFrame, what: str) -> Setup:
    row = rows.row(0, named=True)
    shown = ", ".join(
        f"{name} {value}" for name, value in row.items() if name not in (TIME, NANOS) and value is not None
    )
    moment = moment_text(int(nanoseconds(rows)[0]))
    return Setup(
        "SFC07", f"{len(rows):,} rows {what}", place=f"{series}, {moment}", why=f"the first is {shown}; nothing was written",
        fix="clean the data first, or, if the new rows are right, give --replace",
    )  # fmt: skip


def _written(draft: Path, folder: str, rows: pl.DataFrame, calendar: str) -> tuple[str, File]:
    """A file of the draft, named by its bytes."""
    place = draft / folder
    place.mkdir(parents=True, exist_ok=True)
    new = place / "new"
    if not written(rows, new, ROWS_A_GROUP):
        rows.write_parquet(new, compression="zstd", compression_level=_LEVEL, row_group_size=ROWS_A_GROUP)
    with new.open("rb") as bytes_of:
        digest = hashlib.file_digest(bytes_of, "sha256").hexdigest()
    size = new.stat().st_size
    name = f"{digest[:16]}.parquet"
    new.rename(place / name)
    first, last = bounds_of(rows)
    return f"{folder}/{name}", File(digest, size, len(rows), first, last, calendar)


def unwritten(place: str, error: Exception) -> Stop:
    """The error for a disk that does not take what it is given."""
    why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return Stop(
        "SFC05", "the catalogue cannot be written", place=place, why=f"{why}; it is as it was",
        fix="make room, or give a folder that you may write to, and run it again",
    )  # fmt: skip
