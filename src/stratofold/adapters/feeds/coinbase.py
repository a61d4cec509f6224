"""Coinbase Advanced Trade as a stream: trades, best quotes and whole books, without any I/O.

What comes in: products; frames of the channels `market_trades`, `ticker`, `l2_data` and `heartbeats`.
What goes out: words; a book begins with the snapshot that the channel begins with.
Why it is shaped so: frames are numbered on each connection, so one that is missing is seen at once; the connection is opened
anew then, because a book with a hole is none.

Sources: Coinbase Developer Documentation, "Advanced Trade WebSocket Channels".
Ignores: the side of a trade, because the reference does not say whose it is; trades from before the subscription, which the channel begins with; candles; the user's own orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stratofold.adapters.feeds.spoken import Number, Price, Size, depth_words, garbled, quote_word, trade_word
from stratofold.adapters.network.calls import UNREADABLE
from stratofold.adapters.network.moments import nanoseconds_of
from stratofold.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.feeds.session import Question
    from stratofold.adapters.feeds.spoken import Named

CHANNELS = ("market_trades", "ticker", "level2")
TIME_NS_MAX = 9_000_000_000 * 10**9


class Traded(msgspec.Struct, gc=False):
    """A trade."""

    product_id: str
    price: Price
    size: Size
    time: str
    trade_id: Number = 0


class Level(msgspec.Struct, gc=False):
    """What a level shows from now on."""

    side: str
    price_level: Price
    new_quantity: Size
    event_time: str = ""


class Ticker(msgspec.Struct, gc=False):
    """Best bid and offer; `ticker_batch` leaves them out."""

    product_id: str
    best_bid: Size = 0.0
    best_bid_quantity: Size = 0.0
    best_ask: Size = 0.0
    best_ask_quantity: Size = 0.0


class Happened(msgspec.Struct, gc=False):
    """One event of a frame, whatever its channel."""

    type: str = ""
    product_id: str = ""
    trades: list[Traded] = []
    updates: list[Level] = []
    tickers: list[Ticker] = []


class Frame(msgspec.Struct, gc=False):
    """A frame; an error has a `type` and no channel."""

    channel: str = ""
    timestamp: str = ""
    sequence_num: int = -1
    events: list[Happened] = []
    type: str = ""
    message: str = ""


_frame = msgspec.json.Decoder(Frame, strict=False).decode


class Coinbase:
    """See `session.Venue`."""

    name = "coinbase"
    symbols_max = 50
    requests_per_minute = 60

    def __init__(
        self,
        channels: Sequence[str] = CHANNELS,
        stream_url: str = "wss://advanced-trade-ws.coinbase.com",
        rest_url: str = "https://api.coinbase.com",
    ) -> None:
        """Public channels; nothing is signed."""
        self.channels = tuple(channels)
        self.stream_url = stream_url
        self.rest_url = rest_url

    def session(self, symbols: Sequence[str]) -> CoinbaseSession:
        """See `session.Venue`."""
        return CoinbaseSession(self, symbols)


class CoinbaseSession:
    """See `session.Session`."""

    def __init__(self, venue: Coinbase, symbols: Sequence[str]) -> None:
        """`heartbeats` keep a quiet subscription open."""
        self.questions: list[Question] = []
        self._channels = venue.channels
        heartbeats = msgspec.json.encode({"type": "subscribe", "channel": "heartbeats"}).decode()
        self.outgoing = [*self._said("subscribe", list(symbols)), heartbeats]
        self._next = 0

    def hear(self, data: bytes, received: int) -> list[Named]:
        """See `session.Session`; raises Retry SF980 for a frame that is none or misses its turn, Stop SF982 for a refusal."""
        try:
            frame = _frame(data)
            self._check(frame)
            return [named for event in frame.events for named in _words(frame, event, received)]
        except UNREADABLE as error:
            raise garbled("Coinbase", error) from None

    def frame_of(self, question: Question, body: bytes) -> bytes:
        """See `session.Session`: nothing is asked over HTTP, so nothing is said either."""
        raise garbled("Coinbase", f"an answer to no question: {question.path}, {len(body)} bytes")

    def again(self, symbol: str) -> list[str]:
        """See `session.Session`; of a book the venue then sends a snapshot."""
        return [*self._said("unsubscribe", [symbol]), *self._said("subscribe", [symbol])]

    def _said(self, what: str, products: list[str]) -> list[str]:
        """A message a channel."""
        asks = ({"type": what, "product_ids": products, "channel": name} for name in self._channels)
        return [msgspec.json.encode(ask).decode() for ask in asks]

    def _check(self, frame: Frame) -> None:
        """Refused, or not the frame that follows."""
        if frame.type == "error":
            raise Stop(
                "SF982", "Coinbase refuses the subscription", why=frame.message[:200],
                fix="ask for products that it has, as it writes them: BTC-USD",
            )  # fmt: skip
        if not frame.channel:
            raise ValueError("a frame of no channel")
        if frame.sequence_num >= 0:
            expected, self._next = self._next, frame.sequence_num + 1
            if frame.sequence_num != expected:
                raise garbled("Coinbase", f"frame {frame.sequence_num} where {expected} was due")


def _words(frame: Frame, event: Happened, received: int) -> list[Named]:
    """The words of one event."""
    if frame.channel == "market_trades":
        return [] if event.type == "snapshot" else [_trade(each, received) for each in event.trades]
    if frame.channel not in {"ticker", "ticker_batch", "l2_data"}:
        return []
    time = _time(frame.timestamp)
    if frame.channel != "l2_data":
        return [
            (each.product_id, quote_word(time, received, max(frame.sequence_num, 0), each.best_bid, each.best_bid_quantity,
                                         each.best_ask, each.best_ask_quantity))
            for each in event.tickers
        ]  # fmt: skip
    bids = [(level.price_level, level.new_quantity) for level in event.updates if level.side == "bid"]
    asks = [(level.price_level, level.new_quantity) for level in event.updates if level.side != "bid"]
    words = depth_words(time, received, max(frame.sequence_num, 0), bids, asks, snapshot=event.type == "snapshot")
    return [(event.product_id, word) for word in words]


def _trade(each: Traded, received: int) -> Named:
    return each.product_id, trade_word(_time(each.time), received, each.trade_id, each.price, each.size, 0)


def _time(text: str) -> int:
    """Nanoseconds UTC; raises ValueError for what no clock says."""
    time = nanoseconds_of(text)
    if not 0 <= time <= TIME_NS_MAX:
        raise ValueError(f"the time {text!r}")
    return time
