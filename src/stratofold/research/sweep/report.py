"""A study as one offline HTML page: the best cells, heat maps of the objective, and its distribution.

What comes in: a study.  What goes out: the text of the page; figures are drawn as SVG, and nothing is fetched.
"""

from __future__ import annotations

from html import escape
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.research.stats import as_text, words_for

if TYPE_CHECKING:
    from stratofold.research.sweep.study import Study

_TOP = 25
_MAPS_MAX = 6
_CELLS_MAX = 40  # a side of a heat map; more values share a cell
_BARS = 40
_FIGURES = ("sharpe", "total_return", "cagr", "max_drawdown", "trades", "win_rate", "fees")
_LUCK = (
    "The best of many is partly luck, and costs that were not stated were not charged. "
    "Judge a choice on data it was not made on. Nothing here promises a profit."
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b2733}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .5rem;text-align:right}"
    "td{white-space:nowrap}"
    "th{border-bottom:2px solid #90a4ae}tr:nth-child(even){background:#f3f6f8}svg{max-width:100%;height:auto}"
    "h2{margin-top:2.2rem}figure{margin:1rem 0}figcaption{color:#546e7a}"
)


def page(study: Study) -> str:
    """The whole page."""
    ranked = study.ranked()
    values = study.objectives[0].sign * study.objectives[0].values(ranked) if len(ranked) else np.empty(0)
    head = f"{study.text(1).splitlines()[0]}; objective: {study.objectives[0].text}."
    parts = [
        f"<h1>{escape(study.name)}</h1><p>{escape(head)}</p><p>{_LUCK}</p>",
        f"<h2>Best cells</h2>{_top(study)}",
        *([f"<h2>How the objective is distributed</h2>{_histogram(values)}"] if len(ranked) else []),
        *(
            [f"<h2>Where it is good</h2>{_maps(study, ranked, values)}"]
            if len(study.varied) > 1 and len(ranked)
            else []
        ),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(study.name)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _top(study: Study) -> str:
    """The best cells as a table."""
    top = study.top(_TOP)
    names = ["strategy", "symbols", "window", "costs", *study.varied, *_FIGURES, "cell"]
    head = "".join(f"<th>{escape(words_for(name).label if name in _FIGURES else name)}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(name, row.get(name)))}</td>" for name in names) + "</tr>"
        for row in top.iter_rows(named=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(name: str, value: Any) -> str:
    """A value as text."""
    if name in _FIGURES:
        return as_text(name, value)
    return f"{value:g}" if isinstance(value, float) else str(value)[: 8 if name == "cell" else 16]


def _histogram(values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """How many cells came to what."""
    counts, edges = np.histogram(values, bins=min(_BARS, max(len(values) // 2, 1)))
    width, height = 800, 180
    step = width / len(counts)
    bars = "".join(
        f'<rect x="{k * step:.1f}" y="{height - height * count / counts.max():.1f}" width="{step - 1:.1f}" '
        f'height="{height * count / counts.max():.1f}" fill="#546e7a"><title>{edges[k]:.3g} to {edges[k + 1]:.3g}: '
        f"{count:,}</title></rect>"
        for k, count in enumerate(counts.tolist())
    )
    middle = float(np.median(values))
    caption = f"From {values.min():.3g} to {values.max():.3g}; half of the cells are below {middle:.3g}."
    return f'<figure><svg viewBox="0 0 {width} {height}">{bars}</svg><figcaption>{caption}</figcaption></figure>'


def _maps(study: Study, ranked: Any, values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """A heat map of every pair of parameters: the median of all cells that share the two."""
    pairs = list(combinations([name for name in study.varied if ranked[name].null_count() == 0], 2))[:_MAPS_MAX]
    return "".join(_map(across, down, ranked, values) for across, down in pairs)


def _map(across: str, down: str, ranked: Any, values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """One heat map."""
    columns, left = _binned(ranked[across].to_numpy())
    rows, top = _binned(ranked[down].to_numpy())
    low, high = float(values.min()), float(values.max())
    size = 18
    rects = []
    for column, row in sorted({*zip(columns.tolist(), rows.tolist(), strict=True)}):
        middle = float(np.median(values[(columns == column) & (rows == row)]))
        text = f"{across} {left[column]:g}, {down} {top[row]:g}: {middle:.3g}"
        rects.append(
            f'<rect x="{column * size}" y="{(len(top) - 1 - row) * size}" width="{size}" height="{size}" '
            f'fill="{_colour((middle - low) / (high - low) if high > low else 0.5)}"><title>{escape(text)}</title></rect>'
        )
    caption = (
        f"{escape(across)} from {left[0]:g} (left) to {left[-1]:g}, {escape(down)} from {top[0]:g} (below) to "
        f"{top[-1]:g}; blue {low:.3g}, red {high:.3g}, the median where several cells share a place."
    )
    return (
        f'<figure><svg viewBox="0 0 {len(left) * size} {len(top) * size}" width="{len(left) * size}">{"".join(rects)}'
        f"</svg><figcaption>{caption}</figcaption></figure>"
    )


def _binned(column: Any) -> tuple[Any, Any]:
    """The number of each value among the different ones, and these; neighbours share a number where they are many."""
    numbers = column.astype(np.float64)
    different = np.unique(numbers)
    if len(different) > _CELLS_MAX:
        different = np.linspace(different[0], different[-1], _CELLS_MAX)
    return np.abs(numbers[:, None] - different[None, :]).argmin(axis=1), different


def _colour(share: float) -> str:
    """Blue to white to red."""
    if share < 0.5:
        shade = int(255 * 2 * share)
        return f"rgb({shade},{shade},255)"
    shade = int(255 * 2 * (1 - share))
    return f"rgb(255,{shade},{shade})"
