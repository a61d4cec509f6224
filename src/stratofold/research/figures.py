"""Pictures as SVG text: lines, histograms, heat maps, points, parallel coordinates, bars.

What comes in: numbers.
What goes out: a `<figure>` that needs no script and takes its colours from the page, so it is dark where the page is.
Why it is shaped so: a page that runs nothing can be mailed to anybody; what a mouse would show stands in each mark's title.
"""

from __future__ import annotations

from datetime import date
from html import escape
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Text = Callable[[float], str]

WIDTH = 760.0
SHADES = 9  # classes q0 to q8 of figures.css
LINE_POINTS_MAX = 1_200
DOTS_MAX = 1_500


class Mark(NamedTuple):
    """A line across a figure at a value, with its name; `kind` is a class of figures.css."""

    value: float
    name: str
    kind: str = ""


class Curve(NamedTuple):
    """A line of a chart."""

    values: Doubles
    name: str
    kind: str = "accent"


class _Plot:
    """A field with two linear axes; `x` and `y` turn values into places."""

    def __init__(
        self, across: tuple[float, float], up: tuple[float, float], height: float = 260.0, *, left: float = 58.0
    ) -> None:
        self.left, self.right, self.top, self.bottom = left, WIDTH - 12.0, 24.0, height - 34.0
        self.height = height
        self.across, self.up = _wide(across), _wide(up)
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """Where a value is across."""
        low, high = self.across
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Where a value is upwards."""
        low, high = self.up
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def ruled(self, text: Text, name: str = "") -> None:
        """Lines and figures of the upward axis."""
        for value in ticks(*self.up):
            place = self.y(value)
            self.parts.append(
                f'<line class="grid" x1="{self.left:.1f}" x2="{self.right:.1f}" y1="{place:.1f}" y2="{place:.1f}"/>'
                f'<text x="{self.left - 7:.1f}" y="{place + 4:.1f}" text-anchor="end">{escape(text(value))}</text>'
            )
        if name:
            self.parts.append(f'<text class="strong" x="2" y="11">{escape(name)}</text>')

    def scaled(self, places: Sequence[tuple[float, str]], name: str = "") -> None:
        """Figures of the axis across, and what it is."""
        self.parts.append(
            f'<line class="axis" x1="{self.left:.1f}" x2="{self.right:.1f}" y1="{self.bottom:.1f}" y2="{self.bottom:.1f}"/>'
        )
        self.parts += [
            f'<text x="{self.x(value):.1f}" y="{self.bottom + 16:.1f}" text-anchor="middle">{escape(text)}</text>'
            for value, text in places
        ]
        if name:
            self.parts.append(
                f'<text class="strong" x="{self.right:.1f}" y="{self.bottom + 31:.1f}" text-anchor="end">{escape(name)}</text>'
            )

    def path(self, across: Doubles, up: Doubles, kind: str) -> None:
        """A line through points."""
        points = " ".join(f"{self.x(a):.1f},{self.y(u):.1f}" for a, u in zip(across.tolist(), up.tolist(), strict=True))
        self.parts.append(f'<polyline class="line {kind}" points="{points}"/>')

    def mark(self, mark: Mark, row: int = 0) -> None:
        """A named line from the top to the bottom; rows keep names apart."""
        place = self.x(mark.value)
        is_late = place > (self.left + self.right) / 2.0
        self.parts.append(
            f'<line class="mark {mark.kind}" x1="{place:.1f}" x2="{place:.1f}" y1="{self.top:.1f}" y2="{self.bottom:.1f}"/>'
            f'<text class="strong" x="{place + (-6 if is_late else 6):.1f}" y="{self.top + 10 + 15 * row:.1f}" '
            f'text-anchor="{"end" if is_late else "start"}">{escape(mark.name)}</text>'
        )


def _wide(ends: tuple[float, float]) -> tuple[float, float]:
    """An axis has a length."""
    low, high = ends
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0))


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values between two others: steps of 1, 2 or 5 times a power of ten."""
    if not (isfinite(low) and isfinite(high) and high > low):
        return [low] if isfinite(low) else []
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= rough)
    return [k * step for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def plain(value: float) -> str:
    """A number for an axis: four digits, or all before the point."""
    if abs(value) < 1e-12:
        return "0"
    text = f"{value:,.0f}" if abs(value) >= 1_000.0 else f"{value:.4g}"
    return text.replace("-", "−")  # noqa: RUF001 - the minus of typography


def percent(value: float) -> str:
    """A share for an axis."""
    return f"{plain(float(f'{100.0 * value:.3g}'))} %"


def figure(parts: Sequence[str], height: float, label: str, caption: str = "", *, width: float = WIDTH) -> str:
    """Drawn parts as one figure; `label` is what a screen reader says."""
    kind = ' class="wide"' if width > 500.0 else f' style="max-width:{width:.0f}px"'
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><div class="draw" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<svg{kind} viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
        f"</div>{said}</figure>"
    )


