"""The broker's own SDK through every order type and class, replace, cancel, listing, and every refusal."""

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from stratofold.exchange.core import Rules
from stratofold.market.sample import sample
from tests.conversations.exchanges import serving

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC

# SPY on 2020-01-02 opened at 323.58, was between 322.535 and 324.87 and closed at 324.87 (321.86 the day before);
# on 2020-01-03 it opened at 321.04, was between 321.1 and 323.64 and closed at 322.41.


@pytest.fixture(scope="module")
def served():
    with serving(sample("AAPL", "SPY"), "2020-01-02", accounts=60, rules=Rules(requests_per_minute=0)) as one:
        yield one


@pytest.fixture
def client(served, request):
    """Each test has an account of its own, so that one exchange serves them all before its first bar."""
    served.used = getattr(served, "used", 0) + 1
    account = list(served.exchange.accounts.values())[served.used]
    return TradingClient(account.key_id, account.secret_key, url_override=served.url)


def at_market(symbol="SPY", qty=10, side=BUY, tif=DAY, **more):
    return MarketOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, **more)


def at_limit(limit, symbol="SPY", qty=10, side=BUY, tif=DAY, **more):
    return LimitOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, limit_price=limit, **more)


def refused(call, *arguments):
    with pytest.raises(APIError) as caught:
        call(*arguments)
    return caught.value.status_code, caught.value.code, caught.value.message


KINDS = {
    "market": (at_market(), {}),
    "market at the open": (at_market(tif=TimeInForce.OPG), {}),
    "market at the close": (at_market(tif=TimeInForce.CLS), {}),
    "market or nothing": (at_market(tif=TimeInForce.FOK), {}),
    "limit": (at_limit(300.25, tif=GTC), {"limit_price": "300.25"}),
    "limit at once": (at_limit(300.25, tif=TimeInForce.IOC), {"limit_price": "300.25"}),
    "stop": (
        StopOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=GTC, stop_price=310.0),
        {"stop_price": "310", "limit_price": None},
    ),
    "stop limit": (
        StopLimitOrderRequest(symbol="SPY", qty=1, side=BUY, time_in_force=DAY, stop_price=330.5, limit_price=331.0),
        {"stop_price": "330.5", "limit_price": "331"},
    ),
    "trailing by price": (
        TrailingStopOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=GTC, trail_price=5.0),
        {"trail_price": "5", "stop_price": "316.86", "hwm": "321.86"},
    ),
    "trailing by percent": (
        TrailingStopOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=DAY, trail_percent=10.0),
        {"trail_percent": "10", "stop_price": "289.674"},
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_taken(client, name):
    asked, shown = KINDS[name]
    order = client.submit_order(asked)
    assert (order.status, order.filled_qty) == (OrderStatus.ACCEPTED, "0")
    assert (order.type, order.side, order.time_in_force) == (asked.type, asked.side, asked.time_in_force)
    later = client.get_order_by_id(order.id)
    assert later.status == OrderStatus.NEW
    assert {field: getattr(later, field) for field in shown} == shown


def bracket(order_class=OrderClass.BRACKET, take=340.0, stop=310.0, stop_limit=None, **more):
    return at_market(
        tif=GTC,
        order_class=order_class,
        take_profit=TakeProfitRequest(limit_price=take) if take else None,
        stop_loss=StopLossRequest(stop_price=stop, limit_price=stop_limit) if stop else None,
        **more,
    )


