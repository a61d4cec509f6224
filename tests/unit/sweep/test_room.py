"""A worker's room: everybody's disk, and nobody else's files."""

import tempfile
from pathlib import Path

import pytest

from stratofold.research.sweep.executors import room as rooms
from stratofold.research.sweep.executors.parcel import _imported


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
