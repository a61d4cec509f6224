"""What an examination says: findings, a table a rule, words for a terminal and JSON for a machine.

What comes in: a `Subject` and what the rules found in it.  What goes out: a `Report`.
Why it is shaped so: one row a finding, with the user's own row number, symbol and time, can be filtered, counted, drawn and
undone; a sentence cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from stratofold.market.cleaning.rules import BY_NAME, ERROR, RULES
from stratofold.market.data import moment_text

if TYPE_CHECKING:
    from stratofold.market.cleaning.subject import Subject

_SHOWN = 3  # examples a rule in the words


@dataclass(frozen=True)
class Report:
    """The findings in a table.

    `findings`: rule, level, action, row, symbol, time, until (ns UTC), count, column, value, expected; a row each, in the
    order of the rules.
    """

    subject: Subject
    findings: pl.DataFrame

    @property
    def rows(self) -> int:
        """Rows examined."""
        return len(self.subject.frame)

    @property
    def errors(self) -> int:
        """Rows with a finding that is an error."""
        return self.findings.filter(pl.col("level") == ERROR)["row"].n_unique()

    def share_bad(self) -> float:
        """The part of rows with an error: what a tolerance is stated in."""
        return self.errors / self.rows

    def table(self) -> pl.DataFrame:
        """A row a rule that found something: rule, level, action, findings, rows, first symbol and time, what it says."""
        order = {rule.name: number for number, rule in enumerate(RULES)}
        counted = self.findings.group_by("rule", maintain_order=True).agg(
            pl.col("level", "action").first(),
            findings=pl.len(),
            rows=pl.col("count").sum(),
            symbol=pl.col("symbol").first(),
            time=pl.col("time").first(),
        )
        says = pl.col("rule").replace_strict(
            {name: rule.says for name, rule in BY_NAME.items()}, return_dtype=pl.String
        )
        place = pl.col("rule").replace_strict(order, return_dtype=pl.Int64)
        return counted.with_columns(says=says).sort(place)

    def quality(self) -> pl.DataFrame:
        """A row a symbol: rows, first and last time (ns UTC), errors, warnings and notes."""
        seen = self.subject.frame.group_by("symbol", maintain_order=True).agg(
            rows=pl.len(), first=pl.col("time").min(), last=pl.col("time").max()
        )
        levels = [
            self.findings.filter(pl.col("level") == level).group_by("symbol").agg(pl.len().alias(f"{level}s"))
            for level in ("error", "warning", "note")
        ]
        for one in levels:
            seen = seen.join(one, "symbol", "left", maintain_order="left")
        return seen.with_columns(pl.col("errors", "warnings", "notes").fill_null(0)).sort("symbol")

    def lines(self) -> list[str]:
        """The report in words."""
        subject = self.subject
        count = subject.frame["symbol"].n_unique()
        head = (
            f"{self.rows:,} {subject.kind} of {count:,} symbol{'s' * (count > 1)}, sessions of {subject.calendar.name}"
        )
        if not len(self.findings):
            return [head, "nothing is wrong with them that the rules know of"]
        return [head, *(line for row in self.table().iter_rows(named=True) for line in self._of_rule(row))]

    def _of_rule(self, row: dict[str, Any]) -> list[str]:
        """One rule and its first examples."""
        examples = self.findings.filter(pl.col("rule") == row["rule"]).head(_SHOWN)
        more = f" (and {row['findings'] - _SHOWN:,} more)" if row["findings"] > _SHOWN else ""
        return [
            f"{row['level']}: {row['rule']}, {row['findings']:,} time{'s' * (row['findings'] > 1)}: {row['says']}",
            *(f"  {self.sentence(example)}" for example in examples.iter_rows(named=True)),
            *([f"  ...{more}"] if more else []),
        ]

    def sentence(self, finding: dict[str, Any]) -> str:
        """One finding: symbol, time, row and what was seen."""
        parts = [f"{finding['symbol']}, {moment_text(finding['time'])}, row {finding['row']}"]
        if finding["value"] is not None:
            seen = f"{finding['column']} {finding['value']:.10g}"
            parts.append(seen if finding["expected"] is None else f"{seen}, expected {finding['expected']:.10g}")
        if finding["until"] is not None:
            parts.append(f"{finding['count']:,} until {moment_text(finding['until'])}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`: counts, the table and every finding up to a thousand."""
        return {
            "source": self.subject.source,
            "kind": self.subject.kind,
            "calendar": self.subject.calendar.name,
            "rows": self.rows,
            "rows_in_error": self.errors,
            "rules": self.table().to_dicts(),
            "symbols": self.quality().to_dicts(),
            "findings": self.findings.head(1_000).to_dicts(),
        }
