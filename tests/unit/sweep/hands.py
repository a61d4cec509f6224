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
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.worker import perform

shelf = Folder(sys.argv[1])
for line in sys.stdin:
    order = json.loads(line)
    perform(shelf, order)
    print(order["goal"], flush=True)
"""


class Hands:
    """Sends orders to processes, a new one when one has died; `deaths` counts them, `orders` are all that came."""

    def __init__(self, folder: Path, count: int = 1, forget=()):
        self.folder = folder
        self._forget = list(forget)  # whether an order, by the number of its coming, is lost on the way
        self._processes = [None] * count
        self._over: set[str] = set()
        self._threads: list[threading.Thread] = []
        self.deaths = 0
        self.orders: list[dict] = []

    def start(self, orders):
        for each in orders:
            number = len(self.orders)
            self.orders.append(each)
            if number not in self._forget:
                thread = threading.Thread(target=self._do, args=(number % len(self._processes), each))
                thread.start()
                thread.join() if len(self._processes) == 1 else self._threads.append(thread)

    def _do(self, place, order):
        process = self._processes[place]
        if process is None or process.poll() is not None:
            process = self._processes[place] = self._process()
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            process.wait()
            self.deaths += 1
            self._processes[place] = None
        self._over.add(order["goal"])

    def _process(self):
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[3] / "src"),
            "STRATOFOLD_CACHE": "/nowhere",
        }
        text = WORKER.replace("in BLOCKED", f"in {BLOCKED!r}")
        return subprocess.Popen(
            [sys.executable, "-c", text, str(self.folder)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def ended(self):
        found, self._over = self._over, set()
        return found

    def stop(self):
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def close(self):
        for process in filter(None, self._processes):
            process.stdin.close()
            process.wait()
            process.stdout.close()
