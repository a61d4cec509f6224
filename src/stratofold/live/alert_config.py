"""When an alert is worth a person's time, and how loud it gets: the section `alerts` of a configuration.

What comes in: the text of a configuration.  What goes out: `Thresholds` and `Habits`, or all that is wrong with the section.
What is not stated stays as it is by default.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.live.alerts import Habits
from stratofold.live.watch import Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECTION = "alerts"


def read_alerts(text: str, place: str) -> tuple[Thresholds, Habits]:
    """The alerts' settings in a configuration's text; other sections are not looked at.

    Raises an ExceptionGroup of Setup: SF971 for a key that is not known, SF972 for a value that cannot be.
    """
    table = tomllib.loads(text).get(SECTION, {})
    thresholds, habits = Thresholds(), Habits()
    known = {**asdict(thresholds), **asdict(habits)}
    problems = list(_problems(table, known, f"{place} [{SECTION}]"))
    if problems:
        raise ExceptionGroup(place, problems)
    return (
        replace(thresholds, **{name: value for name, value in table.items() if hasattr(thresholds, name)}),
        replace(habits, **{name: value for name, value in table.items() if hasattr(habits, name)}),
    )


def _problems(table: Any, known: Mapping[str, float], place: str) -> Iterator[Setup]:
    """All that is wrong with the section."""
    if not isinstance(table, dict):
        yield Setup("SF972", f"{SECTION} = {table!r} cannot be", place=place, fix=f"write a section: [{SECTION}]")
        return
    for name, value in table.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            fix = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(sorted(known))}"
            yield Setup("SF971", f"there is no key {name} in [{SECTION}]", place=place, fix=fix)
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
            fix = f"a number from 0 up: {name} = {known[name]}"
            yield Setup("SF972", f"{name} = {value!r} cannot be", place=place, fix=fix)
