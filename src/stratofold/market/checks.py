"""What bars must obey before anything is computed from them.

What comes in: the columns of one table, in the table's own order, so that a row number is the user's.
What goes out: nothing, or one `Setup` that names table, symbol, row, time, reason and fix.
Why it is shaped so: the good case is a dozen vectorised comparisons over pieces that stay in the processor's cache; only
when one fails is it worth finding out which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.market.data import moment_text
from stratofold.market.spelling import row_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratofold.market.data import Floats, Ints

    Flags = NDArray[np.bool_]

_PIECE = 32_768  # rows: five columns of it stay in a second-level cache
_DUST = 1e-9  # relative: what adjusting prices by a factor leaves between a high and the close that made it
_DECIMALS_MAX = 8


class Block(NamedTuple):
    """The rows of one table: `time` as nanoseconds UTC of the close, `code` numbering `symbols`."""

    source: str
    symbols: tuple[str, ...]
    code: Ints
    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    rows: Ints | None = None

    def place(self, row: int) -> str:
        """Table, symbol, row and time, as an error names them."""
        symbol = self.symbols[int(self.code[row]) if len(self.code) > 1 else 0]
        number = row if self.rows is None else int(self.rows[row])
        return f"{self.source}, {symbol}, {row_text(self.source, number)}, {moment_text(int(self.time[row]))}"


def check_order(block: Block) -> None:
    """Within each symbol times rise; raises Setup where one falls or repeats."""
    if len(block.symbols) == 1:
        rising = block.time[1:] > block.time[:-1]
        if not rising.all():
            row = int(rising.argmin())
            raise _out_of_order(block, row, row + 1)
        return
    order = np.argsort(block.code.astype(np.int16 if len(block.symbols) < 2**15 else np.int64), kind="stable")
    time, code = block.time[order], block.code[order]
    wrong = np.flatnonzero((time[1:] <= time[:-1]) & (code[1:] == code[:-1]))
    if len(wrong):
        raise _out_of_order(block, int(order[wrong[0]]), int(order[wrong[0] + 1]))


def _out_of_order(block: Block, before: int, after: int) -> Setup:
    if block.time[before] == block.time[after]:
        number = before if block.rows is None else int(block.rows[before])
        return Setup(
            "SF203",
            "two bars of one symbol have the same time",
            place=block.place(after),
            why=f"{row_text(block.source, number)} has it too, and only one of them can be right",
            fix="drop the duplicates, keeping the right one",
        )
    return Setup(
        "SF202",
        "times go backwards",
        place=block.place(after),
        why=f"the bar before it is of {moment_text(int(block.time[before]))}",
        fix="sort the table by time",
    )


def check_prices(block: Block) -> Block:
    """Prices and volumes that can be; raises Setup for the first that cannot.

    A high or low that misses the open or close by less than a billionth is widened to it, in a copy.
    """
    for first in range(0, len(block.time), _PIECE):
        piece = slice(first, first + _PIECE)
        if not _sound(*(column[piece] for column in (block.open, block.high, block.low, block.close, block.volume))):
            return _mended_or_refused(block)
    return block


def _sound(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> bool:
    """Every rule at once; a NaN makes its comparison false."""
    fine = low > 0.0
    fine &= low <= open_
    fine &= low <= close
    fine &= open_ <= high
    fine &= close <= high
    fine &= high < np.inf
    fine &= volume >= 0.0
    fine &= volume < np.inf
    return bool(fine.all())


def _mended_or_refused(block: Block) -> Block:
    """Rule by rule, the gravest first; what passes them all misses by dust, and is swept."""
    for name in ("open", "high", "low", "close", "volume"):
        unknown = Setup("SF204", f"the {name} is not a number", fix="drop the row or fill it in")
        _refuse_where(block, ~np.isfinite(getattr(block, name)), name, unknown)
    for name in ("open", "high", "low", "close"):
        nothing = Setup("SF205", f"the {name} is zero or negative", fix="drop the row or correct the price")
        _refuse_where(block, getattr(block, name) <= 0.0, name, nothing)
    owed = Setup("SF208", "the volume is negative", fix="correct it; an unknown volume is 0")
    _refuse_where(block, block.volume < 0.0, "volume", owed)
    dust = _DUST * block.high
    crossed = Setup("SF206", "the high is below the low", fix="swap or correct them")
    _refuse_where(block, block.high < block.low - dust, "high", crossed)
    for name in ("open", "close"):
        price = getattr(block, name)
        outside = Setup("SF207", f"the {name} is outside low and high", fix="correct the row")
        _refuse_where(block, (price > block.high + dust) | (price < block.low - dust), name, outside)
    return block._replace(
        high=np.maximum(np.maximum(block.high, block.low), np.maximum(block.open, block.close)),
        low=np.minimum(np.minimum(block.high, block.low), np.minimum(block.open, block.close)),
    )


def _refuse_where(block: Block, wrong: Flags, name: str, error: Setup) -> None:
    """Raise the error for the first wrong row, saying what the row holds and how many there are."""
    rows = np.flatnonzero(wrong)
    if len(rows) == 0:
        return
    row = int(rows[0])
    columns = ("open", "high", "low", "close", "volume")
    held = ", ".join(f"{column} {float(getattr(block, column)[row]):.10g}" for column in columns)
    others = f"; so it is in {len(rows):,} rows" if len(rows) > 1 else ""
    error.what = f"{error.what}: {float(getattr(block, name)[row]):.10g}"
    error.place = block.place(row)
    error.why = f"the row is {held}{others}"
    raise error


def price_decimals(*columns: Floats) -> int:
    """The smallest of 2, 4, 6 decimals on which all prices lie, else 8."""
    decimals = 2
    # The first few rows nearly always settle it, so that the rest is gone through once.
    for first, last in ((0, 32), *((first, first + _PIECE) for first in range(0, len(columns[0]), _PIECE))):
        piece = np.concatenate([column[first:last] for column in columns])
        while decimals < _DECIMALS_MAX and not _on_grid(piece, 10.0**decimals):
            decimals += 2
    return decimals


def _on_grid(prices: Floats, scale: float) -> bool:
    """Whether each price is the double nearest to its decimal, as `fold.grid.to_grid` puts it."""
    nearest = prices * scale
    np.rint(nearest, nearest)
    nearest /= scale
    return bool((nearest == prices).all())
