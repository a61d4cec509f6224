"""Resident memory of `stratofold run` on the embedded adapters: the most it had while it traded a day against the exchange.

Two processes as on anybody's machine: the paper exchange replays minutes quickly, the run trades every one of them.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import stratofold
from figures import Figure

SYMBOLS = ("S0", "S1")
MINUTES = 390
SPEED = 120
SECONDS = 15.0
LIMITS = Path(__file__).parent / "wide_limits.toml"


def prices():
    """A session's minutes as CSV: random walks."""
    random, price = Random(1), dict.fromkeys(SYMBOLS, 100.0)
    yield "time,symbol,open,high,low,close,volume"
    for minute in range(MINUTES):
        at = (datetime(2024, 1, 2, 14, 31, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()
        for name, before in price.items():
            after = price[name] = round(before * (1.0 + random.gauss(0.0, 0.001)), 2)
            yield f"{at},{name},{before},{max(before, after)},{min(before, after)},{after},100000"


def stage(folder):
    """Market, limits and strategy in a folder."""
    (folder / "market.csv").write_text("\n".join(prices()) + "\n", encoding="utf-8")
    shutil.copy(LIMITS, folder / "stratofold.toml")
    shutil.copy(Path(__file__).parent / "live_strategies.py", folder)


def command(*words):
    """A stratofold of its own."""
    return [sys.executable, "-m", "stratofold", *words]


with TemporaryDirectory() as name:
    folder = Path(name)
    stage(folder)
    environment = os.environ | {"PYTHONPATH": str(Path(stratofold.__file__).parents[1])}
    exchange = subprocess.Popen(
        command(
            "exchange", "--data", "market.csv", "--symbols", ",".join(SYMBOLS), "--speed", str(SPEED), "--rate-limit", "0",
            "--port", "0", "--json",
        ),
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        (folder / "ready.json").write_text(exchange.stdout.readline(), encoding="utf-8")
        run = subprocess.Popen(
            command(
                "run", "live_strategies.py:BasketQuoter", "--symbols", ",".join(SYMBOLS), "--exchange", "ready.json",
                "--config", "stratofold.toml", "--json", "--for", str(SECONDS),
            ),
            cwd=folder, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        said = json.loads(run.stdout.read())
        _, status, usage = os.wait4(run.pid, 0)
    finally:
        exchange.kill()
        exchange.wait()

if status or not said["orders"]:
    raise SystemExit(f"the run ended with {status}: {said}")
Figure("a run: messages sent", float(said["orders"]), "in all").say()
Figure("a run: the most resident memory", usage.ru_maxrss / 1024, "MB", 80.0, better="less").say()
