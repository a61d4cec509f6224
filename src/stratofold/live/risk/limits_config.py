"""The stated limits: read from TOML, checked all at once, compared with the last run's, and acknowledged.

What comes in: the text of a configuration.  What goes out: `Stated`, or everything that is wrong with it, with lines;
and the difference between two of them.
Why it is shaped so: a limit is known by its section and key, so one table of classes reads, checks, compares and hashes
them all.  What is not stated allows nothing, so a missing section is no mistake: it refuses.

Sections: `limits` (the book's, `fold.risk.Limits`), `risk.account` (all books of the account together), `risk.data`,
`risk.session`, `risk.rate`, `risk.stops`, `risk.exposure`, `risk.rules` and `risk.symbols.NAME` (`bounds`).

Sources: SEC Rule 15c3-5(d), direct and exclusive control of the limits; RTS 6 articles 5 and 7.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import tomllib
from dataclasses import asdict, dataclass
from datetime import date
from difflib import get_close_matches
from math import inf, isnan
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from stratofold.adapters.ports import AccountLimits
from stratofold.errors import Setup
from stratofold.fold.risk import Limits
from stratofold.live.risk.bounds import (
    Bounds,
    DataBounds,
    ExposureBounds,
    RateBounds,
    RuleBounds,
    SessionBounds,
    StopBounds,
    SymbolBounds,
)
from stratofold.live.risk.rules import ACCOUNTS
from stratofold.live.risk.verdict import ACTION_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LIMIT_NAMES = tuple(name for name in inspect.signature(Limits.__init__).parameters if name != "self")
CLASSES: dict[str, type[Any]] = {
    "account": AccountLimits, "data": DataBounds, "session": SessionBounds, "rate": RateBounds, "stops": StopBounds,
    "exposure": ExposureBounds, "rules": RuleBounds,
}  # fmt: skip
HASH_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Stated:
    """All limits of a book: its own, those around it, and the account's."""

    limits: Mapping[str, float]
    bounds: Bounds
    account: AccountLimits

    def rows(self) -> dict[str, Any]:
        """Every limit by its dotted name, stated or not."""
        tree = {
            "limits": {name: float(self.limits.get(name, 0.0)) for name in LIMIT_NAMES},
            "risk": {**to_builtins(self.bounds), "account": asdict(self.account)},
        }
        return dict(_flat(tree, ""))


@dataclass(frozen=True, slots=True)
class Difference:
    """One limit that is not what it was; `looser` when it allows more than before."""

    name: str
    before: Any
    after: Any
    looser: bool

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.name}: {_shown(self.name, self.before)} -> {_shown(self.name, self.after)}{' (looser)' if self.looser else ''}"


# What a beginner may start from: a paper account of 100,000 dollars.
SUGGESTED = """\
[limits]                       # of each order and of this book
position_max = 10_000          # units of one instrument
order_quantity_max = 5_000
order_notional_max = 100_000   # dollars
gross_exposure_max = 200_000
net_exposure_max = 200_000
leverage_max = 2.0             # gross exposure over equity
price_collar = 0.05            # how far a limit or stop may be from the last price
orders_per_minute_max = 60
duplicate_seconds = 0

[risk.account]                 # of all books of the account together
exposure_max = 200_000
symbol_exposure_max = 150_000  # more than an account's money, which grows
orders_max = 200
orders_per_second_max = 10

[risk.data]
age_seconds_max = 23_400       # of open hours: daily bars serve for one session; for minutes state 180

[risk.session]
before_open_seconds = 0
after_close_seconds = 900      # an order decided at the close leaves for the next open
close_cutoff_seconds = 600

[risk.rate]
messages_per_second_max = 20
messages_per_minute_max = 120
executions_max = 20            # executed orders of one instrument and side ...
executions_seconds = 60        # ... in so long, and it waits for a person

[risk.stops]
drawdown_max = 0.25            # of the highest equity
daily_loss_max = 10_000
daily_loss_fraction_max = 0.10
action = "reducing_only"       # note, cancel, reducing_only, reduce, flatten or halt

[risk.exposure]                # of what is held, after each fill
gross_exposure_max = 210_000
net_exposure_max = 210_000
leverage_max = 2.1
concentration_max = 1.1        # the largest position over equity
action = "reducing_only"

[risk.rules]
account = "margin"             # or "cash"
shortable = []                 # names that are easy to borrow
"""


