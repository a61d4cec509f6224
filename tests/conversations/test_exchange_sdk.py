"""The broker's own SDK, unmodified, drives the exchange: it parses every answer with its own models."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import (
    StockBarsRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import (
    MarketOrderRequest,
)
from alpaca.trading.stream import TradingStream

from stratofold.market.sample import sample
from tests.conversations.exchanges import serving
from tests.patience import PATIENCE_SECONDS, until

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC


@pytest.fixture
def served():
    with serving(sample("AAPL", "SPY"), "2020-01-02") as one:
        yield one


@pytest.fixture
def client(served):
    return TradingClient(served.key, served.secret, url_override=served.url)


def market(symbol="SPY", qty=10, side=BUY, tif=DAY, **more):
    return MarketOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, **more)


def refused(call, *arguments):
    with pytest.raises(APIError) as caught:
        call(*arguments)
    return caught.value.status_code, caught.value.code


def test_a_market_order_fills_at_the_next_open(served, client):
    order = client.submit_order(market(client_order_id="book-1-1"))
    assert (order.status, order.client_order_id) == (OrderStatus.ACCEPTED, "book-1-1")
    assert client.get_order_by_id(order.id).status == OrderStatus.NEW
    served.step(2)
    filled = client.get_order_by_client_id("book-1-1")
    assert (filled.status, filled.filled_qty, filled.filled_avg_price) == (OrderStatus.FILLED, "10", "323.58")
    position = client.get_open_position("SPY")
    assert (position.qty, position.avg_entry_price, position.current_price) == ("10", "323.58", "324.87")
    account = client.get_account()
    assert (account.cash, account.equity) == ("96764.2", "100012.9")


def test_the_data_client_sees_what_was_released_and_no_more(served):
    data = StockHistoricalDataClient(served.key, served.secret, url_override=served.url)
    request = StockBarsRequest(
        symbol_or_symbols=["SPY", "AAPL"], timeframe=TimeFrame.Day, start=datetime(2019, 12, 30, tzinfo=UTC)
    )
    assert {symbol: len(bars) for symbol, bars in data.get_stock_bars(request).data.items()} == {"AAPL": 2, "SPY": 2}
    served.step()
    bars = data.get_stock_bars(request).data
    assert {symbol: len(rows) for symbol, rows in bars.items()} == {"AAPL": 3, "SPY": 2}
    assert (bars["AAPL"][-1].timestamp, bars["AAPL"][-1].close) == (datetime(2020, 1, 2, 5, tzinfo=UTC), 300.35)


def test_the_streams_tell_of_orders_and_bars(served, client):
    updates, bars = [], []

    async def on_update(update):
        updates.append(update)

    async def on_bar(bar):
        bars.append(bar)

    trades = TradingStream(served.key, served.secret, url_override=f"ws://{served.base}/stream")
    trades.subscribe_trade_updates(on_update)
    data = StockDataStream(served.key, served.secret, url_override=f"ws://{served.base}/v2/iex")
    data.subscribe_daily_bars(on_bar, "SPY")
    for stream in (trades, data):
        threading.Thread(target=stream.run, daemon=True).start()
    until(lambda: [one.listening for one in served.server._trades.values()] == [True])
    until(lambda: [one.channels["dailyBars"] for one in served.server._data.values()] == [["SPY"]])
    client.submit_order(market(qty=3))
    assert served.step(2)["updates"] == 1
    until(lambda: len(updates) == 2 and len(bars) == 1)
    assert [(one.event, one.order.filled_qty) for one in updates] == [("new", "0"), ("fill", "3")]
    assert (updates[1].price, updates[1].qty, updates[1].position_qty) == (323.58, 3.0, 3.0)
    assert (bars[0].symbol, bars[0].close, bars[0].timestamp) == ("SPY", 324.87, datetime(2020, 1, 2, 5, tzinfo=UTC))
    for stream in (trades, data):
        asyncio.run_coroutine_threadsafe(stream.stop_ws(), stream._loop).result(PATIENCE_SECONDS)