def histogram(
    values: Doubles, label: str, caption: str = "", *, marks: Sequence[Mark] = (), curve: Callable[[Doubles], Doubles] | None = None,
    text: Text = plain, unit: str = "cells",
) -> str:  # fmt: skip
    """How many values came to what; `curve` is a density that is drawn over them at the size of the whole."""
    low = min([float(values.min()), *(mark.value for mark in marks)])
    high = max([float(values.max()), *(mark.value for mark in marks)])
    room = 0.04 * (high - low)
    ends = _wide((low - room, high + room))
    counts, edges = np.histogram(values, bins=min(40, max(6, len(values) // 3)), range=ends)
    over = np.linspace(*ends, 160)
    drawn = curve(over) * (edges[1] - edges[0]) * len(values) if curve is not None else np.zeros(160)
    plot = _Plot(ends, (0.0, max(float(counts.max()), float(drawn.max())) * 1.12))
    plot.ruled(plain, unit)
    for k, count in enumerate(counts.tolist()):
        left, right = plot.x(float(edges[k])), plot.x(float(edges[k + 1]))
        title = f"{text(float(edges[k]))} to {text(float(edges[k + 1]))}: {count:,} {unit}"
        plot.parts.append(
            f'<rect class="bar" x="{left + 0.5:.1f}" y="{plot.y(count):.1f}" width="{max(right - left - 1.0, 0.5):.1f}" '
            f'height="{plot.bottom - plot.y(count):.1f}"><title>{escape(title)}</title></rect>'
        )
    if curve is not None:
        plot.path(over, drawn, "loss")
    for row, mark in enumerate(marks):
        plot.mark(mark, row)
    plot.scaled([(value, text(value)) for value in ticks(*ends, 7)])
    return figure(plot.parts, plot.height, label, caption)


def shade(value: float, low: float, high: float) -> int:
    """The class of a value among nine, from the lowest to the highest."""
    return min(int((value - low) / (high - low) * SHADES), SHADES - 1) if high > low else SHADES // 2


def heat_map(
    across: tuple[str, Sequence[float]], up: tuple[str, Sequence[float]], grid: Doubles, label: str, caption: str = "",
    *, best: tuple[int, int] | None = None, robust: tuple[int, int] | None = None, text: Text = plain,
) -> str:  # fmt: skip
    """A field a pair of values, `grid[row, column]` with a row a value upwards; NaN is left empty."""
    columns, rows = len(across[1]), len(up[1])
    wide, tall = (max(10.0, min(38.0, room / count)) for room, count in ((400.0, columns), (320.0, rows)))
    left, top = 64.0, 8.0
    width, height = left + columns * wide + 12.0, top + rows * tall + 46.0
    low, high = float(np.nanmin(grid)), float(np.nanmax(grid))

    def place(row: int, column: int) -> str:
        return f'x="{left + column * wide:.1f}" y="{top + (rows - 1 - row) * tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"'

    parts = [
        f'<rect class="q{shade(grid[row, column], low, high)}" {place(row, column)}>'
        f"<title>{escape(f'{across[0]} {plain(across[1][column])}, {up[0]} {plain(up[1][row])}: {text(grid[row, column])}')}</title></rect>"
        for row in range(rows)
        for column in range(columns)
        if isfinite(grid[row, column])
    ]
    parts += [
        f'<rect class="cut {kind}" {place(*spot)}/>'
        for spot, kind in ((robust, "around"), (best, ""))
        if spot is not None
    ]
    bottom = top + rows * tall
    parts += [
        f'<text x="{left - 6:.1f}" y="{bottom - (row + 0.5) * tall + 4:.1f}" text-anchor="end">{plain(up[1][row])}</text>'
        for row in _some(rows, tall, 14.0)
    ]
    parts += [
        f'<text x="{left + (column + 0.5) * wide:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{plain(across[1][column])}</text>'
        for column in _some(columns, wide, 44.0)
    ]
    parts.append(
        f'<text class="strong" x="{left:.1f}" y="{bottom + 33:.1f}">{escape(f"{across[0]} →  {up[0]} ↑")}</text>'
    )
    return figure(parts, height, label, caption, width=max(width, 230.0))


def _some(count: int, size: float, room: float) -> list[int]:
    """Which of many fields get a figure, so that figures do not touch."""
    return list(range(0, count, max(1, ceil(room / size))))


def chart(
    times: Doubles, curves: Sequence[Curve], label: str, caption: str = "", *, text: Text = plain, name: str = "",
    below: Doubles | None = None, bands: Sequence[tuple[float, float]] = (), height: float = 280.0,
) -> str:  # fmt: skip
    """Lines over days (proleptic ordinals); `below` is filled from 0 down, `bands` are stretches of days with a ground."""
    columns = [*(curve.values for curve in curves), *([below] if below is not None else [])]
    low = min(float(np.nanmin(column)) for column in columns)
    high = max(float(np.nanmax(column)) for column in columns) if below is None or curves else 0.0
    plot = _Plot((float(times[0]), float(times[-1])), (low - 0.03 * (high - low), high + 0.06 * (high - low)), height)
    for first, last in bands:
        left, right = plot.x(max(first, times[0])), plot.x(min(last, times[-1]))
        plot.parts.append(
            f'<rect class="band" x="{left:.1f}" y="{plot.top:.1f}" width="{max(right - left, 0.5):.1f}" height="{plot.bottom - plot.top:.1f}"/>'
        )
    plot.ruled(text, name)
    keep = np.unique(np.linspace(0, len(times) - 1, min(len(times), LINE_POINTS_MAX)).astype(int))
    if below is not None:
        points = " ".join(f"{plot.x(float(times[k])):.1f},{plot.y(float(below[k])):.1f}" for k in keep)
        zero = plot.y(0.0)
        ends = f"{plot.x(float(times[0])):.1f},{zero:.1f}", f"{plot.x(float(times[-1])):.1f},{zero:.1f}"
        plot.parts.append(f'<polygon class="area" points="{ends[0]} {points} {ends[1]}"/>')
        plot.path(times[keep], below[keep], "loss")
    for curve in curves:
        plot.path(times[keep], curve.values[keep], curve.kind)
    plot.scaled(_dates(times))
    return figure(plot.parts, plot.height, label, caption)


def _dates(times: Doubles) -> list[tuple[float, str]]:
    """Years for an axis of days, months where there are few years."""
    first, last = date.fromordinal(int(times[0])), date.fromordinal(int(times[-1]))
    years = last.year - first.year
    if years >= 3:
        step = max(1, ceil(years / 9))
        found = [date(year, 1, 1) for year in range(first.year + 1, last.year + 1, step)]
        return [(float(day.toordinal()), str(day.year)) for day in found]
    every = max(1, ceil((12 * years + last.month - first.month) / 8))
    months = [
        date(first.year + k // 12, k % 12 + 1, 1) for k in range(first.month, first.month + 12 * years + 12, every)
    ]
    return [(float(day.toordinal()), f"{day:%b %Y}") for day in months if first < day <= last]


def points(
    across: tuple[str, Doubles], up: tuple[str, Doubles], front: Sequence[int], titles: Sequence[str], label: str, caption: str = "",
    *, texts: tuple[Text, Text] = (plain, plain),
) -> str:  # fmt: skip
    """Cells as dots, and those that no other beats joined by a line; `titles` are of the front's."""
    x, y = across[1], up[1]
    plot = _Plot(_margins(x), _margins(y), 320.0)
    plot.ruled(texts[1], up[0])
    rest = np.setdiff1d(np.arange(len(x)), np.asarray(front, dtype=np.int64))
    for k in rest[np.unique(np.linspace(0, max(len(rest) - 1, 0), min(len(rest), DOTS_MAX)).astype(int))].tolist():
        plot.parts.append(
            f'<circle class="dot" cx="{plot.x(float(x[k])):.1f}" cy="{plot.y(float(y[k])):.1f}" r="2.5"/>'
        )
    order = sorted(range(len(front)), key=lambda k: (float(x[front[k]]), float(y[front[k]])))
    line = np.array([front[k] for k in order], dtype=np.int64)
    plot.path(x[line], y[line], "accent")
    for k in order:
        spot = front[k]
        plot.parts.append(
            f'<circle class="dot front" cx="{plot.x(float(x[spot])):.1f}" cy="{plot.y(float(y[spot])):.1f}" r="4">'
            f"<title>{escape(titles[k])}</title></circle>"
        )
    plot.scaled([(value, texts[0](value)) for value in ticks(*plot.across, 7)], across[0])
    return figure(plot.parts, plot.height, label, caption)


def _margins(values: Doubles) -> tuple[float, float]:
    """The ends of an axis, with some air."""
    low, high = float(values.min()), float(values.max())
    air = 0.05 * (high - low)
    return low - air, high + air


def parallel(
    axes: Sequence[tuple[str, Doubles, Text]],
    shades: Sequence[int],
    titles: Sequence[str],
    label: str,
    caption: str = "",
) -> str:
    """An upright axis a column and a line a cell, the last one drawn on top; `shades` colour the lines."""
    height, left, right, top, bottom = 316.0, 50.0, WIDTH - 50.0, 56.0, 292.0
    places = np.linspace(left, right, len(axes))
    ends = [_wide((float(values.min()), float(values.max()))) for _, values, _ in axes]
    ups = [
        bottom - (values - low) / (high - low) * (bottom - top)
        for (_, values, _), (low, high) in zip(axes, ends, strict=True)
    ]
    parts = []
    for cell, tone in enumerate(shades):
        path = " ".join(f"{place:.1f},{up[cell]:.1f}" for place, up in zip(places, ups, strict=True))
        parts.append(
            f'<polyline class="line thin s{tone}" points="{path}"><title>{escape(titles[cell])}</title></polyline>'
        )
    for number, (place, (name, values, text)) in enumerate(zip(places, axes, strict=True)):
        anchor = "start" if place == places[0] and len(axes) > 1 else "end" if place == places[-1] else "middle"
        nudge = {"start": -40.0, "end": 40.0, "middle": 0.0}[anchor]
        parts.append(
            f'<line class="axis" x1="{place:.1f}" x2="{place:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
            f'<text class="strong" x="{place + nudge:.1f}" y="{15 + 16 * (number % 2)}" text-anchor="{anchor}">{escape(name)}</text>'
            f'<text x="{place:.1f}" y="48" text-anchor="middle">{escape(text(float(values.max())))}</text>'
            f'<text x="{place:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{escape(text(float(values.min())))}</text>'
        )
    return figure(parts, height, label, caption)


def bars(rows: Sequence[tuple[str, float, str]], label: str, caption: str = "", *, text: Text = percent) -> str:
    """A bar a row, to the left of zero where it is negative; a row is its name, its value and its class."""
    left, right, step = 190.0, WIDTH - 80.0, 27.0
    low, high = min([0.0, *(value for _, value, _ in rows)]), max([0.0, *(value for _, value, _ in rows)])
    scale = (right - left) / ((high - low) or 1.0)
    zero = left - low * scale
    parts = [f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="2" y2="{step * len(rows) + 4:.1f}"/>']
    for row, (name, value, kind) in enumerate(rows):
        top = 5.0 + row * step
        begin, end = sorted((zero, zero + value * scale))
        after = end + 6.0 if value >= 0.0 else zero + 6.0
        parts.append(
            f'<text x="180" y="{top + 14:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar {kind}" x="{begin:.1f}" y="{top:.1f}" width="{max(end - begin, 0.8):.1f}" height="19" rx="2"/>'
            f'<text class="strong" x="{after:.1f}" y="{top + 14:.1f}">{escape(text(value))}</text>'
        )
    return figure(parts, step * len(rows) + 10.0, label, caption)


def assembled(page: dict[str, Any], sections: Sequence[tuple[str, str, str]]) -> str:
    """The whole page; a section is its id, its heading and its content.

    `page` has the texts title, eyebrow, name, scope and said, and notes and headlines, which are HTML like the content.
    """
    from stratofold.research.report import asset, filled

    styles = "\n".join(f"<style>{asset(name)}</style>" for name in ("report.css", "figures.css"))
    links = "".join(f'<a href="#{key}">{escape(heading)}</a>' for key, heading, _ in sections)
    body = "".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(heading)}</h2>{content}</section>'
        for key, heading, content in sections
    )
    texts = {name: escape(page[name]) for name in ("title", "eyebrow", "name", "scope", "said")}
    parts = texts | {
        "notes": page["notes"],
        "headlines": page["headlines"],
        "styles": styles,
        "links": links,
        "sections": body,
    }
    return filled(asset("page.html"), parts)
