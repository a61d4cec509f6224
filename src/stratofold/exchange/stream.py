"""The two streams, frame by frame: trade updates in JSON, market data in MessagePack (or JSON).

What comes in: frames from one client.  What goes out: frames to it; a session only remembers who it is and what it
wants.
Source: Alpaca's "WebSocket Streaming" (trade updates) and "Real-time Stock Data"; the order of the handshake is the API's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.exchange.data import candle_json, message_json, tick_json
from stratofold.exchange.market import Tick
from stratofold.exchange.moments import stamp

if TYPE_CHECKING:
    from stratofold.exchange.account import Account
    from stratofold.exchange.core import Exchange
    from stratofold.exchange.dialect import Json
    from stratofold.exchange.market import Candle, Level

_SECOND_NS = 1_000_000_000
_CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "orderbooks")
_TIMESTAMP = -1  # the MessagePack extension of a time


class TradeSession:
    """One connection to `/stream`: authenticate, listen, then updates."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        """Nobody has said who it is; `name` tells this connection from others."""
        self.exchange = exchange
        self.name = name
        self.account: Account | None = None
        self.listening = False
        self.closed = False

    def receive(self, frame: str | bytes) -> list[bytes]:
        """Answer one frame."""
        try:
            message = msgspec.json.decode(frame)
            action, data = message["action"], message.get("data") or {}
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
            return [_json({"stream": "error", "data": {"error": "invalid message"}})]
        if action in {"authenticate", "auth"}:
            return [self._authenticate(data or message)]
        if action == "listen":
            return [self._listen(data.get("streams") or [])]
        return [_json({"stream": "error", "data": {"error": f"unknown action {action}"}})]

    def _authenticate(self, data: Json) -> bytes:
        """Keys open the account's stream."""
        key, secret = data.get("key_id", data.get("key", "")), data.get("secret_key", data.get("secret", ""))
        self.account = self.exchange.account(str(key), str(secret))
        status = "authorized" if self.account is not None else "unauthorized"
        self.closed = self.account is None
        return _json({"stream": "authorization", "data": {"status": status, "action": "authenticate"}})

    def _listen(self, streams: list[str]) -> bytes:
        """From now on updates are sent."""
        if self.account is None:
            return _json({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}})
        self.listening = "trade_updates" in streams
        known = [name for name in streams if name == "trade_updates"]
        return _json({"stream": "listening", "data": {"streams": known}})

    def wants(self, account: Account) -> bool:
        """Whether the account's updates go here."""
        return self.listening and self.account is account


def update_frame(update: Json) -> bytes:
    """An update as the stream sends it."""
    return _json({"stream": "trade_updates", "data": update})


def _json(value: Any) -> bytes:
    """A frame of JSON."""
    return msgspec.json.encode(value)


class DataSession:
    """One connection to the market data: authenticate, subscribe, then bars."""

    def __init__(self, exchange: Exchange, *, packed: bool) -> None:
        """`packed`: the client speaks MessagePack."""
        self.exchange = exchange
        self.packed = packed
        self.known = False
        self.closed = False
        self.channels: dict[str, list[str]] = {name: [] for name in _CHANNELS}

    def greeting(self) -> bytes:
        """The first frame."""
        return self._frame([{"T": "success", "msg": "connected"}])

    def receive(self, frame: str | bytes) -> list[bytes]:
        """Answer one frame."""
        try:
            message = (msgspec.msgpack if self.packed else msgspec.json).decode(frame)
            action = message["action"]
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
            return [self._error(400, "invalid syntax")]
        if action == "auth":
            return [self._authenticate(message)]
        if not self.known:
            return [self._error(401, "not authenticated")]
        if action in {"subscribe", "unsubscribe"}:
            return [self._subscribe(message, remove=action == "unsubscribe")]
        return [self._error(400, "invalid syntax")]

    def _authenticate(self, message: Json) -> bytes:
        """Keys open the data."""
        if self.known:
            return self._error(403, "already authenticated")
        if self.exchange.account(str(message.get("key", "")), str(message.get("secret", ""))) is None:
            self.closed = True
            return self._error(402, "auth failed")
        self.known = True
        return self._frame([{"T": "success", "msg": "authenticated"}])

    def _subscribe(self, message: Json, *, remove: bool) -> bytes:
        """More or fewer symbols; the answer is everything that is subscribed now."""
        for name, symbols in self.channels.items():
            wanted = [str(symbol) for symbol in message.get(name) or []]
            kept = [symbol for symbol in symbols if symbol not in wanted]
            self.channels[name] = kept if remove else [*kept, *wanted]
        return self._frame([{"T": "subscription", **self.channels}])

    def _error(self, code: int, text: str) -> bytes:
        """An error frame."""
        return self._frame([{"T": "error", "code": code, "msg": text}])

    def wants(self, bar: Candle, *, daily: bool) -> bool:
        """Whether a bar goes here."""
        symbols = self.channels["dailyBars" if daily else "bars"]
        return bar.symbol in symbols or "*" in symbols

    def bar_frame(self, bar: Candle, *, daily: bool) -> bytes:
        """A bar as the stream sends it."""
        time = packed_time(bar.begin) if self.packed else None
        row = {"T": "d" if daily else "b", "S": bar.symbol, **candle_json(bar)}
        return self._frame([{**row, "t": time} if self.packed else row])

    def wants_tick(self, tick: Tick | tuple[Level, ...]) -> bool:
        """Whether a tick, or a message of depth, goes here."""
        one = tick if isinstance(tick, Tick) else tick[0]
        channel = ("quotes" if one.is_quote else "trades") if isinstance(one, Tick) else "orderbooks"
        return one.symbol in self.channels[channel] or "*" in self.channels[channel]

    def tick_frame(self, tick: Tick | tuple[Level, ...]) -> bytes:
        """A tick, or a message of depth, as the stream sends it."""
        if isinstance(tick, Tick):
            symbol, time = tick.symbol, tick.time
            row = {"T": "q" if tick.is_quote else "t", "S": symbol, **tick_json(tick)}
        else:
            symbol, time = tick[0].symbol, tick[-1].time
            row = {"T": "o", "S": symbol, **message_json(tick)}
        return self._frame([{**row, "t": packed_time(time) if self.packed else stamp(time)}])

    def _frame(self, value: Any) -> bytes:
        """A frame in the client's own encoding."""
        return msgspec.msgpack.encode(value) if self.packed else msgspec.json.encode(value)


def packed_time(time: int) -> msgspec.msgpack.Ext:
    """Nanoseconds UTC as MessagePack's timestamp: 64 bits, 30 of them nanoseconds (the MessagePack specification)."""
    second, rest = divmod(time, _SECOND_NS)
    return msgspec.msgpack.Ext(_TIMESTAMP, (rest << 34 | second).to_bytes(8, "big"))
