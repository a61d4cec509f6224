"""What each import costs a function that starts cold: `decide` and what it is made of, beside what it does without.

Each row is a handler that imports one thing and does nothing, in the package as it is deployed (bytecode in it), started by
Amazon's runtime client in a fresh process; the handler that imports nothing is taken off.  Processor time of the process counts, the
least of several starts, because noise only ever adds.  `--table` prints the rows as they stand in docs/cloud.md.
"""

import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

from figures import Figure
from leftovers import refuse_leftovers
from stratofold.cloud import package
from stratofold.cloud.local.emulator import ARCHITECTURE
from stratofold.cloud.local.environment import python_with
from stratofold.cloud.local.sandbox import Function, Sandbox

STARTS = 9
STRATEGY = "stratofold.strategies:Momentum"
# What is imported, and how a reader knows it; the first is taken off the others.
ROWS = [
    ("a handler that does nothing", ""),
    ("msgspec", "import msgspec"),
    ("the words and their wire form", "import stratofold.events, stratofold.wire"),
    ("the fold, with a strategy", "import stratofold.fold.engine, stratofold.live.fold; from stratofold.strategies import Momentum"),
    ("the live path: desk, review, views", "import stratofold.live.decide, stratofold.live.ingest"),
    ("our client of AWS", "import stratofold.adapters.aws.client"),
    ("the journal, with our client", "import stratofold.adapters.aws.journal"),
    ("**`decide`, all of it**", "import stratofold.cloud.functions.decide, stratofold.cloud.seat, stratofold.adapters.aws.journal, stratofold.adapters.aws.metrics; from stratofold.strategies import Momentum"),
    ("asyncio (deliver, reconcile, ingest)", "import asyncio"),
    ("TLS with its certificates (every function, at its first request)", "import ssl; ssl.create_default_context()"),
    ("http.client", "import http.client"),
    ("urllib3", "import urllib3"),
    ("boto3", "import boto3"),
    ("boto3 with a client of DynamoDB", "import boto3; boto3.client('dynamodb', region_name='eu-central-1')"),
]  # fmt: skip


def unpacked(folder):
    """The package of a shipped strategy, with a module for each row."""
    with zipfile.ZipFile(io.BytesIO(package.build(STRATEGY, architecture=ARCHITECTURE).data)) as packed:
        packed.extractall(folder)
    for number, (_, line) in enumerate(ROWS):
        (folder / f"row{number}.py").write_text(f"{line}\n\ndef handler(event, context): return 1\n")


def start(folder, number):
    """Milliseconds of the wall from spawn to the first answer, and of the processor."""
    function = Function(
        f"row{number}", "1", f"arn:aws:lambda:x:0:function:row{number}", f"row{number}.handler", folder, {}, 30.0, 1769
    )
    sandbox = Sandbox(function, python_with(), lambda *_: None)
    try:
        began = time.perf_counter()
        outcome = sandbox.run(b"{}")
        if not outcome.ok:
            sys.exit(f"{ROWS[number]}: {outcome.body.decode()}")
        return (time.perf_counter() - began) * 1e3, outcome.cpu_ms
    finally:
        sandbox.close()


def main():
    """Run."""
    refuse_leftovers()
    taken = [[] for _ in ROWS]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        unpacked(folder)
        for _ in range(STARTS + 1):  # the rows take turns, so that a busy minute is everybody's
            for number, row in enumerate(taken):
                row.append(start(folder, number))
    least = [min(cpu for _, cpu in row[1:]) for row in taken]
    walls = [median(wall for wall, _ in row[1:]) for row in taken]
    for (name, _), cpu, wall in zip(ROWS, least, walls, strict=True):
        over = f"{cpu - least[0]:.0f}" if cpu is not least[0] else ""
        if "--table" in sys.argv:
            print(f"| {name} | {cpu:.0f} | {over} | {wall:.0f} |")
            continue
        Figure(f"start: {name.strip('*')}: processor", cpu, "ms", better="less").say()
        Figure(f"start: {name.strip('*')}: wall, median", wall, "ms", better="less").say()


if __name__ == "__main__":
    main()
