"""Each fault of carrying a book over fails the test that it stands under."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .bugs import planted
from .carried import CARRIED

ROOT = Path(__file__).parents[2]


def test_each_is_one_and_our_source_and_tests_still_say_it():
    assert len(CARRIED) > 70
    assert len({fault.name for fault in CARRIED}) == len(
        {(fault.where, fault.before, fault.after) for fault in CARRIED}
    )
    for fault in CARRIED:
        file, _, test = fault.test.partition("::")
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), fault.name
        with planted(fault):
            pass


@pytest.mark.nightly
@pytest.mark.parametrize("fault", CARRIED, ids=lambda fault: fault.name)
def test_is_caught(fault):
    """In a process of its own, whose every import of the function has the fault (`planting`)."""
    words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.faults.planting", fault.test]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "STRATOFOLD_FAULT": fault.name}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=os.environ | paths, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert " failed" in done.stdout or " error" in done.stdout
