"""`python -m tests.processes --recoveries N`: how long a killed run takes to be ready again, against an exchange that fails.

What goes out: the middle and the ends of what N runs said of themselves (`ready after`, from when the book's home is opened), and
the processor's seconds of a run from its spawn to its kill, imports among them.  Every run is killed as soon as it is ready.
"""

import argparse
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from .scene import FAULTS, Scene


def main():
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recoveries", type=int, default=100)
    parser.add_argument("--from", dest="first", type=int, default=5_000, help="The first scene's seed.")
    wanted = parser.parse_args()
    waits, owns, seed = [], [], wanted.first
    while len(waits) < wanted.recoveries:
        with TemporaryDirectory() as folder:
            scene = Scene(Path(folder), seed)
            try:
                recover(scene)  # it opens the book
                scene.times.clear()
                scene.ask("/admin/faults", FAULTS)
                while len(waits) + len(scene.times) < wanted.recoveries and not scene.is_late():
                    owns.append(recover(scene))
            finally:
                scene.close()
        waits, seed = waits + scene.times, seed + 1
    say("ready after, s", waits)
    say("processor's time of the whole run, s", owns)


def recover(scene):
    """One run until it is ready, and its end; the processor's seconds that it took."""
    run = scene.run()
    said = scene.until_ready(run)
    run.send_signal(signal.SIGKILL)
    scene.note(said)
    _, _, used = os.wait4(run.pid, 0)
    run.returncode = -signal.SIGKILL
    run.stdout.close()
    run.stderr.close()
    return used.ru_utime + used.ru_stime


def say(what, values):
    """The middle and the ends of some values."""
    values = sorted(values)
    shares = {f"p{share:g}": values[min(int(len(values) * share / 100), len(values) - 1)] for share in (50, 90, 99)}
    print(f"{what}: {len(values)} of them, " + ", ".join(f"{name} {value:.3f}" for name, value in shares.items()))


if __name__ == "__main__":
    main()
