"""Whoever reads an answer may stop reading: `stratofold cloud logs | head`."""

import os
import subprocess
import sys

import typer

from stratofold.cli.output import Exit, verb
from tests.patience import PATIENCE_SECONDS


def test_a_reader_that_stops_reading_is_no_error_of_ours(monkeypatch, capfd):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr("sys.stdout", gone)
        answer = verb(lambda **_: typer.echo("a line", file=gone))
        assert answer() == Exit.READER_GONE
    monkeypatch.undo()
    assert capfd.readouterr() == ("", "")


def test_a_process_whose_reader_left_before_it_spoke_says_nothing():
    code = "import sys, typer; from stratofold.cli.output import verb; sys.exit(verb(lambda **_: typer.echo('a'))())"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(PATIENCE_SECONDS) == Exit.READER_GONE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_another_broken_pipe_is_what_it_is(monkeypatch, capsys):
    """A venue's connection that breaks is not our reader."""

    def breaks(**_):
        raise BrokenPipeError("a socket")

    assert verb(breaks)() == Exit.UNEXPECTED
    assert "SF799" in capsys.readouterr().err