def read_stated(text: str, place: str, symbols: Sequence[str] | None = None) -> Stated:
    """The limits in a configuration's text; other sections are not looked at.

    `symbols`, if given, are the instruments of the book.  Raises an ExceptionGroup of Setup: SF890 for text that is no
    TOML, SF891 for a name that is not known, SF892 for a value that cannot be, SF893 for another book's instrument.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what = f"this is not TOML: {error}"
        raise ExceptionGroup(place, [Setup("SF890", what, place=place, fix="mend that line")]) from error
    problems = list(_problems(tables, symbols))
    if problems:
        raise ExceptionGroup(place, [one.located(text, place) for one in problems])
    risk = tables.get("risk", {})
    made = {name: _made(kind, risk.get(name, {})) for name, kind in CLASSES.items()}
    own = {name: _made(SymbolBounds, table) for name, table in risk.get("symbols", {}).items()}
    limits = {name: float(value) for name, value in tables.get("limits", {}).items()}
    account = made.pop("account")
    return Stated(limits, Bounds(**made, symbols=own), account)


def silent_sections(text: str, *, guarded: bool) -> list[str]:
    """The sections that a configuration says nothing in, though without them nothing may be ordered.

    Without the guard around the fold only the book's limits and the account's count.  Sessions and rules have defaults
    that one can trade under.
    """
    tables = tomllib.loads(text)
    risk = tables.get("risk", {})
    needed = ("account", "data", "rate", "stops", "exposure") if guarded else ("account",)
    return [
        *([] if tables.get("limits") else ["limits"]),
        *(f"risk.{name}" for name in needed if not risk.get(name)),
    ]


@dataclass(frozen=True, slots=True)
class _Problem:
    """Something wrong at a section and key, before its line is known."""

    code: str
    what: str
    section: str
    key: str
    fix: str

    def located(self, text: str, place: str) -> Setup:
        """The same as an error with its line."""
        number = _line(text, self.section, self.key)
        where = f"{place}:{number}" if number else f"{place} [{self.section}]"
        return Setup(self.code, self.what, place=where, fix=self.fix)


def _problems(tables: Mapping[str, Any], symbols: Sequence[str] | None) -> Iterator[_Problem]:
    """All that is wrong with the sections that are ours."""
    limits, risk = tables.get("limits", {}), tables.get("risk", {})
    yield from _section("limits", dict.fromkeys(LIMIT_NAMES, 0.0), limits)
    if not isinstance(risk, dict):
        yield _Problem("SF892", f"risk = {risk!r} cannot be", "", "risk", fix="write sections: [risk.stops]")
        return
    for name, table in risk.items():
        if name in CLASSES:
            yield from _section(f"risk.{name}", _defaults(CLASSES[name]), table)
        elif name == "symbols" and isinstance(table, dict):
            yield from _symbol_problems(table, symbols)
        else:
            yield _unknown("section", f"risk.{name}", "", name, (*CLASSES, "symbols"))


def _symbol_problems(table: Mapping[str, Any], symbols: Sequence[str] | None) -> Iterator[_Problem]:
    """What is wrong with the instruments' own bounds."""
    for name, own in table.items():
        section = f"risk.symbols.{name}"
        if symbols is not None and name not in symbols:
            what = f"{name} is not one of the book's instruments"
            yield _Problem("SF893", what, section, "", fix=f"they are {', '.join(symbols)}")
        yield from _section(section, _defaults(SymbolBounds), own)


def _section(section: str, known: Mapping[str, Any], table: Any) -> Iterator[_Problem]:
    """What is wrong with one section: keys that it has not, values that cannot be."""
    if not isinstance(table, dict):
        yield _Problem("SF892", f"{section} = {table!r} cannot be", "", section, fix=f"write a section: [{section}]")
        return
    for key, value in table.items():
        if key not in known:
            yield _unknown("limit", section, key, key, tuple(known))
        elif fix := _wrong(key, value, known[key]):
            yield _Problem("SF892", f"{key} = {value!r} cannot be", section, key, fix=fix)


