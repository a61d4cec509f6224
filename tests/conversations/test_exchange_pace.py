"""The pace: stepped, in the wall clock's time, as fast as possible, or following somebody else's feed."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import aiohttp
import pytest
import requests

from stratofold.cli.app import run
from stratofold.exchange.core import Rules
from stratofold.exchange.moments import short_stamp
from stratofold.market.sample import sample
from tests.conversations.exchanges import serving
from tests.patience import PATIENCE_SECONDS, until

ORDER = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "market", "time_in_force": "gtc"}
FREE = Rules(requests_per_minute=0)


def test_the_wall_clock_moves_the_exchanges():
    data = sample("spy_minutes")
    with serving(data, int(data.time[40]) + 1, speed=600.0, rules=FREE) as served:
        first = served.ask("GET", "/admin/clock").json()
        order = served.ask("POST", "/v2/orders", {**ORDER, "time_in_force": "day"}).json()
        assert order["created_at"] >= first["time"]  # not that of the last bar: time flows between two
        until(lambda: served.ask("GET", f"/v2/orders/{order['id']}").json()["status"] == "filled")
        filled = served.ask("GET", f"/v2/orders/{order['id']}").json()["filled_at"]
        assert first["next"] <= filled <= served.ask("GET", "/admin/clock").json()["time"]


def test_as_fast_as_possible_waits_for_the_first_listener():
    with serving(sample("SPY"), "2018-03-01", speed="max", rules=FREE) as served:
        before = served.ask("GET", "/admin/clock").json()
        assert not before["done"]

        async def listen():
            heard = []
            async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://{served.base}/v2/iex") as socket:
                await socket.receive()
                await socket.send_json({"action": "auth", "key": served.key, "secret": served.secret})
                await socket.receive()
                await socket.send_json({"action": "subscribe", "dailyBars": ["*"]})
                await socket.receive()
                while not heard or heard[-1] != last:
                    heard += [row["t"] for row in (await socket.receive()).json()]
            return heard

        market = served.exchange.market
        last = short_stamp(market.begins(0)[-1])
        heard = asyncio.run(listen())
        assert len(heard) == len(set(heard)) == len(market.feed.time) - market.first[0]
        assert served.ask("GET", "/admin/clock").json()["done"]


@contextmanager
def command(*words, **environment):
    """`stratofold exchange` as a process; gives its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stratofold", "exchange", "--json", *words],
        stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        process.stdout.close()


def test_one_exchange_follows_another():
    with serving(sample("AAPL", "SPY"), "2014-06-05", rules=FREE) as leader:
        keys = {"APCA_API_KEY_ID": leader.key, "APCA_API_SECRET_KEY": leader.secret}
        words = ("--symbols", "AAPL,SPY", "--end", "2014-06-04", "--follow", leader.url, "--rate-limit", "0")
        with command(*words, **keys) as ready:
            session = requests.Session()
            session.headers.update({"APCA-API-KEY-ID": ready["key_id"], "APCA-API-SECRET-KEY": ready["secret_key"]})

            def asked(path):
                return session.get(ready["url"] + path, timeout=PATIENCE_SECONDS).json()

            until(lambda: any(one.channels["dailyBars"] for one in leader.server._data.values()))
            session.post(ready["url"] + "/v2/orders", json=ORDER, timeout=PATIENCE_SECONDS)
            mine = leader.ask("POST", "/v2/orders", ORDER).json()
            leader.step(4)
            until(lambda: asked("/admin/clock")["time"] == leader.ask("GET", "/admin/clock").json()["time"])
            (position,) = asked("/v2/positions")
            expected = leader.ask("GET", f"/v2/orders/{mine['id']}").json()["filled_avg_price"]
            assert (position["symbol"], position["avg_entry_price"]) == ("SPY", expected)


PROBLEMS = {
    "a speed that is none": (["--speed", "fast"], "SF852"),
    "nothing to replay": (["--symbols", "SPY", "--start", "2030-01-01"], "SF850"),
    "no keys to follow with": (["--symbols", "SPY", "--follow", "alpaca"], "SF855"),
    "costs that are none": (["--symbols", "SPY", "--fees", "per_moon=1"], "SF"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_cannot_be_served_is_told(name, capsys, monkeypatch):
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    words, code = PROBLEMS[name]
    assert run(["exchange", *words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"].startswith(code)


def test_a_port_that_is_taken_is_told(capsys):
    with serving(sample("SPY"), "2020-01-02") as served:
        assert (
            run(["exchange", "--symbols", "SPY", "--start", "2020-01-02", "--port", str(served.server.port), "--json"])
            == 2
        )
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SF851"


def test_a_number_that_is_no_port_is_told(capsys):
    assert run(["exchange", "--symbols", "SPY", "--start", "2020-01-02", "--port", "70000", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SF851"
