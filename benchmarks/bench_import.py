"""What an import costs, over the interpreter's own start: CPU seconds of fresh processes."""

import subprocess
import sys

from figures import Figure

MEASURE = "import time; start = time.process_time(); import {name}; print(time.process_time() - start)"
FLOORS = {"stratofold": 0.15, "stratofold.fold": 0.05, "stratofold.fold.run": None}


def seconds(name: str) -> float:
    """CPU seconds of importing `name`, the least of seven processes."""
    command = [sys.executable, "-c", MEASURE.format(name=name)]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(7))


for name, floor in FLOORS.items():
    Figure(f"import {name}", seconds(name), "CPU s", floor, better="less").say()
