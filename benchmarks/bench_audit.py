"""`audit verify` over a year of minutes: rows a second of processor time, of the journal alone, and of it and its archive.

The records are the size of those of a run: a bar of one symbol, nothing ordered, and the envelope that every record has.
The speed of the two hashes of each record alone stands beside it, because nothing can be faster than that.
"""

import tempfile
from pathlib import Path
from time import process_time

from figures import Figure
from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Entry
from stratofold.chain import GENESIS, link
from stratofold.live import archive
from stratofold.live.audit import audit_verify
from stratofold.wire import pack

RECORDS = 100_000
CHUNK = 5_000
FLOOR = 150_000


def entry(k: int) -> Entry:
    """One record."""
    bar = [0, 10**18 + k, 10**18 + k, 0, 0, 3, 60 * 10**9, 0, 101.25, 101.5, 101.0, 101.3, 12_000.0]
    envelope = {
        "wall": 10**18 + k, "by": "decide", "process": 4711, "version": "0.1.0", "epoch": 1, "region": "local",
        "code": "0123456789abcdef", "configuration": "fedcba9876543210",
    }  # fmt: skip
    return Entry("event", pack([bar, [], [], [], [], [], [], [], 1]), pack(envelope))


def rate(work) -> float:
    """Records a CPU second, the best of three."""
    times = []
    for _ in range(3):
        start = process_time()
        work()
        times.append(process_time() - start)
    return RECORDS / min(times)


def hashes() -> None:
    """Only the chain."""
    one, chain = entry(1), GENESIS
    for k in range(RECORDS):
        chain = link(chain, k, one.kind, one.body, one.envelope)


with tempfile.TemporaryDirectory() as folder:
    journal, artifacts = Journal(Path(folder) / "journal.db"), Artifacts(Path(folder) / "archive")
    journal.create("bench", "account", "g1", [entry(0)])
    for start in range(1, RECORDS, CHUNK):
        journal.note("bench", [entry(k) for k in range(start, min(start + CHUNK, RECORDS))])
    alone = rate(lambda: audit_verify(journal))
    archive.seal(journal, artifacts, "bench", rest=True)
    whole = 2 * rate(lambda: audit_verify(journal, artifacts))  # each record, and its copy in a segment
    if not audit_verify(journal, artifacts).ok:
        raise SystemExit("the archive does not verify")

Figure("audit verify, the hashes alone", rate(hashes), "rows/s", better="more").say()
Figure("audit verify, the journal", alone, "rows/s", FLOOR, better="more").say()
Figure("audit verify, the journal and its archive, row by row", whole, "rows/s", FLOOR, better="more").say()
