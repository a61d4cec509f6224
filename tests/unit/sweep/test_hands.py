"""Processes of this machine: kept for the next sweep, replaced when they die, heard when something is raised in them."""

import os
import pickle
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import stratofold
from stratofold import sweep
from stratofold.errors import Setup, Stop
from stratofold.research.prepare import Options
from stratofold.research.sweep.executors import Work, hands, mapped, processes
from stratofold.research.sweep.executors.hand import _answer, _refusal
from stratofold.research.sweep.executors.hands import give_back, taken
from stratofold.research.sweep.executors.packed import Packed
from stratofold.research.sweep.place import places_of
from tests.patience import PATIENCE_SECONDS
from tests.unit.sweep.strategies import Above


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", start="2014-06-02", end="2014-12-31")


@pytest.fixture
def nobody():
    """Nobody waits for work, before and after."""
    hands._end_all()
    yield
    hands._end_all()


def test_arrays_in_a_file_are_mapped_and_the_rest_is_as_it_was(tmp_path):
    """Columns begin on lines of the cache, and nobody can write to what all read."""
    thing = {"one": np.arange(5.0), "name": "x", "none": np.empty(0), "other": np.arange(7)[::2]}
    mapped.write(thing, tmp_path / "thing")
    found = mapped.read(tmp_path / "thing")
    assert found["name"] == "x"
    assert all(np.array_equal(found[name], thing[name]) for name in ("one", "none", "other"))
    assert not found["one"].flags.writeable
    assert found["one"].ctypes.data % 64 == 0


def test_what_is_raised_in_a_worker_is_the_drivers_to_raise(tmp_path):
    """And is said at least, where it cannot travel."""

    class Own(Exception):
        """It cannot travel: nobody finds it by its name."""

    bodies = _answer({"folder": str(tmp_path)}), _refusal(Own("it was so"))
    missing, own = map(pickle.loads, bodies)
    assert isinstance(missing, FileNotFoundError)
    assert str(own) == "Own: it was so"


def test_a_hand_stays_for_the_next_sweep_unless_it_dies_or_the_setting_changes(market, tmp_path, nobody, monkeypatch):
    """Its environment is its caller's as it was then: a kernel's cache elsewhere is another process's to use."""
    (place,) = places_of([Above], market, Options())
    work = Work(0, ({"length": 5, "units": 10.0},))
    (hand,) = taken(1)
    assert hand.answer() is None
    hand.ask(7, Packed(tmp_path, [place]).order(work, "interpreted"))
    cells, _ = hand.answer()
    assert hand.given.popleft() == 7
    alone = sweep(Above, market, length=[5, 9], execution="interpreted").table
    assert cells.columns["sharpe"].tolist() == alone["sharpe"].to_list()[:1]
    give_back([hand])
    assert taken(1) == [hand]
    give_back([hand])
    monkeypatch.setenv("STRATOFOLD_OTHER", "1")
    (other,) = taken(1)
    assert other is not hand
    assert hand._process.returncode is not None
    os.kill(other._process.pid, signal.SIGKILL)
    other._process.wait(PATIENCE_SECONDS)
    assert not other.is_ready()
    other.given.append(1)
    give_back([other])
    assert hands._idle == []


def test_workers_that_cannot_come_end_the_sweep_and_fail_no_cell(market, nobody, monkeypatch):
    """Else every cell would be said to have killed its worker, and be kept as failed."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(Stop, match="SFS35"):
        sweep(Above, market, length=[5, 9], executor="processes", workers=1, execution="interpreted")
    assert hands._idle == []


def test_a_worker_that_is_killed_before_it_has_come_is_called_again(market, nobody, monkeypatch):
    """Nothing of it is lost, and no cell counts as tried."""
    killed = []
    engage = processes._Crew._engage

    def kill_the_first(crew, hand):
        if len(killed) < 2:
            hand._process.kill()
            killed.append(hand)
        engage(crew, hand)

    monkeypatch.setattr(processes._Crew, "_engage", kill_the_first)
    study = sweep(Above, market, length=[5, 9], executor="processes", workers=1, execution="interpreted")
    assert [hand.is_there for hand in killed] == [False, False]
    assert study.table.equals(sweep(Above, market, length=[5, 9], execution="interpreted").table)


@pytest.mark.parametrize("broken", ["executable", "begin"])
def test_what_cannot_begin_leaves_nobody_and_nothing(market, nobody, monkeypatch, tmp_path, broken):
    """No process without work that nobody can reach, no pipe, and no folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    open_before = _open_files()
    if broken == "executable":
        monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    else:
        monkeypatch.setattr(processes, "Packed", _refuse)
    with pytest.raises(Stop, match=r"SFS35|full"):
        sweep(Above, market, length=[5, 9], executor="processes", workers=1, execution="interpreted")
    hands._end_all()
    assert _open_files() <= open_before
    assert list(tmp_path.iterdir()) == []


def _open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def _refuse(*_):
    raise Stop("SFS18", "the disk is full")


def test_processes_need_cloudpickle(market, nobody, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(Setup, match="SFS20"):
        sweep(Above, market, length=[5, 9], executor="processes", workers=1)


def test_nobody_is_called_for_what_is_known(market, tmp_path, nobody):
    """A study that may have all its cells calls workers when there is one to compute."""
    study = sweep(Above, market, length=[5, 9], study=tmp_path / "study", execution="interpreted")
    again = sweep(Above, market, length=[5, 9], study=tmp_path / "study", executor="processes", workers=1)
    assert again.reused == 2
    assert again.table.equals(study.table)
    assert hands._idle == []
