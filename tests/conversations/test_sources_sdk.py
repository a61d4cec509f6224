"""A second opinion on the conversations we play: the vendors' own clients, and ccxt, read the same answers as we do."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import massive
import pytest
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest, StockQuotesRequest, StockTradesRequest
from alpaca.data.timeframe import TimeFrame

from stratofold.adapters.sources.alpaca import AlpacaHistory
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.coinbase import CoinbaseHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.adapters.sources.question import DAY_NS, SECOND_NS, Question

START = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp()) * SECOND_NS
WITHOUT = "ccxt brings 74 MB and a resolver that aiohttp would take for its own: pip install ccxt"
FIRST_MS = START // 1_000_000


@contextmanager
def answering(answers):
    """A server that answers by path, whatever else is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path.partition("?")[0]]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def ours(source, kind, body, symbol, span=DAY_NS):
    """The columns that we read out of the same answer."""
    asked = Question(kind, symbol, START, START + 10 * DAY_NS, span if kind == "bars" else 0, source.calendar)
    return source.read(asked, source.first(asked), json.dumps(body).encode()).columns


def nanoseconds(moment):
    gap = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds) * 1000


BAR = {
    "t": "2024-01-02T05:00:00Z",
    "o": 472.16,
    "h": 473.67,
    "l": 470.49,
    "c": 472.65,
    "v": 123623.0,
    "n": 900,
    "vw": 472.3,
}
TRADE = {"t": "2024-01-02T14:30:00.123456Z", "x": "V", "p": 472.5, "s": 100.0, "c": ["@"], "i": 55, "z": "B"}
QUOTE = {
    "t": "2024-01-02T14:30:00.1Z",
    "ax": "Q",
    "ap": 472.6,
    "as": 2.0,
    "bx": "P",
    "bp": 472.5,
    "bs": 1.0,
    "c": ["R"],
    "z": "B",
}


def test_alpaca_reads_our_alpaca():
    pages = {
        kind: {kind: {"SPY": [row]}, "next_page_token": None}
        for kind, row in (("bars", BAR), ("trades", TRADE), ("quotes", QUOTE))
    }
    with answering({f"/v2/stocks/{kind}": body for kind, body in pages.items()}) as url:
        client = StockHistoricalDataClient("KEY", "SECRET", url_override=url)
        day = datetime(2024, 1, 2, tzinfo=UTC)
        bar = client.get_stock_bars(StockBarsRequest(symbol_or_symbols="SPY", timeframe=TimeFrame.Day, start=day)).data[
            "SPY"
        ][0]
        trade = client.get_stock_trades(StockTradesRequest(symbol_or_symbols="SPY", start=day)).data["SPY"][0]
        quote = client.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="SPY", start=day)).data["SPY"][0]
    read = {
        kind: {name: column[0] for name, column in ours(AlpacaHistory("K", "S"), kind, body, "SPY").items()}
        for kind, body in pages.items()
    }
    theirs = {name: getattr(bar, name) for name in ("open", "high", "low", "close", "volume")}
    assert read["bars"] == {"time": nanoseconds(bar.timestamp), **theirs}
    assert (read["trades"]["price"], read["trades"]["size"], read["trades"]["id"]) == (
        trade.price,
        trade.size,
        trade.id,
    )
    assert (read["quotes"]["bid"], read["quotes"]["ask_size"]) == (quote.bid_price, quote.ask_size)


