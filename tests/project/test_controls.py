"""The page of the controls under test: every control has a test that exists, and nothing that refuses is missing there."""

import ast
import re
from functools import cache
from inspect import signature
from pathlib import Path

import pytest

from stratofold.adapters.ports import AccountLimits
from stratofold.fold.risk import REASON_NAMES
from stratofold.live.risk.bounds import SymbolBounds
from stratofold.live.risk.limits_config import CLASSES, LIMIT_NAMES
from stratofold.live.risk.rules import RULES
from stratofold.live.risk.verdict import ACTION_NAMES, NAMES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")

# What a broker's or a firm's supervisor would look for; none may leave the page.
REGULATIONS = (
    "SEC 15c3-5(c)(1)(i)", "SEC 15c3-5(c)(1)(ii)", "SEC 15c3-5(c)(2)", "SEC 15c3-5(d)", "SEC 17a-4(f)", "FINRA 3110", "Notice 15-09",
    "FINRA 5210.02", "CFTC 17 CFR 38.251", "CFTC 17 CFR 1.11", "RTS 6 article 12", "RTS 6 article 15(1)", "RTS 6 article 15(2)",
    "RTS 6 article 15(3)", "RTS 6 article 15(4)", "RTS 6 article 16", "RTS 6 article 17", "LULD", "Sessions and early closes",
    "Regulation SHO 200(g)", "Knight",
)  # fmt: skip


def tables():
    """Each table of the page: its head and its rows, as lists of cells."""
    found, table = [], []
    for line in [*PAGE.splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif table:
            found.append((table[0], table[2:]))
            table = []
    return found


ROWS = [(row[0].strip("| "), row[-1]) for head, rows in tables() if "proved by" in head[-1] for row in rows]


@cache
def names_in(path):
    """The names of the tests in a file, with their class."""
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for kind in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        names |= {f"{kind.name}::{node.name}" for node in kind.body if isinstance(node, ast.FunctionDef)}
    return frozenset(names)


def missing(cell):
    """The named tests that do not exist; a cell without any is itself missing."""
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", cell)
    return [f"{path}::{name}" for path, name in named if name not in names_in(path)] if named else ["no test at all"]


@pytest.mark.parametrize(("control", "cell"), ROWS, ids=[control for control, _ in ROWS])
def test_every_control_has_a_test_that_exists(control, cell):
    assert missing(cell) == [], control


def test_what_is_named_but_not_there_would_be_found():
    assert missing("") == missing("by hand") == ["no test at all"]
    assert missing("`tests/project/test_controls.py::test_nothing`") == ["tests/project/test_controls.py::test_nothing"]
    assert missing("`tests/nowhere.py::test_x`") == ["tests/nowhere.py::test_x"]


def test_every_regulation_is_there():
    assert [name for name in REGULATIONS if not any(name in control for control, _ in ROWS)] == []


def test_every_reason_of_a_refusal_is_there_and_no_other():
    (rows,) = (rows for head, rows in tables() if head[0].endswith("reason"))
    assert [row[0].strip("| `") for row in rows] == [*REASON_NAMES, *NAMES]


def test_every_limit_is_there():
    keys = [f"limits.{name}" for name in LIMIT_NAMES]
    keys += [f"risk.{section}.{name}" for section, kind in CLASSES.items() for name in signature(kind).parameters]
    keys += [f"risk.symbols.NAME.{name}" for name in signature(SymbolBounds).parameters]
    assert [key for key in keys if f"`{key}`" not in PAGE] == []
    assert AccountLimits in CLASSES.values()


def test_every_dated_rule_is_there_with_its_days_and_its_source():
    (rows,) = (rows for head, rows in tables() if head[0].endswith("rule") and "in force" in head)
    for rule, row in zip(RULES, rows, strict=True):
        days = rule.since.isoformat() + (f" to {rule.until.isoformat()}" if rule.until else "")
        assert [cell.strip("| `") for cell in row[:4]] == [rule.name, days, rule.text, rule.citation]


def test_every_action_is_there():
    (rows,) = (rows for head, rows in tables() if head[0].endswith("action"))
    assert [row[0].strip("| `") for row in rows] == list(ACTION_NAMES)
