"""A study as one offline HTML page: what is best, how much of it is luck, where it is good, and what matters.

What comes in: a study, and a walk forward where there was one.
What goes out: the text of the page; figures are drawn as SVG, nothing is fetched and nothing is run.
"""

from __future__ import annotations

from html import escape
from itertools import combinations
from math import isfinite, isqrt, pi, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.research import figures
from stratofold.research.report_tables import table
from stratofold.research.stats import as_text, words_for
from stratofold.research.sweep.rows import parameter_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from stratofold.research.sweep.forward import Forward
    from stratofold.research.sweep.study import Study
    from stratofold.research.validation.luck import Luck

    Doubles = NDArray[np.float64]
    Section = tuple[str, str, str]

LUCK = (
    "The best of many is partly luck, and costs that were not stated were not charged. "
    "Judge a choice on data it was not made on. Nothing here promises a profit."
)
_TOP = 25
_MAPS_MAX = 6
_SIDE_MAX = 25  # values along a side of a heat map; more of them share a field
_CELLS_A_FIELD = 4
_LINES_MAX = 300
_FIGURES = ("sharpe", "total_return", "cagr", "max_drawdown", "trades", "win_rate", "fees")
_NORMAL = NormalDist()


def page(study: Study, walk: Forward | None = None) -> str:
    """The whole page."""
    ranked = study.ranked()
    sections = [_walked(walk)] if walk is not None else []
    sections.append(("best", "Best cells", _top(study)))
    if len(ranked):
        sections += _judged(study, ranked)
    sections.append(("made", "What was run", _made(study)))
    head = study.text(1).splitlines()[0]
    return figures.assembled(
        {
            "title": f"{study.name}: study", "eyebrow": "Study" if walk is None else "Walk forward", "name": study.name,
            "scope": f"{head}; objective: {', '.join(goal.text for goal in study.objectives)}", "notes": _notes(study),
            "headlines": _of_the_best(study, ranked) if walk is None else _of_the_walk(walk), "said": LUCK,
        },
        sections,
    )  # fmt: skip


def _judged(study: Study, ranked: pl.DataFrame) -> list[Section]:
    """The sections that need a cell with a number."""
    goal = study.objectives[0]
    values = goal.sign * goal.values(ranked)
    swept = [name for name in study.varied if name in ranked.columns and ranked[name].null_count() == 0]
    found = [("luck", "Luck", _luck(study, ranked, values))]
    if len(swept) > 1:
        found.append(("maps", "Where it is good", _maps(swept, ranked, values, goal.name)))
        found.append(("matters", "What matters", _matters(study)))
    if swept:
        found.append(("parallel", "All at once", _parallel(study, swept, ranked)))
    return [*found, ("front", "What it is traded for", _front(study, ranked))]


def _notes(study: Study) -> str:
    """The line on luck and costs, before any figure; then what was chosen for the user."""
    luck = study.luck()
    said = f"{luck} {LUCK}" if luck is not None else LUCK
    rows = [("Luck", said), *(("Note", each) for each in study.notices)]
    return "".join(f'<p class="first-line"><span>{name}</span> {escape(text)}</p>' for name, text in rows)


def _of_the_best(study: Study, ranked: pl.DataFrame) -> str:
    """What one looks at first: the best cell's figures."""
    if not len(ranked):
        return ""
    best = ranked.row(0, named=True)
    rows = [(f"Best: {words_for(name).label.lower()}", as_text(name, best[name])) for name in _FIGURES[:4]]
    return _headlines([*rows, ("Parameters", _named(study.varied_of(best))), ("Cells", f"{len(study):,}")])


def _of_the_walk(walk: Forward) -> str:
    """What one looks at first of a walk: nothing that was seen when it was chosen."""
    stats = walk.stats
    names = ("sharpe", "total_return", "cagr", "max_drawdown", "sessions")
    rows = [(f"Unseen: {words_for(name).label.lower()}", as_text(name, stats[name])) for name in names]
    return _headlines([*rows, ("Left of the ratio inside", f"{stats['efficiency']:.0%}")])


def _headlines(rows: Sequence[tuple[str, str]]) -> str:
    """A few figures in large type."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in rows)
    return f'<dl class="headlines">{cells}</dl>'


def _top(study: Study) -> str:
    """The best cells as a table."""
    top = study.top(_TOP)
    if not len(top):
        return '<p class="empty"><strong>No cell has a number</strong> for the objective.</p>'
    places = [name for name in ("strategy", "symbols", "window", "costs") if top[name].n_unique() > 1]
    swept = [name for name in study.varied if name in top.columns]
    names = ["cell", *places, *swept, *_FIGURES]
    head = [words_for(name).label if name in _FIGURES else name for name in names]
    rows = [[_cell(name, row.get(name)) for name in names] for row in top.iter_rows(named=True)]
    return table(f"The best {len(top):,} of {len(study):,} cells", head, rows)


def _cell(name: str, value: Any) -> str:
    """A value of the table as text."""
    if name in _FIGURES:
        return as_text(name, value)
    return str(value)[:8] if name == "cell" else _value(value)


def _value(value: Any) -> str:
    """A parameter, or where a cell stands."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:40]


