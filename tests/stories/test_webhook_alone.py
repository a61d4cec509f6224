"""`stratofold webhook` alone, the strategy stopped: a signed fill moves the position; a duplicate or forged one does not."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import msgspec
import pytest

import stratofold
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.presence import Presence
from stratofold.adapters.embedded.secrets import Secrets
from stratofold.cli.status import of_book
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, sign
from stratofold.strategies import BuyAndHold
from tests.live_tools import Paper
from tests.patience import PATIENCE_SECONDS

DAY_NS = 86_400_000_000_000
KEYS = {"desk": "a key of 32 random bytes, or so..", "desk-old": "the key that is being replaced now"}


class Book(Paper):
    """A book whose strategy a process of its own can find."""

    def manifest(self, opened):
        return msgspec.structs.replace(super().manifest(opened), strategy="stratofold.strategies:BuyAndHold")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a book that has traded for a week and is stopped, and the keys of two senders."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name, value in KEYS.items():
        Secrets(tmp_path / "config" / "stratofold", use_keyring=False).put(name, value)
    folder = tmp_path / "home"
    folder.mkdir()
    data = stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-09")
    journal = Journal(folder / "journal.db")
    exchange = Exchange(data, None, Terms(100_000.0), Rules(requests_per_minute=0), 1, 1)
    Book(BuyAndHold, data, DAY_NS, exchange, journal).run()
    journal.close()
    return folder


def status(home):
    """The book as `stratofold status` shows it."""
    journal = Journal(home / "journal.db")
    shown = of_book(journal, "paper")
    journal.close()
    return shown


@contextmanager
def listening(home):
    """A webhook on a port of its own."""
    words = ["webhook", "--home", str(home), "--keys", "desk,desk-old", "--port", "0", "--json"]
    command = [sys.executable, "-m", "stratofold", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0, process.stderr.read()
        process.stdout.close()
        process.stderr.close()


def fill(cumulative, **other):
    """A manual purchase of two shares, as the venue tells it."""
    said = {
        "kind": "fill", "book": "paper", "venue_id": "by-hand", "symbol": "SPY", "side": "buy", "quantity": "2",
        "price": "280.01", "cumulative": cumulative, "time": "2020-04-10T14:30:00Z",
    }  # fmt: skip
    return json.dumps({**said, **other}).encode()


def send(url, body, key="desk"):
    """Status and word of one message, signed."""
    stamp = str(int(time.time()))
    headers = {TIMESTAMP: stamp, SIGNATURE: sign(KEYS.get(key, key).encode(), stamp, body)}
    connection = HTTPConnection(url.split("/")[2], timeout=PATIENCE_SECONDS)
    connection.request("POST", "/webhook", body, headers)
    answer = connection.getresponse()
    word = json.loads(answer.read())["result"]
    connection.close()
    return answer.status, word


def test_alone_with_the_strategy_stopped_it_updates_positions(home):
    held = status(home)["positions"]["SPY"]
    with listening(home) as url:
        assert send(url, fill("2")) == (202, "taken")
        assert status(home)["positions"]["SPY"] == held + 2.0
        assert send(url, fill("2")) == (200, "known")
        assert send(url, fill("4"), "a key that nobody was given here") == (401, "not authentic")
        status_of_nonsense, told = send(url, fill("4", quantity="two"))
        assert (status_of_nonsense, "`$.quantity`" in told) == (422, True)
        assert status(home)["positions"]["SPY"] == held + 2.0
        assert send(url, fill("4"), "desk-old") == (202, "taken")
    assert status(home)["positions"]["SPY"] == held + 4.0


def test_beside_a_run_it_leaves_the_posting_to_the_run(home):
    before = status(home)
    run = Presence(home, "paper")
    assert run.hold()
    with listening(home) as url:
        assert send(url, fill("2")) == (202, "taken")
        after = status(home)
        assert (after["positions"], after["inbox"], after["epoch"]) == (before["positions"], 1, before["epoch"])
        run.release()
        assert send(url, fill("4")) == (202, "taken")
    assert status(home)["positions"]["SPY"] == before["positions"]["SPY"] + 4.0
