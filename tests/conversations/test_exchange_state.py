"""A broker does not forget: the exchange is killed and knows every order again."""

import json
import signal
import subprocess
import sys

import pytest
import requests

from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.exchange.server import Server
from stratofold.market.sample import sample
from tests.mortal import mortal
from tests.patience import PATIENCE_SECONDS

ORDER = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "market", "time_in_force": "gtc"}


class Process:
    """`stratofold exchange` as a process of its own."""

    def __init__(self, state, *more):
        command = [sys.executable, "-m", "stratofold", "exchange", "--symbols", "AAPL,SPY", "--start", "2014-06-05"]
        command += ["--speed", "step", "--json", "--state", str(state), *more]
        self.process = subprocess.Popen(mortal(command), stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        self.headers = {"APCA-API-KEY-ID": self.ready["key_id"], "APCA-API-SECRET-KEY": self.ready["secret_key"]}

    def ask(self, method, path, content=None):
        answer = requests.request(
            method, self.ready["url"] + path, json=content, headers=self.headers, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()


def pictures(one):
    """Everything that a client can see of its account."""
    return [
        one.ask("GET", path)
        for path in (
            "/v2/account", "/v2/orders?status=all&limit=500&nested=true", "/v2/positions", "/v2/account/activities",
            "/admin/clock", "/v2/clock",
        )
    ]  # fmt: skip


def test_killed_at_any_moment_it_knows_everything_again(tmp_path):
    state = tmp_path / "exchange.state"
    one = Process(state, "--fees", "per_share=0.01", "--slippage", "proportional=0.001")
    try:
        for round_number in range(2):
            one.ask("POST", "/v2/orders", {**ORDER, "client_order_id": f"b-1-{round_number}"})
            one.ask("POST", "/v2/orders", {**ORDER, "symbol": "AAPL", "client_order_id": f"b-2-{round_number}"})
            kept = one.ask("POST", "/v2/orders", {**ORDER, "type": "limit", "limit_price": "150"})
            one.ask("PATCH", f"/v2/orders/{kept['id']}", {"limit_price": "151"})
            for _ in range(5):  # over AAPL's seven for one in the first round
                one.ask("POST", "/admin/step", {})
            one.ask("POST", "/admin/halt", {"symbol": "AAPL", "halted": round_number == 1})
            before = pictures(one)
            one.kill()
            one = Process(state, "--fees", "per_share=0.01", "--slippage", "proportional=0.001")
            assert pictures(one) == before
    finally:
        one.kill()


def made(data=None, **choices):
    return Exchange(data or sample("SPY"), "2020-01-02", rules=Rules(), **choices)


def test_the_state_of_another_exchange_is_refused(tmp_path):
    state = tmp_path / "exchange.state"
    Server(made(), state=state).state.close()
    Server(made(), state=state).state.close()
    others = {
        "seed": made(seed=2),
        "terms": made(terms=Terms(cash=5.0)),
        "data": made(sample("IBM")),
        "accounts": made(accounts=2),
    }
    for name, other in others.items():
        with pytest.raises(Setup) as caught:
            Server(other, state=state)
        assert (caught.value.code, caught.value.why) == ("SF853", f"different: {name}")


def test_what_a_live_feed_said_is_remembered(tmp_path):
    def following():
        history = sample("SPY", end="2020-01-02")
        return Server(Exchange(history, rules=Rules(), follows=True), state=tmp_path / "exchange.state")

    server = following()
    market, bar = server.exchange.market, Bar()
    assert market.done
    bar.time, bar.span = market.now + market.span_ns, market.span_ns
    bar.open, bar.high, bar.low, bar.close, bar.volume = 320.0, 325.0, 319.0, 324.5, 1e6
    assert not market.append("IBM", bar)  # nobody's
    assert market.append("SPY", bar)
    server.state.keep_event("SPY", bar)
    server.exchange.step()
    server.state.keep_step()
    server.state.close()
    again = following()
    assert again.exchange.market.candle(-1) == market.candle(-1)
    assert (again.exchange.market.now, again.exchange.market.last_price(0)) == (bar.time, 324.5)
    again.state.close()


def test_a_row_that_was_half_written_is_gone(tmp_path):
    state = tmp_path / "exchange.state"
    server = Server(made(), state=state)
    server.exchange.step()
    server.state.keep_step()
    server.state.close()
    whole = state.read_bytes()
    state.write_bytes(whole + b'[3,"half')
    again = Server(made(), state=state)
    assert again.exchange.market.bar_index == server.exchange.market.bar_index
    again.state.close()
    assert state.read_bytes() == whole


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(Setup) as caught:
        Server(made(), state=tmp_path / "nowhere" / "exchange.state")
    assert caught.value.code == "SF854"
