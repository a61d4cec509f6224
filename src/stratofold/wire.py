"""The words' wire form: how an event, an order's terms and a decision become bytes, and come back to the last bit.

What comes in: events and plain records of numbers.  What goes out: MessagePack, whose floats are the eight bytes of the
double, so that what is read is what was written; and decimal text for money where a person or a venue reads it.
Why it is shaped so: the fold imports nothing, so its wire form lives here; a field is known by its place, and a class
may only grow at its end (schema N reads N - 1).
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice, repeat
from math import isfinite, nan
from operator import attrgetter
from typing import Any

import msgspec

from stratofold.errors import Stop
from stratofold.events import Action, Bar, Command, Depth, Event, Observation, Quote, Rate, Report, Status, Timer, Trade

# The kinds of event by the number they have on the wire; never renumbered.
KINDS: tuple[type[Event], ...] = (
    Bar, Quote, Trade, Depth, Observation, Timer, Report, Command, Action, Status, Rate,
)  # fmt: skip
NUMBERS = {kind: number for number, kind in enumerate(KINDS)}

_COMMON = ("time", "known", "source", "source_sequence")
FIELDS: dict[type[Event], tuple[str, ...]] = {
    Bar: (*_COMMON, "symbol", "span", "revision", "open", "high", "low", "close", "volume"),
    Quote: (*_COMMON, "symbol", "bid", "bid_size", "ask", "ask_size"),
    Trade: (*_COMMON, "symbol", "price", "size", "aggressor"),
    Depth: (*_COMMON, "symbol", "side", "price", "size", "snapshot", "last"),
    Observation: (*_COMMON, "series", "symbol", "value"),
    Timer: (*_COMMON, "schedule", "number", "session"),
    Report: (
        *_COMMON, "kind", "number", "symbol", "side", "quantity", "price", "fee", "leaves", "limit", "stop", "maker",
        "reason",
    ),
    Command: (*_COMMON, "kind", "symbol"),
    Action: (*_COMMON, "kind", "symbol", "currency", "value"),
    Status: (*_COMMON, "kind", "symbol"),
    Rate: (*_COMMON, "currency", "value"),
}  # fmt: skip

_values = {kind: attrgetter(*names) for kind, names in FIELDS.items()}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()
pack = _encoder.encode


def unpack(data: bytes) -> Any:
    """What `pack` has packed; raises Stop SF831 for bytes that are no MessagePack."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Stop("SF831", "a record cannot be read", why=str(error), fix="run: stratofold audit verify") from error


def event_row(event: Event) -> list[Any]:
    """An event as a row: the number of its kind, then its fields in the order of `FIELDS`."""
    kind = type(event)
    return [NUMBERS[kind], *_values[kind](event)]


def event_of(row: list[Any]) -> Event:
    """The event of a row; fields that an older writer did not know keep their default."""
    kind = KINDS[row[0]]
    event: Event = kind()
    any(map(setattr, repeat(event), FIELDS[kind], islice(row, 1, None)))  # a loop that takes no turn of the interpreter
    return event


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """What a message asks the venue for; NaN is not stated.  Kinds and times in force by name (`fold.order`)."""

    kind: str
    tif: str
    quantity: float
    limit: float = nan
    stop: float = nan
    trail: float = nan
    trail_fraction: float = nan
    take_profit: float = nan
    stop_loss: float = nan
    decided: int = 0


_terms = msgspec.msgpack.Decoder(Terms)


def terms_of(body: bytes) -> Terms:
    """The terms in a message's body; raises Stop SF831 for bytes that are none."""
    try:
        return _terms.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Stop(
            "SF831", "an order's terms cannot be read", why=str(error), fix="run: stratofold audit verify"
        ) from error


def decimal(value: float) -> str:
    """A grid value as decimal text without an exponent: `1e-05` is "0.00001"; raises ValueError unless finite."""
    if not isfinite(value):
        raise ValueError(f"{value!r} is no amount")
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
