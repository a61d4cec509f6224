"""Fan-out: 10,000 backtests over a thousand workers that are simulated, with chunks that are timed here.

A backtest is one of 100 sets of parameters on one of 100 symbols, 5 years of minute bars (491,400).  What is real: the
foreman, the plan, the price book, and three chunks, each done by a process of its own that has NumPy alone, from its parcel
to its answer (CPU seconds, because this machine is shared).  What is assumed stands in `Assumed`.  Nothing of a cloud is
measured here.
"""

import heapq
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import polars as pl

import stratofold
from figures import Figure, walk
from stratofold.research.prepare import Options
from stratofold.research.sweep.cells import Cells
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import Foreman, Heard
from stratofold.research.sweep.executors.money import Purse
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.tariffs import of_states
from stratofold.research.sweep.executors.work import Plan, Work
from stratofold.research.sweep.place import Place, places_of
from stratofold.strategies import Crossover

SHORT = "--short" in sys.argv
BARS = 98_280 if SHORT else 491_400
SYMBOLS, SETS, CHUNKS = 100, 100, 3
WORKER = """
import json, sys, time
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.worker import perform
begun = [time.process_time()]
for order in json.load(open(sys.argv[2])):
    perform(Folder(sys.argv[1]), order)
    begun.append(time.process_time())
print(json.dumps(begun))
"""


@dataclass(frozen=True)
class Assumed:
    """What AWS says or others have measured; see docs/sweeps.md."""

    workers: int = 1000
    begun_a_second: float = 100.0  # environments of one function: a thousand in ten seconds (AWS Lambda, "Scaling")
    environment_seconds: float = 0.15  # of a cold start beside what the process itself does
    call_seconds: float = 0.1  # from an execution's begin to its function's
    store_seconds: float = 0.03  # a request to S3
    bytes_a_second: float = 75e6  # from S3 to one function
    memory_mb: int = 1769


@dataclass(frozen=True)
class Chunk:
    """A real chunk: CPU seconds from the process's begin to its first answer (one cell), and of each further cell."""

    first_seconds: float
    cell_seconds: float
    shipped_bytes: int


class Simulated:
    """A crew whose workers are a queue of times; see `foreman.Crew`.  `now` is its clock."""

    shares_fate = False

    def __init__(self, chunks: list[Chunk], assumed: Assumed, least_seconds: float, *, troubled: bool):
        self.plan = Plan(assumed.workers, least_seconds, 30.0, 280.0)
        tariff = of_states(assumed.memory_mb, "arm64")
        self.purse = Purse(replace(tariff, overhead_seconds=0.0))  # what the tariff estimates is in the chunks here
        self.now = 0.0
        self.environments = 0
        self._assumed = assumed
        self._chunks = cycle(chunks)
        self._troubled = troubled
        self._free: list[float] = []
        self._ends: list[
            tuple[float, int, float, float]
        ] = []  # when, which, seconds paid, seconds of cells (0: it died)
        self._sent: dict[int, int] = {}

    def begin(self, places, work):
        """Columns and kernels are shipped before the clock starts: once, for however many sweeps."""

    def found(self, work):
        return iter(())

    def under_way(self, work):
        return []

    def await_(self, pieces):
        """Nobody was killed."""

    def afford(self, pieces, seconds):
        self.purse.afford(pieces, seconds)

    def send(self, pieces):
        assumed = self._assumed
        ready = self.now + assumed.call_seconds
        for number, piece in pieces.items():
            chunk, tries = next(self._chunks), self._sent.get(number, 0)
            self._sent[number] = tries + 1
            began = ready
            if self._free and (self._free[0] <= ready or self.environments >= assumed.workers):
                began = max(heapq.heappop(self._free), ready)
            else:
                self.environments += 1
                began = max(ready, self.environments / assumed.begun_a_second) + assumed.environment_seconds
            cells = chunk.cell_seconds * len(piece.sets)
            seconds = chunk.first_seconds + cells
            seconds += 4 * assumed.store_seconds + chunk.shipped_bytes / assumed.bytes_a_second
            if self._troubled and not tries:
                seconds *= 10.0 if number % 100 == 11 else 1.0
                cells = 0.0 if number % 50 == 7 else cells
            heapq.heappush(self._free, began + seconds)
            heapq.heappush(self._ends, (began + seconds, number, seconds, cells))

    def heard(self, seconds):
        """The driver looks every second: what ended by then is heard then."""
        self.now += seconds
        while self._ends and self._ends[0][0] <= self.now:
            _, number, paid, cells = heapq.heappop(self._ends)
            self.purse.pay(1, paid)
            yield Heard(number, Cells() if cells else None, cells)

    def end(self):
        """What nobody waits for any more is paid to its end."""
        for _, _, paid, _ in self._ends:
            self.purse.pay(1, paid)


