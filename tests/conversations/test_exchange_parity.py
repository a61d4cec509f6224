"""Stepped, the exchange fills exactly what a backtest fills: same words, same bars, every kind of order, splits included."""

import random
from math import isnan, nan

import msgspec
import pytest

from stratofold.exchange.api import Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.fold.costs import Fees, Slippage
from stratofold.fold.order import AT_CLOSE, DAY, FOK, GTC, IOC
from stratofold.fold.run import run
from stratofold.fold.strategy import Strategy
from stratofold.market.sample import sample
from stratofold.research.prepare import Options, prepare

TIF_WORDS = {GTC: "gtc", DAY: "day", IOC: "ioc", FOK: "fok", AT_CLOSE: "cls"}
WORDS = []  # what the strategy said: (bars heard by then, word, facts)


class Chaos(Strategy):
    """Says something random on many bars: every kind of order, cancels and replaces of its own simple orders."""

    def setup(self):
        self._edge_chance = random.Random(7)
        self._edge_simple = []
        self.heard = 0

    def on_bar(self, bar, book):
        self.heard += 1
        chance = self._edge_chance
        if chance.random() < 0.35:
            self.say(bar, book, chance)

    def say(self, bar, book, chance):
        word = chance.choice(["order"] * 6 + ["bracket", "pair", "trail", "cancel", "replace"])
        quantity = float(chance.randrange(1, 60))
        side = chance.choice([1, -1])
        near = round(float(bar.close) * (1.0 + side * chance.uniform(-0.03, 0.01)), 2)
        far = round(float(bar.close) * (1.0 + side * chance.uniform(-0.01, 0.03)), 2)
        if word == "order":
            self.order(bar, book, chance, side, quantity, near, far)
        elif word == "bracket":
            take, stop = round(float(bar.close) * (1 + side * 0.02), 2), round(float(bar.close) * (1 - side * 0.02), 2)
            self.submit(bar, book, side, quantity, take_profit=take, stop_loss=stop)
        elif word == "pair":
            self.pair(bar, book, side, quantity)
        elif word == "trail":
            self.submit(bar, book, side, quantity, trail=round(float(bar.close) * 0.02, 2))
        else:
            self.amend(word, book, quantity, near)

    def order(self, bar, book, chance, side, quantity, near, far):
        limit = near if chance.random() < 0.5 else nan
        stop = far if chance.random() < 0.4 else nan
        tif = chance.choice([GTC, DAY, IOC, FOK, AT_CLOSE] if isnan(stop) else [GTC, DAY])
        number = self.submit(bar, book, side, quantity, limit=limit, stop=stop, tif=tif)
        self._edge_simple.append(number)

    def submit(self, bar, book, side, quantity, **prices):
        speak = book.buy if side > 0 else book.sell
        number = speak(bar.symbol, quantity, **prices)
        WORDS.append(
            (self.heard, "submit", {"number": number, "symbol": bar.symbol, "side": side, "qty": quantity, **prices})
        )
        return number

    def pair(self, bar, book, side, quantity):
        speak = book.buy if side > 0 else book.sell
        limit, stop = round(float(bar.close) * (1 - side * 0.02), 2), round(float(bar.close) * (1 + side * 0.02), 2)
        first, second = speak(bar.symbol, quantity, limit=limit), speak(bar.symbol, quantity, stop=stop)
        book.one_cancels_other(first, second)
        facts = {"number": first, "symbol": bar.symbol, "side": side, "qty": quantity, "limit": limit, "stop": stop}
        WORDS.append((self.heard, "pair", facts))

    def amend(self, word, book, quantity, limit):
        working = [number for number in self._edge_simple if book.is_working(number)]
        if not working:
            return
        number = working[-1]
        order = book.orders[book.orders.index(number)]
        if word == "cancel":
            book.cancel(number)
            WORDS.append((self.heard, "cancel", {"number": number}))
        elif order.kind == 1 and order.tif in {GTC, DAY}:
            limit = round(float(order.limit) * (1 + order.side * 0.01), 2)
            book.replace(number, float(order.filled) + quantity, limit)
            WORDS.append((self.heard, "replace", {"number": number, "qty": quantity, "limit": limit}))


