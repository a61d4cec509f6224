"""The two streams, frame by frame, and the order in which an order's life is told."""

from datetime import UTC, datetime

import msgspec
import pytest

from stratofold.exchange.api import Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.exchange.stream import DataSession, TradeSession, packed_time
from stratofold.market.sample import sample

ORDER = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "market", "time_in_force": "gtc"}


def made(data=None, start="2020-01-02", **choices):
    return Exchange(data or sample("AAPL", "SPY"), start, rules=Rules(requests_per_minute=0), **choices)


def said(frames):
    return [msgspec.json.decode(frame) for frame in frames]


def keys(exchange):
    account = next(iter(exchange.accounts.values()))
    return account.key_id, account.secret_key


class Talk:
    """One conversation with `/stream`."""

    def __init__(self):
        self.exchange = made()
        self.session = TradeSession(self.exchange, "one")

    def say(self, **message):
        (answer,) = said(self.session.receive(msgspec.json.encode(message)))
        return answer

    def sign_in(self, key=None):
        key_id, secret = keys(self.exchange)
        return self.say(action="authenticate", data={"key_id": key or key_id, "secret_key": secret})


def test_the_trade_stream_wants_to_know_who_listens():
    talk = Talk()
    assert talk.say(action="listen", data={"streams": ["trade_updates"]})["data"]["status"] == "unauthorized"
    assert talk.sign_in() == {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
    assert not talk.session.wants(talk.session.account)
    assert talk.say(action="listen", data={"streams": ["trade_updates", "gossip"]}) == {
        "stream": "listening", "data": {"streams": ["trade_updates"]},
    }  # fmt: skip
    assert talk.session.wants(talk.session.account)
    assert not talk.session.wants(object())


def test_a_stranger_is_sent_away_from_the_trade_stream():
    talk = Talk()
    assert talk.sign_in("PKSTRANGER")["data"]["status"] == "unauthorized"
    assert talk.session.closed


@pytest.mark.parametrize("frame", [b"{", b"[]", b"{}", b'{"action": "dance"}'])
def test_nonsense_on_the_trade_stream_is_an_error(frame):
    (answer,) = said(Talk().session.receive(frame))
    assert answer["stream"] == "error"


class Data:
    """One conversation with the market data, packed or not."""

    def __init__(self, packed):
        self.exchange = made()
        self.code = msgspec.msgpack if packed else msgspec.json
        self.session = DataSession(self.exchange, packed=packed)

    def say(self, **message):
        (frame,) = self.session.receive(self.code.encode(message))
        (answer,) = self.code.decode(frame)
        return answer

    def sign_in(self, secret=None):
        key, right = keys(self.exchange)
        return self.say(action="auth", key=key, secret=secret or right)


@pytest.fixture(params=[True, False], ids=["packed", "json"])
def data(request):
    return Data(request.param)


def test_the_data_stream_has_its_handshake(data):
    assert data.code.decode(data.session.greeting()) == [{"T": "success", "msg": "connected"}]
    assert data.say(action="subscribe", bars=["SPY"]) == {"T": "error", "code": 401, "msg": "not authenticated"}
    assert data.sign_in() == {"T": "success", "msg": "authenticated"}
    assert data.sign_in()["code"] == 403
    assert data.say(action="subscribe", bars=["SPY", "AAPL"], dailyBars=["*"])["bars"] == ["SPY", "AAPL"]
    answer = data.say(action="unsubscribe", bars=["SPY"])
    assert (answer["T"], answer["bars"], answer["dailyBars"], answer["quotes"]) == ("subscription", ["AAPL"], ["*"], [])
    assert data.say(action="dance") == {"T": "error", "code": 400, "msg": "invalid syntax"}


def test_a_stranger_is_sent_away_from_the_data(data):
    assert data.sign_in("wrong") == {"T": "error", "code": 402, "msg": "auth failed"}
    assert data.session.closed


def test_bars_go_to_who_wants_them(data):
    data.sign_in()
    data.say(action="subscribe", dailyBars=["SPY"])
    bar = data.exchange.step().what
    assert not data.session.wants(bar, daily=True)  # Apple's
    bar = data.exchange.step().what
    assert data.session.wants(bar, daily=True)
    assert not data.session.wants(bar, daily=False)
    (row,) = data.code.decode(data.session.bar_frame(bar, daily=True))
    time = row.pop("t")
    assert row == {
        "T": "d", "S": "SPY", "o": 323.58, "h": 324.87, "l": 322.535, "c": 324.87, "v": row["v"], "n": None, "vw": None,
    }  # fmt: skip
    midnight = datetime(2020, 1, 2, 5, tzinfo=UTC)  # in New York
    assert time == (midnight if data.session.packed else "2020-01-02T05:00:00Z")


def test_a_packed_time_keeps_its_nanoseconds():
    packed = packed_time(1_577_941_200_123_456_789)
    content = int.from_bytes(packed.data, "big")
    assert (packed.code, content >> 34, content & (1 << 34) - 1) == (-1, 123_456_789, 1_577_941_200)


class Client:
    """Speaks to an exchange in the same process and keeps what its stream was told."""

    def __init__(self, exchange):
        self.exchange, self.api, self.told = exchange, Api(exchange), []

    def ask(self, method, path, body=None):
        key, secret = keys(self.exchange)
        content = b"" if body is None else msgspec.json.encode(body)
        headers = {"apca-api-key-id": key, "apca-api-secret-key": secret}
        reply = self.api.handle(Request(method, path, {}, content, headers), 0)
        assert reply.status < 300, reply.content
        self.hear()
        return reply.content

    def step(self, times=1):
        for _ in range(times):
            self.exchange.step()
            self.hear()

    def hear(self):
        self.told += [update for _, update in self.exchange.taken().updates]

    def story(self):
        told, self.told = self.told, []
        return [(update["event"], update["order"]["type"], update["order"]["filled_qty"]) for update in told]


def test_a_bracket_tells_its_whole_life():
    client = Client(made(sample("SPY")))  # 323.58 to 324.87; then 321.04 to 322.41, high 323.64
    legs = {"take_profit": {"limit_price": 330.0}, "stop_loss": {"stop_price": 321.5}}
    order = client.ask("POST", "/v2/orders", {**ORDER, "order_class": "bracket", **legs})
    assert client.story() == [("new", "market", "0")]
    client.step()
    assert client.story() == [("fill", "market", "10"), ("new", "limit", "0"), ("new", "stop", "0")]
    client.step()
    assert client.story() == [("fill", "stop", "10"), ("canceled", "limit", "0")]
    nested = client.ask("GET", f"/v2/orders/{order['id']}")
    assert nested["status"] == "filled"


def test_replace_cancel_and_expiry_are_told():
    client = Client(made(sample("SPY")))
    order = client.ask("POST", "/v2/orders", {**ORDER, "type": "limit", "limit_price": "300"})
    following = client.ask("PATCH", f"/v2/orders/{order['id']}", {"limit_price": "301"})
    assert client.story() == [("new", "limit", "0"), ("replaced", "limit", "0"), ("new", "limit", "0")]
    client.ask("DELETE", f"/v2/orders/{following['id']}")
    assert client.story() == [("canceled", "limit", "0")]
    client.ask("POST", "/v2/orders", {**ORDER, "type": "limit", "limit_price": "300", "time_in_force": "day"})
    client.step()
    assert client.story() == [("new", "limit", "0"), ("expired", "limit", "0")]


def test_a_split_restates_what_works():
    client = Client(made(sample("AAPL"), "2014-06-06"))
    order = client.ask("POST", "/v2/orders", {**ORDER, "symbol": "AAPL", "type": "limit", "limit_price": "600"})
    client.step(2)
    assert client.story() == [("new", "limit", "0"), ("restated", "limit", "0")]
    shown = client.ask("GET", f"/v2/orders/{order['id']}")
    assert (shown["qty"], shown["limit_price"], shown["status"]) == ("70", "85.7143", "new")


def test_a_replaced_part_counts_its_own_fills():
    client = Client(made(sample("SPY"), terms=Terms(volume_cap=4 / 50_000_000)))  # four or five shares a bar
    order = client.ask("POST", "/v2/orders", {**ORDER, "type": "limit", "limit_price": "330"})
    client.step()
    part = client.ask("GET", f"/v2/orders/{order['id']}")
    assert part["status"] == "partially_filled"
    assert 0 < float(part["filled_qty"]) < 10
    following = client.ask("PATCH", f"/v2/orders/{order['id']}", {"limit_price": "331"})
    assert (float(following["qty"]), following["filled_qty"]) == (10 - float(part["filled_qty"]), "0")
    client.step(4)
    old, new = (client.ask("GET", f"/v2/orders/{one['id']}") for one in (order, following))
    assert (old["status"], old["filled_qty"], new["status"], new["filled_qty"]) == (
        "replaced", part["filled_qty"], "filled", following["qty"],
    )  # fmt: skip
    fills = client.ask("GET", "/v2/account/activities/FILL")
    assert sum(float(one["qty"]) for one in fills) == 10.0
    assert {one["order_id"] for one in fills} == {order["id"], following["id"]}
    assert fills[0]["cum_qty"] == following["qty"]
