"""Build the shipped session tables from exchange-calendars.

    python scripts/build_session_table.py [src/stratofold/market]

What comes in: exchange-calendars (a development dependency only).
What goes out: `sessions_xnys.table`, in the format that `stratofold.market.sessions` describes and reads.
Why it is shaped so: three bytes a session are small enough to ship raw and are read without NumPy in two milliseconds.
Holidays the exchange has not published yet follow today's rules, and are as good as those rules.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import exchange_calendars

FIRST_DAY, LAST_DAY = "1990-01-01", "2035-12-31"
MINUTE_NS = 60_000_000_000


def packed(name: str, values: list[int], unit: int) -> tuple[dict[str, object], bytes]:
    """A column as its first value, the distinct gaps between values, and one byte a gap."""
    steps = [after - before for before, after in pairwise(values)]
    gaps = sorted(set(steps))
    number = {gap: k for k, gap in enumerate(gaps)}
    return {"name": name, "unit": unit, "first": values[0], "gaps": gaps}, bytes(number[step] for step in steps)


def table(name: str, sessions_per_year: int) -> bytes:
    """One line of JSON, then the packed days (ordinals), opens and closes (minutes since 1970 UTC)."""
    source = exchange_calendars.get_calendar(name, start=FIRST_DAY, end=LAST_DAY)
    columns = (
        packed("days", [day.toordinal() for day in source.sessions.date], 1),
        packed("opens", [moment.value // MINUTE_NS for moment in source.opens.dt.as_unit("ns")], MINUTE_NS),
        packed("closes", [moment.value // MINUTE_NS for moment in source.closes.dt.as_unit("ns")], MINUTE_NS),
    )
    head = {
        "calendar": name,
        "sessions_per_year": sessions_per_year,
        "sessions": len(source.sessions),
        "source": f"exchange-calendars {exchange_calendars.__version__}",
        "columns": [description for description, _ in columns],
    }
    return json.dumps(head).encode() + b"\n" + b"".join(content for _, content in columns)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "src/stratofold/market")
    (folder / "sessions_xnys.table").write_bytes(table("XNYS", 252))