def test_massive_reads_our_massive():
    bar = {"t": FIRST_MS, "o": 472.16, "h": 473.67, "l": 470.49, "c": 472.65, "v": 123623.0, "n": 900, "vw": 472.3}
    trade = {
        "sip_timestamp": START + 7,
        "participant_timestamp": START + 5,
        "price": 472.5,
        "size": 100.0,
        "exchange": 4,
        "conditions": [12],
        "id": "91",
        "tape": 1,
    }
    quote = {
        "sip_timestamp": START,
        "bid_price": 1.0,
        "bid_size": 2.0,
        "ask_price": 1.5,
        "ask_size": 4.0,
        "bid_exchange": 1,
        "ask_exchange": 2,
    }
    answers = {
        f"/v2/aggs/ticker/SPY/range/1/day/{FIRST_MS}/{FIRST_MS}": {"status": "OK", "results": [bar], "resultsCount": 1},
        "/v3/trades/SPY": {"status": "OK", "results": [trade]},
        "/v3/quotes/SPY": {"status": "OK", "results": [quote]},
    }
    with answering(answers) as url:
        client = massive.RESTClient("KEY", base=url)
        agg = next(iter(client.list_aggs("SPY", 1, "day", FIRST_MS, FIRST_MS)))
        one = next(iter(client.list_trades("SPY")))
        best = next(iter(client.list_quotes("SPY")))
    bars, trades, quotes = (
        ours(MassiveHistory("K"), kind, body, "SPY")
        for kind, body in zip(("bars", "trades", "quotes"), answers.values(), strict=True)
    )
    assert {name: column[0] for name, column in bars.items()} == {
        "time": agg.timestamp * 1_000_000, "open": agg.open, "high": agg.high, "low": agg.low, "close": agg.close, "volume": agg.volume,
    }  # fmt: skip
    assert (trades["time"][0], trades["price"][0], trades["size"][0]) == (one.sip_timestamp, one.price, one.size)
    assert (quotes["bid"][0], quotes["ask_size"][0]) == (best.bid_price, best.ask_size)


def test_ccxt_reads_our_binance():
    ccxt = pytest.importorskip("ccxt", reason=WITHOUT)
    row = [FIRST_MS, "42000.1", "42010.0", "41990.5", "42005.0", "12.5", FIRST_MS + 59_999, "0", 3, "0", "0", "0"]
    trade = {"a": 7, "p": "42000.5", "q": "0.1", "f": 1, "l": 1, "T": FIRST_MS, "m": True, "M": True}
    exchange = ccxt.binance()
    market = {
        "symbol": "BTC/USDT",
        "id": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "spot": True,
        "linear": None,
        "inverse": None,
        "contract": False,
        "option": False,
    }
    bar = exchange.parse_ohlcv(row, market)
    parsed = exchange.parse_trade(trade, market)
    columns = ours(BinanceHistory(), "bars", [row], "BTCUSDT", 60 * SECOND_NS)
    assert [
        columns["time"][0] // 1_000_000,
        *(columns[name][0] for name in ("open", "high", "low", "close", "volume")),
    ] == bar
    mine = ours(BinanceHistory(), "trades", [trade], "BTCUSDT")
    assert (mine["price"][0], mine["size"][0], mine["time"][0] // 1_000_000) == (
        parsed["price"],
        parsed["amount"],
        parsed["timestamp"],
    )
    assert {1: "buy", -1: "sell"}[mine["aggressor"][0]] == parsed["side"]


def test_ccxt_reads_our_coinbase():
    ccxt = pytest.importorskip("ccxt", reason=WITHOUT)
    row = {
        "start": str(START // SECOND_NS),
        "low": "41990.5",
        "high": "42010",
        "open": "42000.1",
        "close": "42005",
        "volume": "12.5",
    }
    trade = {
        "trade_id": "7",
        "product_id": "BTC-USD",
        "price": "42000.5",
        "size": "0.1",
        "time": "2024-01-02T00:00:00.5Z",
        "side": "BUY",
    }
    exchange = ccxt.coinbase()
    market = {"symbol": "BTC/USD", "id": "BTC-USD", "base": "BTC", "quote": "USD", "spot": True}
    bar = exchange.parse_ohlcv(row, market)
    parsed = exchange.parse_trade(trade, market)
    columns = ours(CoinbaseHistory(), "bars", {"candles": [row]}, "BTC-USD", 60 * SECOND_NS)
    assert [columns["time"][0] // SECOND_NS * 1000, *(columns[name][0] for name in ("open", "high", "low", "close", "volume"))] == [
        bar[0], *bar[1:]
    ]  # fmt: skip
    mine = ours(CoinbaseHistory(), "trades", {"trades": [trade]}, "BTC-USD")
    assert (mine["price"][0], mine["size"][0], mine["time"][0] // 1_000_000) == (
        parsed["price"],
        parsed["amount"],
        parsed["timestamp"],
    )
