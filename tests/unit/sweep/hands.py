"""Workers elsewhere, for tests: processes that have NumPy and nothing else, and do orders from a folder."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

BLOCKED = (
    "polars", "pandas", "pyarrow", "narwhals", "numba", "llvmlite", "joblib", "cloudpickle", "duckdb", "optuna", "scipy",
    "typer", "rich", "msgspec", "tests",
)  # fmt: skip

WORKER = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED and not any("stratofold-worker" in each for each in path or sys.path[:1]):
            raise ImportError(f"a worker has no {name}")

sys.meta_path.insert(0, Blocked())
import stratofold.kernel.aside, stratofold.kernel.cache
stratofold.kernel.aside.by_child = lambda *given: b""  # no process of its own has a compiler either
stratofold.kernel.cache.cached = lambda key, make: make()  # and none was there before
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.worker import perform

for line in sys.stdin:
    folder, order = json.loads(line)
    perform(Folder(folder), order)
    print(order["goal"], flush=True)
"""


class Pool:
    """Processes, each made when it is first asked, and anew when it has died; they serve any folder."""

    def __init__(self, count):
        self.processes = [None] * count
        self.deaths = 0

    def do(self, place, folder, order):
        process = self.processes[place]
        if process is None:
            process = self.processes[place] = self._process()
        try:
            process.stdin.write(json.dumps([str(folder), order]) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            self.deaths += 1
            self.processes[place] = None
            self._ended(process)

    def _process(self):
        source = str(Path(__file__).parents[3] / "src")
        environment = os.environ | {"PYTHONPATH": source, "STRATOFOLD_CACHE": "/nowhere"}
        command = [sys.executable, "-c", WORKER.replace("in BLOCKED", f"in {BLOCKED!r}")]
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ended(self, process):
        process.stdout.close()
        process.stdin.close()
        process.wait()

    def close(self):
        for process in filter(None, self.processes):
            self._ended(process)


class Hands:
    """Sends the orders of one folder to a pool; `orders` are all that came, `forget` the numbers of those that are lost."""

    def __init__(self, folder, pool, forget=()):
        self.folder = folder
        self.pool = pool
        self.orders: list[dict] = []
        self._forget = list(forget)
        self._over: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._before = pool.deaths

    @property
    def deaths(self):
        return self.pool.deaths - self._before

    def start(self, orders):
        """Each process does its share, one order after another; nobody waits for them."""
        shares: dict[int, list[dict]] = {}
        for each in orders:
            number = len(self.orders)
            self.orders.append(each)
            if number not in self._forget:
                shares.setdefault(number % len(self.pool.processes), []).append(each)
        self.stop()
        for place, share in shares.items():
            self._threads.append(threading.Thread(target=self._do, args=(place, share)))
            self._threads[-1].start()

    def _do(self, place, share):
        for order in share:
            self.pool.do(place, self.folder, order)
            self._over.add(order["goal"])

    def ended(self):
        found, self._over = self._over, set()
        return found

    def stop(self):
        for thread in self._threads:
            thread.join()
        self._threads.clear()
