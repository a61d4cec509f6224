"""A processor that is kept awake: by whom, for how long, and which."""

import os
import subprocess
import sys
from contextlib import nullcontext, suppress
from math import inf
from pathlib import Path

import pytest

from stratofold.adapters.embedded import awake
from stratofold.cli.home import Home
from stratofold.cli.run import kept_awake, refuse_processor
from stratofold.errors import Setup
from tests.patience import until

if not hasattr(os, "SCHED_IDLE"):
    pytest.skip("this system has no idle class", allow_module_level=True)
OURS = sorted(os.sched_getaffinity(0))
OWNER = """
import os, time
from stratofold.adapters.embedded.awake import allowed, awake
with awake(allowed()[0]):
    print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
    time.sleep(600)
"""


def children():
    """The processes that this one has started and that are there."""
    return {int(word) for task in Path("/proc/self/task").iterdir() for word in (task / "children").read_text().split()}


def is_there(process):
    """Whether there is such a process, the dead that nobody has asked after left out."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_someone_of_the_idle_class_is_busy_where_we_run_and_nobody_is_afterwards():
    before = children()
    with awake.awake(OURS[-1]):
        assert os.sched_getaffinity(0) == {OURS[-1]}
        (busy,) = children() - before
        assert os.sched_getscheduler(busy) == os.SCHED_IDLE
        assert os.sched_getaffinity(busy) == {OURS[-1]}
        assert os.getpgid(busy) != os.getpgid(0)  # Ctrl-C is not for it
    assert children() == before
    assert sorted(os.sched_getaffinity(0)) == OURS


def test_whoever_keeps_it_awake_does_not_outlive_a_run_that_was_killed():
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        busy = int(owner.stdout.readline())
        assert is_there(busy)
        owner.kill()
    until(lambda: not is_there(busy))


def test_the_quickest_is_one_of_ours_and_both_times_were_measured(tmp_path):
    tried = awake.quickest(tmp_path)
    assert tried.processor in OURS
    assert tried.awake_ms > 0.0 < tried.asleep_ms
    assert not [*tmp_path.iterdir()]


def test_of_many_processors_some_are_tried(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(awake, "allowed", lambda: list(range(96)))
    monkeypatch.setattr(awake, "_write_ms", lambda folder: 1.0 - len(kept) / 100)
    monkeypatch.setattr(awake, "awake", lambda processor: kept.append(processor) or nullcontext())
    assert awake.quickest(tmp_path) == awake.Tried(84, 1.0 - 8 / 100, 1.0)
    assert kept == [0, 12, 24, 36, 48, 60, 72, 84]


@pytest.mark.parametrize("word", ["banana", "", "-1", "4096", "1.0", "AUTO"])
def test_a_word_that_names_no_processor_is_refused(word):
    with pytest.raises(Setup, match="SF937") as refused:
        awake.processor_named(word)
    assert "auto" in refused.value.fix
    assert str(OURS[0]) in refused.value.fix


def test_a_system_without_an_idle_class_says_so(monkeypatch):
    monkeypatch.delattr(os, "SCHED_IDLE")
    with pytest.raises(Setup, match="SF936"):
        awake.allowed()


def test_where_nobody_may_keep_it_awake_that_is_said_and_nothing_is_changed(monkeypatch):
    before = children()
    monkeypatch.setattr(awake, "_BUSY", "raise PermissionError")
    with pytest.raises(Setup, match="SF936"), awake.awake(OURS[0]):
        pytest.fail("it was let run")
    assert children() == before
    assert sorted(os.sched_getaffinity(0)) == OURS


def test_run_says_which_processor_it_keeps_awake_and_what_that_brings(tmp_path, capsys):
    with kept_awake("auto", Home(tmp_path / "home"), json=False):
        (processor,) = os.sched_getaffinity(0)
    assert capsys.readouterr().out.startswith(f"processor {processor} is kept awake: a durable write takes ")
    with kept_awake(str(OURS[0]), Home(tmp_path), json=True):
        assert os.sched_getaffinity(0) == {OURS[0]}
    with kept_awake(None, Home(tmp_path), json=False):
        assert sorted(os.sched_getaffinity(0)) == OURS
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("named", "bounds", "share"),
    [
        ("0::/a/b\n", {}, inf),
        ("0::/a/b\n", {"a/b": "max 100000"}, inf),
        ("0::/a/b\n", {"a/b": "max 100000", "a": "150000 100000"}, 1.5),
        ("0::/\n", {".": "50000 100000"}, 0.5),
        ("1:cpu:/x\n0::/a\n", {"a": "400000 100000", "x": "1000 100000"}, 4.0),
        ("1:cpu:/x\n", {}, inf),
        ("0::/a\n", {"a": ""}, inf),
    ],
)
def test_the_time_that_a_group_may_use_is_the_least_on_the_way_up(tmp_path, named, bounds, share):
    ours = tmp_path / "cgroup"
    ours.write_text(named)
    for group, bound in bounds.items():
        folder = tmp_path / "root" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(bound)
    assert awake._share(tmp_path / "root", ours) == share
    assert awake._share(tmp_path / "root", tmp_path / "nothing") == inf


@pytest.mark.parametrize("word", ["auto", str(OURS[0])])
def test_where_a_whole_processor_is_all_there_is_none_is_kept_awake(monkeypatch, word):
    """In a container of one processor's time, who keeps it awake would use it up, and the run stand still for most of it."""
    monkeypatch.setattr(awake, "_share", lambda: 1.0)
    with pytest.raises(Setup, match="SF936"):
        refuse_processor(word)
    refuse_processor(None)
    monkeypatch.setattr(awake, "_share", lambda: 2.0)
    refuse_processor(word)