def _luck(study: Study, ranked: pl.DataFrame, values: Doubles) -> str:
    """The objective's distribution, and beside the Sharpe ratios what luck alone makes of as many trials."""
    goal, found = study.objectives[0], study.luck()
    parts = [] if goal.name == "sharpe" else [_spread(values, goal.name)]
    ratios = ranked["sharpe"].to_numpy()
    ratios = ratios[np.isfinite(ratios)]
    if len(ratios):
        parts.append(_sharpes(ratios, float(ranked["sharpe"][0]), found, _root(study, ranked)))
    return "".join(parts) + (f'<p class="said">{escape(str(found))}</p>' if found is not None else "")


def _spread(values: Doubles, name: str) -> str:
    """How many cells came to what."""
    marks = [figures.Mark(float(np.median(values)), "median"), figures.Mark(float(values[0]), "best")]
    caption = f"From {_figure(name, values.min())} to {_figure(name, values.max())}; half of the cells are below {_figure(name, np.median(values))}."
    return figures.histogram(values, f"Distribution of {name}", caption, marks=marks, text=_text(name))


def _root(study: Study, ranked: pl.DataFrame) -> float:
    """The root of the sessions in a year, by which ratios a session become yearly, from what is known of the best cell."""
    luck, best = study.luck(), float(ranked["sharpe"][0])
    return best / luck.sharpe if luck is not None and luck.sharpe and isfinite(best) else 0.0


def _sharpes(ratios: Doubles, best: float, luck: Luck | None, root: float) -> str:
    """The Sharpe ratios of all cells; over them how the best of as many trials without skill would be distributed."""
    marks = [figures.Mark(best, "the best cell")] if isfinite(best) else []
    label = "Distribution of the Sharpe ratios"
    if luck is None or root <= 0.0 or luck.effective <= 1.0 or len(ratios) < 2:
        return figures.histogram(ratios, label, "Sharpe ratios a year of all cells.", marks=marks)
    marks.append(figures.Mark(luck.lucky_sharpe * root, "what luck reaches", "loss"))
    caption = (
        f"Sharpe ratios a year of {len(ratios):,} cells. The line: how the best of {luck.effective:,.0f} independent trials "
        "without any skill, which spread as these do, would be distributed (its area is that of the bars). "
        "Bailey and López de Prado 2014."
    )
    spread = float(ratios.std(ddof=1))
    return figures.histogram(ratios, label, caption, marks=marks, curve=lambda x: best_of(x, luck.effective, spread))


def best_of(x: Doubles, trials: float, spread: float) -> Doubles:
    """The density of the highest of `trials` independent normal numbers of mean 0 and deviation `spread`, at each x."""
    scaled = x / spread
    below = np.array([_NORMAL.cdf(each) for each in scaled.tolist()])
    bell = np.exp(-0.5 * scaled * scaled) / sqrt(2.0 * pi)
    density: Doubles = trials * bell * below ** (trials - 1.0) / spread
    return density


def _maps(swept: Sequence[str], ranked: pl.DataFrame, values: Doubles, name: str) -> str:
    """A heat map of every pair of parameters: the median of all cells that share the two."""
    pairs = list(combinations(swept, 2))
    said = (
        ""
        if len(pairs) <= _MAPS_MAX
        else f'<p class="said">The first {_MAPS_MAX} of {len(pairs)} pairs of parameters.</p>'
    )
    drawn = "".join(_map(across, up, ranked, values, name) for across, up in pairs[:_MAPS_MAX])
    return f'{said}<div class="maps">{drawn}</div>'


