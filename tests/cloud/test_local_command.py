"""`stratofold cloud local` as a person starts and ends it."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from stratofold.adapters.aws.client import Client
from stratofold.cli.app import run
from tests.cloud.deployed import until

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
        assert process.wait(20) == 0
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
    """A process that is killed takes the services with it."""
    code = (
        "import sys, time; from stratofold.cloud.local.emulator import Emulator\n"
        "with Emulator() as e: print(e._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        services = int(process.stdout.readline())
        process.kill()

    def gone():
        try:
            os.kill(services, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)
