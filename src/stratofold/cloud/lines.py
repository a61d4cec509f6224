"""The lines in what somebody sent: JSON lines, one JSON list, or CSV whose first line names the fields.

What comes in: bytes.  What goes out: lines of JSON, in their order, unread.
"""

from __future__ import annotations

import csv as tables
import json
from typing import TYPE_CHECKING, Any

from stratofold.cloud.market import senseless

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines_in(data: bytes, *, csv: bool = False) -> Iterator[str]:
    """The lines of a body; raises Setup SF880 for one that is no text, or a list that is none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise senseless(str(error)) from error
    if csv:
        yield from _rows(text)
    elif text.lstrip().startswith("["):
        yield from _list(text)
    else:
        yield from (line for line in text.splitlines() if line.strip())


def _list(text: str) -> Iterator[str]:
    """The objects of a JSON list."""
    try:
        held: list[Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise senseless(str(error)) from error
    yield from (json.dumps(one) for one in held)


def _rows(text: str) -> Iterator[str]:
    """The rows of a table; a field that is empty is not said."""
    for row in tables.DictReader(text.splitlines()):
        yield json.dumps({name: _cell(name, value) for name, value in row.items() if name and value})


def _cell(name: str, value: Any) -> Any:
    """A cell: a time in ns is a number, everything else stays text, which amounts may be."""
    return int(value) if name in ("time", "known", "span", "revision") and str(value).isdecimal() else value
