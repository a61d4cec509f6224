"""What importing costs, and what it may bring along: measured in fresh processes."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import SLOWNESS

ROOT = Path(__file__).parents[2]
FOLD = ROOT / "src" / "stratofold" / "fold"
FOLD_MAY_IMPORT = {"math", "array", "enum", "typing", "dataclasses", "operator", "__future__"}
WEIGHTY = {
    "numpy",
    "numba",
    "llvmlite",
    "polars",
    "pandas",
    "pyarrow",
    "narwhals",
    "duckdb",
    "msgspec",
    "typer",
    "rich",
}

# CPU seconds over the interpreter's own start, on a machine that counts to 100,000 in 5 ms.
BUDGETS = {"stratofold": 0.15, "stratofold.fold": 0.05, "stratofold.fold.step": 0.15}

MEASURE = (
    SLOWNESS
    + """
import json, sys, time
before = set(sys.modules)
start = time.process_time()
import {name}
seconds = time.process_time() - start
brought = sorted({m.partition(".")[0] for m in set(sys.modules) - before})
print(json.dumps([seconds / slowness(), brought]))
"""
)


def measured(name):
    measure = MEASURE.replace("{name}", name)
    output = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    return json.loads(output.stdout)


@pytest.mark.parametrize("name", BUDGETS)
def test_an_import_is_cheap_and_brings_nothing_of_weight(name):
    runs = [measured(name) for _ in range(3)]
    assert min(seconds for seconds, _ in runs) <= BUDGETS[name]
    assert not WEIGHTY & set(runs[0][1])


def test_the_compiler_is_no_part_of_reading_files():
    assert "llvmlite" not in measured("stratofold.market.catalogue.intake")[1]


@pytest.mark.parametrize("path", sorted(FOLD.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLD)))
def test_the_fold_imports_six_modules_of_the_standard_library_and_itself(path):
    for module in imported(path):
        head = module.partition(".")[0]
        own = module.startswith(("stratofold.fold", "stratofold.events", "stratofold.errors"))
        assert own or head in FOLD_MAY_IMPORT, f"{path.name} imports {module}"


def imported(path):
    """Every module a file imports when it runs, at its top or inside its functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_readers = {id(node) for block in ast.walk(tree) if type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in for_readers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield node.module


def type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


LIVE = sorted(path for folder in ("live", "adapters", "cli") for path in (FOLD.parent / folder).rglob("*.py"))


@pytest.mark.parametrize("path", LIVE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_that_trades_can_be_without_limits(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "Unlimited" not in names | used, "limits that are not stated allow nothing where money is (contract 9)"
