"""Every example runs as it stands, in a folder of its own, and says what its page promises."""

import os
import re
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
    "idea_to_validated.py": "2016 to 2019, unseen: Sharpe 0.18, 3.8%",
    "multi_asset_momentum.py": "the tuned one had 0.70 where it was tuned; out of sample -1.06 is what it was worth",
    "all_strategies.py": "Crossover          SPY                  0.50%         6.95%     2.50%      65    131.00",
}


def test_every_example_is_told():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"[{name}]({name})" in page for name in SAID)


@pytest.mark.parametrize(("name", "count"), [("idea_to_validated.py", 10), ("multi_asset_momentum.py", 7)])
def test_a_notebook_has_its_cells_and_says_what_each_is_for(name, count):
    """The percent format of jupytext: `# %%` begins a cell, and text stands in cells of `# ` lines."""
    head, *cells = re.split(r"^# %%", (EXAMPLES / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    told = [cell for cell in cells if cell.startswith(" [markdown]\n")]
    assert head == ""
    assert all(line.startswith("#") or not line.strip() for cell in told for line in cell.splitlines()[1:])
    assert len(cells) - len(told) == count
    assert len(told) >= count - 1


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
