"""Market events on their way to a book: one line of JSON each, the same from every source.

What comes in: an event of the market with its symbol's name, or a line that somebody sent.  What goes out: the other one.
Why it is shaped so: a queue, a stream, a file and a stranger's POST hold the same line, so `decide` has one thing to read
and a person can read what lies in a dead-letter queue.  JSON keeps a double to its last bit; a NaN is null.

    {"book": "main", "kind": "bar", "symbol": "SPY", "time": "2024-01-02T14:31:00Z", "span": 60000000000, "open": 1.5, ...}

Times are RFC 3339 text or ns UTC, amounts numbers or decimal text.  A `tick` has a time and no symbol: the clock says so.
"""

from __future__ import annotations

from hashlib import sha256
from math import nan
from typing import Any, NamedTuple

import msgspec

from stratofold.errors import Setup
from stratofold.events import Action, Bar, Event, Rate, Status
from stratofold.wire import FIELDS

TICK = "tick"
# What may come by the market's door: nothing here can be taken for a venue's word on an order, or for the operator's.
KINDS: dict[str, type[Event]] = {"bar": Bar, "action": Action, "status": Status, "rate": Rate}
_NAMES = {kind: name for name, kind in KINDS.items()}
_TIMES = ("time", "known", "span")
_UNNAMED = ("known", "source", "source_sequence")  # what two tellings of one fact may differ in
LINE_BYTES_MAX = 64 * 1024


class Told(NamedTuple):
    """What a line says: an event of a symbol for a book, or (without an event) that it is `time` (ns UTC)."""

    book: str
    symbol: str
    time: int
    event: Event | None


def line_of(book: str, symbol: str, event: Event) -> str:
    """An event as a line."""
    row: dict[str, Any] = {"book": book, "kind": _NAMES[type(event)], "symbol": symbol}
    for name in FIELDS[type(event)]:
        if name != "symbol":
            row[name] = getattr(event, name)
    return msgspec.json.encode(row).decode()


def tick_of(book: str, time: int) -> str:
    """The line that says what time it is (ns UTC)."""
    return msgspec.json.encode({"book": book, "kind": TICK, "time": time}).decode()


def identity_of(told: Told) -> str:
    """What makes two tellings of one fact the same, whoever told it: hex digits of its content's hash."""
    if told.event is None:
        return sha256(f"{told.book} {TICK} {told.time}".encode()).hexdigest()[:32]
    kind = type(told.event)
    fields = [getattr(told.event, name) for name in FIELDS[kind] if name not in (*_UNNAMED, "symbol")]
    return sha256(f"{told.book} {_NAMES[kind]} {told.symbol} {fields!r}".encode()).hexdigest()[:32]


def read(line: str | bytes, book: str = "") -> Told:
    """What a line says, of `book` where it names none; raises Setup SF880 for one that is none."""
    if len(line) > LINE_BYTES_MAX:
        raise senseless("it is longer than any event")
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise senseless(str(error)) from error
    return told_of(row, book)


def told_of(row: Any, book: str = "") -> Told:
    """What a decoded line says; raises Setup SF880."""
    if not isinstance(row, dict):
        raise senseless("it is no object")
    named = row.get("book") or book
    kind, symbol = row.get("kind"), row.get("symbol", "")
    if not isinstance(named, str) or not named or not isinstance(symbol, str):
        raise senseless("book and symbol are names")
    if kind == TICK:
        return Told(named, "", _time(row.get("time")), None)
    if kind not in KINDS:
        raise senseless(f"{str(kind)[:40]!r} is none of {', '.join(KINDS)}, {TICK}")
    event = _filled(KINDS[kind](), row)
    return Told(named, symbol, event.time, event)


def _filled(event: Event, row: dict[str, Any]) -> Event:
    """An event with the fields of a row; what the row leaves out keeps its default, but for the time."""
    event.time = event.known = _time(row.get("time"))
    for name in FIELDS[type(event)]:
        if name in row and name not in ("time", "symbol"):
            setattr(event, name, _value(name, row[name], getattr(event, name)))
    return event


def _value(name: str, given: Any, usual: Any) -> Any:
    """A field's value, of the kind of its default."""
    if name in _TIMES and isinstance(given, str):
        return _time(given)
    if given is None and isinstance(usual, float):
        return nan
    try:
        value = type(usual)(given)
    except (TypeError, ValueError) as error:
        raise senseless(f"{name} is {str(given)[:40]!r}") from error
    if isinstance(given, bool) or (isinstance(usual, int) and value != given):
        raise senseless(f"{name} is {str(given)[:40]!r}")
    return value


def _time(given: Any) -> int:
    """A time as ns UTC."""
    if isinstance(given, str):
        from stratofold.adapters.network.moments import nanoseconds_of

        try:
            return nanoseconds_of(given)
        except ValueError as error:
            raise senseless(str(error)) from error
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 1 << 63:
        raise senseless(f"{str(given)[:40]!r} is no time")
    return given


def senseless(why: str) -> Setup:
    """The error for a line that is no market event."""
    return Setup("SF880", "a market event is not understood", why=why, fix="see the page on the cloud for its form")
