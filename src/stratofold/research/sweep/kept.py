"""Files of states: where the cells of a place stood, by their names.

What comes in: names and bytes.  What goes out: a file; and out of files, the state of a cell that is asked for.
Why so: a new day reads every state and writes every one again, so they are neither compressed nor copied about: half of
what a day cost was to press them and to press them out again.  A file is read by mapping it.  A state that
a disk has spoilt would go on to wrong figures, so each has its CRC-32, and one that does not agree is none.

    "SFSTATES" | how many | bytes of the names | the names, a line each | lengths | CRC-32s | the states
"""

from __future__ import annotations

import mmap
import struct
from array import array
from itertools import accumulate, pairwise, repeat
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIX = ".states"
_MAGIC = b"SFSTATES"
_HEAD = struct.Struct("<8sQQ")
_WORD = "Q"


def file_of(rows: Sequence[tuple[str, bytes]]) -> bytes:
    """Names and states as the bytes of a file."""
    names = "\n".join([name for name, _ in rows]).encode()
    states = [state for _, state in rows]
    about = array(_WORD, [*map(len, states), *map(crc32, states)])
    return b"".join([_HEAD.pack(_MAGIC, len(rows), len(names)), names, about, *states])


class Kept:
    """The states in some files; of two of one name the later counts."""

    def __init__(self) -> None:
        """None yet."""
        self._files: list[mmap.mmap] = []
        self._rows: dict[str, tuple[mmap.mmap, tuple[int, int], int]] = {}

    def add(self, path: Path) -> None:
        """The states of one file more; raises ValueError for one that is not whole, and OSError."""
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._files.append(content)
        magic, count, size = _HEAD.unpack_from(content) if len(content) >= _HEAD.size else (b"", 0, 0)
        first = _HEAD.size + size + 16 * count
        if magic != _MAGIC or first > len(content):
            raise ValueError("it is no file of states, or cut short")
        names = content[_HEAD.size : _HEAD.size + size].decode().split("\n")
        about = array(_WORD, content[_HEAD.size + size : first])
        lengths, sums = about[:count], about[count:]
        if len(names) != count or first + sum(lengths) != len(content):
            raise ValueError("it is not whole")
        spans = pairwise(accumulate(lengths, initial=first))
        self._rows.update(zip(names, zip(repeat(content, count), spans, sums, strict=True), strict=True))

    def __len__(self) -> int:
        """How many states."""
        return len(self._rows)

    def get(self, name: str) -> bytes:
        """The state of a cell; empty where there is none, or it is not as it was written."""
        row = self._rows.get(name)
        if row is None:
            return b""
        content, (first, last), summed = row
        state = content[first:last]
        return state if crc32(state) == summed else b""

    def close(self) -> None:
        """Let go of the files."""
        self._rows.clear()
        while self._files:
            self._files.pop().close()
