"""Massive (formerly Polygon) as a stream: trades, quotes and minutes of US stocks, without any I/O.

What comes in: tickers and a key; frames, each a list of messages.
What goes out: words.
Why it is shaped so: the venue speaks first, then hears the key, and only then what is asked for, so what is sent follows on
what was heard.

Sources: Massive documentation, "WebSocket: Stocks" (`T`, `Q`, `AM`, `status`).
Ignores: conditions of trades and quotes; each exchange's own quotes, of which this is the best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stratofold.adapters.feeds.spoken import (
    MILLISECOND_NS,
    Milliseconds,
    Number,
    Price,
    Size,
    garbled,
    quote_word,
    trade_word,
)
from stratofold.adapters.network.calls import UNREADABLE
from stratofold.errors import Stop
from stratofold.events import Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.feeds.session import Question
    from stratofold.adapters.feeds.spoken import Named

CHANNELS = ("T", "Q")
REFUSED = frozenset({"auth_failed", "auth_timeout", "max_connections", "not_authorized"})


class Traded(msgspec.Struct, tag_field="ev", tag="T", gc=False):
    """A trade; `ds`, where it is said, is its size with fractions of a share, of which `s` knows nothing."""

    sym: str
    p: Price
    s: Size
    t: Milliseconds
    q: Number = 0
    ds: Size = 0.0


class Quoted(msgspec.Struct, tag_field="ev", tag="Q", gc=False):
    """Best bid and offer; a side that is absent is not there."""

    sym: str
    t: Milliseconds
    bp: Size = 0.0
    bs: Size = 0.0
    ap: Size = 0.0
    as_: Size = msgspec.field(name="as", default=0.0)
    q: Number = 0


class Minute(msgspec.Struct, tag_field="ev", tag="AM", gc=False):
    """A minute's bar, from `s` to `e`; `dv`, where it is said, is its volume with fractions of shares."""

    sym: str
    o: Price
    h: Price
    l: Price  # noqa: E741 - the name on the wire
    c: Price
    v: Size
    s: Milliseconds
    e: Milliseconds
    dv: Size = 0.0


class Status(msgspec.Struct, tag_field="ev", tag="status", gc=False):
    """What became of the connection, the key, or a subscription."""

    status: str
    message: str = ""


_messages = msgspec.json.Decoder(list[Traded | Quoted | Minute | Status], strict=False).decode


class Massive:
    """See `session.Venue`; the key is shown nowhere."""

    name = "massive"
    symbols_max = 1_000
    requests_per_minute = 60

    def __init__(
        self,
        key: str,
        channels: Sequence[str] = CHANNELS,
        stream_url: str = "wss://socket.massive.com/stocks",
        rest_url: str = "https://api.massive.com",
    ) -> None:
        """`channels`: T trades, Q quotes, AM minutes."""
        self._key = key
        self.channels = tuple(channels)
        self.stream_url = stream_url
        self.rest_url = rest_url

    def __repr__(self) -> str:
        """Where it is."""
        return f"Massive({self.stream_url})"

    def session(self, symbols: Sequence[str]) -> MassiveSession:
        """See `session.Venue`."""
        return MassiveSession(self._key, symbols, self.channels)


class MassiveSession:
    """See `session.Session`."""

    def __init__(self, key: str, symbols: Sequence[str], channels: Sequence[str]) -> None:
        """The venue speaks first."""
        self.outgoing: list[str] = []
        self.questions: list[Question] = []
        self._key = key
        self._channels = channels
        self._wanted = self._names(symbols)

    def hear(self, data: bytes, received: int) -> list[Named]:
        """See `session.Session`; raises Stop SF983 when the key is refused, SF982 when the subscription is."""
        try:
            return [named for message in _messages(data) for named in self._words(message, received)]
        except UNREADABLE as error:
            raise garbled("Massive", error) from None

    def frame_of(self, question: Question, body: bytes) -> bytes:
        """See `session.Session`: nothing is asked over HTTP, so nothing is said either."""
        raise garbled("Massive", f"an answer to no question: {question.path}, {len(body)} bytes")

    def again(self, symbol: str) -> list[str]:
        """See `session.Session`."""
        return [_said(action, self._names([symbol])) for action in ("unsubscribe", "subscribe")]

    def _names(self, symbols: Sequence[str]) -> str:
        """All channels of some symbols."""
        return ",".join(f"{channel}.{symbol}" for symbol in symbols for channel in self._channels)

    def _words(self, message: Traded | Quoted | Minute | Status, received: int) -> list[Named]:
        """A message's words; to a status the next thing is said."""
        if isinstance(message, Traded):
            time = message.t * MILLISECOND_NS
            return [(message.sym, trade_word(time, received, message.q, message.p, message.ds or message.s, 0))]
        if isinstance(message, Quoted):
            said = message.bp, message.bs, message.ap, message.as_
            return [(message.sym, quote_word(message.t * MILLISECOND_NS, received, message.q, *said))]
        if isinstance(message, Minute):
            return [(message.sym, _bar(message, received))]
        self._answer(message)
        return []

    def _answer(self, status: Status) -> None:
        """Show the key when the venue has greeted, ask when it has taken it."""
        if status.status == "connected":
            self.outgoing.append(_said("auth", self._key))
        elif status.status == "auth_success":
            self.outgoing.append(_said("subscribe", self._wanted))
        elif status.status in REFUSED:
            what = "Massive refuses the key, or another connection uses it"
            raise Stop(
                "SF983",
                what,
                why=status.message[:200],
                fix="store the key of your plan: stratofold secret massive-key",
            )
        elif status.status == "error":
            raise Stop(
                "SF982", "Massive refuses the subscription", why=status.message[:200],
                fix="ask for tickers and channels that your plan includes",
            )  # fmt: skip


def _said(action: str, what: str) -> str:
    return msgspec.json.encode({"action": action, "params": what}).decode()


def _bar(message: Minute, received: int) -> Bar:
    """A minute, complete at its end."""
    bar = Bar()
    bar.time = message.e * MILLISECOND_NS
    bar.known = max(received, bar.time)
    bar.span = (message.e - message.s) * MILLISECOND_NS
    bar.open, bar.high, bar.low, bar.close, bar.volume = (
        message.o,
        message.h,
        message.l,
        message.c,
        message.dv or message.v,
    )
    return bar
