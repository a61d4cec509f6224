"""Reads `stratofold.toml`: what to run, on what, at what cost, within which limits.

What comes in: a TOML file.
What goes out: a `Config`, or all that is wrong with the file at once, each with its line.
Why it is shaped so: one table says every key and what it may be.  A settings library would name the errors in its own
words, without lines, and would be imported by each command; the standard library's TOML reader and forty lines do it.
"""

import inspect
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from stratofold.errors import Setup

FILE_NAME = "stratofold.toml"
EXECUTIONS = ("auto", "interpreted", "compiled", "frozen")


@dataclass
class Config:
    """What a run needs; what is None is left to the function's own default."""

    strategy: str | None = None
    data: str | None = None
    symbols: list[str] | None = None
    start: date | str | None = None
    end: date | str | None = None
    cash: float | None = None
    execution: str | None = None
    report: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    fees: dict[str, Any] = field(default_factory=dict)
    slippage: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] | None = None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return False
        return True
    return isinstance(value, date)


def _are_symbols(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


# Each key of [backtest]: what it may be, in code and in words.
_BACKTEST: dict[str, tuple[Callable[[object], bool], str]] = {
    "strategy": (_is_text, 'text: "strategy.py" or "strategy.py:Class"'),
    "data": (_is_text, 'text: a path, or "sample:us14"'),
    "symbols": (_are_symbols, 'a list of names: ["SPY", "AAPL"]'),
    "start": (_is_date, "a date: 2015-01-01"),
    "end": (_is_date, "a date: 2020-12-31"),
    "cash": (lambda value: _is_number(value) and float(value) > 0, "an amount above zero: 100_000.0"),  # type: ignore[arg-type]
    "execution": (lambda value: value in EXECUTIONS, "one of " + ", ".join(EXECUTIONS)),
    "report": (_is_text, 'a path: "report.html"'),
}
SECTIONS = ("backtest", "parameters", "fees", "slippage", "limits")
OTHERS = ("cloud", "risk", "live", "alerts", "feed")  # sections that the live path and the cloud read themselves


def read_config(path: Path) -> Config:
    """The configuration in the file at `path`; raises an ExceptionGroup of every errors.Setup there is."""
    text = path.read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        raise Setup("SF710", f"this is not TOML: {error}", place=place, fix="mend that line") from error
    lines = _Lines(path, text)
    problems = _section_problems(tables, lines)
    if problems:
        raise ExceptionGroup(str(path), problems)
    sections = {name: tables[name] for name in SECTIONS[1:] if name in tables}
    return Config(**tables.get("backtest", {}), **sections)


def _section_problems(tables: Mapping[str, Any], lines: "_Lines") -> list[Setup]:
    """All that is wrong with the file."""
    problems: list[Setup] = []
    for name, table in tables.items():
        if name in OTHERS:
            continue
        if name not in SECTIONS or not isinstance(table, dict):
            problems.append(_unknown("section", name, SECTIONS, lines.place("", name)))
        elif name == "backtest":
            problems += _backtest_problems(table, lines)
        elif name != "parameters":
            problems += cost_problems(name, table, lines.place)
    return problems


def _backtest_problems(table: Mapping[str, Any], lines: "_Lines") -> list[Setup]:
    """What is wrong with [backtest]."""
    problems = []
    for key, value in table.items():
        place = lines.place("backtest", key)
        if key not in _BACKTEST:
            problems.append(_unknown("key", key, tuple(_BACKTEST), place))
        elif not _BACKTEST[key][0](value):
            fix = f"use {_BACKTEST[key][1]}"
            problems.append(Setup("SF712", f"{key} = {value!r} cannot be", place=place, fix=fix))
    return problems


def cost_problems(name: str, table: Mapping[str, Any], place: Callable[[str, str], str]) -> list[Setup]:
    """What is wrong with [fees], [slippage] or [limits]: keys the model does not have, values that are no numbers."""
    known = tuple(inspect.signature(model(name)).parameters)
    problems = []
    for key, value in table.items():
        if key not in known:
            problems.append(_unknown("key", key, known, place(name, key)))
        elif key != "tiers" and not (_is_number(value) and float(value) >= 0):
            fix = "use a number, zero or above (inf lifts a limit)"
            problems.append(Setup("SF712", f"{key} = {value!r} cannot be", place=place(name, key), fix=fix))
    return problems


def model(name: str) -> type[Any]:
    """The class that a section speaks of."""
    import stratofold

    return {"fees": stratofold.Fees, "slippage": stratofold.Slippage, "limits": stratofold.Limits}[name]


def _unknown(what: str, name: str, known: tuple[str, ...], place: str) -> Setup:
    """A name that is not known, and the one that was probably meant."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    fix = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return Setup("SF711", f"there is no {what} {name!r}", place=place, fix=fix)


class _Lines:
    """Finds the line of a key, which the standard TOML reader does not tell."""

    def __init__(self, path: Path, text: str) -> None:
        """Remember every `[section]` and `key =` with its line."""
        self._path = path
        self._numbers: dict[tuple[str, str], int] = {}
        section = ""
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*\[\s*([^\]\s]+)\s*\]", line):
                section = header[1]
                self._numbers.setdefault(("", section), number)
            elif key := re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line):
                self._numbers.setdefault((section, key[1]), number)

    def place(self, section: str, key: str) -> str:
        """`file:line` of the key."""
        number = self._numbers.get((section, key))
        return f"{self._path}:{number}" if number else f"{self._path} [{section}] {key}"
