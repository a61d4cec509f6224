"""A kernel that another process has made is the same, and where there is none this one makes it."""

import sys

import pytest

from stratofold.errors import Bug
from stratofold.kernel.aside import by_child, emitted
from stratofold.kernel.emit import emit

MODULE = "define i32 @run(ptr %answer) {\n  store i64 7, ptr %answer\n  ret i32 0\n}\n"
FACTS = {"layout": {"stored": ["a"]}, "source": "s", "engine": "e", "made_by": {"stratofold": "1"}, "apart": {}}


def test_a_child_makes_the_same_bytes():
    assert by_child([MODULE], "run", "x86-64-v2", FACTS) == emit([MODULE], "run", "x86-64-v2", **FACTS)


@pytest.mark.parametrize("executable", ["", "/bin/false", "/no/such/python"])
def test_without_a_child_this_process_makes_it(executable, monkeypatch):
    monkeypatch.setattr(sys, "executable", executable)
    assert by_child([MODULE], "run", "x86-64-v2", FACTS) == b""
    monkeypatch.delitem(sys.modules, "llvmlite")  # as if it had none
    assert emitted([MODULE], "run", "x86-64-v2", is_aside=True, **FACTS) == emit([MODULE], "run", "x86-64-v2", **FACTS)


def test_a_child_that_says_something_else_is_not_believed(tmp_path, monkeypatch):
    """Such as one whose start prints a line."""
    talker = tmp_path / "python"
    talker.write_text("#!/bin/sh\necho hello\n")
    talker.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(talker))
    assert by_child([MODULE], "run", "x86-64-v2", FACTS) == b""


def test_an_error_is_this_processes_own(monkeypatch):
    monkeypatch.delitem(sys.modules, "llvmlite")
    with pytest.raises(Bug, match="SF610"):
        emitted(["define nonsense"], "run", "x86-64-v2", is_aside=True, **FACTS)
