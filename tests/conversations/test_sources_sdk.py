"""A second opinion on the conversations we play: the vendors' own clients, and ccxt, read the same answers as we do."""

import json
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import massive
import pytest
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest, StockQuotesRequest, StockTradesRequest
from alpaca.data.timeframe import TimeFrame
from massive.websocket import Market, parse

from stratofold.adapters.feeds.massive import Massive
from stratofold.adapters.sources.alpaca import AlpacaHistory
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.coinbase import CoinbaseHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.adapters.sources.question import DAY_NS, SECOND_NS, Question

ROOT = Path(__file__).parents[2]
START = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp()) * SECOND_NS
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
        "decimal_size": "100.5",
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
    assert (trades["time"][0], trades["price"][0], trades["size"][0]) == (one.sip_timestamp, one.price, 100.5)
    assert one.size == 100.0
    assert (quotes["bid"][0], quotes["ask_size"][0]) == (best.bid_price, best.ask_size)


def test_massive_reads_the_stream_as_we_do():
    said = [
        {"ev": "T", "sym": "SPY", "p": 472.5, "s": 3, "t": FIRST_MS, "q": 9, "x": 4, "c": [12], "i": "91", "z": 1},
        {"ev": "T", "sym": "SPY", "p": 472.6, "s": 0, "ds": "0.25", "t": FIRST_MS + 1, "q": 10},
        {"ev": "Q", "sym": "SPY", "bp": 472.4, "bs": 1, "ap": 472.5, "as": 4, "t": FIRST_MS + 2, "q": 11},
        {"ev": "AM", "sym": "SPY", "o": 1.0, "h": 4.0, "l": 1.0, "c": 2.0, "v": 7, "dv": "7.5", "s": FIRST_MS - 60_000, "e": FIRST_MS},
    ]  # fmt: skip
    heard = Massive("KEY").session(["SPY"]).hear(json.dumps(said).encode(), START)
    trade, part, quote, bar = (word for _, word in heard)
    theirs = parse(said, None, Market.Stocks)
    assert [one.symbol for one in theirs] == [symbol for symbol, _ in heard]
    for ours, one in ((trade, theirs[0]), (part, theirs[1])):
        assert (ours.price, ours.time, ours.source_sequence) == (
            one.price,
            one.timestamp * 1_000_000,
            one.sequence_number,
        )
        assert ours.size == float(one.fractional_shares or one.size)
    best = theirs[2]
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (
        best.bid_price,
        best.bid_size,
        best.ask_price,
        best.ask_size,
    )
    minute = theirs[3]
    assert (bar.time, bar.open, bar.high, bar.low, bar.close) == (
        minute.end_timestamp * 1_000_000, minute.open, minute.high, minute.low, minute.close,
    )  # fmt: skip
    assert (part.size, bar.volume) == (0.25, float(minute.fractional_volume))


# ccxt, which is asked as its users ask it, over HTTP, by a process that has it.


def ccxt_reads(venue, symbol, base, quote, answers):
    """What ccxt makes of the answers: bars as lists, trades as dictionaries."""
    from stratofold.cloud.local.environment import python_with

    python = python_with(ROOT / "requirements" / "nightly.txt")
    script = ROOT / "tests" / "conversations" / "second_opinion.py"
    with answering(answers) as url:
        command = [str(python), str(script), venue, url, symbol, base, quote]
        done = subprocess.run(command, input=str(FIRST_MS), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def agree(theirs, bars, trades):
    """Our columns and ccxt's rows say the same."""
    names = ("open", "high", "low", "close", "volume")
    assert [
        [time // 1_000_000, *values]
        for time, *values in zip(bars["time"], *(bars[name] for name in names), strict=True)
    ] == theirs["bars"]
    told = [(int(one["id"]), one["timestamp"], one["price"], one["amount"]) for one in theirs["trades"]]
    columns = zip(trades["id"], trades["time"], trades["price"], trades["size"], strict=True)
    assert [(number, time // 1_000_000, price, size) for number, time, price, size in columns] == told
    if "aggressor" in trades:
        assert [{1: "buy", -1: "sell"}[side] for side in trades["aggressor"]] == [
            one["side"] for one in theirs["trades"]
        ]


@pytest.mark.nightly
def test_ccxt_reads_our_binance():
    rows = [
        [
            FIRST_MS + 60_000 * k,
            "42000.1",
            "42010.0",
            "41990.5",
            "42005.0",
            f"{k}.5",
            FIRST_MS + 60_000 * k + 59_999,
            "0",
            3,
            "0",
            "0",
            "0",
        ]
        for k in range(2)
    ]
    tape = [
        {"a": 7 + k, "p": f"4200{k}.5", "q": "0.1", "f": 1, "l": 1, "T": FIRST_MS + k, "m": k == 0, "M": True}
        for k in range(2)
    ]
    theirs = ccxt_reads("binance", "BTCUSDT", "BTC", "USDT", {"/api/v3/klines": rows, "/api/v3/aggTrades": tape})
    source = BinanceHistory()
    agree(theirs, ours(source, "bars", rows, "BTCUSDT", 60 * SECOND_NS), ours(source, "trades", tape, "BTCUSDT"))


@pytest.mark.nightly
def test_ccxt_reads_our_coinbase():
    rows = [
        {
            "start": str(START // SECOND_NS + 60 * k),
            "low": "41990.5",
            "high": "42010",
            "open": "42000.1",
            "close": "42005",
            "volume": f"{k}.5",
        }
        for k in (1, 0)
    ]
    tape = [
        {
            "trade_id": f"{8 - k}",
            "product_id": "BTC-USD",
            "price": f"4200{k}.5",
            "size": "0.1",
            "time": f"2024-01-02T00:00:0{1 - k}.5Z",
            "side": "BUY",
        }
        for k in range(2)
    ]
    answers = {"/api/v3/brokerage/market/products/BTC-USD/candles": {"candles": rows},
               "/api/v3/brokerage/market/products/BTC-USD/ticker": {"trades": tape, "best_bid": "1", "best_ask": "2"}}  # fmt: skip
    theirs = ccxt_reads("coinbase", "BTC-USD", "BTC", "USD", answers)
    source = CoinbaseHistory()
    bars, trades = (
        ours(source, "bars", {"candles": rows}, "BTC-USD", 60 * SECOND_NS),
        ours(source, "trades", {"trades": tape}, "BTC-USD"),
    )
    agree(theirs, bars, trades)
