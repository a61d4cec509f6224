"""What a rule found, as columns: row, until, count, column, value, expected."""

from __future__ import annotations

import polars as pl

SCHEMA = {
    "row": pl.UInt32,
    "until": pl.Int64,
    "count": pl.Int64,
    "column": pl.String,
    "value": pl.Float64,
    "expected": pl.Float64,
}


def nothing() -> pl.DataFrame:
    """No row."""
    return pl.DataFrame(schema=SCHEMA)


def found(
    rows: pl.DataFrame,
    column: str | None = None,
    *,
    value: pl.Expr | None = None,
    expected: pl.Expr | None = None,
    until: pl.Expr | None = None,
    count: pl.Expr | None = None,
) -> pl.DataFrame:
    """Rows of a subject as findings; the value is the column's own where none is given."""
    absent = pl.lit(None)
    seen = value if value is not None else pl.col(column) if column is not None else absent
    return rows.select(
        row=pl.col("row").cast(pl.UInt32),
        until=(absent if until is None else until).cast(pl.Int64),
        count=(pl.lit(1) if count is None else count).cast(pl.Int64),
        column=pl.lit(column, dtype=pl.String),
        value=seen.cast(pl.Float64),
        expected=(absent if expected is None else expected).cast(pl.Float64),
    )
