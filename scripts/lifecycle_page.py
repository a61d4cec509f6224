"""Draws the life of an order from `fold/lifecycle.py`'s table: docs/lifecycle.md and docs/lifecycle.svg.

What comes in: `TABLE`.  What goes out: text; `build_pages.py` writes it and checks that it is current.
The arrows are exactly the table's; only where each state stands on the page is chosen here.
"""

from math import hypot

from stratofold.fold.lifecycle import AT_VENUE, DONE, REPORT_NAMES, STATE_NAMES, TABLE

# Where each state stands: column and row of a grid.
PLACES = {
    "waiting": (0, 0.0),
    "pending": (0, 1.5),
    "working": (1, 0.6),
    "unknown": (1, 3.0),
    "part_filled": (2, 2.25),
    "rejected": (3, 0.0),
    "cancelled": (3, 0.9),
    "filled": (3, 2.0),
    "expired": (3, 3.0),
}
STEP_X, STEP_Y, WIDE, HIGH, MARGIN = 210, 92, 112, 36, 30
STYLE = """<style>
text { font: 14px system-ui, sans-serif; fill: #263238; text-anchor: middle; }
.label { font-size: 11px; fill: #607d8b; }
rect { fill: #eceff1; stroke: #607d8b; } .venue { fill: #e3f2fd; stroke: #1976d2; } .done { fill: #f5f5f5; stroke: #9e9e9e; }
line { stroke: #90a4ae; marker-end: url(#tip); }
.sheet { fill: #ffffff; stroke: none; }
</style>"""


def arrows() -> dict[tuple[str, str], list[str]]:
    """The reports that lead from one state to another; what leads back to the same state is left to the table."""
    found: dict[tuple[str, str], list[str]] = {}
    for state, row in TABLE.items():
        for report, following in row.items():
            if following != state:
                found.setdefault((STATE_NAMES[state], STATE_NAMES[following]), []).append(REPORT_NAMES[report])
    return found


def middle(name: str) -> tuple[float, float]:
    """The middle of a state's box."""
    column, row = PLACES[name]
    return MARGIN + WIDE / 2 + column * STEP_X, MARGIN + HIGH / 2 + row * STEP_Y


def edge(name: str, toward: tuple[float, float], gap: float) -> tuple[float, float]:
    """Where a line from the box's middle toward a point leaves the box."""
    x, y = middle(name)
    across, down = toward[0] - x, toward[1] - y
    scale = min((WIDE / 2 + gap) / abs(across) if across else 9e9, (HIGH / 2 + gap) / abs(down) if down else 9e9)
    return x + across * scale, y + down * scale


def arrow(start: str, end: str, reports: list[str]) -> str:
    """One arrow; a label only where the state it leads to does not say it already."""
    first, last = edge(start, middle(end), 0), edge(end, middle(start), 5)
    line = f'<line x1="{first[0]:.0f}" y1="{first[1]:.0f}" x2="{last[0]:.0f}" y2="{last[1]:.0f}"/>'
    said = [report for report in reports if report != end and not (report == "partial" and end == "part_filled")]
    if not said:
        return line
    length = hypot(last[0] - first[0], last[1] - first[1]) or 1.0
    x = (first[0] + last[0]) / 2 - 10 * (last[1] - first[1]) / length
    y = (first[1] + last[1]) / 2 - 6
    return f'{line}<text class="label" x="{x:.0f}" y="{y:.0f}">{", ".join(said)}</text>'


def box(name: str) -> str:
    """One state."""
    x, y = middle(name)
    number = STATE_NAMES.index(name)
    kind = "venue" if number in AT_VENUE else "done" if number in DONE else "wait"
    rect = f'<rect class="{kind}" x="{x - WIDE / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{WIDE}" height="{HIGH}" rx="6"/>'
    return f'{rect}<text x="{x:.0f}" y="{y + 5:.0f}">{name}</text>'


def diagram() -> str:
    """The whole picture."""
    wide, high = 2 * MARGIN + WIDE + 3 * STEP_X, 2 * MARGIN + HIGH + 3 * STEP_Y
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#90a4ae"/></marker></defs>'
    )
    lines = [arrow(start, end, reports) for (start, end), reports in arrows().items()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" aria-label="The life of an order">'
    sheet = f'<rect class="sheet" width="{wide}" height="{high}"/>'
    return "\n".join([head, STYLE, tip, sheet, *lines, *map(box, STATE_NAMES), "</svg>"]) + "\n"


def page(note: str) -> str:
    """The diagram, and the table it is drawn from."""
    lines = [
        "# The life of an order",
        "",
        note,
        "",
        "Everything that can change an order's state is one table, `fold/lifecycle.py`, and this page is drawn from it.",
        "A report that the table does not allow in a state is an incident to reconcile, never ignored.",
        "",
        "![The life of an order](lifecycle.svg)",
        "",
        "Blue states are at the venue.",
        "`waiting` is a protective leg whose entry has no fill yet; `unknown` is an order of which the venue has not said whether it arrived, and its exposure stays reserved.",
        "",
        f"| in state | {' | '.join(REPORT_NAMES)} |",
        f"|---|{'---|' * len(REPORT_NAMES)}",
    ]
    for state, name in enumerate(STATE_NAMES):
        row = TABLE.get(state, {})
        cells = [STATE_NAMES[row[report]] if report in row else "" for report in range(len(REPORT_NAMES))]
        lines.append(f"| **{name}** | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
