"""Real processes on a stage: a paper exchange that remembers, a book's `stratofold run`, and who kills them.

What comes in: a folder and a seed.  What goes out: a journal, and what the exchange says of itself.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import stratofold
from stratofold.adapters.embedded.journal import Journal
from stratofold.errors import Setup
from tests.patience import PATIENCE_SECONDS

SOURCE = Path(stratofold.__file__).parents[1]

SYMBOLS = {"A": 100.0, "B": 50.0, "C": 200.0}
SPEED = 120
SESSION_MINUTES = 390
LIMITS = (Path(__file__).parents[2] / "benchmarks" / "wide_limits.toml").read_text(encoding="utf-8")
FAULTS = {
    "only_changes": True, "latency_ms": 4.0, "jitter_ms": 20.0, "drop_before": 0.03, "drop_after": 0.05,
    "cut_body": 0.03, "error_before": 0.03, "error_after": 0.05, "throttle": 0.01, "duplicate": 0.2, "reorder": 0.2,
    "lose": 0.2, "disconnect": 0.01, "partial_fills": 0.2,
}  # fmt: skip
LATE = datetime(2024, 1, 2, 19, 30, tzinfo=UTC)  # ninety minutes before the close
CALM = dict.fromkeys(FAULTS, 0.0) | {"only_changes": False}


def prices(minutes, chance):
    """A session's minutes as CSV: random walks."""
    price = dict(SYMBOLS)
    yield "time,symbol,open,high,low,close,volume"
    for minute in range(minutes):
        at = (datetime(2024, 1, 2, 14, 31, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()
        for name, before in price.items():
            after = price[name] = round(before * (1.0 + chance.gauss(0.0, 0.001)), 2)
            high, low = round(max(before, after) * 1.0005, 2), round(min(before, after) * 0.9995, 2)
            yield f"{at},{name},{before},{high},{low},{after},100000"


class Scene:
    """One exchange, one book."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.port = 0
        self.ready = {}
        self.times = []
        (folder / "market.csv").write_text("\n".join(prices(SESSION_MINUTES, self.chance)) + "\n", encoding="utf-8")
        shutil.copy(Path(__file__).parent / "busy.py", folder)
        (folder / "stratofold.toml").write_text(LIMITS, encoding="utf-8")
        self.exchange = self.open_exchange()

    def start(self, *words, **more):
        """A stratofold of its own."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": str(SOURCE)}
        command = [sys.executable, "-m", "stratofold", *words]
        return subprocess.Popen(command, cwd=self.folder, text=True, env=environment, **more)

    def open_exchange(self):
        """The exchange, where it was when it died."""
        exchange = self.start(
            "exchange", "--data", "market.csv", "--symbols", ",".join(SYMBOLS), "--speed", str(SPEED), "--rate-limit", "0",
            "--wash-trades", "--port", str(self.port), "--json", "--state", "exchange.state", stdout=subprocess.PIPE,
        )  # fmt: skip
        line = exchange.stdout.readline()
        (self.folder / "ready.json").write_text(line, encoding="utf-8")
        self.ready = json.loads(line)
        self.port = int(self.ready["url"].rpartition(":")[2])
        return exchange

    def reopen_exchange(self):
        """Kill it, and open it again."""
        self.exchange.kill()
        self.exchange.wait()
        self.exchange = self.open_exchange()

    def ask(self, path, body=None):
        """What the exchange says."""
        request = urllib.request.Request(  # noqa: S310 - an address on this machine
            self.ready["url"] + path, json.dumps(body).encode() if body is not None else None
        )
        request.add_header("APCA-API-KEY-ID", self.ready["key_id"])
        request.add_header("APCA-API-SECRET-KEY", self.ready["secret_key"])
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def is_late(self):
        """Whether too little of the day is left to come to rest in: a busy machine takes as long for fewer kills."""
        following = self.ask("/admin/clock")["next"]
        return following is None or datetime.fromisoformat(following) > LATE

    def run(self, *words):
        """The book's run."""
        return self.start(
            "run", "busy.py:Busy", "--symbols", ",".join(SYMBOLS), "--exchange", "ready.json",
            "--home", "home", "--config", "stratofold.toml", "--json", *words, stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def kill_one(self):
        """A run that is killed at some moment: while it starts, after it has taken the book, or when it was ready.

        Two in five are left until they are ready, so that how long that took is known of many.
        """
        epoch = self.epoch()
        run = self.run()
        moment, said = self.chance.random(), ""
        if moment < 0.2:
            time.sleep(self.chance.uniform(0.1, 0.6))
        elif moment < 0.6:
            while self.epoch() == epoch and run.poll() is None:
                time.sleep(0.02)
            time.sleep(self.chance.uniform(0.0, 0.6))
        else:
            said = self.until_ready(run)
            time.sleep(self.chance.uniform(0.0, 0.3))
        assert run.poll() is None, run.communicate()
        run.send_signal(signal.SIGKILL)
        self.note(said + run.communicate()[1])

    def until_ready(self, run):
        """What a run says until it is ready, or ends."""
        said = ""
        for line in run.stderr:
            said += line
            if line.startswith("ready after"):
                break
        return said

    def note(self, said):
        """How long a run took to be ready, if it came to say so."""
        self.times += [float(line.split()[2]) for line in said.splitlines() if line.startswith("ready after")]

    def rest(self, seconds):
        """A run that ends by itself; what it says of the book."""
        run = self.run("--for", str(seconds))
        out, said = run.communicate(timeout=seconds + PATIENCE_SECONDS)
        assert run.returncode == 0, said
        self.note(said)
        return json.loads(out)

    def say(self, *words):
        """A word of the operator's; what it answers."""
        process = self.start(*words, "--home", "home", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, (words, out)
        return out

    def journal(self):
        """The book's journal, beside whoever writes it."""
        return Journal(self.folder / "home" / "journal.db")

    def epoch(self):
        """How often the book was taken; 0 before it is there."""
        if not (self.folder / "home" / "journal.db").is_file():
            return 0
        journal = self.journal()
        try:
            return journal.head("main").epoch
        except Setup:
            return 0
        finally:
            journal.close()

    def close(self):
        """Let the exchange go."""
        self.exchange.kill()
        self.exchange.communicate()
