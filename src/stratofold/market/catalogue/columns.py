"""Decoded bars, kept as files that are mapped into memory: what a kernel reads in place.

What comes in: a key that names everything the columns depend on, and a function that makes them.
What goes out: `MarketData` whose columns are the pages of files, so that a million bars are there without being read.
Why it is shaped so: decoding Parquet costs as much as folding it.  The key holds the names of the catalogue's files, which
are hashes of their bytes, so an entry is never stale; entries of the same question with other bytes are removed.  A cache
may only ever save time: where it cannot be written, the columns are simply not kept.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.market.catalogue.names import Stretch
from stratofold.market.data import Actions, MarketData
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.market.catalogue.names import Names

_COLUMNS = ("time", "symbol", "open", "high", "low", "close", "volume")
_WHOLE = ("time", "symbol")
_VERSION = 2
_DAMAGED = (OSError, ValueError, KeyError, TypeError)  # what reading an entry raises where it is none


def kept(
    folder: Path | None, question: Sequence[str], answer: Sequence[str], build: Callable[[], MarketData]
) -> MarketData:
    """The bars of a question, mapped from the cache, or built and put there; `answer` names the bytes they come from."""
    if folder is None:
        return build()
    place = folder / _name(question) / _name(answer)
    with suppress(*_DAMAGED):
        return _mapped(place)
    market = build()
    with suppress(*_DAMAGED):
        shutil.rmtree(place, ignore_errors=True)  # one that is damaged would stand in the way
        _put(place, market)
        return replace(_mapped(place), provenance=market.provenance)
    return market


def kept_names(folder: Path | None, answer: Sequence[str], build: Callable[[], Names]) -> Names:
    """Who was called what, as one small file instead of one a company; `answer` names the bytes that it comes from."""
    if folder is None:
        return build()
    place = folder / f"names-{_name(answer)}.json"
    with suppress(OSError, ValueError, TypeError):
        kept = json.loads(place.read_bytes())
        return {asset: [Stretch(*one) for one in stretches] for asset, stretches in kept.items()}
    found = build()
    with suppress(OSError):
        for old in folder.glob("names-*.json"):
            old.unlink(missing_ok=True)
        new = place.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(found), encoding="utf-8")
        new.rename(place)
    return found


def _name(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join((str(_VERSION), *parts)).encode()).hexdigest()[:32]


def _mapped(place: Path) -> MarketData:
    """An entry; raises one of `_DAMAGED` for what is none."""
    head = json.loads((place / "head.json").read_bytes())
    columns: dict[str, Any] = {name: _column(place / f"{name}.npy", rows, name) for name, rows in head["rows"].items()}
    actions = Actions._make(
        np.array(head["actions"][name], np.float64 if name == "value" else np.int64) for name in Actions._fields
    )
    time = columns["time"]
    whole = calendar(head["calendar"])
    return MarketData(
        tuple(head["symbols"]),
        tuple(Instrument(**facts) for facts in head["instruments"]),
        span_ns=head["span_ns"],
        calendar=whole.slice(int(time[0]) - head["span_ns"], int(time[-1])),
        actions=actions,
        notes=tuple(head["notes"]),
        **columns,
    )


def _column(path: Path, rows: int, name: str) -> np.ndarray:
    """A column as an array over mapped pages; `numpy.load` would read the same and take a millisecond for each."""
    kind = np.dtype(np.int64 if name in _WHOLE else np.float64)
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(pages, kind, rows, len(pages) - rows * kind.itemsize)


def _put(place: Path, market: MarketData) -> None:
    """Write an entry aside, then give it its name; entries of the question with other bytes go."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        for name in _COLUMNS:
            np.save(draft / f"{name}.npy", getattr(market, name))
        (draft / "head.json").write_text(json.dumps(_head(market)), encoding="utf-8")
        with suppress(OSError):  # somebody else has put the same there
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for entry in os.scandir(place.parent):
        if entry.name != place.name and not entry.name.startswith("tmp"):
            shutil.rmtree(entry.path, ignore_errors=True)


def _head(market: MarketData) -> dict[str, Any]:
    """What is not a column."""
    return {
        "symbols": market.symbols,
        "instruments": [asdict(instrument) for instrument in market.instruments],
        "span_ns": market.span_ns,
        "calendar": market.calendar.name,
        "notes": market.notes,
        "rows": {name: len(getattr(market, name)) for name in _COLUMNS},
        "actions": {name: column.tolist() for name, column in market.actions._asdict().items()},
    }
