"""`stratofold cancel` needs no journal and no run: the broker's keys are enough."""

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager

import stratofold
from stratofold.cli.app import run as command
from stratofold.live.halt import cancel_everything
from tests.live_tools import paper
from tests.unit.live.test_why import LIMITS, Ladder

DAY_NS = 86_400_000_000_000


def test_a_working_order_is_cancelled_through_the_brokers_own_api():
    data = stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-30")
    run = paper(Ladder, data, DAY_NS, limits=LIMITS)
    run.run()
    (working,) = asyncio.run(run.broker.orders())
    assert asyncio.run(cancel_everything(run.broker, "account")) == ([working.venue_id], [])
    assert asyncio.run(run.broker.orders()) == []


@contextmanager
def exchange(folder):
    """A paper exchange of its own; gives the file with its ready line."""
    words = [sys.executable, "-m", "stratofold", "exchange", "--symbols", "SPY", "--speed", "step", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = folder / "ready.json"
            ready.write_text(process.stdout.readline())
            yield ready
        finally:
            process.terminate()


def test_the_command_says_what_is_left(tmp_path, capsys):
    with exchange(tmp_path) as ready:
        assert command(["cancel", "--exchange", str(ready), "--home", str(tmp_path / "none"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"asked": [], "open": []}
    assert not (tmp_path / "none").exists()


def test_without_a_venue_it_says_so(capsys):
    assert command(["cancel", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SF952"
