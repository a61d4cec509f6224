"""`stratofold cloud local` as a person starts and ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stratofold.adapters.aws.client import Client
from stratofold.cli.app import run
from tests.mortal import mortal
from tests.patience import PATIENCE_SECONDS, until

pytestmark = pytest.mark.cloud


def test_it_says_where_it_is_serves_and_ends_whole(tmp_path):
    command = [sys.executable, "-m", "stratofold", "cloud", "local", "--port", "0", "--json"]
    proxied = os.environ | {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.com"}  # is for what is elsewhere
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path, text=True, env=proxied) as process:
        told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        with Client(environment=told["environment"]) as aws:
            assert aws.json("dynamodb", "ListTables", {}) == {"TableNames": []}
        assert told["environment"]["no_proxy"] == "example.com,127.0.0.1"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    port = int(told["url"].rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1.0)


@pytest.mark.parametrize("given", ["key=/none/of/that/name", "key"])
def test_a_secret_that_cannot_be_read_is_said_before_anything_starts(given, capsys):
    assert run(["cloud", "local", "--secret", given]) == 2
    assert "SF774" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(ministack, capsys):
    port = ministack.url.rpartition(":")[2]
    assert run(["cloud", "local", "--port", port]) == 2
    assert "SF771" in capsys.readouterr().err


def test_what_starts_it_need_not_say_goodbye(tmp_path):
    """A process that is killed takes the services with it, a function that is frozen, and what was unpacked for it."""
    code = (
        "import sys, tempfile, time; from pathlib import Path\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from stratofold.cloud.local.cloud import LocalCloud; from tests.cloud.deployed import Deployed\n"
        "with LocalCloud() as cloud:\n"
        "    function = Deployed(cloud, Path(tempfile.mkdtemp()))\n"
        "    assert cloud.functions.run(function.name, b'{}').ok\n"
        "    print(cloud.emulator.group, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(mortal(command), stdout=subprocess.PIPE, text=True) as process:
        group = int(process.stdout.readline())
        frozen = until(lambda: [pid for pid in members(group) if state(pid) == "T"], 60.0)
        assert len(frozen) == 1
        assert len(members(group)) == 2
        process.kill()
    until(lambda: not members(group), 60.0)
    assert not list(tmp_path.glob("stratofold-*"))


def members(group):
    """The processes of a group that have not ended."""
    every = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [pid for pid in every if state(pid) not in "ZX" and group_of(pid) == group]


def group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def state(pid):
    """The letter that the system has for it (man 5 proc); Z where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
