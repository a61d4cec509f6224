"""Binance's streams and our words, without any I/O: spot, USD-M and COIN-M.

What comes in: the bytes of one message, combined (`{"stream": ..., "data": ...}`) or bare, or of a snapshot over REST.
What goes out: a typed message, and its words.
Why it is shaped so: the stream's name comes first in a message and says which decoder reads the rest at once; only what
is said otherwise is looked at twice.

Sources: Binance Spot API, "WebSocket Streams" (trade, aggTrade, bookTicker, diff depth); USD-M and COIN-M Futures, "Websocket
Market Streams".
Ignores: partial books (`depth20`), candles, liquidations.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from stratofold.adapters.feeds.spoken import (
    MILLISECOND_NS,
    Milliseconds,
    Named,
    Number,
    Price,
    Size,
    depth_words,
    garbled,
    quote_word,
    trade_word,
)


class Traded(msgspec.Struct, gc=False):
    """A trade (`t`), or an aggregate of those of one order (`a`); a price of 0 is a note of the futures' own funds."""

    s: str
    T: Milliseconds
    p: Size
    q: Size
    m: bool
    t: Number = 0
    a: Number = 0


class BookTicker(msgspec.Struct, gc=False):
    """Best bid and offer after update `u`; spot does not say when."""

    u: Number
    s: str
    b: Size
    B: Size
    a: Size
    A: Size
    T: Milliseconds = 0
    E: Milliseconds = 0


class DepthUpdate(msgspec.Struct, gc=False):
    """The levels that updates `U` to `u` changed; futures say what came before (`pu`) and when the book changed (`T`)."""

    E: Milliseconds
    s: str
    U: Number
    u: Number
    b: list[tuple[Price, Size]]
    a: list[tuple[Price, Size]]
    pu: Number = 0
    T: Milliseconds = 0


class DepthSnapshot(msgspec.Struct, gc=False):
    """A book over REST, as it was after update `lastUpdateId`; spot does not say when."""

    lastUpdateId: Number  # noqa: N815 - the name on the wire
    bids: list[tuple[Price, Size]]
    asks: list[tuple[Price, Size]]
    E: Milliseconds = 0
    T: Milliseconds = 0


class Reason(msgspec.Struct):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class Answer(msgspec.Struct):
    """To a request to subscribe; without an `error` it was done."""

    id: int | str | None = None
    error: Reason | None = None


Message = Traded | BookTicker | DepthUpdate | DepthSnapshot | Answer


class _SaidTrade(msgspec.Struct, gc=False):
    data: Traded


class _SaidTicker(msgspec.Struct, gc=False):
    data: BookTicker


class _SaidDepth(msgspec.Struct, gc=False):
    data: DepthUpdate


class _Probe(msgspec.Struct):
    """What tells the messages apart that do not begin with their stream's name."""

    e: str = ""
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    lastUpdateId: int = -1  # noqa: N815 - the name on the wire
    u: int = -1
    id: int | str | None = None
    error: Reason | None = None
    code: int | None = None
    msg: str = ""


_trade = msgspec.json.Decoder(_SaidTrade, strict=False).decode
_ticker = msgspec.json.Decoder(_SaidTicker, strict=False).decode
_depth = msgspec.json.Decoder(_SaidDepth, strict=False).decode
_Said = Callable[[bytes], _SaidTrade | _SaidTicker | _SaidDepth]
_SAID: dict[bytes, _Said] = {
    b"trade": _trade, b"aggTrade": _trade, b"bookTicker": _ticker, b"depth": _depth, b"depth@0ms": _depth,
    b"depth@100ms": _depth, b"depth@250ms": _depth, b"depth@500ms": _depth, b"depth@1000ms": _depth,
}  # fmt: skip
_bare_trade = msgspec.json.Decoder(Traded, strict=False).decode
_bare_ticker = msgspec.json.Decoder(BookTicker, strict=False).decode
_bare_depth = msgspec.json.Decoder(DepthUpdate, strict=False).decode
_snapshot = msgspec.json.Decoder(DepthSnapshot, strict=False).decode
_probe = msgspec.json.Decoder(_Probe).decode
_BARE: dict[str, Callable[[bytes | msgspec.Raw], Message]] = {
    "trade": _bare_trade, "aggTrade": _bare_trade, "bookTicker": _bare_ticker, "depthUpdate": _bare_depth,
}  # fmt: skip

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


_by_stream: dict[bytes, _Said] = {}  # the decoder by the whole name of a stream, once it was heard
_STREAMS_MAX = 4_096
_NAME_AT, _NAME_END = 11, 80  # a combined message begins with {"stream":"


def parse(data: bytes) -> Message:
    """The message; raises Retry SF980 for bytes that are none."""
    name = data[_NAME_AT : data.find(b'"', _NAME_AT, _NAME_END)]
    said = _by_stream.get(name) or _found(name)
    try:
        return said(data).data if said is not None else _otherwise(data)
    except _UNREADABLE as error:
        raise garbled("Binance", error) from None


def _found(name: bytes) -> _Said | None:
    """The decoder of a stream by what follows its symbol; it is looked for once, unless there are more streams than anybody has."""
    said = _SAID.get(name.partition(b"@")[2])
    if said is not None and len(_by_stream) < _STREAMS_MAX:
        _by_stream[name] = said
    return said


def _otherwise(data: bytes | msgspec.Raw) -> Message:
    """A message that does not begin with its stream's name."""
    probe = _probe(data)
    if probe.stream and len(probe.data):
        return _otherwise(probe.data)
    if probe.lastUpdateId >= 0:
        return _snapshot(data)
    if probe.e in _BARE:
        return _BARE[probe.e](data)
    if not probe.e and probe.u >= 0:
        return _bare_ticker(data)  # spot's has no name
    if probe.e or (probe.id is None and probe.error is None and probe.code is None):
        raise garbled("Binance", f"a message of kind {probe.e!r}")
    return Answer(probe.id, probe.error or (Reason(probe.code, probe.msg) if probe.code is not None else None))


def words_of(message: Message, received: int) -> list[Named]:
    """The words of a message heard at `received`, ns UTC; none for an answer."""
    if isinstance(message, Traded):
        if message.p == 0.0 or message.q == 0.0:
            return []
        number = message.t or message.a
        side = -1 if message.m else 1  # the buyer made the price, so the seller took it
        return [(message.s, trade_word(message.T * MILLISECOND_NS, received, number, message.p, message.q, side))]
    if isinstance(message, BookTicker):
        time = (message.T or message.E) * MILLISECOND_NS or received
        said = message.b, message.B, message.a, message.A
        return [(message.s, quote_word(time, received, message.u, *said))]
    if isinstance(message, DepthUpdate):
        time = (message.T or message.E) * MILLISECOND_NS
        return [(message.s, word) for word in depth_words(time, received, message.u, message.b, message.a)]
    return []


def snapshot_words(symbol: str, snapshot: DepthSnapshot, received: int) -> list[Named]:
    """A whole book, whose symbol only who asked for it knows."""
    time = (snapshot.T or snapshot.E) * MILLISECOND_NS or received
    levels = depth_words(time, received, snapshot.lastUpdateId, snapshot.bids, snapshot.asks, snapshot=True)
    return [(symbol, word) for word in levels]