def backtested(data, terms):
    """The fills and the equity of the backtest, and what was said on the way."""
    WORDS.clear()
    options = Options(
        cash=terms.cash, fees=terms.fees, slippage=terms.slippage, volume_cap=terms.volume_cap, log_rows=20_000
    )
    made = prepare(Chaos, data, options, {})
    run(made.engine, made.strategy, made.feed, 1 << 60)
    fills = made.engine.logs.fills
    names = ("time", "symbol", "side", "quantity", "price", "fee", "position")
    rows = list(zip(*(list(fills.column(name)) for name in names), strict=True))
    equity = made.engine.logs.equity
    return rows, list(zip(equity.column("time"), equity.column("equity"), strict=True)), made.engine.book


class Client:
    """Speaks the API to an exchange in the same process."""

    def __init__(self, exchange):
        self.exchange, self.api = exchange, Api(exchange)
        self.account = next(iter(exchange.accounts.values()))
        self.keys = {"apca-api-key-id": self.account.key_id, "apca-api-secret-key": self.account.secret_key}
        self.ids = {}
        self.fills = []

    def ask(self, method, path, body=None):
        content = b"" if body is None else msgspec.json.encode(body)
        reply = self.api.handle(Request(method, path, {}, content, self.keys), 0)
        assert reply.status < 300, (method, path, body, reply.content)
        return reply.content

    def step_to(self, bars):
        market = self.exchange.market
        while market.bar_index < bars:
            self.ask("POST", "/admin/step", {})

    def say(self, word, facts):
        if word == "cancel":
            self.ask("DELETE", f"/v2/orders/{self.ids[facts['number']]}")
        elif word == "replace":
            changed = {"qty": facts["qty"], "limit_price": facts["limit"]}
            answer = self.ask("PATCH", f"/v2/orders/{self.ids[facts['number']]}", changed)
            self.ids[facts["number"]] = answer["id"]
        else:
            self.ids[facts["number"]] = self.ask("POST", "/v2/orders", body_of(word, facts, self.exchange))["id"]


def body_of(word, facts, exchange):
    given = {name: value for name, value in facts.items() if value == value}
    body = {
        "symbol": exchange.market.symbols[facts["symbol"]], "qty": facts["qty"],
        "side": "buy" if facts["side"] > 0 else "sell", "time_in_force": TIF_WORDS[facts.get("tif", GTC)],
    }  # fmt: skip
    if word == "pair":
        return {
            **body, "type": "limit", "order_class": "oco", "take_profit": {"limit_price": facts["limit"]},
            "stop_loss": {"stop_price": facts["stop"]},
        }  # fmt: skip
    if "trail" in given:
        return {**body, "type": "trailing_stop", "trail_price": facts["trail"]}
    if "take_profit" in given:
        return {
            **body, "type": "market", "order_class": "bracket", "take_profit": {"limit_price": facts["take_profit"]},
            "stop_loss": {"stop_price": facts["stop_loss"]},
        }  # fmt: skip
    kind = {(False, False): "market", (True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}[
        ("limit" in given, "stop" in given)
    ]
    prices = {f"{name}_price": given[name] for name in ("limit", "stop") if name in given}
    return {**body, "type": kind, **prices}


def exchanged(data, terms):
    """The fills and the equity of the exchange that is told the same words."""
    client = Client(
        Exchange(data, None, terms, Rules(multiplier=float("inf"), requests_per_minute=0, wash_trades=True))
    )
    heard = []
    original = client.account._filled

    def listen(ticket, fill):
        heard.append(
            (client.exchange.market.now, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee, fill.position)
        )
        original(ticket, fill)

    client.account._filled = listen
    for bars, word, facts in WORDS:
        client.step_to(bars)
        client.say(word, facts)
    client.step_to(len(data.time))
    return heard, client


TERMS = {
    "free": Terms(cash=100_000.0),
    "costly": Terms(
        cash=100_000.0, fees=Fees(per_share=0.005, minimum=1.0), slippage=Slippage(proportional=0.0005, impact=0.1), volume_cap=1e-6
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TERMS)
def test_every_fill_is_the_backtests(name):
    terms = TERMS[name]
    data = sample("AAPL", "IBM", "SPY", start="2012-01-01", end="2014-12-31")  # Apple's seven for one among them
    expected, equity, book = backtested(data, terms)
    heard, client = exchanged(data, terms)
    assert len(expected) > 500
    assert heard == expected
    assert client.account.desk.equity == equity[: len(client.account.desk.equity)]
    assert len(equity) - len(client.account.desk.equity) <= 1
    assert (client.account.book.cash, client.account.book.equity) == (book.cash, book.equity)
