"""Each fault, switched on alone, does what it says and nothing else."""

import msgspec
import pytest
import requests

from stratofold.exchange.api import Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.dialect import Refused
from stratofold.exchange.faults import ANSWERED, CUT, DROPPED, Fate, Faults, Switches
from stratofold.market.sample import sample
from tests.conversations.exchanges import serving

ORDER = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "market", "time_in_force": "gtc"}


@pytest.fixture(scope="module")
def served():
    with serving(sample("AAPL", "SPY"), "2020-01-02", rules=Rules(requests_per_minute=0)) as one:
        yield one


@pytest.fixture
def faulty(served):
    """Switches faults on for one test; the client makes a connection of its own for each request."""
    served.session.headers["Connection"] = "close"

    def switch(**changes):
        answer = served.ask("POST", "/admin/faults", changes)
        assert answer.status_code == 200, answer.text
        return answer.json()

    yield switch
    switch(**msgspec.to_builtins(Switches()))


def orders(served):
    return {one["client_order_id"] for one in served.ask("GET", "/v2/orders", status="all", limit=500).json()}


# What each fault of a request does: to the answer, and to the order.
REQUEST_FAULTS = {
    "drop_before": (requests.exceptions.ConnectionError, False),
    "drop_after": (requests.exceptions.ConnectionError, True),
    "cut_body": (requests.exceptions.ConnectionError, True),
    "error_before": ({500, 502, 503, 504}, False),
    "error_after": ({500, 502, 503, 504}, True),
    "throttle": ({429}, False),
}


@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_a_request_meets_its_fate(served, faulty, name):
    outcome, arrives = REQUEST_FAULTS[name]
    faulty(**{name: 1.0, "only_changes": True})
    order = {**ORDER, "client_order_id": f"f-1-{name}"}
    if isinstance(outcome, set):
        assert served.ask("POST", "/v2/orders", order).status_code in outcome
    else:
        with pytest.raises((outcome, requests.exceptions.ChunkedEncodingError)):
            served.ask("POST", "/v2/orders", order)
    assert (order["client_order_id"] in orders(served)) == arrives


def test_an_answer_takes_its_time(served, faulty):
    faulty(latency_ms=120.0)
    assert served.ask("GET", "/v2/account").elapsed.total_seconds() >= 0.12


def test_a_new_order_is_not_found_at_once(served, faulty):
    faulty(lookup_delay_ms=3_600_000.0)
    answer = served.ask("POST", "/v2/orders", {**ORDER, "client_order_id": "f-1-late"})
    assert answer.status_code == 200
    assert served.ask("GET", "/v2/orders:by_client_order_id", client_order_id="f-1-late").status_code == 404
    assert "f-1-late" not in orders(served)
    faulty(lookup_delay_ms=0.0)
    assert served.ask("GET", "/v2/orders:by_client_order_id", client_order_id="f-1-late").status_code == 200


def test_the_clock_is_ahead(served, faulty):
    before = served.ask("GET", "/v2/clock").json()["timestamp"]
    faulty(clock_skew_ms=-60_000.0)
    assert before == "2019-12-31T21:00:00.000000000Z"
    assert served.ask("GET", "/v2/clock").json()["timestamp"] == "2019-12-31T20:59:00.000000000Z"


WRONG = {"unknown": 1.0}, {"drop_after": 1.5}, {"drop_after": -0.1}, {"latency_ms": -1.0}, {"halts": "often"}


@pytest.mark.parametrize("changes", WRONG, ids=repr)
def test_a_switch_that_is_none_is_refused(changes):
    with pytest.raises(Refused) as caught:
        Faults(1).switch(changes)
    assert caught.value.status == 422


def test_the_doors_of_the_exchange_itself_are_spared():
    faults = Faults(1)
    faults.switch({"drop_before": 1.0, "latency_ms": 5.0})
    assert faults.fate("POST", "/admin/step") == Fate(0, ANSWERED, 0, 0.0)
    assert faults.fate("GET", "/v2/account").ending == DROPPED


