"""What a durable commit costs: the journal's own processor time, its wall time, and the disk's beside it.

One event of a quoter: its record, its request, one message claimed under limits with twenty orders open, and what an
earlier order reserved released.  On the disk of the working folder; `raw` writes and waits for as many bytes.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import Figure
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountLimits, Entry, Message

NOW = 1_700_000_000_000_000_000
COMMITS = 2_000
RECORDS = 100_000
LOG_BYTES = 4 << 20
COMMIT_BYTES = 7 * 4_120  # pages of a commit as the log has them


def percentile(values: list[float], share: float) -> float:
    """The value that a share of all are not above."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def quotes(journal: Journal) -> tuple[list[float], list[float]]:
    """Processor and wall seconds of each append that claims."""
    journal.create("B", "paper", "1", [])
    journal.limit("paper", AccountLimits(1e12, 1_000_000, 1e12, 1_000_000))
    journal.take("B", "benchmark", NOW)
    body, envelope, terms = os.urandom(300), os.urandom(220), os.urandom(60)
    cpu, wall = [], []
    for number in range(COMMITS):
        key = f"B-1-{number}"
        sent = Message(key, "submit", key, f"S{number % 10}", 1, 10.0, 100.0, 1_000.0, False, NOW * 2, terms)
        entries = [Entry("event", body, envelope), Entry("request", terms, envelope)]
        started, began = time.thread_time(), time.perf_counter()
        journal.append(
            "B", 1, number, entries, steps=1, messages=[sent], claim_at=NOW + number * 5_000_000,
            released={f"B-1-{number - 20}": 0.0},
        )  # fmt: skip
        wall.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - started)
    return cpu, wall


def raw(path: Path) -> list[float]:
    """Wall seconds of writing over a file's bytes and waiting for the disk, as a commit does."""
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    os.write(file, bytes(LOG_BYTES))
    os.fsync(file)
    wall, page = [], os.urandom(COMMIT_BYTES)
    for number in range(COMMITS // 4):
        began = time.perf_counter()
        os.pwrite(file, page, number * COMMIT_BYTES % (LOG_BYTES - COMMIT_BYTES))
        os.fdatasync(file)
        wall.append(time.perf_counter() - began)
    os.close(file)
    return wall


def reading(journal: Journal) -> float:
    """Records read a CPU second."""
    journal.note("B", [Entry("event", os.urandom(300), os.urandom(220))] * RECORDS)
    started = time.process_time()
    count = sum(1 for _ in journal.records("B"))
    return count / (time.process_time() - started)


with TemporaryDirectory(dir=".") as folder:
    memory = Journal()
    cpu, _ = quotes(memory)
    Figure("append and claim, journal alone", percentile(cpu, 0.5) * 1e6, "CPU µs p50", 100.0, better="less").say()
    Figure("records read", reading(memory), "records/CPU s", 150_000.0).say()
    disk = raw(Path(folder) / "raw")
    Figure("the disk: write and wait", percentile(disk, 0.5) * 1e3, "ms p50", better="less").say()
    Figure("the disk: write and wait", percentile(disk, 0.99) * 1e3, "ms p99", better="less").say()
    journal = Journal(Path(folder) / "journal.db")
    _, wall = quotes(journal)
    journal.close()
    Figure("append and claim, durable", percentile(wall, 0.5) * 1e3, "ms p50", better="less").say()
    Figure("append and claim, durable", percentile(wall, 0.99) * 1e3, "ms p99", better="less").say()
