"""A worker's room: everybody's disk, and nobody else's files."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stratofold.research.sweep.executors import room as rooms
from stratofold.research.sweep.executors import scratch as scratches
from stratofold.research.sweep.executors.parcel import _imported
from stratofold.research.sweep.executors.scratch import scratch


@pytest.fixture
def everybodys(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rooms._alone.cache_clear()
    yield tmp_path
    rooms._alone.cache_clear()


def test_the_processes_of_a_user_share_it(everybodys):
    assert rooms.room() == rooms.room()
    assert [oct(each.stat().st_mode)[-3:] for each in everybodys.iterdir()] == ["700"]


def of_another_user(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    owner = folder.stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    folder.rename(folder.with_name(f"stratofold-worker-{owner + 1}"))


def writable(folder, _):
    folder.mkdir()
    folder.chmod(0o777)


def elsewhere(folder, _):
    (folder.parent / "theirs").mkdir(mode=0o700)
    folder.symlink_to(folder.parent / "theirs")


@pytest.mark.parametrize("prepared", [of_another_user, writable, elsewhere, lambda folder, _: folder.touch()])
def test_what_somebody_else_has_prepared_is_not_used(everybodys, monkeypatch, prepared):
    """Columns are unpickled and code is imported from there: it would be his."""
    usual = rooms.room()
    usual.rmdir()
    prepared(usual, monkeypatch)
    before = set(everybodys.iterdir())
    found = rooms.room()
    assert found not in before
    assert found == rooms.room()
    assert oct(found.stat().st_mode).endswith("700")


def test_code_that_comes_again_is_there_once(everybodys, monkeypatch):
    """Also where somebody has tidied up a part of it; another version of it stands beside it."""
    monkeypatch.setattr("sys.path", [])
    sources = {"of_a_room": (True, ""), "of_a_room.rule": (False, "LENGTH = 3\n")}
    for length in (3, 4, 3):
        sources["of_a_room.rule"] = (False, f"LENGTH = {length}\n")
        found = _imported(sources, "of_a_room.rule")
        assert vars(found)["LENGTH"] == length
        for path in everybodys.rglob("rule.py"):
            path.unlink()
    assert len(list(everybodys.glob("*/code-*"))) == 2
    assert len(list(everybodys.iterdir())) == 1


def test_a_file_is_whole_or_not_there(everybodys):
    with pytest.raises(TypeError):
        rooms.put(everybodys / "columns", None)
    assert list(Path(everybodys).iterdir()) == []


def test_what_was_not_used_for_longest_makes_room(everybodys, monkeypatch):
    """A worker of a hundred markets has not a disk for each; what it has mapped stays as it was."""
    monkeypatch.setattr(rooms, "_BYTES_MAX", 3000)
    folder = rooms.room()
    mapped = {}
    for number, name in enumerate("abcadae"):
        mapped[name] = rooms.kept(folder / name, lambda name=name: name.encode() * 1000)
        os.utime(folder / name, (number, number))
    assert sorted(each.name for each in folder.iterdir()) == ["a", "d", "e"]
    assert mapped["b"][:] == b"b" * 1000
    assert rooms.kept(folder / "b", lambda: b"B" * 1000)[:] == b"B" * 1000


HELD = """
import sys, time
from stratofold.research.sweep.executors.scratch import scratch
held = scratch()
print(held.path, flush=True)
sys.stdin.read()
"""


def test_the_folder_of_a_killed_sweep_is_taken_away_by_the_next(everybodys):
    """Another's, whose sweep still runs, is left alone, and so is one that was made this moment."""
    environment = os.environ | {"TMPDIR": str(everybodys)}
    command = [sys.executable, "-c", HELD]
    runs = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    lives, dies = (Path(run.stdout.readline().strip()) for run in runs)
    runs[1].kill()
    runs[1].wait()
    new, old = everybodys / "stratofold-sweep-new", everybodys / "stratofold-sweep-old"
    new.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    own = scratch()
    assert set(everybodys.iterdir()) == {lives, new, own.path}
    assert dies.name.startswith("stratofold-sweep-")
    own.end()
    runs[0].communicate("")
    assert set(everybodys.iterdir()) == {lives, new}


def test_the_folder_of_a_sweep_that_is_just_beginning_is_nobodys_to_take(everybodys, monkeypatch):
    """Two sweeps begin at once: the second looks round when the first is about to lock its file."""
    lock, others = scratches._is_locked, []

    def late(file):
        monkeypatch.setattr(scratches, "_is_locked", lock)
        others.append(scratch())
        return lock(file)

    monkeypatch.setattr(scratches, "_is_locked", late)
    own = scratch()
    assert own.path.is_dir()
    for each in (own, *others):
        each.end()