CLASSES = {
    "bracket": (bracket(), [("limit", "held", "340", None), ("stop", "held", None, "310")]),
    "bracket with a stop limit": (
        bracket(stop_limit=309.5),
        [("limit", "held", "340", None), ("stop_limit", "held", "309.5", "310")],
    ),
    "one triggers a profit": (bracket(OrderClass.OTO, stop=None), [("limit", "held", "340", None)]),
    "one triggers a stop": (bracket(OrderClass.OTO, take=None), [("stop", "held", None, "310")]),
    "one cancels other": (
        at_limit(
            None, side=SELL, tif=GTC, order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=340.0), stop_loss=StopLossRequest(stop_price=310.0),
        ),
        [("stop", "new", None, "310")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_its_legs(client, name):
    asked, legs = CLASSES[name]
    order = client.submit_order(asked)
    nested = client.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
    assert nested.order_class == asked.order_class
    assert [(one.type, one.status, one.limit_price, one.stop_price) for one in nested.legs] == legs
    assert len(client.get_orders(GetOrdersRequest(nested=True))) == 1
    assert len(client.get_orders()) == 1 + len(legs)


def test_cancelling_one_of_a_group_cancels_the_group(client):
    order = client.submit_order(bracket())
    client.cancel_order_by_id(order.legs[0].id)
    everything = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert {one.status for one in everything} == {OrderStatus.CANCELED}


def test_a_replacement_is_a_new_order(client):
    order = client.submit_order(at_limit(300.0, tif=GTC, client_order_id="b-1-1"))
    following = client.replace_order_by_id(
        order.id, ReplaceOrderRequest(qty=7, limit_price=301.5, time_in_force=DAY, client_order_id="b-1-1-r1")
    )
    assert (following.replaces, following.qty, following.limit_price) == (order.id, "7", "301.5")
    old = client.get_order_by_id(order.id)
    assert (old.status, old.replaced_by, old.qty, old.limit_price) == (OrderStatus.REPLACED, following.id, "10", "300")
    assert client.get_order_by_client_id("b-1-1-r1").time_in_force == DAY
    assert refused(client.replace_order_by_id, order.id, ReplaceOrderRequest(qty=1))[:2] == (422, 42210000)
    assert [one.id for one in client.get_orders()] == [following.id]


def test_a_trailing_stop_is_given_another_distance(client):
    order = client.submit_order(
        TrailingStopOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=GTC, trail_price=5)
    )
    assert client.replace_order_by_id(order.id, ReplaceOrderRequest(trail=4.0)).trail_price == "4"


def test_an_order_is_cancelled_once(client):
    order = client.submit_order(at_limit(300.0))
    assert client.cancel_order_by_id(order.id) is None
    cancelled = client.get_order_by_id(order.id)
    assert (cancelled.status, cancelled.canceled_at is not None) == (OrderStatus.CANCELED, True)
    assert refused(client.cancel_order_by_id, order.id) == (
        422, 42210000, 'order is already in "canceled" state',
    )  # fmt: skip


def test_everything_is_cancelled_at_once(client):
    orders = [client.submit_order(at_limit(300.0 + k)) for k in range(3)]
    answers = client.cancel_orders()
    assert [(one.id, one.status) for one in answers] == [(one.id, 200) for one in orders]
    assert client.get_orders() == []


def test_orders_are_listed(client):
    first, second = client.submit_order(at_limit(300.0)), client.submit_order(at_limit(290.0, symbol="AAPL", side=SELL))
    client.cancel_order_by_id(first.id)

    def ids(**chosen):
        return [one.id for one in client.get_orders(GetOrdersRequest(**chosen))]

    assert ids() == [second.id]
    assert ids(status=QueryOrderStatus.CLOSED) == [first.id]
    assert ids(status=QueryOrderStatus.ALL) == [second.id, first.id]
    assert ids(status=QueryOrderStatus.ALL, direction="asc", limit=1) == [first.id]
    assert ids(status=QueryOrderStatus.ALL, symbols=["AAPL"]) == [second.id]
    assert ids(status=QueryOrderStatus.ALL, side=BUY) == [first.id]
    assert ids(status=QueryOrderStatus.ALL, after=first.created_at) == []
    assert ids(status=QueryOrderStatus.ALL, until=first.created_at) == []


REFUSALS = {
    "no such symbol": (at_market(symbol="NONE"), 422, 42210000, 'asset "NONE" not found'),
    "half a share": (at_market(qty=0.5), 403, 40310000, 'asset "SPY" is not fractionable'),
    "a notional": (
        MarketOrderRequest(symbol="SPY", notional=100.0, side=BUY, time_in_force=DAY),
        403, 40310000, 'asset "SPY" is not fractionable',
    ),
    "a price off its grid": (at_limit(300.0000005), 422, 42210000, None),
    "too much": (at_market(qty=2_000), 403, 40310000, "insufficient buying power"),
    "a stop at once": (
        StopOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=TimeInForce.IOC, stop_price=310.0),
        422, 42210000, "ioc orders must be market or limit orders",
    ),
    "a hasty bracket": (
        bracket().model_copy(update={"time_in_force": TimeInForce.IOC}),
        422, 42210000, "complex orders must have time_in_force day or gtc",
    ),
    "a bracket inside out": (
        bracket(take=310.0, stop=340.0),
        422, 42210000, "bracket orders require take_profit.limit_price above stop_loss.stop_price",
    ),
    "a bracket's legs on a simple order": (
        bracket().model_copy(update={"order_class": OrderClass.SIMPLE}),
        422, 40010001, "simple orders must not have take_profit or stop_loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused(client, name):
    asked, status, code, message = REFUSALS[name]
    answer = refused(client.submit_order, asked)
    assert answer[:2] == (status, code)
    assert message is None or answer[2] == message
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL)) == []