def test_fates_are_drawn_as_often_as_switched_and_alike_from_one_seed():
    def endings(seed):
        faults = Faults(seed)
        faults.switch({"drop_after": 0.2, "cut_body": 0.1})
        return [faults.fate("POST", "/v2/orders").ending for _ in range(2_000)]

    assert endings(5) == endings(5) != endings(6)
    assert 320 < endings(5).count(DROPPED) < 480
    assert 100 < endings(5).count(CUT) < 220


def updates(count):
    return [{"execution_id": str(number)} for number in range(count)]


def told(count=200, **switches):
    faults = Faults(3)
    faults.switch(switches)
    return [
        (int(one.update["execution_id"]), one.disconnect)
        for update in updates(count)
        for one in faults.tell("s", [update])
    ]


def test_updates_are_duplicated_reordered_and_lost():
    assert told() == [(number, False) for number in range(200)]
    twice = [number for number, _ in told(duplicate=0.3)]
    assert sorted(set(twice)) == list(range(200))
    assert 230 < len(twice) < 290
    shuffled = [number for number, _ in told(reorder=0.3)]
    assert shuffled != sorted(shuffled)
    assert 195 <= len(set(shuffled)) == len(shuffled)
    assert 120 < len(told(lose=0.3)) < 160
    assert 40 < sum(gone for _, gone in told(disconnect=0.3)) < 80


class Client:
    """Speaks to an exchange in the same process."""

    def __init__(self, **switches):
        self.exchange = Exchange(sample("SPY"), "2020-01-02", rules=Rules(requests_per_minute=0))
        self.api = Api(self.exchange)
        self.account = next(iter(self.exchange.accounts.values()))
        self.exchange.faults.switch(switches)

    def ask(self, method, path, body=None):
        keys = {"apca-api-key-id": self.account.key_id, "apca-api-secret-key": self.account.secret_key}
        content = b"" if body is None else msgspec.json.encode(body)
        return self.api.handle(Request(method, path, {}, content, keys), 0).content


def test_a_bar_fills_a_part():
    client = Client(partial_fills=1.0)
    order = client.ask("POST", "/v2/orders", {**ORDER, "qty": "100"})
    shown = []
    while client.ask("GET", f"/v2/orders/{order['id']}")["status"] != "filled":
        client.exchange.step()
        one = client.ask("GET", f"/v2/orders/{order['id']}")
        shown.append((one["status"], float(one["filled_qty"])))
    fills = client.ask("GET", "/v2/account/activities/FILL")
    assert len(fills) == len(shown) > 1
    assert [status for status, _ in shown] == ["partially_filled"] * (len(shown) - 1) + ["filled"]
    assert [filled for _, filled in shown] == sorted(filled for _, filled in shown)
    assert [one["type"] for one in reversed(fills)] == ["partial_fill"] * (len(fills) - 1) + ["fill"]
    assert sum(float(one["qty"]) for one in fills) == 100.0


def test_a_halt_fills_nothing_and_ends():
    client = Client(halts=1.0, halt_bars=2)
    order = client.ask("POST", "/v2/orders", ORDER)
    client.exchange.step()
    assert client.exchange.market.halted == [True]
    client.ask("POST", "/admin/faults", {"halts": 0.0})
    client.exchange.step()
    assert client.ask("GET", f"/v2/orders/{order['id']}")["status"] == "new"
    client.exchange.step()
    assert client.exchange.market.halted == [False]
    assert client.ask("GET", f"/v2/orders/{order['id']}")["status"] == "filled"


def test_an_order_is_rejected_after_it_was_accepted():
    client = Client(rejects=1.0)
    order = client.ask("POST", "/v2/orders", ORDER)
    assert order["status"] == "accepted"
    assert client.ask("GET", f"/v2/orders/{order['id']}")["status"] == "rejected"
    assert [update["event"] for _, update in client.exchange.taken().updates] == ["new", "rejected"]
    client.exchange.step()
    assert client.ask("GET", "/v2/positions") == []
