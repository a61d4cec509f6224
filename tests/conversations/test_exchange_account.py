"""What an account has and may know, as the broker's own SDK parses it."""

from datetime import date

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AccountStatus, ActivityType, AssetClass, OrderSide, PositionSide, TimeInForce
from alpaca.trading.models import NonTradeActivity, TradeActivity
from alpaca.trading.requests import (
    GetAssetsRequest,
    GetCalendarRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
)

from stratofold.exchange.core import Rules
from stratofold.exchange.desk import Terms
from stratofold.fold.costs import Fees
from stratofold.market.sample import sample
from tests.conversations.exchanges import serving

BUY, SELL, GTC = OrderSide.BUY, OrderSide.SELL, TimeInForce.GTC
COSTS = Terms(fees=Fees(per_share=0.01))


@pytest.fixture(scope="module")
def served():
    """An account that bought Apple before a dividend and a split, and is short of SPY."""
    with serving(sample("AAPL", "SPY"), "2014-05-05", terms=COSTS, rules=Rules(requests_per_minute=0)) as one:
        client = TradingClient(one.key, one.secret, url_override=one.url)
        client.submit_order(MarketOrderRequest(symbol="AAPL", qty=10, side=BUY, time_in_force=GTC))
        client.submit_order(MarketOrderRequest(symbol="SPY", qty=20, side=SELL, time_in_force=GTC))
        while one.step()["time"] < "2014-06-11":
            pass
        yield one


@pytest.fixture
def client(served):
    return TradingClient(served.key, served.secret, url_override=served.url)


def test_the_account_adds_up(client):
    account = client.get_account()
    positions = {one.symbol: one for one in client.get_all_positions()}
    assert (account.status, account.currency, account.multiplier) == (AccountStatus.ACTIVE, "USD", "4")
    assert float(account.equity) == pytest.approx(
        float(account.cash) + sum(float(one.market_value) for one in positions.values()), abs=0.01
    )
    assert float(account.long_market_value) == float(positions["AAPL"].market_value)
    assert float(account.short_market_value) == float(positions["SPY"].market_value) < 0
    assert (positions["AAPL"].qty, positions["AAPL"].side) == ("70", PositionSide.LONG)  # seven for one
    assert (positions["SPY"].qty, positions["SPY"].side) == ("-20", PositionSide.SHORT)
    gain = float(positions["SPY"].cost_basis) - float(positions["SPY"].market_value)
    assert float(positions["SPY"].unrealized_pl) == pytest.approx(-gain, abs=0.01)
    by_id = client.get_open_position(positions["AAPL"].asset_id)
    assert by_id == positions["AAPL"]


def activities(served, kind="", **query):
    path = "/v2/account/activities" + (f"/{kind}" if kind else "")
    answer = served.ask("GET", path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_everything_that_moved_money_is_an_activity(served, client):
    rows = activities(served, direction="asc")
    assert [(row["activity_type"], row["symbol"]) for row in rows] == [
        ("FILL", "AAPL"), ("FILL", "SPY"), ("DIV", "AAPL"), ("SPLIT", "AAPL"), ("SPLIT", "AAPL"),
    ]  # fmt: skip
    fills, others = rows[:2], rows[2:]
    assert [TradeActivity(**row).activity_type for row in fills] == [ActivityType.FILL] * 2
    assert [NonTradeActivity(**row).qty for row in others] == [10.0, -10.0, 70.0]
    assert (others[0]["net_amount"], others[0]["per_share_amount"]) == ("32.9", "3.29")
    assert [row["commission"] for row in fills] == ["0.1", "0.2"]
    cash = 100_000.0 - 0.3 + 32.9
    for row in fills:
        cash += (1 if row["side"] == "sell" else -1) * float(row["qty"]) * float(row["price"])
    assert float(client.get_account().cash) == pytest.approx(cash, abs=1e-6)


def test_activities_come_in_pages(served):
    whole = activities(served)
    assert [row["activity_type"] for row in whole] == ["SPLIT", "SPLIT", "DIV", "FILL", "FILL"]
    pages, token = [], ""
    while page := activities(served, page_size=2, page_token=token):
        pages.append(page)
        token = page[-1]["id"]
    assert [row for page in pages for row in page] == whole
    assert [len(page) for page in pages] == [2, 2, 1]
    assert activities(served, "DIV") == activities(served, activity_types="DIV") == [whole[2]]
    assert activities(served, after=whole[2]["date"], activity_types="SPLIT,DIV") == whole[:3]
    assert activities(served, until="2014-05-07") == whole[3:]
    assert served.ask("GET", "/v2/account/activities/GIFT").status_code == 422
    assert served.ask("GET", "/v2/account/activities", page_size=0).status_code == 422


def test_the_portfolio_has_a_history(client):
    history = client.get_portfolio_history(GetPortfolioHistoryRequest(period="1M"))
    assert history.timeframe == "1D"
    assert len(history.timestamp) == len(history.equity) >= 26
    assert history.profit_loss[-1] == pytest.approx(history.equity[-1] - 100_000.0)


def test_assets_are_what_is_traded(client):
    assert [one.symbol for one in client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.US_EQUITY))] == [
        "AAPL",
        "SPY",
    ]
    assert client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.CRYPTO)) == []
    asset = client.get_asset("SPY")
    assert client.get_asset(asset.id) == asset
    assert (asset.tradable, asset.fractionable) == (True, False)


