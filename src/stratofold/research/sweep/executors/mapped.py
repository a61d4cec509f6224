"""Things in files, for other processes of this machine: what is an array is mapped there, not copied.

What comes in: anything that can be pickled.  What goes out: a file, and out of it the same thing, its arrays read-only.
Why so: columns are most of what a sweep's workers need, and all of them can read the same pages.
Source: PEP 574, "Pickle protocol 5 with out-of-band data".
"""

from __future__ import annotations

import mmap
import pickle
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_EDGE = 64  # bytes: every array begins on a line of the cache
_END = struct.Struct("<Q")  # where what is no array begins


def write(thing: object, path: Path, dumps: Callable[..., bytes] = pickle.dumps) -> None:
    """A thing to a file: its arrays one after another, then the rest."""
    arrays: list[pickle.PickleBuffer] = []
    rest = dumps(thing, protocol=5, buffer_callback=arrays.append)
    spans = []
    with path.open("wb") as file:
        for each in arrays:
            raw = each.raw()
            file.seek(-file.tell() % _EDGE, 1)
            spans.append((file.tell(), file.tell() + raw.nbytes))
            file.write(raw)
        begun = file.tell()
        file.write(pickle.dumps((rest, spans)))
        file.write(_END.pack(begun))


def read(path: Path) -> Any:
    """The thing in a file; its arrays are the file's pages, for as long as one of them is held."""
    with path.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    (begun,) = _END.unpack(whole[-_END.size :])
    rest, spans = pickle.loads(whole[begun : -_END.size])  # noqa: S301  this sweep's driver has written it
    return pickle.loads(rest, buffers=[whole[first:last] for first, last in spans])  # noqa: S301
