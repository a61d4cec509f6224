"""How often the cells of a sweep ask for the same: whether what is quickly computed is worth a tape.

What comes in: a strategy, sets of parameters, a market.  What goes out: yes or no.
Why so: to write a tape takes what some readings of it save, and tapes that have no room are written again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.research.sweep.sets import Sets, is_constant, values_of
from stratofold.research.sweep.settled import reads_of
from stratofold.research.sweep.tapes import BYTES_MAX, longest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData

_AHEAD = 1 << 12  # cells
READINGS_LEAST = 6  # of each tape: an average of 100,000 bars takes as long to write as four readings of it save


def is_read_often(strategy: type[Strategy], sets: Sequence[Mapping[str, Any]], market: MarketData) -> bool:
    """Whether many of these cells make each of their parts alike, and there is room for a tape of every one there is.

    What an object shows beside its answer takes room too, and is not known here: a block sees when there is none.
    What a part is made of is read off `setup`; where that does not say, each may be made of every parameter that varies.
    The first cells of many are asked about with those that follow: else they would lay out an engine for themselves.
    """
    sets = sets.ahead(_AHEAD) if isinstance(sets, Sets) else sets
    if len(sets) < READINGS_LEAST:
        return False
    reads = reads_of(strategy)
    parts = reads.parts.values() if reads is not None and reads.parts is not None else [[name] for name in sets[0]]
    counts = [count for names in parts if (count := _distinct(sets, names)) > 0]
    if not counts or max(counts) * READINGS_LEAST > len(sets):
        return False
    return sum(counts) * 8 * len(market.symbols) * longest(market) <= BYTES_MAX


def _distinct(sets: Sequence[Mapping[str, Any]], names: Collection[str]) -> int:
    """How many different ones there are of what is made of these parameters; 0 where none of them is stated."""
    stated = [name for name in names if name in sets[0]]
    if not stated:
        return 0
    try:
        columns = [values_of(sets, name) for name in stated]
    except KeyError:  # one that another set does not state
        return len(sets)
    return len(set(zip(*map(_listed, columns), strict=True)))


def _listed(column: Any) -> Any:
    """A column's values; of one that is the same throughout, that is all there is to know."""
    return (
        [column[0]] * len(column) if is_constant(column) else column.tolist() if hasattr(column, "tolist") else column
    )
