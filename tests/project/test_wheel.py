"""What a user installs: one wheel with everything the product needs at run time, and no index address behind it."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
SAMPLE_BYTES_MAX = 3_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield {one.filename: one.compress_size for one in archive.infolist()}


def test_the_wheel_carries_what_runs(wheel):
    names = set(wheel)
    assert {
        "stratofold/py.typed",
        "stratofold/cli/scaffold/strategy.py.template",
        "stratofold/market/sessions_xnys.table",
        "stratofold/market/samples/SOURCES.md",
        "stratofold/research/assets/lightweight-charts.js",
        "stratofold/research/assets/lightweight-charts.LICENSE",
        "stratofold/research/assets/uplot.LICENSE",
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_the_wheel_carries_nothing_else(wheel):
    heads = {name.partition("/")[0] for name in wheel}
    assert {head for head in heads if not head.endswith(".dist-info")} == {"stratofold"}
    assert not [name for name in wheel if "__pycache__" in name or "/tests/" in name]


def test_the_sample_is_small(wheel):
    assert sum(size for name, size in wheel.items() if "/samples/" in name) <= SAMPLE_BYTES_MAX


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_pinned_and_hashed(path):
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.lstrip().startswith("#")
    ]
    wanted = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    for number in wanted:
        assert re.match(r"[a-z0-9_.-]+(?:\[[a-z,]+\])?==\S+", lines[number]), lines[number]
        assert "--hash=sha256:" in lines[number + 1], lines[number]


def test_what_the_tests_add_does_not_move_what_the_product_runs_on():
    def pins(name):
        # On which systems something is wanted may differ: the tests want more; which version may not.
        return set(re.findall(r"^([a-z0-9_.-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    named = {pin.partition("==")[0] for pin in pins("base.txt")}
    assert {pin for pin in pins("dev.txt") if pin.partition("==")[0] in named} == pins("base.txt")
    shared = named & {pin.partition("==")[0] for pin in pins("docs.txt")}
    assert {pin for pin in pins("docs.txt") if pin.partition("==")[0] in shared} <= pins("base.txt")