def test_the_clock_and_the_calendar_are_the_exchanges(client, served):
    clock = client.get_clock()
    assert (clock.timestamp.date(), clock.is_open) == (date(2014, 6, 11), False)
    assert (clock.next_open.isoformat(), clock.next_close.isoformat()) == (
        "2014-06-12T13:30:00+00:00", "2014-06-12T20:00:00+00:00",
    )  # fmt: skip
    days = client.get_calendar(GetCalendarRequest(start=date(2014, 7, 2), end=date(2014, 7, 7)))
    assert [(day.open.isoformat(), day.close.isoformat()) for day in days] == [
        ("2014-07-02T09:30:00", "2014-07-02T16:00:00"), ("2014-07-03T09:30:00", "2014-07-03T13:00:00"),
        ("2014-07-07T09:30:00", "2014-07-07T16:00:00"),
    ]  # fmt: skip


def test_a_suspended_account_takes_no_orders(client):
    configuration = client.get_account_configurations()
    client.set_account_configurations(configuration.model_copy(update={"suspend_trade": True}))
    assert client.get_account().trade_suspended_by_user
    with pytest.raises(APIError) as caught:
        client.submit_order(MarketOrderRequest(symbol="AAPL", qty=1, side=BUY, time_in_force=GTC))
    assert caught.value.status_code == 403
    client.set_account_configurations(configuration)
    assert not client.get_account().trade_suspended_by_user


STRICT = {
    "crossing a position": (SELL, 11, "insufficient qty available for order (requested: 11, available: 10)"),
    "all of it": (SELL, 10, None),
    "more of it": (BUY, 5, None),
}


@pytest.mark.parametrize("name", STRICT)
def test_a_strict_broker_refuses_to_cross(name):
    side, quantity, message = STRICT[name]
    with serving(sample("SPY"), "2020-01-02", rules=Rules(strict=True)) as served:
        client = TradingClient(served.key, served.secret, url_override=served.url)
        client.submit_order(MarketOrderRequest(symbol="SPY", qty=10, side=BUY, time_in_force=GTC))
        served.step()
        order = MarketOrderRequest(symbol="SPY", qty=quantity, side=side, time_in_force=GTC)
        if message is None:
            client.submit_order(order)
            return
        with pytest.raises(APIError) as caught:
            client.submit_order(order)
        assert (caught.value.code, caught.value.message) == (40310000, message)


def test_a_strict_broker_lends_shares_once():
    with serving(sample("SPY"), "2020-01-02", rules=Rules(strict=True)) as served:
        client = TradingClient(served.key, served.secret, url_override=served.url)
        client.submit_order(MarketOrderRequest(symbol="SPY", qty=10, side=BUY, time_in_force=GTC))
        served.step()
        for quantity in (6, 4):
            client.submit_order(
                LimitOrderRequest(symbol="SPY", qty=quantity, side=SELL, time_in_force=GTC, limit_price=400)
            )
        assert client.get_open_position("SPY").qty_available == "0"
        with pytest.raises(APIError) as caught:
            client.submit_order(LimitOrderRequest(symbol="SPY", qty=1, side=SELL, time_in_force=GTC, limit_price=400))
        assert caught.value.status_code == 403
