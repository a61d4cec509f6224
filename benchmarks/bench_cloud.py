"""How quickly functions start, and how long a tick takes to become an order at the exchange, on the cloud of this machine.

The real template, Amazon's runtime client, the emulator's services, and a paper exchange on loopback, all on the same cores: so the
figures rank and bound, and are not AWS's.  A start is from the spawn of the process to its first answer; beside each stands the
handler that does nothing.  A tick's way is cut where its parts end: the queue took it, `decide` was begun, `decide` has
answered, `deliver` was begun, the order's bytes were at the exchange.
"""

import base64
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cloud_strategies import Asks  # noqa: E402

import stratofold  # noqa: E402
from figures import Figure  # noqa: E402
from leftovers import refuse_leftovers  # noqa: E402
from stratofold.cloud.local.cloud import LocalCloud  # noqa: E402
from stratofold.cloud.market import line_of  # noqa: E402
from stratofold.cloud.stack import FUNCTIONS  # noqa: E402
from stratofold.events import Bar  # noqa: E402
from tests.cloud.deployed import Deployed  # noqa: E402
from tests.cloud.local_stage import staged  # noqa: E402

DAY_NS = 86_400_000_000_000
STARTS = 7
TICKS = int(os.environ.get("TICKS", "60"))
WARM = 300
# What asks a function for the least that it does after loading all of itself.
LEAST = {
    "archive": {"trigger": "archive"},
    "deliver": {"trigger": "warm"},
    "decide": {"Records": []},
    "halt": {"account": "nobody", "state": "halted"},
    "ingest": {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": ""}]},
    "reconcile": {"trigger": "reconcile"},
    "warm": {"trigger": "none"},
    "watch": {"trigger": "fills", "books": {}},
    "webhook": {"headers": {}, "body": "", "requestContext": {"http": {}}},
}


def starts(cloud, reference, event):
    """Milliseconds from spawn to first answer of fresh processes, and of the processor's; the memory held."""
    name = reference.split(":")[0]
    payload, taken, worked, held = json.dumps(event).encode(), [], [], 0
    for _ in range(STARTS):
        cloud.pool.forget(name)
        outcome = cloud.functions.run(reference, payload)
        taken.append(outcome.init_ms + outcome.spent_ms)
        worked.append(outcome.cpu_ms)
        held = outcome.memory_mb
    return median(taken[1:]), median(worked[1:]), held


def start_figures(cloud, stack, empty):
    """Every function's start."""
    middle, worked, _ = starts(cloud, empty.name, {})
    Figure("start of a handler that does nothing", middle, "ms", better="less").say()
    Figure("start of a handler that does nothing: processor", worked, "ms", better="less").say()
    for verb in FUNCTIONS:
        middle, worked, held = starts(cloud, f"{stack}-{verb}:live", LEAST[verb])
        goal, floor = (120.0, 220.0) if verb == "decide" else (None, None)
        Figure(f"start of {verb}", middle, "ms", floor=floor, goal=goal, better="less").say()
        Figure(f"start of {verb}: processor", worked, "ms", better="less").say()
        Figure(f"memory of {verb}", held, "MB", better="less").say()
    middle, worked, _ = starts(cloud, f"{stack}-decide:live", {"trigger": "warm"})
    Figure("start of decide with its book restored", middle, "ms", better="less").say()
    Figure("start of decide with its book restored: processor", worked, "ms", better="less").say()
    taken = sorted(cloud.functions.run(empty.name, b"{}").spent_ms for _ in range(WARM))
    Figure("an event of a handler that does nothing, warm: median", taken[WARM // 2], "ms", better="less").say()
    Figure("an event of a handler that does nothing, warm: p99", taken[WARM * 99 // 100], "ms", better="less").say()


class Marks:
    """When each part of a tick's way began and ended, by the wall's clock in seconds."""

    def __init__(self, stage):
        self.at = {}
        run, handle = stage.cloud.functions.run, stage.served.server.api.handle

        def running(reference, payload):
            verb = reference.split(":")[-2 if reference.endswith(":live") else -1].rpartition("-")[2]
            self.at.setdefault(f"{verb} begun", time.perf_counter())
            outcome = run(reference, payload)
            self.at.setdefault(f"{verb} done", time.perf_counter())
            return outcome

        def handling(asked, now):
            if asked.method == "POST" and asked.path == "/v2/orders":
                self.at.setdefault("order", time.perf_counter())
            return handle(asked, now)

        stage.cloud.functions.run, stage.served.server.api.handle = running, handling


PARTS = [
    ("put", "sent", "the queue takes the tick"),
    ("sent", "decide begun", "the queue wakes decide"),
    ("decide begun", "decide done", "decide folds and appends"),
    ("decide done", "deliver begun", "the table wakes deliver"),
    ("deliver begun", "order", "deliver claims and asks"),
]


def tick_figures(stage):
    """From a tick put into the queue to the order's bytes at the exchange, with each part's share."""
    marks, ways = Marks(stage), []
    released = stage.ask(stage.run.stepper.now())
    while len(ways) < TICKS:
        before, released = released.time, stage.ask(stage.run.stepper.step())
        found = [
            one for _, one in stage.ask(stage.run.feed.history(("SPY",), before, released.time)) if isinstance(one, Bar)
        ]
        if not found:
            continue  # a dividend
        line = line_of(stage.run.book, "SPY", found[0])
        marks.at = {"put": time.perf_counter()}
        stage.put(line)
        marks.at["sent"] = time.perf_counter()
        end = time.monotonic() + 30.0
        while "order" not in marks.at and time.monotonic() < end:
            time.sleep(0.001)
        if "order" not in marks.at:
            sys.exit(f"a tick became no order: {sorted(marks.at)}")
        stage.cloud.settle()
        ways.append(dict(marks.at))
    ways = ways[5:]
    whole = sorted((way["order"] - way["put"]) * 1e3 for way in ways)
    Figure("tick in the queue to order at the exchange: p50", median(whole), "ms", better="less").say()
    Figure("tick in the queue to order at the exchange: p90", whole[len(whole) * 9 // 10], "ms", better="less").say()
    Figure("tick in the queue to order at the exchange: least", whole[0], "ms", better="less").say()
    for begin, end, words in PARTS:
        Figure(
            f"  of which {words}: p50", median((way[end] - way[begin]) * 1e3 for way in ways), "ms", better="less"
        ).say()


def main():
    refuse_leftovers()
    days = stratofold.sample("us14").subset(["SPY"], start="2020-01-01", end="2020-12-31")
    spec = f"{Path(__file__).parent / 'cloud_strategies.py'}:Asks"
    with tempfile.TemporaryDirectory() as folder, LocalCloud(log=Path(folder) / "log") as cloud:
        empty = Deployed(cloud, Path(folder), code="def handler(event, context): return 1")
        with staged(
            cloud,
            Asks,
            days,
            DAY_NS,
            name="bench",
            spec=spec,
            secrets={"webhook": base64.b64encode(os.urandom(33)).decode()},
        ) as stage:
            tick_figures(stage)
            start_figures(cloud, "bench", empty)  # `halt` is among them


if __name__ == "__main__":
    main()
