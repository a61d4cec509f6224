"""What a catalogue holds: the kinds of rows, their columns, and what makes a row the same row.

What comes in: nothing; these are tables.
What goes out: for each kind its columns in order, and the columns by which a row is known again.
Why it is shaped so: every file of a kind has the same columns of the same types, so that DuckDB, polars, Athena and
Redshift read a folder of them as one table.  A time is a `timestamp` of microseconds, which all of them understand, with
what is left of the nanoseconds beside it; together they are the whole.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from stratofold.errors import Setup

if TYPE_CHECKING:
    import polars as pl

BARS, TRADES, QUOTES, DEPTH, OBSERVATIONS = "bars", "trades", "quotes", "depth", "observations"
ACTIONS, NAMES = "actions", "names"

TIME, NANOS, SYMBOL = "time", "nanos", "symbol"

# Types by the words that SQL and polars share: see `polars_type` and `ddl`.
TIMESTAMP, SMALL, TINY, WHOLE, REAL, TEXT, TRUTH, DAY = (
    "timestamp", "smallint", "tinyint", "bigint", "double", "string", "boolean", "date",
)  # fmt: skip


class Kind(NamedTuple):
    """Columns after `time` and `nanos`; `key` beside time says which rows are one (empty: every value of a row counts)."""

    columns: tuple[tuple[str, str], ...]
    one_a_time: bool  # whether (time, key) has one row, so that another value there is a contradiction
    key: tuple[str, ...] = ()


KINDS = {
    BARS: Kind((("open", REAL), ("high", REAL), ("low", REAL), ("close", REAL), ("volume", REAL)), one_a_time=True),
    TRADES: Kind(
        (
            ("price", REAL), ("size", REAL), ("aggressor", TINY), ("id", WHOLE), ("exchange", TEXT), ("condition", TEXT),
            ("suspicious", TRUTH), ("received_ns", WHOLE),
        ),
        one_a_time=False,
    ),
    QUOTES: Kind(
        (
            ("bid", REAL), ("bid_size", REAL), ("ask", REAL), ("ask_size", REAL), ("id", WHOLE), ("exchange", TEXT),
            ("received_ns", WHOLE),
        ),
        one_a_time=False,
    ),
    DEPTH: Kind(
        (
            ("side", TINY), ("price", REAL), ("size", REAL), ("snapshot", TRUTH), ("first_id", WHOLE), ("final_id", WHOLE),
            ("prev_final_id", WHOLE), ("received_ns", WHOLE),
        ),
        one_a_time=False,
    ),
    OBSERVATIONS: Kind((("series", TEXT), ("about", TIMESTAMP), ("value", REAL), ("text", TEXT)), one_a_time=False),
    ACTIONS: Kind((("action", TEXT), ("value", REAL)), one_a_time=True, key=("action",)),
    NAMES: Kind((("ticker", TEXT), ("last_day", DAY)), one_a_time=True),
}  # fmt: skip

_ROW = ((TIME, TIMESTAMP), (NANOS, SMALL))


def columns_of(kind: str) -> tuple[tuple[str, str], ...]:
    """Every column of a kind's files, in order, with its type."""
    return _ROW + kind_of(kind).columns


def kind_of(kind: str) -> Kind:
    """A kind by its name; raises Setup SFC00 for one that is not known."""
    if kind not in KINDS:
        from difflib import get_close_matches

        near = get_close_matches(kind, KINDS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(KINDS)}"
        raise Setup("SFC00", f"a catalogue has no {kind!r}", fix=fix)
    return KINDS[kind]


@lru_cache(maxsize=16)
def polars_schema(kind: str) -> dict[str, pl.DataType]:
    """The columns of a kind as polars types."""
    import polars as pl

    types = {
        TIMESTAMP: pl.Datetime("us", "UTC"), SMALL: pl.Int16(), TINY: pl.Int8(), WHOLE: pl.Int64(), REAL: pl.Float64(),
        TEXT: pl.String(), TRUTH: pl.Boolean(), DAY: pl.Date(),
    }  # fmt: skip
    return {name: types[word] for name, word in columns_of(kind)}
