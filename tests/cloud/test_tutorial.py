"""The ten minutes of docs/cloud.md, typed as they stand, against the cloud and a paper exchange of this machine."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from stratofold.cli.app import command as verbs
from stratofold.cloud.local.cloud import LocalCloud
from tests.mortal import mortal
from tests.patience import until
from tests.stories.test_live_newcomer import exchange

PAGE = (Path(__file__).parents[2] / "docs" / "cloud.md").read_text(encoding="utf-8")
TUTORIAL = PAGE[PAGE.index("## 4. ") : PAGE.index("## 5. ")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TUTORIAL, re.DOTALL)
LINES = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
PATIENCE_SECONDS = 600.0  # of what ends by itself; a machine may be as busy as it likes
(BELL,) = [line for line in LINES if "Records" in line]
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
    command, rest = verbs(), list(words)
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
    """A terminal in a folder, with the variables that `cloud local` prints; each line is shown as it is typed."""

    def __init__(self, folder, variables, settle=lambda: None):
        self.folder, self.variables, self.settle = folder, os.environ | variables, settle

    def type(self, line, typed="", code=0):
        print(f"{time.strftime('%H:%M:%S')} $ {line}", file=sys.stderr, flush=True)
        self.settle()
        words = shlex.split(line)
        program = (
            [sys.executable, "-m", "stratofold", *words[1:]]
            if words[0] == "stratofold"
            else [sys.executable, *words[1:]]
        )
        done = subprocess.run(
            mortal(program),
            cwd=self.folder,
            env=self.variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert code in {None, done.returncode}, (line, done.stdout[-1_000:], done.stderr[-2_000:])
        return done.stdout


def settled(cloud):
    """What was set going has come to its end: in the ten minutes nobody types while functions run."""
    assert cloud.settle(PATIENCE_SECONDS)


@pytest.mark.cloud
@pytest.mark.nightly
def test_the_ten_minutes_as_they_are_typed(tmp_path):
    """The market stands still until it is let go on, so what each line does does not depend on how quick the machine is."""
    made, folder, *lines = LINES
    lines = [line for line in lines if not line.startswith(("stratofold cloud local", "stratofold exchange", "aws "))]
    (market,) = [line for line in LINES if line.startswith("stratofold exchange")]
    Desk(tmp_path, {}).type(made)
    folder = tmp_path / folder.split()[1]
    configuration = folder / "stratofold.toml"
    configuration.write_text(
        configuration.read_text(encoding="utf-8") + "\n" + written("toml", "8600"), encoding="utf-8"
    )
    for name in ("minutes.py", "fills.py"):
        (folder / name).write_text(written("python", f"python {name}"), encoding="utf-8")
    (folder / "webhook.key").write_text(SECRETS["webhook"], encoding="utf-8")
    words = shlex.split(market.partition(" --json")[0])[2:]
    with LocalCloud(log=tmp_path / "log") as cloud, exchange(folder, *words):
        ready = json.loads((folder / "ready.json").read_text(encoding="utf-8"))
        desk, webhook, code = Desk(folder, cloud.environment(), partial(settled, cloud)), "", ""
        told = []
        for line in lines:
            if "secret" in line:
                desk.type(line, ready.get(SECRETS[line.split()[-1]], SECRETS["webhook"]))
            elif "Records" in line:
                desk.type(line, code=3)
            elif line == "stratofold cloud status":
                rings = until(partial(ringing, desk, line), PATIENCE_SECONDS)
                assert "dead letters" not in rings
            else:
                said = desk.type(line.replace("WEBHOOK", webhook).replace("CODE", code), "y\n")
                webhook = webhook or (re.findall(r"^webhook: (.*)$", said, re.MULTILINE) or [""])[0]
                code = code or (re.findall(r"--confirm (\w+)", said) or [""])[0]
                told.append((line, said))
                if line == "stratofold move --to laptop":
                    assert "it is with a laptop" in desk.type("stratofold status --cloud")
                    desk.type("stratofold cloud take", code=6)
    of = lambda words: [said for line, said in told if line.startswith(f"stratofold {words}")]  # noqa: E731
    assert '"accepted"' in of("cloud logs deliver")[0]
    crossed, filled, flat = of("status --cloud")
    assert "1 orders working" in crossed
    assert "holding nothing" not in filled
    assert "0 orders working" in filled
    assert "holding nothing" in flat
    assert [json.loads(said)["clean"] for said in of("cloud invoke reconcile")] == [True, False, True]
    assert "identical" in of("verify")[0]


def ringing(desk, line):
    """What `cloud status` says once it says what rings; the bell is rung again, since an alarm of a minute ends."""
    said = desk.type(line, code=None)
    if "rings: cross-DecideFails" in said:
        return said
    desk.type(BELL, code=3)
    return ""
