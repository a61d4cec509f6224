"""Golden bits: what these inputs gave yesterday, on another Python and on another machine, they give here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import run_scenario
from tests.parity import golden_values
from tests.reference.simulator import simulate

SCRIPT = Path(golden_values.__file__)
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def found(python):
    """Where a Python is, on the path or among pyenv's; None where it is not or does not start."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{python.removeprefix('python')}.*/bin/{python}"))
    for path in filter(None, (shutil.which(python), *kept)):
        if subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


@pytest.mark.parametrize("section", golden_values.SECTIONS)
def test_the_bits_are_golden(section):
    """This interpreter gives the bits on file, row by row."""
    expected = json.loads(golden_values.file_of(section).read_text())
    assert golden_values.SECTIONS[section]() == expected


@pytest.mark.parametrize("python", PYTHONS)
def test_other_pythons_give_the_same_bits(python):
    """Every supported Python that is installed here, with nothing but its standard library."""
    path = found(python)
    if path is None:
        pytest.skip(f"{python} is not installed here")
    if f"python{sys.version_info.major}.{sys.version_info.minor}" == python:
        pytest.skip("this is the interpreter that runs the tests")
    done = subprocess.run([path, "-I", str(SCRIPT)], capture_output=True, text=True, check=True)
    expected = {name: json.loads(golden_values.file_of(name).read_text()) for name in golden_values.SECTIONS}
    assert json.loads(done.stdout) == expected | {"strategies": golden_values.of_strategies()}


@pytest.mark.parametrize("execution", ["interpreted", "compiled"])
@pytest.mark.parametrize("seed", range(golden_values.RUNS))
def test_the_golden_runs_are_the_references(seed, execution):
    """What is golden is also right: the independent reference makes the same of it, and so does machine code.

    Limits past the whole of their bar are among it, in each of the runs.
    """
    scenario, script = golden_values.scenario(seed)
    assert run_scenario(scenario, script, execution) == simulate(scenario, script)


def test_there_is_enough_of_it():
    """Hundreds of results of the maths, every indicator and model, runs that trade."""
    values = {name: json.loads(golden_values.file_of(name).read_text()) for name in golden_values.SECTIONS}
    assert sum(map(len, values["maths"].values())) >= 450
    assert set(values["maths"]) == set(golden_values.maths.__all__)
    assert set(values["indicators"]) == set(golden_values.indicators.__all__)
    assert all(int(row.split()[0]) > 50 for row in values["runs"].values())
