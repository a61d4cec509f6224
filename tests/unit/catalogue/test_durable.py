"""Whatever is killed and whatever the disk refuses: a change of a catalogue is there whole, or not at all."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import stratofold
from stratofold.adapters.embedded.catalogue import Shelf
from stratofold.errors import Stop
from stratofold.market.catalogue.append import commit, current
from stratofold.market.catalogue.manifest import File, decode
from tests.unit.catalogue.conftest import DAY, FIRST, bars

OPERATIONS = ((Path, "rename"), (Path, "mkdir"), (Path, "open"), (os, "fsync"), (shutil, "rmtree"))
POINTS = range(1, 50)
NAME = "kind=trades/source=s/symbol=A/year=2020/{}.parquet"


def watched(monkeypatch, at, act):
    """Count what touches the disk, and act instead of the operation of number `at`; gives the count so far."""
    count = [0]

    def instead(real):
        def operation(*arguments, **options):
            count[0] += 1
            if count[0] == at:
                act()
            return real(*arguments, **options)

        return operation

    for home, name in OPERATIONS:
        monkeypatch.setattr(home, name, instead(getattr(home, name)))
    return count


def put(folder, names, removed=()):
    """One change: files with their own names as content come, others go."""
    shelf = Shelf(folder, make=True)
    text, manifest = current(shelf)
    with shelf.draft() as draft:
        added = {}
        for name in names:
            path = Path(draft) / NAME.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            added[NAME.format(name)] = File(name, 1, 1, 0, 0)
        return commit(shelf, Path(draft), text, manifest, added, [NAME.format(name) for name in removed])


def state(folder):
    """What the catalogue consists of by its manifest, every file readable; and what lies in its folders."""
    shelf = Shelf(folder)
    files = decode(shelf.read(), "here").files
    content = {Path(name).stem: Path(shelf.path(name)).read_text() for name in files}
    assert all(name == text for name, text in content.items())
    return set(content), {path.stem for path in folder.glob("kind=*/**/*.parquet")}


def killed_at(folder, point, work):
    """Do the work in a process that dies, without a word, at an operation on the disk; whether it died."""
    child = os.fork()
    if child == 0:
        patch = pytest.MonkeyPatch()
        watched(patch, point, lambda: os._exit(9))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_a_change_is_whole_or_not_at_all(tmp_path, point):
    folder = tmp_path / "c"
    put(folder, ("one", "two"))
    died = killed_at(folder, point, lambda: put(folder, ("three", "four"), ("one",)))
    named, lying = state(folder)
    before, after = {"one", "two"}, {"two", "three", "four"}
    assert named in (before, after)
    assert lying == named, "opening it finishes what was begun"
    assert died or named == after
    if named == before:
        put(folder, ("three", "four"), ("one",))
    put(folder, ("five",))
    assert state(folder) == (after | {"five"}, after | {"five"})
    assert list((folder / "_drafts").iterdir()) == []


def test_the_points_of_death_reach_past_the_end(tmp_path):
    folder = tmp_path / "c"
    put(folder, ("one", "two"))
    assert not killed_at(folder, max(POINTS), lambda: put(folder, ("three", "four"), ("one",)))


@pytest.mark.parametrize("point", range(1, 24))
def test_a_disk_that_refuses_anywhere_leaves_it_as_it_was(tmp_path, monkeypatch, point):
    folder = tmp_path / "c"
    place = stratofold.catalogue(folder, make=True)
    place.append("bars", bars(5), "s", symbol="A", span="1d")
    before = place.hash

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    count = watched(monkeypatch, point, full)
    refused = None
    try:
        place.append("bars", bars(5, FIRST + 400 * DAY), "s", symbol="A", span="1d")
    except Stop as error:
        refused = error
    monkeypatch.undo()
    after = stratofold.catalogue(folder)
    if refused is not None:
        assert (refused.code, after.hash) == ("SFC05", before)
        assert "No space left" in refused.why
        assert count[0] >= point
    assert len(after.frame("bars", "A")) == (10 if refused is None else 5)
    assert {path.name for path in folder.glob("kind=*/**/*.parquet")} == {
        Path(name).name for name in after.manifest.files
    }


def test_a_reader_between_the_manifest_and_the_files_finds_them(tmp_path, monkeypatch):
    folder = tmp_path / "c"
    put(folder, ("one",))
    seen = []
    real = Shelf._settled

    def look_first(self, change):
        seen.append({name: Path(Shelf(folder).path(NAME.format(name))).read_text() for name in ("one", "two")})
        real(self, change)

    monkeypatch.setattr(Shelf, "_settled", look_first)
    put(folder, ("two",))
    assert seen[0] == {"one": "one", "two": "two"}


def test_what_is_put_aside_while_it_is_read_is_read_all_the_same(tmp_path, monkeypatch):
    place = stratofold.catalogue(tmp_path / "c", make=True)
    place.append("bars", bars(5), "s", symbol="A", span="1d")
    reader = stratofold.catalogue(tmp_path / "c")
    real, looked = Shelf.path, []

    def look_then_write(self, name):
        found = real(self, name)
        if not looked:
            looked.append(name)
            stratofold.catalogue(tmp_path / "c").append("bars", bars(9), "s", symbol="A", span="1d")
        return found

    monkeypatch.setattr(Shelf, "path", look_then_write)
    assert len(reader.frame("bars", "A")) == 5
    looked.clear()
    place.append("bars", bars(12), "s", symbol="A", span="1d")
    assert len(place.frame("bars", "A")) == 12


def test_a_file_that_was_deleted_by_hand_is_named(tmp_path):
    folder = tmp_path / "c"
    put(folder, ("one",))
    (folder / NAME.format("one")).unlink()
    with pytest.raises(Stop, match="SFC09"):
        Shelf(folder).path(NAME.format("one"))


@pytest.mark.parametrize("text", [b"", b"{", b'{"files": 7}', b'{"files": {}, "format": 2}'])
def test_a_manifest_that_cannot_be_read_is_said_so(tmp_path, text):
    folder = tmp_path / "c"
    put(folder, ("one",))
    (folder / "_manifest.json").write_bytes(text)
    with pytest.raises(Stop, match="SFC04"):
        stratofold.catalogue(folder)


IMPORT = "import sys; from stratofold.cli.app import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.nightly
def test_imports_killed_at_any_moment_end_with_all_rows(tmp_path):
    """Twenty real processes, killed at moments spread over an import; the one that follows brings in what is missing."""
    rows = 400_000
    frame = pl.DataFrame(
        {
            "time": FIRST + 1_000_000_000 * pl.int_range(rows, eager=True),
            "price": 1.0,
            "size": pl.int_range(rows, eager=True),
        }
    )
    frame.write_csv(tmp_path / "A.csv")
    command = [
        sys.executable,
        "-c",
        IMPORT,
        "data",
        "import",
        str(tmp_path / "A.csv"),
        "--catalogue",
        str(tmp_path / "c"),
    ]
    began = time.monotonic()
    subprocess.run([*command[:-1], str(tmp_path / "whole")], check=True, capture_output=True)
    whole = time.monotonic() - began
    for k in range(20):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(whole * (0.3 + 0.7 * k / 20))
            process.send_signal(signal.SIGKILL)
        if (tmp_path / "c" / "_manifest.json").exists():
            assert len(stratofold.catalogue(tmp_path / "c").frame("trades", "A")) == rows
    subprocess.run(command, check=True, capture_output=True)
    place = stratofold.catalogue(tmp_path / "c")
    assert place.damaged() == []
    assert place.frame("trades", "A").equals(stratofold.catalogue(tmp_path / "whole").frame("trades", "A"))
