"""Binance as a stream: trades, best quotes and whole books of spot, USD-M and COIN-M, without any I/O.

What comes in: symbols; frames, and snapshots over REST wrapped as frames.
What goes out: words; a book's words begin with a snapshot and leave nothing out, or a GAP says so.
Why it is shaped so: each connection begins its books afresh, because what was said while it was down is lost.

Sources: as `binance_translate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stratofold.adapters.feeds import binance_translate as translate
from stratofold.adapters.feeds.binance_depth import DepthJoin
from stratofold.adapters.feeds.session import Question
from stratofold.adapters.feeds.spoken import gap_word, garbled, status_word
from stratofold.errors import Setup, Stop
from stratofold.events import RESTORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.feeds.spoken import Named

CHANNELS = ("trade", "bookTicker", "depth@100ms")
STREAMS_MAX = 200  # on one connection, which is what futures allow
LEVELS = 1_000
_AT_ONCE = (translate.Traded, translate.BookTicker)  # what waits for no snapshot
# Market to addresses of stream and REST, and the path of a snapshot.
MARKETS = {
    "spot": ("wss://stream.binance.com:9443/stream", "https://api.binance.com", "/api/v3/depth"),
    "usdm": ("wss://fstream.binance.com/stream", "https://fapi.binance.com", "/fapi/v1/depth"),
    "coinm": ("wss://dstream.binance.com/stream", "https://dapi.binance.com", "/dapi/v1/depth"),
}


class Binance:
    """See `session.Venue`; `market` is spot, usdm or coinm."""

    requests_per_minute = 60  # a snapshot weighs 50 of spot's 6,000 a minute, 20 of the futures' 2,400

    def __init__(
        self, market: str = "spot", channels: Sequence[str] = CHANNELS, stream_url: str = "", rest_url: str = ""
    ) -> None:
        """Raises Setup SF981 for a market that Binance does not have."""
        if market not in MARKETS:
            what = f"Binance has no market {market!r}"
            raise Setup("SF981", what, fix=f"use one of {', '.join(MARKETS)}")
        stream, rest, self.path = MARKETS[market]
        self.name = f"binance-{market}"
        self.futures = market != "spot"
        self.channels = tuple(channels)
        self.stream_url = stream_url or stream
        self.rest_url = rest_url or rest
        self.symbols_max = max(1, STREAMS_MAX // len(self.channels))

    def session(self, symbols: Sequence[str]) -> BinanceSession:
        """See `session.Venue`."""
        return BinanceSession(self, symbols)


class BinanceSession:
    """See `session.Session`."""

    def __init__(self, venue: Binance, symbols: Sequence[str]) -> None:
        """Nothing is whole yet."""
        self.questions: list[Question] = []
        self._channels = venue.channels
        self._asks = 0
        self.outgoing = [self._said("SUBSCRIBE", symbols)]
        self._path = venue.path
        self._joins = {symbol.upper(): DepthJoin(futures=venue.futures) for symbol in symbols}
        self._asked: set[str] = set()
        self._lost: set[str] = set()

    def hear(self, data: bytes, received: int) -> list[Named]:
        """See `session.Session`; raises Stop SF982 for a subscription that is refused."""
        message = translate.parse(data)
        if isinstance(message, _AT_ONCE):
            return translate.words_of(message, received)
        if isinstance(message, translate.DepthUpdate):
            return self._changed(message, received)
        if isinstance(message, translate.DepthSnapshot):
            return self._shown(self._symbol_of(data), message, received)
        if message.error is not None:
            raise Stop(
                "SF982",
                "Binance refuses the subscription",
                why=f"{message.error.code}: {message.error.msg}",
                fix="ask for symbols that this market has, as it writes them: BTCUSDT",
            )
        return []

    def frame_of(self, question: Question, body: bytes) -> bytes:
        """See `session.Session`."""
        return b'{"stream":"%s@snapshot","data":%s}' % (question.symbol.lower().encode(), body)

    def again(self, symbol: str) -> list[str]:
        """See `session.Session`."""
        return [self._said(method, [symbol]) for method in ("UNSUBSCRIBE", "SUBSCRIBE")]

    def _said(self, method: str, symbols: Sequence[str]) -> str:
        """A request about all channels of some symbols; each has a number of its own."""
        self._asks += 1
        names = [f"{symbol.lower()}@{channel}" for symbol in symbols for channel in self._channels]
        return msgspec.json.encode({"method": method, "params": names, "id": self._asks}).decode()

    def _symbol_of(self, data: bytes) -> str:
        """Whose snapshot it is: its frame says it, unless there is only one symbol."""
        name, _, rest = data[11:80].partition(b"@")
        if rest.startswith(b"snapshot"):
            return name.decode("ascii", "replace").upper()
        if len(self._joins) == 1:
            return next(iter(self._joins))
        raise garbled("Binance", "a snapshot of no symbol")

    def _changed(self, update: translate.DepthUpdate, received: int) -> list[Named]:
        """The words of a change that follows on the last; a snapshot is asked for where none does."""
        join = self._joins.get(update.s)
        if join is None:
            return []
        gaps = join.gaps
        words = [named for ready in join.hear(update) for named in translate.words_of(ready, received)]
        return words + self._torn(update.s, join, gaps, received)

    def _ask(self, symbol: str, join: DepthJoin) -> None:
        """Ask for a snapshot, once, where one is wanted."""
        if join.wants_snapshot and symbol not in self._asked:
            self._asked.add(symbol)
            self.questions.append(Question(symbol, self._path, {"symbol": symbol, "limit": LEVELS}))

    def _shown(self, symbol: str, snapshot: translate.DepthSnapshot, received: int) -> list[Named]:
        """A whole book, and the changes that waited for it."""
        join = self._joins.get(symbol)
        if join is None or not join.wants_snapshot:
            return []
        self._asked.discard(symbol)
        gaps = join.gaps
        changes = join.join(snapshot)
        if changes is None:
            self._ask(symbol, join)
            return []
        words: list[Named] = [(symbol, status_word(RESTORED, received))] if symbol in self._lost else []
        self._lost.discard(symbol)
        words += translate.snapshot_words(symbol, snapshot, received)
        words += [named for change in changes for named in translate.words_of(change, received)]
        return words + self._torn(symbol, join, gaps, received)

    def _torn(self, symbol: str, join: DepthJoin, gaps: int, received: int) -> list[Named]:
        """A GAP where a change did not follow since there were `gaps`; a snapshot is asked for where one is wanted."""
        self._ask(symbol, join)
        if join.gaps == gaps:
            return []
        self._lost.add(symbol)
        return [(symbol, gap_word(received))]