class Captured:
    """A sender that keeps the orders."""

    def start(self, orders):
        self.orders = orders


def chunk_of(seed: int, folder: Path) -> Chunk:
    """A real chunk on a market of its own."""
    market = stratofold.read(pl.DataFrame(walk(BARS, seed=seed)))
    places = places_of([Crossover], market, Options(fees=stratofold.Fees(per_share=0.005, minimum=1.0)))
    usual = {name: each.default for name, each in Crossover.parameters().items()}
    sets = tuple(usual | {"fast": 5 + k % 20, "slow": 50 + 5 * (k // 20)} for k in range(25))
    captured = Captured()
    shelf = Folder(folder / str(seed))
    crew = Elsewhere(shelf, captured, Plan(1, 5.0, 30.0, 280.0), "compiled", "x86-64-v2", Purse(None))
    crew.begin(places, [Work(0, sets)])
    crew.send({0: Work(0, sets[:1]), 1: Work(0, sets[1:])})
    orders = folder / f"{seed}.json"
    orders.write_text(json.dumps(captured.orders))
    command = [sys.executable, "-c", WORKER, str(shelf.path), str(orders)]
    scratch = os.environ | {"TMPDIR": str(folder)}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=scratch)
    _, first, rest = json.loads(said.stdout)
    shipped = sum(path.stat().st_size for path in (shelf.path / "things").iterdir())
    return Chunk(first, (rest - first) / len(sets[1:]), shipped)


def simulated(chunks: list[Chunk], words: str, least_seconds: float = 5.0, *, troubled: bool = False) -> None:
    """One sweep on the crew's own clock, at the price of arm64, which is what workers are unless somebody says otherwise."""
    crew = Simulated(chunks, Assumed(), least_seconds, troubled=troubled)
    places = [Place(Crossover, range(BARS), Options(), f"S{k}", "all", "stated") for k in range(SYMBOLS)]
    for number, place in enumerate(places):
        place.__dict__["hash"] = str(number)
    work = [Work(number, tuple({"number": k} for k in range(SETS))) for number in range(SYMBOLS)]
    done = sum(len(piece.sets) for piece, _ in Foreman(crew, places, lambda: crew.now).run(work))
    if done != SYMBOLS * SETS:
        sys.exit(f"{done} of {SYMBOLS * SETS} cells came back")
    Figure(
        f"{words}: {done:,} backtests, {crew.environments} workers", crew.now, "s simulated", 30.0, None, "less"
    ).say()
    Figure(f"{words}: their price", crew.purse.spent_usd, "USD", 0.05, None, "less").say()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        timed = [chunk_of(seed, Path(place)) for seed in islice(range(1, 9), CHUNKS)]
    first, each = min(chunk.first_seconds for chunk in timed), min(chunk.cell_seconds for chunk in timed)
    timed = [Chunk(first, each, max(chunk.shipped_bytes for chunk in timed))]  # noise only ever adds
    Figure("a worker's begin, to its first answer", first, "CPU s").say()
    Figure(f"a backtest of {BARS:,} bars in a worker", each * 1e3, "CPU ms").say()
    Figure("the same by one core here", each * SYMBOLS * SETS, "CPU s, extrapolated").say()
    simulated(timed, "undisturbed")
    simulated(timed, "one in 50 dies, one in 100 is ten times slower", troubled=True)
    simulated(timed, "cut for all thousand", 10.0 * each)
