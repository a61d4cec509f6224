"""Cleaning: what is done about the findings, listed, and undone.

What comes in: a `Report`.  What goes out: another table, and a change for every row that is not as it was.
Why it is shaped so: a repair that nobody can see is the worst of defects; nothing is mended in place, every row of the
clean table says which row of the source it was (`source_row`), and clean table and changes together are the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.errors import Setup
from stratofold.market.cleaning.rules import DROP, MOVE, SEPARATE

if TYPE_CHECKING:
    from stratofold.market.cleaning.report import Report
    from stratofold.market.cleaning.subject import Subject

SOURCE_ROW = "source_row"


class Cleaned(NamedTuple):
    """`table`: the source's own columns and `source_row`; `changes`: rule, action, source_row, and the row as it was."""

    table: pl.DataFrame
    changes: pl.DataFrame


def clean(report: Report) -> Cleaned:
    """Drop what is an error, put rows in order, and tell companies of one ticker apart.

    A ticker's earlier companies get the name that the map of names has for them, or `TICKER~1`, `TICKER~2` in order of
    time; the last keeps the ticker.  Raises Setup where the table has no column of symbols to write that to.
    """
    subject = report.subject
    original = subject.original.with_row_index(SOURCE_ROW)
    found = report.findings
    dropped = found.filter(pl.col("action") == DROP).unique("row", keep="first", maintain_order=True)
    acted = found.join(dropped, "row", "anti", maintain_order="left")
    table = original.join(dropped.select(pl.col("row").alias(SOURCE_ROW)), SOURCE_ROW, "anti", maintain_order="left")
    changes = [_change(original, dropped)]
    if len(moved := acted.filter(pl.col("action") == MOVE)):
        table = _in_order(table, subject)
        changes.append(_change(original, moved))
    if len(acted.filter(pl.col("action") == SEPARATE)):
        table, separated = _separated(table, subject)
        changes.append(_change(original, separated))
    return Cleaned(table, pl.concat(changes).sort(SOURCE_ROW))


def undo(cleaned: Cleaned) -> pl.DataFrame:
    """The source, out of the clean table and its changes."""
    was = cleaned.changes.drop("rule", "action")
    kept = cleaned.table.join(was.select(SOURCE_ROW), SOURCE_ROW, "anti", maintain_order="left")
    return pl.concat([kept, was]).sort(SOURCE_ROW).drop(SOURCE_ROW)


def _change(original: pl.DataFrame, acted: pl.DataFrame) -> pl.DataFrame:
    """The rows as they were, with what was done to them and by which rule."""
    done = acted.select("rule", "action", pl.col("row").alias(SOURCE_ROW))
    return done.join(original, SOURCE_ROW, "left", maintain_order="left")


def _in_order(table: pl.DataFrame, subject: Subject) -> pl.DataFrame:
    """Rows in order of time, those of one time as they came."""
    times = subject.frame.select(pl.col("row").alias(SOURCE_ROW), pl.col("time").alias("_time"))
    return table.join(times, SOURCE_ROW, "left", maintain_order="left").sort("_time", SOURCE_ROW).drop("_time")


def _separated(table: pl.DataFrame, subject: Subject) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table with a name of its own for each earlier company, and what was renamed."""
    column = subject.columns.get("symbol")
    if column is None:
        raise Setup(
            "SF644", "two companies in a table without symbols", place=subject.source, fix="add a column of symbols"
        )
    named = _names(subject)
    joined = table.join(named, SOURCE_ROW, "left", maintain_order="left")
    other = pl.col("_name").is_not_null() & (pl.col("_name") != pl.col(column).cast(pl.String))
    renamed = joined.filter(other).select(
        rule=pl.lit("ticker reuse"),
        action=pl.lit(SEPARATE),
        row=pl.col(SOURCE_ROW),
        symbol=pl.col(column).cast(pl.String),
    )
    name = pl.when(other).then(pl.col("_name")).otherwise(pl.col(column).cast(pl.String))
    kind = table.schema[column]
    table = joined.with_columns(name.cast(kind if kind == pl.String else pl.String).alias(column)).drop("_name")
    return table, renamed


def _names(subject: Subject) -> pl.DataFrame:
    """The name of each sound row's company: by the map, or numbered; the last company keeps the ticker."""
    last = pl.col("part").max().over("symbol")
    numbered = pl.format("{}~{}", pl.col("symbol"), pl.col("part").rank("dense").over("symbol"))
    name = pl.when(pl.col("part") == last).then(pl.col("symbol")).otherwise(numbered)
    if subject.companies is not None:
        known = pl.col("company")
        name = pl.when(pl.col("part") == last).then(pl.col("symbol")).otherwise(pl.coalesce(known, numbered))
    return subject.sound.select(pl.col("row").alias(SOURCE_ROW), name.alias("_name"))
