"""The parts of the report that need no script: figures with their meaning, months, orders, refusals, assumptions.

What comes in: a result.
What goes out: HTML in which every text that a user or a file could have written is escaped.
Why it is shaped so: these parts are read without a mouse, on paper and by screen readers, so they are plain tables.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

from stratofold.research.stats import HEADLINES, words_for

if TYPE_CHECKING:
    from stratofold.research.result import Result

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOTHING = "—"
SHADES = (0.005, 0.02, 0.05)  # a month's return from which its cell is one shade darker


def headlines(result: "Result") -> str:
    """The six figures one looks at first."""
    cells = [
        f"<div><dt>{escape(words_for(key).label)}</dt><dd>{escape(_figure(result, key))}</dd></div>"
        for key in HEADLINES
        if key in result.stats
    ]
    return f'<dl class="headlines">{"".join(cells)}</dl>' if cells else ""


def assumed(result: "Result") -> str:
    """What was assumed, and what may be wrong, before any figure is read."""
    said = " · ".join([result.execution, *result.assumed])
    warnings = "".join(
        f'<p class="first-line warning"><span>Warning</span> {escape(text)}</p>' for text in result.warnings
    )
    return f'<p class="first-line"><span>Assumed</span> {escape(said)}</p>{warnings}'


def statistics(result: "Result") -> str:
    """Every figure in its group, with what it means in plain words."""
    groups: dict[str, list[str]] = {}
    for key in result.stats:
        words = words_for(key)
        row = (
            f"<div><dt>{escape(words.label)}</dt><dd>{escape(_figure(result, key))}</dd>"
            f'<dd class="meaning">{escape(words.meaning)}</dd></div>'
        )
        groups.setdefault(words.group, []).append(row)
    parts = [
        f'<section><h3>{escape(name)}</h3><dl class="figures">{"".join(rows)}</dl></section>'
        for name, rows in groups.items()
    ]
    return (
        f'<div class="groups">{"".join(parts)}</div>'
        if parts
        else _empty("No statistics", "the run saw no session close.")
    )


def _figure(result: "Result", key: str) -> str:
    """One figure, with the minus sign of typography."""
    text = result.stats.text(key)
    return "\u2212" + text[1:] if text.startswith("-") else text


def monthly(days: Sequence[int], equity: Sequence[float], start: float) -> str:
    """Returns by month and year, from the last equity of each session; `start` is the money before the first."""
    if not days:
        return _empty("No months to show", "the run saw no session close, so there is no return to measure.")
    years = monthly_returns(days, equity, start)
    head = "".join(f'<th scope="col">{name}</th>' for name in MONTHS)
    body = "".join(_year_row(year, months, total) for year, (months, total) in sorted(years.items(), reverse=True))
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Monthly returns"><table class="months">'
        "<caption><span>Returns by month, in percent, from session close to session close</span></caption>"
        f'<thead><tr><th scope="col">Year</th>{head}<th scope="col">All year</th></tr></thead><tbody>{body}</tbody></table></div>'
    )


def monthly_returns(
    days: Sequence[int], equity: Sequence[float], start: float
) -> dict[int, tuple[dict[int, float], float]]:
    """By year: the returns by month (1 to 12) and the year's own; a period begins where the last one ended."""
    ends: dict[tuple[int, int], float] = {}
    for day, money in zip(days, equity, strict=True):
        when = date.fromordinal(day)
        ends[when.year, when.month] = money
    years: dict[int, tuple[dict[int, float], float]] = {}
    before, year_start, last_year = start, start, None
    for (year, month), money in ends.items():
        if year != last_year:
            year_start, last_year = before, year
        months = years[year][0] if year in years else {}
        months[month] = _growth(before, money)
        years[year] = (months, _growth(year_start, money))
        before = money
    return years


def _growth(before: float, after: float) -> float:
    """The return from one sum to another; 0 where there was nothing to grow."""
    return after / before - 1.0 if before > 0.0 else 0.0


