"""Build the shipped session tables from exchange-calendars.

    python scripts/build_session_table.py [src/stratofold/market]

What comes in: exchange-calendars (a development dependency only).
What goes out: `sessions_NAME.table` each, in the format that `stratofold.market.sessions` describes and reads.
Why it is shaped so: three bytes a session are small enough to ship raw and are read without NumPy in two milliseconds.
Holidays the exchange has not published yet follow today's rules, and are as good as those rules.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import exchange_calendars

LAST_DAY = "2035-12-31"
TABLES = {  # the first day that exchange-calendars can tell of, sessions a year
    "XNYS": ("1990-01-01", 252),
    "CMES": ("1990-01-01", 258),
    "XLON": ("1990-01-01", 253),
    "XTKS": ("1997-01-01", 245),
}
MINUTE_NS = 60_000_000_000


def packed(name: str, values: list[int], unit: int) -> tuple[dict[str, object], bytes]:
    """A column as its first value, the distinct gaps between values, and one byte a gap."""
    steps = [after - before for before, after in pairwise(values)]
    gaps = sorted(set(steps))
    number = {gap: k for k, gap in enumerate(gaps)}
    return {"name": name, "unit": unit, "first": values[0], "gaps": gaps}, bytes(number[step] for step in steps)


def pause(source: exchange_calendars.ExchangeCalendar) -> list[int]:
    """The break of every session as minutes after its open, `[0, 0]` without one; they must all be alike."""
    if not source.has_break:
        return [0, 0]
    breaks = zip(source.opens, source.break_starts, source.break_ends, strict=True)
    found = {((start - open_).value // MINUTE_NS, (end - open_).value // MINUTE_NS) for open_, start, end in breaks}
    (one,) = found
    return list(one)


def table(name: str, first_day: str, sessions_per_year: int) -> bytes:
    """One line of JSON, then the packed days (ordinals), opens and closes (minutes since 1970 UTC)."""
    source = exchange_calendars.get_calendar(name, start=first_day, end=LAST_DAY)
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
        "pause": pause(source),
        "early": source.sessions.get_indexer(source.early_closes).tolist(),
        "columns": [description for description, _ in columns],
    }
    return json.dumps(head).encode() + b"\n" + b"".join(content for _, content in columns)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "src/stratofold/market")
    for name, (first_day, sessions_per_year) in TABLES.items():
        (folder / f"sessions_{name.lower()}.table").write_bytes(table(name, first_day, sessions_per_year))
