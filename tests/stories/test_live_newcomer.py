"""The live path as somebody meets it who has never seen it: real processes, and everything that goes wrong at first."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from threading import Timer
from types import SimpleNamespace

import pytest

from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.schema import VERSION
from stratofold.cli import venue
from stratofold.cli.app import run
from stratofold.cli.running import _asked
from stratofold.cli.venue import read_ready
from stratofold.errors import Stop
from tests.mortal import mortal
from tests.patience import PATIENCE_SECONDS, until

CLI = [sys.executable, "-m", "stratofold"]
START = "2013-10-04T09:30-04:00"


class exchange:  # noqa: N801  it reads as a word
    """A paper exchange as a process, while the block lasts."""

    def __init__(self, folder, *words, name="ready.json"):
        self.ready, self.words = folder / name, words

    def __enter__(self):
        with self.ready.open("w") as out:
            self.process = subprocess.Popen(mortal([*CLI, "exchange", *self.words, "--json"]), stdout=out)
        until(lambda: self.ready.read_text(encoding="utf-8").endswith("\n"))
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    """What `stratofold init` makes, to stand in."""
    assert run(["init", str(tmp_path / "idea")]) == 0
    monkeypatch.chdir(tmp_path / "idea")
    capsys.readouterr()
    return tmp_path / "idea"


def ended(*words):
    return subprocess.run([*CLI, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def records(folder, kind="%"):
    try:
        return (
            sqlite3.connect(f"file:{folder}/.stratofold/journal.db?mode=ro", uri=True)
            .execute("SELECT count(*) FROM records WHERE kind LIKE ?", (kind,))
            .fetchone()[0]
        )
    except sqlite3.OperationalError:
        return 0


def error(capsys, *words, code):
    capsys.readouterr()
    assert run([*words, "--json"]) == code
    (told,) = json.loads(capsys.readouterr().out)["errors"]
    assert told["fix"]
    return told


def test_what_init_wrote_trades_is_killed_half_way_and_goes_on(folder):
    """Killed with SIGKILL in mid-run and started again, a book decides what it would have decided anyway."""
    fees = ["--slippage", "proportional=0.0002"]
    with exchange(folder, "--symbols", "SPY,AAPL", "--start", "2020-07-01", "--speed", "step", *fees):
        first = subprocess.Popen([*CLI, "run", "--exchange", "ready.json"], stderr=subprocess.PIPE)
        until(lambda: records(folder) >= 100 or first.poll() is not None)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        assert first.returncode == -signal.SIGKILL
        killed_at = records(folder)
        again = ended("run", "--exchange", "ready.json", "--json")
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["records"] > killed_at
        assert ended("verify").returncode == 0
        assert ended("audit", "verify").returncode == 0
        assert ended("reconcile", "--exchange", "ready.json").stdout == "book and venue agree\n"


def test_a_paced_replay_is_traded_too(folder):
    """Minutes at six hundred times their pace: the bars come by the stream, and nothing is alerted that is well."""
    text = (folder / "stratofold.toml").read_text(encoding="utf-8")
    text = text.replace('["SPY", "AAPL"]', '["SPY"]').replace("fast = 20", "fast = 5").replace("slow = 50", "slow = 20")
    (folder / "stratofold.toml").write_text(text, encoding="utf-8")
    with exchange(folder, "--data", "sample:spy_minutes", "--start", START, "--speed", "600"):
        words = [*CLI, "run", "--exchange", "ready.json", "--json"]
        paced = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until(lambda: records(folder, "event") > 20 or paced.poll() is not None)
        paced.send_signal(signal.SIGINT)
        out, said = paced.communicate(timeout=PATIENCE_SECONDS)
        assert paced.returncode == 0, said
        assert json.loads(out)["events"] > 20
        assert "critical" not in said


def test_an_exchange_that_is_too_quick_is_not_traded_at(folder, capsys):
    with exchange(folder, "--symbols", "SPY", "--start", "2020-12-01", "--speed", "max"):
        assert error(capsys, "run", "--exchange", "ready.json", "--symbols", "SPY", code=2)["code"] == "SF957"


def test_an_exchange_that_is_gone_and_keys_that_are_wrong(folder, capsys):
    with exchange(folder, "--symbols", "SPY,AAPL", "--start", "2020-12-01", "--speed", "step"):
        ready = json.loads((folder / "ready.json").read_text(encoding="utf-8"))
        (folder / "wrong.json").write_text(json.dumps(ready | {"secret_key": "wrong"}), encoding="utf-8")
        assert error(capsys, "run", "--exchange", "wrong.json", code=6)["code"] == "SF870"
    told = error(capsys, "run", "--exchange", "ready.json", code=5)
    assert told["code"] == "SF958"
    assert "run the same command again" in told["fix"]


def test_an_exchange_that_could_not_start_says_why_in_its_ready_file(folder, capsys):
    with exchange(folder, "--symbols", "NOPE"):
        told = error(capsys, "run", "--exchange", "ready.json", code=2)
    assert told["code"] == "SF943"
    assert "NOPE" in told["why"]
    assert error(capsys, "run", "--exchange", "absent.json", code=2)["code"] == "SF943"


SAID = {
    "url": "http://127.0.0.1:1", "data_url": "http://127.0.0.1:1", "stream_url": "ws://127.0.0.1:1",
    "data_stream_url": "ws://127.0.0.1:1", "key_id": "PK1", "secret_key": "1", "speed": "step",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["class Mine: ...", '{"url": 5}', json.dumps(SAID | {"url": 5}), json.dumps(SAID | {"key_id": None}), "[{}]"],
)
def test_a_file_that_is_something_else_is_not_to_be_written_over(folder, capsys, text):
    (folder / "mine.py").write_text(text, encoding="utf-8")
    told = error(capsys, "run", "--exchange", "mine.py", code=2)
    assert (told["code"], told["why"]) == ("SF943", "there is something else in it")
    assert told["fix"].endswith("> ready.json &")


def test_a_symbol_that_the_exchange_does_not_have_is_refused(folder, capsys):
    (folder / "ready.json").write_text(json.dumps(SAID | {"symbols": ["SPY"], "bars": "1d"}))
    told = error(capsys, "run", "--exchange", "ready.json", "--symbols", "SPX", code=2)
    assert (told["code"], told["fix"]) == ("SF996", "--symbols SPY")


def test_an_exchange_that_was_only_just_started_is_waited_for(folder, capsys, monkeypatch):
    ready = folder / "ready.json"
    ready.write_text("", encoding="utf-8")
    line = json.dumps(SAID)
    Timer(0.2, ready.write_text, [line]).start()
    assert read_ready(ready)["trading_url"] == "http://127.0.0.1:1"
    monkeypatch.setattr(venue, "READY_SECONDS", 0.0)
    ready.write_text("", encoding="utf-8")
    told = error(capsys, "run", "--exchange", "ready.json", code=2)
    assert (told["code"], "has not started yet" in told["why"]) == ("SF943", True)


def test_no_network(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert error(capsys, "run", "--keys", "mine", code=2)["code"] == "SF821"
    for name in ("mine-key-id", "mine-secret-key"):
        kept = subprocess.run(
            [*CLI, "secret", name, "--no-keyring"], input="x\n", text=True, capture_output=True, check=True
        )
        assert "x\n" not in kept.stdout

    async def unresolved(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", unresolved)
    assert error(capsys, "run", "--keys", "mine", code=5)["code"] == "SF958"


class Asked:
    """A broker whose clock is `ahead_seconds` ahead of ours, and the account behind it."""

    def __init__(self, ahead_seconds):
        self.ahead_ns = int(ahead_seconds * 1e9)

    async def account(self, tasks):
        return SimpleNamespace(blocked="")

    async def clock(self):
        return time.time_ns() + self.ahead_ns


@pytest.mark.parametrize(("ahead", "refused"), [(61.0, True), (-61.0, True), (0.5, False)])
def test_a_clock_that_is_off_by_a_minute(ahead, refused):
    place = SimpleNamespace(broker=Asked(ahead), clock=Clock(), is_real_time=True)
    if not refused:
        assert asyncio.run(_asked(place, None)).blocked == ""
        return
    with pytest.raises(Stop) as stopped:
        asyncio.run(_asked(place, None))
    assert stopped.value.code == "SF945"
    assert "timedatectl" in stopped.value.fix


def test_limits_that_are_not_stated_are_asked_for_by_name(folder, capsys):
    text = (folder / "stratofold.toml").read_text(encoding="utf-8")
    (folder / "stratofold.toml").write_text(text[: text.index("[risk.account]")], encoding="utf-8")
    with exchange(folder, "--symbols", "SPY,AAPL", "--speed", "step", "--start", "2020-12-01"):
        told = error(capsys, "run", "--exchange", "ready.json", code=2)
    assert told["code"] == "SF953"
    assert "[risk.account]" in told["what"]
    assert "[limits]" not in told["what"]
    assert "[risk.stops]" in told["fix"]


def test_a_full_disk_loses_nothing(folder):
    """The disk takes a little, then nothing more: the run stops, says so, and what was written down is whole."""
    with exchange(folder, "--symbols", "SPY,AAPL", "--start", "2020-11-16", "--speed", "step"):
        script = f"ulimit -f 150; exec {sys.executable} -m stratofold run --exchange ready.json --json"
        words = ["bash", "-c", script]
        stopped = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        assert stopped.returncode == 6, stopped.stderr
        assert json.loads(stopped.stdout)["errors"][0]["code"] == "SF803"
        assert ended("audit", "verify").returncode == 0
        again = ended("run", "--exchange", "ready.json", "--json")
        assert again.returncode == 0, again.stderr
        assert ended("verify").returncode == 0


@pytest.fixture
def begun(folder):
    """The folder with a book that has traded for eight days."""
    with exchange(folder, "--symbols", "SPY,AAPL", "--start", "2020-12-21", "--speed", "step"):
        done = ended("run", "--exchange", "ready.json")
        assert done.returncode == 0, done.stderr
        yield folder


def test_a_journal_of_a_newer_version(begun, capsys):
    database = sqlite3.connect(begun / ".stratofold" / "journal.db")
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    for words in (["run", "--exchange", "ready.json"], ["status"], ["halt"]):
        assert error(capsys, *words, code=6)["code"] == "SF806"


def test_a_strategy_whose_state_no_longer_fits_is_refused_and_rebuilt_on_demand(begun):
    text = (begun / "strategy.py").read_text(encoding="utf-8")
    changed = text.replace("    def on_bar", "        self.third = self.per_symbol(SMA, 3)\n\n    def on_bar")
    (begun / "strategy.py").write_text(changed, encoding="utf-8")
    words = ["run", "--exchange", "ready.json", "--json"]
    asked = ended(*words)
    assert (asked.returncode, json.loads(asked.stdout)["errors"][0]["code"]) == (6, "SF947")
    refused = ended(*words, "--acknowledge")
    (told,) = json.loads(refused.stdout)["errors"]
    assert (refused.returncode, told["code"]) == (6, "SF948")
    assert "--state rebuild" in told["fix"]
    rebuilt = ended(*words, "--acknowledge", "--state", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stdout
    assert ended("audit", "verify").returncode == 0


def test_a_strategy_that_raises_is_told_with_its_line(folder):
    text = (folder / "strategy.py").read_text(encoding="utf-8")
    line = text.splitlines().index("    def on_bar(self, bar, book):") + 2
    (folder / "strategy.py").write_text(
        text.replace("    def on_bar(self, bar, book):\n", "    def on_bar(self, bar, book):\n        1 / 0\n"),
        encoding="utf-8",
    )
    with exchange(folder, "--symbols", "SPY,AAPL", "--start", "2020-12-01", "--speed", "step"):
        raised = ended("run", "--exchange", "ready.json", "--json")
    (told,) = json.loads(raised.stdout)["errors"]
    assert (raised.returncode, told["code"]) == (4, "SF959")
    assert told["where"].endswith(f"strategy.py:{line}")


def test_the_second_run_of_a_book_fences_the_first(folder):
    with exchange(folder, "--data", "sample:spy_minutes", "--start", START, "--speed", "600"):
        words = ["run", "--exchange", "ready.json", "--symbols", "SPY", "--json"]
        first = subprocess.Popen([*CLI, *words], stdout=subprocess.PIPE)
        until(lambda: records(folder) >= 2)
        second = ended(*words, "--for", "2")
        assert second.returncode == 0, second.stderr
        assert "another process here had main until now" in str(second.stderr)
        out, _ = first.communicate(timeout=PATIENCE_SECONDS)
        assert first.returncode == 6
        assert json.loads(out)["errors"][0]["code"] == "SF801"