def _year_row(year: int, months: dict[int, float], total: float) -> str:
    """One year of the table of months."""
    cells = "".join(_month_cell(months.get(month)) for month in range(1, 13))
    return f'<tr><th scope="row">{year}</th>{cells}{_month_cell(total, " year")}</tr>'


def _month_cell(value: float | None, kind: str = "") -> str:
    """One return, with its sign and a shade by its size."""
    if value is None:
        return f'<td class="none{kind}"></td>'
    shade = sum(abs(value) >= step for step in SHADES)
    way = "up" if value > 0.0 else "down"
    sign = "−" if round(100.0 * value, 1) < 0.0 else ""  # noqa: RUF001 - the minus of typography, as wide as a digit
    return f'<td class="{way}{shade}{kind}">{sign}{abs(100.0 * value):.1f}</td>'


def orders(result: "Result") -> str:
    """How many orders of each kind ended in which state."""
    frame = result.orders
    if not len(frame):
        return _empty(
            "No orders", "the strategy asked for nothing, or everything it asked for was refused (see below)."
        )
    counts = Counter(zip(frame["kind"], frame["state"], strict=True))
    states = list(dict.fromkeys(state for _, state in counts))
    rows = [
        [
            _spoken(kind),
            *(_count(counts[kind, state]) for state in states),
            _count(sum(counts[kind, state] for state in states)),
        ]
        for kind in dict.fromkeys(kind for kind, _ in counts)
    ]
    return table(f"{len(frame):,} orders by kind and last state", ["Kind", *map(_spoken, states), "All"], rows)


def refusals(result: "Result") -> str:
    """How often risk said no, and why."""
    frame = result.refusals
    if not len(frame):
        return _empty("No refusals", "every order passed the limits of this run.")
    rows = [[_spoken(reason), _count(count)] for reason, count in Counter(frame["reason"]).most_common()]
    return table(f"{len(frame):,} refusals by reason", ["Reason", "Times"], rows)


def assumptions(result: "Result") -> str:
    """What was assumed, what was not simulated, and what the user should know."""
    lists = (
        ("Assumed", (f"execution: {result.execution}", *result.assumed)),
        ("Ignores", result.ignores),
        ("Notices", result.notices),
        ("Warnings", result.warnings),
    )
    parts = [f"<section><h3>{name}</h3>{_list(texts)}</section>" for name, texts in lists if texts]
    return f'<div class="groups">{"".join(parts)}</div>'


def provenance(result: "Result") -> str:
    """The parameters and the hashes that pin this run."""
    parameters = [[key, str(value)] for key, value in result.parameters.items()]
    hashes = [[key, value] for key, value in result.hashes.items()]
    left = (
        table("Parameters", ["Name", "Value"], parameters, "text")
        if parameters
        else _empty("No parameters", "the strategy declares none.")
    )
    right = table("Hashes (SHA-256)", ["Of", "Hash"], hashes, "text") if hashes else ""
    return left + right


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A small table; the first column names the row, and `kind` "text" sets the others to the left."""
    columns = "".join(f'<th scope="col" class="{kind}">{escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="{kind}">{escape(text)}</td>' for text in row[1:])
        + "</tr>"
        for row in rows
    )
    name = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table class="small">'
        f"<caption><span>{name}</span></caption>"
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _empty(what: str, why: str) -> str:
    """What stands where there is nothing to show."""
    return f'<p class="empty"><strong>{what}:</strong> {why}</p>'


def _list(texts: Iterable[Any]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{escape(str(text))}</li>" for text in texts) + "</ul>"


def _spoken(name: str) -> str:
    """A name of the code for people: `stop_limit` is `stop limit`."""
    return name.replace("_", " ")


def _count(value: int) -> str:
    """A count, a dash for none."""
    return f"{value:,}" if value else NOTHING
