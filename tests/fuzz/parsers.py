"""Every door through which bytes of others come in: what goes in at best, and what may come of anything else.

A parser takes bytes and gives words, rows or nothing, or raises what its caller expects of it; whatever else it raises is a fault.
`PARSERS` is read by the quick test, which spoils what is good by chance, and by `guided.py`, where atheris looks for the branches.
"""

import contextlib
import gzip
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from struct import pack
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from stratofold.adapters.feeds import alpaca_translate, recording
from stratofold.adapters.feeds.binance import Binance
from stratofold.adapters.feeds.coinbase import Coinbase
from stratofold.adapters.feeds.itch import Itch
from stratofold.adapters.feeds.itch_framing import MoldUdp64, SoupBinTcp
from stratofold.adapters.feeds.massive import Massive
from stratofold.adapters.network.calls import UNREADABLE
from stratofold.adapters.network.http import AnswerReader, Broken
from stratofold.adapters.network.websocket import FrameReader, frame
from stratofold.adapters.sources.alpaca import AlpacaHistory
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.coinbase import CoinbaseHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.adapters.sources.question import DAY_NS, Page, Question
from stratofold.cloud.lines import lines_in
from stratofold.cloud.market import read as read_line
from stratofold.errors import Error, Retry, Setup, Stop
from stratofold.events import Event
from stratofold.live import webhook
from stratofold.market import alternative, cleaning
from stratofold.market.catalogue import manifest, numbers
from stratofold.market.catalogue.intake import Stated, rows_of
from stratofold.market.sessions import calendar
from tests.unit.feeds.itch_encoder import Session as ItchSession

if TYPE_CHECKING:
    from collections.abc import Callable

MIDNIGHT = 1_704_171_600 * 10**9
NOON = "2024-03-01T12:00:00.5Z"


@dataclass(frozen=True)
class Parser:
    """A door: `hear` raises nothing for any bytes but what is wrong with the door; `seeds` are bytes that it takes."""

    hear: "Callable[[bytes], Any]"
    seeds: tuple[bytes, ...]


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def words(found: Any) -> None:
    """Words have names and times."""
    for symbol, word in found:
        assert isinstance(symbol, str)
        assert isinstance(word, Event)
        assert 0 <= word.time <= word.known < 2**63


# Streams.


def stream(venue: Any, *symbols: str) -> "Callable[[bytes], None]":
    """The same frame twice: what the first has left must not break the second."""

    def hear(data: bytes) -> None:
        session = venue.session(list(symbols))
        for received in (1, 2):
            with contextlib.suppress(Retry, Stop):
                words(session.hear(data, received))

    return hear


