"""The page of an examination: the quality table, the rules, and a picture of each kind of defect.

What comes in: a `Report`.  What goes out: one HTML file without scripts, which asks nothing of any network.
Why it is shaped so: whether a spike is an error is seen in a moment on a picture and not in a row of numbers; pictures are
SVG in the file itself, so that a report can be mailed and kept.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from stratofold.market.cleaning.subject import BARS, QUOTES
from stratofold.market.data import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.market.cleaning.report import Report

PICTURES = 4  # a rule
_AROUND = 40  # rows on each side of a finding
_WIDTH, _HEIGHT, _MARGIN = 420, 120, 8


def page(report: Report) -> str:
    """The whole page."""
    title = escape(f"{report.subject.source}: quality of the data")
    parts = [
        f"<h1>{title}</h1>",
        "".join(f"<p>{escape(line)}</p>" for line in (report.lines()[0], *report.subject.notes)),
        f"<p>{report.errors:,} of {report.rows:,} rows are in error ({report.share_bad():.4%}).</p>",
        "<h2>Symbols</h2>",
        _table(report.quality(), ("rows", "errors", "warnings", "notes")),
        "<h2>What was found</h2>" if len(report.findings) else "<h2>Nothing was found</h2>",
        *(_section(report, row) for row in report.table().iter_rows(named=True)),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{_style()}</style></head><body>'
    )
    return head + "\n".join(parts) + "</body></html>\n"


def _style() -> str:
    return (files(__package__) / "page.css").read_text(encoding="utf-8")


def _table(frame: pl.DataFrame, numbers: Sequence[str]) -> str:
    """A frame as a table; times as text."""
    side = {name: ' class="number"' if name in numbers else "" for name in frame.columns}
    head = "".join(f"<th{side[name]}>{escape(name)}</th>" for name in frame.columns)
    rows = (
        "".join(f"<td{side[name]}>{escape(_cell(name, value))}</td>" for name, value in row.items())
        for row in frame.iter_rows(named=True)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(name: str, value: Any) -> str:
    if name in ("first", "last", "time"):
        return moment_text(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _section(report: Report, row: dict[str, Any]) -> str:
    """One rule: what it says, how often, and its first findings as pictures."""
    findings = report.findings.filter(pl.col("rule") == row["rule"])
    figures = "".join(_figure(report, one) for one in findings.head(PICTURES).iter_rows(named=True))
    return (
        f"<h3>{escape(row['level'])}: {escape(row['rule'])}</h3>"
        f"<p>{len(findings):,} time{'s' * (len(findings) > 1)}: {escape(row['says'])}.</p>{figures}"
    )


def _figure(report: Report, finding: dict[str, Any]) -> str:
    """The prices around a finding, and the finding in words."""
    rows = _around(report, finding)
    return (
        f"<figure>{_picture(rows, finding['row'])}<figcaption>{escape(report.sentence(finding))}</figcaption></figure>"
    )


def _around(report: Report, finding: dict[str, Any]) -> pl.DataFrame:
    """Row and price of the rows before and after a finding, of its symbol, in the order of time."""
    subject = report.subject
    price = {BARS: pl.col("close"), QUOTES: (pl.col("bid") + pl.col("ask")) / 2.0}.get(subject.kind, pl.col("price"))
    own = subject.ordered.filter(pl.col("symbol") == finding["symbol"]).select("row", price=price)
    place = own["row"].index_of(finding["row"]) or 0
    return own.slice(max(place - _AROUND, 0), 2 * _AROUND + 1)


def _picture(rows: pl.DataFrame, marked: int) -> str:
    """A line of prices with the marked row as a dot."""
    shown = rows.filter(pl.col("price").is_finite())
    if not len(shown):
        return ""
    low, high = shown["price"].min(), shown["price"].max()
    if not isinstance(low, float) or not isinstance(high, float):
        return ""
    reach, count = (high - low) or 1.0, max(len(shown) - 1, 1)
    points = [
        (
            _MARGIN + number / count * (_WIDTH - 2 * _MARGIN),
            _HEIGHT - _MARGIN - (price - low) / reach * (_HEIGHT - 2 * _MARGIN),
        )
        for number, price in enumerate(shown["price"].to_list())
    ]
    path = "M" + " L".join(f"{across:.1f},{down:.1f}" for across, down in points)
    place = shown["row"].index_of(marked)
    dot = f'<circle cx="{points[place][0]:.1f}" cy="{points[place][1]:.1f}" r="3.5"/>' if place is not None else ""
    label = escape(f"{len(shown)} prices from {low:.6g} to {high:.6g}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}"><path d="{path}"/>{dot}</svg>'
