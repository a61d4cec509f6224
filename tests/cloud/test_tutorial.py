"""The ten minutes of docs/cloud.md, typed as they stand, against the cloud and a paper exchange of this machine."""

import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import typer

from stratofold.cli.app import app
from stratofold.cloud.local.cloud import LocalCloud
from tests.cloud.deployed import until
from tests.stories.test_live_newcomer import exchange

PAGE = (Path(__file__).parents[2] / "docs" / "cloud.md").read_text(encoding="utf-8")
TUTORIAL = PAGE[PAGE.index("## 4. ") : PAGE.index("## 5. ")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TUTORIAL, re.DOTALL)
LINES = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
PATIENCE_SECONDS = 300.0  # averages cross a few times in so much of the market's day
SECRETS = {
    "webhook": "thirty-two random bytes of our own",
    "alpaca-key-id": "key_id",
    "alpaca-secret-key": "secret_key",
}


def written(kind, word):
    """The block of a kind that has a word in it."""
    (text,) = [text for one, text in BLOCKS if one == kind and word in text]
    return text


def command_of(words):
    """The command that a line calls, and the words after its name."""
    command, rest = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("line", re.findall(r"^\$ (stratofold .*)$", PAGE, re.MULTILINE))
def test_every_line_of_the_page_is_one_that_the_command_understands(line):
    words = shlex.split(line.partition(" > ")[0])[1:]
    command, rest = command_of(words)
    known = {name for one in command.params for name in one.opts} | {"--fast", "--slow"}
    assert {word for word in rest if word.startswith("--")} <= known
    taken = [one for one in command.params if not one.opts[0].startswith("-")]
    values = {name for one in command.params if not getattr(one, "is_flag", False) for name in one.opts} | {
        "--fast",
        "--slow",
    }
    alone = [
        word
        for before, word in zip(["", *rest], rest, strict=False)
        if not word.startswith("--") and before not in values
    ]
    assert len(alone) <= len(taken), alone


class Desk:
    """A terminal in a folder, with the variables that `cloud local` prints."""

    def __init__(self, folder, variables):
        self.folder, self.variables = folder, os.environ | variables

    def type(self, line, typed="", code=0):
        words = shlex.split(line)
        program = (
            [sys.executable, "-m", "stratofold", *words[1:]]
            if words[0] == "stratofold"
            else [sys.executable, *words[1:]]
        )
        done = subprocess.run(
            program,
            cwd=self.folder,
            env=self.variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, (line, done.stdout[-1_000:], done.stderr[-2_000:])
        return done.stdout

    def stands(self):
        return json.loads(self.type("stratofold status --cloud --json"))["books"][0]


@pytest.mark.cloud
@pytest.mark.nightly
def test_the_ten_minutes_as_they_are_typed(tmp_path):
    made, folder, *lines = LINES
    lines = [line for line in lines if not line.startswith(("stratofold cloud local", "stratofold exchange", "aws "))]
    (market,) = [line for line in LINES if line.startswith("stratofold exchange")]
    (fetch,) = [line for line in LINES if "trigger" in line]
    Desk(tmp_path, {}).type(made)
    folder = tmp_path / folder.split()[1]
    configuration = folder / "stratofold.toml"
    configuration.write_text(
        configuration.read_text(encoding="utf-8") + "\n" + written("toml", "8600"), encoding="utf-8"
    )
    (folder / "fills.py").write_text(written("python", "fills.py URL"), encoding="utf-8")
    (folder / "webhook.key").write_text(SECRETS["webhook"], encoding="utf-8")
    slower = market.replace("--speed 60", "--speed 30")  # on a busy machine a command takes minutes of the market
    words = shlex.split(slower.partition(" --json")[0])[2:]
    with LocalCloud(log=tmp_path / "log") as cloud, exchange(folder, *words):
        ready = json.loads((folder / "ready.json").read_text(encoding="utf-8"))
        desk, webhook, code = Desk(folder, cloud.environment()), "", ""
        sent = lambda: desk.type(fetch) and '"accepted"' in desk.type("stratofold cloud logs deliver")  # noqa: E731
        held = lambda told: desk.type(fetch) and (desk.type(told) or desk.stands()["positions"])  # noqa: E731
        for line in lines:
            if "secret" in line:
                desk.type(line, ready.get(SECRETS[line.split()[-1]], SECRETS["webhook"]))
            elif "trigger" in line:
                until(sent, PATIENCE_SECONDS)
            elif line.startswith("python"):
                until(partial(held, line.replace("WEBHOOK", webhook)), PATIENCE_SECONDS)
            elif line.startswith("stratofold cloud invoke reconcile"):
                until(lambda line=line: json.loads(desk.type(line))["clean"], 60.0)
            elif "Records" in line:
                desk.type(line, code=3)
            elif line == "stratofold cloud status":
                rings = until(
                    lambda line=line: "rings: cross-DecideFails" in (said := desk.type(line, code=3)) and said, 60.0
                )
                assert "dead letters" not in rings
            else:
                said = desk.type(line.replace("CODE", code), "y\n")
                webhook = webhook or (re.findall(r"^webhook: (.*)$", said, re.MULTILINE) or [""])[0]
                code = code or (re.findall(r"--confirm (\w+)", said) or [""])[0]
    assert "identical" in desk.type("stratofold verify")