def _unknown(what: str, section: str, key: str, name: str, known: Sequence[str]) -> _Problem:
    """A name that is not known, and the one that was probably meant."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    fix = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return _Problem("SF891", f"there is no {what} {name!r}", section, key, fix=fix)


def _wrong(key: str, value: Any, default: Any) -> str:
    """What would be right instead of a value; empty when it is right."""
    if key == "action":
        return "" if value in ACTION_NAMES else f"use one of {', '.join(ACTION_NAMES)}"
    if key == "account":
        return "" if value in ACCOUNTS else f"use one of {', '.join(ACCOUNTS)}"
    if key == "legacy_day_trades_until":
        return "" if _is_day(value) else "use a date: 2027-10-20"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "use true or false"
    if isinstance(default, tuple):
        names = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return "" if names else 'use a list of names: ["SPY", "AAPL"]'
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and not isnan(value) and value >= 0
    if isinstance(default, int):
        return "" if number and value == int(min(value, 1e18)) else "use a whole number, zero or above"
    return "" if number else "use a number, zero or above (inf lifts a limit)"


def _is_day(value: Any) -> bool:
    """Whether a value is a date, or text that is one."""
    try:
        return isinstance(value, date) or bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _defaults(kind: type[Any]) -> dict[str, Any]:
    """The fields of a class and what they are when nothing is stated."""
    made = kind()
    return {name: getattr(made, name) for name in inspect.signature(kind).parameters}


def _made(kind: type[Any], table: Mapping[str, Any]) -> Any:
    """A section's object; texts become what the class keeps."""
    return kind(
        **{
            key: _kept(key, value, default)
            for key, default in _defaults(kind).items()
            for value in [table.get(key, default)]
        }
    )


def _kept(key: str, value: Any, default: Any) -> Any:
    """A value as its class keeps it."""
    if key == "action" and isinstance(value, str):
        return ACTION_NAMES.index(value)
    if isinstance(value, date):
        return value.isoformat()
    return type(default)(value)


def _line(text: str, section: str, key: str) -> int:
    """The line of a key, or of its section's header; 0 when it is not to be found."""
    at, header_line = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            at = header[1].replace('"', "").replace("'", "")
            if at == section:
                header_line = number
        elif key and at == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return header_line


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """A tree of sections as dotted names."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", list(value) if isinstance(value, (tuple, list)) else value


def digest(rows: Mapping[str, Any]) -> str:
    """The name of a configuration: SHA-256 over its rows in order of name, the first 12 hex digits."""
    text = "\n".join(f"{name}={value!r}" for name, value in sorted(rows.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LETTERS]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What is not what it was, in order of name; a limit that one of them has not is as if not stated."""
    out = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, _unstated(name)), after.get(name, _unstated(name))
        if old != new:
            out.append(Difference(name, old, new, _looser(name, old, new)))
    return out


def _unstated(name: str) -> Any:
    """What a limit is when its whole section is missing."""
    section, _, key = name.removeprefix("risk.").rpartition(".")
    kind = SymbolBounds if section.startswith("symbols.") else CLASSES.get(section)
    value = getattr(kind(), key, 0.0) if kind else 0.0
    return list(value) if isinstance(value, tuple) else value


def _looser(name: str, before: Any, after: Any) -> bool:
    """Whether a change allows more: a higher maximum, a lower minimum distance, a milder action, more names."""
    key = name.rpartition(".")[2]
    if key in ("action", "close_cutoff_seconds", "duplicate_seconds", "executions_seconds", "restricted"):
        return bool(after < before)
    if isinstance(after, list):
        return not set(after) <= set(before)
    if isinstance(after, str):
        return key == "account" and after == ACCOUNTS[-1]
    return bool(after > before)


def _shown(name: str, value: Any) -> str:
    """A value as it is written in the file."""
    if name.endswith(".action"):
        return ACTION_NAMES[value]
    return "inf" if value == inf else str(value)


def require_acknowledged(
    before: Mapping[str, Any], after: Mapping[str, Any], *, acknowledged: bool
) -> list[Difference]:
    """The differences from the last run's limits; raises Setup SF894 with all of them when nobody has acknowledged them."""
    changed = differences(before, after)
    if changed and not acknowledged:
        raise Setup(
            "SF894", "limits are not what they were at the last run", why="; ".join(map(str, changed)),
            fix="if that is meant, run again with --acknowledge",
        )  # fmt: skip
    return changed
