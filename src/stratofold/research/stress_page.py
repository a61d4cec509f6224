"""A stress test as text and as one offline page, with what stops do not protect.

What comes in: a `Stress`.
What goes out: tables for a terminal, or HTML that fetches nothing and runs nothing.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from stratofold.research import figures
from stratofold.research.report_tables import table
from stratofold.research.stress import CLASSES, GAPS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.research.stress import Stress
    from stratofold.research.tails import Tail

SAID = (
    "Every figure is of the past or of an assumption; the next crash will have its own. Costs that were not stated are "
    "not in it, and nothing here promises that a loss stays below any of these."
)
SOURCES = (
    "As it was: Acerbi and Tasche 2002. Normal and RiskMetrics: J.P. Morgan/Reuters 1996. Student's t: McNeil, Frey and "
    "Embrechts 2015. How often it was passed: Kupiec 1995."
)


def text(found: Stress) -> str:
    """Tables for the terminal."""
    parts = [_headline(found)]
    if found.tails:
        parts.append(_lines("loss in one session", _tail_head(), _tail_rows(found.tails)))
        parts.append(_passed(found))
    parts.append(_lines("shock", *_shock_rows(found)))
    parts.append(_lines("gap through a stop", *_gap_rows(found)))
    parts.append("\n".join(f"- {line}" for line in unprotected(found)))
    return "\n\n".join(part for part in [*parts, SAID] if part)


def _lines(name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as lines of text."""
    if not rows:
        return ""
    lines = [[name, *head], *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _headline(found: Stress) -> str:
    """The worst of the shocks, in a sentence."""
    held = "held at most" if found.sessions else "holds"
    most = f"{found.name} {held} {found.gross:.0%} of its equity"
    worst = min(found.shocks, key=lambda each: each.worst)
    if worst.worst >= 0.0:
        return f"{most}; none of these shocks would have hurt it."
    when = f", at the close of {worst.worst_day}" if worst.worst_day is not None else ""
    return f"{most}; the worst of these shocks, {worst.scenario.name}, would have taken {_share(-worst.worst)} of it{when}."


def _share(value: float) -> str:
    """A share with one decimal, with the minus of typography."""
    return f"{100.0 * value:.1f} %".replace("-0.0 ", "0.0 ").replace("-", "−")  # noqa: RUF001 - as wide as a digit


def _tail_head() -> list[str]:
    """The columns of tails."""
    return [f"{kind} {level:.0%}" for level in LEVELS for kind in ("value at risk", "shortfall")]


def _tail_rows(models: Mapping[str, tuple[Tail, ...]]) -> list[list[str]]:
    """A row a model."""
    return [
        [name, *(_share(value) for each in row for value in (each.value_at_risk, each.shortfall))]
        for name, row in models.items()
    ]


def _passed(found: Stress) -> str:
    """How often value at risk was wrong."""
    seen = found.breaches
    if seen is None or not seen.sessions:
        return "" if seen is None else "The track is too short to see how often value at risk was passed."
    verdict = "that is too often or too seldom for chance" if seen.probability < 0.05 else "chance may do that"
    return (
        f"The 99 % value at risk of the 250 sessions before was passed in {seen.breaches} of {seen.sessions:,} sessions, and "
        f"{seen.expected:.0f} were to be expected: {verdict} (probability {seen.probability:.2f})."
    )


def _shock_rows(found: Stress) -> tuple[list[str], list[list[str]]]:
    """A row a scenario."""
    if not found.sessions:
        return ["now"], [[each.scenario.name, _share(each.last)] for each in found.shocks]
    rows = [
        [each.scenario.name, _share(each.worst), str(each.worst_day), _share(each.middle), _share(each.last),
         f"{len(each.own)} of {len(found.classes)}"]
        for each in found.shocks
    ]  # fmt: skip
    return ["at worst", "at the close of", "mostly", "at the end", "by own prices"], rows


def _gap_rows(found: Stress) -> tuple[list[str], list[list[str]]]:
    """A row a symbol."""
    made = [f"a gap of {gap:.0%}" for gap in GAPS]
    costs = {each.symbol: [_share(-abs(each.weight) * gap) for gap in GAPS] for each in found.gaps}
    if not found.sessions:
        return ["held", *made], [[each.symbol, _share(each.weight), *costs[each.symbol]] for each in found.gaps]
    rows = [
        [each.symbol, _share(each.weight), _share(each.gap), str(each.day), _share(each.cost), *costs[each.symbol]]
        for each in found.gaps
    ]
    return ["held at most", "its worst gap", "on", "would cost", *made], rows


def unprotected(found: Stress) -> list[str]:
    """What stops do not protect, with this run's own figures where it has them."""
    lines = [
        "A stop is an order for after: it sells at the next price there is, however far that is from the stop.",
    ]
    if found.stops is not None:
        lines.append(
            f"{_orders(found.stops.filled)} of this run {'was' if found.stops.filled == 1 else 'were'} filled {_share(found.stops.mean)} beyond their price on the "
            f"average and {_share(found.stops.worst)} at worst."
        )
    elif found.sessions:
        lines.append(
            "No stop order of this run was filled: what it leaves at a close, it leaves at the next open's price."
        )
    if found.sessions:
        lines.append(
            f"{found.overnight:.0%} of all that this run lost in losing sessions came between a close and the next open, when "
            f"no stop can act; of its ten worst sessions {found.overnight_worst:.0%}."
        )
    return [
        *lines,
        "Halts, limit-down days and an exchange that is shut: while nothing trades, no stop does; the next price may be anywhere.",
        "Stops of many positions go off together: in a crash everything falls at once, and what was spread is one position.",
        "Thin books: a stop that is large beside the book is its own gap, which a backtest on bars does not see.",
        "Loans and outages: a lender may call shares back, a broker or a network may fail in just that hour.",
    ]


def _orders(count: int) -> str:
    """So many stop orders."""
    return f"{count:,} stop order{'s' * (count != 1)}"


def page(found: Stress) -> str:
    """The whole page."""
    sections = [("shocks", "Shocks", _shocks(found))]
    if found.tails:
        sections.insert(0, ("tails", "A bad session", _bad_session(found)))
    sections += [
        ("gaps", "A gap through the stop", _through(found)),
        ("stops", "What stops do not protect", _listed(unprotected(found))),
    ]
    sections.append(("classes", "What was taken for what", _taken(found)))
    note = f'<p class="first-line"><span>Worst</span> {escape(_headline(found))}</p>'
    many = f"{found.sessions:,} sessions" if found.sessions else "what it holds now"
    return figures.assembled(
        {
            "title": f"{found.name}: stress test", "eyebrow": "Stress test", "name": found.name,
            "scope": f"{len(found.classes)} symbols, {many}; every figure is a share of equity", "notes": note,
            "headlines": "", "said": SAID,
        },
        sections,
    )  # fmt: skip


def _bad_session(found: Stress) -> str:
    """Tails, of the run and of its largest book, and the distribution of its sessions."""
    marks = [figures.Mark(-found.tails["as it was"][1].value_at_risk, "value at risk 99 %", "loss")]
    drawn = figures.histogram(
        np.clip(found.returns, *np.quantile(found.returns, [0.0005, 0.9995])), "Returns of the sessions",
        "Returns of all sessions; the outermost two in a thousand are drawn at the edge.", marks=marks, text=figures.percent, unit="sessions",
    )  # fmt: skip
    own = table("The run's own sessions", ["loss in one session", *_tail_head()], _tail_rows(found.tails))
    held = table(
        "The largest book it ever held, on every session of the data",
        ["loss in one session", *_tail_head()],
        _tail_rows(found.tails_held),
    )
    return f'{drawn}{own}{held}<p class="said">{escape(_passed(found))}</p><p class="said">{escape(SOURCES)}</p>'


def _shocks(found: Stress) -> str:
    """Bars and a table of the scenarios, and where their moves are from."""
    rows = [(each.scenario.name, each.worst, "loss" if each.worst < 0.0 else "gain") for each in found.shocks]
    when = "at the close at which it would have hurt most" if found.sessions else "on what is held now"
    drawn = figures.bars(rows, "Shocks", f"The change of equity {when}; nothing is sold on the way.")
    head, lines = _shock_rows(found)
    moves = [
        [each.scenario.name, *(_share(each.scenario.moves[kind]) for kind in CLASSES), each.scenario.source]
        for each in found.shocks
    ]
    sources = "".join(f"<li><strong>{escape(row[0])}</strong>: {escape(row[-1])}.</li>" for row in moves)
    return (
        drawn + table("Change of equity", ["shock", *head], lines)
        + table("The moves, where a symbol has no prices of its own for those days", ["shock", *CLASSES], [row[:-1] for row in moves])
        + f"<ul>{sources}</ul>"
    )  # fmt: skip


def _through(found: Stress) -> str:
    """What a gap through a stop costs."""
    head, rows = _gap_rows(found)
    if not rows:
        return '<p class="empty"><strong>Nothing was held,</strong> so no gap could hurt.</p>'
    return table("The change of equity when the next price is that far beyond the last", ["symbol", *head], rows)


def _taken(found: Stress) -> str:
    """The class of each symbol."""
    return table(
        "Classes; say otherwise with classes= or --class",
        ["symbol", "class"],
        [[name, kind] for name, kind in found.classes.items()],
        "text",
    )


def _listed(lines: Sequence[str]) -> str:
    """Lines as a list."""
    return f'<ul class="said">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'
