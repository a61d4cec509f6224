"""`python -m tests.faults --seeds N --from M`: as many seeds as there is time for."""

import argparse
import time

from .rig import Rig


def main():
    """Run seeds, print what was found."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--seeds", type=int, default=100)
    arguments.add_argument("--from", dest="first", type=int, default=0)
    said = arguments.parse_args()
    began, events, bad = time.process_time(), 0, 0
    for seed in range(said.first, said.first + said.seeds):
        verdict = Rig(seed).run()
        events += verdict.events
        if verdict.violations:
            bad += 1
            print(seed, verdict.violations[:3])
    taken = time.process_time() - began
    bound = f"95 % bound {3 / said.seeds:.2%}" if not bad else ""
    print(f"{said.seeds} seeds, {events:,} events, {events / taken:,.0f} a CPU-second, {bad} with violations {bound}")


if __name__ == "__main__":
    main()
