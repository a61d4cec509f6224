"""A cache saves time and never costs a run: whatever happens to the folder, the right bytes come back."""

import multiprocessing
import os
import stat
import sys
import threading
import time

import pytest

from stratofold.kernel import cache
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of the test's own, and an empty memory."""
    monkeypatch.setenv("STRATOFOLD_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setattr(cache, "_memory", {})
    return tmp_path / "kernels"


def never():
    pytest.fail("built although the entry was there")


def entry_of(place):
    (path,) = place.glob("*.sfc")
    return path


def test_the_second_call_builds_nothing(place):
    assert cache.cached("one", lambda: b"machine code") == b"machine code"
    assert cache.cached("one", never) == b"machine code"
    assert [path.name for path in place.iterdir()] == [entry_of(place).name], "no lock or half-written file stays"


def test_other_keys_have_other_entries(place):
    assert cache.cached("one", lambda: b"1") == b"1"
    assert cache.cached("two", lambda: b"2") == b"2"
    assert cache.cached("one", never) == b"1"
    assert len(list(place.glob("*.sfc"))) == 2


def test_an_empty_result_is_a_result():
    assert cache.cached("nothing", bytes) == b""
    assert cache.cached("nothing", never) == b""


def test_building_may_ask_the_cache_itself():
    assert cache.cached("strategy", lambda: b"<" + cache.cached("engine", lambda: b"engine") + b">") == b"<engine>"


@pytest.mark.parametrize("damage", ["short", "long", "flipped", "empty", "foreign"])
def test_a_damaged_entry_is_dropped_and_built_again(place, damage):
    cache.cached("one", lambda: b"machine code")
    path = entry_of(place)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "short": whole[:-3],
            "long": whole + b"more",
            "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
            "empty": b"",
            "foreign": b"#!/bin/sh\n" * 20,
        }[damage]
    )
    assert cache.cached("one", lambda: b"built again") == b"built again"
    assert cache.cached("one", never) == b"built again"


def test_what_the_builder_raises_is_raised_and_nothing_is_kept(place):
    def broken():
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        cache.cached("one", broken)
    assert list(place.iterdir()) == []
    assert cache.cached("one", lambda: b"now") == b"now"


def test_it_says_what_it_holds(place):
    assert not cache.holds("one")
    cache.cached("one", lambda: b"code")
    assert cache.holds("one")
    entry_of(place).unlink()
    assert not cache.holds("one")


def make_unwritable(kind, place, tmp_path, monkeypatch):
    if kind == "a file":
        place.write_text("not a folder")
    elif kind == "below a file":
        (tmp_path / "plain").write_text("not a folder")
        monkeypatch.setenv("STRATOFOLD_CACHE", str(tmp_path / "plain" / "kernels"))
    else:
        monkeypatch.setenv("STRATOFOLD_CACHE", "/proc/kernels" if sys.platform == "linux" else "/dev/null/kernels")


@pytest.mark.parametrize("kind", ["a file", "below a file", "a system folder"])
def test_a_folder_that_can_not_be_made_means_memory(kind, place, tmp_path, monkeypatch):
    make_unwritable(kind, place, tmp_path, monkeypatch)
    assert not cache.holds("one")
    assert cache.cached("one", lambda: b"code") == b"code"
    assert cache.holds("one")
    assert cache.cached("one", never) == b"code"


def test_a_read_only_folder_is_read_and_takes_nothing(place, monkeypatch):
    cache.cached("kept", lambda: b"kept")
    place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.geteuid() == 0:  # root writes anywhere, so the refusal of a read-only file system is raised where it would be

        def refuse(*_args, **_options):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
        monkeypatch.setattr(cache.os, "utime", refuse)
    try:
        assert cache.cached("kept", never) == b"kept"
        assert cache.cached("new", lambda: b"new") == b"new"
        assert cache.cached("new", never) == b"new"
    finally:
        place.chmod(stat.S_IRWXU)
    assert len(list(place.glob("*.sfc"))) == 1


def test_a_full_disk_leaves_no_half_entry(place, monkeypatch):
    def full(_source, _target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cache.os, "replace", full)
        assert cache.cached("one", lambda: b"code") == b"code"
    assert list(place.iterdir()) == []
    assert cache.cached("one", never) == b"code"


def test_the_folder_is_the_owners_alone(place):
    cache.cached("one", lambda: b"code")
    if sys.platform != "win32":
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_the_least_recently_used_leave_first(place):
    size = 1000
    for number in range(4):
        cache.cached(f"{number}", lambda: bytes(size))
        os.utime(cache._path(cache.hashlib.sha256(f"{number}".encode()).hexdigest()), (number, number))
    cache.cached("0", never)  # a use makes it young
    cache.cached("4", lambda: bytes(size), capacity_bytes=3 * (size + 100))
    kept = [name for name in "01234" if cache._recall(cache.hashlib.sha256(name.encode()).hexdigest()) is not None]
    assert kept == ["0", "3", "4"]


def test_an_entry_larger_than_the_cap_is_still_kept_and_returned():
    assert cache.cached("big", lambda: bytes(5000), capacity_bytes=10) == bytes(5000)
    assert cache.cached("big", never) == bytes(5000)


def test_what_a_dead_process_left_is_swept_away(place):
    place.mkdir()
    old, young = place / "half-old.sfc", place / "half-young.sfc"
    for path in (old, young):
        path.write_bytes(b"half")
    (place / "dead.lock").touch()
    for path in (old, place / "dead.lock"):
        os.utime(path, (1, 1))
    cache.cached("one", lambda: b"code")
    assert not old.exists()
    assert not (place / "dead.lock").exists()
    assert young.exists(), "another process is writing it now"


def build_slowly(folder, log, gate, answers):
    os.environ["STRATOFOLD_CACHE"] = folder

    def build():
        with open(log, "a") as file:  # noqa: PTH123
            file.write("built\n")
        time.sleep(0.2)
        return b"code" * 1000

    gate.wait()
    answers.put(cache.cached("same key", build) == b"code" * 1000)


def test_processes_that_want_the_same_build_it_once(place, tmp_path):
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=build_slowly, args=(str(place), str(tmp_path / "log"), gate, answers)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    assert [answers.get(timeout=PATIENCE_SECONDS) for _ in processes] == [True] * 4
    for process in processes:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0
    assert (tmp_path / "log").read_text() == "built\n"


def test_without_locks_both_build_and_both_are_right(place, tmp_path, monkeypatch):

    monkeypatch.setattr(cache, "_lock", lambda _file: None)
    monkeypatch.setattr(cache, "_building", threading.Semaphore(8))
    built, answers = [], []

    def build():
        built.append(1)
        time.sleep(0.05)
        return b"code"

    threads = [threading.Thread(target=lambda: answers.append(cache.cached("one", build))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"code"] * 4
    assert len(built) > 1
    assert cache.cached("one", never) == b"code"


def test_threads_of_one_process_build_once():
    built = []

    def build():
        built.append(1)
        time.sleep(0.02)
        return b"code"

    threads = [threading.Thread(target=cache.cached, args=("one", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/var/c"}, "/var/c/stratofold"),
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.cache/stratofold"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Caches/stratofold"),
        ("win32", {"LOCALAPPDATA": "/C/ada"}, "/C/ada/stratofold/cache"),
        ("linux", {"STRATOFOLD_CACHE": "/x/y", "XDG_CACHE_HOME": "/var/c"}, "/x/y"),
    ],
)
def test_the_folder_is_where_the_platform_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("STRATOFOLD_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.folder().as_posix() == expected
