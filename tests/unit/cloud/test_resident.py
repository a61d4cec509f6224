"""The files for who runs a stack's book in one process that stays: a Dockerfile and a unit for systemd."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

import stratofold
import stratofold.cloud
from stratofold.cli.app import app

FOLDER = Path(stratofold.cloud.__file__).parent / "resident"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
UNIT = (FOLDER / "stratofold.service").read_text(encoding="utf-8")


def options(words):
    """The options of the command that some words begin with, and those that the words use."""
    command = typer.main.get_command(app).commands[words[0]]
    known = {name for one in command.params for name in one.opts}
    return known, {word for word in words if word.startswith("--")}


BESIDE = (
    ".stratofold/journal.db",
    ".env",
    "key.txt",
    "strategy.py",
    "signals.py",
    "stratofold.toml",
    "data/bars.csv",
    "notes.md",
)


def test_an_image_has_the_strategy_and_never_what_was_run_beside_it(tmp_path):
    """The folder of a strategy has its journal too; `COPY . .` would put that into every image."""
    for name in BESIDE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (line,) = re.findall(r"^(?:COPY|ADD) (.*)$", DOCKERFILE, re.MULTILINE)
    *patterns, _ = (word for word in line.split() if not word.startswith("--"))
    copied = {one.relative_to(tmp_path).as_posix() for pattern in patterns for one in tmp_path.glob(pattern)}
    assert copied == {"strategy.py", "signals.py", "stratofold.toml"}


def test_an_image_has_this_version_unless_another_is_named():
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE) == [stratofold.__version__]
    assert '"stratofold[aws]==${VERSION}"' in DOCKERFILE


def test_a_container_is_asked_for_the_stacks_book_not_for_one_in_its_folder():
    words = json.loads(re.search(r"HEALTHCHECK .*CMD (\[.*\])", DOCKERFILE)[1])
    known, used = options(words[1:])
    assert used <= known
    assert "--cloud" in used


@pytest.mark.parametrize("text", [DOCKERFILE, UNIT])
def test_what_they_say_to_run_is_understood(text):
    (line,) = re.findall(r"(strategy\.py:Strategy --.*)$", text, re.MULTILINE)
    known, used = options(["run", *line.split()[1:]])
    assert used <= known


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_the_unit_is_one(tmp_path):
    program = tmp_path / "stratofold"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    unit = tmp_path / "stratofold.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", UNIT, flags=re.MULTILINE), encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
