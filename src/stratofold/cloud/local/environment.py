"""The emulator's own Python environment: made when it is first needed, from pinned wheels, apart from ours.

What comes in: a list of requirements with hashes.  What goes out: the path of an interpreter that has them.
Why it is shaped so: the emulator pins versions of its own that no strategy should have to live with.  An environment is known
by what is in it, so a new list makes a new one and an old one stays good; of several processes that want it at once one
makes it and the others wait.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
MAKE_SECONDS = 600
_MADE = "made"


def folder() -> Path:
    """Where environments are kept: `STRATOFOLD_ENVIRONMENTS`, else the user's folder of caches."""
    named = os.environ.get("STRATOFOLD_ENVIRONMENTS")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stratofold" / "environments"


def python_with(requirements: Path = REQUIREMENTS) -> Path:
    """An interpreter of this one's version that has what `requirements` lists; raises Setup SF770 when it cannot be made."""
    key = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = folder() / f"{requirements.parent.name}-{requirements.stem}-{key}"
    python = place / "bin" / "python"
    if not (place / _MADE).exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place.with_suffix(".lock")):
            if not (place / _MADE).exists():
                _make(place, python, requirements)
    return python


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is at it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(place: Path, python: Path, requirements: Path) -> None:
    """Make it anew; the mark is set last, so that half an environment is never taken for one."""
    shutil.rmtree(place, ignore_errors=True)
    _run("making a Python environment", [sys.executable, "-m", "venv", str(place)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes"]
    _run("installing the emulator", [*pip, "--no-deps", "-r", str(requirements)])
    (place / _MADE).touch()


def _run(what: str, command: list[str]) -> None:
    """Run a step to its end; raises Setup with what it said last."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_SECONDS, check=False)  # noqa: S603
        said = (done.stderr or done.stdout).strip().splitlines()[-3:] if done.returncode else []
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = [str(error)], True
    if failed:
        raise Setup(
            "SF770",
            f"the local cloud's own environment could not be made: {what} failed",
            place=str(folder()),
            why=" / ".join(said),
            fix="look at why; pip needs the package index that it installs from elsewhere, and 200 MB of room",
        )
