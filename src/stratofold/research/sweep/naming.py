"""What of cells' names is their parameters': 128 bits for each set, of all sets at once.

What comes in: sets of parameters.  What goes out: two words of 64 bits a set, each as good as random.
Why so: a name tells a cell from every other, and a short cell costs no more than to hash the text of its parameters.
Two words, because two sets with one name among 10**12 cells then have a chance of one to 10**14.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.research.sweep.sets import column_of, is_constant, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from stratofold.research.sweep.sets import Column

    Words = NDArray[np.uint64]

WIDTH = 2  # words a set
_PAST_NINE = np.uint8(ord("a") - ord("9") - 1)
_BEGUN = np.array([0x243F6A8885A308D3, 0x13198A2E03707344], np.uint64)  # the digits of pi: nothing up the sleeve
_ODD = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)  # they make the words of a set differ
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))
_FACTORS = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


def words_of(sets: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Words:
    """A row of words for each set, of the parameters of these names."""
    found = _BEGUN[None].copy()  # one row for all, until a parameter tells them apart
    for name in names:
        found = found ^ _values(values_of(sets, name))
        _mix(found)
    return np.tile(found, (len(sets), 1)) if len(found) != len(sets) else found


def text_of(digests: bytes) -> pl.Series:
    """The names of these bytes as a column: digits are reckoned of all at once, and are nowhere text of Python's."""
    import polars as pl

    pairs = np.frombuffer(digests, np.uint8).astype("<u2")
    digits = (pairs >> 4 | (pairs & 15) << 8).view(np.uint8)  # the upper half of a byte first
    letters = (digits > 9).view(np.uint8) * _PAST_NINE
    digits += letters
    digits += ord("0")
    try:
        return pl.Series(digits.reshape(-1, 16 * WIDTH)).cast(pl.List(pl.UInt8)).cast(pl.Binary).cast(pl.String)
    except pl.exceptions.InvalidOperationError:  # releases of before take no list for bytes
        texts = digests.hex("\n", -8 * WIDTH).split("\n")
        return pl.Series(texts if digests else [], dtype=pl.String)


def _values(column: Column) -> Words:
    """Numbers as words, a row each (one for all if they are alike): by their bits, or by a digest where no array holds them."""
    if isinstance(column, tuple):
        return np.array([_digest(value) for value in column], np.uint64).reshape(-1, WIDTH)
    words = column[:1] if is_constant(column) else column
    found: Words = (words.astype(np.uint64) if words.dtype == np.bool_ else words.view(np.uint64))[:, None] * _ODD
    return found


def _digest(value: Any) -> Words:
    """A number's words: those of its bits where it has them."""
    column = column_of([value])
    if not isinstance(column, tuple):
        found: Words = _values(column)[0]
        return found
    return np.frombuffer(hashlib.blake2b(repr(value).encode(), digest_size=8 * WIDTH).digest(), np.uint64)


def _mix(words: Words) -> None:
    """Make every bit depend on every other of its word: SplitMix64's last steps (Steele, Lea and Flood 2014), one to one."""
    for shift, factor in zip(_SHIFTS, (*_FACTORS, None), strict=True):
        words ^= words >> shift
        if factor is not None:
            words *= factor