def _map(across: str, up: str, ranked: pl.DataFrame, values: Doubles, name: str) -> str:
    """One heat map, with the best field, and the field that stands best with its neighbours."""
    from stratofold.research.validation.stability import stability

    columns, left = _binned(ranked[across].to_numpy())
    rows, low = _binned(ranked[up].to_numpy())
    fields, medians = medians_of(rows * len(left) + columns, values)
    grid = np.full((len(low), len(left)), np.nan)
    grid.flat[fields] = medians
    found = stability({up: (fields // len(left)).tolist(), across: (fields % len(left)).tolist()}, medians)
    least, most = (_figure(name, each) for each in (np.nanmin(grid), np.nanmax(grid)))
    caption = f"Pale {least}, dark {most} (the other way round on a dark page). Framed: the best. Dashed: the best with its neighbours"
    caption += f"; the best one's neighbourhood keeps {found.kept:.0%} of it." if found.kept > 0.0 else "."
    best, robust = ((int(spot[up]), int(spot[across])) for spot in (found.best, found.robust))
    return figures.heat_map(
        (across, left.tolist()), (up, low.tolist()), grid, f"Median {name} by {across} and {up}", caption,
        best=best, robust=robust, text=_text(name),
    )  # fmt: skip


def medians_of(fields: Any, values: Doubles) -> tuple[Any, Doubles]:
    """The different fields in order, and the median of the values of each."""
    order = np.lexsort((values, fields))
    different, first, counts = np.unique(fields[order], return_index=True, return_counts=True)
    inside = values[order]
    medians: Doubles = (inside[first + (counts - 1) // 2] + inside[first + counts // 2]) / 2.0
    return different, medians


def _binned(column: Any) -> tuple[Any, Doubles]:
    """The number of each value among the different ones, and these; neighbours share a number where they are many."""
    numbers = column.astype(np.float64)
    different = np.unique(numbers)
    if len(different) > _SIDE_MAX:
        side = min(max(isqrt(len(numbers) // _CELLS_A_FIELD), 4), _SIDE_MAX)
        different = np.linspace(different[0], different[-1], side)
    return np.searchsorted((different[1:] + different[:-1]) / 2.0, numbers), different


def _matters(study: Study) -> str:
    """What share of the objective's variance goes with each parameter."""
    shares = study.importance()
    if not shares:
        return '<p class="empty"><strong>Nothing matters:</strong> every cell came to the same.</p>'
    rows = [(each.text, each.share, "accent" if len(each.names) == 1 else "weak") for each in shares]
    caption = (
        "The share of the objective's variance that goes with a parameter alone, and with two together beyond that "
        "(Kelley 1935). A parameter that explains much is one to choose with care, not one that makes money."
    )
    return figures.bars(rows[:12], "Importance of the parameters", caption)


def _parallel(study: Study, swept: Sequence[str], ranked: pl.DataFrame) -> str:
    """Every parameter and the main figures side by side, a line a cell; the best are drawn last."""
    names = ["sharpe", "total_return", "max_drawdown"]
    rows = ranked.with_row_index("_rank").filter(_all_finite(names))
    if len(rows) < 2:
        return '<p class="empty"><strong>Too few cells</strong> to stand side by side.</p>'
    keep = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _LINES_MAX)).astype(int))[::-1]
    some = rows[keep.tolist()]
    axes: list[tuple[str, Doubles, figures.Text]] = [
        (name, some[name].to_numpy().astype(np.float64), figures.plain) for name in swept
    ]
    goal = study.objectives[0].name
    if goal not in names and goal in some.columns:
        names.insert(0, goal)
    axes += [(words_for(name).label, some[name].to_numpy(), _text(name)) for name in names]
    order = some["_rank"].to_numpy()
    tones = [figures.shade(float(len(ranked) - rank), 0.0, float(len(ranked))) for rank in order]
    titles = [_named(study.varied_of(row)) for row in some.iter_rows(named=True)]
    caption = f"{len(some):,} of {len(ranked):,} cells, evenly through their ranks; the stronger the line, the better its rank."
    return figures.parallel(axes, tones, titles, "Parameters and figures side by side", caption)


def _all_finite(names: Sequence[str]) -> Any:
    """Rows in which each of these is a number."""
    import polars as pl

    return pl.all_horizontal(pl.col(name).is_finite() for name in names)


def _front(study: Study, ranked: pl.DataFrame) -> str:
    """The efficient frontier: two objectives, or return against the deepest fall where there is but one."""
    names = [goal.name for goal in study.objectives if goal.function is None][:2]
    signs = [goal.sign for goal in study.objectives if goal.function is None][:2]
    if len(names) < 2:
        names, signs = ["max_drawdown", "total_return"], [-1.0, 1.0]
    rows = ranked.filter(_all_finite(names))
    if not len(rows):
        return '<p class="empty"><strong>No cell</strong> has a number for both.</p>'
    columns = [rows[name].to_numpy().astype(np.float64) for name in names]
    front = unbeaten([sign * column for sign, column in zip(signs, columns, strict=True)])
    titles = [f"{_named(study.varied_of(rows.row(k, named=True)))}: {_pair(names, columns, k)}" for k in front]
    labels = [words_for(name).label for name in names]
    caption = (
        f"{len(front)} of {len(rows):,} cells are beaten by no other in both {labels[0].lower()} and {labels[1].lower()}; "
        "which of them to take is a matter of what one can bear."
    )
    figure = figures.points(
        (labels[0], columns[0]), (labels[1], columns[1]), front, titles, "Efficient frontier", caption,
        texts=(_text(names[0]), _text(names[1])),
    )  # fmt: skip
    listed = [
        [title.partition(":")[0], *(_figure(name, column[k]) for name, column in zip(names, columns, strict=True))]
        for title, k in zip(titles[:_TOP], front, strict=False)
    ]
    return (
        figure
        + f"<details><summary>The frontier as a table</summary>{table('Cells that no other beats', ['parameters', *labels], listed)}</details>"
    )


def _pair(names: Sequence[str], columns: Sequence[Doubles], row: int) -> str:
    """Two figures of a cell."""
    return ", ".join(
        f"{words_for(name).label.lower()} {_figure(name, column[row])}"
        for name, column in zip(names, columns, strict=True)
    )


def unbeaten(goods: Sequence[Doubles]) -> list[int]:
    """The rows that no other is at least as good as in both columns and better in one, the first of equals."""
    order = np.lexsort((-goods[1], -goods[0]))
    reached = -np.inf
    found = []
    for row in order.tolist():
        if goods[1][row] > reached:
            reached = float(goods[1][row])
            found.append(row)
    return found


def _walked(walk: Forward) -> Section:
    """Growth through the tested sessions, and a row a stretch."""
    days = np.array([day.toordinal() for day in walk.days], np.float64)
    growth: Doubles = np.cumprod(1.0 + walk.returns, dtype=np.float64)
    fall = growth / np.maximum(np.maximum.accumulate(growth), 1.0) - 1.0
    bands = [(float(each.test[0].toordinal()), float(each.test[1].toordinal())) for each in walk.stretches[::2]]
    stats = walk.stats
    caption = (
        f"One unit through {len(walk.returns):,} sessions that nobody had seen when the parameters were chosen: Sharpe "
        f"{stats['sharpe']:.2f}, deepest fall {stats['max_drawdown']:.1%}; {stats['efficiency']:.0%} of the ratio inside was left. "
        "Every other stretch is shaded."
    )
    drawn = figures.chart(
        days, [figures.Curve(growth, "growth")], "Growth out of sample", name="growth of 1", bands=bands
    )
    drawn += figures.chart(
        days,
        [],
        "Drawdown out of sample",
        caption,
        text=figures.percent,
        name="below the last high",
        below=fall,
        height=170.0,
    )
    names = [parameter_of(column) for column in walk.study.varied]
    rows = [
        [f"{each.test[0]} to {each.test[1]}", f"{each.train[0]} to {each.train[1]}", f"{each.inside:.2f}", f"{each.outside:.2f}",
         " ".join(f"{name} {_value(each.parameters[name])}" for name in names)]
        for each in walk.stretches
    ]  # fmt: skip
    listed = table(
        "Sharpe ratios a year of each choice, inside and outside",
        ["tested on", "learned from", "inside", "outside", "chosen"],
        rows,
    )
    return "walk", "Walked forward", drawn + listed


def _made(study: Study) -> str:
    """Where the cells stand, and the hashes that pin them."""
    places = study.store.page["places"]
    names = ("strategy", "symbols", "window", "costs")
    rows = [
        [
            str(key)[:12],
            *(_value(places[key].get(name, "")) for name in names),
            _free(places[key].get("assumptions", {})),
        ]
        for key in study.store.page.get("current", [])[:_TOP]
    ]
    asked = {name: study.store.page.get(name) for name in ("objective", "sampler", "varied")}
    rest = table("What was asked", ["word", "value"], [[name, _listed(value)] for name, value in asked.items()], "text")
    return table("Places: code, data and assumptions", ["place", *names, "assumed"], rows, "text") + rest


def _free(assumptions: Mapping[str, Any]) -> str:
    """What was not stated, and so was not charged or refused."""
    missing = [name for name in ("fees", "slippage", "latency", "limits") if assumptions.get(name) is None]
    return f"no {', no '.join(missing)}" if missing else "fees, slippage, latency and limits as stated"


def _listed(value: Any) -> str:
    """A list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(parameters: Mapping[str, Any]) -> str:
    """Parameters in a row."""
    return " ".join(f"{name} {_value(value)}" for name, value in parameters.items()) or "as declared"


def _figure(name: str, value: Any) -> str:
    """One figure by its name."""
    return as_text(name, float(value))


def _text(name: str) -> figures.Text:
    """How an axis says a figure."""
    return figures.percent if words_for(name).unit == "share" else figures.plain
