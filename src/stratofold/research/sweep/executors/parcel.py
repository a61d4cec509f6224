"""Parcels: a place as bytes that a worker elsewhere can run with the standard library and NumPy.

What comes in: a place and its machine code.  What goes out: a parcel on a shelf, and from it the same place again.
Why so: a worker has no compiler, no frames and not the user's files, so all that it needs travels: the columns as they lie
in memory, the strategy's source, the assumptions, and a frozen kernel.  Each is named by its hash and shipped once; a
worker keeps columns on its disk and maps them, however many pieces it does.
"""

from __future__ import annotations

import ast
import importlib
import io
import os
import pickle
import sys
import zlib
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.errors import Error, Setup
from stratofold.research.sweep.executors.room import code_in_room, kept, room
from stratofold.research.sweep.executors.shelf import fetch, ship
from stratofold.research.sweep.place import Place

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from stratofold.market.data import MarketData
    from stratofold.research.sweep.executors.shelf import Shelf

_ALIGNED = 64
_LEVEL = 1  # of zlib: a network is slower than that, and faster than more
_INSTALLED = ("site-packages", "dist-packages")
_OURS = Path(__file__).resolve().parents[3]


class Opened(NamedTuple):
    """A place as a worker has it, and its machine code (empty: there is none)."""

    place: Place
    kernel: bytes


def packed(shelf: Shelf, place: Place, kernel: bytes) -> str:
    """Ship a place; returns the parcel's hash.  Raises Setup SFS63 for code that is in no file."""
    module, sources = code_of(place)
    parcel = {
        "name": place.hash,
        "strategy": (module, place.strategy.__qualname__),
        "sources": sources,
        "options": _without_main(place.options),
        "market": ship(shelf, laid(place.market)),
        "kernel": ship(shelf, kernel) if kernel else "",
    }
    return ship(shelf, pickle.dumps(parcel, protocol=5))


def opened(shelf: Shelf, digest: str) -> Opened:
    """The place of a parcel; raises Setup SFS64 where its code does not run here, SFS66 where the rest does not fit."""
    try:
        return _opened(shelf, digest)
    except Error:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        fix = "give the workers your version of Python, NumPy and stratofold"
        raise Setup("SFS66", "a worker cannot open what it was sent", place=digest[:12], why=why, fix=fix) from error


def _opened(shelf: Shelf, digest: str) -> Opened:
    """The place of a parcel."""
    parcel = pickle.loads(fetch(shelf, digest))  # noqa: S301  its hash is the one that the driver named
    module, name = parcel["strategy"]
    strategy: Any = _imported(parcel["sources"], module)
    for part in name.split("."):
        strategy = getattr(strategy, part)
    options = pickle.loads(parcel["options"])  # noqa: S301  of the same parcel
    place = Place(strategy, _mapped(shelf, parcel["market"]), options, "", "", "")
    place.__dict__["hash"] = parcel["name"]
    return Opened(place, fetch(shelf, parcel["kernel"]) if parcel["kernel"] else b"")


def laid(market: MarketData) -> bytes:
    """Market data as bytes: what is small as one pickle, then each column as it lies in memory, all compressed."""
    market.content_hash  # noqa: B018  it travels too, so that the same data give the same bytes
    columns: list[pickle.PickleBuffer] = []
    head = pickle.dumps(market, protocol=5, buffer_callback=columns.append)
    views = [column.raw() for column in columns]
    lengths = pickle.dumps((len(head), [view.nbytes for view in views]))
    body = bytearray(lengths.ljust(_padded_head(len(views)), b"\0"))
    for part in (memoryview(head), *views):
        body += part.cast("B")
        body += bytes(-len(body) % _ALIGNED)
    return zlib.compress(body, _LEVEL)


def _padded_head(columns: int) -> int:
    """How long the part before the parts is."""
    return -(-(256 + 16 * columns) // _ALIGNED) * _ALIGNED


def spread(body: bytes | mmap.mmap) -> MarketData:
    """Market data again; the columns are views of `body`."""
    size, lengths = pickle.load(io.BytesIO(body[:65_536]))  # noqa: S301  checked by its hash
    whole = memoryview(body)
    at = _padded_head(len(lengths))
    parts = []
    for length in (size, *lengths):
        parts.append(whole[at : at + length])
        at += length + -length % _ALIGNED
    found: MarketData = pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  checked by its hash
    return found


def _mapped(shelf: Shelf, digest: str) -> MarketData:
    """Market data out of this machine's own copy, which is written once and mapped."""
    return spread(kept(room() / digest, lambda: zlib.decompress(fetch(shelf, digest))))


def code_of(place: Place) -> tuple[str, dict[str, tuple[bool, str]]]:
    """What the strategy's module is called elsewhere, and the user's modules that it needs: by name, source of each.

    A module of ours, of Python's own or of an installed package stays where it is.  Raises Setup SFS63.
    """
    module = sys.modules[place.strategy.__module__]
    name, file = module.__name__, getattr(module, "__file__", None)
    if name == "__main__" or not file:  # a worker that imported a script would run it
        what = f"{place.strategy.__name__} is written in a script or a notebook, which no worker elsewhere can import"
        raise Setup("SFS63", what, fix='put it into a file of its own and import it; or executor="processes"')
    if not _is_users(file):
        return name, {}
    sources: dict[str, tuple[bool, str]] = {}
    _gather(name, file, sources)
    return name, sources


def _gather(name: str, file: str, sources: dict[str, tuple[bool, str]]) -> None:
    """The source of a module, of the packages that it is in, and of the user's modules that it imports."""
    if name in sources:
        return
    text = Path(file).read_text(encoding="utf-8")
    is_package = Path(file).name == "__init__.py"
    sources[name] = (is_package, text)
    package = name if is_package else name.rpartition(".")[0]
    for wanted in {*_parents(name), *_named(text, package)}:
        origin = _origin(wanted)
        if origin is not None and _is_users(origin):
            _gather(wanted, origin, sources)


def _parents(name: str) -> Iterator[str]:
    """The packages that a module is in."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _named(text: str, package: str) -> Iterator[str]:
    """The modules that some source may import."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)


def _origin(name: str) -> str | None:
    """The file of a module, if there is such a module."""
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__file__", None)
    try:
        found = find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return found.origin if found is not None else None


def _is_users(file: str | None) -> bool:
    """Whether a file is neither ours, nor Python's, nor an installed package's."""
    if not file or not file.endswith(".py"):
        return False
    path = Path(file).resolve()
    roots = (_OURS, Path(os.__file__).resolve().parent)
    return not any(path.is_relative_to(root) for root in roots) and not any(word in path.parts for word in _INSTALLED)


def _without_main(options: object) -> bytes:
    """Assumptions as bytes; raises Setup SFS63 where they are of classes that a script wrote."""
    body = pickle.dumps(options, protocol=5)
    if b"__main__" in body:
        what = "fees, slippage or latency are of a class that is written in this script"
        raise Setup(
            "SFS63", what, why="a worker elsewhere cannot import a script", fix="put the class into a file of its own"
        )
    return body


def _imported(sources: dict[str, tuple[bool, str]], name: str) -> Any:
    """A module out of sources that came along; raises Setup SFS64 for one that does not run here."""
    if sources:
        for module in sources:
            sys.modules.pop(module, None)  # another sweep's, of the same name
        sys.path.insert(0, str(code_in_room(sources)))
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        fix = "a worker has the standard library and NumPy: import nothing else where the strategy is written"
        raise Setup("SFS64", f"{name} cannot be imported by a worker", why=why, fix=fix) from error
