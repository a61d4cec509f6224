"""Who computes cells does not matter: workers, workers that die, a driver that dies."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import pytest

import stratofold
from stratofold import instance, routing, sweep
from stratofold.cli.load import load_strategy
from stratofold.research.prepare import Options
from stratofold.research.sweep.executors import Work, packed
from stratofold.research.sweep.executors.packed import Packed, compute
from stratofold.research.sweep.place import places_of
from stratofold.research.sweep.store import PAGE, parts_of
from stratofold.research.sweep.study import open_study
from tests.unit.sweep.strategies import Above, Poisonous

STRATEGY = Path(__file__).with_name("strategies.py")


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")


def test_a_worker_maps_prices_and_computes_the_same_cells(market, tmp_path):
    """What a worker does, in this process: from the files alone."""
    (place,) = places_of([Above], market, Options())
    sets = tuple({"length": length, "units": 10.0} for length in (5, 9))
    cells, _ = compute(Packed(tmp_path, [place]).order(Work(0, sets), "interpreted"))
    table = sweep(Above, market, length=[5, 9], execution="interpreted").table
    assert cells.columns["sharpe"].tolist() == table["sharpe"].to_list()
    assert cells.errors == ["", ""]


@pytest.mark.parametrize("name", ["__main__", "of_a_notebook"])
def test_a_script_is_the_users_own_in_a_worker_too(tmp_path, monkeypatch, name):
    """There `__main__` is an installed file: without the script's text a kernel would serve it after it was edited."""
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules[name].__file__ = sys.modules["pytest"].__file__
    if name != "__main__":
        del sys.modules[name]
    written = type("Written", (Above,), {"__module__": name, "setup": lambda self: Above.setup(self)})
    (place,) = places_of([written], stratofold.sample("SPY", start="2014-06-02", end="2014-08-29"), Options())
    monkeypatch.setattr(routing, "_adopted", set())
    monkeypatch.setattr(instance, "_routed", set())
    compute(Packed(tmp_path, [place]).order(Work(0, ({"length": 5},)), "interpreted"))
    assert routing.is_plain(written)


def test_a_worker_lets_go_of_the_sweep_before(tmp_path):
    """Workers live on for the next sweep, and each sweep's columns are in a folder of its own, gone by then."""
    market = stratofold.sample("SPY", start="2014-06-02", end="2014-08-29")
    (place,) = places_of([Above], market, Options())
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        compute(Packed(tmp_path / name, [place]).order(Work(0, ({"length": 5},)), "interpreted"))
    assert [each.folder for each in packed._opened] == [tmp_path / "other"]
    assert list(packed._opened[0].places) == [place.hash]


@pytest.mark.nightly
@pytest.mark.parametrize("where", ["module", "file"])
def test_processes_give_what_one_process_gives_whoever_dies(market, where):
    """Cells that kill their worker are found one by one; all the others are as if nothing had happened."""
    strategy = Poisonous if where == "module" else load_strategy(f"{STRATEGY}:Poisonous")
    space = {"length": list(range(5, 25)), "where": "poison < 2 or length == 7 or length == 19"}
    alone = sweep(strategy, market, poison=[0, 1], length=space["length"], execution="interpreted").table
    study = sweep(strategy, market, poison=[0, 1, 2], executor="processes", workers=2, execution="interpreted", **space)
    dead = study.table.filter(study.table["poison"] == 2)
    assert dead["error"].to_list() == ["the worker died of it, or had no more time"] * 2
    assert study.table.filter(study.table["poison"] < 2).equals(alone)


DRIVER = """
    import sys
    import stratofold
    from tests.unit.sweep.strategies import Above

    if __name__ == "__main__":
        market = stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")
        stratofold.sweep(
            Above, market, length=range(5, 200), study=sys.argv[1], executor=sys.argv[2], workers=2,
            execution="interpreted", each_symbol=True,
        )
"""


@pytest.mark.nightly
@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_driver_that_is_killed_loses_no_stored_cell(market, tmp_path, executor):
    script = tmp_path / "drive.py"
    script.write_text(textwrap.dedent(DRIVER))
    goal = tmp_path / "study"
    root = str(Path(__file__).parents[3])
    command = [sys.executable, str(script), str(goal), executor]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])}
    for _ in range(2):
        before = len(parts_of(goal))
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(parts_of(goal)) < before + 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (goal / PAGE).exists()
    kept = len(open_study(goal))
    assert kept > 0
    study = sweep(Above, market, length=range(5, 200), study=goal, execution="interpreted", each_symbol=True)
    assert study.reused == kept
    assert study.table.equals(
        sweep(Above, market, length=range(5, 200), execution="interpreted", each_symbol=True).table
    )
