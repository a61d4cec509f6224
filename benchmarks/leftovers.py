"""What an earlier run has left alive would be measured along with this one: nothing is measured until it is gone.

A process is a leftover when it is of our kinds (a function's, the emulator's, a paper exchange) and nobody started it any more:
its parent has ended.  Others that run, of tests say, are somebody's; the load says how much they take.
"""

import os
import sys
from pathlib import Path

KINDS = ("awslambdaric", "cloud/local/launch.py", "stratofold exchange")


def refuse_leftovers(processes=Path("/proc")):
    """End with the leftovers' numbers, where there are any; say the load where somebody else has a core."""
    found = leftovers(processes)
    if found:
        sys.exit("an earlier run has left processes: kill them first\n" + "\n".join(found))
    load = os.getloadavg()[0]
    if load > 1.0:
        print(f"measured at load {load:.1f}: times of the wall are too long", file=sys.stderr)


def leftovers(processes):
    """Each as its number and its command; empty where the system shows no processes."""
    found = []
    for one in processes.glob("[0-9]*"):
        try:
            command = " ".join((one / "cmdline").read_text(errors="replace").split("\0"))
            parent = (one / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        if parent == "1" and any(kind in command for kind in KINDS):
            found.append(f"  {one.name} {command[:100]}")
    return found
