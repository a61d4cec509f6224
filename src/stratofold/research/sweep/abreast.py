"""Cells of which every part has been packed before: hundreds of them in one call of machine code.

What comes in: sets of parameters, and the mould that has the parts.  What goes out: which parts each cell is made of, and
the sums that the cells have come to.
Why so: what is the same for many cells is looked up once, as columns; to put one together, to run it and to note its sums
is machine code's (`kernel.series`).  A cell of which a part is not known is done alone, and others find the part.  One
that does not come to its end in machine code is left over, and done as any other that was left to Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.fold.run import CROWDED
from stratofold.research.sweep.columns import SUMS
from stratofold.research.sweep.sets import are_same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from stratofold.kernel.series import Copies, Noted, Series
    from stratofold.research.sweep.laid import Laid
    from stratofold.research.sweep.mould import Mould
    from stratofold.research.sweep.tapes import Tape, Tapes

    Words = NDArray[np.uint64]
    Places = NDArray[np.intp]

CELLS_MAX = 1 << 12  # that are looked at together
_EVENTS_MAX = 1 << 22  # of one call: Python hears of an interrupt after it


class Part(NamedTuple):
    """A part of cells that machine code can put in its place, and the tape that it reads."""

    copies: Copies
    tape: Tape | None


class Pattern:
    """What of some cells' parts is their parameters' alone, and so the same on every market.

    By kind: what its parts are called, and which of them each cell has.
    """

    def __init__(self, mould: Mould, words: Words, sets: Sequence[Mapping[str, Any]]) -> None:
        """`words` are the parameters of each set, a column each, as machine code has them."""
        self.words = words
        self.which: list[Places] = []
        self.keys: list[list[bytes]] = []
        self._sets = sets
        self._names = [kind.name for kind in mould.kinds]
        for kind in mould.kinds:
            first, which = _alike(words, kind.picks)
            self.which.append(which)
            self.keys.append([kind.key(mould.values_of(sets[row])) for row in first.tolist()])

    def is_of(self, mould: Mould, sets: Sequence[Mapping[str, Any]]) -> bool:
        """Whether it is of these very sets."""
        return [kind.name for kind in mould.kinds] == self._names and are_same(sets, self._sets)


class Seats:
    """The parts that each of some cells is made of."""

    def __init__(self, mould: Mould, pattern: Pattern) -> None:
        """As far as the mould has them."""
        self._mould = mould
        self._age = mould.age
        self._pattern = pattern
        self._words, self._which, self._keys = pattern.words, pattern.which, pattern.keys
        self._alive: list[Part] = []
        self._pieces = np.zeros((len(self._words), len(mould.kinds)), np.uint64)
        for number, (which, keys) in enumerate(zip(self._which, self._keys, strict=True)):
            parts = [mould.part_of(number, key) for key in keys]
            addresses = np.array([0 if part is None else part.copies.address for part in parts], np.uint64)
            self._pieces[:, number] = addresses[which]
            self._alive += [part for part in parts if part is not None]
        self._unknown = np.count_nonzero(self._pieces == 0, axis=1)
        self._is_full = not self._unknown.any()
        self._read: list[tuple[Tape, int]] | None = None  # the tapes of all cells, and how many readings of each

    def is_still(self, mould: Mould, pattern: Pattern) -> bool:
        """Whether these are the parts of these cells, as they are on the next market of one engine: all of them, as they were."""
        return self._is_full and self._mould is mould and mould.age == self._age and self._pattern is pattern

    def _find(self, number: int, place: int) -> None:
        """Look for one part of one kind."""
        part = self._mould.part_of(number, self._keys[number][place])
        if part is not None:
            mine = self._which[number] == place
            self._pieces[mine, number] = part.copies.address
            self._unknown[mine] -= 1
            self._alive.append(part)

    @property
    def readings(self) -> int:
        """How many more than two readings of each tape there will be, of kinds with many."""
        kinds = zip(self._mould.kinds, self._keys, strict=True)
        return sum(max(len(self._words) - 2 * len(keys), 0) for kind, keys in kinds if kind.name in self._mould.taped)

    def missing_done(self, alone: Callable[[int], None], first: int) -> Places:
        """Have cells done alone until the parts of all others are known, those of many unknown ones first; returns the others.

        `alone` counts them from another one on, of which this is the `first`.
        """
        is_left = np.ones(len(self._words), np.bool_)
        while self._unknown[row := int(self._unknown.argmax())] > 0:
            alone(first + row)
            self._look(row)
            is_left[row] = False
            self._unknown[row] = 0
        return np.flatnonzero(is_left)

    def _look(self, row: int) -> None:
        """Look again for the parts of one cell, which has been done alone."""
        if self._mould.age == self._age:
            for number in np.flatnonzero(self._pieces[row] == 0).tolist():
                self._find(number, int(self._which[number][row]))

    def is_whole(self, laid: Laid | None) -> bool:
        """Whether the parts are all there still, and are this program's."""
        return laid is not None and laid.guests.mould is self._mould and self._mould.age == self._age

    def run(self, laid: Laid, rows: Places, tapes: Tapes | None) -> Sums | None:
        """The sums of some cells; None where a part of them is not there any more."""
        series, are_all = self._mould.series(SUMS), len(rows) == len(self._words)
        pieces, words = (self._pieces, self._words) if are_all else (self._pieces[rows], self._words[rows])
        if series is None or not len(rows) or (tapes is not None and not self._is_read(pieces, tapes)):
            return None
        laid.program.begin(series, pieces, words, laid.events, CROWDED)
        is_done, columns = _carried(laid.events, series, len(rows))
        return Sums(rows[is_done], columns, rows[~is_done])

    def _is_read(self, pieces: Words, tapes: Tapes) -> bool:
        """Tell the tapes how many cells read them; whether they are all there still."""
        now = self._readings_of(pieces) if pieces is not self._pieces or self._read is None else self._read
        if pieces is self._pieces:
            self._read = now
        if tapes.read_again([tape for tape, _ in now], sum(count for _, count in now)):
            return True
        self._mould.forget()
        return False

    def _readings_of(self, pieces: Words) -> list[tuple[Tape, int]]:
        """The tapes of some cells, and how many of them read each."""
        at = {part.copies.address: part.tape for part in self._alive}
        addresses, counts = np.unique(pieces, return_counts=True)
        read = [(at[address], count) for address, count in zip(addresses.tolist(), counts.tolist(), strict=True)]
        return [(tape, count) for tape, count in read if tape is not None]


