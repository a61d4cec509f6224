"""Runs every benchmark in a process of its own and prints its figures beside their floors and goals.

`make bench`, or `python benchmarks/run_all.py sma import` for some.  Results are kept in `benchmarks/results/`.
`--strict` ends with 1 when a floor does not hold.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent


def main(words: list[str]) -> int:
    """Run the benchmarks named (default: all) and print the table."""
    wanted = [word for word in words if not word.startswith("-")]
    scripts = [
        path for path in sorted(FOLDER.glob("bench_*.py")) if not wanted or path.stem.removeprefix("bench_") in wanted
    ]
    figures = [figure for path in scripts for figure in run(path)]
    keep(figures)
    missed = [figure for figure in figures if not figure["good"]]
    print(f"\n{len(figures)} figures, {len(missed)} below their floor")
    return 1 if missed and "--strict" in words else 0


def run(path: Path) -> list[dict]:
    """The figures of one script, each printed as it comes."""
    print(f"\n{path.stem.removeprefix('bench_')}")
    figures = []
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("{"):
                figures.append(json.loads(line))
                show(figures[-1])
    if process.returncode:
        figures.append(
            {"work": f"{path.name} ended with {process.returncode}", "value": 0.0, "unit": "", "good": False}
        )
        show(figures[-1])
    return figures


def show(figure: dict) -> None:
    """One line of the table."""
    sign = "≥" if figure.get("better") == "more" else "≤"
    bounds = [f"{name} {sign} {figure[name]:g}" for name in ("floor", "goal") if figure.get(name) is not None]
    mark = "  " if figure["good"] else "! "
    print(f"{mark}{figure['work']:<72} {figure['value']:>12.4g} {figure['unit']:<12} {', '.join(bounds)}", flush=True)


def keep(figures: list[dict]) -> None:
    """Write the figures down with what they were measured on."""
    folder = FOLDER / "results"
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    record = {
        "time": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": os.cpu_count(),
        "load": os.getloadavg()[0],
        "figures": figures,
    }
    (folder / f"{now:%Y%m%d-%H%M%S}.json").write_text(json.dumps(record, indent=2), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
