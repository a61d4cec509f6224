"""`python -m tests.faults --seeds N --from M`: as many seeds as there is time for."""

import argparse
import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from .rig import Rig

TIDIED_SEEDS = 100  # a world leaves about a megabyte that refers to itself: what a million leave has room nowhere


@dataclass
class Tally:
    """What many seeds showed."""

    seeds: int = 0
    events: int = 0
    crashes: int = 0
    orders: int = 0
    cpu_seconds: float = 0.0
    bad: dict = field(default_factory=dict)

    def __str__(self):
        rate = self.events / max(self.cpu_seconds, 1e-9)
        found = (
            f"{len(self.bad)} with violations" if self.bad else f"none broke a law (95 % bound {3 / self.seeds:.3%})"
        )
        return (
            f"{self.seeds:,} seeds, {self.orders:,} orders, {self.crashes:,} crashes, {self.events:,} events, "
            f"{rate:,.0f} a CPU-second: {found}"
        )


def run_seeds(seeds, *, traces=False):
    """Run each seed; says at once what is broken, and the trace hash if asked."""
    tally, began = Tally(), time.process_time()
    with seldom_tidied():
        _run(tally, seeds, traces=traces)
    tally.cpu_seconds = time.process_time() - began
    return tally


@contextmanager
def seldom_tidied():
    """A world's coroutines and messages are many and short-lived: looking for cycles among them so often finds none."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _run(tally, seeds, *, traces):
    """Each seed, counted."""
    for seed in seeds:
        verdict = Rig(seed).run()
        tally.seeds += 1
        if not tally.seeds % TIDIED_SEEDS:
            gc.collect()
        tally.events += verdict.events
        tally.crashes += verdict.crashes
        tally.orders += verdict.orders
        if traces:
            print("trace", seed, verdict.trace)
        if verdict.violations:
            tally.bad[seed] = verdict.violations
            print(seed, verdict.violations[:3])


def main():
    """Run seeds, print what was found."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--seeds", type=int, default=100)
    arguments.add_argument("--from", dest="first", type=int, default=0)
    arguments.add_argument("--traces", action="store_true", help="print the hash of each seed's trace")
    said = arguments.parse_args()
    tally = run_seeds(range(said.first, said.first + said.seeds), traces=said.traces)
    print(tally)
    return 1 if tally.bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
