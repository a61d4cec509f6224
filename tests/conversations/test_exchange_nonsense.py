"""Whatever is asked, the exchange answers in its own words and its books still add up."""

import random
from collections import defaultdict

import msgspec
import pytest

from stratofold.exchange.api import ROUTES, Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.market.sample import sample

VALUES = [
    None, "", 0, -1, 1, 2.5, "10", "abc", 1e30, 1e-9, True, [], {}, "SPY", "AAPL", "buy", "sell", "market", "limit", "stop",
    "stop_limit", "trailing_stop", "day", "gtc", "ioc", "fok", "opg", "cls", "bracket", "oco", "oto", "simple", 130,
    "137.5", 150, {"limit_price": 150}, {"stop_price": 120, "limit_price": 119}, {"limit_price": None}, "2019-06-01",
    "2019-06-03T00:00:00Z", "0001-01-01", "x" * 200, 10**18, "nan", "inf", "-inf",
]  # fmt: skip
FIELDS = [
    "symbol", "qty", "notional", "side", "type", "time_in_force", "limit_price", "stop_price", "trail_price",
    "trail_percent", "order_class", "take_profit", "stop_loss", "client_order_id", "extended_hours", "position_intent",
    "trail", "until", "halted", "no_shorting", "max_margin_multiplier",
]  # fmt: skip
QUERIES = [
    "symbols", "status", "limit", "after", "until", "direction", "nested", "side", "timeframe", "start", "end",
    "page_token", "sort", "adjustment", "client_order_id", "page_size", "activity_types", "date", "qty", "percentage",
    "cancel_orders", "types",
]  # fmt: skip
GOOD = {"symbol": "SPY", "qty": "5", "side": "buy", "type": "market", "time_in_force": "gtc"}


def asked(chance, account):
    """A request that may mean something."""
    method, route, _ = chance.choice(ROUTES)
    if chance.random() < 0.4:
        method, route = "POST", "/v2/orders"
    named = chance.choice([*list(account.tickets)[-20:], "SPY", "AAPL", "nobody"])
    path = route.replace("{id}", named).replace("{symbol}", "SPY").replace("{type}", chance.choice(["FILL", "GIFT"]))
    body = dict(GOOD) if path == "/v2/orders" else {}
    for _ in range(chance.randrange(5) if method in {"POST", "PATCH"} and path != "/admin/step" else 0):
        body[chance.choice(FIELDS)] = chance.choice(VALUES)
    query = {chance.choice(QUERIES): str(chance.choice(VALUES)) for _ in range(chance.randrange(3))}
    return Request(method, path, query, msgspec.json.encode(body) if body else b"")


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_is_answered_and_the_books_add_up(seed):
    chance = random.Random(seed)
    exchange = Exchange(sample("SPY", "AAPL"), "2019-01-02", rules=Rules(requests_per_minute=0))
    api, account = Api(exchange), next(iter(exchange.accounts.values()))
    keys = {"apca-api-key-id": account.key_id, "apca-api-secret-key": account.secret_key}
    answered = defaultdict(int)
    for number in range(2_500):
        request = asked(chance, account)
        reply = api.handle(Request(request.method, request.path, request.query, request.body, keys), number)
        msgspec.json.decode(reply.body or b"null")
        answered[reply.status] += 1
        if reply.status >= 400:
            assert set(reply.content) >= {"code", "message"}
    assert set(answered) == {200, 204, 207, 400, 403, 404, 422}
    held, filled, cash = defaultdict(float), defaultdict(float), account.terms.cash
    for _, row in account.activities.rows:
        if row["activity_type"] == "FILL":
            side = 1.0 if row["side"] == "buy" else -1.0
            held[row["symbol"]] += side * float(row["qty"])
            filled[row["order_id"]] += float(row["qty"])
            cash -= side * float(row["qty"]) * float(row["price"])
        else:
            cash += float(row["net_amount"])
    assert len(filled) > 50
    assert {symbol: quantity for symbol, quantity in held.items() if quantity} == {
        symbol: account.book.position(handle)
        for symbol, handle in exchange.market.handles.items()
        if account.book.position(handle)
    }
    assert filled == {ticket.id: ticket.filled for ticket in account.tickets.values() if ticket.filled}
    assert account.book.cash == pytest.approx(cash, abs=0.01 * len(account.activities.rows))
    at_work = {order.number for order in account.book.orders}
    assert at_work == {ticket.number for ticket in account.working.values()}
