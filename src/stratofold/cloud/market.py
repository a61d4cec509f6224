"""Market events on their way to a book: one line of JSON each, the same from every source.

What comes in: an event of the market with its symbol's name, or a line that somebody sent.  What goes out: the other one.
Why it is shaped so: a queue, a stream, a file and a stranger's POST hold the same line, so `decide` has one thing to read
and a person can read what lies in a dead-letter queue.  JSON keeps a double to its last bit; a NaN is null.

    {"book": "main", "event": "bar", "symbol": "SPY", "time": "2024-01-02T14:31:00Z", "span": 60000000000, "open": 1.5, ...}

Times are RFC 3339 text or ns UTC, amounts numbers or decimal text; an action's or a status' `kind` is a word.  A `tick` has a time and no symbol: the clock says so.
A book on ticks hears `quote`, `trade` and `depth`; the `source_sequence` that their venue numbers them by tells one that came twice.
"""

from __future__ import annotations

from hashlib import sha256
from math import inf, isfinite, nan
from typing import Any, NamedTuple

import msgspec

from stratofold.errors import Setup
from stratofold.events import Action, Bar, Depth, Event, Quote, Rate, Status, Timer, Trade
from stratofold.wire import FIELDS

TICK = "tick"
KEPT = "kept"  # the line of a feeder that says where in the cache an order book is (`cloud/ticks.py`); no kind that a stranger may tell
EVERY_TIMER = 1 << 30
# What may come by the market's door: nothing here can be taken for a venue's word on an order, or for the operator's.
KINDS: dict[str, type[Event]] = {
    "bar": Bar, "quote": Quote, "trade": Trade, "depth": Depth, "action": Action, "status": Status, "rate": Rate,
}  # fmt: skip
# The kinds of actions and statuses, by their number.
WORDS = {
    "action": ("split", "dividend", "rename", "delisting", "funding", "interest", "deposit", "withdrawal", "expiry"),
    "status": ("session", "halt", "resume", "mute", "gap", "restored"),
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_TIMES = ("time", "known", "span")
_UNNAMED = ("known", "source", "source_sequence")  # what two tellings of one fact may differ in
_NUMBERED = (Quote, Trade, Depth)  # but two trades of one moment may differ in nothing else than the number
LINE_BYTES_MAX = 64 * 1024


class Told(NamedTuple):
    """What a line says: an event of a symbol for a book, or (without an event) that it is `time` (ns UTC).

    `rank` is how far that goes among the timers of this very time (`rank_of`): in lock-step one's orders are in before the next.
    """

    book: str
    symbol: str
    time: int
    event: Event | None
    rank: int = EVERY_TIMER


def line_of(book: str, symbol: str, event: Event) -> str:
    """An event as a line."""
    name = _NAMES[type(event)]
    row: dict[str, Any] = {"book": book, "event": name, "symbol": symbol}
    row |= {field: getattr(event, field) for field in FIELDS[type(event)] if field != "symbol"}
    if name in WORDS:
        row["kind"] = WORDS[name][row["kind"]]
    return msgspec.json.encode(row).decode()


def rank_of(timer: Timer) -> int:
    """The place of a timer among those of one time: by its schedule, the book's own last."""
    return timer.schedule if timer.schedule >= 0 else EVERY_TIMER - 1


def tick_of(book: str, time: int, rank: int = EVERY_TIMER) -> str:
    """The line that says what time it is (ns UTC), for the timers of this very time up to a rank."""
    return msgspec.json.encode({"book": book, "event": TICK, "time": time, "rank": rank}).decode()


def line_told(told: Told) -> str:
    """The line that says what was told."""
    if told.event is None:
        return tick_of(told.book, told.time, told.rank)
    return line_of(told.book, told.symbol, told.event)


def identity_of(told: Told) -> str:
    """What makes two tellings of one fact the same, whoever told it: hex digits of its content's hash."""
    if told.event is None:
        return sha256(f"{told.book} {TICK} {told.time}".encode()).hexdigest()[:32]
    kind = type(told.event)
    unnamed = _UNNAMED[:2] if kind in _NUMBERED else _UNNAMED
    fields = [getattr(told.event, name) for name in FIELDS[kind] if name not in (*unnamed, "symbol")]
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
    name, symbol = row.get("event"), row.get("symbol", "")
    if not isinstance(named, str) or not named or not isinstance(symbol, str):
        raise senseless("book and symbol are names")
    if name == TICK:
        return Told(named, "", _time(row.get("time")), None, _value("rank", row.get("rank", EVERY_TIMER), 0))
    if name not in KINDS:
        raise senseless(f"{str(name)[:40]!r} is none of {', '.join(KINDS)}, {TICK}")
    event = _filled(KINDS[name](), _numbered(name, row))
    _refuse_unreal(event)
    return Told(named, symbol, event.time, event)


def _refuse_unreal(event: Event) -> None:
    """Raises Setup SF880 for a trade or a level without a price, or of a side there is none of: a market keeps what it is told."""
    if isinstance(event, (Trade, Depth)) and not (isfinite(event.price) and 0.0 <= event.size < inf):
        raise senseless(f"{event.size:g} at {event.price:g} is no {type(event).__name__.lower()}")
    if isinstance(event, Depth) and event.side not in (1, -1):
        raise senseless(f"{event.side} is no side: 1 for bids, -1 for offers")


def _numbered(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the number of its kind in place of the word."""
    if name not in WORDS:
        return row
    if row.get("kind") not in WORDS[name]:
        raise senseless(f"{str(row.get('kind'))[:40]!r} is none of {', '.join(WORDS[name])}")
    return row | {"kind": WORDS[name].index(row["kind"])}


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
    if isinstance(usual, bool):
        return _truth(name, given)
    try:
        value = type(usual)(given)
    except (TypeError, ValueError) as error:
        raise senseless(f"{name} is {str(given)[:40]!r}") from error
    if isinstance(given, bool) or (isinstance(usual, int) and value != given):
        raise senseless(f"{name} is {str(given)[:40]!r}")
    return value


def _truth(name: str, given: Any) -> bool:
    """A field that is so or not, also as a table's cell says it."""
    text = str(given).lower()
    if text not in ("true", "false", "1", "0"):
        raise senseless(f"{name} is {str(given)[:40]!r}")
    return text in ("true", "1")


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


def is_kept(line: str) -> bool:
    """Whether a line of the market's queue says where an order book is: in the text of a line no such quotes can stand."""
    return f'"event":"{KEPT}"' in line


def senseless(why: str) -> Setup:
    """The error for a line that is no market event."""
    return Setup("SF880", "a market event is not understood", why=why, fix="see the page on the cloud for its form")