def test_a_client_id_is_used_once_for_ever(client):
    order = client.submit_order(at_limit(300.0, client_order_id="b-1-7"))
    client.cancel_order_by_id(order.id)
    assert refused(client.submit_order, at_market(client_order_id="b-1-7")) == (
        422, 40010001, "client_order_id must be unique",
    )  # fmt: skip


def test_an_account_does_not_trade_with_itself(client):
    client.submit_order(at_limit(310.0, side=SELL, tif=GTC))
    assert refused(client.submit_order, at_limit(311.0))[:2] == (403, 40310000)
    assert refused(client.submit_order, at_market())[2] == "potential wash trade detected. use complex orders"
    client.submit_order(at_limit(309.0))


def test_what_is_not_there_is_not_found(client):
    nothing = "00000000-0000-0000-0000-000000000000"
    assert refused(client.get_order_by_id, nothing)[:2] == (404, 40410000)
    assert refused(client.get_order_by_client_id, "b-1-9")[:2] == (404, 40410000)
    assert refused(client.cancel_order_by_id, nothing)[:2] == (404, 40410000)
    assert refused(client.get_open_position, "SPY")[:2] == (404, 40410000)
    assert refused(client.close_position, "SPY")[:2] == (404, 40410000)
    assert refused(client.get_asset, "NONE")[:2] == (404, 40410000)


def test_wrong_keys_open_nothing(served):
    stranger = TradingClient("PKSTRANGER", "wrong", url_override=served.url)
    assert refused(stranger.get_account)[:2] == (401, 40110000)


def test_too_many_requests_are_told_to_wait():
    with serving(sample("SPY"), "2020-01-02", rules=Rules(requests_per_minute=3)) as served:
        answers = [served.ask("GET", "/v2/account") for _ in range(4)]
        # A minute of the wall clock may turn between two of them, but not between three pairs.
        if answers[-1].status_code == 200:
            answers = [served.ask("GET", "/v2/account") for _ in range(4)]
    assert [one.status_code for one in answers][-1] == 429
    assert answers[-1].headers["Retry-After"] == "1"
    assert answers[0].headers["X-RateLimit-Limit"] == "3"


def test_positions_are_closed():
    with serving(sample("AAPL", "SPY"), "2020-01-02") as served:
        client = TradingClient(served.key, served.secret, url_override=served.url)
        client.submit_order(at_market(qty=10))
        client.submit_order(at_market(symbol="AAPL", qty=4, side=SELL))
        served.step(2)
        assert {one.symbol: (one.qty, one.side) for one in client.get_all_positions()} == {
            "SPY": ("10", "long"), "AAPL": ("-4", "short"),
        }  # fmt: skip
        assert client.close_position("SPY", ClosePositionRequest(percentage="50")).qty == "5"
        served.step(2)
        assert client.get_open_position("SPY").qty == "5"
        closing = client.close_all_positions(cancel_orders=True)
        assert {one.symbol: (one.status, one.body.side, one.body.qty) for one in closing} == {
            "SPY": (200, SELL, "5"), "AAPL": (200, BUY, "4"),
        }  # fmt: skip
        served.step(2)
        assert client.get_all_positions() == []
