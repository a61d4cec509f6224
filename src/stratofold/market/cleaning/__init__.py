"""Cleaning: what is wrong with market data, said row by row; what is done about it, listed and undone.

What comes in: a table of bars, trades or quotes.
What goes out: a `Report` of findings by declared rules; a clean table beside its changes, never in its place.
Why it is shaped so: wrong data is the commonest reason why a backtest lies, and data mended in silence the second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from stratofold.market.cleaning.change import Cleaned, clean, undo
from stratofold.market.cleaning.companies import companies
from stratofold.market.cleaning.found import SCHEMA
from stratofold.market.cleaning.report import Report
from stratofold.market.cleaning.rules import RULES, Rule, Tolerance
from stratofold.market.cleaning.subject import Subject, understand

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RULES", "Cleaned", "Report", "Rule", "Subject", "Tolerance", "check", "clean", "undo"]


def check(
    data: Any,
    *,
    source: str | None = None,
    kind: str | None = None,
    tolerance: Tolerance | None = None,
    rules: Iterable[Rule] = RULES,
    timezone: str | None = None,
    calendar: str = "auto",
    names: pl.DataFrame | None = None,
    splits: pl.DataFrame | None = None,
) -> Report:
    """Examine a frame, or the file of a path, by the rules.

    `source` is what the report calls it.  `kind`: "bars", "trades" or "quotes", otherwise told by the columns.  `names`: a map of tickers to companies (see
    `companies`).  `splits`: symbol and date or time of the splits that are known.  Raises Setup for what is no such table.
    """
    frame, known = _frame(data)
    subject = understand(
        frame,
        tolerance or Tolerance(),
        source=source or known,
        kind=kind,
        timezone=timezone,
        calendar_name=calendar,
        companies=None if names is None else companies(names),
        splits=None if splits is None else _days(splits),
    )
    return examine(subject, rules)


def examine(subject: Subject, rules: Iterable[Rule] = RULES) -> Report:
    """Every rule of the subject's kind, in their order."""
    parts = [
        rule.find(subject).with_columns(rule=pl.lit(rule.name), level=pl.lit(rule.level), action=pl.lit(rule.action))
        for rule in rules
        if subject.kind in rule.kinds
    ]
    head = ("rule", "level", "action", "row", "symbol", "time")
    rows = subject.frame.select(pl.col("row").cast(pl.UInt32), "symbol", "time")
    findings = pl.concat(parts).join(rows, "row", "left", maintain_order="left")
    return Report(subject, findings.select(*head, *(name for name in SCHEMA if name != "row")))


def _frame(data: Any) -> tuple[pl.DataFrame, str]:
    """A polars frame and what to call it."""
    if isinstance(data, str | Path):
        from stratofold.market.files import frames

        found = list(frames(data))
        return pl.concat([frame for _, _, frame in found], how="vertical_relaxed"), str(data)
    if isinstance(data, pl.DataFrame):
        return data, "the frame"
    from stratofold.market.frames import as_polars

    return as_polars(data, "the frame"), "the frame"


def _days(splits: pl.DataFrame) -> pl.DataFrame:
    """Splits by symbol and day since 1970."""
    day = next(name for name in splits.columns if name.lower() in ("date", "time", "day"))
    return splits.select(pl.col("symbol").cast(pl.String), day=pl.col(day).cast(pl.Date).cast(pl.Int64))