class Sums(NamedTuple):
    """Which of some cells came to their end, a column for each of `SUMS` of those, and which were left to Python."""

    done: Places
    columns: Noted
    left: Places


def _carried(events: int, series: Series, count: int) -> tuple[NDArray[np.bool_], Noted]:
    """All runs of a series to their end: which came to it, and the columns of those."""
    is_done = np.ones(count, np.bool_)
    step = max(_EVENTS_MAX // max(events, 1), 1)
    at = 0
    while at < count:
        end = min(at + step, count)
        at = series.go_on(at, end)
        if at < end:
            is_done[at] = False
            at += 1
    return is_done, series.columns(is_done)


def _alike(words: Words, picks: Sequence[int]) -> tuple[Places, Places]:
    """The first row of those that are alike in some columns, and for every row which of these it is like."""
    varied = [pick for pick in picks if (words[:, pick] != words[0, pick]).any()]
    if not varied:
        return np.zeros(1, np.intp), np.zeros(len(words), np.intp)
    which: NDArray[Any] = words[:, varied[0]]
    for pick in varied[1:]:
        _, which = np.unique(which, return_inverse=True)
        _, each = np.unique(words[:, pick], return_inverse=True)
        which = which * (int(each.max()) + 1) + each
    _, first, found = np.unique(which, return_index=True, return_inverse=True)
    return first, found