DEPTH = {"e": "depthUpdate", "E": 5, "s": "BTCUSDT", "U": 1, "u": 2, "pu": 0, "b": [["1.5", "2"]], "a": [["1.6", "0"]], "T": 4}  # fmt: skip
BINANCE = [
    {"e": "trade", "E": 5, "s": "BTCUSDT", "t": 7, "p": "1.5", "q": "3", "T": 4, "m": True}, DEPTH,
    {"stream": "btcusdt@depth", "data": DEPTH}, {"result": None, "id": 1}, {"error": {"code": 2, "msg": "no"}, "id": 1},
    {"u": 9, "s": "BTCUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "1"},
    {"stream": "btcusdt@snapshot", "data": {"lastUpdateId": 1, "bids": [["1.5", "2"]], "asks": []}},
]  # fmt: skip
COINBASE = [
    {"channel": channel, "timestamp": NOON, "sequence_num": 0, "events": [event]}
    for channel, event in (
        ("market_trades", {"type": "update", "trades": [
            {"trade_id": "9", "product_id": "BTC-USD", "price": "2.5", "size": "3", "side": "SELL", "time": NOON}]}),
        ("ticker", {"type": "update", "tickers": [
            {"product_id": "BTC-USD", "best_bid": "2", "best_bid_quantity": "1", "best_ask": "3", "best_ask_quantity": "1"}]}),
        ("l2_data", {"type": "snapshot", "product_id": "BTC-USD", "updates": [
            {"side": "bid", "event_time": NOON, "price_level": "2", "new_quantity": "1"}]}),
        ("heartbeats", {"current_time": NOON, "heartbeat_counter": 3}),
    )
]  # fmt: skip
MASSIVE = [
    [{"ev": "T", "sym": "SPY", "p": 1.5, "s": 1, "t": 1_709_294_400_500, "x": 4, "i": "7"}],
    [{"ev": "Q", "sym": "SPY", "bp": 1, "bs": 2, "ap": 3, "as": 4, "t": 1_709_294_400_500}],
    [{"ev": "AM", "sym": "SPY", "o": 1, "h": 2, "l": 1, "c": 2, "v": 5, "s": 1_709_294_400_000, "e": 1_709_294_460_000}],
    [{"ev": "status", "status": "auth_success", "message": "authenticated"}],
]  # fmt: skip


def alpaca(data: bytes) -> None:
    """The stream's messages, to events."""
    complete = alpaca_translate.Complete(60 * 10**9, calendar("XNYS"))
    try:
        named = [
            each
            for message in alpaca_translate.messages_of(data)
            for each in alpaca_translate.events_of(message, complete, 1)
        ]
    except UNREADABLE:
        return
    words(named)


STAMP = msgspec.msgpack.Ext(-1, (1_709_294_400).to_bytes(4, "big"))
ALPACA = [
    msgspec.msgpack.encode([row])
    for row in (
        {"T": "b", "S": "SPY", "o": 1.0, "h": 2.0, "l": 1.0, "c": 2.0, "v": 5, "t": STAMP},
        {"T": "q", "S": "SPY", "bp": 1.0, "bs": 2, "ap": 3.0, "as": 4, "t": STAMP},
        {"T": "t", "S": "SPY", "p": 1.0, "s": 2, "t": STAMP},
        {"T": "o", "S": "BTC/USD", "b": [{"p": 1.5, "s": 2}], "a": [{"p": 2, "s": 0}], "r": True, "t": STAMP},
        {"T": "success", "msg": "connected"},
    )
]


def itch(data: bytes) -> None:
    session = Itch(MIDNIGHT)
    try:
        words(session.feed(data[: len(data) // 2]))
        words(session.feed(data[len(data) // 2 :]))
    except Retry:
        pass


def datagrams(data: bytes) -> None:
    """MoldUDP64: the same bytes as two datagrams and as one."""
    framing = MoldUdp64()
    for piece in (data[: len(data) // 2], data[len(data) // 2 :], data):
        with contextlib.suppress(Retry):
            framing.take(piece)


def packets(data: bytes) -> None:
    """SoupBinTCP in two pieces."""
    framing = SoupBinTcp("USER", "PASSWORD")
    with contextlib.suppress(Retry, Stop):
        framing.feed(data[: len(data) // 2])
        framing.feed(data[len(data) // 2 :])


def itch_seed(steps: int) -> bytes:
    session = ItchSession(Random(steps))
    session.begin()
    for _ in range(steps):
        session.step()
    return bytes(session.data)


def played(data: bytes) -> None:
    """A file that somebody calls a recording."""

    def venue(name: str) -> Any:
        if name != "binance":
            raise Setup("SF000", f"no venue {name}", fix="none")
        return Binance()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("x.jsonl.gz" if data[:1] == b"\x1f" else "x.jsonl")
        path.write_bytes(data)
        try:
            for heard in recording.heard_in(path, venue, notes=[]):
                words(heard.words)
        except (Setup, Stop):
            pass


RECORDED = (
    b"1 "
    + recording.opening("binance", ["BTCUSDT"])
    + b"\n"
    + b"".join(b"%d %s\n" % (k, encoded(one)) for k, one in enumerate(BINANCE, 2))
)


# History.


def history(source: Any, kind: str) -> "Callable[[bytes], None]":
    question = Question(kind, "X", 0, 10 * DAY_NS, DAY_NS if kind == "bars" else 0, source.calendar)

    def hear(data: bytes) -> None:
        try:
            assert isinstance(source.read(question, source.first(question), data), Page)
        except (*UNREADABLE, AttributeError):
            pass

    return hear


BAR = {"t": "2024-01-02T05:00:00Z", "o": 1.5, "h": 2.5, "l": 1.0, "c": 2.0, "v": 10.0, "n": 9, "vw": 1.7}
PAGES: dict[str, Any] = {
    "alpaca bars": {"bars": {"X": [BAR]}, "next_page_token": None},
    "alpaca trades": {"trades": {"X": [{"t": NOON, "x": "V", "p": 1.5, "s": 1.0, "c": ["@"], "i": 5, "z": "B"}]}, "next_page_token": "a"},
    "alpaca quotes": {"quotes": {"X": [{"t": NOON, "ax": "Q", "ap": 2.0, "as": 1.0, "bx": "P", "bp": 1.0, "bs": 1.0}]}, "next_page_token": None},
    "alpaca actions": {"corporate_actions": {"forward_splits": [{"symbol": "X", "ex_date": "2024-01-02", "new_rate": 2, "old_rate": 1}]}, "next_page_token": None},
    "massive bars": {"status": "OK", "results": [{**BAR, "t": 1_704_171_600_000}], "next_url": "https://a/b?cursor=c"},
    "massive trades": {"status": "OK", "results": [{"sip_timestamp": 7, "participant_timestamp": 5, "price": 1.5, "size": 1.0, "exchange": 4, "conditions": [12], "id": "91"}]},
    "massive quotes": {"status": "OK", "results": [{"sip_timestamp": 7, "bid_price": 1.0, "bid_size": 2.0, "ask_price": 1.5, "ask_size": 4.0}]},
    "massive actions": {"status": "OK", "results": [{"ticker": "X", "execution_date": "2024-01-02", "split_from": 1, "split_to": 2}]},
    "binance bars": [[1_704_171_600_000, "1.5", "2.5", "1.0", "2.0", "10", 1_704_171_659_999, "0", 3, "0", "0", "0"]],
    "binance trades": [{"a": 7, "p": "1.5", "q": "0.1", "f": 1, "l": 1, "T": 1_704_171_600_000, "m": True, "M": True}],
    "coinbase bars": {"candles": [{"start": "1704171600", "low": "1", "high": "3", "open": "1.5", "close": "2", "volume": "1"}]},
    "coinbase trades": {"trades": [{"trade_id": "7", "product_id": "X", "price": "1.5", "size": "0.1", "time": NOON, "side": "BUY"}]},
}  # fmt: skip
SOURCES = (AlpacaHistory("K", "S"), MassiveHistory("K"), BinanceHistory(), CoinbaseHistory())


# Observations.


def observed(read: "Callable[[bytes], pl.DataFrame]") -> "Callable[[bytes], None]":
    def hear(data: bytes) -> None:
        try:
            rows = read(data)
        except Setup as error:
            if error.code != "SF656":
                raise
            return
        assert (rows["known"] >= rows["about"]).all()

    return hear


FRED = {"observations": [{"realtime_start": "2024-02-13", "realtime_end": "2024-03-11", "date": "2024-01-01", "value": "308.417"}]}  # fmt: skip
EDGAR = {"cik": 320193, "facts": {"us-gaap": {"Revenues": {"units": {"USD": [
    {"end": "2018-09-29", "val": 265595000000, "fy": 2018, "form": "10-K", "filed": "2018-11-05"}]}}}}}  # fmt: skip
RSS = (
    b"<rss><channel><item><title>Shares surge</title><pubDate>Thu, 01 Feb 2024 16:31:00 -0500</pubDate></item></channel></rss>",
    b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A warning</title><published>2024-02-01T21:31:00Z</published></entry></feed>',
)
POSTS = {"items": [{"id": "1", "content_text": "Huge rally", "date_published": "2024-02-01T16:31:00-05:00"}]}


# Files.


def imported(ending: str) -> "Callable[[bytes], None]":
    """A file into a catalogue's rows, and through the cleaning's rules."""

    def hear(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"X{ending}"
            path.write_bytes(data)
            for read in (lambda: rows_of(path, Stated("s"), []), lambda: cleaning.check(path)):
                with contextlib.suppress(Error):
                    read()

    return hear


NUMBERS = {"time": pl.Int64(), "price": pl.Float64(), "side": pl.String(), "note": pl.String(), "maker": pl.Boolean()}
SIDES = {"buy": 1, "sell": -1}


def numbered(data: bytes) -> None:
    """Lines by machine code: whatever it reads is what polars reads."""
    plan = numbers._planned(NUMBERS, ["time", "price", "side", "maker"], {"side": SIDES})
    frames = numbers._frames(io.BytesIO(data), plan, len(data))
    if frames:
        ours = pl.concat(frames)
        theirs = pl.read_csv(data, schema=NUMBERS, has_header=False).with_columns(pl.col("side").replace_strict(SIDES))
        assert ours.equals(theirs.select(ours.columns)), (ours, theirs)


def table(kind: str) -> pl.DataFrame:
    """A few rows of a kind."""
    time = pl.Series([1_709_294_400_000_000_000 + k * 60_000_000_000 for k in range(8)])
    price = pl.Series([10.0 + k for k in range(8)])
    if kind == "bars":
        return pl.DataFrame(
            {"time": time, "open": price, "high": price + 1, "low": price - 1, "close": price, "volume": price}
        )
    if kind == "trades":
        return pl.DataFrame({"time": time, "price": price, "size": price, "side": ["buy", "sell"] * 4, "symbol": "X"})
    return pl.DataFrame({"time": time.cast(pl.Datetime("ns", "UTC")), "bid": price, "ask": price + 1, "bid_size": price, "ask_size": price})  # fmt: skip


def written(ending: str, frame: pl.DataFrame) -> bytes:
    into = io.BytesIO()
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".arrow": frame.write_ipc}[ending](into)
    return into.getvalue()


# Requests, lines, answers.


def posted(data: bytes) -> None:
    with contextlib.suppress(Setup):
        webhook.offers_of(webhook.read(data), 1)


def lined(data: bytes) -> None:
    """The lines of a body or a file, each read on its own."""
    for csv in (False, True):
        try:
            for line in lines_in(data, csv=csv):
                with contextlib.suppress(Setup):
                    read_line(line, "book")
        except Setup:
            pass


def answered(data: bytes) -> None:
    for size in (1, len(data) or 1):
        reader = AnswerReader()
        try:
            for begin in range(0, len(data), size):
                if reader.feed(data[begin : begin + size]) is not None:
                    break
        except Broken:
            pass


def framed(data: bytes) -> None:
    for size in (1, len(data) or 1):
        reader = FrameReader()
        try:
            for begin in range(0, len(data), size):
                list(reader.feed(data[begin : begin + size]))
        except Broken:
            pass


def stated(data: bytes) -> None:
    with contextlib.suppress(Stop):
        manifest.decode(data, "here")


FILL = {
    "kind": "fill", "book": "b", "venue_id": "v", "symbol": "SPY", "side": "buy", "quantity": "1", "price": "2.5",
    "cumulative": "1", "time": NOON, "client_id": "c",
}  # fmt: skip
SIGNAL = {"kind": "signal", "book": "b", "sender": "d", "id": "1", "series": "s", "symbol": "SPY", "value": "-3.5", "time": NOON}  # fmt: skip
LINES = [
    {"book": "b", "event": "bar", "symbol": "SPY", "time": 1_709_294_400_000_000_000, "span": 60, "open": 1, "high": 2, "low": 1, "close": 2, "volume": 5},
    {"event": "observation", "symbol": "", "time": NOON, "series": 0, "value": 1.5},
    {"event": "action", "symbol": "SPY", "kind": "split", "time": NOON, "value": 2},
    {"event": "tick", "time": NOON, "rank": 3},
]  # fmt: skip
CSV_LINES = b"event,symbol,time,open,high,low,close,volume\nbar,SPY,1709294400000000000,1,2,1,2,5\n"

PARSERS = {
    "binance": Parser(stream(Binance(), "BTCUSDT"), tuple(map(encoded, BINANCE))),
    "binance futures": Parser(stream(Binance("usdm"), "BTCUSDT", "ETHUSDT"), tuple(map(encoded, BINANCE))),
    "coinbase": Parser(stream(Coinbase(), "BTC-USD"), tuple(map(encoded, COINBASE))),
    "massive": Parser(stream(Massive("KEY"), "SPY"), tuple(map(encoded, MASSIVE))),
    "alpaca": Parser(alpaca, tuple(ALPACA)),
    "itch": Parser(itch, (itch_seed(0), itch_seed(6))),
    "recording": Parser(played, (RECORDED, gzip.compress(RECORDED, mtime=0))),
    **{
        f"{source.name} {kind}": Parser(history(source, kind), (encoded(PAGES[f"{source.name} {kind}"]),))
        for source in SOURCES for kind in source.kinds
    },
    "fred": Parser(observed(lambda data: alternative.fred(data, "X")), (encoded(FRED),)),
    "edgar": Parser(observed(lambda data: alternative.edgar(data, ["Revenues"], "X")), (encoded(EDGAR),)),
    "rss": Parser(observed(lambda data: alternative.rss(data, "X")), RSS),
    "posts": Parser(observed(lambda data: alternative.posts(data, "X")), (encoded(POSTS),)),
    **{
        f"{ending[1:]} file": Parser(imported(ending), tuple(written(ending, table(kind)) for kind in ("bars", "trades", "quotes")))
        for ending in (".csv", ".parquet", ".arrow")
    },
    "lines of numbers": Parser(numbered, (
        b"1709294400000000000,10.25,buy,x,true\n-5,-0.125,sell,,false\n", b"1,2,buy,note,true\n" * 4,
    )),
    "datagrams": Parser(datagrams, (pack(">10sQH", b"SESSION001", 1, 1) + b"\0\3abc", pack(">10sQH", b"SESSION001", 9, 0))),
    "packets": Parser(packets, (b"\0\x1fA" + b"SESSION001" + b"1".rjust(20) + b"\0\4Sabc\0\1H\0\1Z",)),
    "webhook": Parser(posted, (encoded(FILL), encoded(SIGNAL))),
    "lines": Parser(lined, (b"\n".join(map(encoded, LINES)), encoded(LINES), CSV_LINES)),
    "http answer": Parser(answered, (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    )),
    "websocket": Parser(framed, (b"\x81\x02{}\x89\x01x\x01\x01a\x80\x01b\x88\x02\x03\xe8", frame(1, b"{}"))),
    "manifest": Parser(stated, (manifest.encode(manifest.Manifest()),)),
}  # fmt: skip


def _trapped(data: bytes) -> None:
    """Wrong behind four letters, one after the other."""
    if data[:1] == b"F" and data[1:2] == b"o" and data[2:3] == b"l" and data[3:4] == b"d":
        raise LookupError("found")


trap = Parser(_trapped, (b"{}",))
