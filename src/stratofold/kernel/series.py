"""Runs of one program that differ in their guests alone, hundreds of them in one call.

What comes in: a program whose guests are put together out of pieces that were packed before, the pieces of each run, and
the numbers that are its own.  What goes out: chosen numbers of the first root as each run has left them.
Why so: to copy a guest's pieces into place, to call the kernel and to note its sums is nothing that Python has to be
asked about, and asking it takes longer than some runs do.  So a short function of machine code, which is in the kernel's
file, does that run by run.  It stops at a run that does not end as it should, and whoever called it decides.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.kernel.blocks import Block, Piece, address_of
from stratofold.kernel.loader import Image
from stratofold.kernel.series_text import (
    ALL,
    ANSWER,
    AT,
    END,
    FUNCTION,
    NAME,
    NOTED,
    PIECES,
    RESULT,
    ROOTS,
    STOP,
    STRIDE,
    WORDS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

_ODD = (
    15  # or-ed to the length of columns: a power of two apart, a run's notes would all fall into one set of the cache
)
_KINDS = {"q": np.int64, "d": np.float64}


class Copies(NamedTuple):
    """What is to be copied where for one piece, as the machine code reads it; the piece is kept alive."""

    words: "Words"
    address: int
    piece: Piece


class Noted(Mapping[str, Any]):
    """Numbers of runs by name: rows of one array of words, so that those of many series are put together at once."""

    def __init__(self, kinds: Mapping[str, tuple[int, type]], words: "Words") -> None:
        """`kinds` says in which row the numbers of a name are, and of what type."""
        self.kinds = kinds
        self.words = words

    def __getitem__(self, name: str) -> "NDArray[Any]":
        """A number of each run."""
        row, kind = self.kinds[name]
        found: NDArray[Any] = self.words[row].view(kind)
        return found

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self.kinds)

    def __len__(self) -> int:
        """How many names."""
        return len(self.kinds)


class Series:
    """Runs of one program: pieces of each, and numbers of each that are written where the guest has them."""

    def __init__(
        self, image: Image, block: Block, roots: Sequence[int], rest: Piece, spans: Sequence[tuple[int, int]],
        rows: Sequence[tuple[str, int, str]],
    ) -> None:  # fmt: skip
        """`rest` is what all guests have, `spans` where in it numbers go and how many bytes they are there.

        `rows` are names, offsets and codes of the first root's numbers that are noted.
        """
        self._call = image.function(ctypes.c_int64, (ctypes.c_void_p,), NAME)
        self._block = block
        self.rest = rest
        self._spans = spans
        self._kinds: dict[str, tuple[int, type]] = {name: (k, _KINDS[code]) for k, (name, _, code) in enumerate(rows)}
        self._places = np.array([roots[0] + offset for _, offset, _ in rows], np.uint64)
        self._result = np.zeros(1, np.int64)
        self._plan = np.zeros(WORDS, np.uint64)
        self._plan[FUNCTION], self._plan[RESULT] = image.address + image.header["entry"], address_of(self._result)
        self._plan[ROOTS : ROOTS + 3] = roots
        self._alive: list[Any] = []
        self._noted = np.zeros((len(rows), 0), np.uint64)

    def copies(self, piece: Piece, former: Copies | None = None) -> Copies:
        """A piece for `begin`; `former` is the same piece where it lay in another program."""
        place = piece.place + self._block.shift
        if former is not None and former.piece.content is piece.content:
            words = former.words.copy()
            words[1] = place
        else:
            rows = [(place, address_of(piece.content), len(piece.content)), *_restored(piece)]
            words = np.array([len(rows), *(word for row in rows for word in row)], np.uint64)
        return Copies(words, words.__array_interface__["data"][0], piece)

    def begin(self, pieces: "Words", numbers: "Words", stop: int, answer: int) -> None:
        """Runs to `stop`: the addresses of the pieces of each, a row each, and its numbers; one that gives `answer` is not at its end."""
        count, wide = pieces.shape
        seated = self._block.seated
        at, first = self.rest.place + self._block.shift, address_of(numbers)
        rows = [(self._block.start + self._block.shift, address_of(seated), 0, len(seated))]
        rows += [(at, address_of(self.rest.content), 0, len(self.rest.content))]
        rows += [(goal, source, 0, size) for goal, source, size in _restored(self.rest)]
        rows += [(at + place, first + 8 * k, 8 * len(self._spans), size) for k, (place, size) in enumerate(self._spans)]
        every = np.array(rows, np.uint64)
        self._noted = np.empty((len(self._kinds), count | _ODD), np.uint64)
        plan = self._plan
        plan[STOP], plan[AT], plan[ANSWER] = stop, 0, answer
        plan[ALL : ALL + 2] = len(rows), address_of(every)
        plan[PIECES : PIECES + 2] = wide, address_of(pieces)
        plan[NOTED : NOTED + 3] = len(self._kinds), address_of(self._places), address_of(self._noted)
        plan[STRIDE] = count | _ODD
        self._alive = [seated, every, pieces, numbers]

    def go_on(self, at: int, end: int) -> int:
        """Carry runs from `at` on to their end, up to the run `end`; returns the number of the one that it stopped at, or `end`."""
        self._plan[AT], self._plan[END] = at, end
        return int(self._call(self._plan.ctypes.data))

    def columns(self, chosen: "NDArray[np.bool_]") -> Noted:
        """What was noted of the chosen runs."""
        words = self._noted[:, : len(chosen)] if chosen.all() else self._noted[:, np.flatnonzero(chosen)]
        return Noted(self._kinds, words)


def _restored(piece: Piece) -> list[tuple[int, int, int]]:
    """What `Piece.restore` does: to where, from where, bytes."""
    pairs = [(values.buffer_info()[0], copy.buffer_info()[0], values) for values, copy in piece.copies]
    return [(goal, source, len(values) * values.itemsize) for goal, source, values in pairs]
