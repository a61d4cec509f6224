"""Every example runs as it stands, in a folder of its own, and says what its page promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

# What each must print: a figure that follows from its own words, or the verdict it is about.
SAID = {
    "first_backtest.py": "first_backtest.html",
    "own_indicator.py": "all gates passed",
    "own_prices.py": "│ CHIP   ┆ 400.0    ┆ 124.0         ┆ 125.0 ┆ 50000.0 ┆ 400.0  │",
    "intraday.py": "│ 1      ┆ buy  ┆ market ┆",
    "many_parameters.py": "64 cells",
    "all_strategies.py": "Crossover          SPY                  0.50%         6.95%     2.50%      65    131.00",
}


def test_every_example_is_told():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"[{name}]({name})" in page for name in SAID)


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name, tmp_path):
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr
    assert SAID[name] in ran.stdout
    assert ran.stderr == ""
