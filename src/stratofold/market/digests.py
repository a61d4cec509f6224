"""Running hashes of a market's columns: of all rows, or of the first so many.

What comes in: the columns of bars.  What goes out: a hash for each column, which may go on.
Why so: what a market is called and what a study has seen of it are hashes of the same bytes, and five years of minutes
take longer to hash than a new day over a thousand cells.  So they are hashed once, with a mark every so many rows.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stratofold.market.data import MarketData

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

BARS = ("time", "symbol", "open", "high", "low", "close", "volume")
_MARK = 16_384  # rows from one mark to the next: so much is hashed again at most
_NOTHING = hashlib.sha256()  # is copied, never added to
_hashed: WeakKeyDictionary[MarketData, dict[int, list[Any]]] = WeakKeyDictionary()


def digests_until(market: MarketData, bars: int) -> list[Any]:
    """A SHA-256 of each of the `BARS` columns' first `bars` rows (an only symbol's column has one); to be read, not to be added to.

    Processors of the last years have instructions for it, and then it takes half the time of BLAKE2b.
    """
    known = _hashed.setdefault(market, {0: [_NOTHING] * len(BARS)})
    marks = sorted(known)
    at = marks[bisect_right(marks, bars) - 1]
    while at < bars:
        following = min(at - at % _MARK + _MARK, bars)
        known[following] = [each.copy() for each in known[at]]
        for digest, name in zip(known[following], BARS, strict=True):
            digest.update(little_endian(getattr(market, name)[at:following]))
        at = following
    return known[bars]


def little_endian(column: Ints | Floats) -> memoryview:
    """The bytes of a column, the same on every machine."""
    import numpy as np

    return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).data
